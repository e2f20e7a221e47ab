// An example of what a JSON Schema describes, to start a body from.

import {entriesOf, isObject, listOf} from './untrusted.js';

// A schema may contain itself, and may be made to grow without end.
const DEPTH_MAX = 8;
const NODES_MAX = 500;
const PARTS_MAX = 64;

const BY_TYPE = {string: '', integer: 0, number: 0, boolean: false, null: null};

const BY_FORMAT = {
    date: '2026-01-31', 'date-time': '2026-01-31T12:00:00Z', email: 'name@example.com',
    uuid: '00000000-0000-4000-8000-000000000000',
};

/** The value that the schema itself names; undefined: none. */
export function namedValue(schema) {
    return [schema.example, schema.examples?.[0], schema.default, schema.const, schema.enum?.[0]].find((value) => value !== undefined);
}

/** The one that it may be but for null. */
export function typeOf(schema) {
    const types = [schema.type].flat().filter((type) => typeof type === 'string');
    return types.find((type) => type !== 'null') ?? types[0] ?? (schema.properties ? 'object' : schema.items ? 'array' : undefined);
}

function firstChoice(schema) {
    return [schema.oneOf, schema.anyOf].find(Array.isArray)?.[0];
}

/**
 * @param {any} schema
 * @param {(node: any) => any} resolve  references
 * @returns {any} what JSON can hold; null where the schema says nothing
 */
export function exampleOf(schema, resolve) {
    let left = NODES_MAX;

    function build(node, depth) {
        const at = resolve(node);
        left -= 1;
        if (!isObject(at) || depth > DEPTH_MAX || left < 0) {
            return null;
        }
        const named = namedValue(at);
        if (named !== undefined) {
            return named;
        }
        return firstChoice(at) === undefined ? byType(at, depth) : build(firstChoice(at), depth + 1);
    }

    function byType(at, depth) {
        const type = at.allOf ? 'object' : typeOf(at);
        if (type === 'object') {
            return object(properties(at, depth), depth);
        }
        return type === 'array' ? [build(at.items, depth + 1)] : BY_FORMAT[at.format] ?? BY_TYPE[type] ?? null;
    }

    /** Those of all its parts. */
    function properties(at, depth) {
        const all = Object.create(null);
        for (const part of depth < DEPTH_MAX ? listOf(at.allOf).slice(0, PARTS_MAX) : []) {
            const found = resolve(part);
            left -= 1;
            Object.assign(all, isObject(found) && left > 0 ? properties(found, depth + 1) : {});
        }
        return Object.assign(all, Object.fromEntries(entriesOf(at.properties).slice(0, NODES_MAX)));
    }

    function object(members, depth) {
        const writable = Object.entries(members).filter(([, member]) => resolve(member)?.readOnly !== true);
        return Object.fromEntries(writable.flatMap(([name, member]) => (left > 0 ? [[name, build(member, depth + 1)]] : [])));
    }

    return build(schema, 0);
}
