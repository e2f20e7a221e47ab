// Plain http is for the loopback interface alone: the page shows no form elsewhere, and the server takes
// no password.

import assert from 'node:assert/strict';
import {openBrowser} from './browser.mjs';
import {enterPassword, heading, signIn, signInDialog} from './person.mjs';
import {address, check, here, onPage, pageTest, secretsTest} from './suite.mjs';

pageTest('plain http on the loopback interface will do', async (visit) => {
    await signIn(visit, here.demo.person());
    await heading(visit.page, 'API keys').waitFor();
});

check('plain http to another name: no form, and the reason', async () => {
    const browser = await openBrowser({args: ['--host-resolver-rules=MAP developer.example 127.0.0.1']});
    const url = address().replace('127.0.0.1', 'developer.example');
    try {
        await onPage(browser, url, async (visit) => {
            const {page} = visit;
            // The browser says itself that on such an origin some of its headers have no effect.
            visit.mayComplain(/Cross-Origin-Opener-Policy header has been ignored/);
            await signInDialog(page).getByText('This page came over plain http').waitFor();
            assert.equal(await page.getByLabel('Password').count(), 0);
            await visit.look('plain-http');
        });
    } finally {
        await browser.close();
        browser.forget();
    }
});

check('a client that is not on the loopback interface gets no session without TLS', async () => {
    const modules = here.demo.modules();
    await here.demo.configure(`LoadModule remoteip_module ${modules}/mod_remoteip.so\nRemoteIPHeader X-Client\nRemoteIPInternalProxy 127.0.0.1`);
    await onPage(here.browser, address(), async (visit) => {
        const {page} = visit;
        await signInDialog(page).waitFor();
        await page.setExtraHTTPHeaders({'X-Client': '192.0.2.1'});
        visit.expects('403 POST /manage/session');
        await enterPassword(page, here.demo.person());
        await page.getByRole('alert').getByText('The server takes passwords over https alone.').waitFor();
    });
});

secretsTest();
