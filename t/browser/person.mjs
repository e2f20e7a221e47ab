// What a person does on the page, who finds things by what they are and what they are called.

import assert from 'node:assert/strict';
import {here} from './suite.mjs';

export function signInDialog(page) {
    return page.getByRole('dialog', {name: /^Sign in/});
}

/** Write name and password, and send them. */
export async function enterPassword(page, {username, password}) {
    const dialog = signInDialog(page);
    await dialog.getByLabel('User name').fill(username);
    await dialog.getByLabel('Password').fill(password);
    await dialog.getByRole('button', {name: 'Sign in'}).click();
}

/** The heading of the view that is shown. */
export function heading(page, name) {
    return page.getByRole('heading', {level: 1, name, exact: true});
}

/** Sign in, until the dialog is gone; the session and the password are secrets from then on. */
export async function signIn(visit, who) {
    visit.secret(who.password);
    await enterPassword(visit.page, who);
    await signInDialog(visit.page).waitFor({state: 'detached'});
    const {value} = (await visit.page.context().cookies()).find(({name}) => /^(__Host-)?taiauth$/.test(name));
    return visit.secret(value);
}

/** End a session as another window with the same cookie would. */
export async function endSession(session) {
    const answer = await fetch(`${here.demo.api}/session`, {method: 'DELETE', headers: {Cookie: `taiauth=${session}`, 'Sec-Fetch-Site': 'same-origin'}});
    assert.equal((await answer.json()).ended, true, 'there was a session');
}

/** To a view, by its tab. */
export async function goTo(page, tab) {
    await page.getByRole('navigation', {name: 'Developer'}).getByRole('link', {name: tab, exact: true}).click();
}

/** The row of a key in the table. */
export function keyRow(page, name) {
    return page.getByRole('row').filter({has: page.getByRole('rowheader', {name})});
}

/** What can be done with a key: 'Roll', 'Rename', 'Revoke'. What its buttons say besides is for those who do not see the row. */
export async function offered(row) {
    const texts = await row.getByRole('button').allInnerTexts();
    return texts.map((text) => text.split('\n')[0].trim());
}

/** From the keys to the form of a new one. */
export async function startCreating(page) {
    await page.getByRole('link', {name: 'Create key', exact: true}).click();
    await heading(page, 'Create key').waitFor();
    await nameField(page).waitFor();
}

export function nameField(page) {
    return page.getByRole('textbox', {name: 'Name', exact: true});
}

/** Send the form, which must work; returns what the server has answered. */
export async function create(visit) {
    const answered = visit.page.waitForResponse((response) => response.url().endsWith('/manage/keys') && response.request().method() === 'POST');
    await visit.page.getByRole('button', {name: 'Create key'}).click();
    return issued(visit, await answered);
}

/** What was issued in an answer is a secret. */
export async function issued(visit, response) {
    const made = await response.json();
    [made.key, made.token].filter(Boolean).forEach((secret) => visit.secret(secret));
    return made;
}

/** A key with this name, and no more than what is chosen at first; leaves the view that shows it open. */
export async function makeKey(visit, name) {
    await startCreating(visit.page);
    await nameField(visit.page).fill(name);
    const made = await create(visit);
    await heading(visit.page, `Your new key: ${name}`).waitFor();
    return made;
}

/** The clipboard, as whoever pastes finds it. */
export function clipboard(page) {
    return page.evaluate(() => navigator.clipboard.readText());
}

/** Requests of this method to such addresses get no answer until this is called. */
export async function holdUp(page, method, pattern) {
    let letGo;
    const gate = new Promise((resolve) => {
        letGo = resolve;
    });
    await page.route(pattern, async (route) => {
        if (route.request().method() === method) {
            await gate;
        }
        await route.fallback();
    });
    return letGo;
}

/** Try to load the page again, and stay when the browser asks; it must ask. */
export async function reloadAndStay(page) {
    const asked = page.waitForEvent('dialog');
    await page.evaluate(() => {
        setTimeout(() => location.reload());
    });
    const dialog = await asked;
    assert.equal(dialog.type(), 'beforeunload');
    await dialog.dismiss();
}

// --- Try it ----------------------------------------------------------------------------------------

/** What has come back. */
export function answer(page) {
    return page.getByRole('region', {name: 'Answer'});
}

/** Choose an operation: 'GET /v1/programs'. */
export async function choose(page, operation) {
    await page.getByRole('navigation', {name: 'Operations'}).getByRole('button', {name: new RegExp(`^${operation}(?![\\w/{])`)}).click();
}

/** Send, until these words are in the answer. */
export async function send(page, words) {
    await page.getByRole('button', {name: 'Send', exact: true}).click();
    await answer(page).getByText(words).first().waitFor();
}

/** The input of a header that is asked for. */
export function headerInput(page, name) {
    return page.getByRole('region', {name: 'Request'}).getByRole('textbox', {name, exact: true});
}

/** Whatever is on the clipboard, as one pastes. */
export async function pasteInto(input) {
    await input.click();
    await input.press('Control+V');
}
