import assert from 'node:assert/strict';
import {createServer} from 'node:http';
import {after, before, test} from 'node:test';
import {pageModule} from './page.mjs';

const {BODY_MAX, addressOf, demandJson, demandNoSecret, fit, headerFault, headersOf, readHeaderLines, send} = await pageModule('request.js');
const {prettyJson} = await pageModule('prettyjson.js');

// ---- headers -----------------------------------------------------------------------------------

test('headers that may be sent', () => {
    for (const [name, value] of [['X-API-Key', 'tai_x'], ['Accept', 'text/csv; q=0.5'], ["!#$%&'*+-.^_`|~09azAZ", '\u00e9\t'], ['X-Secret', '']]) {
        assert.equal(headerFault(name, value), null, name);
    }
});

test('headers that may not, and why', () => {
    for (const [name, value, text] of [
        ['', 'x', /header name/], ['a b', 'x', /header name/], ['a:b', 'x', /header name/], ['\u00e9', 'x', /header name/], ['Cookie', 'x', /No page may set Cookie/],
        ['Host', 'x', /sets Host/], ['content-length', '1', /sets content-length/], ['Sec-Fetch-Site', 'x', /sets Sec/], ['Proxy-Authorization', 'x', /sets Proxy/],
        ['X-A', 'a\nb', /one line/], ['X-A', '\u2026', /Latin-1/], ['X-A', 'a\0', /one line/],
    ]) {
        assert.match(headerFault(name, value), text, name);
    }
});

test('pasted lines', () => {
    assert.deepEqual(readHeaderLines('X-API-Key: tai_1\r\n x-ts-authorization :tat_2 \n\nnothing'),
        [{name: 'X-API-Key', value: 'tai_1'}, {name: 'x-ts-authorization', value: 'tat_2'}]);
    assert.deepEqual(readHeaderLines('X-Time: 10:30'), [{name: 'X-Time', value: '10:30'}]);
    for (const none of ['tai_1', ': x', 'two words: x', `X-A: ${'x'.repeat(8192)}`]) {
        assert.deepEqual(readHeaderLines(none), [], none.slice(0, 20));
    }
});

// A pattern for a whole line found no match here, and took the longer the more blanks there were: half a minute for 15 KB.
test('pasted lines: separators that a pattern does not cross, among many blanks', () => {
    const value = `y\u2028${' y'.repeat(1000)}\u2028z`;
    assert.deepEqual(readHeaderLines(`a:${' '.repeat(1000)}\u2028${value}`), [{name: 'a', value}]);
});

test('secrets go to the headers that ask for them', () => {
    const key = {name: 'apikey', value: 'tai_1'};
    const token = {name: 'x-ts-authorization', value: 'tat_1'};
    assert.deepEqual(fit(['X-API-Key'], [key]), ['tai_1']);
    assert.deepEqual(fit(['X-TS-Authorization', 'ApiKey'], [key, token]), ['tat_1', 'tai_1']);
    assert.deepEqual(fit(['X-Key', 'X-Token'], [token, key]), ['tai_1', 'tat_1']);
    assert.deepEqual(fit(['x-ts-authorization', 'X-Key'], [key, token]), ['tat_1', 'tai_1']);
    assert.deepEqual(fit(['X-API-Key'], [key, token]), [''], 'a key with a token is good for two headers alone');
    assert.deepEqual(fit(['a', 'b'], [key]), ['', '']);
    assert.deepEqual(fit([], []), []);
});

// ---- address and body --------------------------------------------------------------------------

const ID = {name: 'id', place: 'path', type: 'string'};

function address(path, ...filled) {
    return addressOf('https://api.example.com/base', path, filled.map(([parameter, value]) => ({parameter, value}))).href;
}

test('parameters are escaped where they stand', () => {
    assert.equal(address('/a/{id}/b', [ID, 'x/../y?z#%{id}']), 'https://api.example.com/base/a/x%2F..%2Fy%3Fz%23%25%7Bid%7D/b');
    const query = {name: 'a[b]', place: 'query', type: 'string'};
    assert.equal(new URL(address('/a', [query, 'x&c=1'])).searchParams.get('a[b]'), 'x&c=1');
    assert.equal(address('/a', [query, '']), 'https://api.example.com/base/a');
    assert.equal(address('/a', [{name: 'h', place: 'header', type: 'string'}, 'x']), 'https://api.example.com/base/a');
});

test('lists', () => {
    const list = {name: 'l', place: 'query', type: 'array', isExploded: true};
    assert.equal(address('/a', [list, 'x, y,,']), 'https://api.example.com/base/a?l=x&l=y');
    assert.equal(address('/a', [{...list, isExploded: false}, 'x,y']), 'https://api.example.com/base/a?l=x%2Cy');
    assert.equal(address('/{l}', [{...list, place: 'path'}, 'x,y']), 'https://api.example.com/base/x,y');
});

test('a part of the path is something, and leads nowhere else', () => {
    for (const value of ['', '.', '..']) {
        assert.throws(() => address('/a/{id}', [ID, value]), ({part}) => part === 'parameter id', value);
    }
});

test('a list in the path leads nowhere else either', () => {
    for (const value of [',', '..,', ' .. ', ',.']) {
        assert.throws(() => address('/v1/{l}/x', [{name: 'l', place: 'path', type: 'array'}, value]), ({part}) => part === 'parameter l', value);
    }
});

test('parameters that are headers', () => {
    const filled = (name, value) => [{parameter: {name, place: 'header'}, value}, {parameter: ID, value: '7'}];
    assert.deepEqual(headersOf(filled('X-Trace', 'a')), [{name: 'X-Trace', value: 'a'}]);
    assert.deepEqual(headersOf(filled('Host', '')), []);
    for (const [name, value] of [['X Bad', 'x'], ['Cookie', 'x'], ['Host', 'x'], ['X-Trace', '\u2026']]) {
        assert.throws(() => headersOf(filled(name, value)), ({part, message}) => part === `parameter ${name}` && message === headerFault(name, value), name);
    }
});

test('no key, no token and nothing else that is secret stands in an address', () => {
    const random = 'A'.repeat(38);
    const imported = 'from-elsewhere-0123456789';
    for (const text of [`/v1/tai_${random}`, `/v1/programs?apikey=tat_${random}`, `x${imported}y`]) {
        assert.throws(() => demandNoSecret([{part: 'path', text}], [imported]), ({part, message}) => part === 'path' && /belongs in a header/.test(message), text);
    }
    assert.throws(() => demandNoSecret([{part: 'parameter a', text: ''}, {part: 'parameter b', text: `tai_${random}`}], []), {part: 'parameter b'});
    demandNoSecret([{part: 'path', text: '/v1/programs?prefix=tai_8f3a2b1c'}], ['', 'v1']);
});

test('what is no JSON is said before it is sent', () => {
    demandJson('{"a": 1}');
    assert.throws(() => demandJson('{a: 1}'), ({part, message}) => part === 'body' && /^This is not JSON: .+\.$/.test(message));
});

// ---- JSON laid out -----------------------------------------------------------------------------

test('JSON on lines, with everything as it was sent', () => {
    for (const value of [{}, [], 1, 'a', null, {a: [1, {b: {}}, []], c: 'x: {,}"\\'}, [[[]]], '']) {
        assert.equal(prettyJson(JSON.stringify(value)), JSON.stringify(value, null, 2));
    }
    assert.equal(prettyJson('{"a":12345678901234567890,"a":1.0}'), '{\n  "a": 12345678901234567890,\n  "a": 1.0\n}');
});

test('what is no JSON, or would be all indentation, is left as it is', () => {
    for (const text of ['', '{', 'x', '[1,]', '['.repeat(50000) + ']'.repeat(50000)]) {
        assert.equal(prettyJson(text), null, text.slice(0, 10));
    }
});

// ---- sending -----------------------------------------------------------------------------------

let server;
let origin;
let asked;

/** What the server answers at each path. */
const ANSWERS = {
    '/ok': (response) => response.writeHead(201, {'Content-Type': 'application/json', 'RateLimit': '"a";r=1'}).end('{"a":1}'),
    '/redirect': (response) => response.writeHead(302, {Location: '/ok'}).end(),
    '/large': (response) => response.writeHead(200, {'Content-Type': 'text/plain'}).end(`x${'\u00e9'.repeat(BODY_MAX)}`),
    '/exact': (response) => response.writeHead(200, {'Content-Type': 'text/plain'}).end('x'.repeat(BODY_MAX)),
    '/binary': (response) => response.writeHead(200, {'Content-Type': 'image/png'}).end(Buffer.from([0x89, 0x50, 0, 1])),
    '/latin': (response) => response.writeHead(200, {'Content-Type': 'text/plain; charset=iso-8859-1'}).end(Buffer.from([0xe9])),
    '/unknown': (response) => response.writeHead(200, {'Content-Type': 'text/plain; charset=nonsense'}).end('x'),
    '/nothing': (response) => response.writeHead(204).end(),
    '/broken': (response) => response.destroy(),
    '/never': () => {},
};

before(async () => {
    server = createServer((request, response) => {
        asked = request;
        ANSWERS[request.url](response);
    });
    await new Promise((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
    });
    origin = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
    server.closeAllConnections();
    server.close();
});

function ask(path, {signal = new AbortController().signal, ...request} = {}) {
    return send({method: 'GET', url: new URL(path, origin), headers: [], body: undefined, ...request}, signal);
}

test('status, headers, body, time', async () => {
    const answer = await ask('/ok', {method: 'POST', headers: [{name: 'X-API-Key', value: 'tai_x'}], body: '{}'});
    assert.deepEqual([answer.status, answer.statusText, answer.body, answer.size, answer.isCut, answer.headers.get('RateLimit')],
        [201, 'Created', '{"a":1}', 7, false, '"a";r=1']);
    assert.ok(answer.ms > 0);
    assert.deepEqual([asked.method, asked.headers['x-api-key']], ['POST', 'tai_x']);
});

test('of a large body the beginning, not cut within a character', async () => {
    const large = await ask('/large');
    assert.deepEqual([large.isCut, large.size, large.body], [true, BODY_MAX, `x${'\u00e9'.repeat(BODY_MAX / 2 - 1)}`]);
    const exact = await ask('/exact');
    assert.deepEqual([exact.isCut, exact.size], [false, BODY_MAX]);
});

test('binary, other encodings, nothing', async () => {
    assert.deepEqual([(await ask('/binary')).body, (await ask('/binary')).size], [null, 4]);
    assert.equal((await ask('/latin')).body, '\u00e9');
    assert.equal((await ask('/unknown')).body, null);
    assert.equal((await ask('/nothing')).body, '');
});

test('no answer', async () => {
    assert.deepEqual([(await ask('/broken')).status, (await ask('/broken')).code], [0, 'OFFLINE']);
});

test('what is stopped is neither an answer nor none', async () => {
    const controller = new AbortController();
    const sent = ask('/never', {signal: controller.signal});
    controller.abort();
    await assert.rejects(sent, {name: 'AbortError'});
});

// node shows redirects that are not followed as what they are; a browser does not.
test('a redirect is not followed', async () => {
    assert.equal((await ask('/redirect')).status, 302);
    assert.equal(asked.url, '/redirect');
});
