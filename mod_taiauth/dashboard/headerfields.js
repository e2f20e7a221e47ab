// The headers of a request: those that the operation asks for, with their secrets, and others.
// What is filled in stays while one operation after the other is tried, and is gone with the view.

import {field} from './field.js';
import {fill, h} from './dom.js';
import {fit, headerFault, isSameHeader, readHeaderLines} from './request.js';

// No password for a browser to offer to keep, and no text for it to look up in a dictionary elsewhere.
const SECRET = {type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: false};

/** Has an input show what is in it, or dots. */
function showButton(input, name) {
    const said = h('span', {}, 'Show');
    function onclick() {
        const isConcealed = input.classList.toggle('concealed');
        said.textContent = isConcealed ? 'Show' : 'Hide';
    }
    return h('button.button.quiet', {type: 'button', onclick}, said, h('span.unseen', {}, ` ${name}`));
}

function beside(input, button) {
    const line = h('div.inline');
    input.before(line);
    line.append(input, button);
}

// ---- those that are asked for ------------------------------------------------------------------

/** A key with a token is good for nothing where one header is asked for, and one without where there are two. */
function mismatch(headers, secrets) {
    const isOther = secrets.length > 0 && headers.length > 0 && secrets.length !== headers.length;
    return isOther && h('p.note.warning', {}, secrets.length > 1
        ? 'The key that you have just created has a token. It is refused where no token is asked for, as here.'
        : 'The key that you have just created has no token. It is refused where one is asked for, as here.');
}

function readNeeded({name, prefix, input, complain}) {
    const value = input.value.trim();
    const fault = value === '' ? null : headerFault(name, value);
    complain(fault);
    const isPrefixed = prefix === '' || value.toLowerCase().startsWith(prefix.toLowerCase());
    return {name, value: value === '' || isPrefixed ? value : prefix + value, fault, input};
}

function neededHeaders(secrets, onpaste) {
    const typed = new Map();
    const element = h('div.stack');
    let rows = [];
    let origins;

    // What has been filled in for one server is not handed to another.
    function slot(name) {
        return `${origins} ${name.toLowerCase()}`;
    }

    function rowOf({name, prefix, title}, fitting, index) {
        const input = h('input.concealed', {
            ...SECRET, value: typed.get(slot(name)) ?? fitting, placeholder: `Paste your ${index === 1 ? 'token' : 'key'}`,
            oninput: () => typed.set(slot(name), input.value), onpaste,
        });
        const parts = field(h('code', {}, name), input, title);
        beside(input, showButton(input, name));
        return {name, prefix, ...parts};
    }

    /** A new key goes to another server only where the person says so. */
    function offer(fitting) {
        const fillIn = () => rows.forEach(({name}, index) => put({name, value: fitting[index]}));
        return h('div', {}, h('button.button', {type: 'button', onclick: fillIn}, 'Fill in the key that you have just created'));
    }

    function need(headers, to) {
        origins = to;
        const isElsewhere = origins !== location.origin;
        const fitting = fit(headers.map(({name}) => name), secrets);
        rows = headers.map((header, index) => rowOf(header, isElsewhere ? '' : fitting[index], index));
        fill(element, mismatch(headers, secrets), rows.map((row) => row.element), isElsewhere && fitting.some((value) => value !== '') && offer(fitting));
    }

    /** The input of this header; undefined: it is not asked for. */
    function inputOf(name) {
        return rows.find((row) => isSameHeader(row.name, name))?.input;
    }

    function put({name, value}) {
        typed.set(slot(name), value);
        inputOf(name).value = value;
    }

    return {element, need, inputOf, put, values: () => rows.map(({input}) => input.value.trim()), read: () => rows.map(readNeeded)};
}

// ---- others ------------------------------------------------------------------------------------

function readAdded({name, value}, needed) {
    const read = {name: name.input.value.trim(), value: value.input.value.trim(), input: name.input};
    const isTwice = (needed.inputOf(read.name)?.value ?? '') !== '';
    read.fault = isTwice ? `${read.name} is filled in above already.` : headerFault(read.name, read.value);
    name.complain(read.fault);
    return read;
}

function addedHeaders(needed, onpaste) {
    const rows = new Set();
    const list = h('div.stack');
    const button = h('button.button', {type: 'button', onclick: () => add().name.input.focus()}, 'Add header');

    function add(line = {name: '', value: ''}) {
        const row = {
            name: field('Header name', h('input', {...SECRET, value: line.name, onpaste: (event) => onpaste(event, row)})),
            value: field('Value', h('input', {...SECRET, value: line.value})),
        };
        beside(row.value.input, h('button.button.quiet', {type: 'button', onclick: () => remove(row)}, 'Remove', h('span.unseen', {}, ' this header')));
        row.element = h('div.header-row', {}, row.name.element, row.value.element);
        rows.add(row);
        list.append(row.element);
        return row;
    }

    function remove(row) {
        rows.delete(row);
        row.element.remove();
        button.focus();
    }

    return {elements: [list, button], add, remove, read: () => [...rows].map((row) => readAdded(row, needed))};
}

// ---- all ---------------------------------------------------------------------------------------

/**
 * @param {{name: string, value: string}[]} secrets  of a key that has just been made, or none
 * @returns {{element: HTMLElement, need: (headers: {name: string, prefix: string, title: string}[], origins: string) => void,
 *   secrets: () => string[], read: () => {name: string, value: string}[]|null}} need: what the operation asks for, and where it goes;
 *   secrets: what is filled in for that; read: null where one of them cannot be sent, after saying why
 */
export function headerFields(secrets) {
    const needed = neededHeaders(secrets, (event) => paste(event, null));
    const added = addedHeaders(needed, paste);

    /** A whole "name: value", or several lines of them: each to where it belongs. */
    function paste(event, row) {
        const lines = readHeaderLines(event.clipboardData.getData('text'));
        // A secret may have a colon in it.
        if (lines.length === 0 || (row === null && !lines.some(({name}) => needed.inputOf(name)))) {
            return;
        }
        event.preventDefault();
        if (row !== null && row.value.input.value === '') {
            added.remove(row);
        }
        lines.map(place).at(-1).focus();
    }

    function place(line) {
        const own = needed.inputOf(line.name);
        if (own === undefined) {
            return added.add(line).value.input;
        }
        needed.put(line);
        return own;
    }

    function read() {
        const all = [...needed.read(), ...added.read()];
        const wrong = all.find(({fault}) => fault !== null);
        wrong?.input.focus();
        return wrong ? null : all.filter(({value}) => value !== '').map(({name, value}) => ({name, value}));
    }

    const element = h('fieldset.headers.stack', {}, h('legend', {}, 'Headers'), needed.element, added.elements);
    return {element, need: needed.need, secrets: needed.values, read};
}
