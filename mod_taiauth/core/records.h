#ifndef TAI_RECORDS_H
#define TAI_RECORDS_H

#include <apr_errno.h>
#include "record.h"

/*
 * The key table: digest -> record, in shared memory.
 *
 * Readers take no lock and allocate nothing: they copy a record out and look at the sequence number
 * of its set before and behind (a seqlock). Writers hold the table's lock, which is not in here:
 * who inserts has more to test under it (see revocation.h). A writer that is killed leaves the set
 * that he was changing with an odd number; to readers it is empty until the next writer, who
 * inherits the lock, empties it. A record that is lost costs one SELECT.
 *
 * When a set is full, the entries that were not read lately go first (the clock algorithm).
 */
typedef struct tai_records_t tai_records_t;

/*
 * What a table of n keys takes is n times this, in whole sets, and 73 KiB for what many records have
 * in common. It holds that many records whose names are of usual length; longer ones take the room
 * of several.
 */
#define TAI_RECORDS_KEY_BYTES 192

/* A record whose texts are longer together, in bytes with their NULs, is not kept. */
#define TAI_RECORD_TEXT_MAX 1536

/* A copy of a record: where its texts live. */
typedef struct tai_record_copy_t {
    tai_record_t record;
    char text[TAI_RECORD_TEXT_MAX];
    apr_size_t length; /* how much of text is used, bytes */
} tai_record_copy_t;

/* How full a table is, and what it has done. */
typedef struct tai_records_usage_t {
    apr_uint64_t bytes;   /* of the table */
    apr_uint64_t used;    /* of them, by records and their index */
    apr_uint64_t live;    /* records in it */
    apr_uint64_t evicted; /* records that had to go for others since the start */
    apr_uint64_t torn;    /* sets that a dead writer left to be emptied */
} tai_records_usage_t;

/**
 * @param keys  how many keys a table is for
 * @return bytes that it takes, a multiple of 64; 0 for no keys
 */
apr_size_t tai_records_bytes(apr_uint64_t keys);

/**
 * @param bytes  that may be used
 * @return for how many keys a table of them is; 0: not even one
 */
apr_uint64_t tai_records_keys(apr_size_t bytes);

/**
 * Lay out a new table in zeroed memory.
 * @param block  64-byte aligned, of tai_records_bytes(keys); keys is at least 1
 */
void tai_records_format(tai_records_t *block, apr_uint64_t keys);

/**
 * Find a record. Takes no lock; may be called by any number of processes and threads.
 * @param key   SHA-256 of the whole key
 * @param copy  the record is copied here where it is found; else it may be overwritten
 * @return 1: found
 */
int tai_records_find(tai_records_t *table, const tai_digest_t *key, tai_record_copy_t *copy);

/* ---- writers: all of these under the table's lock ---- */

/**
 * To be called first by who has inherited the lock from a dead writer.
 */
void tai_records_mend(tai_records_t *table);

/**
 * Insert a record, in the place of one of the same key if there is one.
 * @param record  copied
 * @return 1; 0: it is too long to be kept, and none of this key is kept
 */
int tai_records_put(tai_records_t *table, const tai_record_t *record);

/**
 * Remove the record of a key, if there is one.
 */
void tai_records_strike(tai_records_t *table, const tai_digest_t *key);

/**
 * Remove all records of an account.
 * @param account_id  its id
 */
void tai_records_strike_account(tai_records_t *table, const char *account_id);

/**
 * Remove all records.
 */
void tai_records_empty(tai_records_t *table);

/**
 * Walk the table: for the metrics page, not for the request path. Takes no lock; what changes
 * meanwhile may be counted or not.
 */
void tai_records_usage(const tai_records_t *table, tai_records_usage_t *usage);

/**
 * Is every set in order: its index, the bounds of its records, their digests in the right set? For
 * tests and for the operator after a fault.
 * @return how many sets are not; one that a writer is changing at the moment may be counted
 */
apr_uint64_t tai_records_check(const tai_records_t *table);

#endif
