// The client of the management API: what it makes of answers that do not come.

import assert from 'node:assert/strict';
import {beforeEach, test} from 'node:test';
import {pageModule} from './page.mjs';

const {client} = await pageModule('api.js');
const {ask} = client('/manage', () => assert.fail('nobody has to sign in'));

// What has been asked for, and how long it is waited for: the time itself passes when a test says so.
let patience;
let timeUp;

AbortSignal.timeout = (ms) => {
    const controller = new AbortController();
    patience = ms;
    timeUp = () => controller.abort(new DOMException('too long', 'TimeoutError'));
    return controller.signal;
};

beforeEach(() => {
    patience = timeUp = undefined;
});

function never(signal) {
    return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
    });
}

function fetchGives(give) {
    globalThis.fetch = async (address, {signal}) => give(signal);
}

const LONGEST_LEASE_MS = 60_000;

test('no answer: longer than the API may take for a change, and then no more', async () => {
    fetchGives(never);
    const asked = ask('DELETE', '/keys/key_1');
    assert.ok(patience > 1.2 * LONGEST_LEASE_MS, `${patience} ms`);
    timeUp();
    await assert.rejects(asked, {status: 0, code: 'OFFLINE', message: 'There was no answer.'});
});

test('an answer that does not end: the same', async () => {
    let begun;
    const isBegun = new Promise((resolve) => {
        begun = resolve;
    });
    fetchGives((signal) => ({ok: true, status: 200, json() {
        begun();
        return never(signal);
    }}));
    const asked = ask('POST', '/keys', {});
    await isBegun;
    timeUp();
    await assert.rejects(asked, {status: 0, code: 'OFFLINE'});
});

test('an answer that is no JSON is one', async () => {
    fetchGives(() => new Response('<html>', {status: 502}));
    await assert.rejects(ask('GET', '/keys'), {status: 502, code: 'UNREADABLE'});
});
