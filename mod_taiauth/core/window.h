#ifndef TAI_WINDOW_H
#define TAI_WINDOW_H

#include "limit.h"

/*
 * A rolling window: at most N admissions in any interval of length W, for every N, in fixed memory.
 *
 *   newest   time of the latest admission, milliseconds of tai_clock_ms
 *   ring     used (low byte) and first (next byte): one word, so that it changes in one store
 *   bucket   ring of at most 32 {time of the latest admission in it, how many}, oldest first;
 *            one 64-bit word each: low 32 bits of the time << 32 | count
 *
 * A bucket counts while now - latest < W, with now = max(clock, newest). One more passes if the
 * counts + 1 <= N. The admission joins the newest bucket if the ring holds 32, or if N > 32 and
 * both fall in the same slot of ceil(W / 31) ms; else it opens one. For N <= 32 that is the exact
 * log; above, it refuses nothing that the exact log of its own admissions would have admitted
 * W / 31 earlier. Refused requests leave no trace. N is no part of the state: it may change.
 *
 * Every store leaves a state that is valid by itself, in program order, so that a process killed
 * between any two of them loses at most the admission it was about to make. The caller locks.
 */
#define TAI_WINDOW_BUCKETS 32

typedef struct tai_window_t {
    apr_uint64_t newest;
    apr_uint32_t ring;
    apr_uint32_t reserved;
    apr_uint64_t bucket[TAI_WINDOW_BUCKETS];
} tai_window_t;

/* What a window says of one more admission. */
typedef struct tai_window_view_t {
    apr_uint32_t counted;  /* admissions that still count */
    apr_uint64_t wait_ms;  /* until one more would pass; 0: it passes now */
    apr_uint64_t reset_ms; /* until the oldest counted bucket leaves; 0: nothing counted */
} tai_window_view_t;

/**
 * Would one more pass? Changes nothing.
 * @param w      the window, locked by the caller
 * @param limit  N and W to judge by; they may differ from those of earlier calls
 * @param now    milliseconds of tai_clock_ms
 * @param view   filled in
 */
void tai_window_test(const tai_window_t *w, const tai_limit_t *limit, apr_uint64_t now,
                     tai_window_view_t *view);

/**
 * When an admission made now would stop counting; whatever the window holds leaves no later.
 * @param w      the window, locked by the caller
 * @param limit  N and W
 * @param now    milliseconds of tai_clock_ms
 * @return milliseconds of tai_clock_ms
 */
apr_uint64_t tai_window_leaves(const tai_window_t *w, const tai_limit_t *limit, apr_uint64_t now);

/**
 * Record one admission. Only after tai_window_test said that it passes, under the same lock.
 * @param w      the window, locked by the caller
 * @param limit  N and W
 * @param now    the time that was tested
 */
void tai_window_admit(tai_window_t *w, const tai_limit_t *limit, apr_uint64_t now);

/**
 * What tai_window_test would say now, without counting again.
 * @param w      the window, locked by the caller, right behind tai_window_admit
 * @param limit  N and W
 * @param now    the time that was tested
 * @param view   as it was tested before the admission; brought up to date
 */
void tai_window_admitted(const tai_window_t *w, const tai_limit_t *limit, apr_uint64_t now,
                         tai_window_view_t *view);

/**
 * Take one admission back. The count of the bucket that it went into falls; where that leaves the
 * newest bucket empty, the bucket goes.
 * @param w   the window, locked by the caller
 * @param at  time of the admission as recorded: newest, right behind tai_window_admit
 */
void tai_window_refund(tai_window_t *w, apr_uint64_t at);

/**
 * Forget every admission.
 * @param w  the window, locked by the caller
 */
void tai_window_clear(tai_window_t *w);

#endif
