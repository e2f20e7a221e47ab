#ifndef TAI_METRICS_H
#define TAI_METRICS_H

#include <apr.h>
#include "verdict.h"

/*
 * Counters in shared memory, changed by atomic additions. No key, account or address is ever a
 * dimension.
 */
#define TAI_LOOKUP_BUCKETS 12

typedef struct tai_metrics_t {
    apr_uint64_t verdict[TAI_REASON_COUNT]; /* one per answered client request */
    apr_uint64_t dry_run[TAI_REASON_COUNT]; /* verdicts that TaiAuthDryRun did not enforce */
    apr_uint64_t locks_started;
    apr_uint64_t limiter_calls;     /* of a limiter that several hosts share */
    apr_uint64_t limiter_failures;  /* of them, the ones that got no answer */
    apr_uint64_t limiter_fallbacks; /* decisions made without it */
    apr_uint64_t limiter_recalled;  /* refusals that it had said before: no call was made */
    apr_uint64_t long_responses;    /* that are being sent: one for each key that one rests on */
    apr_uint64_t cut;               /* connections that were shut down amid a response */
    apr_uint64_t lookups;           /* SELECTs for a key */
    apr_uint64_t lookup_failures;   /* of them, the ones that got no answer */
    apr_uint64_t lookup_us;         /* time they took together, microseconds */
    apr_uint64_t lookup_bucket[TAI_LOOKUP_BUCKETS + 1]; /* by upper bound; the last: beyond all */
} tai_metrics_t;

/* Upper bounds of the look-up histogram, microseconds. */
extern const apr_uint32_t tai_lookup_bound_us[TAI_LOOKUP_BUCKETS];

/**
 * Add one to a counter.
 */
void tai_metrics_add(apr_uint64_t *counter);

/**
 * Take one from a number that goes up and down.
 */
void tai_metrics_take(apr_uint64_t *number);

/**
 * Read a counter that others are adding to.
 */
apr_uint64_t tai_metrics_read(const apr_uint64_t *counter);

/**
 * Count one look-up.
 * @param us      how long it took, microseconds
 * @param failed  it got no answer
 */
void tai_metrics_lookup(tai_metrics_t *m, apr_uint64_t us, int failed);

#endif
