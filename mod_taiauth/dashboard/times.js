// Times and numbers for people: in their time zone, in the page's language.

import {h} from './dom.js';

// English as the reader writes it; where he has named none, with the day first and 24 hours.
const LOCALE = navigator.languages.find((language) => /^en\b/.test(language)) ?? 'en-GB';

const WHEN = new Intl.DateTimeFormat(LOCALE, {dateStyle: 'medium', timeStyle: 'short'});
const EXACT = new Intl.DateTimeFormat(LOCALE, {dateStyle: 'full', timeStyle: 'long'});
const CLOCK = new Intl.DateTimeFormat(LOCALE, {timeStyle: 'medium'});
const DAY = new Intl.DateTimeFormat(LOCALE, {dateStyle: 'medium'});
// The days of the usage are those of UTC; elsewhere they would have another name.
const DAY_OF_USE = new Intl.DateTimeFormat(LOCALE, {day: 'numeric', month: 'short', timeZone: 'UTC'});
const RELATIVE = new Intl.RelativeTimeFormat(LOCALE, {numeric: 'always'});
const NUMBER = new Intl.NumberFormat(LOCALE);

export const DAY_MS = 86400000;

const SPANS = [
    ['day', 86400],
    ['hour', 3600],
    ['minute', 60],
    ['second', 1],
];

/** '31 Jan 2026, 12:34' */
export function when(time) {
    return WHEN.format(new Date(time));
}

/** '12:34:50' */
export function clock(time) {
    return CLOCK.format(new Date(time));
}

/** '31 Jan 2026' */
export function day(time) {
    return DAY.format(new Date(time));
}

/** '31 Jan', of '2026-01-31' */
export function dayOfUse(date) {
    return DAY_OF_USE.format(new Date(date));
}

/** '2 hours ago', 'in 3 days', 'now' */
export function ago(time, now = Date.now()) {
    const seconds = (new Date(time).getTime() - now) / 1000;
    if (Math.abs(seconds) < 1) {
        return 'now';
    }
    const [unit, length] = SPANS.find(([, span]) => Math.abs(seconds) >= span);
    return RELATIVE.format(Math.round(seconds / length), unit);
}

/** '1,204' */
export function number(value) {
    return NUMBER.format(value);
}

/** '1 key', '1,204 keys' */
export function count(value, noun) {
    return `${number(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** '7 days', '90 seconds': in the greatest unit that leaves nothing over. */
export function duration(seconds) {
    const [unit, length] = SPANS.find(([, span]) => seconds % span === 0 && seconds >= span) ?? SPANS.at(-1);
    return new Intl.NumberFormat(LOCALE, {style: 'unit', unit, unitDisplay: 'long'}).format(seconds / length);
}

const BRIEF_UNITS = [['h', 3600], ['min', 60], ['s', 1]];

/** '90 s', '3 min': in a unit of which there are at least two, and never sooner than it is. */
export function briefly(seconds) {
    const [unit, span] = BRIEF_UNITS.find(([, each]) => seconds >= 2 * each) ?? BRIEF_UNITS.at(-1);
    return `${Math.ceil(seconds / span)} ${unit}`;
}

/** '14:59', '37 s': what is left. */
export function countdown(seconds) {
    return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** A time that tells exactly when it is to whoever points at it. */
export function moment(time, text = when(time)) {
    return h('time', {dateTime: time, title: EXACT.format(new Date(time))}, text);
}

/** A time as the management API takes it: UTC, to the second. */
export function utc(date) {
    return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
