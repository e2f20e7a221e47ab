// Leaving a view that has something to lose.

import {confirmed} from './dialog.js';

/**
 * The browser itself asks whoever closes the page or loads it again, and mayLeave whoever goes elsewhere on it.
 * @param {Object} page
 * @param {() => boolean|Promise<boolean>} mayLeave
 * @returns {() => void} to be called when there is nothing to lose any more
 */
function hold(page, mayLeave) {
    const watch = new AbortController();
    page.signal.addEventListener('abort', () => watch.abort(), {once: true});
    window.addEventListener('beforeunload', (event) => event.preventDefault(), {signal: watch.signal});
    page.holdLeaving(() => watch.signal.aborted || mayLeave());
    return () => watch.abort();
}

/**
 * While a change is under way the view stays: what comes may be a key, which is shown once.
 * @param {Object} page
 * @param {() => Promise} work
 */
export async function stayFor(page, work) {
    const release = hold(page, () => false);
    try {
        return await work();
    } finally {
        release();
    }
}

/**
 * Whoever has not copied the key, and its token, is asked before they are gone.
 * @param {Object} page
 * @param {{label: string, value: string}[]} secrets
 * @returns {{copied: (...values: string[]) => void, left: () => {label: string, value: string}[]}} copied: to be
 *   told of what has been copied; left: what has not
 */
export function guard(page, secrets) {
    let left = secrets;
    let asking = null;
    // Who goes back while being asked is not asked twice.
    const release = hold(page, () => (asking ??= confirmed({
        title: 'Leave without the key?',
        text: 'It has not been copied, and it cannot be shown again.',
        yes: 'Leave',
        signal: page.signal,
    }).finally(() => {
        asking = null;
    })));

    function copied(...values) {
        left = left.filter(({value}) => !values.includes(value));
        if (left.length === 0) {
            release();
        }
    }

    return {copied, left: () => left};
}
