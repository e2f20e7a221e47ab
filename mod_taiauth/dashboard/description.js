// An OpenAPI 3 description: fetched, checked, and made into a list of operations. All of it is untrusted.

import {readOperation} from './operation.js';
import {entriesOf, isObject, resolver, shown, textOf} from './untrusted.js';

/** Why a description cannot be used; for people. */
export class DescriptionError extends Error {}

// TRACE is left out: no browser sends it.
const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'];

/** @throws {DescriptionError} */
function demandOpenApi(document) {
    if (!isObject(document) || Array.isArray(document)) {
        throw new DescriptionError('It is JSON, but no object.');
    }
    if (document.swagger !== undefined) {
        throw new DescriptionError(`It is Swagger ${shown(document.swagger)}. This page reads OpenAPI 3; there are tools that convert it.`);
    }
    if (!/^3\.\d/.test(textOf(document.openapi))) {
        throw new DescriptionError('It is JSON, but no OpenAPI 3 description: "openapi" is not "3.0" or higher.');
    }
}

/**
 * @param {any} document  parsed JSON
 * @param {string} address  where it comes from: servers may be relative to it
 * @returns {{title: string, operations: import('./operation.js').Operation[]}}
 * @throws {DescriptionError}
 */
export function readDescription(document, address) {
    demandOpenApi(document);
    const resolve = resolver(document);
    const items = entriesOf(document.paths).filter(([path]) => path.startsWith('/')).map(([path, item]) => [path, resolve(item)]);
    const operations = items.filter(([, item]) => isObject(item)).flatMap(([path, item]) =>
        METHODS.filter((method) => isObject(item[method])).map((method) => readOperation(document, address, resolve, [path, item], method)));
    if (operations.length === 0) {
        throw new DescriptionError('It describes no operation.');
    }
    return {title: textOf(document.info?.title), operations};
}

/**
 * @param {string} address
 * @param {AbortSignal} signal
 * @returns {Promise<{title: string, operations: import('./operation.js').Operation[]}>}
 * @throws {DescriptionError} what is wrong with it; for people
 */
export async function loadDescription(address, signal) {
    let response;
    try {
        response = await fetch(address, {signal, credentials: 'same-origin', headers: {Accept: 'application/json'}});
    } catch {
        throw new DescriptionError('It could not be fetched.');
    }
    if (!response.ok) {
        throw new DescriptionError(response.status === 404 ? 'It is not there.' : `The server answered with status ${response.status}.`);
    }
    let document;
    try {
        document = await response.json();
    } catch {
        throw new DescriptionError('It is not JSON. One that is written in YAML has to be converted first.');
    }
    return readDescription(document, response.url);
}
