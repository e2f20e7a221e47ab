import assert from 'node:assert/strict';
import {test} from 'node:test';
import {pageModule, sourceText} from './page.mjs';

const {explain} = await pageModule('refusals.js');
const {envelopeTexts, readRefusal} = await pageModule('dialects.js');
const {actionOf, actorText, detailParts} = await pageModule('actions.js');

// name, status and text of every code, as the server has them.
const codes = [...sourceText('mod_taiauth/core/verdict.h').replace(/\\\n/g, '')
    .matchAll(/\bX\(([A-Z_]+), (\d+), "[^"]*",\s*(?:NULL|"([^"]*)")\)/g)].map(([, code, status, text]) => ({code, status: Number(status), text}))
    .filter(({code}) => code !== 'ADMITTED');

const unknown = explain({status: 0, code: 'NO_SUCH_CODE'});

test('the server has codes', () => {
    assert.ok(codes.length > 15 && codes.some(({text}) => text), JSON.stringify(codes));
});

for (const {code, status} of codes) {
    test(`${code} is explained, with a means and a todo of its own`, () => {
        const {means, todo} = explain({status: 0, code});
        assert.ok(means.length > 20 && todo.length > 10);
        assert.notDeepEqual({means, todo}, unknown);
        assert.ok(status >= 400);
    });
}

test('codes that are names of what every object has are not found', () => {
    for (const code of ['constructor', '__proto__', 'toString']) {
        assert.deepEqual(explain({status: 418, code}), explain({status: 418}));
    }
});

test('numbers and names of the answer are in the words', () => {
    assert.match(explain({status: 429, code: 'RATE_LIMITED', retryAfter: 37}).todo, /^Wait 37 s,/);
    assert.match(explain({status: 429, code: 'LOCKED_OUT', retryAfter: 893}).todo, /^Wait 15 min\./, 'seconds are for programs');
    assert.match(explain({status: 403, code: 'INSUFFICIENT_SCOPE', scope: 'programs:write'}).means, /does not have the scope programs:write\.$/);
    assert.match(explain({status: 403, code: 'INSUFFICIENT_SCOPE', message: 'This action requires the "a:b" scope.'}).means, /the scope a:b\./);
    const plan = explain({status: 403, code: 'INSUFFICIENT_SCOPE', message: 'The "a:b" scope requires a Claimed or Pro plan.'});
    assert.match(plan.means, /has the scope a:b, but the plan/);
    assert.doesNotMatch(plan.todo, /Create another key/);
    assert.match(explain({status: 405, allow: 'GET, HEAD'}).todo, /GET, HEAD/);
    assert.match(explain({status: 0, code: 'OFFLINE', elsewhere: 'https://api.example.com'}).means, /https:\/\/api\.example\.com/);
});

test('answers of others are explained by their status', () => {
    for (const status of [301, 400, 401, 403, 404, 405, 406, 409, 413, 415, 418, 422, 429, 500, 501, 502, 503, 504]) {
        assert.ok(explain({status}).means, String(status));
    }
    assert.deepEqual(explain({status: 501}), explain({status: 500}));
});

// ---- the three forms ---------------------------------------------------------------------------

function read(status, body, headers = {}, retryAfter = null) {
    return readRefusal({status, headers: new Headers(headers), body: typeof body === 'string' ? body : JSON.stringify(body)}, retryAfter);
}

test('json and problem', () => {
    const json = read(429, {error: 'Rate limit exceeded: 5 requests per 60 seconds.', code: 'RATE_LIMITED', retry_after: 60}, {}, 60);
    assert.deepEqual([json.code, json.message, json.retryAfter], ['RATE_LIMITED', 'Rate limit exceeded: 5 requests per 60 seconds.', 60]);
    const problem = read(401, {type: 'urn:taiauth:problem:invalid_api_key', title: 'API key invalid', status: 401, detail: 'The API key is invalid.', code: 'INVALID_API_KEY'});
    assert.deepEqual([problem.code, problem.message], ['INVALID_API_KEY', 'The API key is invalid.']);
});

test('the envelope: by the challenge, by its text, by the status', () => {
    const scope = read(200, {errors: ['This action requires the "programs:write" scope.'], data: []},
        {'WWW-Authenticate': 'ApiKey realm="API", header="apikey", error="insufficient_scope", scope="programs:write"'});
    assert.deepEqual([scope.code, scope.scope], ['INSUFFICIENT_SCOPE', 'programs:write']);
    assert.equal(read(401, {errors: ['The API key is invalid.'], data: []}).code, 'INVALID_API_KEY');
    assert.equal(read(429, {errors: ['Rate limit exceeded: 5 requests per 60 seconds.'], data: []}).code, 'RATE_LIMITED');
    assert.equal(read(401, {errors: ['Worded anew.'], data: []}).code, undefined);
});

test('errors of the application in an envelope are its own', () => {
    assert.deepEqual([read(200, {errors: ['The member "name" is missing.'], data: []}).code], ['ERRORS']);
    assert.equal(read(200, {errors: [{message: 'No such field.'}], data: null}).message, 'No such field.');
});

test('no refusal', () => {
    for (const body of [{errors: [], data: []}, {programs: []}, {code: 'A', error: null}, '', 'text', 'null', '[]', '"x"', '{']) {
        assert.equal(read(200, body), null, JSON.stringify(body));
    }
    assert.equal(readRefusal({status: 200, headers: new Headers(), body: null}), null, 'binary');
});

test('a status without anything that can be read is one all the same', () => {
    for (const body of ['<html>', 'null', '[]', '{"code": 7, "error": {}}', '']) {
        assert.deepEqual([read(500, body).code, read(500, body).message], [undefined, undefined], body);
    }
});

test('every text that the server always words alike is known in the envelope', () => {
    const about = codes.slice(0, codes.findIndex(({code}) => code === 'BAD_REQUEST')).filter(({text}) => text);
    assert.deepEqual(envelopeTexts, Object.fromEntries(about.map(({code, text}) => [text, code])));
});

// ---- the audit log -----------------------------------------------------------------------------

test('every action that is recorded has words', () => {
    const actions = [...sourceText('mod_taiauth/core/store_audit.h').matchAll(/\bX\([A-Z_]+, "([a-z.]+)"\)/g)].map(([, action]) => action);
    assert.ok(actions.length > 15);
    assert.deepEqual(actions.filter((action) => actionOf(action).text === action), []);
    assert.equal(actionOf('constructor').text, 'constructor');
});

// As much of a document as a name within a sentence takes.
class Element {
    children = [];

    append(...added) {
        this.children.push(...added);
    }
}

/** What is told of a line of the audit log; names in brackets. */
function told(action, detail) {
    globalThis.Node = Element;
    globalThis.document = {createElement: () => new Element(), createTextNode: (text) => text};
    const parts = detailParts({action, detail}, (id) => (id === 'key_2' ? 'new one' : id));
    return parts.map((part) => (part instanceof Element ? `[${part.children.join('')}]` : part)).join('');
}

test('details with names in place of ids', () => {
    assert.equal(told('key.rename', 'name: a -> b'), 'from “[a]” to “[b]”');
    assert.equal(told('key.create', 'name: a -> b'), '“[a -> b]”');
    assert.equal(told('account.plan', 'plan: free -> pro'), 'from [free] to [pro]');
    assert.equal(told('key.roll', 'new: key_2, grace: 86400 s'), 'followed by [new one]; works for 1 day more');
    assert.equal(told('key.roll', 'new: key_3, grace: 0 s'), 'followed by [key_3]; ended at once');
    assert.equal(told('key.revoke', 'replaced by key_2'), 'replaced by [new one]');
    assert.equal(told('login.failed', 'wrong password'), 'wrong password');
    assert.equal(told('toString', 'x'), 'x');
    assert.equal(told('key.revoke', null), '');
});

test('what a name has in it is not taken for what stands between names', () => {
    for (const detail of ['name: a -> b -> c', 'name: a -> -> b', 'name: a->b -> c', 'name: a -> b->c']) {
        assert.equal(told('key.rename', detail), detail);
    }
    assert.equal(told('key.rename', 'name: a -> b”; works for 7 days more “c'), 'from “[a]” to “[b”; works for 7 days more “c]”');
});

test('who has done it', () => {
    assert.equal(actorText('operator:root'), 'Operator (root)');
    assert.equal(actorText('alice'), 'alice');
});
