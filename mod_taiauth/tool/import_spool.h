#ifndef TAICTL_IMPORT_SPOOL_H
#define TAICTL_IMPORT_SPOOL_H

#include <stdio.h>
#include "import_row.h"

/*
 * Rows that were read and are not written yet, in a file without a name: reading may take as long as
 * it likes, and only then the database is held. It holds digests, never a key.
 */

/**
 * @param p    the spool is closed with this pool
 * @param out  set on success
 * @return NULL, or why it could not be made
 */
const char *taictl_spool_open(apr_pool_t *p, FILE **out);

/**
 * Append a row; whether all were written says taictl_spool_rewind.
 */
void taictl_spool_add(FILE *spool, const taictl_row_t *row);

/**
 * Read from the beginning from now on.
 * @return NULL, or why not all could be written
 */
const char *taictl_spool_rewind(FILE *spool);

/**
 * Read the next row.
 * @param p  the row lives here
 * @return 1; 0: there is none, or it could not be read (ferror)
 */
int taictl_spool_next(FILE *spool, taictl_row_t *row, apr_pool_t *p);

#endif
