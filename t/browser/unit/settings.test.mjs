import assert from 'node:assert/strict';
import {test} from 'node:test';
import {pageModule} from './page.mjs';

const {readSettings} = await pageModule('settings.js');

const ORIGIN = 'https://dev.example.com';
globalThis.document = {baseURI: `${ORIGIN}/developer/`};
globalThis.location = {origin: ORIGIN};

const GOOD = {title: 'Developer', management: '/manage', description: null};

/** As they are read from a file that has this. */
function read(t, settings) {
    t.mock.method(globalThis, 'fetch', async () => Response.json(settings));
    return readSettings();
}

test('the management API is a whole address, without a slash at its end', async (t) => {
    for (const [management, address] of [['/manage', '/manage'], ['/manage//', '/manage'], ['manage', '/developer/manage'], ['/\t', ''], ['/.//evil.example/', '//evil.example'],
        [`${ORIGIN}/manage`, '/manage']]) {
        assert.equal((await read(t, {...GOOD, management})).management, ORIGIN + address, management);
    }
});

for (const [members, text] of [
    [{management: '/openapi.json#'}, null], [{management: '/openapi.json#x'}, /"management"/], [{management: '/manage?a='}, /"management" .* without "\?" and "#"/],
    [{management: '//evil.example/manage'}, /"management"/], [{management: ''}, /"management"/], [{management: 7}, /"management"/],
    [{description: 'https://evil.example/openapi.json'}, /"description"/], [{description: 'openapi.json?v=2'}, null],
    [{title: ' '}, /"title"/], [{more: 1}, /a member "more"/],
]) {
    test(`settings with ${JSON.stringify(members)}`, async (t) => {
        const settings = read(t, {...GOOD, ...members});
        await (text === null ? settings : assert.rejects(settings, ({code, message}) => code === 'BAD_SETTINGS' && text.test(message)));
    });
}
