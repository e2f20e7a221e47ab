// The choice of when a key expires.

import {h} from './dom.js';
import {choice, choiceField} from './field.js';
import {DAY_MS, utc, when} from './times.js';

const ON_A_DATE = 'date';

const SPANS = [
    {value: 'never', label: 'Never'},
    {value: '30', label: 'In 30 days'},
    {value: '90', label: 'In 90 days'},
];

/** The moment that the input shows, which is in the time zone of whoever reads it; null: none. */
function momentOf(input) {
    const date = new Date(input.value);
    return Number.isNaN(date.getTime()) || date.getFullYear() > 9999 ? null : date;
}

function faultOf(date) {
    if (date === null) {
        return 'Give a date and a time.';
    }
    return date.getTime() > Date.now() ? null : 'This time is over. Choose one that is to come.';
}

/**
 * @returns {{element: HTMLElement, complain: Function, check: () => boolean, focus: () => void, value: () => string|null}}
 *   value: as the management API takes it; null: never
 */
export function expiryField() {
    const input = h('input', {type: 'datetime-local', name: 'expires-at', 'aria-label': 'Expires on'});
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const outlook = h('p.hint.outlook', {role: 'status'});
    const choices = [...SPANS, {value: ON_A_DATE, label: 'On a date'}].map(({value, label}) =>
        choice('radio', {name: 'expiry', value, checked: value === 'never'}, label));
    const made = choiceField('Expires', [h('div.row', {}, choices), h('div.date', {hidden: true}, input), outlook]);

    function chosen() {
        return made.element.querySelector('input[type=radio]:checked').value;
    }

    /** null: never, or no moment yet */
    function end() {
        return chosen() === ON_A_DATE ? momentOf(input) : chosen() === 'never' ? null : new Date(Date.now() + Number(chosen()) * DAY_MS);
    }

    function look() {
        const date = end();
        input.parentElement.hidden = chosen() !== ON_A_DATE;
        made.complain(null);
        outlook.textContent = date === null
            ? (chosen() === 'never' ? 'It works until it is revoked.' : `In your time zone, ${zone}.`)
            : `${when(date)} in your time zone, ${zone}; ${utc(date)} in UTC.`;
    }

    made.element.addEventListener('input', look);
    look();
    return {
        ...made,
        focus: () => input.focus(),
        value: () => (end() === null ? null : utc(end())),
        check() {
            const wrong = chosen() === ON_A_DATE ? faultOf(end()) : null;
            made.complain(wrong);
            return wrong === null;
        },
    };
}
