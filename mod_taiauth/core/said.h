#ifndef TAI_SAID_H
#define TAI_SAID_H

#include "limiter.h"

/*
 * What a limiter that several hosts share has said, remembered in the tables of the segment: that a
 * window is full, that a lock runs, and until when. Either is so until then, but for a refund, a log-in
 * that is right, or an operator's order: who asks again meanwhile is told without a call, and no flood
 * of requests that are refused anyway reaches what all hosts share.
 *
 * It is trusted for TAI_SAID_TRUST_MS, so that what was taken back on another host is noticed by then;
 * and to its end while the limiter does not answer. That there is room, or no lock, is remembered
 * beside a refusal alone, for what is to be said with it.
 *
 * It is noted as of when the question was put: it ends no later than where it was said, and who waits
 * as he was told is not refused from memory.
 *
 * Entries stand in the tables of what they are about, under identities of their own, folded with the
 * segment's secrets; one that has to make room costs a call. What cannot be noted or read is as if
 * nothing had been said.
 */
#define TAI_SAID_TRUST_MS   5000
#define TAI_SAID_TO_THE_END (APR_UINT64_C(1) << 62)

/**
 * Whose words this process notes and recalls from now on: what another limiter has said, or this one
 * under other words of the configuration, is not recalled. Before any thread of it uses the others.
 * @param limiter  what tells it from others, for the moment; len: bytes
 */
void tai_said_by(const tai_segment_t *segment, const void *limiter, apr_size_t len);

typedef enum {
    TAI_SAID_NOTHING,
    TAI_SAID_OLD, /* something that is trusted no longer: what is said now is to be noted */
    TAI_SAID_YES, /* of a lock: it does not run */
    TAI_SAID_NO   /* a window is full, a lock runs */
} tai_said_e;

/**
 * Is one of these windows full, and is enough known of the others?
 * @param charges   with the identities that the limiter has made; where the answer is TAI_SAID_NO,
 *                  views are filled in as tested, with TAI_SAID_TO_THE_END those that are known
 * @param n         1 to TAI_TABLE_LOCK_MAX
 * @param now       milliseconds of tai_clock_ms
 * @param trust_ms  TAI_SAID_TRUST_MS or TAI_SAID_TO_THE_END
 */
tai_said_e tai_said_full(tai_segment_t *segment, tai_charge_t *charges, int n, apr_uint64_t now,
                         apr_uint64_t trust_ms);

/**
 * Note what was said of them.
 * @param charges   with views as tested
 * @param admitted  1: there was room in each, or is again: nothing is remembered any more
 * @param now       milliseconds of tai_clock_ms, before the question
 */
void tai_said_note_full(tai_segment_t *segment, const tai_charge_t *charges, int n, int admitted,
                        apr_uint64_t now);

/**
 * Does this lock run?
 * @param count     with the identity that the limiter has made; its left_ms is filled in, 0 but with
 *                  TAI_SAID_NO
 * @param now       milliseconds of tai_clock_ms
 * @param trust_ms  as above
 */
tai_said_e tai_said_locked(tai_segment_t *segment, tai_count_t *count, apr_uint64_t now,
                           apr_uint64_t trust_ms);

/**
 * Note what was said of it. A lock that is trusted to run stays noted, whatever is said: of two
 * answers the one that is read later may be the older one.
 * @param count   with left_ms and started
 * @param beside  1: it is said beside a refusal, and that it does not run is to be remembered as well
 * @param now     milliseconds of tai_clock_ms, before the question
 */
void tai_said_note_locked(tai_segment_t *segment, const tai_count_t *count, int beside,
                          apr_uint64_t now);

/**
 * Does one of the locks of a log-in run?
 * @param left_ms  set to what is left of the longest
 */
tai_said_e tai_said_login(tai_segment_t *segment, const tai_login_t *login, apr_uint64_t now,
                          apr_uint64_t trust_ms, apr_uint64_t *left_ms);

/**
 * Note what was said of them.
 * @param login    with locked_ms, of its beginning
 * @param started  of its failure: bits 1 << TAI_LOGIN_... of the locks that have started, which alone
 *                 are noted; 0: of its beginning
 * @param now      milliseconds of tai_clock_ms, before the question
 */
void tai_said_note_login(tai_segment_t *segment, const tai_login_t *login, unsigned started,
                         apr_uint64_t now);

/**
 * An operator lifts locks: as tai_failures_clear of each.
 */
apr_status_t tai_said_unlock(tai_segment_t *segment, const tai_count_t *counts, int n,
                             apr_uint64_t now);

/**
 * The same of log-ins: as tai_login_unlock.
 */
apr_status_t tai_said_login_unlock(tai_segment_t *segment, const tai_login_t *login,
                                   tai_login_count_e which, apr_uint64_t now);

#endif
