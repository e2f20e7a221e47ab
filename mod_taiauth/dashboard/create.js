// Creating a key.

import {fill, focusOn, h} from './dom.js';
import {expiryField} from './expiry.js';
import {choice} from './field.js';
import {issuedKey} from './issued.js';
import {nameField} from './keyname.js';
import {isAdministrator, notForMembers, whyNoneCreated} from './rights.js';
import {scopesField} from './scopes.js';
import {failure, holdBack, isHeld, loading, working} from './states.js';

/** Where a refusal's text names a member of the request, it belongs to that field. */
const MEMBERS = [
    {field: 'name', pattern: /"name"|key name/i},
    {field: 'expiry', pattern: /"expires_at"|expir/i},
    {field: 'scopes', pattern: /"scopes"|scope/i},
];

function isAboutInput({code}) {
    return code === 'BAD_REQUEST' || code === 'PLAN_REQUIRED';
}

/** What the server refuses is said at its field, or else above the form. */
function showRefusal(error, fields, trouble) {
    const member = isAboutInput(error) && MEMBERS.find(({pattern}) => pattern.test(error.message));
    if (member) {
        fields[member.field].complain(error.message);
        fields[member.field].focus();
        return;
    }
    fill(trouble, failure(error, undefined,
        'The key may have been created all the same. Look at your keys first; if it is there, revoke it, as it cannot be shown any more.'));
    trouble.scrollIntoView({block: 'nearest'});
    focusOn(trouble);
}

function orderOf(fields, wantsToken) {
    return {
        name: fields.name.input.value,
        scopes: fields.scopes.chosen(),
        expires_at: fields.expiry.value(),
        token: wantsToken,
    };
}

function tokenOption() {
    const element = choice('checkbox', {name: 'token'}, 'Key and token',
        h('span.hint', {}, 'For places of the API that ask for both. Such a key is refused where no token is asked for.'));
    return {element: h('details', {}, h('summary', {}, 'More options'), element), isWanted: () => element.querySelector('input').checked};
}

function createForm(page, scopes) {
    const fields = {name: nameField(), expiry: expiryField(), scopes: scopesField(scopes)};
    const token = tokenOption();
    const trouble = h('div.trouble');
    const progress = h('p.progress', {role: 'status'});
    const cancel = h('button.button', {type: 'button', onclick: () => isHeld(cancel) || page.go('keys')}, 'Cancel');
    const submit = h('button.button.primary', {type: 'submit'}, 'Create key');

    /** All of them are looked at, so that whoever has to mend two things hears of both. */
    function firstWrong() {
        return Object.values(fields).filter((each) => !each.check())[0];
    }

    async function attempt() {
        const wrong = firstWrong();
        if (wrong) {
            wrong.focus();
            return;
        }
        fill(progress, 'Waiting for the new key. It is shown here, once.');
        cancel.ariaDisabled = 'true';
        try {
            const issued = await page.ask('POST', '/keys', orderOf(fields, token.isWanted()));
            if (!page.signal.aborted) {
                issuedKey(page, issued);
            }
        } catch (error) {
            if (!page.signal.aborted) {
                showRefusal(error, fields, trouble);
                return error;
            }
        } finally {
            fill(progress);
            cancel.ariaDisabled = null;
        }
        return null;
    }

    async function onsubmit(event) {
        event.preventDefault();
        fill(trouble);
        const error = await working(submit, attempt);
        if (error?.retryAfter) {
            holdBack(submit, error.retryAfter);
        }
    }

    return h('form.panel.narrow.stack', {noValidate: true, autocomplete: 'off', onsubmit}, trouble,
        fields.name.element, fields.expiry.element, fields.scopes.element, token.element,
        h('div.actions', {}, progress, cancel, submit));
}

function noneNow(why) {
    return h('div.note.stack', {}, h('p', {}, why), h('a.button', {href: '#/keys'}, 'Back to the keys'));
}

async function load(page, place) {
    fill(place, loading('Loading the scopes'));
    try {
        const [{scopes}] = await Promise.all([page.ask('GET', '/scopes'), page.refreshAccount()]);
        if (!page.signal.aborted) {
            const why = whyNoneCreated(page.account);
            fill(place, why === null ? createForm(page, scopes) : noneNow(why));
        }
    } catch (error) {
        if (!page.signal.aborted) {
            fill(place, failure(error, () => load(page, place)));
        }
    }
}

/** @param {Object} page */
export function openCreate(page) {
    const heading = h('h1', {}, 'Create key');
    const place = h('div');
    fill(page.main, heading, isAdministrator(page.account) ? place : notForMembers(page));
    if (isAdministrator(page.account)) {
        load(page, place);
    }
}
