#ifndef TAICTL_OUTPUT_H
#define TAICTL_OUTPUT_H

#include "taictl.h"

/* One column of a table, or one line of a record: what stands over it, and the member it shows. */
typedef struct taictl_field_t {
    const char *title;
    const char *member;
} taictl_field_t;

/**
 * Print a list: with --json as it is, else as a table.
 * @param list    array of objects; given back here
 * @param fields  ended by a title NULL
 * @return TAICTL_DONE
 */
int taictl_print_list(const taictl_t *run, json_t *list, const taictl_field_t *fields);

/**
 * Print one thing: with --json as it is, else a line for each field that it has.
 * @param object  given back here
 * @param fields  ended by a title NULL
 * @return TAICTL_DONE
 */
int taictl_print_record(const taictl_t *run, json_t *object, const taictl_field_t *fields);

/**
 * Print one thing that was done: with --json an object, else a sentence.
 * @param object    given back here
 * @param sentence  without a newline
 * @return TAICTL_DONE
 */
int taictl_print_done(const taictl_t *run, json_t *object, const char *sentence);

/**
 * Others may write to the database: what they put there moves no cursor and begins no line.
 * @param p  the text lives here, or is the one that was given
 */
const char *taictl_printable(const char *text, apr_pool_t *p);

#endif
