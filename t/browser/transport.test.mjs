// Plain http is for the loopback interface alone: the page shows no form elsewhere, and the server takes
// no password. Over TLS both do, whatever the name.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {chmodSync} from 'node:fs';
import {openBrowser} from './browser.mjs';
import {freePort} from './demo.mjs';
import {enterPassword, heading, keyRow, makeKey, signIn, signInDialog} from './person.mjs';
import {address, check, here, onPage, pageTest, secretsTest} from './suite.mjs';

pageTest('plain http on the loopback interface will do', async (visit) => {
    await signIn(visit, here.demo.person());
    await heading(visit.page, 'API keys').waitFor();
});

// Not that of the loopback interface, which browsers trust without TLS.
const NAME = 'developer.example';
const TO_HERE = `--host-resolver-rules=MAP ${NAME} 127.0.0.1`;

/** With these options another browser, for one page. */
async function elsewhere(options, url, body) {
    const browser = await openBrowser({args: [TO_HERE], ...options});
    try {
        await onPage(browser, url, body);
    } finally {
        await browser.close();
        browser.forget();
    }
}

check('plain http to another name: no form, and the reason', () => elsewhere({}, address().replace('127.0.0.1', NAME), async (visit) => {
    const {page} = visit;
    // The browser says itself that on such an origin some of its headers have no effect.
    visit.mayComplain(/Cross-Origin-Opener-Policy header has been ignored/);
    await signInDialog(page).getByText('This page came over plain http').waitFor();
    assert.equal(await page.getByLabel('Password').count(), 0);
    await visit.look('plain-http');
}));

/** The same server over TLS, with a certificate of its own; the port. */
async function serveTls() {
    const port = await freePort();
    const [key, certificate] = ['tls.key', 'tls.crt'].map((name) => here.demo.made(name));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '2',
        '-subj', `/CN=${NAME}`, '-addext', `subjectAltName=DNS:${NAME}`, '-keyout', key, '-out', certificate], {stdio: 'pipe'});
    chmodSync(key, 0o600);
    await here.demo.configure(`
LoadModule ssl_module ${here.demo.modules()}/mod_ssl.so
Listen 127.0.0.1:${port} https
<VirtualHost 127.0.0.1:${port}>
    SSLEngine on
    SSLCertificateFile ${certificate}
    SSLCertificateKeyFile ${key}
</VirtualHost>`);
    return port;
}

check('https to another name: signed in by a cookie that goes nowhere else, a key made, signed out', async () => {
    const port = await serveTls();
    await elsewhere({ignoreHTTPSErrors: true}, `https://${NAME}:${port}/developer/`, async (visit) => {
        const {page} = visit;
        await signIn(visit, here.demo.person());
        const cookies = await page.context().cookies();
        assert.deepEqual(cookies.map(({name, secure, httpOnly, sameSite, path, domain}) => ({name, secure, httpOnly, sameSite, path, domain})),
            [{name: '__Host-taiauth', secure: true, httpOnly: true, sameSite: 'Strict', path: '/', domain: NAME}]);
        const {key} = await makeKey(visit, 'over TLS');
        assert.equal(await page.getByLabel('Key', {exact: true}).inputValue(), key);
        await page.getByRole('button', {name: 'Copy the key'}).click();
        await page.getByRole('button', {name: 'Done'}).click();
        await keyRow(page, 'over TLS').waitFor();
        await page.getByRole('button', {name: 'Sign out'}).click();
        await signInDialog(page).getByLabel('Password').waitFor();
        assert.deepEqual(await page.context().cookies(), []);
    });
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
