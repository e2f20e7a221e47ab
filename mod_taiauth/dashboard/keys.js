// The keys of the account.

import {fill, focusOn, h} from './dom.js';
import {keysInUse} from './inuse.js';
import {issuedKey} from './issued.js';
import {KEY_COLUMNS} from './keycells.js';
import {moreButton} from './more.js';
import {rename} from './rename.js';
import {isAdministrator, notForMembers, standingNote, whyNoneCreated} from './rights.js';
import {revoke} from './revoke.js';
import {roll} from './roll.js';
import {empty, failure, loading} from './states.js';
import {table, tableRow} from './table.js';
import {count} from './times.js';

// As many as the API gives: keys that are over are among them, and who rolls often looks for the active ones.
const PAGE_SIZE = 100;

// ---- above the table ---------------------------------------------------------------------------

function createButton(why) {
    return why === null
        ? h('a.button.primary', {href: '#/keys/new'}, 'Create key')
        : h('button.button.primary', {type: 'button', 'aria-disabled': 'true', 'aria-describedby': 'why-none'}, 'Create key');
}

function summary({account}) {
    const why = whyNoneCreated(account);
    return [
        standingNote(account),
        h('div.row.apart', {}, keysInUse(account.limits), createButton(why)),
        why && h('p', {id: 'why-none', className: account.status === 'active' ? 'note' : 'unseen'}, why),
    ];
}

// ---- a row -------------------------------------------------------------------------------------

const ACTIONS = [
    {text: 'Roll', act: rollKey, isChange: true},
    {text: 'Rename', act: renameKey, isChange: true},
    {text: 'Revoke', act: revokeKey, kind: '.danger'},
];

/** What is offered for an active key; a suspended account may revoke and do nothing else. */
function actionsCell(list, key) {
    if (key.status !== 'active') {
        return null;
    }
    const offered = ACTIONS.filter(({isChange}) => !isChange || list.page.account.status === 'active');
    return h('div.key-actions', {}, offered.map(({text, act, kind = ''}) =>
        h(`button.button.quiet${kind}`, {type: 'button', onclick: () => act(list, key)}, text, h('span.unseen', {}, ` ${key.name} ${key.prefix}`))));
}

function columnsOf(list) {
    return [...KEY_COLUMNS, {title: 'Actions', cell: (key) => actionsCell(list, key)}];
}

function rowOf(list, key) {
    const row = tableRow(columnsOf(list), key);
    row.classList.toggle('is-over', key.status !== 'active');
    return row;
}

// ---- what is done to a key ---------------------------------------------------------------------

/** In place of its row: the rest of the list stays where it is, and so does the focus. */
function replaceRow(list, key, changed) {
    const before = list.rows.get(key.id);
    const row = rowOf(list, {...key, ...changed});
    before.replaceWith(row);
    list.rows.set(key.id, row);
    focusOn(row.querySelector('th'));
}

async function renameKey(list, key) {
    const renamed = await rename(list.page, key);
    if (renamed && !list.page.signal.aborted) {
        replaceRow(list, key, renamed);
        list.page.announce(`Renamed to ${renamed.name}`);
    }
}

async function revokeKey(list, key) {
    let isTried = false;
    const revoked = await revoke(list.page, key, () => {
        isTried = true;
    });
    if (revoked && !list.page.signal.aborted) {
        replaceRow(list, key, {status: 'revoked', revoked_at: revoked.revoked_at});
        await refreshSummary(list);
    } else if (isTried && !list.page.signal.aborted) {
        await load(list);
    }
}

async function rollKey(list, key) {
    let isTried = false;
    const rolled = await roll(list.page, key, () => {
        isTried = true;
    });
    if (rolled && !list.page.signal.aborted) {
        issuedKey(list.page, rolled, key);
    } else if (isTried && !list.page.signal.aborted) {
        await load(list);
    }
}

// ---- the list ----------------------------------------------------------------------------------

async function refreshSummary(list) {
    try {
        await list.page.refreshAccount();
    } catch {
        // What is shown is a moment old then; the next thing that is done says what is wrong.
        return;
    }
    fill(list.summary, summary(list.page));
}

function addRows(list, body, keys) {
    const rows = keys.map((key) => rowOf(list, key));
    keys.forEach(({id}, index) => list.rows.set(id, rows[index]));
    body.append(...rows);
    return rows;
}

async function fetchKeys({page}, after) {
    const {keys, next} = await page.ask('GET', `/keys?limit=${PAGE_SIZE}${after ? `&after=${encodeURIComponent(after)}` : ''}`);
    return {rows: keys, next};
}

function showKeys(list, {rows: keys, next}) {
    if (keys.length === 0) {
        fill(list.place, empty('No keys yet', 'A key lets a program use the API in the name of this account. It takes a minute.',
            whyNoneCreated(list.page.account) === null && h('a.button.primary', {href: '#/keys/new'}, 'Create your first key')));
        return;
    }
    const shown = table(`Keys of ${list.page.account.name}, the newest first`, columnsOf(list), []);
    const body = shown.tBodies[0];
    addRows(list, body, keys);
    list.page.announce(count(keys.length, 'key'));
    fill(list.place, shown,
        moreButton(list.page, 'key', next, (after) => fetchKeys(list, after), (more) => addRows(list, body, more)));
}

async function load(list) {
    const {page} = list;
    list.rows.clear();
    fill(list.place, loading('Loading your keys', 'table'));
    let answer;
    try {
        [answer] = await Promise.all([fetchKeys(list), page.refreshAccount()]);
    } catch (error) {
        if (!page.signal.aborted) {
            fill(list.place, failure(error, () => load(list)));
        }
        return;
    }
    if (!page.signal.aborted) {
        fill(list.summary, summary(page));
        showKeys(list, answer);
    }
}

/** @param {Object} page */
export function openKeys(page) {
    const heading = h('h1', {}, 'API keys');
    if (!isAdministrator(page.account)) {
        fill(page.main, heading, notForMembers(page));
        return;
    }
    const list = {page, rows: new Map(), summary: h('div.stack', {}, summary(page)), place: h('div.keys.stack')};
    fill(page.main, heading, list.summary, list.place);
    load(list);
}
