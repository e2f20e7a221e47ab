// A new key, shown once. It lives in this view alone: whoever leaves it leaves the key behind.

import {codeBlock, copyButton, secretField} from './copy.js';
import {loadDescription} from './description.js';
import {fill, h, named} from './dom.js';
import {guard} from './leaving.js';
import {suits} from './security.js';
import {snippets} from './snippets.js';
import {table} from './table.js';
import {tabs} from './tabs.js';
import {when} from './times.js';

// ---- the key itself ----------------------------------------------------------------------------

function copyableCell(what, copied) {
    return (header) => {
        const code = h('code', {}, header[what]);
        return h('div.row.apart', {}, code, copyButton(`the ${what} of ${header.name}`, () => header[what], code, () => copied(header[what])));
    };
}

function headersTable(headers, copied) {
    return table('Headers to send', [
        {title: 'Header', cell: copyableCell('name', copied), heads: true},
        {title: 'Value', cell: copyableCell('value', copied)},
    ], headers);
}

// ---- ready lines -------------------------------------------------------------------------------

/** Something to read with this key, at an address that is complete. */
function isToRead(operation, {headers, effective_scopes: effective}) {
    const {method, path, servers} = operation;
    return method === 'GET' && servers.length > 0 && !path.includes('{') && suits(operation, headers, effective);
}

/** An address to try the key at; null: no description names one. */
async function exampleAddress({settings, signal}, issued) {
    if (settings.description === null) {
        return null;
    }
    try {
        const {operations} = await loadDescription(new URL(settings.description, document.baseURI).href, signal);
        const found = operations.find((operation) => isToRead(operation, issued));
        return found ? found.servers[0].url + found.path : null;
    } catch {
        return null;
    }
}

function readyLines(address, headers, copied) {
    // One that can be seen to be none: at a real one the key would go to whatever else this server has.
    const placeholder = new URL('/path-of-the-api', location.href).href;
    const lines = snippets(address ?? placeholder, headers);
    return [
        h('h2', {}, 'Use it'),
        h('p', {}, 'Keep it in an environment variable, not in your program. For a shell:'),
        codeBlock(lines[0].setup, 'the lines for a shell', () => copied(...headers.map(({value}) => value))),
        address === null && h('p', {}, 'Put the address of the API in the place of ', h('code', {}, placeholder), '.'),
        tabs('Language', lines.map(({name, text}) => ({name, content: codeBlock(text, `the lines for ${name}`)}))),
    ];
}

// ---- the view ----------------------------------------------------------------------------------

function replacement(issued, old) {
    return h('p.note', {}, issued.replaces.ends_at === null || Date.parse(issued.replaces.ends_at) <= Date.now()
        ? `The old key, ${old.prefix}, is revoked.`
        : `The old key, ${old.prefix}, works until ${when(issued.replaces.ends_at)}.`);
}

/**
 * @param {Object} page
 * @param {Object} issued  the answer that has the key
 * @param {Object} [old]  the key that it takes over from
 */
export async function issuedKey(page, issued, old) {
    const secrets = [{label: 'Key', value: issued.key}, {label: 'Token', value: issued.token}].filter(({value}) => value);
    const {copied, left} = guard(page, secrets);
    const heading = h('h1', {}, 'Your new key: ', named(issued.name));
    const lines = h('section.stack.lines');
    const tryIt = () => page.go('try', {headers: issued.headers, scopes: issued.effective_scopes, uncopied: left()});
    fill(page.main, heading,
        h('p.note.warning', {}, h('strong', {}, 'Copy it now: it will not be shown again. '), 'Only its SHA-256 is kept. Treat it like a password.'),
        old && replacement(issued, old),
        h('section.panel.stack', {},
            secrets.map((secret) => secretField(secret, copied)),
            h('h2', {}, 'Headers to send'), headersTable(issued.headers, copied)),
        lines,
        h('div.row', {},
            h('button.button.primary', {type: 'button', onclick: tryIt}, 'Try it with this key'),
            h('button.button', {type: 'button', onclick: () => page.go('keys')}, 'Done')));
    page.begin();
    const address = await exampleAddress(page, issued);
    if (!page.signal.aborted) {
        fill(lines, readyLines(address, issued.headers, copied));
    }
}
