// One page that somebody has open: what went wrong on it, what it has kept, what it looks like.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const visits = new WeakMap();

/** Answers that are no failure of the page. The first: nobody has signed in yet. */
const EXPECTED = ['401 GET /manage/account'];

/** Whatever may be nowhere but where it was issued. */
export const secrets = new Set();

// Everything that a page can leave for later, as one text.
async function whatPageKeeps() {
    const databases = await indexedDB.databases();
    const caught = await globalThis.caches?.keys(); // not on plain http
    return JSON.stringify([{...localStorage}, {...sessionStorage}, databases, caught, document.cookie, location.href, history.state,
        window.name, performance.getEntries().map((entry) => entry.name)]);
}

export class Visit {
    static of(page) {
        return visits.get(page);
    }

    static async begin(context, url) {
        const visit = new Visit(await context.newPage());
        if (url !== undefined) {
            await visit.page.goto(url);
        }
        return visit;
    }

    constructor(page) {
        this.page = page;
        this.violations = [];
        this.errors = [];
        this.answers = [];
        this.expected = [...EXPECTED];
        this.complaints = [];
        visits.set(page, this);
        this.watch();
    }

    watch() {
        this.page.on('pageerror', (error) => this.errors.push(`page: ${error.stack ?? error}`));
        this.page.on('console', (message) => {
            // That an answer was an error is seen below, with what was asked for.
            if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Failed to load resource')) {
                this.errors.push(`console: ${message.text()}`);
            }
        });
        this.page.on('response', (response) => {
            if (response.status() >= 400) {
                this.answers.push(`${response.status()} ${response.request().method()} ${new URL(response.url()).pathname}`);
            }
        });
        this.page.on('requestfailed', (request) => {
            // A page that is left gives up what it had asked for.
            if (request.failure().errorText !== 'net::ERR_ABORTED') {
                this.answers.push(`failed ${request.method()} ${new URL(request.url()).pathname}`);
            }
        });
    }

    /** '403 POST /v1/programs', 'failed GET /manage/keys', or a pattern: will come, and is right. */
    expects(...answers) {
        this.expected.push(...answers);
    }

    /** The browser may say this in its console. */
    mayComplain(pattern) {
        this.complaints.push(pattern);
    }

    unexpected() {
        const isExpected = (answer) => this.expected.some((one) => (one instanceof RegExp ? one.test(answer) : one === answer));
        return this.answers.filter((answer) => !isExpected(answer));
    }

    /** Nothing went wrong that the test did not expect, and nothing secret is kept. */
    async isClean() {
        assert.deepEqual(this.violations, [], 'violations of the content security policy');
        assert.deepEqual(this.errors.filter((error) => !this.complaints.some((one) => one.test(error))), [], 'errors on the page');
        assert.deepEqual(this.unexpected(), [], 'answers that were not expected');
        await this.keepsNoSecret();
    }

    /** What went wrong so far, expected or not. */
    seen() {
        return JSON.stringify([...this.violations, ...this.errors, ...this.answers]);
    }

    async keepsNoSecret() {
        const session = await this.page.context().newCDPSession(this.page);
        const {entries} = await session.send('Page.getNavigationHistory');
        const kept = JSON.stringify(entries) + await this.page.evaluate(whatPageKeeps);
        assert.deepEqual([...secrets].filter((secret) => kept.includes(secret)), [], 'kept by the page');
        await session.detach();
    }

    /** A text that must be in nothing that is kept. */
    secret(text) {
        secrets.add(text);
        return text;
    }

    // --- what it looks like -----------------------------------------------------------------------

    async screenshot(name) {
        await this.page.screenshot({path: join(process.env.TAI_SCREENSHOTS, `${name}.png`), fullPage: true});
    }

    /** In both themes: a picture, and nothing that axe finds. */
    async look(name) {
        for (const colorScheme of ['light', 'dark']) {
            await this.page.emulateMedia({colorScheme});
            await this.screenshot(`${name}-${colorScheme}`);
            assert.deepEqual(await this.findings(), [], `axe on ${name}, ${colorScheme}`);
        }
        await this.page.emulateMedia({colorScheme: 'light'});
    }

    // In a world of its own, as it is not the page that runs it.
    async findings() {
        const session = await this.page.context().newCDPSession(this.page);
        const {frameTree} = await session.send('Page.getFrameTree');
        const {executionContextId: contextId} = await session.send('Page.createIsolatedWorld', {frameId: frameTree.frame.id});
        const run = async (expression) => {
            const {result, exceptionDetails} = await session.send('Runtime.evaluate', {expression, contextId, awaitPromise: true, returnByValue: true});
            assert.equal(exceptionDetails, undefined, 'axe ran');
            return result.value;
        };
        await run(`${axe}; 0`);
        const found = await run(`axe.run(document, {preload: false, resultTypes: ['violations']}).then(({violations}) =>
            violations.flatMap(({id, nodes}) => nodes.map(({html, failureSummary}) => id + ': ' + html + ' ' + failureSummary)))`);
        await session.detach();
        return found;
    }

    /** How things have moved by themselves since the page was loaded. */
    shifts() {
        return this.page.evaluate(() => window.seenShifts);
    }

    /** By how many pixels the page is wider than its window. */
    overhang() {
        return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    }

    async close() {
        await this.page.close();
    }
}
