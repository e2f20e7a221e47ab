import assert from 'node:assert/strict';
import {test} from 'node:test';
import {pageModule, sourceText} from './page.mjs';

const {DescriptionError, loadDescription, readDescription} = await pageModule('description.js');

const AT = 'https://api.example.com/docs/openapi.json';
const SCHEMES = {
    key: {type: 'apiKey', in: 'header', name: 'X-API-Key'},
    token: {type: 'apiKey', in: 'header', name: 'x-ts-authorization'},
    bearer: {type: 'http', scheme: 'Bearer'},
    query: {type: 'apiKey', in: 'query', name: 'key'},
};

function read(members) {
    return readDescription({openapi: '3.1.0', info: {title: 'T'}, components: {securitySchemes: SCHEMES}, ...members}, AT).operations;
}

/** The one operation of a description that has no other. */
function one(operation, {path = '/things', method = 'get', ...members} = {}) {
    return read({paths: {[path]: {[method]: operation}}, ...members})[0];
}

// ---- what cannot be used -----------------------------------------------------------------------

for (const [document, text] of [
    [null, /no object/], [[], /no object/], ['x', /no object/], [{}, /no OpenAPI 3/], [{openapi: '2.0'}, /no OpenAPI 3/], [{openapi: 3}, /no OpenAPI 3/],
    [{swagger: '2.0', paths: {}}, /Swagger 2\.0/], [{openapi: '3.0.0'}, /no operation/], [{openapi: '3.1.0', paths: {'/a': {get: 7}, b: {get: {}}}}, /no operation/],
]) {
    test(`cannot be used: ${JSON.stringify(document)}`, () => {
        assert.throws(() => readDescription(document, AT), (error) => error instanceof DescriptionError && text.test(error.message));
    });
}

test('what cannot be read is named', () => {
    const depth = 50000;
    const nested = JSON.parse('{"a":'.repeat(depth) + '1' + '}'.repeat(depth));
    const paths = {'/good': {get: {}}, '/bad': {post: {requestBody: {content: {'application/json': {example: nested}}}}}};
    assert.throws(() => read({paths}), (error) => error instanceof DescriptionError && /^POST \/bad cannot be read: .+\.$/.test(error.message));
});

test('more operations than a page can show', () => {
    const paths = (length) => Object.fromEntries(Array.from({length}, (_, i) => [`/p${i}`, {get: {}}]));
    assert.equal(read({paths: paths(10000)}).length, 10000);
    assert.throws(() => read({paths: paths(10001)}), (error) => error instanceof DescriptionError && /at most/.test(error.message));
});

test('fetched: as far as it is of a size that can be shown', async (t) => {
    const answered = async (body) => {
        t.mock.method(globalThis, 'fetch', async () => Object.defineProperty(new Response(body), 'url', {value: AT}));
        return loadDescription(AT, new AbortController().signal);
    };
    const text = JSON.stringify({openapi: '3.0.0', paths: {'/a': {get: {}}}});
    assert.equal((await answered(text)).operations[0].path, '/a');
    for (const [body, wanted] of [[text + ' '.repeat(16 * 1024 * 1024), /^It is larger than 16 MiB\.$/], ['openapi: 3.0.0', /^It is not JSON/]]) {
        await assert.rejects(answered(body), (error) => error instanceof DescriptionError && wanted.test(error.message));
    }
});

test('members of the wrong kind count as absent', () => {
    for (const wrong of [null, 7, 'x', true, [null], [7], {a: null}, {a: 7}]) {
        const operation = {
            tags: wrong, summary: wrong, description: wrong, parameters: wrong, requestBody: wrong, security: wrong, servers: wrong,
        };
        const {operations} = readDescription({
            openapi: '3.0.3', info: wrong, servers: wrong, security: wrong, components: wrong,
            paths: {'/a': {post: operation, parameters: wrong, servers: wrong}, '/b': wrong},
        }, AT);
        assert.equal(operations[0].method, 'POST', JSON.stringify(wrong));
    }
});

// ---- operations --------------------------------------------------------------------------------

test('method, path, group, words', () => {
    const operations = read({paths: {
        '/a/b': {summary: 'Of the path', get: {}, post: {tags: ['Tagged', 'more'], summary: ' Words ', deprecated: true}, trace: {}},
    }});
    assert.deepEqual(operations.map(({method, path, group, summary, isDeprecated}) => [method, path, group, summary, isDeprecated]),
        [['GET', '/a/b', 'a', 'Of the path', false], ['POST', '/a/b', 'Tagged', 'Words', true]]);
});

test('servers: relative to the description, with variables, the nearest list', () => {
    const urls = ({servers}) => servers.map(({url}) => url);
    assert.deepEqual(urls(one({})), ['https://api.example.com']);
    assert.deepEqual(urls(one({}, {servers: [{url: '../v2/'}, {url: 'https://{place}.example.org:{port}/v1',
        variables: {place: {default: 'eu'}, port: {default: 8443}}}]})), ['https://api.example.com/v2', 'https://eu.example.org:8443/v1']);
    assert.deepEqual(urls(one({servers: [{url: '/own'}]}, {servers: [{url: '/other'}]})), ['https://api.example.com/own']);
    for (const url of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'https://user:secret@example.com/', 'https://user@example.com/', 'https://[', '',
        'http://api.example.com/', 'http://localhost.example.com/', 'http://127.example.com/', 'ws://localhost/']) {
        assert.deepEqual(urls(one({}, {servers: [{url}]})), [], url);
    }
    for (const url of ['http://localhost:8080', 'http://api.localhost', 'http://127.0.0.1:8080', 'http://[::1]']) {
        assert.deepEqual(urls(one({}, {servers: [{url}]})), [url], url);
    }
});

test('security: the first way that has headers, its scopes', () => {
    const brief = ({headers, scopes, isBeyondHeaders}) => [headers.map(({name, prefix}) => prefix + name), scopes, isBeyondHeaders];
    assert.deepEqual(brief(one({security: [{key: ['a:read', 'a:write']}]})), [['X-API-Key'], ['a:read', 'a:write'], false]);
    assert.deepEqual(brief(one({security: [{key: ['a'], token: []}]})), [['X-API-Key', 'x-ts-authorization'], ['a'], false]);
    assert.deepEqual(brief(one({security: [{query: []}, {}, {bearer: ['b']}]})), [['Bearer Authorization'], ['b'], false]);
    assert.deepEqual(brief(one({}, {security: [{key: ['of all']}]})), [['X-API-Key'], ['of all'], false]);
    assert.deepEqual(brief(one({security: []}, {security: [{key: []}]})), [[], [], false]);
    assert.deepEqual(brief(one({security: [{query: []}]})), [[], [], true]);
    assert.deepEqual(brief(one({security: [{toString: []}]})), [[], [], true]);
});

test('a header that the key goes in is no parameter besides', () => {
    const {parameters} = one({security: [{key: []}], parameters: [{name: 'x-api-key', in: 'header'}, {name: 'X-API-Key', in: 'query'}]});
    assert.deepEqual(parameters.map(({name, place}) => [name, place]), [['X-API-Key', 'query']]);
});

test('parameters: those of the operation before those of the path, of the template where it declares none', () => {
    const {operations: [{parameters}]} = readDescription({openapi: '3.0.0', paths: {'/a/{id}/{other}': {
        parameters: [{name: 'id', in: 'path', required: true, schema: {type: 'string'}}, {name: 'q', in: 'query', schema: {type: 'string'}}],
        get: {parameters: [
            {name: 'id', in: 'path', required: true, schema: {type: 'integer', minimum: 1}, example: 7}, {$ref: '#/components/parameters/page'},
            {name: 'Authorization', in: 'header'}, {name: 'session', in: 'cookie'}, {name: 'nowhere', in: 'path'}, {name: 'X-Trace', in: 'header'},
        ]},
    }}, components: {parameters: {page: {name: 'page', in: 'query', schema: {type: ['integer', 'null'], enum: [1, 2]}, explode: false}}}}, AT);
    assert.deepEqual(parameters.map(({name, place, isRequired, type}) => [name, place, isRequired, type]), [
        ['id', 'path', true, 'integer'], ['other', 'path', true, 'string'], ['q', 'query', false, 'string'], ['page', 'query', false, 'integer'],
        ['X-Trace', 'header', false, 'string'],
    ]);
    assert.deepEqual([parameters[0].example, parameters[0].minimum, parameters[3].choices, parameters[3].isExploded], ['7', 1, ['1', '2'], false]);
});

// ---- bodies ------------------------------------------------------------------------------------

function bodyOf(media, components) {
    return one({requestBody: {required: true, content: {'text/plain': {}, 'application/json': media}}}, {method: 'post', components}).body;
}

test('a body: JSON where there is a choice, its example', () => {
    assert.deepEqual(bodyOf({example: {a: 1}}), {type: 'application/json', isRequired: true, text: '{\n  "a": 1\n}'});
    assert.equal(bodyOf({examples: {first: {value: [1]}, second: {value: 2}}}).text, '[\n  1\n]');
    assert.equal(one({requestBody: {content: {'text/csv': {example: 'a,b'}}}}, {method: 'post'}).body.text, 'a,b');
    assert.equal(one({requestBody: {content: {'application/json': {}}}}).body, null, 'none with GET');
});

test('a body without an example: made of its schema', () => {
    const schema = {
        allOf: [{$ref: '#/components/schemas/Base'}], properties: {
            name: {type: 'string', example: 'N'}, count: {type: 'integer'}, on: {type: ['null', 'boolean']}, day: {type: 'string', format: 'date'},
            kind: {enum: ['x', 'y']}, list: {type: 'array', items: {oneOf: [{type: 'number'}, {type: 'string'}]}}, made: {type: 'string', readOnly: true},
        },
    };
    const {text} = bodyOf({schema}, {schemas: {Base: {type: 'object', properties: {id: {const: 7}}}}});
    assert.deepEqual(JSON.parse(text), {id: 7, name: 'N', count: 0, on: false, day: '2026-01-31', kind: 'x', list: [0]});
});

// ---- references --------------------------------------------------------------------------------

test('references: escaped, in a chain, out of the document, round in circles', () => {
    const components = {
        schemas: {
            'a/b~c': {type: 'string', example: 'found'}, Chain: {$ref: '#/components/schemas/a~1b~0c'},
            Round: {$ref: '#/components/schemas/Trip'}, Trip: {$ref: '#/components/schemas/Round'}, Outside: {$ref: 'other.json#/a'},
            Proto: {$ref: '#/__proto__/toString'}, Bad: {$ref: '#/%zz'}, Odd: {$ref: 7},
        },
    };
    const members = ['Chain', 'Round', 'Outside', 'Proto', 'Bad', 'Odd'];
    const properties = Object.fromEntries(members.map((name) => [name, {$ref: `#/components/schemas/${name}`}]));
    assert.deepEqual(JSON.parse(bodyOf({schema: {properties}}, components).text),
        {Chain: 'found', Round: null, Outside: null, Proto: null, Bad: null, Odd: null});
});

test('schemas that contain themselves end, and so do those that grow', () => {
    const schemas = {
        Tree: {type: 'object', properties: {left: {$ref: '#/components/schemas/Tree'}, all: {type: 'array', items: {$ref: '#/components/schemas/Tree'}}}},
        Self: {allOf: [{$ref: '#/components/schemas/Self'}, {$ref: '#/components/schemas/Self'}], properties: {a: {type: 'string'}}},
        Wide: {properties: Object.fromEntries(Array.from({length: 40}, (_, i) => [`p${i}`, {$ref: '#/components/schemas/Wide'}]))},
        Choice: {oneOf: [{$ref: '#/components/schemas/Choice'}]},
    };
    for (const name of Object.keys(schemas)) {
        const {text} = bodyOf({schema: {$ref: `#/components/schemas/${name}`}}, {schemas});
        assert.ok(text.length < 100000, `${name}: ${text.length}`);
    }
});

test('of many parts, or of many members, as many as a body to start from needs', () => {
    const part = (i) => ({properties: {[`p${i}`]: {type: 'integer'}}});
    const parts = JSON.parse(bodyOf({schema: {allOf: Array.from({length: 5000}, (_, i) => part(i))}}).text);
    assert.equal(parts.p0, 0);
    assert.ok(Object.keys(parts).length < 1000);
    const members = JSON.parse(bodyOf({schema: {properties: Object.fromEntries(Array.from({length: 5000}, (_, i) => [`p${i}`, {}]))}}).text);
    assert.ok(Object.keys(members).length < 1000);
});

test('names that objects have are members like others', () => {
    const schema = JSON.parse('{"properties": {"__proto__": {"type": "string"}, "constructor": {"type": "integer"}}}');
    assert.deepEqual(Object.entries(JSON.parse(bodyOf({schema}).text)), [['__proto__', ''], ['constructor', 0]]);
});

// ---- the demo's own ----------------------------------------------------------------------------

test('the description of the demo API has each operation that its configuration has scopes for', () => {
    const {operations} = readDescription(JSON.parse(sourceText('conf/demo/htdocs/openapi.json')), AT);
    const configuration = sourceText('conf/demo/httpd.conf');
    const wanted = [...configuration.matchAll(/<Location (\/(?:v1|ts)\/\w+)>\n([^<]*)/g)].flatMap(([, path, lines]) =>
        [...lines.matchAll(/TaiAuthScope ([A-Z,]+) (\S+)/g)].flatMap(([, methods, scope]) => methods.split(',').map((method) => `${method} ${path} ${scope}`)));
    assert.equal(wanted.length, 18);
    assert.deepEqual(operations.map(({method, path, scopes}) => `${method} ${path} ${scopes.join()}`).sort(), wanted.sort());
    for (const {path, headers, body, method, details, scopes} of operations) {
        assert.deepEqual(headers.map(({name}) => name), path.startsWith('/v1') ? ['X-API-Key'] : ['apikey', 'x-ts-authorization'], path);
        assert.equal(body !== null, method === 'POST', path);
        assert.ok(details.includes(scopes[0]), path);
    }
});
