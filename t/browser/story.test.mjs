// One person's way through the page, with nothing but what it offers: signs in, makes a key, tries it,
// meets the limit and is told why, revokes the key, and sees that it is refused. A picture of each step.

import assert from 'node:assert/strict';
import {answer, choose, create, goTo, headerInput, heading, keyRow, nameField, pasteInto, send, signIn, signInDialog, startCreating} from './person.mjs';
import {here, pageTest, prepared, secretsTest} from './suite.mjs';

let pictures = 0;

function picture(visit, name) {
    pictures += 1;
    return visit.screenshot(`story-${String(pictures).padStart(2, '0')}-${name}`);
}

// As many requests as without it, in a window that a slow machine does not outlast.
prepared(() => here.demo.sql("UPDATE plans SET rate_limit = '5/600s'"));

pageTest('from the sign-in to a revoked key', async (visit) => {
    const {page} = visit;
    await signInDialog(page).waitFor();
    await picture(visit, 'sign-in');
    await signIn(visit, here.demo.login);
    await page.getByRole('heading', {name: 'No keys yet'}).waitFor();
    await picture(visit, 'no-keys-yet');

    await startCreating(page);
    await nameField(page).fill('My first key');
    await page.getByRole('checkbox', {name: /^programs:read/}).check();
    await picture(visit, 'create');
    const {key} = await create(visit);
    await heading(page, 'Your new key: My first key').waitFor();
    await page.getByText('it will not be shown again', {exact: false}).waitFor();
    await page.getByRole('button', {name: 'Copy the key'}).click();
    await picture(visit, 'the-key-once');

    await page.getByRole('button', {name: 'Try it with this key'}).click();
    await heading(page, 'Try it').waitFor();
    await choose(page, 'GET /v1/programs');
    assert.equal(await headerInput(page, 'X-API-Key').inputValue(), key, 'the key is filled in');
    await picture(visit, 'try-it');
    await page.getByRole('button', {name: 'Send', exact: true}).click();
    await answer(page).getByText('200 OK').waitFor();
    await answer(page).getByText('Northwind Coffee Partners').waitFor();
    await answer(page).getByText('4 of 5 left').first().waitFor();
    await picture(visit, 'first-answer');

    visit.expects('429 GET /v1/programs', '401 GET /v1/programs');
    for (const left of [3, 2, 1, 0]) {
        await send(page, `${left} of 5 left`);
    }
    await send(page, '429 Too Many Requests');
    await answer(page).getByText('Rate limit exceeded: 5 requests per 600 seconds.').first().waitFor();
    await answer(page).getByText(/You have made as many requests as the limit allows/).waitFor();
    await answer(page).getByText(/Wait \d+ min, then one request passes/).waitFor();
    await page.getByRole('button', {name: /^Send in \d+:\d\d$/}).waitFor();
    await picture(visit, 'the-limit-and-why');

    await goTo(page, 'Keys');
    await keyRow(page, 'My first key').getByRole('button', {name: /^Revoke/}).click();
    const question = page.getByRole('dialog', {name: 'Revoke My first key'});
    await question.getByText('This cannot be undone.').waitFor();
    await picture(visit, 'revoke');
    await question.getByRole('button', {name: 'Revoke key'}).click();
    const done = page.getByRole('dialog', {name: 'My first key is revoked'});
    await done.getByText(/in force on 1 of 1 node/).waitFor();
    await picture(visit, 'in-force');
    await done.getByRole('button', {name: 'Close'}).click();
    await keyRow(page, 'My first key').getByText('revoked', {exact: true}).waitFor();
    await picture(visit, 'revoked');

    await goTo(page, 'Try it');
    await heading(page, 'Try it').waitFor();
    await choose(page, 'GET /v1/programs');
    await pasteInto(headerInput(page, 'X-API-Key'));
    assert.equal(await headerInput(page, 'X-API-Key').inputValue(), key, 'what had been copied');
    await send(page, '401 Unauthorized');
    await answer(page).getByText(/mistyped, unknown, revoked or expired/).waitFor();
    await picture(visit, 'refused');

    await goTo(page, 'Activity');
    await heading(page, 'Activity').waitFor();
    await page.getByText(/key\.revoke|Key revoked|Revoked/i).first().waitFor();
    await picture(visit, 'activity');
    await page.getByRole('button', {name: 'Sign out'}).click();
    await signInDialog(page).waitFor();
});

secretsTest();
