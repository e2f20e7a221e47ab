// Who is there: signing in and out, and what becomes of the page when a session ends.

import assert from 'node:assert/strict';
import {endSession, enterPassword, goTo, heading, signIn, signInDialog} from './person.mjs';
import {address, here, pageTest, secretsTest} from './suite.mjs';
import {until} from './until.mjs';

pageTest('nobody is known: a dialog asks, and nothing lies behind it', async ({page}) => {
    await signInDialog(page).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await signInDialog(page).waitFor();
    assert.equal(await page.getByLabel('Password').getAttribute('type'), 'password');
    assert.equal(await page.getByLabel('Password').getAttribute('autocomplete'), 'current-password');
});

pageTest('something else answers where the management API is thought to be: said to whoever runs the page', async ({page}) => {
    await signInDialog(page).waitFor();
    let body;
    await page.route('**/manage/account', (route) => route.fulfill({contentType: 'application/json', body}));
    for (body of ['{}', 'null', '{"name": "A", "user": null}']) {
        await page.reload();
        await page.getByRole('alert').getByText('"management" in settings.json is the address of something else', {exact: false}).waitFor();
    }
});

pageTest('the right password opens the keys, and says who is there', async (visit) => {
    const who = here.demo.person();
    await signIn(visit, who);
    await heading(visit.page, 'API keys').waitFor();
    await visit.page.getByRole('banner').getByText(`${who.username} · ${who.account}`).waitFor();
});

pageTest('the demo’s own user may sign in', async (visit) => {
    await signIn(visit, here.demo.login);
    await heading(visit.page, 'API keys').waitFor();
});

pageTest('a wrong password is said to be wrong, and the name stays', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    visit.expects('401 POST /manage/session');
    await enterPassword(page, {...who, password: 'not the password'});
    await page.getByRole('alert').getByText('The user name or the password is wrong.').waitFor();
    assert.equal(await page.getByLabel('User name').inputValue(), who.username);
    assert.equal(await page.getByLabel('Password').inputValue(), '');
    assert.ok(await page.getByLabel('Password').evaluate((input) => input === document.activeElement), 'the password is to be written again');
    await signIn(visit, who);
});

pageTest('who guesses is locked out for a while, and is told how long; keys go on', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    const {key} = here.demo.key(who.account, 'in use');
    visit.secret(key);
    visit.expects('401 POST /manage/session', '429 POST /manage/session');
    for (let guess = 1; guess <= 5; guess += 1) {
        const answered = page.waitForResponse((response) => response.url().endsWith('/manage/session'));
        await enterPassword(page, {...who, password: `wrong password ${guess}`});
        await answered;
        await page.getByRole('button', {name: 'Sign in', disabled: false}).waitFor();
    }
    await enterPassword(page, who);
    await page.getByRole('alert').getByText(/^Too many wrong passwords .* API keys go on working\.$/).waitFor();
    const button = page.getByRole('button', {name: /^Try again in \d+ s$/});
    await button.waitFor();
    assert.equal(await button.getAttribute('aria-disabled'), 'true');
    await visit.look('locked-out');
    assert.equal(await here.demo.request(key), 200);
});

pageTest('signed out: nothing of it is left, and "back" brings nothing back', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    await signIn(visit, who);
    await goTo(page, 'Account');
    await heading(page, 'Account').waitFor();
    await page.getByRole('button', {name: 'Sign out'}).click();
    await signInDialog(page).waitFor();
    assert.equal((await page.context().cookies()).length, 0, 'the cookie is gone');
    assert.equal(await page.getByText(who.account).count(), 0);
    await page.goBack();
    await signInDialog(page).waitFor();
    assert.equal(await page.getByText(who.account).count(), 0);
});

pageTest('signed out in one window is signed out in the other', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    await signIn(visit, who);
    await heading(page, 'API keys').waitFor();
    const other = await page.context().newPage();
    await other.goto(address());
    await other.getByRole('button', {name: 'Sign out'}).click();
    await signInDialog(other).waitFor();
    await signInDialog(page).waitFor();
    await other.close();
});

pageTest('signed in in one window is signed in in the other: at the start, and where a session has ended', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    const other = await page.context().newPage();
    await other.goto(address());
    await signInDialog(other).waitFor();
    const session = await signIn(visit, who);
    await heading(other, 'API keys').waitFor();
    await signInDialog(other).waitFor({state: 'detached'});
    await endSession(session);
    visit.expects(/^401 GET /);
    for (const each of [page, other]) {
        await goTo(each, 'Account');
        await signInDialog(each).waitFor();
    }
    await signIn(visit, who);
    await signInDialog(other).waitFor({state: 'detached'});
    await other.getByText('In good standing').waitFor();
    await other.close();
});

pageTest('the settings are away at the start: tried again, the focus is at the beginning', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await heading(page, 'API keys').waitFor();
    await page.route('**/settings.json', (route) => route.fulfill({status: 500, body: ''}), {times: 2});
    visit.expects('500 GET /developer/settings.json');
    await page.reload();
    const again = page.getByRole('button', {name: 'Try again'});
    for (const name of ['Developer', 'API keys']) {
        const failed = await again.elementHandle();
        await again.click();
        await failed.waitForElementState('hidden');
        await heading(page, name).waitFor();
        await until(() => heading(page, name).evaluate((element) => element === document.activeElement), 'the focus at the beginning');
    }
});

pageTest('a session that ended meanwhile: signs in, and is where he was with what he had written', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    const session = await signIn(visit, who);
    await page.getByRole('link', {name: 'Create your first key'}).click();
    await page.getByLabel('Name', {exact: true}).fill('half written');
    await endSession(session);
    visit.expects('401 POST /manage/keys');
    await page.getByRole('button', {name: 'Create key'}).click();
    await signInDialog(page).getByText('Your session has ended.').waitFor();
    assert.equal(await page.getByLabel('User name').inputValue(), who.username);
    await visit.look('session-ended');
    const made = page.waitForResponse((response) => response.url().endsWith('/manage/keys') && response.status() === 201);
    await signIn(visit, who);
    visit.secret((await (await made).json()).key);
    await page.getByText('half written').first().waitFor();
});

pageTest('somebody else signs in where a session has ended: nothing of the one before is left', async (visit) => {
    const {page} = visit;
    const [first, second] = [here.demo.person(), here.demo.person()];
    const session = await signIn(visit, first);
    await page.getByRole('link', {name: 'Create your first key'}).click();
    await page.getByLabel('Name', {exact: true}).fill('of the first');
    await endSession(session);
    visit.expects('401 POST /manage/keys');
    await page.getByRole('button', {name: 'Create key'}).click();
    await signInDialog(page).waitFor();
    await signIn(visit, second);
    await page.getByRole('banner').getByText(second.username).waitFor();
    await page.getByText('No keys yet').waitFor();
    assert.deepEqual(here.demo.taictl(['key', 'list', second.account]), [], 'what the first had begun is not done for the second');
});

pageTest('a session that ended while nobody was there: what is shown is hidden by then', async (visit) => {
    const {page} = visit;
    const session = await signIn(visit, here.demo.person());
    await heading(page, 'API keys').waitFor();
    await page.clock.install();
    await goTo(page, 'Account');
    await page.getByText('In good standing').waitFor();
    await endSession(session);
    visit.expects('401 GET /manage/account');
    await page.clock.fastForward('32:00');
    await signInDialog(page).getByText('Your session has ended.').waitFor();
});

for (const [name, notice] of [
    ['at the next look at the account', (page) => goTo(page, 'Account')],
    ['when the page is looked at again', (page) => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))],
]) {
    pageTest(`the session has become somebody else's: nothing of the one before is left, ${name}`, async (visit) => {
        const {page} = visit;
        const [first, second] = [here.demo.person(), here.demo.person()];
        await signIn(visit, first);
        await page.getByRole('link', {name: 'Create your first key'}).click();
        await page.getByLabel('Name', {exact: true}).fill('of the first');
        const {url} = here.demo;
        const answer = await page.request.post(`${url}/manage/session`, {data: {username: second.username, password: second.password}, headers: {'Sec-Fetch-Site': 'same-origin'}});
        assert.equal(answer.status(), 201);
        visit.secret(second.password);
        visit.secret(/taiauth=(\w+)/.exec(answer.headers()['set-cookie'])[1]);
        await notice(page);
        await page.getByRole('banner').getByText(second.username).waitFor();
        await heading(page, 'API keys').waitFor();
        assert.equal(await page.getByText(first.username).count(), 0);
    });
}

secretsTest();
