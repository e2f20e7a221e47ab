#ifndef TAI_LOOKUP_H
#define TAI_LOOKUP_H

#include "revocation.h"
#include "verdict.h"

/*
 * Reader of keys: from shared memory, else from the database. One for each process.
 */
typedef struct tai_lookup_t tai_lookup_t;

typedef enum {
    TAI_LOOKUP_FOUND,   /* here is the record */
    TAI_LOOKUP_UNKNOWN, /* there is no such key */
    TAI_LOOKUP_ABSENT,  /* not remembered: the database has to be asked */
    TAI_LOOKUP_FAILED   /* nothing is known, and nothing may be answered */
} tai_lookup_e;

/* What is known of a key. */
typedef struct tai_known_key_t {
    tai_record_t *record;  /* with FOUND, else NULL */
    tai_version_t version; /* with FOUND and UNKNOWN: what they rest on */
    tai_reason_e failure;  /* with FAILED: TAI_DATABASE or TAI_SHARED_MEMORY */
} tai_known_key_t;

/**
 * @param segment  must live as long
 * @param store    must live as long; NULL: there is no database, every look-up fails
 * @param keep     0: nothing is remembered (TaiAuthKeyCache Off)
 * @param p        closed with this pool
 * @return APR_SUCCESS, or why it could not be made
 */
apr_status_t tai_lookup_create(tai_lookup_t **out, tai_segment_t *segment, tai_store_t *store,
                               int keep, apr_pool_t *p);

/**
 * What is remembered of a key. Takes no lock where it is found. Syncs first where no lease runs.
 * @param key    SHA-256 of the whole key
 * @param now    milliseconds of tai_clock_ms
 * @param p      the record lives here
 * @param error  set to a sentence for the log with FAILED
 */
tai_lookup_e tai_lookup_recall(tai_lookup_t *lookup, const tai_digest_t *key, apr_uint64_t now,
                               apr_pool_t *p, tai_known_key_t *known, const char **error);

/**
 * Ask the database, once for all threads of this process that ask for the same key at the same time.
 * @return FOUND, UNKNOWN or FAILED
 */
tai_lookup_e tai_lookup_ask(tai_lookup_t *lookup, const tai_digest_t *key, apr_uint64_t now,
                            apr_pool_t *p, tai_known_key_t *known, const char **error);

#endif
