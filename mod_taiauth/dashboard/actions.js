// What the audit log tells, in words.

import {named} from './dom.js';
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

function graceText(seconds) {
    return seconds === 0 ? '; ended at once' : `; works for ${duration(seconds)} more`;
}

// Details as they are written, and as they are told. An id stands for a key that has a name. What changes
// a name has one arrow: with another, in one of the names, nobody can say where the first name ends.
const RENAMED = /^name: ((?:(?!->).)*) -> ((?:(?!->).)*)$/;

const DETAILS = {
    'key.create': [/^name: (.*)$/, (nameOf, name) => ['“', named(name), '”']],
    'token.issue': [/^name: (.*)$/, (nameOf, name) => ['“', named(name), '”']],
    'key.rename': [RENAMED, (nameOf, old, now) => ['from “', named(old), '” to “', named(now), '”']],
    'account.plan': [/^plan: (\S+) -> (\S+)$/, (nameOf, old, now) => ['from ', named(old), ' to ', named(now)]],
    'key.roll': [/^new: (\S+), grace: (\d+) s$/, (nameOf, id, grace) => ['followed by ', named(nameOf(id)), graceText(Number(grace))]],
    'key.revoke': [/^replaced by (\S+)$/, (nameOf, id) => ['replaced by ', named(nameOf(id))]],
};

/**
 * @param {{action: string, detail: string|null}} line  of the audit log
 * @param {(id: string) => string} nameOf  of a key
 * @returns {Array<Node|string>} none: there is no detail. What cannot be told apart is shown as it is written
 */
export function detailParts({action, detail}, nameOf) {
    const [pattern, tell] = Object.hasOwn(DETAILS, action) ? DETAILS[action] : [];
    const found = pattern?.exec(detail ?? '');
    return found ? tell(nameOf, ...found.slice(1)) : [detail ?? ''].filter(Boolean);
}

/** 'alice'; 'Operator (root)' for whoever used taictl */
export function actorText(actor) {
    const [, login] = /^operator:(.*)$/s.exec(actor) ?? [];
    return login === undefined ? actor : `Operator (${login})`;
}

export function clientText(client) {
    return client === 'local' ? 'the server itself' : client;
}
