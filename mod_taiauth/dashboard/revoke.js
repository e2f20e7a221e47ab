// Revoking a key.

import {question} from './dialog.js';
import {h, named} from './dom.js';
import {clock, moment} from './times.js';

/** Said until the end of a key is in force everywhere. */
export const WAITING = 'Waiting until every server knows: seconds, or a minute or so where one does not answer.';

function nodesText({applied, of}) {
    return `in force on ${applied} of ${of} ${of === 1 ? 'node' : 'nodes'}`;
}

function silentText({silent}) {
    return `${silent === 1 ? 'One node did' : `${silent} nodes did`} not answer. It has been waited for until ${
        silent === 1 ? 'it' : 'they'} may let nobody in any more without asking the database again: the key works nowhere.`;
}

function outcome({revoked_at: at, nodes}) {
    return [
        h('p', {}, h('strong', {}, 'Revoked at ', moment(at, clock(at)), `, ${nodesText(nodes)}.`)),
        nodes.silent > 0 && h('p', {}, silentText(nodes)),
    ];
}

/**
 * @param {() => void} tried  called when it may have been done, whatever the answer
 * @returns {Promise<Object|undefined>} what the server says of the revocation
 */
export function revoke(page, key, tried) {
    return question({
        title: ['Revoke ', named(key.name)],
        doneTitle: [named(key.name), ' is revoked'],
        content: [
            h('p', {}, h('code', {}, key.prefix)),
            h('p', {}, 'Requests with it get 401 from the moment this is done, also those under way. This cannot be undone.'),
        ],
        submit: 'Revoke key',
        kind: 'danger',
        busy: WAITING,
        unsure: 'The key may be revoked, and perhaps not every server knows yet. Revoke it again: that is safe, and makes sure.',
        signal: page.signal,
        work() {
            tried();
            return page.ask('DELETE', `/keys/${key.id}`);
        },
        result: outcome,
    });
}
