// Lines to start from in four languages. They read the key from the environment, so that it need not
// stand in a program.

const KEY = 'TAI_API_KEY';
const TOKEN = 'TAI_TOKEN';

/** Each header with the variable that its value is kept in: a token by its shape, or as the second of two. */
function named(headers) {
    return headers.map(({name, value = ''}, index) => ({
        name, value,
        variable: value.startsWith('tat_') || (index === 1 && !value.startsWith('tai_')) ? TOKEN : KEY,
    }));
}

/** A word of the shell: nothing in single quotes means anything, and a quote itself stands outside. */
function shellWord(text) {
    return `'${text.replaceAll("'", "'\\''")}'`;
}

/** In double quotes a variable is read; of a name with other characters some would be, too. */
function curlHeader({name, variable}) {
    return /^[\w-]+$/.test(name) ? `"${name}: $${variable}"` : `${shellWord(`${name}: `)}"$${variable}"`;
}

/** Without --globoff curl takes brackets and braces for a list of addresses. */
function curl(url, headers) {
    const words = [...headers.map((header) => `-H ${curlHeader(header)}`), shellWord(url)];
    return `curl ${/[[\]{}]/.test(url) ? '--globoff ' : ''}${words.join(' \\\n  ')}`;
}

/** JSON's strings are those of JavaScript and of Python. */
const literal = JSON.stringify;

function javaScript(url, headers) {
    return `const response = await fetch(${literal(url)}, {
  headers: {
${headers.map(({name, variable}) => `    ${literal(name)}: process.env.${variable},\n`).join('')}  },
});
process.stdout.write(await response.text());`;
}

function python(url, headers) {
    return `import os
import urllib.error
import urllib.request

request = urllib.request.Request(${literal(url)}, headers={
${headers.map(({name, variable}) => `    ${literal(name)}: os.environ[${literal(variable)}],\n`).join('')}})
try:
    response = urllib.request.urlopen(request)
except urllib.error.HTTPError as refusal:
    response = refusal
print(response.read().decode())`;
}

/** In single quotes PHP knows two escapes. */
function phpText(text) {
    return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function php(url, headers) {
    return `<?php
$context = stream_context_create(['http' => [
    'header' => [
${headers.map(({name, variable}) => `        ${phpText(`${name}: `)} . getenv(${phpText(variable)}),\n`).join('')}    ],
    'ignore_errors' => true,
]]);
echo file_get_contents(${phpText(url)}, false, $context);`;
}

const languages = [['curl', curl], ['JavaScript', javaScript], ['Python', python], ['PHP', php]];

/**
 * Ready to run: a GET that prints what is answered, a refusal too.
 * @param {string} url  absolute
 * @param {{name: string, value?: string}[]} headers  of the key, and of its token if it has one
 * @returns {{name: string, text: string, setup: string|null}[]}  text: without a secret; setup: the lines
 *   for a shell that set the variables, with the values; null: these are not known
 */
export function snippets(url, headers) {
    const all = named(headers);
    const setup = all.every(({value}) => value !== '')
        ? all.map(({variable, value}) => `export ${variable}=${shellWord(value)}`).join('\n') : null;
    return languages.map(([name, write]) => ({name, text: write(url, all), setup}));
}
