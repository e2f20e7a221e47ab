// A key as a row of a table.

import {h} from './dom.js';
import {DAY_MS, ago, day, moment} from './times.js';
import {usageChart} from './usage.js';

const SOON_MS = 7 * DAY_MS;

const STATUSES = {active: 'good', expired: 'warning', revoked: 'bad'};

/** Name and prefix: after a roll two keys have the same name. */
export function keyLabel({name, prefix}) {
    return [h('span.key-name', {}, name), h('span.key-prefix', {}, prefix)];
}

function nameCell(key) {
    return [keyLabel(key), key.has_token && h('span.badge', {}, 'with a token')];
}

function scopesCell({scopes, effective_scopes: effective}) {
    return h('ul.scopes', {role: 'list'}, scopes.map((scope) => (effective.includes(scope)
        ? h('li.scope', {}, scope)
        : h('li.scope.lost', {}, scope, ' (not in the plan)'))));
}

function expiresCell({status, expires_at: at}) {
    if (at === null) {
        return 'Never';
    }
    const isSoon = status === 'active' && Date.parse(at) - Date.now() < SOON_MS;
    return isSoon ? h('span.badge.warning', {}, moment(at, ago(at))) : moment(at, day(at));
}

function statusCell({status, revoked_at: at}) {
    return [h(`span.badge.${STATUSES[status]}`, {}, status), status === 'revoked' && h('span.since', {}, moment(at, day(at)))];
}

function lastUsedCell({last_used_at: at}) {
    // Where the server's clock is ahead of this one it was not in the future all the same.
    return at === null ? 'Never' : moment(at, ago(at, Math.max(Date.now(), Date.parse(at))));
}

/** What a key is in a table, but for what can be done to it. */
export const KEY_COLUMNS = [
    {title: 'Key', cell: nameCell, heads: true},
    {title: 'Scopes', cell: scopesCell},
    {title: 'Created', cell: (key) => moment(key.created_at, day(key.created_at)), className: 'brief'},
    {title: 'Expires', cell: expiresCell, className: 'brief'},
    {title: 'Last used', cell: lastUsedCell, className: 'brief'},
    {title: 'Status', cell: statusCell},
    {title: 'Last 30 days', cell: (key) => usageChart(key.days, key.name)},
];
