// What the operator has set: settings.json beside this page, or another in its place.

import {Refusal} from './api.js';
import {textOf} from './untrusted.js';

function bad(text) {
    return new Refusal(0, 'BAD_SETTINGS', text);
}

function isText(value) {
    return textOf(value) !== '';
}

// The page's policy lets it speak to its own origin alone, so another address would fail later and say less.
function isHere(value) {
    return isText(value) && URL.canParse(value, document.baseURI) && new URL(value, document.baseURI).origin === location.origin;
}

// Paths are put behind it.
function isPlaceHere(value) {
    if (!isHere(value)) {
        return false;
    }
    const {search, hash} = new URL(value, document.baseURI);
    return search === '' && hash === '';
}

const MEMBERS = {
    title: {isGood: isText, wanted: 'a text'},
    management: {isGood: isPlaceHere, wanted: 'the path of the management API on this server, such as "/manage", without "?" and "#"'},
    description: {isGood: (value) => value === null || isHere(value), wanted: 'the path of an OpenAPI description on this server, or null'},
};

function check(settings) {
    if (settings === null || typeof settings !== 'object' || Array.isArray(settings)) {
        throw bad('settings.json must be one JSON object.');
    }
    const unknown = Object.keys(settings).find((name) => !Object.hasOwn(MEMBERS, name));
    if (unknown !== undefined) {
        throw bad(`settings.json has a member "${unknown}"; there are ${Object.keys(MEMBERS).join(', ')}.`);
    }
    for (const [name, {isGood, wanted}] of Object.entries(MEMBERS)) {
        if (!isGood(settings[name])) {
            throw bad(`"${name}" in settings.json must be ${wanted}.`);
        }
    }
}

/**
 * @returns {Promise<{title: string, management: string, description: string|null}>} management: a whole address, without a slash at its end
 * @throws {Refusal} BAD_SETTINGS; the text is for the operator
 */
export async function readSettings() {
    let settings;
    try {
        const response = await fetch('settings.json', {cache: 'no-cache', credentials: 'same-origin'});
        settings = response.ok ? await response.json() : undefined;
    } catch {
        settings = undefined;
    }
    if (settings === undefined) {
        throw bad('settings.json could not be read, or is not JSON.');
    }
    check(settings);
    // As the browser understands it: a path that begins with two slashes, once it is joined, is another server.
    const {origin, pathname} = new URL(settings.management, document.baseURI);
    return {...settings, management: origin + pathname.replace(/\/+$/, '')};
}
