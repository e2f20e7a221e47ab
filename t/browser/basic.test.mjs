// httpd knows who is there: there is no form, and nothing to sign out of.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {openBrowser} from './browser.mjs';
import {create, goTo, heading, nameField, signInDialog, startCreating} from './person.mjs';
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

/** The next call of this method to such an address finds that nobody is known. */
async function forget(visit, method, path) {
    visit.expects(`401 ${method} ${path}`);
    await visit.page.route(`**${path}`, (route) => route.fulfill({status: 401, json: {error: 'Nobody is known.', code: 'UNAUTHENTICATED'}}), {times: 1});
    return visit.page.getByRole('dialog', {name: 'The web server does not know you any more.'});
}

check('known no more: httpd is asked for the page again, and the person is where he was', () => asKnown(who, async (visit) => {
    const {page} = visit;
    visit.expects('401 GET /developer/');
    await heading(page, 'API keys').waitFor();
    const question = await forget(visit, 'GET', '/manage/scopes');
    await goTo(page, 'Account');
    await question.waitFor();
    await visit.look('known-no-more');
    const again = page.waitForEvent('load');
    await question.getByRole('button', {name: 'Load the page'}).click();
    await again;
    await heading(page, 'Account').waitFor();
    await page.getByRole('table').waitFor();
    assert.equal(await signInDialog(page).count(), 0);
}));

check('known no more, and not now: what was written stays, and may be sent again', () => asKnown(who, async (visit) => {
    const {page} = visit;
    visit.expects('401 GET /developer/');
    await startCreating(page);
    await nameField(page).fill('half written');
    const question = await forget(visit, 'POST', '/manage/keys');
    await page.getByRole('button', {name: 'Create key'}).click();
    await question.getByRole('button', {name: 'Cancel'}).click();
    await page.getByRole('alert').getByText('The web server does not know you any more.').waitFor();
    assert.equal(await nameField(page).inputValue(), 'half written');
    await create(visit);
    await heading(page, 'Your new key: half written').waitFor();
}));

check('unknown to httpd: not even the page is there', async () => {
    assert.equal((await fetch(address())).status, 401);
    assert.equal((await fetch(address('main.js'))).status, 401);
});

secretsTest();
