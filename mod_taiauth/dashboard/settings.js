// What the operator has set: settings.json beside this page, or another in its place.

import {Refusal} from './api.js';

function bad(text) {
    return new Refusal(0, 'BAD_SETTINGS', text);
}

function isText(value) {
    return typeof value === 'string' && value.trim() !== '';
}

// The page's policy lets it speak to its own origin alone, so another address would fail later and say less.
function isHere(value) {
    return isText(value) && URL.canParse(value, document.baseURI) && new URL(value, document.baseURI).origin === location.origin;
}

const MEMBERS = {
    title: {isGood: isText, wanted: 'a text'},
    management: {isGood: isHere, wanted: 'the path of the management API on this server, such as "/manage"'},
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
 * @returns {Promise<{title: string, management: string, description: string|null}>} management without a slash at its end
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
    return {...settings, management: settings.management.replace(/\/+$/, '')};
}
