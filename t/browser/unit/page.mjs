// The page's modules as node loads them: a copy beside a package.json that says what they are.

import {cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';

// The runner works on a copy of the tests, and says where the rest is.
const source = process.env.TAI_SRC ? pathToFileURL(`${process.env.TAI_SRC}/`) : new URL('../../../', import.meta.url);
const copy = mkdtempSync(join(tmpdir(), 'taiauth-page.'));

cpSync(fileURLToPath(new URL('mod_taiauth/dashboard', source)), copy, {recursive: true});
writeFileSync(join(copy, 'package.json'), '{"type": "module"}');
process.on('exit', () => rmSync(copy, {recursive: true}));

// What they ask of a browser before anything is shown.
globalThis.navigator ??= {languages: ['en-GB'], platform: ''};

/** A module of the page: 'ratelimit.js'. */
export function pageModule(name) {
    return import(pathToFileURL(join(copy, name)).href);
}

/** A file of the repository. */
export function sourceText(path) {
    return readFileSync(new URL(path, source), 'utf8');
}
