// A request to the API: made of what was filled in, sent, and its answer read.

/** Why something cannot be sent; `part` says what of the request it is about. For people. */
export class RequestError extends Error {
    /**
     * @param {string} part  'path', 'body', 'parameter NAME', 'header NAME'
     * @param {string} text
     */
    constructor(part, text) {
        super(text);
        this.part = part;
    }
}

// ---- headers -----------------------------------------------------------------------------------

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

// https://fetch.spec.whatwg.org/#forbidden-request-header: a browser leaves them out without a word.
const SET_BY_BROWSER = new Set(['accept-charset', 'accept-encoding', 'access-control-request-headers', 'access-control-request-method',
    'access-control-request-private-network', 'connection', 'content-length', 'cookie2', 'date', 'dnt', 'expect', 'host', 'keep-alive',
    'origin', 'referer', 'set-cookie', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'via']);

/** Of names of headers. */
export function isSameHeader(name, other) {
    return name.toLowerCase() === other.toLowerCase();
}

/** What is wrong with a header; null: nothing. */
export function headerFault(name, value) {
    const lower = name.toLowerCase();
    if (!TOKEN.test(name)) {
        return 'A header name is made of letters, digits and - _ . and has no blank in it.';
    }
    if (lower === 'cookie') {
        return 'No page may set Cookie, and an API knows you by the key. Send it with curl if you must.';
    }
    if (SET_BY_BROWSER.has(lower) || lower.startsWith('sec-') || lower.startsWith('proxy-')) {
        return `The browser itself sets ${name}; no page may. Send it with curl if you must.`;
    }
    return FIELD_VALUE.test(value) ? null : 'A header value is one line, without characters beyond Latin-1.';
}

// As much as a server takes of one header; what is longer was not meant to be one.
const PASTED_MAX = 8192;

/**
 * A pasted header, or several, one on each line. No pattern matches a whole line: blanks and separators
 * in their thousands would have it try all ways to divide them, for minutes.
 * @returns {{name: string, value: string}[]}
 */
export function readHeaderLines(text) {
    const lines = text.length > PASTED_MAX ? [] : text.split(/\r?\n/).filter((line) => line.includes(':'));
    return lines.map((line) => {
        const colon = line.indexOf(':');
        return {name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim()};
    }).filter(({name}) => name !== '' && !/\s/.test(name));
}

/** Where there is one header for each secret, each gets its own: by its name, else the key first and the token behind it. */
export function fit(names, secrets) {
    if (names.length !== secrets.length) {
        return names.map(() => '');
    }
    const rest = secrets.filter((secret) => !names.some((name) => isSameHeader(name, secret.name)))
        .sort((a, b) => Number(a.value.startsWith('tat_')) - Number(b.value.startsWith('tat_')));
    return names.map((name) => (secrets.find((secret) => isSameHeader(name, secret.name)) ?? rest.shift()).value);
}

// ---- address and body --------------------------------------------------------------------------

/** A list is what is between commas. */
function valuesOf(parameter, value) {
    return parameter.type === 'array' ? value.split(',').map((part) => part.trim()).filter(Boolean) : [value];
}

function pathText(parameter, value) {
    const text = valuesOf(parameter, value).map(encodeURIComponent).join(',');
    if (text === '' || text === '.' || text === '..') {
        throw new RequestError(`parameter ${parameter.name}`, 'This is a part of the path: it must be something, and neither "." nor "..".');
    }
    return text;
}

function queryPairs(parameter, value) {
    const values = valuesOf(parameter, value);
    return parameter.isExploded ? values.map((each) => [parameter.name, each]) : [[parameter.name, values.join(',')]];
}

/**
 * @param {string} server  without a slash at its end
 * @param {string} path  with parameters in braces
 * @param {{parameter: Object, value: string}[]} filled  '' : left out
 * @returns {URL}
 * @throws {RequestError}
 */
export function addressOf(server, path, filled) {
    const texts = new Map(filled.filter(({parameter}) => parameter.place === 'path')
        .map(({parameter, value}) => [parameter.name, pathText(parameter, value)]));
    const url = new URL(server + path.replace(/\{([^{}]+)\}/g, (all, name) => texts.get(name) ?? all));
    const query = filled.filter(({parameter, value}) => parameter.place === 'query' && value !== '')
        .flatMap(({parameter, value}) => queryPairs(parameter, value));
    query.forEach(([name, value]) => url.searchParams.append(name, value));
    return url;
}

/**
 * The parameters that are headers.
 * @param {{parameter: Object, value: string}[]} filled  '' : left out
 * @returns {{name: string, value: string}[]}
 * @throws {RequestError}
 */
export function headersOf(filled) {
    const headers = filled.filter(({parameter, value}) => parameter.place === 'header' && value !== '')
        .map(({parameter, value}) => ({name: parameter.name, value}));
    for (const {name, value} of headers) {
        const fault = headerFault(name, value);
        if (fault !== null) {
            throw new RequestError(`parameter ${name}`, fault);
        }
    }
    return headers;
}

// Keys and tokens as they are issued, and the least length of one that comes from elsewhere.
const ISSUED = /t(?:ai|at)_[0-9A-Za-z]{38}/;
const SECRET_MIN = 22;

/**
 * What stands in an address is kept, as it is, by the log of each server and proxy on the way.
 * @param {{part: string, text: string}[]} filled  what the address is made of
 * @param {string[]} secrets  values of the headers that are asked for
 * @throws {RequestError}
 */
export function demandNoSecret(filled, secrets) {
    const known = secrets.filter((secret) => secret.length >= SECRET_MIN);
    const wrong = filled.find(({text}) => ISSUED.test(text) || known.some((secret) => text.includes(secret)));
    if (wrong) {
        throw new RequestError(wrong.part, 'There is a key in this, and addresses are kept in logs. A key belongs in a header.');
    }
}

/** @throws {RequestError} */
export function demandJson(text) {
    try {
        JSON.parse(text);
    } catch (error) {
        throw new RequestError('body', `This is not JSON: ${error.message}.`);
    }
}

// ---- sending -----------------------------------------------------------------------------------

/** Of a body so much is read and shown. */
export const BODY_MAX = 256 * 1024;

/**
 * @param {Response} response
 * @param {number} max  bytes
 * @returns {Promise<{bytes: Uint8Array, isCut: boolean}>}
 */
export async function readBytes(response, max) {
    const reader = response.body?.getReader();
    const bytes = new Uint8Array(max);
    let length = 0;
    for (let part = await reader?.read(); part && !part.done; part = await reader.read()) {
        const room = max - length;
        bytes.set(part.value.subarray(0, room), length);
        length += Math.min(room, part.value.length);
        if (part.value.length > room) {
            reader.cancel();
            return {bytes, isCut: true};
        }
    }
    return {bytes: bytes.subarray(0, length), isCut: false};
}

/** As text; null: it is none. What was cut off may have been cut within a character. */
function decoded(bytes, isCut, type) {
    const charset = /charset="?([^\s;"]+)/i.exec(type)?.[1] ?? 'utf-8';
    try {
        const text = new TextDecoder(charset, {fatal: true}).decode(bytes, {stream: isCut});
        return text.includes('\0') ? null : text;
    } catch {
        return null;
    }
}

/**
 * @typedef {Object} Answer
 * @property {number} status  0: none that may be read
 * @property {string} statusText
 * @property {number} ms  until it was there as a whole
 * @property {Headers} headers  as far as a page may read them
 * @property {string|null} body  null: binary
 * @property {number} size  bytes, at most BODY_MAX
 * @property {boolean} isCut  there is more
 * @property {string} [code]  OFFLINE, REDIRECTED
 */

function unread(code, started) {
    return {status: 0, statusText: '', ms: performance.now() - started, headers: new Headers(), body: '', size: 0, isCut: false, code};
}

/**
 * Without cookies, and without going on where a redirect leads: the key would go there, too.
 * @param {{method: string, url: URL, headers: {name: string, value: string}[], body: string|undefined}} request
 * @param {AbortSignal} signal  to stop it
 * @returns {Promise<Answer>}
 * @throws {DOMException} AbortError
 */
export async function send({method, url, headers, body}, signal) {
    const started = performance.now();
    try {
        const response = await fetch(url, {
            method, body, signal, headers: headers.map(({name, value}) => [name, value]),
            credentials: 'omit', redirect: 'manual', cache: 'no-store', referrerPolicy: 'no-referrer',
        });
        if (response.type === 'opaqueredirect') {
            return unread('REDIRECTED', started);
        }
        const {bytes, isCut} = await readBytes(response, BODY_MAX);
        const {status, statusText} = response;
        return {
            status, statusText, ms: performance.now() - started, headers: response.headers,
            body: decoded(bytes, isCut, response.headers.get('Content-Type') ?? ''), size: bytes.length, isCut,
        };
    } catch (error) {
        if (signal.aborted) {
            throw error;
        }
        return unread('OFFLINE', started);
    }
}
