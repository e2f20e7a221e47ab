// Account: plan, standing and limits, who is signed in, and what the plan grants.

import {fill, h} from './dom.js';
import {keysInUse} from './inuse.js';
import {policyText} from './ratelimit.js';
import {failure, loading} from './states.js';
import {table} from './table.js';
import {duration, moment} from './times.js';

const STANDINGS = {
    active: {kind: 'good', text: 'In good standing'},
    suspended: {kind: 'bad', text: 'Suspended: its keys are refused'},
    closed: {kind: 'bad', text: 'Closed'},
};

const ROLES = {
    primary_admin: 'Primary administrator: makes and ends the keys of the account',
    member: 'Member: may look at the account and try the API; keys are for the primary administrator',
};

const SECONDS = {'': 1, s: 1, m: 60, h: 3600, d: 86400};

/** '5/60s' as in the database: '5 requests in any 60 seconds per key' */
export function limitInWords(limit) {
    const [, max, span, unit] = /^(\d+)\/(\d+)(ms|[smhd]?)$/.exec(limit) ?? [];
    if (max === undefined) {
        return limit;
    }
    const seconds = unit === 'ms' ? Number(span) / 1000 : Number(span) * SECONDS[unit];
    return `${policyText({quota: Number(max), window: seconds})} per key`;
}

function fact(name, ...value) {
    return [h('dt', {}, name), h('dd', {}, value)];
}

function standing(status) {
    const {kind, text} = Object.hasOwn(STANDINGS, status) ? STANDINGS[status] : {kind: 'warning', text: status};
    return h(`span.badge.${kind}`, {}, text);
}

function accountPanel({name, plan, status, limits}) {
    return h('section.panel.stack', {}, h('h2', {}, 'Account'), h('dl.facts', {},
        fact('Name', name), fact('Plan', plan.title ?? plan.name), fact('Standing', standing(status)),
        fact('Rate limit', limits.rate_limit === null ? 'That of the API: each answer says how much of it is left' : limitInWords(limits.rate_limit)),
        fact('Keys', keysInUse(limits))));
}

function sessionText(session) {
    return session === null ? 'None: the web server itself says who you are'
        : ['Ends ', moment(session.expires_at), `, or after ${duration(session.idle_seconds)} without use`];
}

function userPanel({name, role, session}) {
    return h('section.panel.stack', {}, h('h2', {}, 'You'), h('dl.facts', {},
        fact('User', name), fact('Role', ROLES[role] ?? role), fact('Session', sessionText(session))));
}

function grant({allowed, plan_titles: titles}) {
    return allowed ? h('span.badge.good', {}, 'Granted') : h('span.badge', {}, titles.length > 0 ? `Needs ${titles.join(' or ')}` : 'In no plan');
}

const SCOPE_COLUMNS = [
    {title: 'Scope', cell: ({name}) => h('code', {}, name), heads: true},
    {title: 'What it is for', cell: ({description}) => description},
    {title: 'Your plan', cell: grant, className: 'brief'},
];

async function showScopes(page, place) {
    fill(place, loading('Loading the scopes', 'table'));
    try {
        const {scopes} = await page.ask('GET', '/scopes');
        if (!page.signal.aborted) {
            fill(place, table('Scopes, and whether the plan grants them', SCOPE_COLUMNS, scopes));
        }
    } catch (error) {
        if (!page.signal.aborted) {
            fill(place, failure(error, () => showScopes(page, place)));
        }
    }
}

function panels(account) {
    return h('div.pair', {}, accountPanel(account), userPanel(account.user));
}

/** As it was known last, until it is known as it is: so what stands below it stays where it is. */
async function showAccount(page, place) {
    fill(place, panels(page.account));
    try {
        const account = await page.refreshAccount();
        if (!page.signal.aborted) {
            fill(place, panels(account));
        }
    } catch (error) {
        if (!page.signal.aborted) {
            fill(place, failure(error, () => showAccount(page, place)));
        }
    }
}

/** @param {Object} page  what a view has of the page */
export async function openAccount(page) {
    const [accountPlace, scopesPlace] = [h('div'), h('div')];
    fill(page.main, h('h1', {}, 'Account'), accountPlace,
        h('section.stack', {}, h('h2', {}, 'Scopes'),
            h('p.faint', {}, 'What a key may be made for. The plan decides which scopes there are to choose from; those of a key never change.'), scopesPlace));
    await Promise.all([showAccount(page, accountPlace), showScopes(page, scopesPlace)]);
}
