import assert from 'node:assert/strict';
import {test} from 'node:test';
import {pageModule} from './page.mjs';

const {limitText, policyText, readLimits, readRetryAfter} = await pageModule('ratelimit.js');

function limits(headers, now) {
    return readLimits(new Headers(headers), now);
}

test('one policy', () => {
    const [limit, ...more] = limits({RateLimit: '"default";r=4;t=37', 'RateLimit-Policy': '"default";q=5;w=60'});
    assert.deepEqual(limit, {name: 'default', left: 4, reset: 37, quota: 5, window: 60});
    assert.deepEqual(more, []);
    assert.equal(limitText(limit), '4 of 5 left, one more in 37 s');
    assert.equal(policyText(limit), '5 requests in any 60 seconds');
});

test('several policies, each with its own', () => {
    const all = limits({
        RateLimit: '"day";r=998;t=86000,  "burst, \\"small\\"" ; r=0 ; t=1;pk=:dGVzdA==:',
        'RateLimit-Policy': '"burst, \\"small\\"";q=5;w=1;qu="requests", "day";q=1000;w=86400',
    });
    assert.deepEqual(all.map(({name, left, quota, window}) => [name, left, quota, window]),
        [['day', 998, 1000, 86400], ['burst, "small"', 0, 5, 1]]);
    assert.equal(limitText(all[1]), '0 of 5 left, one more in 1 s');
});

test('of more policies than anybody looks at, the first', () => {
    const list = (item) => Array.from({length: 2000}, (_, i) => item(i)).join(', ');
    const all = limits({RateLimit: list((i) => `"p${i}";r=${i}`), 'RateLimit-Policy': list((i) => `"p${i}";q=${i + 1};w=60`)});
    assert.deepEqual(all.map(({name, left, quota}) => [name, left, quota]), Array.from({length: 8}, (_, i) => [`p${i}`, i, i + 1]));
});

test('nothing is made up where there is less', () => {
    const [limit] = limits({RateLimit: '"default";r=3'});
    assert.deepEqual(limit, {name: 'default', left: 3, reset: undefined, quota: undefined, window: undefined});
    assert.equal(limitText(limit), '3 left');
    assert.equal(policyText(limit), '');
    assert.equal(limitText({left: 5, quota: 5, reset: 60}), '5 of 5 left');
});

for (const wrong of ['', 'default;r=4', '"default', '"default";r=4,', '"default";r=4 "other";r=3', '"default";R=4', '"default";r=-1', '"default";r=1.5',
    '"default";r=', '"default"', '"a\\b";r=1', '"é";r=1', `"${'a;r='.repeat(20000)}`]) {
    test(`no limit is read from ${JSON.stringify(wrong.slice(0, 40))}`, () => {
        assert.deepEqual(readLimits({get: (name) => (name === 'RateLimit' ? wrong : null)}), []);
    });
}

test('X-RateLimit, with seconds or with a time', () => {
    const trio = {'X-RateLimit-Limit': '60', 'X-RateLimit-Remaining': '59'};
    assert.deepEqual(limits({...trio, 'X-RateLimit-Reset': '37'}), [{name: '', left: 59, quota: 60, reset: 37, window: undefined}]);
    assert.equal(limits({...trio, 'X-RateLimit-Reset': '1800000050'}, 1800000000000)[0].reset, 50);
    assert.equal(limits({...trio, 'X-RateLimit-Reset': '1700000000'}, 1800000000000)[0].reset, 0);
    assert.deepEqual(limits({'X-RateLimit-Limit': '60'}), []);
});

test('the draft comes before X-RateLimit', () => {
    assert.deepEqual(limits({RateLimit: '"a";r=1', 'X-RateLimit-Remaining': '9'}).map(({left}) => left), [1]);
});

test('Retry-After in seconds or as a date', () => {
    const retry = (value, now) => readRetryAfter(new Headers(value === undefined ? {} : {'Retry-After': value}), now);
    assert.equal(retry('37'), 37);
    assert.equal(retry('Fri, 31 Jan 2026 12:00:10 GMT', Date.parse('2026-01-31T12:00:00Z')), 10);
    for (const none of [undefined, '0', '-3', 'soon', 'Fri, 31 Jan 2020 12:00:10 GMT']) {
        assert.equal(retry(none), null, String(none));
    }
});
