#ifndef TAI_UNKNOWN_H
#define TAI_UNKNOWN_H

#include "digest.h"
#include "table.h"

/*
 * Digests that the database has said to know no key of, so that one who sends the same wrong key
 * again costs no SELECT. A table of its own: garbage can push out garbage alone.
 *
 * An entry belongs to an epoch. A change that may concern any number of keys begins a new one, and
 * all entries of earlier ones mean nothing.
 */

/* How long an entry lasts, milliseconds. */
#define TAI_UNKNOWN_MS (APR_UINT64_C(60) * 1000)

/* bytes of an entry of a table of unknown digests */
apr_size_t tai_unknown_entry_size(void);

/**
 * @param id     the digest, folded
 * @param epoch  the one that runs
 * @param now    milliseconds of tai_clock_ms
 * @param seen   set to 1: the database knew no such key, and nothing has changed since
 * @return APR_SUCCESS; else nothing is known
 */
apr_status_t tai_unknown_seen(tai_table_t *table, tai_id_t id, apr_uint64_t epoch, apr_uint64_t now,
                              int *seen);

/**
 * The database knows no key of this digest.
 * @return APR_SUCCESS; else nothing was noted
 */
apr_status_t tai_unknown_note(tai_table_t *table, tai_id_t id, apr_uint64_t epoch,
                              apr_uint64_t now);

/**
 * Now it may.
 * @return APR_SUCCESS; else the entry may still be there
 */
apr_status_t tai_unknown_strike(tai_table_t *table, tai_id_t id);

#endif
