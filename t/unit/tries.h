#ifndef TRIES_H
#define TRIES_H

#include "core/limiter_shm.h"
#include "shared.h"
#include "unit.h"

/* A segment for a test of log-ins, and their parts, each of which must succeed. */

#define NOW APR_UINT64_C(1000000)

static tai_segment_t *segment;

static void make_segment(void)
{
    void *block = shared_block(TAI_SEGMENT_MIN_BYTES);

    ck_assert_int_eq(tai_segment_format(block, TAI_SEGMENT_MIN_BYTES, 0, &segment), APR_SUCCESS);
}

static inline void make_try(tai_login_t *login, const void *username, apr_size_t username_len,
                            const void *client, apr_size_t client_len, const tai_lockout_t *lockout)
{
    const tai_limiter_t limiter = {&tai_limiter_shm, segment};

    tai_login_make(login, segment, &limiter, username, username_len, client, client_len, lockout);
}

/* @return how long there is no room; 0: the try is under way */
static inline apr_uint64_t begin(tai_login_t *login, apr_uint64_t now)
{
    apr_uint64_t left_ms = 77;

    ck_assert_int_eq(tai_login_begin(login, now, &left_ms), APR_SUCCESS);
    return left_ms;
}

static inline unsigned fail_of(const tai_login_t *login, apr_uint64_t now)
{
    unsigned started = 77;

    ck_assert_int_eq(tai_login_fail(login, now, &started), APR_SUCCESS);
    return started;
}

static inline void end(const tai_login_t *login, apr_uint64_t now, int right)
{
    ck_assert_int_eq(tai_login_end(login, now, right), APR_SUCCESS);
}

#endif
