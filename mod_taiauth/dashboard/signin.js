// Signing in, over whatever the page shows.

import {Refusal} from './api.js';
import {question} from './dialog.js';
import {fill, h, uniqueId} from './dom.js';
import {field} from './field.js';
import {holdBack, working} from './states.js';

const MEANINGS = {
    UNAUTHENTICATED: 'The user name or the password is wrong.',
    LOCKED_OUT: 'Too many wrong passwords for this user name, or from this network. Until the lock ends the right one is refused, too; API keys go on working.',
    ACCOUNT_SUSPENDED: 'The password is right, but the account is closed. Ask whoever runs this API.',
    AUTH_UNAVAILABLE: 'The password could not be checked: the server is busy, or its database is away. Try again shortly.',
    TLS_REQUIRED: 'The server takes passwords over https alone. Open this page with https.',
};

/**
 * Ask who is there until somebody is known.
 * @param {import('./api.js').Ask} askOnce
 * @param {string} title  of the page
 * @param {string|undefined} username  of whom the session was that has ended
 * @param {AbortSignal} elsewhere  aborted where somebody has signed in in another tab, whose session this one has, too
 * @returns {Promise<Object|undefined>} the session; undefined: that of the other tab
 */
export function signIn(askOnce, title, username, elsewhere) {
    return new Promise((resolve) => {
        const heading = h('h2', {id: uniqueId('signin')}, `Sign in to ${title}`);
        const dialog = h('dialog.signin', {'aria-labelledby': heading.id}, heading);

        function end(session) {
            dialog.close();
            dialog.remove();
            resolve(session);
        }

        dialog.append(isSecureContext ? signInForm(askOnce, username, end) : insecure());
        // There is nothing behind it for whom nobody knows: Escape closes it no more than a click does.
        dialog.addEventListener('close', () => dialog.isConnected && dialog.showModal());
        elsewhere.addEventListener('abort', () => end());
        document.body.append(dialog);
        dialog.showModal();
    });
}

function insecure() {
    const address = new URL(location.pathname, location.href);
    address.protocol = 'https:';
    return h('div.stack', {}, h('p', {}, 'This page came over plain http, where others on the way could read your password and your keys. So there is no form here.'),
        h('p', {}, 'Open it with https', location.port === '' ? [': ', h('a', {href: address.href}, address.href)] : '.'));
}

function signInForm(askOnce, username, done) {
    const name = field('User name', h('input', {type: 'text', name: 'username', autocomplete: 'username', autocapitalize: 'none',
        spellcheck: false, required: true, value: username ?? ''}));
    const password = field('Password', h('input', {type: 'password', name: 'password', autocomplete: 'current-password', required: true}));
    const trouble = h('div.trouble', {role: 'alert'}, username && h('p', {}, 'Your session has ended. What you were doing is still there.'));
    const submit = h('button.button.primary', {type: 'submit'}, 'Sign in');

    async function attempt() {
        try {
            done(await askOnce('POST', '/session', {username: name.input.value, password: password.input.value}));
            return null;
        } catch (error) {
            fill(trouble, h('p.note.error', {}, MEANINGS[error.code] ?? error.message));
            return error;
        }
    }

    async function onsubmit(event) {
        event.preventDefault();
        const error = await working(submit, attempt);
        if (error?.code === 'UNAUTHENTICATED') {
            password.input.value = '';
            password.input.focus();
        }
        if (error?.retryAfter) {
            holdBack(submit, error.retryAfter, 'Try again');
        }
    }

    (username ? password : name).input.autofocus = true;
    return h('form.stack', {method: 'post', onsubmit}, trouble, name.element, password.element, submit);
}

/**
 * Where httpd itself says who is there, it has them sign in again when it is asked for the page.
 * @param {() => void} load  the page
 * @param {AbortSignal} signal  of the view that is shown
 * @throws {Refusal} where that is not wanted now
 */
export async function loadAgain(load, signal) {
    const text = 'The web server does not know you any more.';
    await question({
        title: text,
        content: [h('p', {}, 'Load the page, and it has you sign in again. What you have written and not sent, or not copied, is gone then.')],
        submit: 'Load the page',
        work: async () => load(),
        signal,
    });
    throw new Refusal(401, 'UNAUTHENTICATED', text);
}
