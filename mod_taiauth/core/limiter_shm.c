#include "limiter_shm.h"

static apr_status_t outcome(apr_status_t rv, const char **error)
{
    if (rv != APR_SUCCESS) {
        *error = "a lock in shared memory cannot be had";
    }
    return rv;
}

static tai_table_t *table_of(void *self, const tai_count_t *count)
{
    return tai_segment_table(self, count->table);
}

static tai_id_t identify(void *self, const void *data, apr_size_t len)
{
    return tai_segment_id(self, data, len);
}

/* ---- locks ---------------------------------------------------------------------------------- */

static apr_status_t locked(void *self, tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p,
                           const char **error)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    (void)p;
    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        rv = tai_failures_locked(table_of(self, &counts[i]), counts[i].id, now, &counts[i].left_ms);
    }
    return outcome(rv, error);
}

static apr_status_t fail(void *self, tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p,
                         const char **error)
{
    apr_status_t rv = APR_SUCCESS;
    int i, ran = 0;

    (void)p;
    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        counts[i].left_ms = 0;
        counts[i].started = 0;
        if (!ran) {
            rv = tai_failures_record(table_of(self, &counts[i]), counts[i].id, counts[i].lockout,
                                     now, &counts[i].left_ms, &counts[i].started);
        }
        ran |= counts[i].left_ms > 0;
    }
    return outcome(rv, error);
}

static apr_status_t unlock(void *self, const tai_count_t *counts, int n, apr_uint64_t now,
                           int *locks, apr_pool_t *p, const char **error)
{
    apr_status_t rv = APR_SUCCESS;
    int i, one;

    (void)p;
    *locks = 0;
    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        rv = tai_failures_clear(table_of(self, &counts[i]), counts[i].id, now, &one);
        *locks += one;
    }
    return outcome(rv, error);
}

/* ---- windows -------------------------------------------------------------------------------- */

static apr_status_t charge(void *self, tai_charge_t *charges, int n, tai_count_t *lock,
                           apr_uint64_t now, int *admitted, apr_pool_t *p, const char **error)
{
    apr_status_t rv = lock ? locked(self, lock, 1, now, p, error) : APR_SUCCESS;

    *admitted = rv == APR_SUCCESS && !(lock && lock->left_ms);
    return *admitted && n ? outcome(tai_windows_charge(charges, n, now, admitted), error) : rv;
}

static apr_status_t test(void *self, tai_charge_t *charges, int n, apr_uint64_t now, int *admitted,
                         apr_pool_t *p, const char **error)
{
    (void)self;
    (void)p;
    return outcome(tai_windows_test(charges, n, now, admitted), error);
}

static apr_status_t refund(void *self, const tai_charge_t *charges, int n, apr_uint64_t now,
                           apr_pool_t *p, const char **error)
{
    (void)self;
    (void)p;
    return outcome(tai_windows_refund(charges, n, now), error);
}

/* ---- log-ins -------------------------------------------------------------------------------- */

static apr_status_t login_begin(void *self, tai_login_t *login, apr_uint64_t now,
                                apr_uint64_t *left_ms, apr_pool_t *p, const char **error)
{
    (void)self;
    (void)p;
    return outcome(tai_login_begin(login, now, left_ms), error);
}

static apr_status_t login_fail(void *self, const tai_login_t *login, apr_uint64_t now,
                               unsigned *started, apr_pool_t *p, const char **error)
{
    (void)self;
    (void)p;
    return outcome(tai_login_fail(login, now, started), error);
}

static apr_status_t login_end(void *self, const tai_login_t *login, apr_uint64_t now, int right,
                              apr_pool_t *p, const char **error)
{
    (void)self;
    (void)p;
    return outcome(tai_login_end(login, now, right), error);
}

static apr_status_t login_unlock(void *self, const tai_login_t *login, tai_login_count_e which,
                                 apr_uint64_t now, int *lifted, apr_pool_t *p, const char **error)
{
    (void)self;
    (void)p;
    return outcome(tai_login_unlock(login, which, now, lifted), error);
}

const tai_limiter_ops_t tai_limiter_shm = {
    .identify = identify,
    .charge = charge,
    .test = test,
    .refund = refund,
    .locked = locked,
    .fail = fail,
    .unlock = unlock,
    .login_begin = login_begin,
    .login_fail = login_fail,
    .login_end = login_end,
    .login_unlock = login_unlock,
};
