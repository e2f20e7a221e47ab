// The management API: the one place that speaks to it.

/** What the server, or the way to it, has answered instead of what was asked for. */
export class Refusal extends Error {
    /**
     * @param {number} status  0: there was no answer
     * @param {string} code  that of the API; OFFLINE: no answer; UNREADABLE: none that can be understood
     * @param {string} text  for people
     * @param {number|null} retryAfter  seconds, where the server has said so
     */
    constructor(status, code, text, retryAfter = null) {
        super(text);
        this.status = status;
        this.code = code;
        this.retryAfter = retryAfter;
    }
}

/** @typedef {(method: string, path: string, body?: Object) => Promise<Object>} Ask */

// A change is answered when every server knows, or after 1.2 times the longest lease, which is a minute at most.
const PATIENCE_MS = 90000;

function noAnswer() {
    return new Refusal(0, 'OFFLINE', 'There was no answer.');
}

async function answerOf(response) {
    let answer;
    try {
        answer = await response.json();
    } catch (error) {
        if (!(error instanceof SyntaxError)) {
            throw noAnswer();
        }
        throw new Refusal(response.status, 'UNREADABLE', `The server answered with status ${response.status}, and nothing that this page can read.`);
    }
    if (Array.isArray(answer?.errors)) {
        throw new Refusal(response.status, 'UNREADABLE', 'The management API answers in the envelope format; this page needs json or problem.');
    }
    if (response.ok) {
        return answer;
    }
    throw new Refusal(response.status, answer?.code ?? 'UNREADABLE', answer?.error ?? `The server answered with status ${response.status}.`,
        Number.parseInt(response.headers.get('Retry-After'), 10) || null);
}

/**
 * A client.
 * @param {string} base  address of the management API, without a slash at its end
 * @param {() => Promise<void>} signIn  called where nobody is known (any more); settled when somebody is. What
 *   was asked for is then asked again. Rejects where the person gives up.
 * @param {() => void} [heard]  called at each answer
 * @returns {{ask: Ask, askOnce: Ask}} askOnce leaves a 401 to its caller
 */
export function client(base, signIn, heard = () => {}) {
    async function askOnce(method, path, body) {
        const request = {method, headers: {Accept: 'application/json'}, credentials: 'same-origin', cache: 'no-store', redirect: 'error',
            signal: AbortSignal.timeout(PATIENCE_MS)};
        if (body !== undefined) {
            request.headers['Content-Type'] = 'application/json';
            request.body = JSON.stringify(body);
        }
        let response;
        try {
            response = await fetch(base + path, request);
        } catch {
            throw noAnswer();
        }
        heard();
        return answerOf(response);
    }
    async function ask(method, path, body) {
        try {
            return await askOnce(method, path, body);
        } catch (refusal) {
            if (refusal.status !== 401) {
                throw refusal;
            }
        }
        await signIn();
        return askOnce(method, path, body);
    }
    return {ask, askOnce};
}
