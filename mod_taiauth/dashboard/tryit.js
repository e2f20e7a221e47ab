// Try it: choose an operation of the API, fill in what it needs, send it, see what comes and what it means.

import {answerParts, refusalIn, statusBadge, statusText} from './answer.js';
import {secretField} from './copy.js';
import {DescriptionError, loadDescription} from './description.js';
import {fill, h} from './dom.js';
import {headerFields} from './headerfields.js';
import {guard} from './leaving.js';
import {operationList} from './operationlist.js';
import {send} from './request.js';
import {requestForm} from './requestform.js';
import {suits} from './security.js';
import {holdBack, isHeld, loading, working} from './states.js';
import {handTarget, operationTarget} from './target.js';
import {clock, number} from './times.js';

const REMEMBERED_MAX = 10;

// Seconds. Whoever is told to wait for longer may try meanwhile.
const HELD_MAX = 3600;

// ---- what has been sent ------------------------------------------------------------------------

/** The last requests, in memory alone: no more than what was asked for and how it went. */
function sentList() {
    const list = h('ol.sent');
    const element = h('section.panel.stack', {hidden: true, 'aria-label': 'Sent so far'}, h('h2', {}, 'Sent so far'),
        h('p.hint', {}, 'The latest first. Forgotten when you leave this view.'), list);
    function add(request, answer, refused) {
        element.hidden = false;
        list.prepend(h('li.row', {}, statusBadge(answer, refused), h('code', {}, `${request.method} ${request.url.pathname}`),
            h('span.faint.small', {}, `${number(Math.round(answer.ms))} ms, at ${clock(Date.now())}`)));
        list.children[REMEMBERED_MAX]?.remove();
    }
    return {element, add};
}

// ---- sending -----------------------------------------------------------------------------------

/**
 * The buttons of the form, and what they do.
 * @param {AbortSignal} signal  of the view
 * @param {(request: Object, answer: Object) => number|null} show  gives the seconds to wait before the next one
 * @param {() => void} showCancelled
 */
function sender(signal, show, showCancelled) {
    const place = h('div.row');
    let controller = new AbortController();
    let button;

    const cancel = h('button.button', {type: 'button', onclick: () => controller.abort()}, 'Cancel');

    /** What is under way is given up; a new button waits for nobody. */
    function renew() {
        controller.abort();
        button = h('button.button.primary.send', {type: 'submit'}, 'Send');
        cancel.ariaDisabled = 'true';
        fill(place, button, cancel);
    }

    function waitNoLonger() {
        if (button.ariaBusy !== 'true' && isHeld(button)) {
            renew();
        }
    }

    async function attempt(request) {
        controller = new AbortController();
        cancel.ariaDisabled = null;
        try {
            return await send(request, controller.signal);
        } catch (error) {
            if (!controller.signal.aborted) {
                throw error;
            }
            return null;
        } finally {
            cancel.ariaDisabled = 'true';
        }
    }

    async function submit(request) {
        if (isHeld(button)) {
            return;
        }
        const used = button;
        const answer = await working(used, () => attempt(request));
        if (signal.aborted || used !== button) {
            return;
        }
        const wait = answer ? show(request, answer) : showCancelled();
        if (wait) {
            holdBack(used, Math.min(wait, HELD_MAX));
        }
    }

    signal.addEventListener('abort', () => controller.abort(), {once: true});
    renew();
    return {element: place, renew, waitNoLonger, submit};
}

// ---- the view ----------------------------------------------------------------------------------

/** One that the key that has just been made is good for, else the first; null: there is none. */
function firstOf(operations, key) {
    return (key && operations.find((operation) => suits(operation, key.headers, key.scopes))) ?? operations[0] ?? null;
}

/** Where it is out of sight, just so far that it is not; the button that was pressed stays at hand. */
function reveal(element) {
    element.scrollIntoView({block: 'nearest'});
}

function bench(page, operations) {
    const secrets = page.carried?.headers ?? [];
    const headers = headerFields(secrets);
    const sent = sentList();
    const formPlace = h('section.panel', {'aria-label': 'Request'});
    const answerPlace = h('section.panel.stack.answer', {'aria-label': 'Answer'});
    const sending = sender(page.signal, show, showCancelled);
    const list = operationList(operations, (operation) => reveal(choose(operation)));

    function show(request, answer) {
        const refused = refusalIn(answer, request.url);
        const parts = answerParts(answer, refused);
        fill(answerPlace, h('h2', {}, 'Answer'), parts);
        reveal(parts[0]);
        sent.add(request, answer, refused);
        page.announce([statusText(answer), refused?.means, refused?.todo].filter(Boolean).join('. '));
        return refused?.retryAfter ?? null;
    }

    function showCancelled() {
        fill(answerPlace, h('h2', {}, 'Answer'), h('p', {}, 'Cancelled. The API may have done what was asked all the same.'));
        page.announce('Cancelled');
    }

    function choose(operation) {
        const target = operation === null ? handTarget(secrets.length > 0 ? secrets.map(({name}) => name) : ['X-API-Key']) : operationTarget(operation);
        list.mark(operation);
        sending.renew();
        fill(formPlace, requestForm(target, headers, [sending.element], sending.submit));
        fill(answerPlace, h('h2', {}, 'Answer'), h('p.faint', {}, 'Nothing has been sent yet.'));
        return target.head[0];
    }

    // Another key has limits of its own.
    headers.element.addEventListener('input', sending.waitNoLonger);
    choose(firstOf(operations, page.carried));
    return h(operations.length > 0 ? 'div.bench' : 'div', {}, operations.length > 0 && list.element,
        h('div.stack', {}, formPlace, answerPlace, sent.element));
}

/** @returns {Promise<{operations: Object[], note: HTMLElement|null}>} note: why there are none */
async function readOperations({settings, signal}) {
    if (settings.description === null) {
        return {operations: [], note: h('p.note', {}, 'This API is not described here. You can send requests by hand.')};
    }
    const address = new URL(settings.description, document.baseURI).href;
    try {
        const {operations} = await loadDescription(address, signal);
        return {operations, note: null};
    } catch (error) {
        if (!(error instanceof DescriptionError)) {
            throw error;
        }
        const text = `The description of the API, ${address}, cannot be used. ${error.message} You can still send requests by hand.`;
        return {operations: [], note: h('p.note.warning', {}, text)};
    }
}

/** A new key that has come here before it was copied: it is not gone without a word either. */
function notCopied(page, secrets) {
    const {copied} = guard(page, secrets);
    return h('div.note.warning', {}, h('p', {}, h('strong', {}, 'Not copied yet. '), 'It is gone when you leave this view.'),
        secrets.map((secret) => secretField(secret, copied)));
}

/** @param {Object} page  what a view has of the page */
export async function openTry(page) {
    const place = h('div.stack', {}, loading('Loading the description of the API'));
    const uncopied = page.carried?.uncopied ?? [];
    fill(page.main, h('h1', {}, 'Try it'), uncopied.length > 0 && notCopied(page, uncopied), place);
    const {operations, note} = await readOperations(page);
    if (page.signal.aborted) {
        return;
    }
    fill(place, h('p.faint', {}, 'Requests go from your browser to the API itself, and count against the rate limit of the key.'),
        note, bench(page, operations));
}
