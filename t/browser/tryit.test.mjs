// Try it: requests that work, and each kind that does not, with what it means.

import assert from 'node:assert/strict';
import {answer, choose, goTo, headerInput, heading, makeKey, send, signIn} from './person.mjs';
import {here, pageTest, secretsTest} from './suite.mjs';

/** Signed in, with a key of these scopes on the clipboard of nobody: written into its field. */
async function withKey(visit, operation, scopes = 'programs:read', plan = 'pro') {
    const {page} = visit;
    const who = here.demo.person({plan});
    // A window that a slow machine does not outlast.
    const made = here.demo.key(who.account, 'to try', '--scopes', scopes, '--rate-limit', '5/600s');
    visit.secret(made.key);
    await signIn(visit, who);
    await goTo(page, 'Try it');
    await heading(page, 'Try it').waitFor();
    await choose(page, operation);
    await headerInput(page, 'X-API-Key').fill(made.key);
    return {who, ...made};
}

pageTest('an answer: status, time, body, headers, and how much of the limit is left', async (visit) => {
    const {page} = visit;
    await withKey(visit, 'GET /v1/programs');
    await send(page, '200 OK');
    await answer(page).getByText(/^\d+ ms$/).waitFor();
    await answer(page).getByText('"Northwind Coffee Partners"').waitFor();
    await answer(page).getByText('5 requests in any 600 seconds', {exact: true}).waitFor();
    assert.equal(await answer(page).getByRole('meter').evaluate((meter) => `${meter.value} of ${meter.max}`), '4 of 5');
    await answer(page).getByText(/^Headers \(\d+\)$/).click();
    await answer(page).getByText('"default";r=4;t=', {exact: false}).waitFor();
    await send(page, '3 of 5 left');
    await visit.look('try-answer');
});

pageTest('a POST with a body, made from its example', async (visit) => {
    const {page} = visit;
    await withKey(visit, 'POST /v1/programs', 'programs:write');
    await visit.look('try-post');
    await send(page, '201 Created');
});

pageTest('a body that is no JSON is not sent', async (visit) => {
    const {page} = visit;
    await withKey(visit, 'POST /v1/programs', 'programs:write');
    await page.getByRole('textbox', {name: 'Body'}).fill('{"name": ');
    await page.getByRole('button', {name: 'Send', exact: true}).click();
    await page.getByText(/This is not JSON/).waitFor();
    await visit.look('try-bad-json');
    await answer(page).getByText('Nothing has been sent yet.').waitFor();
});

pageTest('no key', async (visit) => {
    const {page} = visit;
    await withKey(visit, 'GET /v1/programs');
    await headerInput(page, 'X-API-Key').fill('');
    visit.expects('401 GET /v1/programs');
    await send(page, '401 Unauthorized');
    await answer(page).getByText('No key came with the request', {exact: false}).waitFor();
    await visit.look('try-no-key');
});

pageTest('a key that nobody has', async (visit) => {
    const {page} = visit;
    await withKey(visit, 'GET /v1/programs');
    await headerInput(page, 'X-API-Key').fill('tai_00000000000000000000000000000000000000');
    visit.expects('401 GET /v1/programs');
    await send(page, '401 Unauthorized');
    await answer(page).getByText('mistyped, unknown, revoked or expired', {exact: false}).waitFor();
});

pageTest('a scope that the key has not: which one, and what to do', async (visit) => {
    const {page} = visit;
    await withKey(visit, 'GET /v1/analytics');
    visit.expects('403 GET /v1/analytics');
    await send(page, '403 Forbidden');
    await answer(page).getByText('This action requires the "analytics:read" scope.').first().waitFor();
    await answer(page).getByText('The key is good, but it does not have the scope analytics:read.').waitFor();
    await answer(page).getByText('Create another key with that scope', {exact: false}).waitFor();
    await visit.look('try-scope');
});

pageTest('a scope that the plan does not grant any more', async (visit) => {
    const {page} = visit;
    const {who} = await withKey(visit, 'GET /v1/analytics', 'analytics:read');
    here.demo.taictl(['account', 'set-plan', who.account, 'free']);
    visit.expects('403 GET /v1/analytics');
    await send(page, '403 Forbidden');
    await answer(page).getByText('The "analytics:read" scope requires a Pro plan.').first().waitFor();
    await answer(page).getByText('the plan of your account does not grant it', {exact: false}).waitFor();
});

pageTest('a suspended account', async (visit) => {
    const {page} = visit;
    const {who} = await withKey(visit, 'GET /v1/programs');
    here.demo.taictl(['account', 'suspend', who.account]);
    visit.expects('403 GET /v1/programs');
    await send(page, '403 Forbidden');
    await answer(page).getByText('The account is suspended or closed', {exact: false}).waitFor();
});

pageTest('the limit: what it is, how long to wait, and counting down', async (visit) => {
    const {page} = visit;
    await withKey(visit, 'GET /v1/programs');
    for (const left of [4, 3, 2, 1, 0]) {
        await send(page, `${left} of 5 left`);
    }
    visit.expects('429 GET /v1/programs');
    await send(page, '429 Too Many Requests');
    await answer(page).getByText('Rate limit exceeded: 5 requests per 600 seconds.').first().waitFor();
    await answer(page).getByText(/as many requests as the limit allows/).waitFor();
    const held = page.getByRole('button', {name: /^Send in / });
    const first = await held.innerText();
    assert.equal(await held.getAttribute('aria-disabled'), 'true');
    await page.waitForFunction((text) => [...document.querySelectorAll('button')].some((button) => /^Send in /.test(button.textContent) && button.textContent !== text), first);
    await visit.look('try-limit');
});

pageTest('key and token, in the dialect that always says 200', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    const made = here.demo.key(who.account, 'pair', '--token', '--scopes', 'programs:read');
    visit.secret(made.key);
    visit.secret(made.token);
    await signIn(visit, who);
    await goTo(page, 'Try it');
    await choose(page, 'GET /ts/programs');
    await headerInput(page, 'apikey').fill(made.key);
    await headerInput(page, 'x-ts-authorization').fill(made.token);
    await send(page, '200 OK');
    await choose(page, 'GET /ts/analytics');
    await send(page, 'does not have the scope analytics:read');
    await answer(page).getByText('200 OK').waitFor();
    await visit.look('try-envelope');
});

pageTest('a header of one’s own: added, checked, sent and taken away', async (visit) => {
    const {page} = visit;
    await withKey(visit, 'GET /v1/programs');
    await page.getByRole('button', {name: 'Add header'}).click();
    await page.getByLabel('Header name').fill('Cookie');
    await page.getByLabel('Value', {exact: true}).fill('x=y');
    await page.getByRole('button', {name: 'Send', exact: true}).click();
    await page.getByText('No page may set Cookie', {exact: false}).waitFor();
    await visit.look('try-header');
    await page.getByLabel('Header name').fill('X-Request-Name');
    const asked = page.waitForRequest((request) => request.url().endsWith('/v1/programs'));
    await send(page, '200 OK');
    assert.equal((await asked).headers()['x-request-name'], 'x=y');
    assert.equal((await (await asked).allHeaders()).cookie, undefined, 'the session is not for the API');
    await page.getByRole('button', {name: /^Remove/}).click();
    assert.equal(await page.getByLabel('Header name').count(), 0);
});

pageTest('a request by hand', async (visit) => {
    const {page} = visit;
    const {key} = await withKey(visit, 'GET /v1/programs');
    await page.getByRole('button', {name: 'Another request, by hand'}).click();
    await page.getByRole('textbox', {name: /Path|Address/}).fill('/v1/no-such-thing');
    await headerInput(page, 'X-API-Key').fill(key);
    visit.expects('404 GET /v1/no-such-thing');
    await send(page, '404 Not Found');
    await visit.look('try-by-hand');
});

pageTest('a key in an address is not sent: every log on the way would have it', async (visit) => {
    const {page} = visit;
    const {key} = await withKey(visit, 'GET /v1/programs');
    await page.getByRole('button', {name: 'Another request, by hand'}).click();
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    for (const path of [`/v1/programs?apikey=${key}`, `/v1/${key}`]) {
        await page.getByRole('textbox', {name: 'Path'}).fill(path);
        await page.getByRole('button', {name: 'Send', exact: true}).click();
        await page.getByText('A key belongs in a header.', {exact: false}).waitFor();
        await page.getByRole('textbox', {name: 'Path'}).fill('/v1/');
    }
    assert.deepEqual(asked, []);
});

pageTest('parameters that are headers which no page may send; one that is told to wait for ever', async (visit) => {
    const {page} = visit;
    const parameters = ['X Bad', 'Cookie', 'X-API-Key'].map((name) => ({name, in: 'header', schema: {type: 'string'}}));
    await page.route('**/openapi.json', (route) => route.fulfill({json: {openapi: '3.1.0', info: {title: 'Odd', version: '1'}, security: [{key: []}],
        components: {securitySchemes: {key: {type: 'apiKey', in: 'header', name: 'X-API-Key'}}}, paths: {'/v1/odd': {get: {parameters}}}}}));
    await signIn(visit, here.demo.person());
    await goTo(page, 'Try it');
    await choose(page, 'GET /v1/odd');
    assert.equal(await page.getByLabel('X-API-Key').count(), 1, 'the key is asked for once');
    for (const [name, text] of [['X Bad', 'A header name is made of letters'], ['Cookie', 'No page may set Cookie']]) {
        await page.getByLabel(name).fill('x');
        await page.getByRole('button', {name: 'Send', exact: true}).click();
        await page.getByText(text, {exact: false}).waitFor();
        await page.getByLabel(name).fill('');
    }
    await page.route('**/v1/odd', (route) => route.fulfill({status: 429, headers: {'Retry-After': '999999999999999'}, json: {}}));
    visit.expects('429 GET /v1/odd');
    await page.getByRole('button', {name: 'Send', exact: true}).click();
    await page.getByRole('button', {name: /^Send in (60:00|59:\d\d)$/}).waitFor();
});

pageTest('a description that is too deep: said, and requests by hand still go', async (visit) => {
    const {page} = visit;
    const deep = `${'{"a":'.repeat(20000)}1${'}'.repeat(20000)}`;
    await page.route('**/openapi.json', (route) => route.fulfill({contentType: 'application/json',
        body: `{"openapi": "3.1.0", "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"example": ${deep}}}}}}}}`}));
    await signIn(visit, here.demo.person());
    await goTo(page, 'Try it');
    await page.getByText(/POST \/a cannot be read: .*You can still send requests by hand\./).waitFor();
    await page.getByRole('textbox', {name: 'Path'}).waitFor();
});

pageTest('no answer: offline', async (visit) => {
    const {page} = visit;
    await withKey(visit, 'GET /v1/programs');
    visit.expects('failed GET /v1/programs');
    await page.context().setOffline(true);
    try {
        await send(page, 'No answer');
        await visit.look('try-offline');
    } finally {
        await page.context().setOffline(false);
    }
    await send(page, '200 OK');
});

pageTest('no description: ready lines to an address that shows what is to be put there, and requests by hand', async (visit) => {
    const {page} = visit;
    await page.route('**/settings.json', (route) => route.fulfill({json: {title: 'Plain', management: '/manage', description: null}}));
    await page.reload();
    await signIn(visit, here.demo.person());
    await makeKey(visit, 'without a description');
    await page.getByText('Put the address of the API in the place of', {exact: false}).waitFor();
    await page.getByText(`'${here.demo.url}/path-of-the-api'`, {exact: false}).first().waitFor();
    assert.match(await page.title(), /^Your new key/);
    await visit.look('issued-no-description');
    await page.getByRole('button', {name: 'Copy the key'}).click();
    await goTo(page, 'Try it');
    const note = page.getByText('This API is not described here. You can send requests by hand.');
    await note.waitFor();
    assert.equal(await note.getAttribute('class'), 'note', 'that is no fault of whoever reads it');
});

pageTest('the description is away: said, and requests by hand still go', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    await signIn(visit, who);
    visit.expects('404 GET /openapi.json');
    await page.route('**/openapi.json', (route) => route.fulfill({status: 404, body: ''}));
    await goTo(page, 'Try it');
    await page.getByText('It is not there. You can still send requests by hand.', {exact: false}).waitFor();
    await visit.look('try-no-description');
});

secretsTest();
