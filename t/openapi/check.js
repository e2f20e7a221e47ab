// Hold exchanges with a server against OpenAPI descriptions.
//
//   node check.js FOLDER NAME... <exchanges
//
// FOLDER holds the descriptions. Standard input is one exchange in each line, a JSON object:
//   description  the NAME it is held against
//   method, path with its query, below the server of the description
//   sent         the request body; absent: none
//   status, headers {name in lower case: value}, body
//
// Prints one result in each line: {"name": ..., "ok": ..., "why": ...}. Everything that a description
// lists - each status of each call, in each media type, with each code - must have been seen once, and
// everything that was seen must be in the description.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

const [folder, ...names] = process.argv.slice(2);

function result(name, why) {
    console.log(JSON.stringify({ name, ok: !why, why: why || undefined }));
}

// --- descriptions -----------------------------------------------------------------------------------

const documents = new Map();

function load(name) {
    if (!documents.has(name)) {
        documents.set(name, parse(readFileSync(join(folder, name), 'utf8')));
    }
    return documents.get(name);
}

function lookUp(reference, document) {
    const [file, pointer] = reference.split('#');
    const name = file || document;
    const target = pointer.split('/').slice(1).reduce((node, step) => node?.[step], load(name));
    if (target === undefined) {
        throw new Error(`${document}: nothing is at ${reference}`);
    }
    return resolve(target, name);
}

// The same without references. There is no circle in them.
function resolve(node, document) {
    if (Array.isArray(node)) {
        return node.map((item) => resolve(item, document));
    }
    if (node === null || typeof node !== 'object') {
        return node;
    }
    const { $ref, ...own } = node;
    const members = Object.entries(own).map(([name, value]) => [name, resolve(value, document)]);
    return { ...($ref ? lookUp($ref, document) : {}), ...Object.fromEntries(members) };
}

// A client may be sent more than a description says some day. Here nothing may come unannounced.
function close(schema, partOfAnother = false) {
    if (schema === null || typeof schema !== 'object') {
        return schema;
    }
    const closed = { ...schema };
    for (const list of ['oneOf', 'prefixItems']) {
        closed[list] &&= closed[list].map((one) => close(one));
    }
    closed.items &&= close(closed.items);
    closed.allOf &&= closed.allOf.map((one) => close(one, true));
    if (closed.properties) {
        closed.properties = Object.fromEntries(
            Object.entries(closed.properties).map(([name, one]) => [name, close(one)]));
    }
    if (!partOfAnother && (closed.properties || closed.allOf)) {
        closed.unevaluatedProperties = false;
    }
    return closed;
}

// --- schemas ----------------------------------------------------------------------------------------

const ajv = addFormats(new Ajv({ allErrors: true, strictTypes: false, strictRequired: false }));

// Why a value is not of a schema; '' where it is.
function mismatch(schema, value) {
    const validate = ajv.compile(schema);
    return validate(value) ? '' : ajv.errorsText(validate.errors, { separator: '\n' });
}

function decoded(text) {
    try {
        return JSON.parse(text);
    } catch {
        return undefined;
    }
}

// --- examples ---------------------------------------------------------------------------------------

// Those of a description as it stands there, each as [where, schema, value].
function* examples(node, where) {
    if (node === null || typeof node !== 'object') {
        return;
    }
    if (Array.isArray(node.examples)) {
        const { examples: values, ...schema } = node;
        for (const value of values) {
            yield [where, schema, value];
        }
    }
    if (node.schema && 'example' in node) {
        yield [where, node.schema, node.example];
    }
    for (const [name, child] of Object.entries(node)) {
        if (name !== 'example' && name !== 'examples') {
            yield* examples(child, `${where}/${name}`);
        }
    }
}

function checkExamples(name) {
    for (const [where, schema, value] of examples(load(name).components, '')) {
        result(`${name}: the example at ${where}`, mismatch(close(resolve(schema, name)), value));
    }
}

// --- calls ------------------------------------------------------------------------------------------

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

function pathOf(description, path) {
    const below = path.split('?')[0];
    return Object.keys(description.paths).find((template) =>
        new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(below));
}

function codesOf(schema) {
    const code = [schema, ...(schema.allOf ?? [])].map((one) => one.properties?.code)
        .find((one) => one?.const || one?.enum);
    return code ? code.enum ?? [code.const] : undefined;
}

// What has to be seen of an answer: each of its codes, else each of the forms that it may have.
function formsOf(schema) {
    return codesOf(schema) ?? (schema.oneOf ? schema.oneOf.map((one, i) => `form ${i + 1}`) : ['']);
}

function formOf(schema, value) {
    if (codesOf(schema)) {
        return value.code;
    }
    const i = schema.oneOf?.findIndex((one) => !mismatch(close(one), value));
    return schema.oneOf ? `form ${i + 1}` : '';
}

function label(...words) {
    return words.filter((word) => word !== '').join(' ');
}

// Everything that a description lists.
function* listed(description) {
    for (const [path, item] of Object.entries(description.paths)) {
        for (const method of methods.filter((one) => item[one])) {
            for (const [status, response] of Object.entries(item[method].responses)) {
                for (const [type, { schema }] of Object.entries(response.content)) {
                    for (const form of formsOf(schema)) {
                        yield label(method.toUpperCase(), path, status, type, form);
                    }
                }
            }
        }
    }
}

// --- exchanges --------------------------------------------------------------------------------------

const always = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'",
};

function* headerFaults(response, headers) {
    for (const [name, value] of Object.entries(always)) {
        if (headers[name] !== value) {
            yield `${name} is ${headers[name]}, not ${value}`;
        }
    }
    for (const [name, header] of Object.entries(response.headers ?? {})) {
        const value = headers[name.toLowerCase()];
        const why = value === undefined ? 'is absent' : mismatch(header.schema, value);
        if (why && (value !== undefined || header.required)) {
            yield `${name} ${why}`;
        }
    }
}

// A method that the path does not have: it is told which there are.
function* allowFaults(item, headers) {
    const described = methods.filter((one) => item[one]).map((one) => one.toUpperCase());
    const allowed = described.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one]));
    if ((headers.allow ?? '').split(', ').sort().join() !== allowed.sort().join()) {
        yield `Allow is ${headers.allow}, described are ${described}`;
    }
}

function requestFault(operation, exchange) {
    const schema = operation.requestBody?.content['application/json'].schema;
    const done = exchange.status < 300 && decoded(exchange.body)?.errors?.length !== 1;
    return done && schema ? mismatch(schema, decoded(exchange.sent)) : '';
}

// Hold one exchange against the description; returns what of it this is.
function check(description, exchange) {
    const path = pathOf(description, exchange.path);
    const item = description.paths[path];
    const operation = item?.[exchange.method.toLowerCase()];
    const unknown = item && !operation && exchange.status === 405;
    const response = unknown ? description.components.responses.MethodNotAllowed
        : operation?.responses[exchange.status];
    const type = (exchange.headers['content-type'] ?? '').split(';')[0];
    const schema = response?.content[type]?.schema;
    const name = label(exchange.method, path ?? exchange.path, exchange.status, type);
    if (!schema) {
        return [name, [`the description knows no such answer: ${exchange.body}`]];
    }
    const body = decoded(exchange.body);
    const faults = body === undefined ? ['the body is no JSON'] : [mismatch(close(schema), body)];
    faults.push(requestFault(operation ?? {}, exchange), ...headerFaults(response, exchange.headers));
    if (unknown) {
        faults.push(...allowFaults(item, exchange.headers));
    }
    return [label(name, body === undefined ? '' : formOf(schema, body)), faults.filter((one) => one)];
}

// --- the run ----------------------------------------------------------------------------------------

const exchanges = readFileSync(0, 'utf8').split('\n').filter((line) => line).map((line) => JSON.parse(line));

for (const name of names) {
    const description = resolve(load(name), name);
    const { valid, errors } = await new Validator().validate(structuredClone(description));
    result(`${name} is OpenAPI 3.1`, valid ? '' : JSON.stringify(errors, null, 1));
    checkExamples(name);

    const seen = new Set();
    for (const exchange of exchanges.filter((one) => one.description === name)) {
        const [what, faults] = check(description, exchange);
        seen.add(what);
        result(`${name}: ${what}`, faults.length ? `${faults.join('\n')}\n${exchange.body}` : '');
    }
    for (const what of listed(description)) {
        result(`${name}: seen: ${what}`, seen.has(what) ? '' : 'the walk never came here');
    }
}
