#include "limiter_local.h"

#include <string.h>
#include "limiter_shm.h"

#define SHM (&tai_limiter_shm)

static tai_id_t fold(void *self, tai_id_t id)
{
    return tai_segment_id(self, &id, sizeof(id));
}

static tai_id_t identify(void *self, const void *data, apr_size_t len)
{
    return tai_segment_id(self, data, len);
}

/* ---- locks ---------------------------------------------------------------------------------- */

static tai_count_t fold_count(void *self, const tai_count_t *count)
{
    tai_count_t folded = *count;

    folded.id = fold(self, count->id);
    return folded;
}

static apr_status_t locked(void *self, tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p,
                           const char **error)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        tai_count_t folded = fold_count(self, &counts[i]);

        rv = SHM->locked(self, &folded, 1, now, p, error);
        counts[i].left_ms = folded.left_ms;
    }
    return rv;
}

static apr_status_t fail(void *self, tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p,
                         const char **error)
{
    tai_count_t *folded = apr_palloc(p, (apr_size_t)n * sizeof(*folded));
    apr_status_t rv;
    int i;

    for (i = 0; i < n; i++) {
        folded[i] = fold_count(self, &counts[i]);
    }
    rv = SHM->fail(self, folded, n, now, p, error);
    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        counts[i].left_ms = folded[i].left_ms;
        counts[i].started = folded[i].started;
    }
    return rv;
}

static apr_status_t unlock(void *self, const tai_count_t *counts, int n, apr_uint64_t now,
                           int *locks, apr_pool_t *p, const char **error)
{
    apr_status_t rv = APR_SUCCESS;
    int i, one;

    *locks = 0;
    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        const tai_count_t folded = fold_count(self, &counts[i]);

        rv = SHM->unlock(self, &folded, 1, now, &one, p, error);
        *locks += one;
    }
    return rv;
}

/* ---- windows -------------------------------------------------------------------------------- */

/* 0: there are too many */
static int fold_charges(void *self, const tai_charge_t *charges, int n,
                        tai_charge_t folded[TAI_TABLE_LOCK_MAX])
{
    int i;

    for (i = 0; i < n && i < TAI_TABLE_LOCK_MAX; i++) {
        folded[i] = charges[i];
        folded[i].id = fold(self, charges[i].id);
    }
    return i == n;
}

static void fill_in(tai_charge_t *charges, int n, const tai_charge_t *folded)
{
    int i;

    for (i = 0; i < n; i++) {
        charges[i].view = folded[i].view;
        charges[i].at = folded[i].at;
    }
}

static apr_status_t too_many(const char **error)
{
    *error = "more windows than can be charged at once";
    return APR_EINVAL;
}

static apr_status_t charge(void *self, tai_charge_t *charges, int n, tai_count_t *lock,
                           apr_uint64_t now, int *admitted, apr_pool_t *p, const char **error)
{
    tai_charge_t folded[TAI_TABLE_LOCK_MAX];
    tai_count_t folded_lock;
    apr_status_t rv;

    *admitted = 0;
    if (!fold_charges(self, charges, n, folded)) {
        return too_many(error);
    }
    if (lock) {
        folded_lock = fold_count(self, lock);
    }
    rv = SHM->charge(self, folded, n, lock ? &folded_lock : NULL, now, admitted, p, error);
    fill_in(charges, n, folded);
    if (lock) {
        lock->left_ms = folded_lock.left_ms;
    }
    return rv;
}

static apr_status_t test(void *self, tai_charge_t *charges, int n, apr_uint64_t now, int *admitted,
                         apr_pool_t *p, const char **error)
{
    tai_charge_t folded[TAI_TABLE_LOCK_MAX];
    apr_status_t rv;

    *admitted = 0;
    if (!fold_charges(self, charges, n, folded)) {
        return too_many(error);
    }
    rv = SHM->test(self, folded, n, now, admitted, p, error);
    fill_in(charges, n, folded);
    return rv;
}

static apr_status_t refund(void *self, const tai_charge_t *charges, int n, apr_uint64_t now,
                           apr_pool_t *p, const char **error)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        tai_charge_t folded = charges[i];

        folded.id = fold(self, charges[i].id);
        rv = SHM->refund(self, &folded, 1, now, p, error);
    }
    return rv;
}

apr_status_t tai_limiter_local_note(tai_segment_t *segment, tai_charge_t *charges, int n,
                                    apr_uint64_t now)
{
    tai_charge_t folded[TAI_TABLE_LOCK_MAX];
    apr_status_t rv = APR_EINVAL;
    int i;

    if (fold_charges(segment, charges, n, folded)) {
        rv = tai_windows_note(folded, n, now);
    }
    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        charges[i].noted_at = folded[i].at;
    }
    return rv;
}

apr_status_t tai_limiter_local_unnote(tai_segment_t *segment, const tai_charge_t *charges, int n,
                                      apr_uint64_t now)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        tai_charge_t folded = charges[i];

        folded.id = fold(segment, charges[i].id);
        folded.at = charges[i].noted_at;
        if (folded.at) {
            rv = tai_windows_refund(&folded, 1, now);
        }
    }
    return rv;
}

/* ---- log-ins -------------------------------------------------------------------------------- */

/* By the low half, which counts of one user name share, they are found when it is unlocked. */
static tai_login_t fold_login(void *self, const tai_login_t *login)
{
    tai_login_t folded = *login;
    int i;

    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        const apr_uint64_t lo = login->ids[i].lo;

        folded.ids[i].hi = fold(self, login->ids[i]).hi;
        folded.ids[i].lo = tai_segment_id(self, &lo, sizeof(lo)).lo;
    }
    return folded;
}

static apr_status_t login_begin(void *self, tai_login_t *login, apr_uint64_t now,
                                apr_uint64_t *left_ms, apr_pool_t *p, const char **error)
{
    tai_login_t folded = fold_login(self, login);
    const apr_status_t rv = SHM->login_begin(self, &folded, now, left_ms, p, error);

    memcpy(login->at, folded.at, sizeof(login->at));
    memcpy(login->locked_ms, folded.locked_ms, sizeof(login->locked_ms));
    return rv;
}

static apr_status_t login_fail(void *self, const tai_login_t *login, apr_uint64_t now,
                               unsigned *started, apr_pool_t *p, const char **error)
{
    const tai_login_t folded = fold_login(self, login);

    return SHM->login_fail(self, &folded, now, started, p, error);
}

static apr_status_t login_end(void *self, const tai_login_t *login, apr_uint64_t now, int right,
                              apr_pool_t *p, const char **error)
{
    const tai_login_t folded = fold_login(self, login);

    return SHM->login_end(self, &folded, now, right, p, error);
}

static apr_status_t login_unlock(void *self, const tai_login_t *login, tai_login_count_e which,
                                 apr_uint64_t now, int *lifted, apr_pool_t *p, const char **error)
{
    const tai_login_t folded = fold_login(self, login);

    return SHM->login_unlock(self, &folded, which, now, lifted, p, error);
}

const tai_limiter_ops_t tai_limiter_local = {
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
