// Account and activity; and what a member, and an account that is suspended, see.

import assert from 'node:assert/strict';
import {enterPassword, goTo, heading, keyRow, makeKey, offered, signIn, signInDialog} from './person.mjs';
import {here, pageTest, secretsTest} from './suite.mjs';
import {until} from './until.mjs';

pageTest('plan, standing, limits, session and the scopes of the plan', async (visit) => {
    const {page} = visit;
    const who = here.demo.person({plan: 'claimed'});
    visit.secret(here.demo.key(who.account, 'one').key);
    await signIn(visit, who);
    await goTo(page, 'Account');
    await heading(page, 'Account').waitFor();
    await page.getByText('In good standing').waitFor();
    await page.getByText('Claimed', {exact: true}).first().waitFor();
    await page.getByText('1 of 10 active keys in use').first().waitFor();
    await page.getByText(/^Ends .* or after 30 minutes without use$/).waitFor();
    await page.getByRole('row').filter({hasText: 'programs:write'}).getByText('Granted').waitFor();
    await page.getByRole('row').filter({hasText: 'analytics:read'}).getByText('Needs Pro').waitFor();
    assert.deepEqual(await page.getByRole('columnheader').allTextContents(), ['Scope', 'What it is for', 'Your plan']);
    await visit.look('account');
});

pageTest('a member sees the account, and is told whose the keys are', async (visit) => {
    const {page} = visit;
    const admin = here.demo.person();
    const member = here.demo.person({account: admin.account, role: 'member'});
    await signIn(visit, member);
    await page.getByText(`Only the primary administrator of ${admin.account} manages keys.`).waitFor();
    await visit.look('member-keys');
    await page.goto(`${page.url().replace(/#.*/, '')}#/keys/new`);
    await page.getByText('Only the primary administrator', {exact: false}).waitFor();
    assert.equal(await page.getByRole('button', {name: 'Create key'}).count(), 0);
    await goTo(page, 'Activity');
    await heading(page, 'Activity').waitFor();
    await page.getByText(`Only the primary administrator of ${admin.account} sees what was done in it.`).waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
    await visit.look('member-activity');
    await goTo(page, 'Account');
    await page.getByText('Member:', {exact: false}).waitFor();
    await visit.look('member-account');
});

pageTest('a suspended account looks and revokes, and nothing else', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    const {key} = here.demo.key(who.account, 'of the suspended');
    visit.secret(key);
    here.demo.taictl(['account', 'suspend', who.account]);
    await signIn(visit, who);
    await page.getByText(`The account ${who.account} is suspended.`).waitFor();
    assert.deepEqual(await offered(keyRow(page, 'of the suspended')), ['Revoke']);
    assert.equal(await page.getByRole('button', {name: 'Create key'}).getAttribute('aria-disabled'), 'true');
    await visit.look('suspended');
    await keyRow(page, 'of the suspended').getByRole('button', {name: /^Revoke/}).click();
    await page.getByRole('button', {name: 'Revoke key'}).click();
    await page.getByText(/in force on 1 of 1 node/).first().waitFor();
    await page.keyboard.press('Escape');
    here.demo.taictl(['account', 'reinstate', who.account]);
    assert.equal(await here.demo.request(key), 401, 'revoked it stays');
});

pageTest('a closed account: nobody gets in', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    here.demo.taictl(['account', 'close', who.account, '--yes']);
    visit.secret(who.password);
    visit.expects('403 POST /manage/session');
    await enterPassword(page, who);
    await page.getByRole('alert').getByText('The password is right, but the account is closed.', {exact: false}).waitFor();
    await visit.look('closed');
    await signInDialog(page).waitFor();
});

pageTest('suspended meanwhile: the key is not created, and the reason is said', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    await signIn(visit, who);
    await page.getByRole('link', {name: 'Create key', exact: true}).click();
    await page.getByRole('textbox', {name: 'Name', exact: true}).fill('too late');
    here.demo.taictl(['account', 'suspend', who.account]);
    visit.expects('403 POST /manage/keys');
    await page.getByRole('button', {name: 'Create key'}).click();
    await page.getByRole('alert').getByText('The account is suspended or closed', {exact: false}).waitFor();
});

pageTest('activity: who did what, the latest first, with names and failed sign-ins', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    visit.expects('401 POST /manage/session');
    await enterPassword(page, {...who, password: 'not the password'});
    await page.getByRole('alert').getByText('The user name or the password is wrong.').waitFor();
    await signIn(visit, who);
    await makeKey(visit, 'logged');
    await page.getByRole('button', {name: 'Copy the key'}).click();
    await goTo(page, 'Activity');
    await heading(page, 'Activity').waitFor();
    const lines = page.getByRole('rowheader');
    await lines.first().waitFor();
    const done = (await lines.allInnerTexts()).map((text) => text.split('\n')[0].trim());
    assert.deepEqual(done.slice(0, 3), ['Key created', 'Signed in', 'Sign-in failed']);
    await page.getByRole('row').filter({hasText: 'Key created'}).getByText(who.username).waitFor();
    await page.getByRole('row').filter({hasText: 'Key created'}).getByText('127.0.0.1').waitFor();
    await visit.look('activity');
});

pageTest('activity of a key that was rolled: the two of one name are told apart', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    const old = here.demo.key(who.account, 'one name');
    const rolled = here.demo.taictl(['key', 'roll', old.id, '--grace', '1h']);
    [old.key, rolled.key].forEach((key) => visit.secret(key));
    await signIn(visit, who);
    await goTo(page, 'Activity');
    const row = page.getByRole('row').filter({hasText: 'Key rolled'});
    await row.getByRole('cell').getByText(`${old.key.slice(0, 12)}...`, {exact: true}).waitFor();
    await row.getByText(`followed by one name, ${rolled.key.slice(0, 12)}...`).waitFor();
});

pageTest('more activity than a page: each line once', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    here.demo.sql(`
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
        INSERT INTO audit_log (at, account_id, actor, client, action, subject, detail)
        SELECT 1760000000 + i, accounts.id, 'somebody', '192.0.2.1', 'key.rename', 'key_none', 'line ' || i FROM n JOIN accounts ON accounts.name = '${who.account}'`);
    await signIn(visit, who);
    await goTo(page, 'Activity');
    const more = page.getByRole('button', {name: 'Show more'});
    for (const shown of [25, 50]) {
        await until(async () => await page.getByRole('rowheader').count() === shown, `${shown} lines`);
        await more.click();
    }
    await more.waitFor({state: 'hidden'});
    const told = (await page.getByRole('rowheader').allInnerTexts()).map((text) => /line (\d+)$/.exec(text)?.[1]).filter(Boolean);
    assert.deepEqual(told, Array.from({length: 60}, (_, index) => String(60 - index)));
});

/** Click what is offered; whether there is nothing left to try. */
async function triedAgain(page) {
    const again = page.getByRole('button', {name: 'Try again', exact: true});
    if (await again.count() > 0) {
        await again.first().click();
    }
    return await page.getByRole('alert').count() === 0;
}

pageTest('the database is away: account and activity say so, and come back', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await heading(page, 'API keys').waitFor();
    await page.getByText('No keys yet').waitFor();
    visit.expects(/^503 GET \/manage\//);
    for (const view of ['Account', 'Activity']) {
        here.demo.away();
        try {
            await goTo(page, view);
            await page.getByRole('alert').first().waitFor();
            await visit.look(`${view.toLowerCase()}-unavailable`);
        } finally {
            here.demo.back();
        }
        await until(() => triedAgain(page), 'all that was missing');
        await page.getByRole('table').first().waitFor();
    }
});

secretsTest();
