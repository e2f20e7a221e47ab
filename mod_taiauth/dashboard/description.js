// An OpenAPI 3 description: fetched, checked, and made into a list of operations. All of it is untrusted.

import {readOperation} from './operation.js';
import {readBytes} from './request.js';
import {count, number} from './times.js';
import {entriesOf, isObject, resolver, shown, textOf} from './untrusted.js';

/** Why a description cannot be used; for people. */
export class DescriptionError extends Error {}

const MIB = 1024 * 1024;

// Beyond what the largest public APIs have, and within what a browser lays out in a second.
const BYTES_MAX = 16 * MIB;
const OPERATIONS_MAX = 10000;

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

/** The operations that there are, as they stand: path, its item, method. */
function operationsIn(document, resolve) {
    const items = entriesOf(document.paths).filter(([path]) => path.startsWith('/')).map(([path, item]) => [path, resolve(item)]);
    return items.filter(([, item]) => isObject(item)).flatMap(([path, item]) =>
        METHODS.filter((method) => isObject(item[method])).map((method) => [path, item, method]));
}

/** @throws {DescriptionError} */
function demandSomeOperations({length}) {
    if (length === 0) {
        throw new DescriptionError('It describes no operation.');
    }
    if (length > OPERATIONS_MAX) {
        throw new DescriptionError(`It describes ${count(length, 'operation')}; this page shows ${number(OPERATIONS_MAX)} at most.`);
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
    const found = operationsIn(document, resolve);
    demandSomeOperations(found);
    const operations = found.map(([path, item, method]) => {
        try {
            return readOperation(document, address, resolve, [path, item], method);
        } catch (error) {
            // A RangeError, say, of what is nested too deep.
            throw new DescriptionError(`${method.toUpperCase()} ${path} cannot be read: ${error.message}.`);
        }
    });
    return {title: textOf(document.info?.title), operations};
}

/** @throws {DescriptionError} */
async function fetched(address, signal) {
    try {
        const response = await fetch(address, {signal, credentials: 'same-origin', headers: {Accept: 'application/json'}});
        return {response, ...await readBytes(response, BYTES_MAX)};
    } catch {
        throw new DescriptionError('It could not be fetched.');
    }
}

/** @throws {DescriptionError} */
function readJson(bytes) {
    try {
        return JSON.parse(new TextDecoder().decode(bytes));
    } catch {
        throw new DescriptionError('It is not JSON. One that is written in YAML has to be converted first.');
    }
}

/**
 * @param {string} address
 * @param {AbortSignal} signal
 * @returns {Promise<{title: string, operations: import('./operation.js').Operation[]}>}
 * @throws {DescriptionError} what is wrong with it; for people
 */
export async function loadDescription(address, signal) {
    const {response, bytes, isCut} = await fetched(address, signal);
    if (!response.ok) {
        throw new DescriptionError(response.status === 404 ? 'It is not there.' : `The server answered with status ${response.status}.`);
    }
    if (isCut) {
        throw new DescriptionError(`It is larger than ${BYTES_MAX / MIB} MiB.`);
    }
    return readDescription(readJson(bytes), response.url);
}
