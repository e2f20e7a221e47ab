// A test file: its demo and its browser, and tests that each begin on a page of their own.

import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {openBrowser} from './browser.mjs';
import {foundIn, startDemo} from './demo.mjs';
import {secrets} from './visit.mjs';

/** What before() has started. */
export const here = {demo: undefined, browser: undefined};

before(async () => {
    here.demo = await startDemo();
    here.browser = await openBrowser();
});

after(async () => {
    await here.browser?.close();
    here.browser?.forget();
    await here.demo?.stop();
});

/** The Developer page at this route. */
export function address(route = '') {
    return `${here.demo.url}/developer/${route}`;
}

/** What a person has open while something goes wrong behind: closed behind, and looked through. */
export async function onPage(browser, url, body) {
    const visit = await browser.visit(url);
    try {
        await body(visit);
        await visit.isClean();
    } finally {
        await visit.close();
    }
}

/**
 * A test on the page as it opens for somebody who has not signed in.
 * @param {(visit: Visit) => Promise<void>} body
 */
export function pageTest(name, body) {
    test(name, () => onPage(here.browser, address(), body));
}

/** At the end of each file: no secret that was noted is in what the server or the browser has written. */
export function secretsTest() {
    test('no key, password or session is in a log, the database or the profile of the browser', async () => {
        assert.ok(secrets.size > 0, 'there were secrets');
        await here.browser.close();
        assert.deepEqual(foundIn([...here.demo.written, here.browser.profile], [...secrets]), []);
    });
}
