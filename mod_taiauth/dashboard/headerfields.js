// The headers of a request: those that the operation asks for, with their secrets, and others.
// What is filled in stays while one operation after the other is tried, and is gone with the view.

import {field} from './field.js';
import {fill, h} from './dom.js';
import {fit, headerFault, readHeaderLines} from './request.js';

// No password for a browser to offer to keep, and no text for it to look up in a dictionary elsewhere.
const SECRET = {type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: false};

function isSame(name, other) {
    return name.toLowerCase() === other.toLowerCase();
}

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

/**
 * @param {{name: string, value: string}[]} secrets  of a key that has just been made, or none
 * @returns {{element: HTMLElement, need: (headers: {name: string, prefix: string, title: string}[]) => void,
 *   read: () => {name: string, value: string}[]|null}} need: what the operation asks for; read: null where one of them
 *   cannot be sent, after saying why
 */
export function headerFields(secrets) {
    const typed = new Map();
    const neededPlace = h('div.stack');
    const addedPlace = h('div.stack');
    const addButton = h('button.button', {type: 'button', onclick: () => addRow().name.input.focus()}, 'Add header');
    let needed = [];
    let added = [];

    // ---- those that are asked for --------------------------------------------------------------

    function neededRow({name, prefix, title}, value, index) {
        const input = h('input.concealed', {
            ...SECRET, value, placeholder: `Paste your ${index === 1 ? 'token' : 'key'}`,
            oninput: () => typed.set(name.toLowerCase(), input.value), onpaste: (event) => paste(event, null),
        });
        const parts = field(h('code', {}, name), input, title);
        beside(input, showButton(input, name));
        return {name, prefix, ...parts};
    }

    function need(headers) {
        const fitting = fit(headers.map(({name}) => name), secrets);
        needed = headers.map((header, index) => neededRow(header, typed.get(header.name.toLowerCase()) ?? fitting[index], index));
        const isOther = secrets.length > 0 && headers.length > 0 && secrets.length !== headers.length;
        fill(neededPlace, isOther && h('p.note.warning', {}, secrets.length > 1
            ? 'The key that you have just created has a token. It is refused where no token is asked for, as here.'
            : 'The key that you have just created has no token. It is refused where one is asked for, as here.'),
        needed.map(({element}) => element));
    }

    // ---- others --------------------------------------------------------------------------------

    function addRow(line = {name: '', value: ''}) {
        const row = {
            name: field('Header name', h('input', {...SECRET, value: line.name, onpaste: (event) => paste(event, row)})),
            value: field('Value', h('input', {...SECRET, value: line.value})),
        };
        const remove = h('button.button.quiet', {type: 'button', onclick: () => removeRow(row)}, 'Remove', h('span.unseen', {}, ' this header'));
        beside(row.value.input, remove);
        row.element = h('div.header-row', {}, row.name.element, row.value.element);
        added.push(row);
        addedPlace.append(row.element);
        return row;
    }

    function removeRow(row) {
        added = added.filter((each) => each !== row);
        row.element.remove();
        addButton.focus();
    }

    // ---- pasting -------------------------------------------------------------------------------

    /** A whole "name: value", or several lines of them: each to where it belongs. */
    function paste(event, row) {
        const lines = readHeaderLines(event.clipboardData.getData('text'));
        const isForNeeded = lines.some(({name}) => needed.some((each) => isSame(each.name, name)));
        // A secret may have a colon in it.
        if (lines.length === 0 || (row === null && !isForNeeded)) {
            return;
        }
        event.preventDefault();
        if (row !== null && row.value.input.value === '') {
            removeRow(row);
        }
        const inputs = lines.map(place);
        inputs.at(-1).focus();
    }

    function place({name, value}) {
        const own = needed.find((each) => isSame(each.name, name));
        if (own === undefined) {
            return addRow({name, value}).value.input;
        }
        own.input.value = value;
        typed.set(name.toLowerCase(), value);
        return own.input;
    }

    // ---- reading -------------------------------------------------------------------------------

    function readNeeded({name, prefix, input, complain}) {
        const value = input.value.trim();
        const fault = value === '' ? null : headerFault(name, value);
        complain(fault);
        const isPrefixed = prefix === '' || value.toLowerCase().startsWith(prefix.toLowerCase());
        return {name, value: value === '' || isPrefixed ? value : prefix + value, fault, input};
    }

    function readAdded({name, value}) {
        const read = {name: name.input.value.trim(), value: value.input.value.trim(), input: name.input};
        const isTwice = needed.some((each) => isSame(each.name, read.name) && each.input.value !== '');
        read.fault = isTwice ? `${read.name} is filled in above already.` : headerFault(read.name, read.value);
        name.complain(read.fault);
        return read;
    }

    function read() {
        const all = [...needed.map(readNeeded), ...added.map(readAdded)];
        const wrong = all.find(({fault}) => fault !== null);
        wrong?.input.focus();
        return wrong ? null : all.filter(({value}) => value !== '').map(({name, value}) => ({name, value}));
    }

    const element = h('fieldset.headers.stack', {}, h('legend', {}, 'Headers'), neededPlace, addedPlace, addButton);
    return {element, need, read};
}
