// What a request is for: an operation of the description, or method and path by hand. Either has fields
// and says what has been filled in.

import {h} from './dom.js';
import {field} from './field.js';
import {RequestError, addressOf, headersOf} from './request.js';

/**
 * @typedef {Object} Target
 * @property {Array<Node>} head  what it is about, for people
 * @property {PartField[]} fields  but the body
 * @property {PartField|null} body
 * @property {() => string} method
 * @property {() => URL} address  throws RequestError
 * @property {() => {part: string, text: string}[]} inAddress  what of the fields goes into the address
 * @property {() => {name: string, value: string}[]} headers  that are parameters; throws RequestError
 * @property {{name: string, prefix: string, title: string}[]} secrets  headers that are asked for
 * @property {string} origins  that it may go to
 */

/** @typedef {{part: string, element: HTMLElement, input: HTMLElement, complain: (text: string|null) => void}} PartField */

const PLAIN = {autocomplete: 'off', autocapitalize: 'off', spellcheck: false};
const ROWS = {least: 4, most: 16};

// ---- fields ------------------------------------------------------------------------------------

function aside(text) {
    return h('span.aside', {}, ` ${text}`);
}

function optionsOf({type, choices, isRequired}) {
    const values = choices.length > 0 ? choices : type === 'boolean' ? ['true', 'false'] : [];
    return values.length > 0 && !isRequired ? ['', ...values] : values;
}

function selectOf(options, value) {
    const select = h('select', {}, options.map((option) => h('option', {value: option}, option === '' ? 'not sent' : option)));
    select.value = options.includes(value) ? value : options[0];
    return select;
}

function kindOf({type, format, minimum, maximum}) {
    if (type === 'integer' || type === 'number') {
        return {type: 'number', step: type === 'integer' ? '1' : 'any', min: minimum, max: maximum};
    }
    return {type: format === 'date' ? 'date' : 'text'};
}

/** An example is filled in where there has to be something, and hinted at where not. */
function inputOf(parameter) {
    const value = parameter.isRequired ? parameter.example : '';
    const options = optionsOf(parameter);
    return options.length > 0 && parameter.type !== 'array' ? selectOf(options, value)
        : h('input', {...PLAIN, ...kindOf(parameter), value, required: parameter.isRequired, placeholder: parameter.example});
}

function hintOf({title, type, choices}) {
    const list = type === 'array' && `Several with commas between them${choices.length > 0 ? `: ${choices.join(', ')}` : ''}.`;
    return [title, list].filter(Boolean).join(' ');
}

function parameterField(parameter) {
    const label = [h('code', {}, parameter.name), aside(`${parameter.place}${parameter.isRequired ? '' : ', optional'}`)];
    return {part: `parameter ${parameter.name}`, parameter, ...field(label, inputOf(parameter), hintOf(parameter))};
}

function bodyHint(type) {
    const isFile = /^(multipart\/|application\/octet-stream|image\/)/i.test(type);
    return isFile ? `${type}. This page sends text alone; send files with curl.` : type;
}

function bodyField({type, isRequired, text}) {
    const rows = Math.min(ROWS.most, Math.max(ROWS.least, text.split('\n').length));
    const label = ['Body', isRequired ? null : aside('optional')];
    return {part: 'body', type, isRequired, ...field(label, h('textarea', {...PLAIN, value: text, rows}), bodyHint(type))};
}

// ---- an operation ------------------------------------------------------------------------------

function scopeChips(scopes) {
    return scopes.length > 0 && h('div.row', {}, h('span.faint', {}, scopes.length === 1 ? 'Needs the scope' : 'Needs the scopes'),
        h('ul.scopes', {}, scopes.map((scope) => h('li.scope', {}, scope))));
}

function headOf({summary, method, path, details, isDeprecated, scopes, isBeyondHeaders, servers}) {
    return [
        h('h2', {}, summary || `${method} ${path}`, isDeprecated && [' ', h('span.badge.warning', {}, 'deprecated')]),
        details && h('p.as-written', {}, details),
        scopeChips(scopes),
        isBeyondHeaders && h('p.note.warning', {}, 'This operation wants a key elsewhere than in a header. Add what it needs by hand, or send it with curl.'),
        servers.length === 0 && h('p.note.error', {}, 'The description names no server for this operation that a page can ask: it must be https, or http on this computer alone, and without a password.'),
    ];
}

function serverField(servers) {
    const select = h('select', {}, servers.map(({url, title}) => h('option', {value: url}, title ? `${url} (${title})` : url)));
    return {part: 'server', ...field('Server', select)};
}

/** @returns {Target} */
export function operationTarget(operation) {
    const parameters = operation.parameters.map(parameterField);
    const server = serverField(operation.servers);
    const filled = () => parameters.map(({parameter, input}) => ({parameter, value: input.value}));
    return {
        head: headOf(operation),
        fields: operation.servers.length > 1 ? [server, ...parameters] : parameters,
        body: operation.body && bodyField(operation.body),
        method: () => operation.method,
        address: () => addressOf(server.input.value, operation.path, filled()),
        inAddress: () => parameters.filter(({parameter}) => parameter.place !== 'header').map(({part, input}) => ({part, text: input.value})),
        headers: () => headersOf(filled()),
        secrets: operation.headers,
        origins: [...new Set(operation.servers.map(({url}) => new URL(url).origin))].join(' '),
    };
}

// ---- by hand -----------------------------------------------------------------------------------

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const WITHOUT_BODY = ['GET', 'HEAD'];

/** @throws {RequestError} */
function addressHere(path) {
    const url = path.startsWith('/') && URL.canParse(path, location.origin) ? new URL(path, location.origin) : null;
    if (url?.origin !== location.origin) {
        throw new RequestError('path', 'A path on this server begins with one "/", such as /v1/programs.');
    }
    return url;
}

/**
 * @param {string[]} names  of headers that take a secret
 * @returns {Target}
 */
export function handTarget(names) {
    const method = {part: 'method', ...field('Method', selectOf(METHODS, 'GET'))};
    const path = {part: 'path', ...field('Path', h('input', {...PLAIN, required: true, placeholder: '/v1/programs'}), 'On this server, with the query if there is one.')};
    const body = bodyField({type: 'application/json', isRequired: false, text: ''});
    const takesBody = () => !WITHOUT_BODY.includes(method.input.value);
    function showBody() {
        body.element.hidden = !takesBody();
    }
    method.input.addEventListener('change', showBody);
    showBody();
    return {
        head: [h('h2', {}, 'A request by hand')],
        fields: [method, path],
        get body() {
            return takesBody() ? body : null;
        },
        bodyElement: body.element,
        method: () => method.input.value,
        address: () => addressHere(path.input.value.trim()),
        inAddress: () => [{part: 'path', text: path.input.value}],
        headers: () => [],
        secrets: names.map((name) => ({name, prefix: '', title: ''})),
        origins: location.origin,
    };
}
