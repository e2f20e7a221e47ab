// A labelled input with its hint and what is wrong with it.

import {h, uniqueId} from './dom.js';

/**
 * @param {string} label
 * @param {HTMLElement} input  also select, textarea
 * @param {string|Node} [hint]
 * @returns {{element: HTMLElement, input: HTMLElement, focus: () => void, complain: (text: string|null) => void}}
 *   complain says what is wrong, or with null that nothing is
 */
export function field(label, input, hint) {
    const id = uniqueId('field');
    const error = h('p.error', {id: `${id}-error`});
    input.id ||= id;
    input.setAttribute('aria-describedby', hint ? `${id}-hint ${id}-error` : `${id}-error`);
    const element = h('div.field', {}, h('label', {for: input.id}, label), hint && h('p.hint', {id: `${id}-hint`}, hint), input, error);
    return {element, input, focus: () => input.focus(), complain: complaint(error, input)};
}

/**
 * A set of choices with the same.
 * @param {string} legend
 * @param {Array<Node>} choices
 * @param {string|Node} [hint]
 */
export function choiceField(legend, choices, hint) {
    const id = uniqueId('choices');
    const error = h('p.error', {id: `${id}-error`});
    const element = h('fieldset.field', {'aria-describedby': hint ? `${id}-hint ${id}-error` : `${id}-error`},
        h('legend', {}, legend), hint && h('p.hint', {id: `${id}-hint`}, hint), choices, error);
    return {element, complain: complaint(error, element)};
}

function complaint(error, what) {
    return (text) => {
        error.textContent = text ?? '';
        // A group has no such state, its inputs have.
        if (what.tagName !== 'FIELDSET') {
            what.setAttribute('aria-invalid', String(text !== null));
        }
    };
}

/** An input of one of several with its label. */
export function choice(type, properties, label, ...details) {
    const input = h('input', {type, id: uniqueId('choice'), ...properties});
    return h('div.choice', {}, input, h('label', {for: input.id}, label, details));
}
