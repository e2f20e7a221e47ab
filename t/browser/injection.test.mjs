// Whatever comes from people or servers is shown as text: nothing of it runs, becomes an element or an
// address, or turns the text around it.

import assert from 'node:assert/strict';
import {answer, choose, create, goTo, headerInput, heading, nameField, send, signIn, startCreating} from './person.mjs';
import {here, pageTest, secretsTest} from './suite.mjs';

const ATTACKS = {
    element: '<img src=x onerror="window.attacked=1">',
    script: '</script><script>window.attacked=1</script>',
    address: 'javascript:window.attacked=1',
    // Right to left from here on, which would turn "active" and all behind it around.
    bidi: 'abc\u202Edcba\u2066xyz',
    template: '{{constructor.constructor("window.attacked=1")()}}${window.attacked=1}',
};

/** Short enough for a name of 64 bytes. */
const SHORT = {...ATTACKS, element: '<img src=x onerror=window.attacked=1>', script: '</script><script>attacked=1</script>', template: '{{attacked=1}}${attacked=1}'};

function quoted(text) {
    return `'${text.replaceAll("'", "''")}'`;
}

/** A line of the audit log, about a key that is not there. */
function logged(who, action, detail) {
    here.demo.sql(`INSERT INTO audit_log (at, account_id, actor, client, action, subject, detail)
        SELECT 1760000000, id, 'somebody', 'local', ${quoted(action)}, 'key_x', ${quoted(detail)} FROM accounts WHERE name = ${quoted(who.account)}`);
}

/** Nothing has run, nothing has become an element, and no link leads to code. */
async function isText(visit) {
    const {page} = visit;
    const made = await page.evaluate(() => ({
        attacked: window.attacked ?? null,
        elements: document.querySelectorAll('main img, main script, main iframe, dialog img, dialog script, header img, header script').length,
        links: [...document.querySelectorAll('[href], [src], [action]')].map((each) => each.href ?? each.src ?? each.action).filter((address) => /^\s*javascript:/i.test(address)),
    }));
    assert.deepEqual(made, {attacked: null, elements: 0, links: []});
}

/** Each of the texts is shown as it was written. */
async function areShown(page, texts) {
    const shown = await page.evaluate(() => document.body.innerText + [...document.querySelectorAll('input, textarea')].map((each) => each.value).join('\n'));
    for (const text of texts) {
        assert.ok(shown.includes(text), `${text} is shown`);
    }
}

pageTest('names of keys, in every view that shows them', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    await signIn(visit, who);
    for (const attack of Object.values(ATTACKS)) {
        await goTo(page, 'Keys');
        await startCreating(page);
        await nameField(page).fill(attack);
        await create(visit);
        await heading(page, `Your new key: ${attack}`).waitFor();
        await isText(visit);
        await page.getByRole('button', {name: 'Copy the key'}).click();
    }
    await goTo(page, 'Keys');
    await page.getByRole('rowheader').nth(4).waitFor();
    await areShown(page, Object.values(ATTACKS));
    await isText(visit);
    await visit.look('injection-keys');
    for (const what of ['Rename', 'Roll', 'Revoke']) {
        await page.getByRole('row').nth(1).getByRole('button', {name: new RegExp(`^${what}`)}).click();
        await page.getByRole('dialog').waitFor();
        await isText(visit);
        await page.getByRole('dialog').getByRole('button', {name: 'Cancel'}).click();
    }
    await goTo(page, 'Activity');
    await page.getByRole('rowheader').nth(4).waitFor();
    await areShown(page, Object.values(ATTACKS));
    await isText(visit);
});

/** Where the letters of an element's own texts stand is where they stand without a name between them. */
async function standsInOrder(element) {
    const lines = await element.evaluate((parent) => [...parent.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => {
        const range = document.createRange();
        return [...node.data].map((letter, at) => {
            range.setStart(node, at);
            range.setEnd(node, at + 1);
            return Math.round(range.getBoundingClientRect().left);
        });
    }));
    assert.ok(lines.length > 0, 'there is a text beside the name');
    assert.deepEqual(lines, lines.map((line) => [...line].sort((a, b) => a - b)));
}

// The second ends what isolates a text within a line before it turns the rest around.
for (const name of [ATTACKS.bidi, 'abc\u2069\u2069\u202Edcba']) {
    pageTest(`a name that turns text around turns nothing beside it around: ${JSON.stringify(name)}`, async (visit) => {
        const {page} = visit;
        const who = here.demo.person();
        visit.secret(here.demo.key(who.account, name).key);
        logged(who, 'key.rename', `name: ${name} -> ${name}`);
        await signIn(visit, who);
        const shown = page.getByRole('rowheader').getByText('abc', {exact: false}).first();
        await shown.waitFor();
        assert.equal(await shown.evaluate((element) => getComputedStyle(element).display), 'block');
        await page.getByRole('row').nth(1).getByRole('button', {name: /^Revoke/}).click();
        const dialog = page.getByRole('dialog');
        await standsInOrder(dialog.getByRole('heading'));
        await dialog.getByRole('button', {name: 'Revoke key'}).click();
        await dialog.getByRole('button', {name: 'Close'}).waitFor();
        await standsInOrder(dialog.getByRole('heading'));
        await dialog.getByRole('button', {name: 'Close'}).click();
        await goTo(page, 'Activity');
        await standsInOrder(page.getByText(/^from “/));
    });
}

pageTest('what changed is told apart by nothing that a name may have in it', async (visit) => {
    const {page} = visit;
    const who = here.demo.person();
    const details = {
        'key.rename': ['name: old -> new -> x', 'name: a -> -> b', 'name: old -> y”; works for 7 days more “z'],
        'key.create': ['name: a -> b'],
    };
    Object.entries(details).forEach(([action, all]) => all.forEach((detail) => logged(who, action, detail)));
    await signIn(visit, who);
    await goTo(page, 'Activity');
    await page.getByRole('table').waitFor();
    const told = await page.locator('.detail').evaluateAll((all) => all.map((each) => [each.textContent, [...each.querySelectorAll('bdi')].map((name) => name.textContent)]));
    assert.deepEqual(told.slice(0, 4).reverse(), [
        ['name: old -> new -> x', []], ['name: a -> -> b', []],
        ['from “old” to “y”; works for 7 days more “z”', ['old', 'y”; works for 7 days more “z']], ['“a -> b”', ['a -> b']],
    ]);
});

pageTest('names of account and user, the plan, its scopes, and the audit log', async (visit) => {
    const {page} = visit;
    const who = here.demo.person({account: `A${SHORT.element}`, username: `u${SHORT.script}`});
    here.demo.sql(`
        INSERT INTO plans (name, title, rank, rate_limit, max_keys) VALUES ('evil', ${quoted(SHORT.element)}, 99, NULL, 10);
        INSERT INTO scopes (name, description, is_default) VALUES ('evil:read', ${quoted(ATTACKS.element)}, 0), ('evil:write', ${quoted(ATTACKS.script)}, 0);
        INSERT INTO plan_scopes (plan, scope) VALUES ('evil', 'evil:read'), ('pro', 'evil:write');
        UPDATE accounts SET plan = 'evil' WHERE name = ${quoted(who.account)};
        INSERT INTO audit_log (at, account_id, actor, client, action, subject, detail)
        SELECT 1760000000, id, ${quoted(ATTACKS.element)}, ${quoted(SHORT.script)}, ${quoted(ATTACKS.address)}, 'key_x', ${quoted(ATTACKS.template)} FROM accounts WHERE name = ${quoted(who.account)}`);
    await signIn(visit, who);
    await page.getByRole('banner').getByText(`${who.username} · ${who.account}`).waitFor();
    await isText(visit);
    await startCreating(page);
    await areShown(page, [ATTACKS.element, ATTACKS.script]);
    await isText(visit);
    await goTo(page, 'Account');
    await page.getByRole('table').waitFor();
    await areShown(page, [who.account, who.username, SHORT.element, ATTACKS.element, ATTACKS.script]);
    await isText(visit);
    await goTo(page, 'Activity');
    await page.getByRole('table').waitFor();
    await areShown(page, [ATTACKS.element, SHORT.script, ATTACKS.address, ATTACKS.template]);
    await isText(visit);
    await visit.look('injection-activity');
    here.demo.sql(`UPDATE accounts SET plan = 'pro' WHERE name = ${quoted(who.account)}; DELETE FROM plan_scopes WHERE scope LIKE 'evil%'; DELETE FROM plans WHERE name = 'evil'; DELETE FROM scopes WHERE name LIKE 'evil%'`);
});

const EVIL_DESCRIPTION = {
    openapi: '3.1.0',
    info: {title: ATTACKS.element, version: '1'},
    servers: [{url: '/', description: ATTACKS.script}],
    components: {securitySchemes: {key: {type: 'apiKey', in: 'header', name: 'X-API-Key', description: ATTACKS.element}}},
    security: [{key: [ATTACKS.element]}],
    paths: {
        '/v1/programs': {get: {
            tags: [ATTACKS.element], summary: ATTACKS.script, description: ATTACKS.element,
            parameters: [{name: ATTACKS.element, in: 'query', description: ATTACKS.script, schema: {type: 'string', enum: [ATTACKS.element, ATTACKS.address]}}],
        }},
        '/v1/<img src=x onerror=window.attacked=1>': {post: {requestBody: {content: {'application/json': {example: {a: ATTACKS.script}}}}}},
        '/v1/away': {get: {servers: [{url: ATTACKS.address}], summary: 'elsewhere'}},
        '/__proto__': {get: {['__proto__']: {}, constructor: 7}},
        ['__proto__']: {get: {summary: 'no path'}},
    },
};
// As JSON may have them, and a literal may not but in brackets.
EVIL_DESCRIPTION.paths['/v1/names'] = JSON.parse(`{"post": {"summary": "Names that objects have", "security": [{"__proto__": []}, {"constructor": []}],
    "requestBody": {"content": {"application/json": {"schema": {"properties": {"__proto__": {"type": "string"}, "constructor": {"type": "integer"}}}}}}}}`);

pageTest('the description of the API: titles, texts, parameters, addresses', async (visit) => {
    const {page} = visit;
    await page.route('**/openapi.json', (route) => route.fulfill({json: EVIL_DESCRIPTION}));
    await signIn(visit, here.demo.person());
    await goTo(page, 'Try it');
    await heading(page, 'Try it').waitFor();
    await choose(page, 'GET /v1/programs');
    await isText(visit);
    await areShown(page, [ATTACKS.element, ATTACKS.script]);
    await visit.look('injection-description');
    await choose(page, 'POST /v1/names');
    assert.deepEqual(Object.keys(JSON.parse(await page.getByRole('textbox', {name: 'Body'}).inputValue())), ['__proto__', 'constructor']);
    await choose(page, 'GET /__proto__');
    assert.equal(await page.getByText('no path').count(), 0);
    assert.equal(await page.evaluate(() => ({}).get ?? ({}).type), undefined, 'what all objects have is as it was');
    for (const operation of await page.getByRole('navigation', {name: 'Operations'}).getByRole('button').all()) {
        await operation.click();
        await isText(visit);
    }
});

pageTest('what the API answers: body, headers, and the texts of a refusal', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await goTo(page, 'Try it');
    await choose(page, 'GET /v1/programs');
    const answers = [
        {status: 200, contentType: 'text/html', body: `<html>${ATTACKS.element}${ATTACKS.script}</html>`},
        {status: 200, contentType: 'application/json', body: JSON.stringify({[ATTACKS.element]: ATTACKS.script, address: ATTACKS.address, bidi: ATTACKS.bidi})},
        {status: 200, contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg" onload="window.attacked=1"></svg>'},
        {status: 403, contentType: 'application/json', headers: {'WWW-Authenticate': `ApiKey error="insufficient_scope", scope="${SHORT.element.replaceAll('"', '')}"`},
            body: JSON.stringify({error: ATTACKS.element, code: ATTACKS.script})},
        {status: 429, contentType: 'application/json', headers: {'RateLimit': '"<img src=x onerror=attacked=1>";r=0;t=1', 'RateLimit-Policy': '"<img src=x onerror=attacked=1>";q=5;w=60', 'X-Evil': ATTACKS.element},
            body: JSON.stringify({errors: [ATTACKS.element, {message: ATTACKS.script}], data: []})},
    ];
    visit.expects('403 GET /v1/programs', '429 GET /v1/programs');
    for (const given of answers) {
        await page.route('**/v1/programs', (route) => route.fulfill(given), {times: 1});
        await send(page, new RegExp(`^${given.status}`));
        await answer(page).getByText(/^Headers/).click();
        await isText(visit);
    }
    await areShown(page, [ATTACKS.element, ATTACKS.script]);
    await visit.look('injection-answer');
});

pageTest('what is written into the fields of "Try it"', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await goTo(page, 'Try it');
    await choose(page, 'GET /v1/programs');
    await page.getByRole('button', {name: 'Add header'}).click();
    await page.getByLabel('Header name').fill(ATTACKS.element);
    await page.getByLabel('Value', {exact: true}).fill(ATTACKS.script);
    await headerInput(page, 'X-API-Key').fill(ATTACKS.template);
    await page.getByRole('button', {name: 'Send', exact: true}).click();
    await page.getByText('A header name is made of letters', {exact: false}).waitFor();
    await isText(visit);
    await page.getByRole('button', {name: 'Another request, by hand'}).click();
    await page.getByRole('textbox', {name: /Path|Address/}).fill(ATTACKS.address);
    await page.getByRole('button', {name: 'Send', exact: true}).click();
    await isText(visit);
});

pageTest('a route that is none leads to the start, and is shown nowhere', async (visit) => {
    const {page} = visit;
    await signIn(visit, here.demo.person());
    await page.getByText('No keys yet').waitFor();
    for (const route of [ATTACKS.element, ATTACKS.address, '__proto__', 'constructor', '/keys/<script>']) {
        await page.evaluate((to) => {
            location.hash = `#/${to}`;
        }, route);
        await page.waitForURL(/#\/keys$/);
        await heading(page, 'API keys').waitFor();
        await isText(visit);
    }
});

secretsTest();
