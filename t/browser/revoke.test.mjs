// Rolling and revoking: what is said before, what holds behind.

import assert from 'node:assert/strict';
import {goTo, heading, holdUp, issued, keyRow, reloadAndStay, signIn} from './person.mjs';
import {here, pageTest, secretsTest} from './suite.mjs';
import {until} from './until.mjs';

async function ask(page, name, what) {
    await keyRow(page, name).getByRole('button', {name: new RegExp(`^${what}`)}).click();
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    return dialog;
}

/** An account with a key that works. */
async function withKey(visit, name, ...options) {
    const who = here.demo.person();
    const made = here.demo.key(who.account, name, ...options);
    visit.secret(made.key);
    await signIn(visit, who);
    await keyRow(visit.page, name).waitFor();
    return {who, ...made};
}

async function roll(visit, dialog) {
    const answered = visit.page.waitForResponse((response) => response.url().endsWith('/roll'));
    await dialog.getByRole('button', {name: 'Roll key'}).click();
    return issued(visit, await answered);
}

pageTest('revoked: asked before, refused at once, and on how many nodes', async (visit) => {
    const {page} = visit;
    const {key} = await withKey(visit, 'to revoke');
    assert.equal(await here.demo.request(key), 200);
    const question = await ask(page, 'to revoke', 'Revoke');
    await question.getByText(/Requests with it get 401 .* This cannot be undone\./).waitFor();
    await visit.look('revoke');
    await question.getByRole('button', {name: 'Revoke key'}).click();
    await page.getByRole('dialog', {name: 'to revoke is revoked'}).getByText(/in force on 1 of 1 node\./).waitFor();
    assert.equal(await here.demo.request(key), 401);
    await visit.look('revoked');
    await page.keyboard.press('Escape');
    await keyRow(page, 'to revoke').getByText('revoked', {exact: true}).waitFor();
    await page.getByText('0 of 10 active keys in use').first().waitFor();
});

pageTest('not revoked after all', async (visit) => {
    const {page} = visit;
    const {key} = await withKey(visit, 'to keep');
    const question = await ask(page, 'to keep', 'Revoke');
    await question.getByRole('button', {name: 'Cancel'}).click();
    await question.waitFor({state: 'detached'});
    assert.ok(await keyRow(page, 'to keep').getByRole('button', {name: /^Revoke/}).evaluate((button) => button === document.activeElement), 'the focus is back');
    assert.equal(await here.demo.request(key), 200);
});

pageTest('the database is away while a key is revoked: said, and to be done again', async (visit) => {
    const {page} = visit;
    const {key} = await withKey(visit, 'hard to revoke');
    const question = await ask(page, 'hard to revoke', 'Revoke');
    visit.expects(/^503 DELETE \/manage\/keys\//);
    here.demo.away();
    try {
        await question.getByRole('button', {name: 'Revoke key'}).click();
        await question.getByRole('alert').waitFor();
        await visit.look('revoke-unavailable');
    } finally {
        here.demo.back();
    }
    await question.getByRole('button', {name: 'Revoke key', exact: true}).click();
    await page.getByRole('dialog', {name: 'hard to revoke is revoked'}).waitFor();
    assert.equal(await here.demo.request(key), 401);
});

pageTest('rolled with a grace: both work, and what is said of the old one is so', async (visit) => {
    const {page} = visit;
    const old = await withKey(visit, 'to roll');
    const question = await ask(page, 'to roll', 'Roll');
    await question.getByText(/The old key works until/).waitFor();
    await visit.look('roll');
    const made = await roll(visit, question);
    await heading(page, 'Your new key: to roll').waitFor();
    await page.getByText(/The old key, tai_.*, works until/).waitFor();
    assert.equal(await here.demo.request(old.key), 200);
    assert.equal(await here.demo.request(made.key), 200);
    await page.getByRole('button', {name: 'Copy the key'}).click();
    await page.getByRole('button', {name: 'Done'}).click();
    await page.getByText('1 of 10 active keys in use').first().waitFor();
});

pageTest('rolled without a grace: the old one is refused from then on', async (visit) => {
    const {page} = visit;
    const old = await withKey(visit, 'leaked');
    const question = await ask(page, 'leaked', 'Roll');
    await question.getByRole('radio', {name: /^None/}).check();
    await question.getByText(/The old key is revoked at once/).waitFor();
    const made = await roll(visit, question);
    await page.getByText(/The old key, tai_.*, is revoked\./).waitFor();
    assert.equal(await here.demo.request(old.key), 401);
    assert.equal(await here.demo.request(made.key), 200);
});

pageTest('a grace of one’s own: from a minute to a week', async (visit) => {
    const {page} = visit;
    await withKey(visit, 'own grace');
    const question = await ask(page, 'own grace', 'Roll');
    await question.getByRole('radio', {name: 'Other'}).check();
    await question.getByLabel('Grace of your own').fill('8');
    await question.getByLabel('Unit').selectOption('days');
    await question.getByText(/A whole number, from 1 minute to 7 days/).waitFor();
    await visit.look('roll-wrong-grace');
    await question.getByLabel('Grace of your own').fill('2');
    const made = await roll(visit, question);
    const days = (Date.parse(made.replaces.ends_at) - Date.now()) / 86_400_000;
    assert.ok(days > 1.9 && days <= 2, `in two days, not ${days}`);
});

pageTest('a roll whose grace still runs cannot be rolled again, and it says why', async (visit) => {
    const {page} = visit;
    const {id} = await withKey(visit, 'twice');
    visit.secret(here.demo.taictl(['key', 'roll', id, '--grace', '1h']).key);
    visit.expects(`409 POST /manage/keys/${id}/roll`);
    const question = await ask(page, 'twice', 'Roll');
    await question.getByRole('button', {name: 'Roll key'}).click();
    await question.getByRole('alert').getByText(/Only an active key can be rolled/).waitFor();
    await visit.look('roll-refused');
});

/** What people do who have waited long enough. */
async function tryToLeave(page, dialog) {
    await dialog.getByText('Waiting until every server knows:').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await dialog.getByRole('button', {name: 'Cancel'}).click({force: true});
    await page.evaluate(() => history.back());
    await until(() => page.url().endsWith('#/keys'), 'the address of what is shown');
    await reloadAndStay(page);
    await dialog.getByText('Waiting until every server knows:').waitFor();
}

/** Coming from another view, so that there is one to go back to. */
async function fromAccount(page, name) {
    await goTo(page, 'Account');
    await heading(page, 'Account').waitFor();
    await goTo(page, 'Keys');
    await keyRow(page, name).waitFor();
}

pageTest('while a key is revoked nobody leaves before it is done: by Escape, "back" or loading again', async (visit) => {
    const {page} = visit;
    const {key} = await withKey(visit, 'slow to revoke');
    await fromAccount(page, 'slow to revoke');
    const question = await ask(page, 'slow to revoke', 'Revoke');
    const letGo = await holdUp(page, 'DELETE', '**/manage/keys/*');
    await question.getByRole('button', {name: 'Revoke key'}).click();
    await tryToLeave(page, question);
    letGo();
    await page.getByRole('dialog', {name: 'slow to revoke is revoked'}).waitFor();
    assert.equal(await here.demo.request(key), 401);
    await page.keyboard.press('Escape');
    await goTo(page, 'Account');
    await heading(page, 'Account').waitFor();
});

pageTest('while a key is rolled: the same, and the new one is shown', async (visit) => {
    const {page} = visit;
    await withKey(visit, 'slow to roll');
    await fromAccount(page, 'slow to roll');
    const question = await ask(page, 'slow to roll', 'Roll');
    const letGo = await holdUp(page, 'POST', '**/manage/keys/*/roll');
    const made = roll(visit, question);
    await tryToLeave(page, question);
    letGo();
    const {key} = await made;
    await heading(page, 'Your new key: slow to roll').waitFor();
    assert.equal(await page.getByLabel('Key', {exact: true}).inputValue(), key);
});

secretsTest();
