// A modal question. The platform's <dialog> keeps the focus inside and gives it back.

import {fill, h, uniqueId} from './dom.js';
import {failure, holdBack, isHeld, working} from './states.js';

/**
 * @typedef {Object} Question
 * @property {string|Array<Node|string>} title  and doneTitle
 * @property {Array<Node>} content
 * @property {string} submit  what the button says
 * @property {'primary'|'danger'} [kind]  of that button
 * @property {() => Promise} work  what it does. Where that throws, the question stays and says why
 * @property {string} [unsure]  what to do where it is not known whether that was done
 * @property {string} [busy]  said while it is at work
 * @property {(given: any) => Array<Node>} [result]  shown in the question's place when it is done, under doneTitle
 * @property {AbortSignal} signal  of the view that asks
 */

/**
 * @param {Question} asked
 * @returns {Promise} what work() has given; undefined where it was cancelled
 */
export function question(asked) {
    return new Promise((resolve) => {
        const dialog = h('dialog.question', {'aria-labelledby': uniqueId('question')});
        const outcome = {isBusy: false, given: undefined, end};

        function end() {
            dialog.close();
            dialog.remove();
            resolve(outcome.given);
        }

        fill(dialog, questionForm(dialog, asked, outcome));
        dialog.addEventListener('close', () => {
            // Escape closes a dialog for good when it is pressed twice; what is at work may give a key that is shown once.
            if (outcome.isBusy && !asked.signal.aborted) {
                dialog.showModal();
                return;
            }
            end();
        });
        asked.signal.addEventListener('abort', () => dialog.close(), {once: true});
        document.body.append(dialog);
        dialog.showModal();
    });
}

function titleOf(dialog, text) {
    return h('h2', {id: dialog.getAttribute('aria-labelledby')}, text);
}

function questionForm(dialog, asked, outcome) {
    const trouble = h('div.trouble');
    const progress = h('p.progress', {role: 'status'});
    const cancel = h('button.button', {type: 'button', onclick: () => isHeld(cancel) || dialog.close()}, 'Cancel');
    const submit = h(`button.button.${asked.kind ?? 'primary'}`, {type: 'submit'}, asked.submit);

    async function attempt() {
        fill(trouble);
        fill(progress, asked.busy);
        outcome.isBusy = true;
        cancel.ariaDisabled = 'true';
        try {
            outcome.given = await asked.work();
        } catch (error) {
            fill(trouble, failure(error, undefined, asked.unsure));
            return error;
        } finally {
            outcome.isBusy = false;
            cancel.ariaDisabled = null;
            fill(progress);
        }
        if (outcome.given !== undefined) {
            finish(dialog, asked, outcome);
        }
        return null;
    }

    async function onsubmit(event) {
        event.preventDefault();
        const error = await working(submit, attempt);
        if (error?.retryAfter) {
            holdBack(submit, error.retryAfter);
        }
    }

    return h('form.stack', {noValidate: true, onsubmit}, titleOf(dialog, asked.title), asked.content, trouble,
        h('div.actions', {}, progress, cancel, submit));
}

function finish(dialog, asked, {given, end}) {
    if (!asked.result) {
        // At once: until the event of the closing comes, a new key would be held by nobody.
        end();
        return;
    }
    const title = titleOf(dialog, asked.doneTitle ?? asked.title);
    const result = h('div.stack', {id: uniqueId('result')}, asked.result(given));
    const close = h('button.button.primary', {type: 'button', 'aria-describedby': result.id, onclick: () => dialog.close()}, 'Close');
    fill(dialog, h('div.stack', {}, title, result, h('div.actions', {}, close)));
    close.focus();
}

/** Yes or no. */
export async function confirmed({title, text, yes, signal}) {
    return await question({title, content: [h('p', {}, text)], submit: yes, kind: 'danger', work: async () => true, signal}) === true;
}
