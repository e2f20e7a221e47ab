import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, test} from 'node:test';
import {promisify} from 'node:util';
import {pageModule} from './page.mjs';

const {snippets} = await pageModule('snippets.js');
const run = promisify(execFile);

const KEY = 'tai_00000000000000000000000000000000000000';
const TOKEN = 'tat_00000000000000000000000000000000000000';
const PAIR = [{name: 'apikey', value: KEY}, {name: 'x-ts-authorization', value: TOKEN}];

/** How each is run. PHP is not everywhere, and fetch needs a word to be a module. */
const RUNNERS = {
    curl: {file: 'lines.sh', command: 'sh', version: ['-c', 'curl --version']},
    JavaScript: {file: 'lines.mjs', command: process.execPath, version: ['--version']},
    Python: {file: 'lines.py', command: 'python3', version: ['--version']},
    PHP: {file: 'lines.php', command: 'php', version: ['--version']},
};

function named(list, name) {
    return list.find((each) => each.name === name);
}

test('four languages, without a secret; the lines that set the variables have it', () => {
    const list = snippets('https://api.example.com/v1/programs', PAIR);
    assert.deepEqual(list.map(({name}) => name), ['curl', 'JavaScript', 'Python', 'PHP']);
    for (const {text, setup} of list) {
        assert.ok(!/ta[it]_0/.test(text) && /TAI_API_KEY/.test(text) && /TAI_TOKEN/.test(text), text);
        assert.equal(setup, `export TAI_API_KEY='${KEY}'\nexport TAI_TOKEN='${TOKEN}'`);
    }
});

test('without values there is nothing to set', () => {
    const [curl] = snippets('https://api.example.com/', [{name: 'X-API-Key'}]);
    assert.deepEqual([curl.setup, curl.text], [null, 'curl -H "X-API-Key: $TAI_API_KEY" \\\n  \'https://api.example.com/\'']);
});

// ---- run against a server that says what it was sent -------------------------------------------

let server;
let origin;
let work;

before(async () => {
    server = createServer((request, response) => {
        const {pathname, searchParams} = new URL(request.url, origin);
        response.statusCode = pathname === '/refused' ? 403 : 200;
        response.end(JSON.stringify({path: request.url, query: [...searchParams], headers: request.rawHeaders}));
    });
    await new Promise((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
    });
    origin = `http://127.0.0.1:${server.address().port}`;
    work = mkdtempSync(join(tmpdir(), 'taiauth-lines.'));
});

after(() => {
    server.close();
    rmSync(work, {recursive: true});
});

async function said(name, text) {
    const {file, command} = RUNNERS[name];
    const path = join(work, file);
    writeFileSync(path, text);
    const {stdout} = await run(command, [path], {env: {...process.env, TAI_API_KEY: KEY, TAI_TOKEN: TOKEN, no_proxy: '127.0.0.1'}});
    return JSON.parse(stdout.slice(stdout.indexOf('{')));
}

function headerOf({headers}, name) {
    const at = headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name.toLowerCase());
    return at < 0 ? undefined : headers[at + 1];
}

async function isThere({command, version}) {
    return run(command, version).then(() => true, () => false);
}

// What means something in one of the languages, all of it allowed in a header's name or in an address.
const NAMES = ['X-API-Key', "a'b`c$HOME!d", 'x%s&y|z~^*+.#'];
const PATHS = ['/v1/programs', "/it's/$(id)/`id`?a=[1-3]&b={x,y}&c=%22\\&d=!x", '/refused'];

for (const name of Object.keys(RUNNERS)) {
    test(`${name} sends what it is meant to, whatever the name and the address`, async (t) => {
        if (!(await isThere(RUNNERS[name]))) {
            t.skip(`no ${name} here`);
            return;
        }
        for (const header of NAMES) {
            const answer = await said(name, named(snippets(`${origin}/`, [{name: header, value: KEY}, {name: 'x-token', value: TOKEN}]), name).text);
            assert.deepEqual([headerOf(answer, header), headerOf(answer, 'x-token')], [KEY, TOKEN], header);
        }
        for (const path of PATHS) {
            const url = new URL(path, origin);
            const answer = await said(name, named(snippets(url.href, PAIR), name).text);
            assert.deepEqual(answer.query, [...url.searchParams], path);
            assert.equal(answer.path, url.pathname + url.search, path);
        }
    });
}
