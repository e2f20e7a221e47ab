// One operation of an OpenAPI description, made into what the page asks of it.

import {exampleOf, namedValue, typeOf} from './example.js';
import {readSecurity} from './security.js';
import {entriesOf, isObject, listOf, shown, textOf} from './untrusted.js';

// ---- servers -----------------------------------------------------------------------------------

const LOOPBACK = /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Whether a key may go there: what is not encrypted everybody on the way can read. */
function isSafe({protocol, hostname, origin}, address) {
    return protocol === 'https:' || (protocol === 'http:' && (LOOPBACK.test(hostname) || origin === new URL(address).origin));
}

/** Where the operation is; null: nowhere that a page can ask. */
function readServer(server, address) {
    const variables = Object.fromEntries(entriesOf(server?.variables));
    const filled = textOf(server?.url).replace(/\{([^{}]*)\}/g, (all, name) => shown(variables[name]?.default));
    if (filled === '' || !URL.canParse(filled, address)) {
        return null;
    }
    const url = new URL(filled, address);
    const isUsable = isSafe(url, address) && url.username === '' && url.password === '';
    return isUsable ? {url: url.origin + url.pathname.replace(/\/+$/, ''), title: textOf(server.description)} : null;
}

function readServers(lists, address) {
    const declared = lists.map(listOf).find((list) => list.length > 0) ?? [{url: '/'}];
    return declared.map((server) => readServer(server, address)).filter(Boolean);
}

// ---- parameters and body -----------------------------------------------------------------------

function readParameter(parameter, resolve) {
    const schema = resolve(parameter.schema) ?? {};
    const example = parameter.example ?? resolve(entriesOf(parameter.examples)[0]?.[1])?.value ?? namedValue(schema);
    return {
        name: parameter.name,
        place: parameter.in,
        isRequired: parameter.required === true || parameter.in === 'path',
        title: textOf(parameter.description) || textOf(schema.description),
        type: typeOf(schema) ?? 'string',
        format: textOf(schema.format),
        choices: listOf(schema.enum).map(shown),
        minimum: typeof schema.minimum === 'number' ? schema.minimum : undefined,
        maximum: typeof schema.maximum === 'number' ? schema.maximum : undefined,
        isExploded: parameter.explode !== false,
        example: shown(example),
    };
}

// The standard says that parameters of these names are to be ignored.
const NOT_PARAMETERS = /^(accept|content-type|authorization)$/i;

/** What stands in braces in a path has to be filled in, declared or not. */
function namesIn(path) {
    return [...path.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => name);
}

/**
 * Those of the operation, and of its path where the operation has none of that name.
 * @param {{name: string}[]} headers  that secrets go in, for which there are fields without them
 */
function readParameters(path, operation, item, headers, resolve) {
    const isTaken = ({name}) => NOT_PARAMETERS.test(name) || headers.some((header) => header.name.toLowerCase() === name.toLowerCase());
    const undeclared = namesIn(path).map((name) => ({name, in: 'path'}));
    const byName = new Map([...undeclared, ...listOf(item.parameters), ...listOf(operation.parameters)].map(resolve)
        .filter((parameter) => textOf(parameter?.name) && ['path', 'query', 'header'].includes(parameter.in))
        .filter((parameter) => parameter.in !== 'header' || !isTaken(parameter))
        .filter((parameter) => parameter.in !== 'path' || namesIn(path).includes(parameter.name))
        .map((parameter) => [`${parameter.in} ${parameter.name}`, parameter]));
    return [...byName.values()].map((parameter) => readParameter(parameter, resolve));
}

function bodyExample(media, resolve) {
    return media.example ?? resolve(entriesOf(media.examples)[0]?.[1])?.value ?? exampleOf(media.schema, resolve);
}

/** The body's type, JSON where there is a choice, and something to start from; null: none. */
function readBody(requestBody, resolve) {
    const body = resolve(requestBody);
    const types = entriesOf(body?.content);
    const [type, media] = types.find(([name]) => isJson(name)) ?? types[0] ?? [];
    if (type === undefined) {
        return null;
    }
    const example = bodyExample(isObject(media) ? media : {}, resolve);
    return {
        type, isRequired: body.required === true,
        text: isJson(type) ? JSON.stringify(example ?? {}, null, 2) : shown(example),
    };
}

/** application/json, and others that are JSON by their suffix. */
export function isJson(type) {
    return /^[\w.+-]+\/([\w.+-]+\+)?json\s*(;|$)/i.test(type);
}

// ---- operations --------------------------------------------------------------------------------

/**
 * @typedef {Object} Parameter
 * @property {string} name
 * @property {'path'|'query'|'header'} place
 * @property {boolean} isRequired
 * @property {string} title
 * @property {string} type  of JSON Schema
 * @property {string} format  'date'
 * @property {string[]} choices  none: anything goes
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {boolean} isExploded  a list is sent as the same name again and again
 * @property {string} example
 */

/**
 * @typedef {Object} Operation
 * @property {string} method  'GET'
 * @property {string} path  '/programs/{id}'
 * @property {string} group  its first tag, else the first part of its path
 * @property {string} summary
 * @property {string} details
 * @property {boolean} isDeprecated
 * @property {{url: string, title: string}[]} servers  absolute, without a slash at the end
 * @property {{name: string, prefix: string, title: string}[]} headers  that secrets go in
 * @property {string[]} scopes
 * @property {boolean} isBeyondHeaders  it asks for what this page does not send: a key in the address, a cookie
 * @property {Parameter[]} parameters
 * @property {{type: string, isRequired: boolean, text: string}|null} body
 */

export function readOperation(document, address, resolve, [path, item], method) {
    const operation = item[method];
    const schemes = isObject(document.components?.securitySchemes) ? document.components.securitySchemes : {};
    const security = readSecurity(operation.security ?? document.security, schemes, resolve);
    return {
        method: method.toUpperCase(),
        path,
        group: textOf(listOf(operation.tags)[0]) || path.split('/')[1] || '/',
        summary: textOf(operation.summary) || textOf(item.summary),
        details: textOf(operation.description) || textOf(item.description),
        isDeprecated: operation.deprecated === true,
        servers: readServers([operation.servers, item.servers, document.servers], address),
        ...security,
        parameters: readParameters(path, operation, item, security.headers, resolve),
        body: method === 'get' || method === 'head' ? null : readBody(operation.requestBody, resolve),
    };
}
