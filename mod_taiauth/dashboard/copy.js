// Copying to the clipboard.

import {h, uniqueId} from './dom.js';

// How long a button says that it has done it.
const SAID_MS = 2000;

const SHORTCUT = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘C' : 'Ctrl+C';

function select(source) {
    if (source instanceof HTMLInputElement) {
        source.focus();
        source.select();
    } else {
        getSelection().selectAllChildren(source);
    }
}

/**
 * A button that copies. On plain http that is not loopback there is no clipboard: then it selects what
 * is to be copied and says which keys do it.
 * @param {string} what  'the key'
 * @param {() => string} read
 * @param {Element} source  shows that text and nothing else
 * @param {() => void} [copied]
 */
export function copyButton(what, read, source, copied) {
    const shown = h('span', {}, 'Copy');
    const button = h('button.button.compact', {type: 'button', onclick}, shown, h('span.unseen', {}, ` ${what}`));
    const spoken = h('span.unseen', {role: 'status'});
    let again;

    function say(text) {
        shown.textContent = spoken.textContent = text;
        clearTimeout(again);
        again = setTimeout(() => {
            shown.textContent = 'Copy';
            spoken.textContent = '';
        }, SAID_MS);
    }

    async function onclick() {
        try {
            await navigator.clipboard.writeText(read());
        } catch {
            select(source);
            say(`Press ${SHORTCUT}`);
            return;
        }
        say('Copied');
        copied?.();
    }

    source.addEventListener('copy', () => copied?.());
    return h('span.copier', {}, button, spoken);
}

/** Lines of code with a button to copy them. */
export function codeBlock(text, what, copied) {
    const code = h('code', {}, text);
    return h('div.code', {}, h('pre', {tabIndex: 0, role: 'group', 'aria-label': what}, code), copyButton(what, () => text, code, copied));
}

/**
 * A key or a token, to be read and copied.
 * @param {{label: string, value: string}} secret
 * @param {(value: string) => void} copied
 */
export function secretField({label, value}, copied) {
    const id = uniqueId('secret');
    const input = h('input', {type: 'text', id, readOnly: true, value, autocomplete: 'off', spellcheck: false, onfocus: () => input.select()});
    return h('div.field', {}, h('label', {for: id}, label),
        h('div.secret', {}, input, copyButton(`the ${label.toLowerCase()}`, () => value, input, () => copied(value))));
}
