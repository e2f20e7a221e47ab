// httpd knows who is there: there is no form, and nothing to sign out of.

import assert from 'node:assert/strict';
import {before} from 'node:test';
import {openBrowser} from './browser.mjs';
import {goTo, heading, signInDialog} from './person.mjs';
import {address, check, here, onPage, secretsTest} from './suite.mjs';
import {secrets} from './visit.mjs';

let who;

before(async () => {
    who = here.demo.person();
    secrets.add(who.password);
    await here.demo.configure(`
<LocationMatch "^/(developer|manage)(/|$)">
    AuthType Basic
    AuthName Developer
    AuthBasicProvider taiauth
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

check('unknown to httpd: not even the page is there', async () => {
    assert.equal((await fetch(address())).status, 401);
    assert.equal((await fetch(address('main.js'))).status, 401);
});

secretsTest();
