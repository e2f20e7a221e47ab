#ifndef TAI_LOGINS_H
#define TAI_LOGINS_H

#include "failures.h"
#include "segment.h"

/*
 * Tries of log-ins in three counts of one policy: N for a user name from one client prefix, 10 N for
 * the user name, 10 N for the client prefix. A try counts from its beginning until it is known to be
 * good, so that of any number at once no more are evaluated than the policy says; one whose process
 * dies stays counted. The failure that finds N in a count starts its lock. User names are any bytes:
 * those that nobody has count as all others do. The counts are one for all places that check
 * passwords, whatever their policies; those of keys are others.
 */

/* What is counted: name in code, table, how many N, what the log calls it. */
#define TAI_LOGIN_COUNTS(X)                               \
    X(PAIR, USERNAMES, 1, "user name and client address") \
    X(USERNAME, USERNAMES, 10, "user name")               \
    X(CLIENT, CLIENTS, 10, "client address")

typedef enum {
#define X(name, table, times, text) TAI_LOGIN_##name,
    TAI_LOGIN_COUNTS(X)
#undef X
        TAI_LOGIN_COUNT
} tai_login_count_e;

/* One try. */
typedef struct tai_login_t {
    tai_table_t *tables[TAI_LOGIN_COUNT];
    tai_id_t ids[TAI_LOGIN_COUNT];
    tai_lockout_t lockouts[TAI_LOGIN_COUNT];
    apr_uint64_t at[TAI_LOGIN_COUNT]; /* when each count has it, milliseconds of tai_clock_ms */
    apr_uint64_t
        locked_ms[TAI_LOGIN_COUNT]; /* of tai_login_begin: what is left of a lock that runs */
} tai_login_t;

struct tai_limiter_t;

/**
 * @param login     filled in
 * @param segment   whose tables count where shared memory does; outlives it
 * @param limiter   makes the identities
 * @param username  any bytes
 * @param prefix    the client's, with what tells its kinds apart
 * @param lockout   N, window and duration
 */
void tai_login_make(tai_login_t *login, tai_segment_t *segment, const struct tai_limiter_t *limiter,
                    const void *username, apr_size_t username_len, const void *prefix,
                    apr_size_t prefix_len, const tai_lockout_t *lockout);

/**
 * Count a try in all three, or in none.
 * @param now      milliseconds of tai_clock_ms
 * @param left_ms  set to 0: counted, go on; else how long the locks that run, or the tries that are
 *                 counted already, leave no room for one more
 * @return APR_SUCCESS; else nothing was decided
 */
apr_status_t tai_login_begin(tai_login_t *login, apr_uint64_t now, apr_uint64_t *left_ms);

/**
 * The try was wrong: it stays counted.
 * @param now      milliseconds of tai_clock_ms
 * @param started  set to the bits 1 << TAI_LOGIN_... of the locks that this has started
 * @return APR_SUCCESS; else locks may have started or not
 */
apr_status_t tai_login_fail(const tai_login_t *login, apr_uint64_t now, unsigned *started);

/**
 * The try was right, or nobody could say: it counts no longer.
 * @param now    milliseconds of tai_clock_ms
 * @param right  1: the counts of the user name begin anew
 * @return APR_SUCCESS; else it may stay counted
 */
apr_status_t tai_login_end(const tai_login_t *login, apr_uint64_t now, int right);

/**
 * Lift the locks of a user name, from wherever they came, or of a client prefix, whatever user names
 * it tried; and forget what is counted there. Of a user name it walks a whole table: for an operator,
 * not for the request path.
 * @param login   made for that user name, or for that client prefix; what else it was made of does
 *                not matter
 * @param which   TAI_LOGIN_USERNAME or TAI_LOGIN_CLIENT
 * @param now     milliseconds of tai_clock_ms
 * @param lifted  set to how many locks there were
 * @return APR_SUCCESS; else some may stand as they were
 */
apr_status_t tai_login_unlock(const tai_login_t *login, tai_login_count_e which, apr_uint64_t now,
                              int *lifted);

/**
 * @return what the log calls a count; static
 */
const char *tai_login_count_name(tai_login_count_e count);

#endif
