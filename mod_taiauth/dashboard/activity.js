// Activity: who did what in the account, the latest first.

import {actionOf, actorText, clientText, detailText} from './actions.js';
import {fill, focusOn, h} from './dom.js';
import {empty, failure, loading, working} from './states.js';
import {table, tableRow} from './table.js';
import {moment} from './times.js';

const PAGE_SIZE = 25;
const KEYS_MAX = 100;

function isKey(id) {
    return /^key_/.test(id ?? '');
}

/** Names of keys by their id; keys without one here are shown by their id. */
async function readNames(ask) {
    const {keys} = await ask('GET', `/keys?limit=${KEYS_MAX}`);
    const names = new Map(keys.map(({id, name}) => [id, name]));
    return (id) => names.get(id) ?? id;
}

function whatCell({action, subject, detail}, nameOf) {
    const {text, kind} = actionOf(action);
    // What stands in the next column already is not told twice.
    const told = detail === `name: ${nameOf(subject)}` ? '' : detailText(detail, nameOf);
    return [kind ? h(`span.badge.${kind}`, {}, text) : text, told && h('span.small.faint.detail', {}, told)];
}

function columnsFor(nameOf) {
    return [
        {title: 'When', cell: ({at}) => (at === null ? '' : moment(at)), className: 'brief'},
        {title: 'What', cell: (line) => whatCell(line, nameOf), heads: true},
        {title: 'Key', cell: ({subject}) => (isKey(subject) ? nameOf(subject) : '')},
        {title: 'Who', cell: ({actor}) => actorText(actor)},
        {title: 'From', cell: ({client}) => clientText(client), className: 'brief'},
    ];
}

function pathFor(before) {
    return `/audit?limit=${PAGE_SIZE}${before === null ? '' : `&before=${encodeURIComponent(before)}`}`;
}

/** The table, and a button that makes it longer. */
function log(page, first, columns) {
    const list = table('Activity, the latest first', columns, first.audit);
    const trouble = h('div.trouble');
    const button = h('button.button', {type: 'button', onclick: () => working(button, showMore)}, 'Show more');
    let {next} = first;

    function add(lines) {
        const rows = lines.map((line) => tableRow(columns, line));
        list.tBodies[0].append(...rows);
        page.announce(`${lines.length} more`);
        // Where the button goes away, the focus does not.
        if (next === null && rows.length > 0) {
            focusOn(rows[0].querySelector('th'));
        }
    }

    async function showMore() {
        fill(trouble);
        try {
            const answer = await page.ask('GET', pathFor(next));
            if (page.signal.aborted) {
                return;
            }
            ({next} = answer);
            button.hidden = next === null;
            add(answer.audit);
        } catch (error) {
            fill(trouble, failure(error));
        }
    }

    button.hidden = next === null;
    return [list, button, trouble];
}

async function show(page, place) {
    fill(place, loading('Loading the activity', 'table'));
    try {
        const [first, nameOf] = await Promise.all([page.ask('GET', pathFor(null)), readNames(page.ask)]);
        if (page.signal.aborted) {
            return;
        }
        fill(place, first.audit.length > 0 ? log(page, first, columnsFor(nameOf))
            : empty('Nothing has happened yet', 'Whatever is done with keys in this account, and every log-in, is written down here.'));
    } catch (error) {
        if (!page.signal.aborted) {
            // Whoever may not see it may not the next time either.
            fill(place, failure(error, error.status === 403 ? undefined : () => show(page, place)));
        }
    }
}

/** @param {Object} page  what a view has of the page */
export async function openActivity(page) {
    const place = h('div.stack.activity');
    fill(page.main, h('h1', {}, 'Activity'),
        h('p.faint', {}, 'Who did what in this account, the latest first. Log-ins that failed are here too.'), place);
    await show(page, place);
}
