// The story by keyboard alone: what can be done by pointing can be done without, and the focus is seen
// and is where one would look for it.

import assert from 'node:assert/strict';
import {answer, heading, issued, keyRow, signInDialog} from './person.mjs';
import {here, pageTest, secretsTest} from './suite.mjs';

const STEPS_MAX = 80;

/** What the focus is on: its role and name, as a screen reader says them. */
function focused(page) {
    return page.locator(':focus');
}

/** Tab until this has the focus; fails where it cannot be reached. */
async function tabTo(page, target, key = 'Tab') {
    for (let step = 0; step < STEPS_MAX; step += 1) {
        if (await target.count() > 0 && await target.first().evaluate((element) => element === document.activeElement)) {
            await isSeen(page);
            return;
        }
        await page.keyboard.press(key);
    }
    throw new Error(`the keyboard does not get to ${target}`);
}

/** Something is drawn around it, and it is not outside the window. */
async function isSeen(page) {
    const look = await focused(page).evaluate((element) => {
        const style = getComputedStyle(element);
        const box = element.getBoundingClientRect();
        return {
            hasRing: (style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none',
            isInside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
            name: element.outerHTML.slice(0, 120),
        };
    });
    assert.ok(look.hasRing && look.isInside, `the focus is seen: ${JSON.stringify(look)}`);
}

async function type(page, text) {
    await page.keyboard.insertText(text);
}

async function tab(page, name) {
    await tabTo(page, page.getByRole('navigation', {name: 'Developer'}).getByRole('link', {name, exact: true}));
    await page.keyboard.press('Enter');
}

pageTest('signs in, makes a key, tries it and revokes it, with no hand on a mouse', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    visit.secret(who.password);
    await signInDialog(page).waitFor();
    await tabTo(page, page.getByLabel('User name'));
    await type(page, who.username);
    await page.keyboard.press('Tab');
    await type(page, who.password);
    await page.keyboard.press('Enter');
    await page.getByText('No keys yet').waitFor();

    await tabTo(page, page.getByRole('link', {name: 'Create your first key'}));
    await page.keyboard.press('Enter');
    await heading(page, 'Create key').waitFor();
    const name = page.getByRole('textbox', {name: 'Name', exact: true});
    await name.waitFor();
    await tabTo(page, name);
    await type(page, 'by keyboard');
    await tabTo(page, page.getByRole('checkbox', {name: /^programs:read/}));
    await page.keyboard.press('Space');
    await tabTo(page, page.getByRole('button', {name: 'Create key'}));
    const answered = page.waitForResponse((response) => response.url().endsWith('/manage/keys') && response.request().method() === 'POST');
    await page.keyboard.press('Enter');
    const {key} = await issued(visit, await answered);
    await heading(page, 'Your new key: by keyboard').waitFor();

    await tabTo(page, page.getByRole('button', {name: 'Copy the key'}));
    await page.keyboard.press('Enter');
    await tabTo(page, page.getByRole('tab', {name: 'curl'}));
    await page.keyboard.press('ArrowRight');
    assert.equal(await focused(page).innerText(), 'JavaScript');
    await page.keyboard.press('End');
    assert.equal(await focused(page).innerText(), 'PHP');
    await tabTo(page, page.getByRole('button', {name: 'Try it with this key'}));
    await page.keyboard.press('Enter');
    await heading(page, 'Try it').waitFor();
    const programs = page.getByRole('button', {name: /^GET \/v1\/programs(?![\w/{])/});
    await programs.waitFor();
    await tabTo(page, programs);
    await page.keyboard.press('Enter');
    await tabTo(page, page.getByRole('button', {name: 'Send', exact: true}));
    await page.keyboard.press('Enter');
    await answer(page).getByText('200 OK').waitFor();

    await tab(page, 'Keys');
    const revoke = keyRow(page, 'by keyboard').getByRole('button', {name: /^Revoke/});
    await revoke.waitFor();
    await tabTo(page, revoke);
    await page.keyboard.press('Enter');
    const question = page.getByRole('dialog', {name: 'Revoke by keyboard'});
    await question.waitFor();
    await page.keyboard.press('Escape');
    await question.waitFor({state: 'detached'});
    assert.ok(await revoke.evaluate((button) => button === document.activeElement), 'the focus is where it was');
    await page.keyboard.press('Enter');
    await tabTo(page, question.getByRole('button', {name: 'Revoke key'}));
    await page.keyboard.press('Enter');
    const done = page.getByRole('dialog', {name: 'by keyboard is revoked'});
    await done.waitFor();
    await tabTo(page, done.getByRole('button', {name: 'Close'}));
    await page.keyboard.press('Enter');
    await keyRow(page, 'by keyboard').getByText('revoked', {exact: true}).waitFor();
    assert.equal(await here.demo.request(key), 401);

    await tabTo(page, page.getByRole('button', {name: 'Sign out'}), 'Shift+Tab');
    await page.keyboard.press('Enter');
    await signInDialog(page).waitFor();
});

pageTest('the keyboard does not leave a dialog for what is behind it', async (visit) => {
    const {page} = visit;
    await signInDialog(page).waitFor();
    for (let step = 0; step < 12; step += 1) {
        await page.keyboard.press('Tab');
        const place = await page.evaluate(() => document.activeElement.closest('dialog') !== null || document.activeElement === document.body);
        assert.ok(place, 'in the dialog, or with the browser');
    }
});

pageTest('a new view has the focus on its heading, and the first Tab offers to skip the rest', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    visit.secret(who.password);
    const dialog = signInDialog(page);
    await dialog.getByLabel('User name').fill(who.username);
    await dialog.getByLabel('Password').fill(who.password);
    await page.keyboard.press('Enter');
    await page.getByText('No keys yet').waitFor();
    await tab(page, 'Account');
    await heading(page, 'Account').waitFor();
    assert.equal(await focused(page).innerText(), 'Account');
    await page.reload();
    await heading(page, 'Account').waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await focused(page).innerText(), 'Skip to content');
    await isSeen(page);
    await page.keyboard.press('Enter');
    assert.ok(await focused(page).evaluate((element) => element.closest('main') !== null), 'in the content');
    assert.match(page.url(), /#\/account$/);
});

secretsTest();
