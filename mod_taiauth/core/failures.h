#ifndef TAI_FAILURES_H
#define TAI_FAILURES_H

#include "table.h"
#include "window.h"

/*
 * Failed authentications by identity, and the locks that they start. The Nth failure within the
 * window starts a lock and empties the count; the lock is not prolonged by tries during it; a
 * success clears nothing. A locked entry is pinned in its table: only a table full of locks gives
 * one up, the one that ends first.
 */

/* bytes of an entry of a table of failures */
apr_size_t tai_failures_entry_size(void);

/**
 * @param table    a table of failures
 * @param id       client prefix or pair, folded with the policy
 * @param now      milliseconds of tai_clock_ms
 * @param left_ms  set to what is left of the lock; 0: not locked
 * @return APR_SUCCESS; else nothing was decided
 */
apr_status_t tai_failures_locked(tai_table_t *table, tai_id_t id, apr_uint64_t now,
                                 apr_uint64_t *left_ms);

/**
 * Record one failure, unless a lock runs.
 * @param table    a table of failures
 * @param id       client prefix or pair, folded with the policy
 * @param lockout  N, window and duration
 * @param now      milliseconds of tai_clock_ms
 * @param left_ms  set to what is left of a lock that ran before this failure (the failure is then
 *                 not counted); 0: counted
 * @param started  set to 1 if this failure started a lock, else 0
 * @return APR_SUCCESS; else nothing was decided
 */
apr_status_t tai_failures_record(tai_table_t *table, tai_id_t id, const tai_lockout_t *lockout,
                                 apr_uint64_t now, apr_uint64_t *left_ms, int *started);

/**
 * Lift a lock, and forget the failures that were counted.
 * @param table   a table of failures
 * @param id      client prefix or pair, folded with the policy
 * @param now     milliseconds of tai_clock_ms
 * @param locked  set to 1: there was a lock, else 0
 * @return APR_SUCCESS; else it may stand as it was
 */
apr_status_t tai_failures_clear(tai_table_t *table, tai_id_t id, apr_uint64_t now, int *locked);

/* ---- of an entry whose place the caller has locked: several counts in one step -------------- */

typedef struct tai_failures_t {
    tai_window_t window;
    apr_uint64_t locked_until; /* milliseconds of tai_clock_ms; a time that has come: not locked */
} tai_failures_t;

/**
 * @param f    NULL: there is no such entry
 * @param now  milliseconds of tai_clock_ms
 * @return milliseconds that are left of its lock; 0: not locked
 */
apr_uint64_t tai_failures_left(const tai_failures_t *f, apr_uint64_t now);

/**
 * Count one failure.
 * @param place    has an entry
 * @param lockout  N, window and duration
 * @param now      milliseconds of tai_clock_ms
 */
void tai_failures_count(const tai_place_t *place, const tai_lockout_t *lockout, apr_uint64_t now);

/**
 * Lift its lock, and forget what was counted.
 * @param place  has an entry
 * @param now    milliseconds of tai_clock_ms
 * @return 1: there was a lock
 */
int tai_failures_forget(const tai_place_t *place, apr_uint64_t now);

/**
 * Start a lock, which empties the count.
 * @param place    has an entry
 * @param lockout  N, window and duration
 * @param now      milliseconds of tai_clock_ms
 */
void tai_failures_lock(const tai_place_t *place, const tai_lockout_t *lockout, apr_uint64_t now);

#endif
