// What an API has answered: status, time, rate limits, what a refusal means, headers, body.

import {codeBlock} from './copy.js';
import {readRefusal} from './dialects.js';
import {h} from './dom.js';
import {isJson} from './operation.js';
import {prettyJson} from './prettyjson.js';
import {limitText, policyText, readLimits, readRetryAfter} from './ratelimit.js';
import {explain} from './refusals.js';
import {BODY_MAX} from './request.js';
import {count, number} from './times.js';

const KIB = 1024;

/**
 * @param {import('./request.js').Answer} answer
 * @param {URL} url  what was asked
 * @returns {import('./refusals.js').Refused & {means: string, todo: string}|null}
 */
export function refusalIn(answer, url) {
    const refused = answer.code
        ? {status: 0, code: answer.code, elsewhere: url.origin === location.origin ? undefined : url.origin}
        : readRefusal(answer, readRetryAfter(answer.headers));
    return refused && {...refused, ...explain(refused)};
}

function sizeText({size, isCut}) {
    const text = size < KIB ? count(size, 'byte') : `${number(Math.round(size / KIB))} KiB`;
    return isCut ? `more than ${text}` : text;
}

/** '200 OK'; HTTP/2 has no words for it. */
export function statusText({status, statusText: words, code}) {
    return status === 0 ? (code === 'REDIRECTED' ? 'Redirect' : 'No answer') : `${status} ${words}`.trim();
}

/** An envelope may say 200 and be a refusal. */
export function statusBadge(answer, refused) {
    const kind = !refused ? 'good' : answer.status === 429 || answer.status < 400 ? 'warning' : 'bad';
    return h(`span.badge.${kind}`, {}, statusText(answer));
}

// ---- rate limits -------------------------------------------------------------------------------

function gauge(limit, isOneOfMany) {
    const {left, quota, name} = limit;
    const policy = [isOneOfMany && name, policyText(limit)].filter(Boolean).join(': ');
    const text = limitText(limit);
    return h('div.gauge', {},
        quota > 0 && h('meter', {min: 0, max: quota, low: quota / 3, high: quota / 2, optimum: quota, value: left, 'aria-label': `Rate limit ${name}`.trim()}, text),
        h('span', {}, text), policy && h('span.faint.small', {}, policy));
}

function gauges(headers) {
    const limits = readLimits(headers);
    return limits.length > 0 && h('div.gauges', {}, h('h3', {}, limits.length === 1 ? 'Rate limit' : 'Rate limits'),
        limits.map((limit) => gauge(limit, limits.length > 1)));
}

// ---- refusal, headers, body --------------------------------------------------------------------

function meaning(refused) {
    return h(`div.note.${refused.status >= 400 && refused.status !== 429 ? 'error' : 'warning'}`, {},
        refused.message && h('p', {}, h('strong', {}, refused.message)),
        h('p', {}, refused.means), h('p', {}, h('strong', {}, 'What to do: '), refused.todo));
}

function headerList(headers) {
    const all = [...headers];
    return all.length > 0 && h('details', {}, h('summary', {}, `Headers (${all.length})`),
        h('dl.facts.small', {}, all.map(([name, value]) => [h('dt', {}, h('code', {}, name)), h('dd', {}, h('code', {}, value))])));
}

function bodyBlock({body, headers, isCut, status, size}) {
    const type = headers.get('Content-Type') ?? '';
    if (body === null) {
        return h('p.faint', {}, `${type || 'Binary data'}, ${sizeText({size, isCut})}: not shown.`);
    }
    if (body === '') {
        return status > 0 && h('p.faint', {}, 'No body.');
    }
    const text = (isJson(type) && !isCut && prettyJson(body)) || body;
    return [codeBlock(text, 'the body of the answer'), isCut && h('p.faint', {}, `The first ${BODY_MAX / KIB} KiB are shown.`)];
}

/**
 * @param {import('./request.js').Answer} answer
 * @param {Object|null} refused  of refusalIn
 * @returns {Array<Node>}
 */
export function answerParts(answer, refused) {
    return [
        h('div.row', {}, statusBadge(answer, refused), h('span', {}, `${number(Math.round(answer.ms))} ms`),
            answer.status > 0 && h('span.faint', {}, sizeText(answer))),
        refused && meaning(refused),
        gauges(answer.headers),
        bodyBlock(answer),
        headerList(answer.headers),
    ];
}
