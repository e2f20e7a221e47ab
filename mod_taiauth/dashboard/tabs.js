// Tabs: one of several contents at a time. Arrow keys go from one to the next, Home and End to the ends.

import {h, uniqueId} from './dom.js';

const STEPS = {ArrowRight: (at) => at + 1, ArrowLeft: (at) => at - 1, Home: () => 0, End: () => -1};

/**
 * @param {string} label  what there is to choose
 * @param {Array<{name: string, content: Node|Array<Node>}>} items
 */
export function tabs(label, items) {
    const parts = items.map(({name, content}) => {
        const id = uniqueId('tab');
        return {
            tab: h('button', {type: 'button', role: 'tab', id, 'aria-controls': `${id}-panel`}, name),
            panel: h('div.tabpanel', {role: 'tabpanel', id: `${id}-panel`, 'aria-labelledby': id}, content),
        };
    });

    function choose(chosen) {
        for (const {tab, panel} of parts) {
            tab.setAttribute('aria-selected', String(tab === chosen));
            tab.tabIndex = tab === chosen ? 0 : -1;
            panel.hidden = tab !== chosen;
        }
    }

    function onkeydown(event) {
        const step = STEPS[event.key];
        if (step) {
            event.preventDefault();
            const {tab} = parts.at(step(parts.findIndex(({tab: each}) => each === event.target)) % parts.length);
            choose(tab);
            tab.focus();
        }
    }

    choose(parts[0].tab);
    return h('div.tabs', {},
        h('div.tablist', {role: 'tablist', 'aria-label': label, onkeydown, onclick: ({target}) => target.role === 'tab' && choose(target)},
            parts.map(({tab}) => tab)),
        parts.map(({panel}) => panel));
}
