#ifndef TAI_STORE_USAGE_H
#define TAI_STORE_USAGE_H

#include <apr_hash.h>
#include <apr_tables.h>
#include "store.h"
#include "store_change.h"

#define TAI_USAGE_DAYS 30 /* what is shown of the past */

/* What one key was used for since this was last written. */
typedef struct tai_used_t {
    const char *key_id;
    apr_int64_t at; /* UTC seconds of the latest use; 0: refused only */
    apr_uint64_t admitted, refused;
} tai_used_t;

/* One day of a key. */
typedef struct tai_usage_day_t {
    const char *day; /* UTC date, "2026-01-31" */
    apr_int64_t admitted, refused;
} tai_usage_day_t;

/**
 * Write what was gathered: the last use of each key, never an earlier one than is there already,
 * and its counts of today. A constant number of statements for any number of keys; it alters nothing
 * that a key may do, and brings none back.
 * @param used  array of tai_used_t, each key once; at most TAI_USAGE_BATCH
 * @param now   UTC seconds: the day that the counts belong to
 * @return DONE, or UNKNOWN: nothing was written, or it is not known
 */
#define TAI_USAGE_BATCH 1000
tai_change_e tai_store_write_usage(tai_store_t *store, const apr_array_header_t *used,
                                   apr_int64_t now, apr_pool_t *p, const char **text);

/**
 * The last TAI_USAGE_DAYS days of some keys, with one statement for all of them.
 * @param account_id  whose keys they are; of others' there is nothing
 * @param ids   array of const char *
 * @param now   UTC seconds
 * @param days  set to a table: by the id of a key, its days with use, an array of tai_usage_day_t, the
 *              latest first; a key without any is not there
 * @return DONE (also where there is no such key) or UNKNOWN
 */
tai_change_e tai_store_usage_days(tai_store_t *store, const char *account_id,
                                  const apr_array_header_t *ids, apr_int64_t now, apr_pool_t *p,
                                  apr_hash_t **days, const char **text);

#endif
