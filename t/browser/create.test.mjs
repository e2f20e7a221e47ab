// Creating a key: what can be chosen, what cannot, and what is refused.

import assert from 'node:assert/strict';
import {create, goTo, heading, holdUp, nameField, reloadAndStay, signIn, startCreating} from './person.mjs';
import {here, pageTest, secretsTest} from './suite.mjs';
import {until} from './until.mjs';

async function chosenScopes(page) {
    const boxes = await page.getByRole('group', {name: 'Scopes'}).getByRole('checkbox', {checked: true}).all();
    return Promise.all(boxes.map((box) => box.inputValue()));
}

/** What is said of an input besides its label; runs in the page. */
function descriptionOf(input) {
    return input.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent).join(' ').trim();
}

function detailsOf(account, name) {
    return here.demo.taictl(['key', 'list', account]).find((key) => key.name === name);
}

pageTest('the least is chosen at first, and the key has no more', async (visit) => {
    const {page} = visit;
    const who = here.demo.person({plan: 'free'});
    await signIn(visit, who);
    await startCreating(page);
    const least = await chosenScopes(page);
    assert.equal(least.length, 1);
    await nameField(page).fill('least');
    const made = await create(visit);
    assert.deepEqual(made.scopes, least);
    assert.equal(made.expires_at, null);
});

pageTest('scopes beyond the plan are shown with the plan they need, and cannot be chosen', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person({plan: 'free'}));
    await startCreating(page);
    for (const [scope, plans, description] of [
        ['programs:write', 'Claimed or Pro', 'Create and update program listings'],
        ['analytics:read', 'Pro', 'Access click and view analytics']]) {
        const box = page.getByRole('checkbox', {name: new RegExp(`^${scope}`)});
        assert.ok(await box.isDisabled(), `${scope} cannot be chosen`);
        await page.getByText(`${scope} Needs ${plans}${description}`).waitFor();
    }
    await page.getByRole('button', {name: 'All usual scopes'}).click();
    assert.deepEqual((await chosenScopes(page)).sort(), ['categories:read', 'organizations:read', 'programs:read', 'reviews:read']);
    await visit.look('create-free');
});

pageTest('scopes and an expiry as chosen', async (visit) => {
    const {page} = visit;
    const who = here.demo.person({plan: 'pro'});
    await signIn(visit, who);
    await startCreating(page);
    await nameField(page).fill('chosen');
    await page.getByRole('radio', {name: 'In 30 days'}).check();
    await page.getByRole('checkbox', {name: /^analytics:read/}).check();
    await page.getByRole('checkbox', {name: /^programs:read/}).check();
    await visit.look('create');
    const made = await create(visit);
    assert.ok(made.scopes.includes('analytics:read') && made.scopes.includes('programs:read'));
    const days = (Date.parse(made.expires_at) - Date.now()) / 86_400_000;
    assert.ok(days > 29.9 && days <= 30, `in 30 days, not ${days}`);
    assert.equal(await here.demo.request(made.key, '/v1/analytics'), 200);
});

pageTest('a date of one’s own: to come, and complete', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await startCreating(page);
    await nameField(page).fill('dated');
    await page.getByRole('radio', {name: 'On a date'}).check();
    await page.getByRole('button', {name: 'Create key'}).click();
    await page.getByText('Give a date and a time.').waitFor();
    assert.equal(await page.getByLabel('Expires on').getAttribute('aria-invalid'), 'true');
    assert.equal(await page.getByLabel('Expires on').evaluate(descriptionOf), 'Give a date and a time.');
    await page.getByLabel('Expires on').fill('2020-01-31T12:00');
    await page.getByRole('button', {name: 'Create key'}).click();
    await page.getByText('This time is over.').waitFor();
    await page.getByLabel('Expires on').fill('2099-01-31T12:00');
    assert.equal((await create(visit)).expires_at, '2099-01-31T12:00:00Z');
});

pageTest('the server refuses the expiry: said there, and what was chosen has the focus', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await startCreating(page);
    await nameField(page).fill('too short');
    await page.getByRole('radio', {name: 'In 30 days'}).check();
    visit.expects('400 POST /manage/keys');
    await page.route('**/manage/keys', (route) => route.fulfill({status: 400, json: {error: '"expires_at" is in the past.', code: 'BAD_REQUEST'}}));
    await page.getByRole('button', {name: 'Create key'}).click();
    await page.getByRole('group', {name: 'Expires'}).getByText('"expires_at" is in the past.').waitFor();
    assert.ok(await page.getByRole('radio', {name: 'In 30 days'}).evaluate((radio) => radio === document.activeElement));
});

pageTest('nothing is sent that is not complete, and each fault is at its field', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    await signIn(visit, who);
    await startCreating(page);
    const [least] = await chosenScopes(page);
    await page.getByRole('checkbox', {name: new RegExp(`^${least}`)}).uncheck();
    await nameField(page).fill('   ');
    await page.getByRole('button', {name: 'Create key'}).click();
    await page.getByText('Give the key a name.').waitFor();
    await page.getByText('Choose one scope at least.').waitFor();
    assert.ok(await nameField(page).evaluate((input) => input === document.activeElement), 'the first fault has the focus');
    assert.equal(await nameField(page).getAttribute('aria-invalid'), 'true');
    await visit.look('create-incomplete');
    assert.deepEqual(here.demo.taictl(['key', 'list', who.account]), []);
});

pageTest('the eleventh key: not offered, and refused in words where it was asked for meanwhile', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    for (let number = 1; number <= 9; number += 1) {
        visit.secret(here.demo.key(who.account, `number ${number}`).key);
    }
    await signIn(visit, who);
    await startCreating(page);
    await nameField(page).fill('one too many');
    visit.secret(here.demo.key(who.account, 'the tenth').key);
    visit.expects('409 POST /manage/keys');
    await page.getByRole('button', {name: 'Create key'}).click();
    await page.getByRole('alert').waitFor();
    await visit.look('create-eleventh');
    await goTo(page, 'Keys');
    await page.getByText('10 of 10 active keys in use').first().waitFor();
    await page.getByText(/^The plan allows 10 active keys, and no other can be created now/).waitFor();
    assert.equal(await page.getByRole('button', {name: 'Create key'}).getAttribute('aria-disabled'), 'true');
    await visit.look('keys-full');
});

pageTest('a plan that went down meanwhile: the refusal names the scope and the plan', async (visit) => {
    const {page} = visit;
    const who = here.demo.person({plan: 'pro'});
    await signIn(visit, who);
    await startCreating(page);
    await nameField(page).fill('too much');
    await page.getByRole('checkbox', {name: /^analytics:read/}).check();
    here.demo.taictl(['account', 'set-plan', who.account, 'free']);
    visit.expects('403 POST /manage/keys');
    await page.getByRole('button', {name: 'Create key'}).click();
    await page.getByText('The "analytics:read" scope requires a Pro plan.').waitFor();
    assert.equal(await nameField(page).inputValue(), 'too much');
});

pageTest('the database is away while a key is created: it is not known whether there is one, and that is said', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await startCreating(page);
    await nameField(page).fill('perhaps');
    visit.expects('503 POST /manage/keys');
    here.demo.away();
    try {
        await page.getByRole('button', {name: 'Create key'}).click();
        await page.getByText('The key may have been created all the same.').waitFor();
        await visit.look('create-unavailable');
    } finally {
        here.demo.back();
    }
    assert.equal(await nameField(page).inputValue(), 'perhaps', 'what was written is still there');
});

pageTest('offline while a key is created: the same', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    await signIn(visit, who);
    await startCreating(page);
    await nameField(page).fill('perhaps');
    visit.expects('failed POST /manage/keys');
    await page.context().setOffline(true);
    await page.getByRole('button', {name: 'Create key'}).click();
    await page.getByText('The key may have been created all the same.').waitFor();
    await page.context().setOffline(false);
    assert.deepEqual(here.demo.taictl(['key', 'list', who.account]), []);
    const made = await create(visit);
    assert.equal(await here.demo.request(made.key, '/v1/categories'), 200);
});

pageTest('while the key is on its way nobody leaves without it: by a button, a tab, "back" or loading again', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await startCreating(page);
    await nameField(page).fill('late');
    const letGo = await holdUp(page, 'POST', '**/manage/keys');
    const made = create(visit);
    await page.getByText('Waiting for the new key.').waitFor();
    const cancel = page.getByRole('button', {name: 'Cancel'});
    assert.equal(await cancel.getAttribute('aria-disabled'), 'true');
    await cancel.click({force: true});
    await goTo(page, 'Account');
    await until(() => page.url().endsWith('#/keys/new'), 'the address of what is shown');
    await page.evaluate(() => history.back());
    await until(() => page.url().endsWith('#/keys/new'), 'the address of what is shown');
    await reloadAndStay(page);
    await visit.look('create-waiting');
    letGo();
    const {key} = await made;
    await heading(page, 'Your new key: late').waitFor();
    assert.equal(await page.getByLabel('Key', {exact: true}).inputValue(), key);
    await page.getByRole('button', {name: 'Copy the key'}).click();
    await goTo(page, 'Account');
    await heading(page, 'Account').waitFor();
});

pageTest('no key came: the view is left as before', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await startCreating(page);
    await nameField(page).fill('none');
    await page.route('**/manage/keys', (route) => route.fulfill({status: 503, json: {error: 'Not now.', code: 'AUTH_UNAVAILABLE'}}), {times: 1});
    visit.expects('503 POST /manage/keys');
    await page.getByRole('button', {name: 'Create key'}).click();
    await page.getByRole('alert').waitFor();
    await page.getByRole('button', {name: 'Cancel'}).click();
    await heading(page, 'API keys').waitFor();
});

pageTest('a key with a token, for places that ask for both', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await startCreating(page);
    await nameField(page).fill('pair');
    await page.getByText('More options').click();
    await page.getByRole('checkbox', {name: /^Key and token/}).check();
    const made = await create(visit);
    await page.getByLabel('Token', {exact: true}).waitFor();
    assert.equal(await page.getByLabel('Token', {exact: true}).inputValue(), made.token);
    const headers = Object.fromEntries(made.headers.map(({name, value}) => [name, value]));
    assert.equal((await fetch(`${here.demo.url}/ts/programs`, {headers})).status, 200);
    await visit.look('issued-pair');
});

secretsTest();
