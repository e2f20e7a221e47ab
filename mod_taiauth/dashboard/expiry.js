// The choice of when a key expires.

import {h} from './dom.js';
import {choice, choiceField, field} from './field.js';
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
    const input = h('input', {type: 'datetime-local', name: 'expires-at'});
    const date = field('Expires on', input);
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const outlook = h('p.hint.outlook', {role: 'status'});
    const choices = [...SPANS, {value: ON_A_DATE, label: 'On a date'}].map(({value, label}) =>
        choice('radio', {name: 'expiry', value, checked: value === 'never'}, label));
    const made = choiceField('Expires', [h('div.row', {}, choices), date.element, outlook]);

    function chosen() {
        return made.element.querySelector('input[type=radio]:checked');
    }

    function isDated() {
        return chosen().value === ON_A_DATE;
    }

    /** null: never, or no moment yet */
    function end() {
        const {value} = chosen();
        return isDated() ? momentOf(input) : value === 'never' ? null : new Date(Date.now() + Number(value) * DAY_MS);
    }

    function outlookOf(moment) {
        if (moment === null) {
            return isDated() ? `In your time zone, ${zone}.` : 'It works until it is revoked.';
        }
        return `${when(moment)} in your time zone, ${zone}; ${utc(moment)} in UTC.`;
    }

    /** At the date, where that is what is wrong. */
    function complain(text) {
        date.complain(isDated() ? text : null);
        made.complain(isDated() ? null : text);
    }

    function look() {
        date.element.hidden = !isDated();
        complain(null);
        outlook.textContent = outlookOf(end());
    }

    made.element.addEventListener('input', look);
    look();
    return {
        element: made.element,
        complain,
        focus: () => (isDated() ? input : chosen()).focus(),
        value: () => (end() === null ? null : utc(end())),
        check() {
            const wrong = isDated() ? faultOf(end()) : null;
            complain(wrong);
            return wrong === null;
        },
    };
}
