// The field for a key's name, wherever one is given.

import {h} from './dom.js';
import {field} from './field.js';
import {number} from './times.js';

const BYTES_MAX = 100;

function bytes(text) {
    return new TextEncoder().encode(text).length;
}

function fault(text) {
    const size = bytes(text);
    if (text.trim() === '') {
        return 'Give the key a name.';
    }
    if (size > BYTES_MAX) {
        return `The name has ${number(size)} bytes; ${BYTES_MAX} are allowed.`;
    }
    return /\p{Cc}/u.test(text) ? 'The name has control characters, such as a tab; they are not allowed.' : null;
}

/**
 * @param {string} name  to start with
 * @returns {{element: HTMLElement, input: HTMLInputElement, focus: () => void, complain: Function, check: () => boolean}}
 *   check says what is wrong, if anything is
 */
export function nameField(name = '') {
    const input = h('input', {type: 'text', name: 'key-name', value: name, required: true, autocomplete: 'off', spellcheck: false, oninput: count});
    const counter = h('span.counter', {});
    const made = field('Name', input, h('span', {}, 'What the key is for, so that you know it again. ', counter));

    // Letters beyond ASCII have several bytes: what is counted is said.
    function count() {
        counter.textContent = `${bytes(input.value)} of ${BYTES_MAX} bytes.`;
    }

    count();
    return {
        ...made,
        check() {
            const wrong = fault(input.value);
            made.complain(wrong);
            return wrong === null;
        },
    };
}
