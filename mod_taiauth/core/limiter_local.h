#ifndef TAI_LIMITER_LOCAL_H
#define TAI_LIMITER_LOCAL_H

#include "limiter.h"

/*
 * Counting in the tables of the segment, as limiter_shm.c, what another limiter has made the
 * identities of: they are folded with the segment's secrets before they are looked for, for nobody
 * outside is to know which of them share a place. What is filled in stands under the identities of
 * the caller. self: tai_segment_t *.
 */
extern const tai_limiter_ops_t tai_limiter_local;

/**
 * Another limiter has admitted this: it is noted in this host's own windows, too, which then begin
 * with it where they are to stand in for that one.
 * @param charges  their noted_at is set
 * @param n        1 to TAI_TABLE_LOCK_MAX
 * @param now      milliseconds of tai_clock_ms
 * @return APR_SUCCESS; else nothing was noted
 */
apr_status_t tai_limiter_local_note(tai_segment_t *segment, tai_charge_t *charges, int n,
                                    apr_uint64_t now);

/**
 * It was refunded there.
 * @param charges  with the noted_at of tai_limiter_local_note; 0: it was not noted
 * @return APR_SUCCESS; else some of them stay noted
 */
apr_status_t tai_limiter_local_unnote(tai_segment_t *segment, const tai_charge_t *charges, int n,
                                      apr_uint64_t now);

#endif
