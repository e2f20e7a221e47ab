// Who may do what with the keys of an account. The server decides; this is for not offering what it refuses.

import {h, named} from './dom.js';
import {count} from './times.js';

/** Whether the keys are this user's to manage. */
export function isAdministrator({user}) {
    return user.role === 'primary_admin';
}

/** For members: whose the keys are, and what has been done with them; and what there is for members. */
export function notForMembers(page, right = 'manages keys') {
    return h('div.note.stack', {},
        h('p', {}, h('strong', {}, 'Only the primary administrator of ', named(page.account.name), ` ${right}.`)),
        h('p', {}, 'You are a member: you can see the plan and the limits of the account. For a key, ask the primary administrator.'),
        h('a.button', {href: '#/account'}, 'Account'));
}

/** For whom the account is suspended: what still can be done; null: it is not. */
export function standingNote({name, status}) {
    return status === 'active' ? null : h('p.note.warning', {}, h('strong', {}, 'The account ', named(name), ' is suspended. '),
        'Its keys are refused. You can look at them and revoke them, but not create, roll or rename any. Ask whoever runs this API.');
}

/** Why no key can be created now; null: one can. */
export function whyNoneCreated({status, limits}) {
    if (status !== 'active') {
        return 'The account is suspended: no keys can be created.';
    }
    return limits.active_keys < limits.max_keys ? null
        : `The plan allows ${count(limits.max_keys, 'active key')}, and no other can be created now. Revoke one that is not needed any more, then create another.`;
}
