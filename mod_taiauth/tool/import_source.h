#ifndef TAICTL_IMPORT_SOURCE_H
#define TAICTL_IMPORT_SOURCE_H

#include <stdio.h>
#include "import_row.h"

/* A file of keys, read row by row. */
typedef struct taictl_source_t taictl_source_t;
typedef struct taictl_format_t taictl_format_t;

/**
 * @param name  "csv", whose first record names the columns, or "jsonl", an object in each line
 * @return NULL: it is none of these
 */
const taictl_format_t *taictl_find_format(const char *name);

/**
 * @param in      read from where it stands; closed with the pool
 * @param decode  how keys stand in it
 * @param p       the source lives here
 * @param source  set on success
 * @return NULL, or what is wrong with the columns
 */
const char *taictl_source_open(FILE *in, const taictl_format_t *format, taictl_decode_fn *decode,
                               apr_pool_t *p, taictl_source_t **source);

/**
 * Read the next row.
 * @param row    set, with the reason where it is refused
 * @param p      the row lives here
 * @param error  set to why the rest of the file cannot be told apart; else NULL
 * @return 1; 0: there is none
 */
int taictl_source_next(taictl_source_t *source, taictl_row_t *row, apr_pool_t *p,
                       const char **error);

#endif
