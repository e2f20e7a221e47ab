// What a refusal means and what to do about it, in plain words: one table for the management API, for
// the API that the keys are for, and for answers of neither.

import {briefly} from './times.js';

/**
 * An answer that is no success.
 * @typedef {Object} Refused
 * @property {number} status  0: there was no answer
 * @property {string} [code]  as in refusals.md
 * @property {string} [message]  the server's own text
 * @property {number|null} [retryAfter]  seconds
 * @property {string} [scope]  the one that is missing
 * @property {string} [allow]  methods that are allowed
 * @property {string} [elsewhere]  the origin asked, where it is not that of this page
 */

/** @typedef {string|((refused: Refused) => string)} Text */

function pause(refused) {
    return refused.retryAfter ? `Wait ${briefly(refused.retryAfter)}` : 'Wait a moment';
}

function scopeOf(refused) {
    const scope = refused.scope ?? /"([^"]+)" scope/.exec(refused.message ?? '')?.[1];
    return scope ? `the scope ${scope}` : 'the scope that this action needs';
}

/** The key has the scope, the account's plan does not grant it. */
function isAboutPlan(refused) {
    return /scope requires .* plan/.test(refused.message ?? '');
}

/** @type {Object<string, {means: Text, todo: Text}>} */
const codes = {
    MISSING_API_KEY: {
        means: 'No key came with the request; where a key and a token are needed, one of the two was missing.',
        todo: 'Paste the key, and its token where the API asks for one, into the headers named here. A key in the address, a cookie or the body is not read.',
    },
    INVALID_API_KEY: {
        means: 'The key cannot be used. It is mistyped, unknown, revoked or expired, or key and token do not belong together. A key that has a token works only where the token is asked for, and one without only where it is not. The server does not say which it was.',
        todo: 'Paste it again, whole. Look under Keys whether it is still active; if not, create another one. Do not go on trying: too many wrong keys lock you out for a while.',
    },
    INSUFFICIENT_SCOPE: {
        means: (refused) => (isAboutPlan(refused)
            ? `The key is good and has ${scopeOf(refused)}, but the plan of your account does not grant it, or does not any more.`
            : `The key is good, but it does not have ${scopeOf(refused)}.`),
        todo: (refused) => (isAboutPlan(refused)
            ? 'The same key works once the account has a plan that grants the scope. Ask the operator of the API about it.'
            : 'Scopes of a key never change. Create another key with that scope; where it cannot be chosen, the account needs another plan.'),
    },
    FORBIDDEN: {
        means: 'You are known, and the operator has restricted this by something else: the plan, the account or the address that you come from.',
        todo: 'Ask the operator of the API.',
    },
    ACCOUNT_SUSPENDED: {
        means: 'The account is suspended or closed, or its user is disabled. While suspended, keys are refused; they can still be looked at and revoked here.',
        todo: 'Ask the operator of the API. The same keys work again once this is lifted.',
    },
    METHOD_NOT_ALLOWED: {
        means: 'There is something at this address, but not for this method.',
        todo: (refused) => (refused.allow ? `Use one of: ${refused.allow}.` : 'Use a method that the description of the API names.'),
    },
    RATE_LIMITED: {
        means: 'You have made as many requests as the limit allows. It is counted back from now over a sliding window, and what was refused does not count.',
        todo: (refused) => `${pause(refused)}, then one request passes.`,
    },
    LOCKED_OUT: {
        means: 'There were too many failed attempts with wrong keys or passwords. The lock ends by itself; trying meanwhile does not make it longer.',
        todo: (refused) => `${pause(refused)}. Then use a key or password that you are sure of.`,
    },
    AUTH_UNAVAILABLE: {
        means: 'The server could not check or do this just now. That says nothing about the key.',
        todo: (refused) => `${pause(refused)} and try again. If it was a change, look first whether it was made.`,
    },
    BAD_REQUEST: {
        means: 'Something in the request is not what it must be. Nothing was done.',
        todo: 'The answer names it and says what is allowed. Correct it and send again.',
    },
    UNAUTHENTICATED: {
        means: 'Nobody is signed in, or the session has ended; or user name and password do not go together.',
        todo: 'Sign in. If you are sure of the password, ask the operator whether the user is disabled.',
    },
    NOT_PRIMARY_ADMIN: {
        means: 'You are signed in, but keys and activity are for the primary administrator of the account alone.',
        todo: 'Ask that person, or the operator of the API.',
    },
    PLAN_REQUIRED: {
        means: 'The key was to have a scope that the plan of your account does not grant.',
        todo: 'Leave that scope out, or ask the operator of the API for another plan.',
    },
    CROSS_SITE: {
        means: 'The server takes changes from its own pages only, and this one did not look like that.',
        todo: 'Open this page at its own address, not through another site, and try again.',
    },
    TLS_REQUIRED: {
        means: 'Signing in needs https, so that nobody on the way reads the password. It was not looked at, but it has been sent.',
        todo: 'Open this page with https. Change the password if others can listen on your network.',
    },
    NOT_FOUND: {
        means: 'There is nothing at this address, or it belongs to somebody else.',
        todo: 'Look at the path and at the ids in it.',
    },
    SCOPES_IMMUTABLE: {
        means: 'A key keeps the scopes that it was made with, so that a stolen one cannot grow.',
        todo: 'Create another key with the scopes you need.',
    },
    KEY_LIMIT_REACHED: {
        means: 'The account has as many active keys as its plan allows. Revoked and expired keys do not count.',
        todo: 'Revoke a key that is not needed any more, then create the new one.',
    },
    KEY_NOT_ACTIVE: {
        means: 'Only an active key can be rolled, and not while the grace of its last roll still runs.',
        todo: 'Wait for the end of the grace, or create another key.',
    },
    TOO_LARGE: {
        means: 'The body is larger than the server takes.',
        todo: 'Send less at a time.',
    },
    UNSUPPORTED_MEDIA_TYPE: {
        means: 'The body is of a kind that is not taken here, or is compressed.',
        todo: 'Send Content-Type: application/json, in UTF-8.',
    },
    // Of this page itself: there is no answer, or none that it can use.
    OFFLINE: {
        means: (refused) => (refused.elsewhere
            ? `The browser got no answer that it may show. The API is on another origin (${refused.elsewhere}): its operator has to name it under connect-src in the Content-Security-Policy of this page, and it has to allow this page by CORS.`
            : 'No answer came: the connection is gone, or the server is.'),
        todo: (refused) => (refused.elsewhere
            ? 'Send the request with curl; that needs neither.'
            : 'Check the connection, then try again.'),
    },
    REDIRECTED: {
        means: 'The answer is a redirect to another address. It was not followed, since the key would have gone there too.',
        todo: 'Look at the path, and whether it ends with a slash too many or too few.',
    },
    UNREADABLE: {
        means: 'Something answered, but not the API: perhaps a proxy in between, or the page is configured for another address.',
        todo: 'Try again; if it stays so, tell the operator of the API.',
    },
    BAD_SETTINGS: {
        means: 'The page itself is not set up as it must be.',
        todo: 'Tell whoever runs it; the text above is for them.',
    },
    ERRORS: {
        means: 'The key is good and the API has taken the request, but it answers with errors of its own.',
        todo: 'They say what to correct in parameters or body.',
    },
};

/** Answers without a code that is known: of the application behind the keys, or of httpd. */
const statuses = {
    400: codes.BAD_REQUEST,
    401: {means: 'The API does not take these credentials.', todo: 'Look at the headers: is everything there that the operation asks for?'},
    403: {means: 'The API knows you and does not allow this.', todo: 'Look at what the answer says, or ask the operator of the API.'},
    404: codes.NOT_FOUND,
    405: codes.METHOD_NOT_ALLOWED,
    406: {means: 'The API cannot answer in the form that was asked for.', todo: 'Leave out the Accept header, or name another type.'},
    409: {means: 'This does not fit the present state of what it is about.', todo: 'Look at it as it is now, and send again what still applies.'},
    413: codes.TOO_LARGE,
    415: codes.UNSUPPORTED_MEDIA_TYPE,
    422: {means: 'The API understood the request, but not all values in it are allowed.', todo: 'The answer should name them. Correct them and send again.'},
    429: {means: 'Too many requests in a short time.', todo: (refused) => `${pause(refused)}, then send again.`},
    500: {means: 'Something went wrong inside the API. It is not your key, and probably not your request.', todo: 'Try again later; if it stays so, tell the operator of the API, with the time.'},
    502: {means: 'The server reached the application behind it, and got no answer that it could use.', todo: 'Try again in a moment.'},
    503: {means: 'The server cannot answer this just now.', todo: (refused) => `${pause(refused)} and try again.`},
    504: {means: 'The application behind the server did not answer in time.', todo: 'Try again in a moment. It may have done what was asked.'},
};

const classes = {
    3: codes.REDIRECTED,
    4: {means: 'The API does not accept this request.', todo: 'Look at what the answer says.'},
    5: statuses[500],
};

/** Of an object's own, whatever the name: it comes from a server. */
function own(table, name) {
    return name !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}

/**
 * In plain words.
 * @param {Refused} refused  a Refusal of api.js, or what readRefusal of dialects.js has found
 * @returns {{means: string, todo: string}}
 */
export function explain(refused) {
    const entry = own(codes, refused.code) ?? own(statuses, refused.status)
        ?? own(classes, Math.floor(refused.status / 100)) ?? codes.UNREADABLE;
    const worded = (text) => (typeof text === 'function' ? text(refused) : text);
    return {means: worded(entry.means), todo: worded(entry.todo)};
}
