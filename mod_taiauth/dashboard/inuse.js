// How many of the keys that an account may have are in use.

import {h} from './dom.js';
import {number} from './times.js';

/** @param {{active_keys: number, max_keys: number}} limits  of the account */
export function keysInUse({active_keys: active, max_keys: most}) {
    const text = `${number(active)} of ${number(most)} active keys in use`;
    return h('div.in-use', {}, h('span', {}, text), h('meter', {min: 0, max: most, value: active, high: Math.max(most - 1, 0), optimum: 0, 'aria-label': text}, text));
}
