// A test file: its demo and its browser, and tests that each begin on a page of their own.

import assert from 'node:assert/strict';
import {basename} from 'node:path';
import {after, before, test} from 'node:test';
import {openBrowser} from './browser.mjs';
import {foundIn, startDemo} from './demo.mjs';
import {secrets} from './visit.mjs';

/** What before() has started. */
export const here = {demo: undefined, browser: undefined};

const preparations = [];

before(async () => {
    here.demo = await startDemo();
    here.browser = await openBrowser();
    for (const prepare of preparations) {
        await prepare();
    }
});

/** What a file needs besides, before its first test. */
export function prepared(prepare) {
    preparations.push(prepare);
}

after(async () => {
    await here.browser?.close();
    here.browser?.forget();
    await here.demo?.stop();
});

const file = basename(process.argv[1], '.test.mjs');

/** A test that makes its own page. */
export function check(name, body) {
    test(`${file}: ${name}`, body);
}

/** The Developer page at this route. */
export function address(route = '') {
    return `${here.demo.url}/developer/${route}`;
}

/** Open a page, and look behind the body whether all is well. What is wrong is told with what was seen. */
export async function onPage(browser, url, body) {
    const visit = await browser.visit(url);
    try {
        await body(visit);
        await visit.isClean();
    } catch (error) {
        await visit.screenshot(`failed-${file}-${Date.now()}`);
        error.message += `\nwhat else there was: ${visit.seen()}`;
        throw error;
    } finally {
        await visit.close();
    }
}

/**
 * A test on the page as it opens for somebody who has not signed in.
 * @param {(visit: Visit) => Promise<void>} body
 */
export function pageTest(name, body) {
    check(name, () => onPage(here.browser, address(), body));
}

/** At the end of each file: no secret that was noted is in what the server or the browser has written. */
export function secretsTest() {
    check('no key, password or session is in a log, the database or the profile of the browser', async () => {
        assert.ok(secrets.size > 0, 'there were secrets');
        await here.browser.close();
        assert.deepEqual(foundIn([...here.demo.written, here.browser.profile], [...secrets]), []);
    });
}
