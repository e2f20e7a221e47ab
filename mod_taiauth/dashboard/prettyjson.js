// JSON on lines of its own, with every number and every member as it was sent: JSON.parse would round
// the one and drop the repeated of the other.

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const INDENT = 2;

// Lines that are indented further are longer than anyone reads, and many of them fill the memory.
const DEPTH_MAX = 100;

/** What comes behind a token, and how much deeper it is there. */
const BREAKS = {'{': 1, '[': 1, ',': 0};

function isEmptyPair(token, next) {
    return (token === '{' && next === '}') || (token === '[' && next === ']');
}

function laidOut(tokens) {
    let depth = 0;
    let text = '';
    const newLine = () => `\n${' '.repeat(INDENT * depth)}`;
    for (let i = 0; i < tokens.length; i++) {
        const token = tokens[i];
        if (isEmptyPair(token, tokens[i + 1])) {
            text += token + tokens[i + 1];
            i += 1;
        } else if (Object.hasOwn(BREAKS, token)) {
            depth += BREAKS[token];
            if (depth > DEPTH_MAX) {
                return null;
            }
            text += token + newLine();
        } else if (token === '}' || token === ']') {
            depth -= 1;
            text += newLine() + token;
        } else {
            text += token === ':' ? ': ' : token;
        }
    }
    return text;
}

/** @returns {string|null} null: it is not JSON, or nested too deeply to be laid out */
export function prettyJson(text) {
    try {
        JSON.parse(text);
    } catch {
        return null;
    }
    return laidOut(text.match(TOKEN));
}
