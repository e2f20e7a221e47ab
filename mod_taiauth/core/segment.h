#ifndef TAI_SEGMENT_H
#define TAI_SEGMENT_H

#include "breaker.h"
#include "metrics.h"
#include "node.h"
#include "records.h"
#include "seat.h"
#include "slots.h"
#include "table.h"

/*
 * The one block of shared memory:
 *
 *   tai_segment_t (magic, layout, size, secrets, metrics, slots, breakers, seats, node) | records | known |
 *   unknown | windows | addresses | clients | pairs | usernames | usage
 *
 * records    the key table; as large as TaiAuthKeyCache says, the others share what is left
 * known      digests of keys that the database has lately confirmed: they are looked up without
 *            being held back by the throttles for unknown ones, also when the key table was emptied
 * unknown    digests that the database knows no key of
 * windows    rolling windows of keys and accounts
 * addresses  rolling windows of client prefixes, apart, so that traffic without a key can never
 *            push out the window of a real key
 * clients    failures of client prefixes: of keys, and of log-ins
 * pairs      failures of (apikey, client prefix)
 * usernames  failed log-ins of user names, and of (user name, client prefix)
 * usage      what keys were used for, until it is written to the database
 *
 * Identities are made with secrets of the segment (SipHash-2-4, Aumasson and Bernstein 2012, twice
 * with two keys), so that nobody outside can choose two that share a place.
 */
#define TAI_SEGMENT_LAYOUT 6

typedef enum {
    TAI_TABLE_KNOWN,
    TAI_TABLE_UNKNOWN,
    TAI_TABLE_WINDOWS,
    TAI_TABLE_ADDRESSES,
    TAI_TABLE_CLIENTS,
    TAI_TABLE_PAIRS,
    TAI_TABLE_USERNAMES,
    TAI_TABLE_USAGE,
    TAI_TABLE_COUNT
} tai_table_e;

typedef struct tai_segment_t tai_segment_t;

/* What the tables beside the key table need at the least. */
#define TAI_SEGMENT_MIN_BYTES ((apr_size_t)3 << 20)

/**
 * @param keys  for how many keys there is to be a key table; 0: none
 * @return bytes that a segment needs at the least
 */
apr_size_t tai_segment_needs(apr_uint64_t keys);

/**
 * Lay out a new segment.
 * @param block  zeroed, page aligned, shared by all processes that will use it
 * @param bytes  its size, at least tai_segment_needs(keys)
 * @param keys   for how many keys there is to be a key table; 0: none
 * @param out    the segment, in the block
 * @return APR_SUCCESS, or why it could not be made
 */
apr_status_t tai_segment_format(void *block, apr_size_t bytes, apr_uint64_t keys,
                                tai_segment_t **out);

/**
 * @param block  what may be a segment of an earlier generation
 * @param bytes  its size
 * @return the segment, or NULL if it has another layout
 */
tai_segment_t *tai_segment_attach(void *block, apr_size_t bytes);

/**
 * @return for how many keys it was laid out
 */
apr_uint64_t tai_segment_keys(const tai_segment_t *segment);

/**
 * @return its key table; NULL: it has none
 */
tai_records_t *tai_segment_records(tai_segment_t *segment);

/**
 * @return what it knows of itself as a node
 */
tai_node_t *tai_segment_node(tai_segment_t *segment);

/**
 * @return one of its tables
 */
tai_table_t *tai_segment_table(tai_segment_t *segment, tai_table_e which);

/**
 * @return the name of a table in metrics: "known", "unknown", "windows", "addresses", "clients", "pairs",
 *         "usernames", "usage"
 */
const char *tai_segment_table_name(tai_table_e which);

/**
 * @return its counters
 */
tai_metrics_t *tai_segment_metrics(tai_segment_t *segment);

/* How many of each a host does at a time. */
#define TAI_PASSWORD_SLOTS   2
#define TAI_REVOCATION_SLOTS 16

/**
 * @return its slots for checks of passwords
 */
tai_slots_t *tai_segment_slots(tai_segment_t *segment);

/**
 * @return its slots for revocations under way
 */
tai_slots_t *tai_segment_revocations(tai_segment_t *segment);

/* What may not answer. */
typedef enum { TAI_BREAKER_DATABASE, TAI_BREAKER_LIMITER, TAI_BREAKER_COUNT } tai_breaker_of_e;

/**
 * @return what spares all processes of the host the wait for it
 */
tai_breaker_t *tai_segment_breaker(tai_segment_t *segment, tai_breaker_of_e of);

/**
 * @return the seats of those who wait for the database
 */
tai_seats_t *tai_segment_seats(tai_segment_t *segment);

/* How often one thing is complained of, milliseconds. */
#define TAI_SEGMENT_COMPLAIN_MS 60000

/**
 * Have live entries had to make room since this was last answered? For the log: of all processes
 * and threads, one is answered once in TAI_SEGMENT_COMPLAIN_MS.
 * @param now   milliseconds of tai_clock_ms
 * @param lost  set to how many of each table; only where the answer is 1
 * @return 1: there is something to say, and it is for the caller to say it
 */
int tai_segment_pressure(tai_segment_t *segment, apr_uint64_t now,
                         apr_uint64_t lost[TAI_TABLE_COUNT]);

/**
 * Usage could not be written to the database. For the log: of all processes and threads, one is
 * answered once in TAI_SEGMENT_COMPLAIN_MS.
 * @param now  milliseconds of tai_clock_ms
 * @return 1: it is for the caller to say it
 */
int tai_segment_unwritten(tai_segment_t *segment, apr_uint64_t now);

/**
 * What has changed of keys could not be read. For the log: as tai_segment_unwritten.
 * @param now  milliseconds of tai_clock_ms
 * @return 1: it is for the caller to say it
 */
int tai_segment_unsynced(tai_segment_t *segment, apr_uint64_t now);

/**
 * It could be read.
 * @return 1: that it could not was said, and it is for the caller to say that it can again
 */
int tai_segment_synced(tai_segment_t *segment);

/**
 * Fold bytes into an identity.
 * @param data  what it stands for; two different things must differ in these bytes
 * @param len   how many
 */
tai_id_t tai_segment_id(const tai_segment_t *segment, const void *data, apr_size_t len);

#endif
