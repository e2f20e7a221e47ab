#ifndef TAI_USAGE_H
#define TAI_USAGE_H

#include <apr_tables.h>
#include "store_usage.h"
#include "table.h"

/*
 * What keys were used for, gathered in shared memory until it is written to the database: so a
 * request writes nothing. An entry that holds something unwritten is live; that it had to make room
 * counts as a loss of the table. Whoever takes entries out and dies takes one batch with him.
 */

#define TAI_USAGE_ID_MAX 32 /* bytes of the id of a key, as in the schema */

/* bytes of an entry of a table of usage */
apr_size_t tai_usage_entry_size(void);

/**
 * Add to what is gathered of a key: a request, or a batch that could not be written.
 * @param table  a table of usage
 * @param id     the id of the key, folded
 * @param used   what it was used for; copied
 * @param now    milliseconds of tai_clock_ms
 * @return APR_SUCCESS; APR_EINVAL: the id is empty or longer than TAI_USAGE_ID_MAX; else the lock
 *         could not be had. Nothing was added then
 */
apr_status_t tai_usage_add(tai_table_t *table, tai_id_t id, const tai_used_t *used,
                           apr_uint64_t now);

/**
 * A request that was added as admitted was refused after all. If it was collected in between, it
 * counts as both.
 * @return as tai_usage_add
 */
apr_status_t tai_usage_refuse(tai_table_t *table, tai_id_t id, const char *key_id,
                              apr_uint64_t now);

/**
 * Take out what was gathered, a batch at a time. What is added meanwhile is in this batch, in a
 * later one, or in the next round.
 * @param set   0 for the first batch of a round; moved on
 * @param now   milliseconds of tai_clock_ms
 * @param max   entries of a batch, at least TAI_TABLE_WAYS
 * @param p     the ids of the keys live here
 * @param used  array of tai_used_t that the entries are added to
 * @return 1: there may be more; 0: the round is over
 */
int tai_usage_collect(tai_table_t *table, apr_uint32_t *set, apr_uint64_t now, int max,
                      apr_pool_t *p, apr_array_header_t *used);

#endif
