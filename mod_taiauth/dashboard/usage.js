// The use of a key in the last 30 days, as bars.

import {h} from './dom.js';
import {DAY_MS, dayOfUse, number} from './times.js';

const DAYS = 30;
const STEP = 4;
const BAR = 3;
const HEIGHT = 32;

/** All 30 days, the server's are those with requests alone. Its days are those of UTC. */
function everyDay(days, now) {
    const known = new Map(days.map((each) => [each.day, each]));
    return Array.from({length: DAYS}, (_, index) => {
        const date = new Date(now - (DAYS - 1 - index) * DAY_MS).toISOString().slice(0, 10);
        return known.get(date) ?? {day: date, admitted: 0, refused: 0};
    });
}

function counts({admitted, refused}) {
    return `${number(admitted)} admitted, ${number(refused)} refused`;
}

function total(days) {
    return days.reduce((sum, {admitted, refused}) => ({admitted: sum.admitted + admitted, refused: sum.refused + refused}), {admitted: 0, refused: 0});
}

// One request of a day among thousands is a line that can still be seen.
function heightOf(count, scale) {
    return count === 0 ? 0 : Math.max(1.5, count * scale);
}

function bar(each, index, scale) {
    const refused = heightOf(each.refused, scale);
    const admitted = Math.min(heightOf(each.admitted, scale), HEIGHT - refused);
    const at = {x: index * STEP, width: BAR};
    return h('svg:g', {}, h('svg:title', {}, `${dayOfUse(each.day)}: ${counts(each)}`),
        h('svg:rect', {class: 'room', x: index * STEP, width: STEP, y: 0, height: HEIGHT}),
        h('svg:rect', {class: 'floor', ...at, y: HEIGHT - 1, height: 1}),
        admitted > 0 && h('svg:rect', {class: 'admitted', ...at, y: HEIGHT - admitted, height: admitted}),
        refused > 0 && h('svg:rect', {class: 'refused', ...at, y: HEIGHT - admitted - refused, height: refused}));
}

/**
 * @param {Array<{day: string, admitted: number, refused: number}>} days  those with requests
 * @param {string} name  of the key
 * @param {number} [now]  milliseconds
 */
export function usageChart(days, name, now = Date.now()) {
    const all = everyDay(days, now);
    const busiest = all.reduce((most, each) => (each.admitted + each.refused > most.admitted + most.refused ? each : most));
    const most = busiest.admitted + busiest.refused;
    const sum = counts(total(all));
    const told = most === 0 ? 'no requests' : `${sum}; most on ${dayOfUse(busiest.day)}, ${counts(busiest)}`;
    return h('div.usage', {},
        h('svg:svg', {viewBox: `0 0 ${DAYS * STEP - 1} ${HEIGHT}`, role: 'img', 'aria-label': `Use of ${name} in the last 30 days: ${told}`},
            all.map((each, index) => bar(each, index, most === 0 ? 0 : HEIGHT / most))),
        h('p', {'aria-hidden': 'true'}, most === 0 ? 'No requests' : sum));
}
