// The start: who is there, which view is asked for, and everything that a view may use.

import {Refusal, client} from './api.js';
import {fill, focusOn, h, named} from './dom.js';
import {openAccount} from './account.js';
import {openActivity} from './activity.js';
import {openCreate} from './create.js';
import {openKeys} from './keys.js';
import {stayFor} from './leaving.js';
import {openTry} from './tryit.js';
import {readSettings} from './settings.js';
import {loadAgain, signIn} from './signin.js';
import {failure, loading, working} from './states.js';
import {textOf} from './untrusted.js';

const START = 'keys';

const VIEWS = {
    keys: {tab: 'Keys', open: openKeys},
    'keys/new': {within: 'keys', open: openCreate},
    try: {tab: 'Try it', open: openTry},
    activity: {tab: 'Activity', open: openActivity},
    account: {tab: 'Account', open: openAccount},
};

const [main, tabs, who, notices, announcer] = ['main', 'tabs', 'who', 'notices', 'announcer'].map((id) => document.getElementById(id));

/** A view that is shown: its route, how it is ended, and whether it may be left. */
let current = {route: null, controller: new AbortController(), mayLeave: () => true};
let handedOver;
let settings;
let account;
let ask;
let askOnce;

// ---- who is there ------------------------------------------------------------------------------

// Other tabs have the same session: what one of them ends or begins holds for all.
const otherTabs = new BroadcastChannel('taiauth');
otherTabs.addEventListener('message', ({data}) => {
    if (account && !isSame(data)) {
        startOver();
    } else if (data !== null) {
        elsewhere.abort();
    }
});

function isSame(user) {
    return user?.username === account.user.name && user.account === account.name;
}

/** Nothing of whoever was here is left: not in the page, not in memory. */
function startOver() {
    fill(main);
    history.replaceState(null, '', `#/${START}`);
    load();
}

let signingIn = null;
/** Of the question who is there: somebody has signed in in another tab. */
let elsewhere = new AbortController();

/** However many requests find that nobody is known any more: they ask once. */
function signInAgain() {
    signingIn ??= becomeKnown().finally(() => {
        signingIn = null;
    });
    return signingIn;
}

async function becomeKnown() {
    if (account?.user.session === null) {
        return loadAgain(load, current.controller.signal);
    }
    elsewhere = new AbortController();
    const session = await signIn(askOnce, settings.title, account?.user.name, elsewhere.signal);
    return session && welcome(session);
}

/** The page anew, where it is. */
function load() {
    current.controller.abort();
    location.reload();
}

function welcome({username, account: name}) {
    otherTabs.postMessage({username, account: name});
    if (account && !isSame({username, account: name})) {
        startOver();
        // What somebody else has asked for is asked no more.
        return new Promise(() => {});
    }
    return undefined;
}

async function signOut() {
    if (!(await current.mayLeave())) {
        return;
    }
    try {
        await askOnce('DELETE', '/session');
    } catch (error) {
        fill(notices, failure(error));
        return;
    }
    otherTabs.postMessage(null);
    startOver();
}

function signOutButton() {
    const button = h('button.button.quiet', {type: 'button', onclick: () => working(button, signOut)}, 'Sign out');
    return button;
}

/** Whatever is at the address that is set has answered. @throws {Refusal} */
function demandAccount(answer) {
    if (textOf(answer?.name) === '' || textOf(answer?.user?.name) === '') {
        throw new Refusal(0, 'BAD_SETTINGS', '"management" in settings.json is the address of something else: its answer to /account names neither account nor user.');
    }
    return answer;
}

let asked = 0;
let answered = 0;

/** Who is there may have become somebody else, without a word to this tab: in the web server's own log-in, say. */
async function refreshAccount() {
    asked += 1;
    const turn = asked;
    const answer = demandAccount(await ask('GET', '/account'));
    // What was asked for earlier may come later: then the newer one stays.
    if (turn < answered) {
        return account;
    }
    answered = turn;
    if (account && !isSame({username: answer.user.name, account: answer.name})) {
        startOver();
        return new Promise(() => {});
    }
    account = answer;
    showWho();
    putOffEnd();
    return account;
}

/** Nobody has to do anything for the page to find that the session has ended, and to hide what it shows. */
async function lookAgain() {
    if (account && !document.hidden) {
        // Whoever asks for something next is told what is wrong.
        await refreshAccount().catch(() => {});
    }
}

// A session's use is written down once a minute at the most, so that it may end a minute late.
const LATE_S = 60;

let atItsEnd;

/** Each answer puts the end off; this tab asking for it would do so, too. */
function putOffEnd() {
    clearTimeout(atItsEnd);
    if (account?.user.session) {
        atItsEnd = setTimeout(lookAgain, (account.user.session.idle_seconds + LATE_S) * 1000);
    }
}

function showWho() {
    const name = [named(account.user.name), ' · ', named(account.name)];
    fill(who, account.user.session
        ? [h('span.name', {title: `${account.user.name} · ${account.name}`}, name), signOutButton()]
        : h('span.name', {title: 'Signed in by the web server itself: there is no session to end here.'}, name));
}

// ---- which view --------------------------------------------------------------------------------

function showTabs() {
    const {within = current.route} = VIEWS[current.route];
    fill(tabs, Object.entries(VIEWS).filter(([, {tab}]) => tab).map(([route, {tab}]) =>
        h('a', {href: `#/${route}`, 'aria-current': route === within && 'page', onclick: (event) => goAgain(event, route)}, tab)));
    tabs.hidden = false;
}

/** The address of a view that is shown already does not change: a click on it would do nothing. Other clicks open it elsewhere. */
function goAgain({ctrlKey, metaKey, shiftKey, altKey}, route) {
    if (location.hash === `#/${route}` && !(ctrlKey || metaKey || shiftKey || altKey)) {
        followAddress();
    }
}

/** @see page.go in pageOf */
function go(route, carried) {
    handedOver = carried;
    if (location.hash === `#/${route}`) {
        followAddress();
    } else {
        location.hash = `/${route}`;
    }
}

async function followAddress() {
    if (handedOver === undefined && !(await current.mayLeave())) {
        history.replaceState(null, '', `#/${current.route}`);
        return;
    }
    const asked = location.hash.replace(/^#\//, '');
    const route = Object.hasOwn(VIEWS, asked) ? asked : START;
    if (route !== asked) {
        history.replaceState(null, '', `#/${route}`);
    }
    show(route);
}

function show(route) {
    fill(notices);
    // Who comes to the page begins where the browser has him, who has tried again at the heading.
    const isFirst = current.route === null && !main.contains(document.activeElement);
    current.controller.abort();
    current = {route, controller: new AbortController(), mayLeave: () => true};
    showTabs();
    VIEWS[route].open(pageOf(current));
    if (isFirst) {
        entitle();
    } else {
        begin();
    }
}

function entitle() {
    document.title = `${main.querySelector('h1').textContent} · ${settings.title}`;
}

/** Who has asked for what is shown now begins at its heading. */
function begin() {
    entitle();
    window.scrollTo(0, 0);
    focusOn(main.querySelector('h1'));
}

/** What a view has of the page. */
function pageOf(view) {
    const carried = handedOver;
    handedOver = undefined;
    const page = {
        main,
        settings,
        signal: view.controller.signal,
        carried,
        /** The management API. What changes something is waited for. */
        ask: (method, ...asked) => (method === 'GET' ? ask(method, ...asked) : stayFor(page, () => ask(method, ...asked))),
        refreshAccount,
        /** Where a view has got another heading. */
        begin,
        /** Go to another view; `carried` is handed to it in memory alone. */
        go,
        announce: (text) => fill(announcer, text),
        /** Have somebody asked before the view is left; not where go() carries what it has. */
        holdLeaving(mayLeave) {
            view.mayLeave = mayLeave;
        },
        get account() {
            return account;
        },
    };
    return page;
}

// ---- the start ---------------------------------------------------------------------------------

async function start() {
    const place = h('div', {}, loading('Loading'));
    fill(main, h('h1', {}, 'Developer'), place);
    try {
        settings = await readSettings();
        document.querySelector('.brand').textContent = settings.title;
        ({ask, askOnce} = client(settings.management, signInAgain, putOffEnd));
        await refreshAccount();
    } catch (error) {
        fill(place, failure(error, start));
        // Of a closed account, say: it is known who that is, and somebody else may want to sign in.
        fill(who, error.status === 403 && signOutButton());
        return;
    }
    window.addEventListener('hashchange', followAddress);
    document.addEventListener('visibilitychange', lookAgain);
    followAddress();
}

// It is a link for those whose browser has no JavaScript; with it the address says which view is shown.
document.querySelector('.skip').addEventListener('click', (event) => {
    event.preventDefault();
    focusOn(main);
});

// What is put by to come back to with "Back" would keep a key in memory, and show it to whoever comes next.
window.addEventListener('pagehide', () => {
    current.controller.abort();
    fill(main);
});
window.addEventListener('pageshow', ({persisted}) => {
    if (persisted) {
        location.reload();
    }
});

start();
