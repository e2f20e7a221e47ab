// Pages of other origins: they cannot act through the session of whoever has them open, nor put the page
// into a frame. One of them is another site; one is the same site, on another port, where the cookie goes.

import assert from 'node:assert/strict';
import {createServer} from 'node:http';
import {heading, keyRow, signIn} from './person.mjs';
import {address, here, prepared, pageTest, secretsTest} from './suite.mjs';

let port;

prepared(async () => {
    const server = createServer((request, response) => {
        response.setHeader('Content-Type', 'text/html').end('<!DOCTYPE html><title>elsewhere</title><p>elsewhere</p>');
    });
    server.unref();
    await new Promise((resolve) => server.listen(0, resolve));
    port = server.address().port;
});

const ORIGINS = ['localhost', '127.0.0.1'];

/** Another origin's page, in the same browser; what it says is its own affair. */
async function elsewhere(visit, host, body) {
    const page = await visit.page.context().newPage();
    try {
        await page.goto(`http://${host}:${port}/`);
        await body(page);
    } finally {
        await page.close();
    }
}

/** What a script there can send without being asked, and with being asked. */
async function tryCalls(page, api, id) {
    return page.evaluate(async ([base, key]) => {
        const order = JSON.stringify({name: 'made elsewhere'});
        const calls = [
            ['POST', '/keys', {body: order, mode: 'no-cors'}],
            ['POST', '/keys', {body: order, headers: {'Content-Type': 'application/json'}}],
            ['DELETE', `/keys/${key}`, {}],
            ['PATCH', `/keys/${key}`, {body: order, headers: {'Content-Type': 'application/json'}}],
            ['POST', `/keys/${key}/roll`, {body: '{"grace_seconds": 0}', mode: 'no-cors'}],
            ['DELETE', '/session', {}],
            ['GET', '/keys', {}],
        ];
        return Promise.all(calls.map(async ([method, path, more]) => {
            try {
                const answer = await fetch(base + path, {method, credentials: 'include', ...more});
                return `${method} ${path} ${answer.type} ${answer.type === 'opaque' ? '' : await answer.text()}`;
            } catch (error) {
                return `${method} ${path} ${error.name}`;
            }
        }));
    }, [api, id]);
}

/** A form needs no permission to be sent; its answer takes the place of the page. */
async function tryForm(page, action, method = 'post') {
    const answered = page.waitForResponse((response) => response.url() === action);
    await page.evaluate(([to, how]) => {
        const form = document.createElement('form');
        Object.assign(form, {action: to, method: how, enctype: 'text/plain'});
        form.append(Object.assign(document.createElement('input'), {name: '{"name": "made elsewhere", "x', value: '": "y"}'}));
        document.body.append(form);
        form.submit();
    }, [action, method]);
    return (await answered).status();
}

for (const host of ORIGINS) {
    pageTest(`a page on ${host} changes nothing, by script or by form, and reads nothing`, async (visit) => {
        const {page} = visit;
        const who = here.demo.person();
        const {id, key} = here.demo.key(who.account, 'mine', '--scopes', 'programs:read');
        visit.secret(key);
        await signIn(visit, who);
        await keyRow(page, 'mine').waitFor();
        await elsewhere(visit, host, async (other) => {
            const results = await tryCalls(other, here.demo.api, id);
            for (const result of results) {
                assert.match(result, /(opaque |TypeError)$/, 'nothing that it could read');
            }
            assert.ok([401, 403].includes(await tryForm(other, `${here.demo.api}/keys`)), 'the form is refused');
        });
        await elsewhere(visit, host, async (other) => {
            assert.ok([401, 403].includes(await tryForm(other, `${here.demo.api}/session`)), 'nor does a form log anybody in');
        });
        assert.deepEqual(here.demo.taictl(['key', 'list', who.account]).map(({name, status}) => `${name} ${status}`), ['mine active']);
        assert.equal(await here.demo.request(key), 200);
        await page.reload();
        await keyRow(page, 'mine').waitFor();
        await heading(page, 'API keys').waitFor();
    });

    pageTest(`a page on ${host} cannot put it into a frame, nor hold its window`, async (visit) => {
        const {page} = visit;
        await signIn(visit, here.demo.person());
        await page.getByText('No keys yet').waitFor();
        await elsewhere(visit, host, async (other) => {
            const refused = other.waitForEvent('console', (message) => message.text().includes('frame-ancestors'));
            await other.evaluate((url) => {
                document.body.append(Object.assign(document.createElement('iframe'), {src: url}));
            }, address());
            await refused;
            assert.equal(await other.frames().at(-1).getByRole('heading').count(), 0, 'nothing of it is in the frame');
            const opened = other.context().waitForEvent('page');
            await other.evaluate((url) => {
                window.opened = window.open(url);
            }, page.url());
            const window = await opened;
            await window.getByRole('heading', {level: 1}).waitFor();
            assert.equal(await other.evaluate(() => window.opened.closed), true, 'who opened it sees a window that is closed');
            await window.close();
        });
    });
}

secretsTest();
