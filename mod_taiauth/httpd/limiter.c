/*
 * The limiter in use, and what stands in for it. Who asks something shared may wait in vain: one
 * breaker in shared memory spares that all threads of all children but the first. Behind it this
 * server counts by itself, refuses, or lets pass, as TaiAuthLimiter says.
 */

#include "limiter.h"

#include <ap_mpm.h>
#include <ap_provider.h>
#include "../core/clock.h"
#include "../core/limiter_local.h"
#include "../core/limiter_shm.h"

#define REST_MS         1000  /* how long nobody asks behind a failure */
#define TELL_MS         60000 /* how often the log has it that the limiter fails */
#define CONNECTIONS_MAX 64    /* of a child; more threads than that take turns */

int taiauth_limiter_shared;

static struct {
    const taiauth_limiter_t *conf; /* NULL: shared memory, and nothing else is set */
    tai_limiter_t limiter;         /* ops NULL: it could not be opened */
    server_rec *server;
} shared;

/* ---- configuration ------------------------------------------------------------------------ */

/* Schemes that modules of this project know: which of its providers, and where it is. */
static const struct {
    const char *scheme, *provider, *line;
} known[] = {
#define REDIS "redis", "LoadModule taiauth_redis_module modules/mod_taiauth_redis.so"
    {"redis", REDIS},
    {"rediss", REDIS},
    {"redis+unix", REDIS},
    {"unix", REDIS},
#undef REDIS
};

const char *taiauth_limiter_check(taiauth_limiter_t *limiter, apr_pool_t *p)
{
    const char *name = limiter->scheme, *line = NULL, *error;
    apr_size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!strcmp(known[i].scheme, limiter->scheme)) {
            name = known[i].provider;
            line = known[i].line;
        }
    }
    limiter->provider = ap_lookup_provider(TAI_LIMITER_GROUP, name, TAI_LIMITER_VERSION);
    if (!limiter->provider) {
        return line ? apr_psprintf(p, "TaiAuthLimiter %s:// needs %s", limiter->scheme, line)
                    : apr_psprintf(p,
                                   "TaiAuthLimiter: no module that is loaded knows limiters of "
                                   "the kind %s://; allowed: shm, redis://HOST:PORT/DB",
                                   limiter->scheme);
    }
    error = limiter->provider->configure(limiter->address, limiter->options, limiter->timeout_ms, p,
                                         &limiter->config);
    return error ? apr_pstrcat(p, "TaiAuthLimiter: ", error, NULL) : NULL;
}

/* The threads that answer requests, and as many again: HTTP/2 has some of its own. */
static int connections(void)
{
    int threads = 0;

    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    threads = threads > 0 ? 2 * threads : 1;
    return threads < CONNECTIONS_MAX ? threads : CONNECTIONS_MAX;
}

static const char *address(void)
{
    return shared.conf->provider->describe(shared.conf->config);
}

void taiauth_limiter_child_init(apr_pool_t *p, server_rec *s)
{
    apr_status_t rv;

    shared.conf = taiauth_server(s)->limiter;
    shared.server = s;
    taiauth_limiter_shared = shared.conf != NULL;
    shared.limiter.ops = NULL;
    if (!shared.conf || !taiauth_segment) {
        return;
    }
    rv = shared.conf->provider->open(shared.conf->config, connections(), p, &shared.limiter);
    if (rv != APR_SUCCESS) {
        shared.limiter.ops = NULL;
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s, "taiauth: the limiter %s cannot be opened",
                     address());
    }
}

/* ---- identities --------------------------------------------------------------------------- */

static tai_limiter_t of_segment(const tai_limiter_ops_t *ops)
{
    return (tai_limiter_t){ops, taiauth_segment};
}

tai_id_t taiauth_limiter_id(const void *data, apr_size_t len)
{
    return shared.limiter.ops ? shared.limiter.ops->identify(shared.limiter.self, data, len)
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
        shared.limiter.ops ? shared.limiter : of_segment(&tai_limiter_shm);

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

typedef apr_status_t operation_fn(const tai_limiter_t *l, call_t *c, const char **error);

static apr_status_t charge(const tai_limiter_t *l, call_t *c, const char **error)
{
    return l->ops->charge(l->self, c->charges, c->charged, c->counts, c->now, &c->admitted, c->p,
                          error);
}

static apr_status_t test(const tai_limiter_t *l, call_t *c, const char **error)
{
    return l->ops->test(l->self, c->charges, c->charged, c->now, &c->admitted, c->p, error);
}

static apr_status_t refund(const tai_limiter_t *l, call_t *c, const char **error)
{
    return l->ops->refund(l->self, c->charges, c->charged, c->p, error);
}

static apr_status_t locked(const tai_limiter_t *l, call_t *c, const char **error)
{
    return l->ops->locked(l->self, c->counts, c->counted, c->now, c->p, error);
}

static apr_status_t fail(const tai_limiter_t *l, call_t *c, const char **error)
{
    return l->ops->fail(l->self, c->counts, c->counted, c->now, c->p, error);
}

static apr_status_t unlock(const tai_limiter_t *l, call_t *c, const char **error)
{
    return l->ops->unlock(l->self, c->counts, c->counted, c->now, &c->locks, c->p, error);
}

static apr_status_t login_begin(const tai_limiter_t *l, call_t *c, const char **error)
{
    return l->ops->login_begin(l->self, c->login, c->now, &c->left_ms, c->p, error);
}

static apr_status_t login_fail(const tai_limiter_t *l, call_t *c, const char **error)
{
    return l->ops->login_fail(l->self, c->login, c->now, &c->started, c->p, error);
}

static apr_status_t login_end(const tai_limiter_t *l, call_t *c, const char **error)
{
    return l->ops->login_end(l->self, c->login, c->now, c->right, c->p, error);
}

static apr_status_t login_unlock(const tai_limiter_t *l, call_t *c, const char **error)
{
    return l->ops->login_unlock(l->self, c->login, c->which, c->now, &c->locks, c->p, error);
}

/* A wrong try whose beginning another limiter has counted: here it is one from beginning to end. */
static apr_status_t login_fail_anew(const tai_limiter_t *l, call_t *c, const char **error)
{
    const apr_status_t rv = login_begin(l, c, error);

    return rv == APR_SUCCESS && !c->left_ms ? login_fail(l, c, error) : rv;
}

/* ---- what is shared ----------------------------------------------------------------------- */

static const char *const meanwhile[] = {
    [TAIAUTH_ERROR_LOCAL] = "until it does, this server counts by itself (on-error=local)",
    [TAIAUTH_ERROR_DENY] = "until it does, what has to be counted gets 503 (on-error=deny)",
    [TAIAUTH_ERROR_ALLOW] = "until it does, no rate limit holds, and lockouts count on this server "
                            "alone (on-error=allow)",
};

static tai_metrics_t *metrics(void)
{
    return tai_segment_metrics(taiauth_segment);
}

static void tell_failure(tai_breaker_t *breaker, apr_uint64_t now, const char *error)
{
    if (tai_breaker_tell(breaker, now, TELL_MS)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, shared.server,
                     "taiauth: the limiter %s does not answer: %s; %s", address(),
                     error ? error : "no answer", meanwhile[shared.conf->on_error]);
    }
}

static void tell_end(tai_breaker_t *breaker)
{
    if (tai_breaker_over(breaker)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, shared.server,
                     "taiauth: the limiter %s answers again", address());
    }
}

/* 1: it has answered */
static int ask_shared(operation_fn *operation, call_t *call, const char **error)
{
    tai_breaker_t *breaker = tai_segment_breaker(taiauth_segment, TAI_BREAKER_LIMITER);
    apr_status_t rv = APR_EGENERAL;
    apr_uint64_t now = tai_clock_ms();

    *error = "it has failed a moment ago, and is left alone";
    if (!tai_breaker_pass(breaker, now, shared.conf->timeout_ms)) {
        return 0;
    }
    tai_metrics_add(&metrics()->limiter_calls);
    *error = "it could not be opened";
    if (shared.limiter.ops) {
        rv = operation(&shared.limiter, call, error);
    }
    now = tai_clock_ms();
    if (tai_breaker_report(breaker, rv == APR_SUCCESS, now, REST_MS) == TAI_BREAKER_CLOSED) {
        tell_end(breaker);
    }
    if (rv != APR_SUCCESS) {
        tai_metrics_add(&metrics()->limiter_failures);
        tell_failure(breaker, now, *error);
    }
    return rv == APR_SUCCESS;
}

/* ---- decisions ---------------------------------------------------------------------------- */

static tai_reason_e ask_segment(const tai_limiter_ops_t *ops, operation_fn *operation, call_t *call)
{
    const tai_limiter_t limiter = of_segment(ops);
    const char *error;

    return operation(&limiter, call, &error) == APR_SUCCESS ? TAI_ADMITTED : TAI_SHARED_MEMORY;
}

/* In the place of a shared one that does not answer. */
static tai_reason_e fall_back(operation_fn *operation, call_t *call, taiauth_counted_e *where)
{
    tai_metrics_add(&metrics()->limiter_fallbacks);
    *where = TAIAUTH_COUNTED_LOCALLY;
    return shared.conf->on_error == TAIAUTH_ERROR_DENY
               ? TAI_LIMITER
               : ask_segment(&tai_limiter_local, operation, call);
}

static tai_reason_e decide(operation_fn *operation, call_t *call, taiauth_counted_e *where)
{
    const char *error;

    *where = TAIAUTH_COUNTED;
    if (!shared.conf) {
        return ask_segment(&tai_limiter_shm, operation, call);
    }
    return ask_shared(operation, call, &error) ? TAI_ADMITTED : fall_back(operation, call, where);
}

/* As decide, but no window is counted in the place of a shared one where none is to hold. */
static tai_reason_e decide_limit(operation_fn *operation, call_t *call, taiauth_counted_e *where)
{
    const char *error;

    if (!shared.conf || shared.conf->on_error != TAIAUTH_ERROR_ALLOW) {
        return decide(operation, call, where);
    }
    *where = TAIAUTH_COUNTED;
    if (ask_shared(operation, call, &error)) {
        return TAI_ADMITTED;
    }
    call->charged = 0;
    call->admitted = 1;
    if (call->counted) {
        const tai_reason_e reason = fall_back(charge, call, where);

        *where = TAIAUTH_COUNTED_NOWHERE;
        return reason;
    }
    tai_metrics_add(&metrics()->limiter_fallbacks);
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

    if (shared.conf) {
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
    call_t call = {.p = p, .charges = (tai_charge_t *)charges, .charged = n};
    const char *error;

    if (where == TAIAUTH_COUNTED_LOCALLY) {
        (void)ask_segment(&tai_limiter_local, refund, &call);
    }
    else if (shared.conf) {
        (void)ask_shared(refund, &call, &error);
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
            tai_metrics_add(&metrics()->locks_started);
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
    else if (!shared.conf) {
        reason = ask_segment(&tai_limiter_shm, login_fail, &call);
    }
    else if (!ask_shared(login_fail, &call, &error)) {
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
    if (!shared.conf) {
        return ask_segment(&tai_limiter_shm, login_end, &call);
    }
    if (ask_shared(login_end, &call, &error)) {
        return TAI_ADMITTED;
    }
    tai_metrics_add(&metrics()->limiter_fallbacks);
    return shared.conf->on_error == TAIAUTH_ERROR_DENY ? TAI_LIMITER : TAI_ADMITTED;
}

/* ---- an operator's orders ----------------------------------------------------------------- */

/* In both: what this server has counted in the place of a shared one holds when that fails again. */
static const char *lift(operation_fn *operation, call_t *call, int *locks)
{
    const tai_limiter_ops_t *ops = shared.conf ? &tai_limiter_local : &tai_limiter_shm;
    const char *error;

    call->now = tai_clock_ms();
    if (ask_segment(ops, operation, call) != TAI_ADMITTED) {
        return "shared memory cannot be used; some locks may stand";
    }
    *locks += call->locks;
    if (!shared.conf) {
        return NULL;
    }
    if (!ask_shared(operation, call, &error)) {
        return apr_psprintf(call->p, "the limiter %s does not answer: %s; locks there may stand",
                            address(), error);
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

void taiauth_limiter_explain(request_rec *r)
{
    static const tai_lockout_t any = {{1, TAI_WINDOW_MIN_MS}, TAI_WINDOW_MIN_MS};
    static const char nobody[] = "nobody, asked about to hear an answer";
    tai_count_t count = {.table = TAI_TABLE_CLIENTS, .lockout = &any};
    call_t call = {.p = r->pool, .now = tai_clock_ms(), .counts = &count, .counted = 1};
    const char *error;

    if (!shared.conf) {
        return;
    }
    count.id = count.tag = taiauth_limiter_id(nobody, sizeof(nobody));
    if (ask_shared(locked, &call, &error)) {
        taiauth_explain_step(r, "limiter", "%s answers", address());
        return;
    }
    taiauth_explain_step(r, "limiter", "%s does not answer: %s; %s", address(), error,
                         meanwhile[shared.conf->on_error]);
    taiauth_explain_mark(taiauth_request(r), "fails", NULL);
}
