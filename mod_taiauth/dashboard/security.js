// What an OpenAPI description says of keys: the headers that they go in, and the scopes that they need.

import {entriesOf, listOf, textOf} from './untrusted.js';

/** A scheme's header, and what stands in it before the secret; null: it is no header. */
function readScheme(scheme) {
    const type = scheme?.type;
    const title = textOf(scheme?.description);
    if (type === 'apiKey' && scheme.in === 'header' && textOf(scheme.name)) {
        return {name: textOf(scheme.name), prefix: '', title};
    }
    const isBearer = type === 'oauth2' || type === 'openIdConnect' || (type === 'http' && /^bearer$/i.test(scheme.scheme));
    return isBearer ? {name: 'Authorization', prefix: 'Bearer ', title} : null;
}

/** One of the ways in, of which the operation asks for any: all of its headers; null: one that needs more than headers. */
function readWay(requirement, schemes, resolve) {
    const parts = entriesOf(requirement).map(([name, scopes]) => ({
        header: Object.hasOwn(schemes, name) ? readScheme(resolve(schemes[name])) : null,
        scopes: listOf(scopes).map(textOf).filter(Boolean),
    }));
    return parts.some(({header}) => header === null) ? null : {
        headers: parts.map(({header}) => header),
        scopes: [...new Set(parts.flatMap(({scopes}) => scopes))],
    };
}

/**
 * Of several ways in the first that has headers.
 * @returns {{headers: {name: string, prefix: string, title: string}[], scopes: string[], isBeyondHeaders: boolean}}
 */
export function readSecurity(requirements, schemes, resolve) {
    const ways = listOf(requirements).map((requirement) => readWay(requirement, schemes, resolve));
    const usable = ways.filter(Boolean);
    return {
        ...(usable.find(({headers}) => headers.length > 0) ?? {headers: [], scopes: []}),
        isBeyondHeaders: ways.length > 0 && usable.length === 0,
    };
}

/**
 * Whether a key is good for an operation.
 * @param {import('./operation.js').Operation} operation
 * @param {{name: string, value: string}[]} secrets  the key, and its token if it has one
 * @param {string[]} scopes  that it has
 */
export function suits({headers, scopes: needed}, secrets, scopes) {
    return headers.length === secrets.length && needed.every((scope) => scopes.includes(scope));
}
