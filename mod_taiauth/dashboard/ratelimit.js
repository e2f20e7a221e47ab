// What an answer says of rate limits: RateLimit and RateLimit-Policy of
// draft-ietf-httpapi-ratelimit-headers-11, or else X-RateLimit-*; and Retry-After.

import {briefly, count, number} from './times.js';

// Structured fields (RFC 9651): a list of texts with parameters.
const TEXT = /"((?:[ !#-[\]-~]|\\["\\])*)"/y;
const PARAMETER = / *; *([a-z*][a-z0-9_\-.*]*)/y;
const VALUE = /=(-?\d{1,15}(?:\.\d{1,3})?|"(?:[ !#-[\]-~]|\\["\\])*"|[A-Za-z*][\w!#$%&'*+\-.^`|~:/]*|:[A-Za-z0-9+/=]*:|\?[01])/y;
const COMMA = /[ \t]*,[ \t]*/y;

/** Takes one thing after the other from a text. @returns {((pattern: RegExp) => RegExpExecArray|null) & {isAtEnd: () => boolean}} */
function scanner(text) {
    let at = 0;
    function take(pattern) {
        pattern.lastIndex = at;
        const found = pattern.exec(text);
        at = found ? pattern.lastIndex : at;
        return found;
    }
    take.isAtEnd = () => at === text.length;
    return take;
}

function takeParameters(take) {
    const parameters = new Map();
    for (let name = take(PARAMETER); name; name = take(PARAMETER)) {
        parameters.set(name[1], take(VALUE)?.[1]);
    }
    return parameters;
}

/** As the standard has it, a field with a fault in it says nothing at all. */
function readList(field) {
    const take = scanner((field ?? '').trim());
    const items = [];
    do {
        const text = take(TEXT);
        if (!text) {
            return [];
        }
        items.push({name: text[1].replace(/\\(.)/g, '$1'), parameters: takeParameters(take)});
    } while (take(COMMA));
    return take.isAtEnd() ? items : [];
}

/** A count or a number of seconds; undefined: there is none. */
function whole(text) {
    return /^\d{1,15}$/.test(text ?? '') ? Number(text) : undefined;
}

/**
 * @typedef {Object} Limit
 * @property {string} name  of the policy; '' where it has none
 * @property {number} left  requests that may be made now
 * @property {number} [quota]  of so many
 * @property {number} [window]  seconds
 * @property {number} [reset]  seconds until there is one more
 */

// More gauges than this nobody looks at.
const LIMITS_MAX = 8;

/** @returns {Limit[]} */
function readDraft(headers) {
    const policies = new Map(readList(headers.get('RateLimit-Policy')).map(({name, parameters}) => [name, parameters]));
    return readList(headers.get('RateLimit')).slice(0, LIMITS_MAX).map(({name, parameters}) => {
        const policy = policies.get(name);
        return {
            name,
            left: whole(parameters.get('r')), reset: whole(parameters.get('t')),
            quota: whole(policy?.get('q')), window: whole(policy?.get('w')),
        };
    }).filter(({left}) => left !== undefined);
}

// Some say when, others in how many seconds; no window is as long as all the years since 1970.
const EPOCH_MIN = 1e9;

/** @returns {Limit[]} */
function readLegacy(headers, now) {
    const [quota, left, reset] = ['Limit', 'Remaining', 'Reset'].map((name) => whole(headers.get(`X-RateLimit-${name}`) ?? ''));
    const seconds = reset >= EPOCH_MIN ? Math.max(0, reset - Math.floor(now / 1000)) : reset;
    return left === undefined ? [] : [{name: '', left, quota, reset: seconds, window: undefined}];
}

/**
 * @param {Headers} headers
 * @param {number} [now]  milliseconds
 * @returns {Limit[]} as many as the answer names; all of them hold
 */
export function readLimits(headers, now = Date.now()) {
    const limits = readDraft(headers);
    return limits.length > 0 ? limits : readLegacy(headers, now);
}

/** '4 of 5 left, one more in 37 s' */
export function limitText({left, quota, reset}) {
    const now = quota === undefined ? `${number(left)} left` : `${number(left)} of ${number(quota)} left`;
    return reset > 0 && !(left >= quota) ? `${now}, one more in ${briefly(reset)}` : now;
}

/** '5 requests in any 60 seconds', as the server words its refusals; '' where that is not known */
export function policyText({quota, window}) {
    const unit = window === 1 ? 'second' : `${number(window ?? 0)} seconds`;
    return quota === undefined || window === undefined ? '' : `${count(quota, 'request')} in any ${unit}`;
}

/**
 * @param {Headers} headers
 * @param {number} [now]  milliseconds
 * @returns {number|null} seconds, from a number or a date; null: none, or one that has passed
 */
export function readRetryAfter(headers, now = Date.now()) {
    const text = headers.get('Retry-After') ?? '';
    const seconds = whole(text) ?? Math.ceil((Date.parse(text) - now) / 1000);
    return seconds > 0 ? seconds : null;
}
