// The rest of a list that comes in pages.

import {fill, focusOn, h} from './dom.js';
import {failure, working} from './states.js';
import {count} from './times.js';

/**
 * A button for the rest, as long as there is one.
 * @param {Object} page  what a view has of the page
 * @param {string} noun  'key': what there is more of
 * @param {string|null} next  where the rest begins; null: there is none
 * @param {(from: string) => Promise<{rows: Object[], next: string|null}>} read
 * @param {(rows: Object[]) => HTMLTableRowElement[]} add  to the end of the table
 */
export function moreButton(page, noun, next, read, add) {
    const trouble = h('div.trouble');
    const button = h('button.button', {type: 'button', onclick: () => working(button, showMore)}, 'Show more');
    const element = h('div.stack', {hidden: next === null}, button, trouble);
    let from = next;

    function show(answer) {
        const added = add(answer.rows);
        from = answer.next;
        page.announce(count(added.length, `more ${noun}`));
        // Before the button goes away: the focus would go with it.
        if (added.length > 0) {
            focusOn(added[0].querySelector('th'));
        }
        element.hidden = from === null;
    }

    async function showMore() {
        fill(trouble);
        try {
            const answer = await read(from);
            if (!page.signal.aborted) {
                show(answer);
            }
        } catch (error) {
            fill(trouble, failure(error));
        }
    }

    return element;
}
