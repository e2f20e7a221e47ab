#ifndef TAI_WINDOWS_H
#define TAI_WINDOWS_H

#include "table.h"
#include "window.h"

/*
 * Rolling windows by identity. A window belongs to (line of keys, account or client prefix; policy;
 * W); the caller folds these into the identity.
 */

/* One limit that a request has to pass. */
typedef struct tai_charge_t {
    tai_table_t *table; /* in shared memory */
    tai_id_t tag;       /* whose: what is shared by several hosts keeps what has one tag together */
    tai_id_t id;
    tai_limit_t limit;
    tai_window_view_t view; /* out: after the charge where admitted, as tested where refused */
    apr_uint64_t at;        /* out: time of the admission as recorded; for a refund */
    apr_uint64_t noted_at;  /* the same of tai_limiter_local_note; 0: not noted */
} tai_charge_t;

/* bytes of an entry of a table of windows */
apr_size_t tai_windows_entry_size(void);

/**
 * Test all limits, then charge all, or none.
 * @param charges   the limits; no two with the same table and id; views are filled in
 * @param n         1 to TAI_TABLE_LOCK_MAX
 * @param now       milliseconds of tai_clock_ms
 * @param admitted  set to 1: all were charged; 0: none was
 * @return APR_SUCCESS; else nothing was decided
 */
apr_status_t tai_windows_charge(tai_charge_t *charges, int n, apr_uint64_t now, int *admitted);

/**
 * As tai_windows_charge, and charges nothing.
 * @param charges   the limits; views are filled in as tested
 * @param admitted  set to 1: each would let one more pass
 */
apr_status_t tai_windows_test(tai_charge_t *charges, int n, apr_uint64_t now, int *admitted);

/**
 * Charge all limits without a test: somebody else has admitted it.
 * @param charges  at is set, views are not
 * @param n        1 to TAI_TABLE_LOCK_MAX
 * @param now      milliseconds of tai_clock_ms
 * @return APR_SUCCESS; else nothing was charged
 */
apr_status_t tai_windows_note(tai_charge_t *charges, int n, apr_uint64_t now);

/**
 * Take back what an admitted charge has recorded: the request was refused after all. What has left its
 * window by then is not taken back: what stands in its place may be another's.
 * @param charges  as tai_windows_charge left them
 * @param n        how many
 * @param now      milliseconds of tai_clock_ms
 * @return APR_SUCCESS; else some of them stay charged
 */
apr_status_t tai_windows_refund(const tai_charge_t *charges, int n, apr_uint64_t now);

#endif
