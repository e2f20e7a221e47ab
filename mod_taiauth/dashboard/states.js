// What a view shows while it has nothing to show, and buttons that are at work or have to wait.

import {focusOn, h} from './dom.js';
import {explain} from './refusals.js';
import {Refusal} from './api.js';
import {countdown} from './times.js';

const SHAPES = {panel: 3, table: 5};

/**
 * A place that keeps the room of what is on its way, and looks like it: with its class.
 * @param {string} text  'Loading your keys'
 * @param {'panel'|'table'} shape
 */
export function loading(text, shape = 'panel') {
    const lines = Array.from({length: SHAPES[shape]}, () => h('div.bone', {'aria-hidden': 'true'}));
    return h(`div.loading.${shape}`, {role: 'status'}, h('span.unseen', {}, `${text}…`), lines);
}

/** Nothing is there, and what to do about it. */
export function empty(title, text, action) {
    return h('div.empty', {}, h('h2', {}, title), h('p', {}, text), action);
}

/** What the page itself did wrong is for whoever looks after it: the browser notes it as one that nobody caught. */
function ownFault(error) {
    reportError(error);
    return {message: 'Something went wrong in this page.', means: error.message, todo: 'Load the page again.'};
}

/** No answer, or one that says nothing of what was done. */
const UNSURE = new Set(['OFFLINE', 'UNREADABLE', 'AUTH_UNAVAILABLE']);

/** It goes away while it has the focus, which is on the heading of its view then. */
function againButton(again) {
    function onclick() {
        if (!isHeld(button)) {
            again();
            focusOn(document.querySelector('main h1'));
        }
    }
    const button = h('button.button', {type: 'button', onclick}, 'Try again');
    return button;
}

/**
 * What happened, what it means, what to do.
 * @param {Error} error
 * @param {() => void} [again]  where trying again makes sense
 * @param {string} [unsure]  of a change: what to do where it may have been made all the same
 */
export function failure(error, again, unsure) {
    const {message, means, todo} = error instanceof Refusal ? {message: error.message, ...explain(error)} : ownFault(error);
    const meaning = unsure && UNSURE.has(error.code) ? unsure : `${means} ${todo}`;
    const button = again && againButton(again);
    if (button && error.retryAfter) {
        holdBack(button, error.retryAfter);
    }
    // The button counts down: in the alert it would be read out every second.
    return h('div.note.error', {}, h('div', {role: 'alert'}, h('p', {}, h('strong', {}, message)), h('p', {}, meaning)), button);
}

/** Whether a button does nothing for now. It stays where it is, and in the order of the keyboard. */
export function isHeld(button) {
    return button.ariaDisabled === 'true';
}

/**
 * Do something once at a time.
 * @param {HTMLButtonElement} button  that is at work meanwhile
 * @param {() => Promise} work
 * @returns {Promise} what the work has given; undefined where the button was at work already
 */
export async function working(button, work) {
    if (isHeld(button)) {
        return undefined;
    }
    button.ariaBusy = 'true';
    button.ariaDisabled = 'true';
    try {
        return await work();
    } finally {
        button.ariaBusy = null;
        button.ariaDisabled = null;
    }
}

/** Let a button wait for as many seconds as a server has asked for, and say so in it, in other words if its own do not fit. */
export function holdBack(button, seconds, words = button.textContent) {
    const text = button.textContent;
    const end = performance.now() + 1000 * seconds;
    function tick() {
        const left = Math.ceil((end - performance.now()) / 1000);
        button.ariaDisabled = left > 0 ? 'true' : null;
        button.textContent = left > 0 ? `${words} in ${countdown(left)}` : text;
        if (left > 0) {
            setTimeout(() => button.isConnected && tick(), 250);
        }
    }
    tick();
}
