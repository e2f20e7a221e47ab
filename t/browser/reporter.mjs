// Results as flat TAP, with the counts that build/test adds up.

import {basename} from 'node:path';

function reasonOf(error) {
    const cause = error?.cause ?? error;
    const stack = String(cause?.stack ?? '').split('\n').filter((line) => /^ +at .*\.mjs/.test(line)).join('\n');
    return `${cause?.message ?? cause}\n${stack}`.split('\n').map((line) => `#   ${line}\n`).join('');
}

/** With the file that it stands in, which suite.mjs has said already. */
function nameOf({name, file = ''}) {
    return file.endsWith('.test.mjs') && name !== file ? `${basename(file, '.test.mjs')}: ${name}` : name;
}

export default async function* report(events) {
    let passed = 0;
    let failed = 0;
    for await (const {type, data} of events) {
        const isTest = (type === 'test:pass' || type === 'test:fail') && !data.name.endsWith('.test.mjs');
        // A file that ends before its tests do fails as a whole.
        if (type === 'test:pass' && isTest) {
            passed += 1;
            yield `ok ${passed + failed} - ${nameOf(data)}\n`;
        } else if (type === 'test:fail' && (isTest || data.details.error?.failureType !== 'subtestsFailed')) {
            failed += 1;
            yield `not ok ${passed + failed} - ${nameOf(data)}\n${reasonOf(data.details.error)}`;
        } else if (type === 'test:stdout' || type === 'test:stderr') {
            yield data.message;
        }
    }
    yield `1..${passed + failed}\n# PASS: ${passed}\n# FAIL: ${failed}\n`;
}
