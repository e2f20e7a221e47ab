// The list of keys: empty, long, with all that a key can be; and what keeps it from being there.

import assert from 'node:assert/strict';
import {goTo, heading, holdUp, keyRow, offered, signIn} from './person.mjs';
import {here, pageTest, secretsTest} from './suite.mjs';
import {until} from './until.mjs';

// As many keys of an account that are over, a second apart, the newest last.
function oldKeys(account, count) {
    here.demo.sql(`
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
        INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash, scopes, created_at, revoked_at)
        SELECT 'key_old' || accounts.rowid || 'n' || i, 'key_old' || accounts.rowid || 'n' || i, accounts.id, users.id, printf('old %02d', i),
            'tai_' || printf('%08d', i), lower(hex(randomblob(32))), 'programs:read', 1760000000 + i, 1760100000
        FROM n JOIN accounts ON accounts.name = '${account}' JOIN users ON users.account_id = accounts.id AND users.role = 'primary_admin'`);
}

pageTest('no key yet: what a key is good for, and where to make one', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await page.getByRole('heading', {name: 'No keys yet'}).waitFor();
    await page.getByText('0 of 10 active keys in use').first().waitFor();
    await page.getByRole('link', {name: 'Create your first key'}).waitFor();
    await visit.look('keys-empty');
});

pageTest('a key of each kind: name, prefix, scopes, times, status', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    const active = here.demo.key(who.account, 'active one', '--scopes', 'programs:read,analytics:read');
    const revoked = here.demo.key(who.account, 'revoked one');
    here.demo.taictl(['key', 'revoke', revoked.id]);
    const expired = here.demo.key(who.account, 'expired one', '--expires-in', '1s');
    const pair = here.demo.key(who.account, 'with token', '--token', '--expires-in', '3d');
    [active, revoked, expired, pair].forEach(({key}) => visit.secret(key));
    await until(() => here.demo.taictl(['key', 'show', expired.id]).status === 'expired', 'the end of a key');
    await signIn(visit, who);

    const row = keyRow(page, 'active one');
    await row.getByText(`${active.key.slice(0, 12)}...`, {exact: true}).waitFor();
    assert.deepEqual(await row.getByRole('listitem').allTextContents(), ['programs:read', 'analytics:read']);
    await row.getByText('active', {exact: true}).waitFor();
    assert.deepEqual(await offered(row), ['Roll', 'Rename', 'Revoke']);
    for (const [name, status] of [['revoked one', 'revoked'], ['expired one', 'expired']]) {
        await keyRow(page, name).getByText(status, {exact: true}).waitFor();
        assert.equal(await keyRow(page, name).getByRole('button').count(), 0, `${name} is over`);
    }
    await keyRow(page, 'with token').getByText('with a token').waitFor();
    await keyRow(page, 'with token').getByText('in 3 days').waitFor();
    await page.getByText('2 of 10 active keys in use').first().waitFor();
    await visit.look('keys');
});

pageTest('the last 30 days of use, admitted and refused', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    // Of as many requests in ten minutes, so that the sixth is refused however slow the others were.
    const {key, id} = here.demo.key(who.account, 'busy', '--rate-limit', '5/600s');
    visit.secret(key);
    here.demo.key(who.account, 'idle');
    const today = here.demo.sql("SELECT date('now')").trim();
    here.demo.sql(`INSERT INTO key_usage (key_id, day, admitted, refused)
        VALUES ('${id}', date('${today}', '-2 days'), 1200, 30), ('${id}', date('${today}', '-31 days'), 7777, 0)`);
    const answers = [];
    for (let request = 1; request <= 6; request += 1) {
        answers.push(await here.demo.request(key));
    }
    assert.deepEqual(answers, [200, 200, 200, 200, 200, 429]);
    await until(() => here.demo.sql(`SELECT sum(admitted) FROM key_usage WHERE key_id = '${id}' AND day >= '${today}'`).trim() === '5', 'what is written every ten seconds');
    await signIn(visit, who);
    await keyRow(page, 'busy').getByRole('img', {name: /^Use of busy in the last 30 days: 1,205 admitted, 31 refused; most on .*, 1,200 admitted, 30 refused$/}).waitFor();
    await keyRow(page, 'idle').getByRole('img', {name: 'Use of idle in the last 30 days: no requests'}).waitFor();
    await keyRow(page, 'busy').getByText(/seconds? ago|now/).waitFor();
    await visit.look('keys-used');
});

pageTest('more keys than a page: each of them once', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    oldKeys(who.account, 230);
    await signIn(visit, who);
    const more = page.getByRole('button', {name: 'Show more'});
    for (const shown of [100, 200]) {
        await until(async () => await page.getByRole('rowheader').count() === shown, `${shown} keys`);
        await more.click();
    }
    await until(async () => await page.getByRole('rowheader').count() === 230, 'all keys');
    await more.waitFor({state: 'hidden'});
    const names = await page.getByRole('rowheader').locator('.key-name').allTextContents();
    assert.deepEqual(names, Array.from({length: 230}, (_, index) => `old ${String(230 - index).padStart(2, '0')}`));
    await page.getByText('0 of 10 active keys in use').first().waitFor();
});

/** What is said to those who do not see it, from now on. */
async function listen(page) {
    await page.evaluate(() => {
        const announcer = document.getElementById('announcer');
        window.heard = [];
        new MutationObserver(() => window.heard.push(announcer.textContent)).observe(announcer, {childList: true});
    });
    return () => page.evaluate(() => window.heard);
}

pageTest('one more key: counted as one, and where it has come too late, nothing is said of it', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    oldKeys(who.account, 101);
    await signIn(visit, who);
    await page.getByRole('button', {name: 'Show more'}).waitFor();
    const heard = await listen(page);
    await page.getByRole('button', {name: 'Show more'}).click();
    await until(async () => (await heard()).includes('1 more key'), 'the last key');
    assert.ok(await keyRow(page, 'old 01').getByRole('rowheader').evaluate((cell) => cell === document.activeElement), 'the focus is on it');

    const letGo = await holdUp(page, 'GET', '**/manage/keys?*after=*');
    await goTo(page, 'Keys');
    await page.getByRole('button', {name: 'Show more'}).click();
    await goTo(page, 'Account');
    await heading(page, 'Account').waitFor();
    const late = page.waitForResponse(/after=/);
    letGo();
    await (await late).finished();
    const before = (await heard()).length;
    await goTo(page, 'Keys');
    await until(async () => (await heard()).slice(before).includes('100 keys'), 'the list');
    assert.equal((await heard()).filter((text) => /more/.test(text)).length, 1);
});

pageTest('a key gets another name, and one that is too long gets none', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    visit.secret(here.demo.key(who.account, 'before').key);
    await signIn(visit, who);
    await keyRow(page, 'before').getByRole('button', {name: /^Rename/}).click();
    const dialog = page.getByRole('dialog', {name: 'Rename key'});
    await dialog.getByLabel('Name').fill('ä'.repeat(51));
    await dialog.getByRole('button', {name: 'Rename'}).click();
    await dialog.getByText('The name has 102 bytes; 100 are allowed.').waitFor();
    await visit.look('rename');
    await dialog.getByLabel('Name').fill('ä'.repeat(50));
    await dialog.getByRole('button', {name: 'Rename'}).click();
    await keyRow(page, 'ä'.repeat(50)).waitFor();
    assert.equal(await dialog.count(), 0);
});

pageTest('a plan that grants less than it did: what is lost is marked', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    visit.secret(here.demo.key(who.account, 'of better days', '--scopes', 'programs:read,analytics:read').key);
    here.demo.taictl(['account', 'set-plan', who.account, 'free']);
    await signIn(visit, who);
    await keyRow(page, 'of better days').getByText('analytics:read (not in the plan)').waitFor();
    await visit.look('keys-downgraded');
});

pageTest('the database is away: what happened, what it means, and the way on', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    visit.secret(here.demo.key(who.account, 'still there').key);
    await signIn(visit, who);
    await keyRow(page, 'still there').waitFor();
    visit.expects('503 GET /manage/keys', '503 GET /manage/account');
    here.demo.away();
    try {
        await goTo(page, 'Keys');
        await page.getByRole('alert').waitFor();
        await page.getByRole('button', {name: /^Try again/}).waitFor();
        await visit.look('keys-unavailable');
    } finally {
        here.demo.back();
    }
    await page.getByRole('button', {name: 'Try again', exact: true}).click();
    await keyRow(page, 'still there').waitFor();
    assert.ok(await heading(page, 'API keys').evaluate((element) => element === document.activeElement), 'the focus is at the beginning');
});

pageTest('offline: said so, and all is well when the way is there again', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    visit.secret(here.demo.key(who.account, 'still there').key);
    await signIn(visit, who);
    await keyRow(page, 'still there').waitFor();
    visit.expects('failed GET /manage/keys', 'failed GET /manage/account');
    await page.context().setOffline(true);
    try {
        await goTo(page, 'Keys');
        await page.getByRole('alert').getByText('There was no answer.').waitFor();
        await visit.look('keys-offline');
    } finally {
        await page.context().setOffline(false);
    }
    await page.getByRole('button', {name: 'Try again'}).click();
    await keyRow(page, 'still there').waitFor();
    await heading(page, 'API keys').waitFor();
});

pageTest('a tab that is opened in another window is not loaded anew in this one', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await page.getByText('No keys yet').waitFor();
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    const opened = page.context().waitForEvent('page');
    await page.getByRole('navigation', {name: 'Developer'}).getByRole('link', {name: 'Keys', exact: true}).click({modifiers: ['Control']});
    const other = await opened;
    await other.getByText('No keys yet').waitFor();
    await other.close();
    assert.deepEqual(asked, []);
    const again = page.waitForRequest(/\/manage\/keys/);
    await goTo(page, 'Keys');
    await again;
});

pageTest('what was asked for earlier and comes later does not take the place of what is newer', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    await signIn(visit, who);
    await page.getByText('No keys yet').waitFor();
    let goOn;
    const gate = new Promise((resolve) => {
        goOn = resolve;
    });
    await page.route('**/manage/account', async (route) => {
        const response = await route.fetch();
        const account = await response.json();
        await gate;
        await route.fulfill({response, json: {...account, name: 'Of yesterday'}});
    }, {times: 1});
    const early = page.waitForResponse('**/manage/account');
    await goTo(page, 'Keys');
    const [request] = await Promise.all([page.waitForRequest('**/manage/account'), goTo(page, 'Account')]);
    assert.equal((await (await request.response()).json()).name, who.account);
    await page.getByText('In good standing').waitFor();
    goOn();
    await early;
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
    await page.getByRole('banner').getByText(`${who.username} · ${who.account}`).waitFor();
});

secretsTest();
