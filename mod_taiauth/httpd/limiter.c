/*
 * The limiter in use, and what stands in for it: what a shared one does not decide this server counts
 * by itself, refuses, or lets pass, as TaiAuthLimiter says.
 */

#include "limiter_shared.h"

#include "../core/clock.h"
#include "../core/limiter_local.h"
#include "../core/limiter_shm.h"

/* ---- identities --------------------------------------------------------------------------- */

static tai_limiter_t of_segment(const tai_limiter_ops_t *ops)
{
    return (tai_limiter_t){ops, taiauth_segment};
}

tai_id_t taiauth_limiter_id(const void *data, apr_size_t len)
{
    return taiauth_shared.limiter.ops
               ? taiauth_shared.limiter.ops->identify(taiauth_shared.limiter.self, data, len)
               : tai_segment_id(taiauth_segment, data, len);
}

tai_id_t taiauth_limiter_client(request_rec *r)
{
    unsigned char prefix[9];

    return taiauth_limiter_id(prefix, taiauth_client_prefix(r, prefix));
}

void taiauth_limiter_login_make(tai_login_t *login, const char *username, const void *prefix,
                                apr_size_t prefix_len, const tai_lockout_t *lockout)
{
    const tai_limiter_t limiter =
        taiauth_shared.limiter.ops ? taiauth_shared.limiter : of_segment(&tai_limiter_shm);

    tai_login_make(login, taiauth_segment, &limiter, username, strlen(username), prefix, prefix_len,
                   lockout);
}

/* ---- one call ----------------------------------------------------------------------------- */

/* The arguments of an operation, and what it answers. Each uses its own. */
typedef struct call_t {
    apr_pool_t *p;
    apr_uint64_t now;
    tai_charge_t *charges;
    int charged; /* how many they are */
    tai_count_t *counts;
    int counted; /* how many they are; of a charge: 1: there is a lock */
    int admitted;
    int locks;
    tai_login_t *login;
    tai_login_count_e which;
    int right;
    apr_uint64_t left_ms;
    unsigned started;
} call_t;

static apr_status_t charge(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->charge(l->self, c->charges, c->charged, c->counts, c->now, &c->admitted, c->p,
                          error);
}

static apr_status_t test(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->test(l->self, c->charges, c->charged, c->now, &c->admitted, c->p, error);
}

static apr_status_t refund(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->refund(l->self, c->charges, c->charged, c->now, c->p, error);
}

static apr_status_t locked(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->locked(l->self, c->counts, c->counted, c->now, c->p, error);
}

static apr_status_t fail(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->fail(l->self, c->counts, c->counted, c->now, c->p, error);
}

static apr_status_t unlock(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->unlock(l->self, c->counts, c->counted, c->now, &c->locks, c->p, error);
}

static apr_status_t login_begin(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->login_begin(l->self, c->login, c->now, &c->left_ms, c->p, error);
}

static apr_status_t login_fail(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->login_fail(l->self, c->login, c->now, &c->started, c->p, error);
}

static apr_status_t login_end(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->login_end(l->self, c->login, c->now, c->right, c->p, error);
}

static apr_status_t login_unlock(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->login_unlock(l->self, c->login, c->which, c->now, &c->locks, c->p, error);
}

/* A wrong try whose beginning another limiter has counted: here it is one from beginning to end. */
static apr_status_t login_fail_anew(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    const apr_status_t rv = login_begin(l, call, error);

    return rv == APR_SUCCESS && !c->left_ms ? login_fail(l, call, error) : rv;
}

/* ---- decisions ---------------------------------------------------------------------------- */

static tai_reason_e ask_segment(const tai_limiter_ops_t *ops, taiauth_operation_fn *operation,
                                call_t *call)
{
    const tai_limiter_t limiter = of_segment(ops);
    const char *error;

    return operation(&limiter, call, &error) == APR_SUCCESS ? TAI_ADMITTED : TAI_SHARED_MEMORY;
}

/* In the place of a shared one that does not answer. */
static tai_reason_e fall_back(taiauth_operation_fn *operation, call_t *call,
                              taiauth_counted_e *where)
{
    tai_metrics_add(&tai_segment_metrics(taiauth_segment)->limiter_fallbacks);
    *where = TAIAUTH_COUNTED_LOCALLY;
    return taiauth_shared.conf->on_error == TAIAUTH_ERROR_DENY
               ? TAI_LIMITER
               : ask_segment(&tai_limiter_local, operation, call);
}

static tai_reason_e decide(taiauth_operation_fn *operation, call_t *call, taiauth_counted_e *where)
{
    const char *error;

    *where = TAIAUTH_COUNTED;
    if (!taiauth_shared.conf) {
        return ask_segment(&tai_limiter_shm, operation, call);
    }
    return taiauth_shared_ask(operation, call, &error) ? TAI_ADMITTED
                                                       : fall_back(operation, call, where);
}

/* As decide, but no window is counted in the place of a shared one where none is to hold. */
static tai_reason_e decide_limit(taiauth_operation_fn *operation, call_t *call,
                                 taiauth_counted_e *where)
{
    const char *error;

    if (!taiauth_shared.conf || taiauth_shared.conf->on_error != TAIAUTH_ERROR_ALLOW) {
        return decide(operation, call, where);
    }
    *where = TAIAUTH_COUNTED;
    if (taiauth_shared_ask(operation, call, &error)) {
        return TAI_ADMITTED;
    }
    call->charged = 0;
    call->admitted = 1;
    if (call->counted) {
        const tai_reason_e reason = fall_back(charge, call, where);

        *where = TAIAUTH_COUNTED_NOWHERE;
        return reason;
    }
    tai_metrics_add(&tai_segment_metrics(taiauth_segment)->limiter_fallbacks);
    *where = TAIAUTH_COUNTED_NOWHERE;
    return TAI_ADMITTED;
}

static tai_reason_e charge_shared(tai_charge_t *charges, int n, tai_count_t *lock, apr_uint64_t now,
                                  apr_pool_t *p, int *admitted, taiauth_counted_e *where)
{
    call_t call = {.p = p,
                   .now = now,
                   .charges = charges,
                   .charged = n,
                   .counts = lock,
                   .counted = lock != NULL};
    const tai_reason_e reason = decide_limit(charge, &call, where);

    *admitted = reason == TAI_ADMITTED && call.admitted;
    return reason;
}

tai_reason_e taiauth_limiter_charge(tai_charge_t *charges, int n, tai_count_t *lock,
                                    apr_uint64_t now, apr_pool_t *p, int *admitted,
                                    taiauth_counted_e *where)
{
    const char *error;

    if (taiauth_shared.conf) {
        return charge_shared(charges, n, lock, now, p, admitted, where);
    }
    *where = TAIAUTH_COUNTED; /* the way of most requests: nothing is put together for it */
    return tai_limiter_shm.charge(taiauth_segment, charges, n, lock, now, admitted, p, &error) ==
                   APR_SUCCESS
               ? TAI_ADMITTED
               : TAI_SHARED_MEMORY;
}

tai_reason_e taiauth_limiter_test(tai_charge_t *charges, int n, apr_uint64_t now, apr_pool_t *p,
                                  int *admitted, taiauth_counted_e *where)
{
    call_t call = {.p = p, .now = now, .charges = charges, .charged = n};
    const tai_reason_e reason = decide_limit(test, &call, where);

    *admitted = reason == TAI_ADMITTED && call.admitted;
    return reason;
}

void taiauth_limiter_refund(const tai_charge_t *charges, int n, apr_pool_t *p,
                            taiauth_counted_e where)
{
    call_t call = {.p = p, .now = tai_clock_ms(), .charges = (tai_charge_t *)charges, .charged = n};
    const char *error;

    if (where == TAIAUTH_COUNTED_LOCALLY) {
        (void)ask_segment(&tai_limiter_local, refund, &call);
    }
    else if (taiauth_shared.conf) {
        (void)taiauth_shared_ask(refund, &call, &error);
    }
    else {
        (void)ask_segment(&tai_limiter_shm, refund, &call);
    }
}

tai_reason_e taiauth_limiter_locked(tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p)
{
    call_t call = {.p = p, .now = now, .counts = counts, .counted = n};
    taiauth_counted_e where;

    return decide(locked, &call, &where);
}

tai_reason_e taiauth_limiter_fail(tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p)
{
    call_t call = {.p = p, .now = now, .counts = counts, .counted = n};
    taiauth_counted_e where;
    const tai_reason_e reason = decide(fail, &call, &where);
    int i;

    for (i = 0; i < n && reason == TAI_ADMITTED; i++) {
        if (counts[i].started) {
            tai_metrics_add(&tai_segment_metrics(taiauth_segment)->locks_started);
        }
    }
    return reason;
}

/* ---- log-ins ------------------------------------------------------------------------------ */

tai_reason_e taiauth_limiter_login_begin(taiauth_tries_t *tries, apr_uint64_t now, apr_pool_t *p,
                                         apr_uint64_t *left_ms)
{
    call_t call = {.p = p, .now = now, .login = &tries->login};
    const tai_reason_e reason = decide(login_begin, &call, &tries->where);

    *left_ms = call.left_ms;
    return reason;
}

tai_reason_e taiauth_limiter_login_fail(taiauth_tries_t *tries, apr_uint64_t now, apr_pool_t *p,
                                        unsigned *started)
{
    call_t call = {.p = p, .now = now, .login = &tries->login};
    tai_reason_e reason = TAI_ADMITTED;
    const char *error;

    if (tries->where == TAIAUTH_COUNTED_LOCALLY) {
        reason = ask_segment(&tai_limiter_local, login_fail, &call);
    }
    else if (!taiauth_shared.conf) {
        reason = ask_segment(&tai_limiter_shm, login_fail, &call);
    }
    else if (!taiauth_shared_ask(login_fail, &call, &error)) {
        reason = fall_back(login_fail_anew, &call, &tries->where);
    }
    *started = call.started;
    return reason;
}

/* Where the end of it cannot be told, the try stays counted, which leaves room for one less. */
tai_reason_e taiauth_limiter_login_end(taiauth_tries_t *tries, apr_uint64_t now, apr_pool_t *p,
                                       int right)
{
    call_t call = {.p = p, .now = now, .login = &tries->login, .right = right};
    const char *error;

    if (tries->where == TAIAUTH_COUNTED_LOCALLY) {
        return ask_segment(&tai_limiter_local, login_end, &call);
    }
    if (!taiauth_shared.conf) {
        return ask_segment(&tai_limiter_shm, login_end, &call);
    }
    if (taiauth_shared_ask(login_end, &call, &error)) {
        return TAI_ADMITTED;
    }
    tai_metrics_add(&tai_segment_metrics(taiauth_segment)->limiter_fallbacks);
    return taiauth_shared.conf->on_error == TAIAUTH_ERROR_DENY ? TAI_LIMITER : TAI_ADMITTED;
}

/* ---- an operator's orders ----------------------------------------------------------------- */

/* In both: what this server has counted in the place of a shared one holds when that fails again. */
static const char *lift(taiauth_operation_fn *operation, call_t *call, int *locks)
{
    const tai_limiter_ops_t *ops = taiauth_shared.conf ? &tai_limiter_local : &tai_limiter_shm;
    const char *error;

    call->now = tai_clock_ms();
    if (ask_segment(ops, operation, call) != TAI_ADMITTED) {
        return "shared memory cannot be used; some locks may stand";
    }
    *locks += call->locks;
    if (!taiauth_shared.conf) {
        return NULL;
    }
    if (!taiauth_shared_ask(operation, call, &error)) {
        return apr_psprintf(call->p, "the limiter %s does not answer: %s; locks there may stand",
                            taiauth_shared_address(), error);
    }
    *locks += call->locks;
    return NULL;
}

const char *taiauth_limiter_unlock(const tai_count_t *counts, int n, apr_pool_t *p, int *locks)
{
    call_t call = {.p = p, .counts = (tai_count_t *)counts, .counted = n};

    return n ? lift(unlock, &call, locks) : NULL;
}

const char *taiauth_limiter_login_unlock(const tai_login_t *login, tai_login_count_e which,
                                         apr_pool_t *p, int *locks)
{
    call_t call = {.p = p, .login = (tai_login_t *)login, .which = which};

    return lift(login_unlock, &call, locks);
}
