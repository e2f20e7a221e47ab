#ifndef NODES_H
#define NODES_H

#include "acme.h"
#include "shared.h"
#include "core/clock.h"
#include "core/revocation.h"
#include "core/store_nodes.h"
#include "core/unknown.h"

/* Nodes on the database of acme.h, and readers who stop where a test wants them to. */

#define KEYS        1000
#define INTERVAL_MS 60000 /* nothing syncs by itself */
#define LEASE_MS    60000

static inline tai_segment_t *new_node(apr_uint32_t lease_ms)
{
    const apr_size_t bytes = tai_segment_needs(KEYS);
    tai_segment_t *segment;

    ck_assert_int_eq(tai_segment_format(shared_block(bytes), bytes, KEYS, &segment), APR_SUCCESS);
    tai_node_configure(segment, INTERVAL_MS, lease_ms, "");
    return segment;
}

static inline apr_status_t try_sync(tai_segment_t *segment)
{
    return tai_node_sync(segment, store, pool, &text);
}

static inline void sync_node(tai_segment_t *segment)
{
    ck_assert_msg(try_sync(segment) == APR_SUCCESS, "%s", text);
}

static inline tai_segment_t *registered_node(apr_uint32_t lease_ms)
{
    tai_segment_t *segment = new_node(lease_ms);

    sync_node(segment);
    return segment;
}

/* What a reader was answered. */
typedef struct answer_t {
    tai_digest_t key;
    tai_version_t version;
    tai_record_t *record;
} answer_t;

/* The reader stops when the database has answered. */
static inline answer_t asked(tai_segment_t *segment, const char *hex)
{
    answer_t answer = {.key = digest_from(hex), .version = tai_node_version(segment)};

    ck_assert_int_eq(
        tai_store_find_key(store, &answer.key, pool, &answer.record, &answer.version.seq, &text),
        APR_SUCCESS);
    return answer;
}

static inline apr_status_t learn(tai_segment_t *segment, const answer_t *answer)
{
    return tai_node_learn(segment, answer->version, &answer->key, answer->record, 1,
                          tai_clock_ms());
}

/* What is known of it stands in shared memory from here on. */
static inline answer_t learned(tai_segment_t *segment, const char *hex)
{
    const answer_t answer = asked(segment, hex);

    ck_assert_int_eq(learn(segment, &answer), APR_SUCCESS);
    return answer;
}

static inline int is_remembered(tai_segment_t *segment, const answer_t *answer)
{
    tai_record_copy_t copy;

    return tai_records_find(tai_segment_records(segment), &answer->key, &copy);
}

static inline int is_unknown(tai_segment_t *segment, const answer_t *answer)
{
    int seen;

    ck_assert_int_eq(
        tai_unknown_seen(tai_segment_table(segment, TAI_TABLE_UNKNOWN),
                         tai_segment_id(segment, answer->key.bytes, sizeof(answer->key.bytes)),
                         tai_segment_node(segment)->epoch, tai_clock_ms(), &seen),
        APR_SUCCESS);
    return seen;
}

static inline int holds(tai_segment_t *segment, const answer_t *answer)
{
    return tai_node_holds(segment, answer->version);
}

/* A value of the node's row. */
static inline int row_has(tai_segment_t *segment, const char *column)
{
    const char *value = raw_value(path, apr_psprintf(pool, "SELECT %s FROM nodes WHERE id = '%s'",
                                                     column, tai_segment_node(segment)->id));

    return value != NULL ? atoi(value) : -1;
}

/* Which is the only one here that takes a moment. */
static inline void wait_until(apr_uint64_t ms)
{
    while (tai_clock_ms() < ms) {
        apr_sleep(1000);
    }
}

#endif
