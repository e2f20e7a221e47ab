// Activity: who did what in the account, the latest first.

import {actionOf, actorText, clientText, detailParts} from './actions.js';
import {fill, h} from './dom.js';
import {keyLabel} from './keycells.js';
import {moreButton} from './more.js';
import {isAdministrator, notForMembers} from './rights.js';
import {empty, failure, loading} from './states.js';
import {table, tableRow} from './table.js';
import {moment} from './times.js';

const PAGE_SIZE = 25;
const KEYS_MAX = 100;

function isKey(id) {
    return /^key_/.test(id ?? '');
}

/** The keys by their id. */
async function readKeys(ask) {
    const {keys} = await ask('GET', `/keys?limit=${KEYS_MAX}`);
    return new Map(keys.map((key) => [key.id, key]));
}

function whatCell({action, subject, detail}, keys) {
    const {text, kind} = actionOf(action);
    // A key that has been rolled and the one that follows have one name.
    const nameOf = (id) => (keys.has(id) ? `${keys.get(id).name}, ${keys.get(id).prefix}` : id);
    // What stands in the next column already is not told twice.
    const told = detail === `name: ${keys.get(subject)?.name}` ? [] : detailParts({action, detail}, nameOf);
    return [kind ? h(`span.badge.${kind}`, {}, text) : text, told.length > 0 && h('span.small.faint.detail', {}, told)];
}

function keyCell(id, keys) {
    return keys.has(id) ? keyLabel(keys.get(id)) : id;
}

function columnsFor(keys) {
    return [
        {title: 'When', cell: ({at}) => (at === null ? '' : moment(at)), className: 'brief'},
        {title: 'What', cell: (line) => whatCell(line, keys), heads: true},
        {title: 'Key', cell: ({subject}) => (isKey(subject) ? keyCell(subject, keys) : '')},
        {title: 'Who', cell: ({actor}) => actorText(actor)},
        {title: 'From', cell: ({client}) => clientText(client), className: 'brief'},
    ];
}

async function fetchLines({ask}, before = null) {
    const {audit, next} = await ask('GET', `/audit?limit=${PAGE_SIZE}${before === null ? '' : `&before=${encodeURIComponent(before)}`}`);
    return {rows: audit, next};
}

/** The table, and a button that makes it longer. */
function log(page, {rows, next}, columns) {
    const list = table('Activity, the latest first', columns, rows);
    function add(lines) {
        const added = lines.map((line) => tableRow(columns, line));
        list.tBodies[0].append(...added);
        return added;
    }
    return [list, moreButton(page, 'line', next, (before) => fetchLines(page, before), add)];
}

async function show(page, place) {
    fill(place, loading('Loading the activity', 'table'));
    try {
        const [first, keys] = await Promise.all([fetchLines(page), readKeys(page.ask)]);
        if (page.signal.aborted) {
            return;
        }
        fill(place, first.rows.length > 0 ? log(page, first, columnsFor(keys))
            : empty('Nothing has happened yet', 'Whatever is done with keys in this account, and every sign-in, is written down here.'));
    } catch (error) {
        if (!page.signal.aborted) {
            fill(place, failure(error, () => show(page, place)));
        }
    }
}

/** @param {Object} page  what a view has of the page */
export async function openActivity(page) {
    const heading = h('h1', {}, 'Activity');
    if (!isAdministrator(page.account)) {
        fill(page.main, heading, notForMembers(page, 'sees what was done in it'));
        return;
    }
    const place = h('div.stack.activity');
    fill(page.main, heading,
        h('p.faint', {}, 'Who did what in this account, the latest first. Sign-ins that failed are here too.'), place);
    await show(page, place);
}
