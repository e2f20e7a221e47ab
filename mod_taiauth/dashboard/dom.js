// Elements without markup: whatever comes from people or servers becomes a text node, never HTML.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An element.
 * @param {string} tag  'button', 'p.note' (with classes), 'svg:rect'
 * @param {Object} [properties]  on...: a listener; names with a dash, role, for, and all of SVG:
 *   attributes; anything else: a property of the element. undefined, null and false are left out.
 * @param {...(Node|string|number|Array|null|undefined|false)} children  empty ones are left out
 */
export function h(tag, properties, ...children) {
    const [name, ...classes] = tag.split('.');
    const isDrawn = name.startsWith('svg:');
    const element = isDrawn ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
    if (classes.length > 0) {
        element.classList.add(...classes);
    }
    for (const [key, value] of Object.entries(properties ?? {})) {
        set(element, key, value, isDrawn);
    }
    element.append(...present(children));
    return element;
}

function set(element, key, value, isDrawn) {
    if (value === undefined || value === null || value === false) {
        return;
    }
    if (key.startsWith('on')) {
        element.addEventListener(key.slice(2), value);
    } else if (isDrawn || key.includes('-') || key === 'role' || key === 'for' || key === 'list') {
        element.setAttribute(key, value === true ? '' : value);
    } else {
        element[key] = value;
    }
}

function present(children) {
    return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
        .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/** A name that people have given, within a sentence: none of its characters turns what stands beside it around. */
export function named(text) {
    return h('bdi', {}, text);
}

/** Put these in the place of all that an element holds. */
export function fill(element, ...children) {
    element.replaceChildren(...present(children));
}

let last = 0;

/** An id that no other element has, for labels and descriptions. */
export function uniqueId(stem) {
    last += 1;
    return `${stem}-${last}`;
}

/** Move the focus there, also to what has none of its own: a heading, a row's header, a note. */
export function focusOn(element) {
    if (element.tabIndex < 0) {
        element.tabIndex = -1;
    }
    element.focus();
}
