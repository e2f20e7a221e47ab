// What the audit log tells, in words.

import {duration} from './times.js';

/** Every action that the management API records: what was done, and whether it should catch the eye. */
const ACTIONS = {
    'account.create': {text: 'Account created'},
    'account.plan': {text: 'Plan changed'},
    'account.suspend': {text: 'Account suspended', kind: 'bad'},
    'account.reinstate': {text: 'Account reinstated', kind: 'good'},
    'account.close': {text: 'Account closed', kind: 'bad'},
    'user.create': {text: 'User created'},
    'user.password': {text: 'Password changed'},
    'user.disable': {text: 'User disabled', kind: 'warning'},
    'user.enable': {text: 'User enabled'},
    'key.create': {text: 'Key created'},
    'key.rename': {text: 'Key renamed'},
    'key.roll': {text: 'Key rolled'},
    'key.revoke': {text: 'Key revoked'},
    'key.import': {text: 'Keys imported'},
    'token.issue': {text: 'Key with a token issued for a password'},
    'session.create': {text: 'Signed in'},
    'session.end': {text: 'Session ended'},
    'login.failed': {text: 'Sign-in failed', kind: 'bad'},
    'login.locked': {text: 'Sign-ins locked', kind: 'bad'},
    unlock: {text: 'Lock lifted'},
};

/** @returns {{text: string, kind?: 'good'|'warning'|'bad'}} an action that is not known speaks for itself */
export function actionOf(name) {
    return Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : {text: name};
}

// Details as they are written, and as they are told. An id stands for a key that has a name.
const DETAILS = [
    [/^name: (.*) -> (.*)$/, (nameOf, old, now) => `from “${old}” to “${now}”`],
    [/^name: (.*)$/, (nameOf, name) => `“${name}”`],
    [/^plan: (.*) -> (.*)$/, (nameOf, old, now) => `from ${old} to ${now}`],
    [/^new: (\S+), grace: (\d+) s$/, (nameOf, id, grace) => `followed by ${nameOf(id)}; ${Number(grace) === 0 ? 'ended at once' : `works for ${duration(Number(grace))} more`}`],
    [/^replaced by (\S+)$/, (nameOf, id) => `replaced by ${nameOf(id)}`],
];

/**
 * @param {string|null} detail
 * @param {(id: string) => string} nameOf  of a key
 */
export function detailText(detail, nameOf) {
    const text = detail ?? '';
    const [pattern, tell] = DETAILS.find(([each]) => each.test(text)) ?? [];
    return pattern ? tell(nameOf, ...pattern.exec(text).slice(1)) : text;
}

/** 'alice'; 'Operator (root)' for whoever used taictl */
export function actorText(actor) {
    const [, login] = /^operator:(.*)$/s.exec(actor) ?? [];
    return login === undefined ? actor : `Operator (${login})`;
}

export function clientText(client) {
    return client === 'local' ? 'the server itself' : client;
}
