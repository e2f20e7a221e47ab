// Rolling a key: a new one takes over, and the old one ends after a grace.

import {question} from './dialog.js';
import {fill, h, named} from './dom.js';
import {choice, choiceField, field} from './field.js';
import {WAITING} from './revoke.js';
import {duration, when} from './times.js';

const GRACE_MAX = 604800;

// The first is what a leaked key needs, the day what a deployment does.
const GRACES = [
    {seconds: 0, label: 'None', detail: 'For a key that somebody else may know.'},
    {seconds: 3600, label: '1 hour'},
    {seconds: 86400, label: '24 hours', isChosen: true},
    {seconds: GRACE_MAX, label: '7 days'},
];

const UNITS = {minutes: 60, hours: 3600, days: 86400};

/** What becomes of the old key; it never works longer than it would have. */
function consequence(key, seconds, now = Date.now()) {
    if (seconds === 0) {
        return 'The old key is revoked at once: requests with it get 401 from the moment this is done.';
    }
    const end = now + 1000 * seconds;
    const expiry = key.expires_at === null ? Infinity : Date.parse(key.expires_at);
    return expiry <= end
        ? `The old key works until it expires, on ${when(expiry)}, which is before the grace is over.`
        : `The old key works until ${when(end)}; from then on requests with it get 401.`;
}

function ownGrace() {
    const amount = h('input', {type: 'number', min: '1', step: '1', inputMode: 'numeric', value: '2'});
    const unit = h('select', {'aria-label': 'Unit'}, Object.keys(UNITS).map((name) => h('option', {value: name, selected: name === 'hours'}, name)));
    const made = field('Grace of your own', amount, `Up to ${duration(GRACE_MAX)}.`);
    amount.after(h('div.inline', {}, unit));
    made.element.querySelector('.inline').prepend(amount);
    return {
        ...made,
        seconds() {
            const seconds = amount.valueAsNumber * UNITS[unit.value];
            return Number.isInteger(seconds) && seconds >= 1 && seconds <= GRACE_MAX ? seconds : null;
        },
    };
}

/** The choice of a grace. seconds() is null where the person's own is none that is allowed. */
function graceField(key) {
    const own = ownGrace();
    const outlook = h('p.note', {role: 'status'});
    const choices = GRACES.map(({seconds, label, detail, isChosen}) =>
        choice('radio', {name: 'grace', value: String(seconds), checked: isChosen, autofocus: isChosen}, label, detail && h('span.hint', {}, detail)));
    const ownChoice = choice('radio', {name: 'grace', value: 'own'}, 'Other');
    const set = choiceField('How long the old key still works', [choices, ownChoice, own.element]);

    function seconds() {
        const {value} = set.element.querySelector('input[type=radio]:checked');
        return value === 'own' ? own.seconds() : Number(value);
    }

    function look() {
        own.element.hidden = set.element.querySelector('input[value=own]:checked') === null;
        const chosen = seconds();
        own.complain(chosen === null ? `A whole number, from 1 minute to ${duration(GRACE_MAX)}.` : null);
        fill(outlook, chosen === null ? 'Say first how long.' : consequence(key, chosen));
    }

    set.element.addEventListener('input', look);
    look();
    return {content: [set.element, outlook], seconds, focus: () => own.input.focus()};
}

/**
 * @param {() => void} tried  called when it may have been done, whatever the answer
 * @returns {Promise<Object|undefined>} the new key, with what is shown once
 */
export function roll(page, key, tried) {
    const grace = graceField(key);
    return question({
        title: ['Roll ', named(key.name)],
        content: [
            h('p', {}, 'A new key takes over from ', h('code', {}, key.prefix), ', with the same name, scopes, limits and expiry. It is shown once. The two count as one of the account’s keys.'),
            grace.content,
        ],
        submit: 'Roll key',
        busy: WAITING,
        unsure: 'The key may have been rolled, without its new one being shown. Look at your keys first: if there is a new one, revoke it, or roll that.',
        signal: page.signal,
        async work() {
            const seconds = grace.seconds();
            if (seconds === null) {
                grace.focus();
                return undefined;
            }
            tried();
            return page.ask('POST', `/keys/${key.id}/roll`, {grace_seconds: seconds});
        },
    });
}
