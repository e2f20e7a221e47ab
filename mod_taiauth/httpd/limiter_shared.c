/*
 * Who asks something shared may wait in vain: one breaker in shared memory spares that all threads of
 * all children but the first few. While it is open, one request a second tries, and beside all
 * requests so does the watchdog: that it is over is known on a host without traffic, too.
 */

#include "limiter_shared.h"

#include <ap_mpm.h>
#include <ap_provider.h>
#include "../core/clock.h"
#include "../core/said.h"

#define REST_MS         1000  /* how long nobody asks behind a failure */
#define TELL_MS         60000 /* how often the log has it that the limiter fails */
#define CONNECTIONS_MAX 64    /* of a child; more threads than that take turns */

int taiauth_limiter_shared;
taiauth_shared_t taiauth_shared;

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

const char *taiauth_shared_address(void)
{
    return taiauth_shared.conf->provider->describe(taiauth_shared.conf->config);
}

/* What another one has said, or this one of another prefix, is not to be told in its name. */
static void say_who(apr_pool_t *p)
{
    const apr_array_header_t *options = taiauth_shared.conf->options;
    const char *words = taiauth_shared.conf->address;
    int i;

    for (i = 0; i < options->nelts; i++) {
        const tai_limiter_option_t *option = &APR_ARRAY_IDX(options, i, tai_limiter_option_t);

        words = apr_pstrcat(p, words, "\n", option->name, "=", option->value, NULL);
    }
    tai_said_by(taiauth_segment, words, strlen(words));
}

void taiauth_limiter_child_init(apr_pool_t *p, server_rec *s)
{
    apr_status_t rv;

    taiauth_shared.conf = taiauth_server(s)->limiter;
    taiauth_shared.server = s;
    taiauth_limiter_shared = taiauth_shared.conf != NULL;
    taiauth_shared.limiter.ops = NULL;
    if (!taiauth_shared.conf || !taiauth_segment) {
        return;
    }
    say_who(p);
    rv = taiauth_shared.conf->provider->open(taiauth_shared.conf->config, connections(), p,
                                             &taiauth_shared.limiter);
    if (rv != APR_SUCCESS) {
        taiauth_shared.limiter.ops = NULL;
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s, "taiauth: the limiter %s cannot be opened",
                     taiauth_shared_address());
    }
}

/* ---- asking ------------------------------------------------------------------------------- */

/* By on_error: what is done while it is left alone, and with a request whose call has failed. */
static const struct {
    const char *meanwhile, *instead;
} told[] = {
    [TAIAUTH_ERROR_LOCAL] = {"until it does, this server counts by itself (on-error=local)",
                             "this server counts it (on-error=local)"},
    [TAIAUTH_ERROR_DENY] = {"until it does, what has to be counted gets 503 (on-error=deny)",
                            "it gets 503 (on-error=deny)"},
    [TAIAUTH_ERROR_ALLOW] =
        {"until it does, no rate limit holds, and lockouts count on this server "
         "alone (on-error=allow)",
         "no rate limit holds for it, and its failures count on this server "
         "alone (on-error=allow)"},
};

static tai_breaker_t *breaker(void)
{
    return tai_segment_breaker(taiauth_segment, TAI_BREAKER_LIMITER);
}

static int is_open(void)
{
    return tai_metrics_read(&breaker()->retry_at) != 0;
}

/* Two sentences with an interval each: a call that fails among others is no outage. */
static void tell_failure(apr_uint64_t now, const char *error)
{
    if (is_open() && tai_breaker_tell(breaker(), now, TELL_MS)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, taiauth_shared.server,
                     "taiauth: the limiter %s does not answer: %s; %s", taiauth_shared_address(),
                     error ? error : "no answer", told[taiauth_shared.conf->on_error].meanwhile);
    }
    else if (!is_open() && tai_breaker_complain(breaker(), now, TELL_MS)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, taiauth_shared.server,
                     "taiauth: the limiter %s has failed a request: %s; %s",
                     taiauth_shared_address(), error ? error : "no answer",
                     told[taiauth_shared.conf->on_error].instead);
    }
}

static void tell_end(void)
{
    if (tai_breaker_over(breaker())) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, taiauth_shared.server,
                     "taiauth: the limiter %s answers again", taiauth_shared_address());
    }
}

/* What one call has shown of it, as core/limiter.h has it: who says that he is full is there. */
static void report(apr_status_t rv, apr_uint64_t now)
{
    const int answered = rv == APR_SUCCESS || rv == TAI_LIMITER_UNABLE;

    if (answered || rv == TAI_LIMITER_CLOSED) {
        if (tai_breaker_report(breaker(), answered, now, REST_MS) == TAI_BREAKER_CLOSED) {
            tell_end();
        }
    }
    else if (rv != TAI_LIMITER_PART) {
        (void)tai_breaker_doubt(breaker(), now, REST_MS);
    }
}

int taiauth_shared_ask(taiauth_operation_fn *operation, void *call, const char **error)
{
    tai_metrics_t *metrics = tai_segment_metrics(taiauth_segment);
    apr_status_t rv = TAI_LIMITER_CLOSED;
    apr_uint64_t now = tai_clock_ms();

    *error = "it has failed a moment ago, and is left alone";
    if (!tai_breaker_pass(breaker(), now, taiauth_shared.conf->timeout_ms)) {
        return 0;
    }
    tai_metrics_add(&metrics->limiter_calls);
    *error = "it could not be opened";
    if (taiauth_shared.limiter.ops) {
        rv = operation(&taiauth_shared.limiter, call, error);
    }
    now = tai_clock_ms();
    report(rv, now);
    if (rv != APR_SUCCESS) {
        tai_metrics_add(&metrics->limiter_failures);
        tell_failure(now, *error);
    }
    return rv == APR_SUCCESS;
}

/* ---- whether it answers ------------------------------------------------------------------- */

/*
 * The charge of a window that is nobody's: what reads alone would succeed where nothing can be written.
 * Another one each second: of a cluster it is for each of its nodes to answer.
 */
static apr_status_t probe(const tai_limiter_t *l, void *p, const char **error)
{
    const struct {
        char name[24];
        apr_uint64_t second;
    } nobody = {"nobody, to be answered", tai_clock_ms() / 1000};
    tai_charge_t charge = {
        .table = tai_segment_table(taiauth_segment, TAI_TABLE_WINDOWS),
        .id = l->ops->identify(l->self, &nobody, sizeof(nobody)),
        .limit = {TAI_LIMIT_MAX, TAI_WINDOW_MIN_MS},
    };
    int admitted;

    charge.tag = charge.id;
    return l->ops->charge(l->self, &charge, 1, NULL, tai_clock_ms(), &admitted, p, error);
}

void taiauth_limiter_look(server_rec *s, apr_pool_t *p)
{
    const char *error;

    (void)s;
    if (taiauth_shared.conf && is_open()) {
        (void)taiauth_shared_ask(probe, p, &error);
    }
}

void taiauth_limiter_explain(request_rec *r)
{
    const char *error;

    if (!taiauth_shared.conf) {
        return;
    }
    if (taiauth_shared_ask(probe, r->pool, &error)) {
        taiauth_explain_step(r, "limiter", "%s answers", taiauth_shared_address());
        return;
    }
    taiauth_explain_step(r, "limiter", "%s does not answer: %s; %s", taiauth_shared_address(),
                         error, told[taiauth_shared.conf->on_error].meanwhile);
    taiauth_explain_mark(taiauth_request(r), "fails", NULL);
}
