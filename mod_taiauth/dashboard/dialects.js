// A refusal in any of the forms that an API may answer in: {"error", "code"}, application/problem+json,
// and the envelope {"errors": ["..."], "data": []}, which has no code and may come with status 200.

import {textOf} from './untrusted.js';

/** The envelope's fixed texts. Where one has been worded anew, the status alone speaks. */
export const envelopeTexts = {
    'An API key is required.': 'MISSING_API_KEY',
    'The API key is invalid.': 'INVALID_API_KEY',
    'This API key is not allowed to make this request.': 'FORBIDDEN',
    'The account is not in good standing.': 'ACCOUNT_SUSPENDED',
    'Too many failed authentication attempts.': 'LOCKED_OUT',
    'The API key could not be checked. Try again shortly.': 'AUTH_UNAVAILABLE',
};

function parsed(text) {
    try {
        return JSON.parse(text);
    } catch {
        return null;
    }
}

/** One of "errors": a text, or as other APIs have it an object with one. */
function errorText(error) {
    return textOf(error) || textOf(error?.message) || JSON.stringify(error);
}

function envelopeCode(status, message, challenge) {
    if (/\berror="insufficient_scope"/.test(challenge)) {
        return 'INSUFFICIENT_SCOPE';
    }
    if (Object.hasOwn(envelopeTexts, message)) {
        return envelopeTexts[message];
    }
    return status < 300 ? 'ERRORS' : status === 429 && message.startsWith('Rate limit exceeded') ? 'RATE_LIMITED' : undefined;
}

function readEnvelope(status, errors, challenge) {
    const message = errors.map(errorText).join(' ');
    return {code: envelopeCode(status, message, challenge), message};
}

/** What the body says of itself: {code, message}, both may be absent. */
function readBody(status, body, challenge) {
    const answer = parsed(body ?? '');
    if (Array.isArray(answer?.errors) && answer.errors.length > 0) {
        return readEnvelope(status, answer.errors, challenge);
    }
    const message = [answer?.error, answer?.detail, answer?.message, answer?.title].map(textOf).find(Boolean);
    return {code: textOf(answer?.code) || undefined, message};
}

/**
 * The refusal in an answer.
 * @param {{status: number, headers: Headers, body: string|null}} answer
 * @param {number|null} retryAfter  seconds
 * @returns {import('./refusals.js').Refused|null}  null: it is none
 */
export function readRefusal({status, headers, body}, retryAfter = null) {
    const challenge = headers.get('WWW-Authenticate') ?? '';
    const {code, message} = readBody(status, body, challenge);
    if (status < 300 && (code === undefined || !Array.isArray(parsed(body)?.errors))) {
        return null;
    }
    return {
        status, code, message, retryAfter,
        scope: /\bscope="([^"]*)"/.exec(challenge)?.[1],
        allow: headers.get('Allow') ?? undefined,
    };
}
