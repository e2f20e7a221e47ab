// The key, once: to copy and to use, and gone without a trace when the view is left.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {openBrowser} from './browser.mjs';
import {choose, clipboard, goTo, headerInput, heading, keyRow, makeKey, reloadAndStay, signIn} from './person.mjs';
import {address, check, here, onPage, pageTest, secretsTest} from './suite.mjs';

async function copy(page, name) {
    await page.getByRole('button', {name}).click();
    return clipboard(page);
}

/** Yes to whatever the browser itself asks about leaving. */
function leaveAnyway(page) {
    page.on('dialog', (dialog) => dialog.accept());
}

/** It is nowhere in what the page shows or holds. */
async function isForgotten(page, {key}) {
    const held = await page.evaluate(() => document.documentElement.outerHTML + [...document.querySelectorAll('input, textarea')].map((each) => each.value).join());
    assert.ok(!held.includes(key), 'the page has the key no more');
}

pageTest('key, header names and values, and a warning; each of them can be copied', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    const made = await makeKey(visit, 'to copy');
    await page.getByText('Copy it now: it will not be shown again.').waitFor();
    assert.equal(await page.getByLabel('Key', {exact: true}).inputValue(), made.key);
    assert.equal(await copy(page, 'Copy the key'), made.key);
    assert.equal(await copy(page, 'Copy the name of X-API-Key'), 'X-API-Key');
    assert.equal(await copy(page, 'Copy the value of X-API-Key'), made.key);
    await visit.look('issued');
});

pageTest('to an API elsewhere a new key goes only where the person says so', async (visit) => {
    const {page} = visit;
    const elsewhere = {openapi: '3.1.0', info: {title: 'Elsewhere', version: '1'}, servers: [{url: 'http://127.0.0.1:1'}], security: [{key: []}],
        components: {securitySchemes: {key: {type: 'apiKey', in: 'header', name: 'X-API-Key'}}},
        paths: {'/here': {get: {servers: [{url: '/'}]}}, '/a': {get: {}}, '/b': {get: {}}}};
    await page.route('**/openapi.json', (route) => route.fulfill({json: elsewhere}));
    await signIn(visit, here.demo.person());
    const made = await makeKey(visit, 'to go elsewhere');
    await copy(page, 'Copy the key');
    await page.getByRole('button', {name: 'Try it with this key'}).click();
    const input = headerInput(page, 'X-API-Key');
    await choose(page, 'GET /here');
    assert.equal(await input.inputValue(), made.key);
    await choose(page, 'GET /a');
    await page.getByText('This is another origin than that of this page. It gets the key below', {exact: false}).waitFor();
    assert.equal(await input.inputValue(), '');
    await page.getByRole('button', {name: 'Fill in the key that you have just created'}).click();
    assert.equal(await input.inputValue(), made.key);
    await choose(page, 'GET /b');
    assert.equal(await input.inputValue(), made.key, 'it is the same server');
});

const LANGUAGES = [
    {name: 'curl', run: (text) => ['sh', ['-c', text]]},
    {name: 'JavaScript', run: (text) => ['node', ['--input-type=module', '-e', text]]},
    {name: 'Python', run: (text) => ['python3', ['-c', text]]},
    {name: 'PHP', run: (text) => ['php', ['-r', text.replace(/^<\?php\n/, '')]]},
];

function isThere(program) {
    try {
        execFileSync('sh', ['-c', `command -v ${program}`]);
        return true;
    } catch {
        return false;
    }
}

pageTest('the lines in four languages read the key from the environment, and work as they stand', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    const made = await makeKey(visit, 'in four languages');
    const setup = await copy(page, 'Copy the lines for a shell');
    assert.equal(setup, `export TAI_API_KEY='${made.key}'`);
    for (const {name, run} of LANGUAGES) {
        await page.getByRole('tab', {name}).click();
        const text = await copy(page, `Copy the lines for ${name}`);
        assert.ok(!text.includes(made.key), `${name} has no key in it`);
        assert.match(text, /TAI_API_KEY/);
        const [program, args] = run(text);
        if (isThere(program)) {
            const said = execFileSync(program, args, {encoding: 'utf8', env: {...process.env, TAI_API_KEY: made.key}, stdio: ['ignore', 'pipe', 'ignore']});
            assert.match(said, /Northwind|"total"|"[a-z]+": *\[/, `${name} gets an answer of the API`);
        }
    }
});

pageTest('who has not copied it is asked before it is gone', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    const made = await makeKey(visit, 'not copied');
    await goTo(page, 'Account');
    const question = page.getByRole('dialog', {name: 'Leave without the key?'});
    await visit.look('leave-without');
    await question.getByRole('button', {name: 'Cancel'}).click();
    assert.equal(await page.getByLabel('Key', {exact: true}).inputValue(), made.key);
    await goTo(page, 'Account');
    await question.getByRole('button', {name: 'Leave'}).click();
    await heading(page, 'Account').waitFor();
    await isForgotten(page, made);
});

pageTest('left, it is gone: not with "back", nor "forward", nor in what the page keeps', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    const made = await makeKey(visit, 'to forget');
    await copy(page, 'Copy the key');
    await page.getByRole('button', {name: 'Done'}).click();
    await keyRow(page, 'to forget').waitFor();
    await isForgotten(page, made);
    for (const step of ['goBack', 'goForward', 'goBack']) {
        await page[step]();
        await page.getByRole('heading', {level: 1}).waitFor();
        await isForgotten(page, made);
        await visit.keepsNoSecret();
    }
});

pageTest('loaded again, it is gone', async (visit) => {
    const {page} = visit;
    leaveAnyway(page);
    await signIn(visit, here.demo.person());
    const made = await makeKey(visit, 'loaded again');
    await page.reload();
    await page.getByRole('heading', {level: 1}).waitFor();
    await isForgotten(page, made);
});

pageTest('to another site and back, it is gone', async (visit) => {
    const {page} = visit;
    leaveAnyway(page);
    await signIn(visit, here.demo.person());
    const made = await makeKey(visit, 'left and back');
    await page.goto(here.demo.url);
    await page.goBack();
    await page.getByRole('heading', {level: 1}).waitFor();
    await isForgotten(page, made);
    await page.goForward();
    await visit.keepsNoSecret();
});

pageTest('signed out, it is gone', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    const made = await makeKey(visit, 'signed out');
    await copy(page, 'Copy the key');
    await page.getByRole('button', {name: 'Sign out'}).click();
    await page.getByRole('dialog', {name: /^Sign in/}).waitFor();
    await isForgotten(page, made);
});

pageTest('carried to where it is tried, and gone behind that', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    const made = await makeKey(visit, 'carried');
    await copy(page, 'Copy the key');
    await page.getByRole('button', {name: 'Try it with this key'}).click();
    await heading(page, 'Try it').waitFor();
    assert.equal(page.url(), address('#/try'));
    await visit.keepsNoSecret();
    await goTo(page, 'Keys');
    await keyRow(page, 'carried').waitFor();
    await isForgotten(page, made);
    await goTo(page, 'Try it');
    await heading(page, 'Try it').waitFor();
    await isForgotten(page, made);
});

pageTest('carried before it was copied: it can be copied there, and who leaves is asked', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    const made = await makeKey(visit, 'tried first');
    await page.getByRole('button', {name: 'Try it with this key'}).click();
    await page.getByText('Not copied yet.').waitFor();
    await page.getByRole('button', {name: 'Send', exact: true}).waitFor();
    await visit.look('try-not-copied');
    await goTo(page, 'Keys');
    await page.getByRole('dialog', {name: 'Leave without the key?'}).getByRole('button', {name: 'Cancel'}).click();
    assert.equal(await page.getByLabel('Key', {exact: true}).inputValue(), made.key);
    await reloadAndStay(page);
    assert.equal(await copy(page, 'Copy the key'), made.key);
    await goTo(page, 'Keys');
    await keyRow(page, 'tried first').waitFor();
    await isForgotten(page, made);
});

pageTest('carried and left without a copy: gone, as was said', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    const made = await makeKey(visit, 'tried and left');
    await page.getByRole('button', {name: 'Try it with this key'}).click();
    await heading(page, 'Try it').waitFor();
    await goTo(page, 'Keys');
    await page.getByRole('dialog', {name: 'Leave without the key?'}).getByRole('button', {name: 'Leave'}).click();
    await keyRow(page, 'tried and left').waitFor();
    await isForgotten(page, made);
});

check('put by to come back to, in a browser that keeps pages: it is gone', async () => {
    // As of an administrator who has left out the line about the document.
    await here.demo.configure('<LocationMatch "^/developer/(index\\.html)?$">\n    Header always unset Cache-Control\n</LocationMatch>');
    const browser = await openBrowser({ignoreDefaultArgs: ['--disable-back-forward-cache']});
    try {
        await onPage(browser, address(), async (visit) => {
            const {page} = visit;
            leaveAnyway(page);
            await signIn(visit, here.demo.person());
            const made = await makeKey(visit, 'put by');
            await page.goto(here.demo.url);
            const loaded = page.waitForEvent('load');
            await page.evaluate(() => {
                setTimeout(() => history.back());
            });
            await loaded;
            await heading(page, 'Create key').waitFor();
            await isForgotten(page, made);
            const how = await page.evaluate(() => performance.getEntriesByType('navigation')[0].type);
            assert.equal(how, 'reload', 'it had been kept, and has loaded itself again');
        });
    } finally {
        await browser.close();
        browser.forget();
    }
});

secretsTest();
