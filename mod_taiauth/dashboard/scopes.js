// The choice of what a key may do.

import {h} from './dom.js';
import {choice, choiceField} from './field.js';

const LIST = new Intl.ListFormat('en', {type: 'disjunction'});

function scopeChoice({name, description, allowed, plan_titles: plans}, isChosen) {
    const needs = plans.length === 0 ? 'No plan grants it' : `Needs ${LIST.format(plans)}`;
    return choice('checkbox', {name: 'scope', value: name, checked: isChosen, disabled: !allowed},
        h('code', {}, name), ' ', !allowed && h('span.badge.warning', {}, needs), h('span.hint', {}, description));
}

/**
 * The least is chosen at first: the first scope of those that a key has by default.
 * @param {Array<Object>} scopes  as the management API lists them
 * @returns {{element: HTMLElement, complain: Function, check: () => boolean, focus: () => void, chosen: () => string[]}}
 */
export function scopesField(scopes) {
    const usual = scopes.filter((scope) => scope.allowed && scope.default);
    const choices = scopes.map((scope) => scopeChoice(scope, scope === usual[0]));
    const all = h('button.button.quiet.all-usual', {type: 'button', onclick: chooseUsual}, 'All usual scopes');
    const made = choiceField('Scopes', [usual.length > 1 && all, h('div.scope-choices', {}, choices)],
        'What the key may do: choose what your program needs and no more. Scopes of a key never change.');
    const boxes = choices.map((each) => each.querySelector('input'));

    function chooseUsual() {
        const names = usual.map(({name}) => name);
        for (const box of boxes) {
            box.checked = names.includes(box.value);
        }
        made.complain(null);
    }

    function chosen() {
        return boxes.filter((box) => box.checked).map((box) => box.value);
    }

    made.element.addEventListener('input', () => made.complain(null));
    return {
        ...made,
        chosen,
        focus: () => boxes.find((box) => !box.disabled)?.focus(),
        check() {
            const wrong = chosen().length === 0 ? 'Choose one scope at least.' : null;
            made.complain(wrong);
            return wrong === null;
        },
    };
}
