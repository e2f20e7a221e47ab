// What a JSON document from elsewhere holds: what is not of the kind that it must be counts as absent.

const HOPS_MAX = 32;

export function isObject(value) {
    return typeof value === 'object' && value !== null;
}

export function textOf(value) {
    return typeof value === 'string' ? value.trim() : '';
}

export function listOf(value) {
    return Array.isArray(value) ? value : [];
}

export function entriesOf(value) {
    return isObject(value) && !Array.isArray(value) ? Object.entries(value) : [];
}

/** For a field: what is no text is shown as JSON. */
export function shown(value) {
    return value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

/** What a fragment such as "#/a/b~1c" points at; undefined: nothing here. */
function pointed(root, reference) {
    if (typeof reference !== 'string' || !reference.startsWith('#/')) {
        return undefined;
    }
    let steps;
    try {
        steps = decodeURIComponent(reference.slice(2)).split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    } catch {
        return undefined;
    }
    return steps.reduce((at, step) => (isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined), root);
}

/**
 * Follows references within a document, {"$ref": "#/components/..."}, until there is none.
 * @param {Object} root  the document
 * @returns {(node: any) => any} gives undefined for what leads out of the document, nowhere or round in circles
 */
export function resolver(root) {
    return (node) => {
        let at = node;
        for (let hops = 0; isObject(at) && '$ref' in at; hops++) {
            if (hops === HOPS_MAX) {
                return undefined;
            }
            at = pointed(root, at.$ref);
        }
        return at;
    };
}
