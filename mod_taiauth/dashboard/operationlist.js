// The operations of an API to choose from, in groups, with a search where there are many.

import {fill, h} from './dom.js';
import {field} from './field.js';

const SEARCH_FROM = 12;

function grouped(operations) {
    const groups = new Map();
    for (const operation of operations) {
        const members = groups.get(operation.group) ?? [];
        members.push(operation);
        groups.set(operation.group, members);
    }
    return [...groups];
}

function isFound({method, path, summary, group}, words) {
    const text = `${method} ${path} ${summary} ${group}`.toLowerCase();
    return words.every((word) => text.includes(word));
}

/**
 * @param {import('./operation.js').Operation[]} operations
 * @param {(operation: Object|null) => void} choose  null: by hand
 * @returns {{element: HTMLElement, mark: (operation: Object|null) => void}} mark: which one is shown
 */
export function operationList(operations, choose) {
    const byHand = h('button.operation.by-hand', {type: 'button', onclick: () => choose(null)}, 'Another request, by hand');
    const buttons = new Map([...operations.map((operation) => [operation, button(operation)]), [null, byHand]]);
    const place = h('div.operation-groups');
    const search = h('input', {type: 'search', autocomplete: 'off', spellcheck: false, oninput: show});

    function button(operation) {
        const {method, path, summary, isDeprecated} = operation;
        return h(`button.operation${isDeprecated ? '.is-over' : ''}`, {type: 'button', onclick: () => choose(operation)},
            h('span.method', {}, method), h('code', {}, path), summary && h('span.small.faint', {}, summary));
    }

    function show() {
        const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
        const found = grouped(operations.filter((operation) => isFound(operation, words)));
        fill(place, found.map(([group, members]) => [h('h3', {}, group),
            h('ul', {}, members.map((operation) => h('li', {}, buttons.get(operation))))]),
        found.length === 0 && h('p.faint', {}, 'No operation has all these words.'));
    }

    function mark(chosen) {
        buttons.forEach((each, operation) => {
            each.ariaCurrent = operation === chosen ? 'true' : null;
        });
    }

    show();
    const element = h('nav.operations', {'aria-label': 'Operations'}, h('h2', {}, 'Operations'),
        operations.length >= SEARCH_FROM && field('Find an operation', search).element, place, byHand);
    return {element, mark};
}
