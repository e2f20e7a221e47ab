// A table that becomes a list of cards where there is no room for it.

import {h} from './dom.js';

/**
 * @typedef {Object} Column
 * @property {string} title
 * @property {(row: Object) => (Node|string|Array)} cell  what a row has there
 * @property {boolean} [heads]  it names the row
 * @property {string} [className]
 */

// The roles say what the elements say already, and are there because style.css lays them out as
// blocks on a narrow screen: some browsers take them for a table no longer then.
function bodyCell(column, row) {
    const role = column.heads ? 'rowheader' : 'cell';
    const properties = {role, 'data-label': column.title, className: column.className ?? ''};
    return column.heads ? h('th', {...properties, scope: 'row'}, column.cell(row)) : h('td', properties, column.cell(row));
}

/** A row, for a table that gets more of them. */
export function tableRow(columns, row) {
    return h('tr', {role: 'row'}, columns.map((column) => bodyCell(column, row)));
}

/**
 * @param {string} caption  for those who do not see the heading above it
 * @param {Column[]} columns
 * @param {Object[]} rows
 */
export function table(caption, columns, rows) {
    const titles = columns.map(({title, className}) => h('th', {role: 'columnheader', scope: 'col', className: className ?? ''}, title));
    return h('table.table', {role: 'table'}, h('caption.unseen', {}, caption),
        h('thead', {role: 'rowgroup'}, h('tr', {role: 'row'}, titles)),
        h('tbody', {role: 'rowgroup'}, rows.map((row) => tableRow(columns, row))));
}
