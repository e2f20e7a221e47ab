// From a phone's width to a wide screen: nothing is wider than the window, and nothing moves by itself
// while a view is loaded.

import assert from 'node:assert/strict';
import {answer, choose, goTo, headerInput, heading, holdUp, keyRow, makeKey, send, signIn, signInDialog, startCreating} from './person.mjs';
import {address, here, onPage, check, pageTest, secretsTest} from './suite.mjs';

const WIDTHS = [320, 768, 1440];

/** At each width: as wide as the window, a picture, and in the two extremes what axe says. */
async function fits(visit, name) {
    const {page} = visit;
    for (const width of WIDTHS) {
        await page.setViewportSize({width, height: 900});
        await visit.screenshot(`width-${width}-${name}`);
        assert.equal(await visit.overhang(), 0, `${name} fits ${width} pixels`);
        assert.deepEqual(await visit.findings(), [], `axe on ${name}, ${width} pixels`);
    }
    await page.setViewportSize({width: 1280, height: 900});
}

/** Much of everything: ten keys with long names, many scopes and use. */
function busyAccount(visit) {
    const who = here.demo.person({account: `An account whose name is as long as one may be, ${Math.random().toString(36).slice(2, 12)}`});
    const scopes = 'programs:read,programs:write,categories:read,reviews:read,organizations:read,organizations:write,analytics:read,webhooks:manage';
    for (const name of ['x'.repeat(100), 'nightly import of all programs into the warehouse', 'ci', 'ä'.repeat(50)]) {
        visit.secret(here.demo.key(who.account, name, '--scopes', scopes, '--expires-in', '90d').key);
    }
    here.demo.sql(`INSERT INTO key_usage (key_id, day, admitted, refused)
        SELECT api_keys.id, date('now', '-' || n.i || ' days'), 100000 + n.i * 7919, n.i * 17 FROM api_keys JOIN accounts ON accounts.id = account_id,
            (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 29) SELECT i FROM n) n WHERE accounts.name = '${who.account}'`);
    return who;
}

pageTest('the sign-in', async (visit) => {
    await visit.page.getByRole('dialog').waitFor();
    await fits(visit, 'sign-in');
});

pageTest('keys, with long names and all scopes, and what is asked about them', async (visit) => {
    const {page} = visit;
    await signIn(visit, busyAccount(visit));
    await keyRow(page, 'ci').waitFor();
    await fits(visit, 'keys');
    for (const what of ['Rename', 'Roll', 'Revoke']) {
        await keyRow(page, 'x'.repeat(100)).getByRole('button', {name: new RegExp(`^${what}`)}).click();
        await page.getByRole('dialog').waitFor();
        await fits(visit, what.toLowerCase());
        await page.getByRole('dialog').getByRole('button', {name: 'Cancel'}).click();
    }
});

pageTest('creating a key, and the key', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person({plan: 'free'}));
    await startCreating(page);
    await fits(visit, 'create');
    await goTo(page, 'Keys');
    await makeKey(visit, 'with a name that is long enough for two lines on a phone, but has blanks in it');
    await page.getByRole('tab', {name: 'Python'}).click();
    await fits(visit, 'issued');
    await page.getByRole('button', {name: 'Copy the key'}).click();
});

pageTest('trying it', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    const {key} = here.demo.key(who.account, 'to try', '--scopes', 'programs:read');
    visit.secret(key);
    await signIn(visit, who);
    await goTo(page, 'Try it');
    await choose(page, 'GET /v1/programs');
    await headerInput(page, 'X-API-Key').fill(key);
    await page.getByRole('button', {name: 'Add header'}).click();
    await fits(visit, 'try');
    await page.getByRole('button', {name: /^Remove/}).click();
    await send(page, '200 OK');
    await answer(page).getByText(/^Headers/).click();
    await fits(visit, 'try-answer');
});

pageTest('account and activity', async (visit) => {
    const {page} = visit;
    await signIn(visit, busyAccount(visit));
    for (const view of ['Account', 'Activity']) {
        await goTo(page, view);
        await heading(page, view).waitFor();
        await page.getByRole('table').first().waitFor();
        await fits(visit, view.toLowerCase());
    }
});

check('until the modules are there, it is said that they are on their way', () => onPage(here.browser, undefined, async (visit) => {
    const {page} = visit;
    const letGo = await holdUp(page, 'GET', '**/main.js');
    await page.goto(address(), {waitUntil: 'commit'});
    const text = page.getByRole('status').filter({hasText: 'Loading…'});
    // It fades in, so that nobody sees it who has not to wait.
    await text.evaluate((element) => Promise.all(element.getAnimations().map(({finished}) => finished)));
    assert.equal(await text.evaluate((element) => getComputedStyle(element).opacity), '1');
    await visit.look('starting');
    letGo();
    await signInDialog(page).waitFor();
}));

/** The server takes its time, so that what is shown meanwhile is seen. */
async function slowly(page) {
    await page.route('**/manage/**', async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 400));
        await route.continue();
    });
}

for (const width of WIDTHS) {
    check(`nothing moves by itself while views are loaded, ${width} pixels wide`, () => onPage(here.browser, undefined, async (visit) => {
        const {page} = visit;
        await page.setViewportSize({width, height: 900});
        await page.goto(address());
        await signIn(visit, busyAccount(visit));
        await keyRow(page, 'ci').waitFor();
        await slowly(page);
        for (const route of ['keys', 'keys/new', 'try', 'activity', 'account']) {
            await page.goto('about:blank');
            await page.goto(address(`#/${route}`));
            await page.getByRole('heading', {level: 1}).waitFor();
            await visit.screenshot(`loading-${width}-${route.replace('/', '-')}`);
            await page.locator('.loading').first().waitFor({state: 'detached'});
            await page.waitForLoadState('networkidle');
            assert.equal(await page.locator('.loading').count(), 0);
            assert.deepEqual(await visit.shifts(), [], `what moved on #/${route}`);
        }
    }));
}

secretsTest();
