// The form of a request, whatever it is for: fields, headers, body, and the address that comes of it.

import {fill, h} from './dom.js';
import {isJson} from './operation.js';
import {RequestError, demandJson, demandNoSecret, isSameHeader} from './request.js';

/** Where it goes, as it is being filled in, and whether a key would leave for elsewhere. */
function addressLine() {
    const text = h('code', {});
    const warning = h('p.note.warning', {hidden: true},
        'This is another origin than that of this page. It gets the key below, and answers only if its operator has let this page in.');
    function show(method, url) {
        fill(text, method, ' ', url === null ? '…' : url.href);
        warning.hidden = url === null || url.origin === location.origin;
    }
    return {element: h('div.stack', {}, h('p.address', {}, text), warning), show};
}

/** Says at each field what the browser finds wrong with it. @returns {HTMLElement|undefined} the first of them */
function firstWrong(fields) {
    fields.forEach(({input, complain}) => complain(input.checkValidity() ? null : input.validationMessage));
    return fields.find(({input}) => !input.checkValidity())?.input;
}

/** @throws {RequestError} */
function readBody(body) {
    const text = body?.input.value ?? '';
    if (text.trim() === '') {
        if (body?.isRequired) {
            throw new RequestError('body', 'This operation needs a body.');
        }
        return undefined;
    }
    if (isJson(body.type)) {
        demandJson(text);
    }
    return text;
}

function withType(headers, text, type) {
    const isTyped = headers.some(({name}) => isSameHeader(name, 'Content-Type'));
    return text === undefined || isTyped ? headers : [...headers, {name: 'Content-Type', value: type}];
}

/** @throws {RequestError} */
function readParts(target, headers) {
    const url = target.address();
    const body = readBody(target.body);
    const own = target.headers();
    const list = headers.read();
    demandNoSecret(target.inAddress(), headers.secrets());
    return list && {method: target.method(), url, headers: withType([...list, ...own], body, target.body?.type), body};
}

function fieldOf({fields, body}, part) {
    return [...fields, body].find((each) => each?.part === part);
}

/**
 * What has been filled in; null: something is wrong, and has been said and got the focus.
 * @param {import('./target.js').Target} target
 * @param {Object} headers  of headerFields
 */
function readRequest(target, headers) {
    const wrong = firstWrong(target.fields);
    target.body?.complain(null);
    if (wrong) {
        wrong.focus();
        return null;
    }
    try {
        return readParts(target, headers);
    } catch (error) {
        if (!(error instanceof RequestError)) {
            throw error;
        }
        const {complain, input} = fieldOf(target, error.part);
        complain(error.message);
        input.focus();
        return null;
    }
}

/**
 * @param {import('./target.js').Target} target
 * @param {Object} headers  of headerFields
 * @param {Array<Node>} buttons
 * @param {(request: Object) => void} submit
 * @returns {HTMLFormElement}
 */
export function requestForm(target, headers, buttons, submit) {
    const line = addressLine();

    function showAddress() {
        let url = null;
        try {
            url = target.address();
        } catch {
            // Not filled in yet; what is wrong is said when it is sent.
        }
        line.show(target.method(), url);
    }

    function onsubmit(event) {
        event.preventDefault();
        const request = readRequest(target, headers);
        if (request) {
            submit(request);
        }
    }

    headers.need(target.secrets, target.origins);
    showAddress();
    return h('form.stack', {noValidate: true, autocomplete: 'off', onsubmit, oninput: showAddress},
        target.head, line.element, target.fields.map(({element}) => element), headers.element,
        target.bodyElement ?? target.body?.element, buttons);
}
