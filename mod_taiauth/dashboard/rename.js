// Renaming a key: the one thing of it that changes.

import {question} from './dialog.js';
import {h} from './dom.js';
import {nameField} from './keyname.js';

/** @returns {Promise<Object|undefined>} the key under its new name */
export function rename(page, key) {
    const name = nameField(key.name);
    name.input.autofocus = true;
    return question({
        title: 'Rename key',
        content: [h('p', {}, `The key ${key.prefix} goes on as it is, under another name.`), name.element],
        submit: 'Rename',
        signal: page.signal,
        async work() {
            if (!name.check()) {
                name.input.focus();
                return undefined;
            }
            return page.ask('PATCH', `/keys/${key.id}`, {name: name.input.value});
        },
    });
}
