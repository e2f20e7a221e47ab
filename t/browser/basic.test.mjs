// httpd knows who is there: there is no form, and nothing to sign out of.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {openBrowser} from './browser.mjs';
import {goTo, heading, signInDialog} from './person.mjs';
import {address, check, here, onPage, prepared, secretsTest} from './suite.mjs';
import {secrets} from './visit.mjs';

let who;

// By a file, as in the example: the page is many files, which a browser asks for at once.
prepared(async () => {
    who = here.demo.person();
    secrets.add(who.password);
    const users = here.demo.made('users');
    const hash = execFileSync('openssl', ['passwd', '-apr1', '-stdin'], {input: who.password, encoding: 'utf8'});
    writeFileSync(users, `${who.username}:${hash}`, {mode: 0o644});
    await here.demo.configure(`
LoadModule authn_file_module ${here.demo.modules()}/mod_authn_file.so
<LocationMatch "^/(developer|manage)(/|$)">
    AuthType Basic
    AuthName Developer
    AuthBasicProvider file
    AuthUserFile ${users}
    Require valid-user
</LocationMatch>`);
});

async function asKnown(httpCredentials, body) {
    const browser = await openBrowser({httpCredentials});
    try {
        await onPage(browser, address(), body);
    } finally {
        await browser.close();
        browser.forget();
    }
}

check('known to httpd: the keys are there at once, and no form', () => asKnown(who, async (visit) => {
    const {page} = visit;
    visit.expects('401 GET /developer/');
    await heading(page, 'API keys').waitFor();
    await page.getByRole('banner').getByText(`${who.username} · ${who.account}`).waitFor();
    assert.equal(await signInDialog(page).count(), 0);
    assert.equal(await page.getByRole('button', {name: 'Sign out'}).count(), 0);
    assert.equal((await page.context().cookies()).length, 0, 'there is no session');
    await goTo(page, 'Account');
    await heading(page, 'Account').waitFor();
    await visit.look('known-to-httpd');
}));

check('known no more: httpd is asked for the page again, and the person is where he was', () => asKnown(who, async (visit) => {
    const {page} = visit;
    visit.expects('401 GET /developer/');
    await heading(page, 'API keys').waitFor();
    await page.route('**/manage/scopes', (route) => route.fulfill({status: 401, json: {error: 'Nobody is known.', code: 'UNAUTHENTICATED'}}), {times: 1});
    visit.expects('401 GET /manage/scopes');
    const again = page.waitForEvent('load');
    await goTo(page, 'Account');
    await again;
    await heading(page, 'Account').waitFor();
    await page.getByRole('table').waitFor();
    assert.equal(await signInDialog(page).count(), 0);
}));

check('unknown to httpd: not even the page is there', async () => {
    assert.equal((await fetch(address())).status, 401);
    assert.equal((await fetch(address('main.js'))).status, 401);
});

secretsTest();
