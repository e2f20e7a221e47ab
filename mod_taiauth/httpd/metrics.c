/*
 * Counters for Prometheus (text format 0.0.4). No key, account or address is ever a label.
 */

#include "taiauth.h"

#include "../core/clock.h"

void taiauth_metrics_verdict(request_rec *r, tai_reason_e reason)
{
    taiauth_request_t *ctx = taiauth_request(r);
    int admitted = tai_reason_code(reason) == TAI_CODE_ADMITTED;

    if (taiauth_segment && !ctx->order && !r->main && !(admitted && ctx->counted)) {
        ctx->counted = 1;
        tai_metrics_add(&tai_segment_metrics(taiauth_segment)->verdict[reason]);
        taiauth_usage_note(r, reason);
    }
}

int taiauth_metrics_reads(request_rec *r, const taiauth_dir_t *conf)
{
    return taiauth_is_at(r, conf->metrics) || (r->handler && !strcmp(r->handler, "server-status"));
}

/* ---- the page ----------------------------------------------------------------------------- */

static void head(request_rec *r, const char *name, const char *type, const char *help)
{
    ap_rprintf(r, "# HELP taiauth_%s %s\n# TYPE taiauth_%s %s\n", name, help, name, type);
}

static void number(request_rec *r, const char *name, const char *labels, apr_uint64_t value)
{
    ap_rprintf(r, "taiauth_%s%s %" APR_UINT64_T_FMT "\n", name, labels, value);
}

static void write_verdicts(request_rec *r, const char *name, const char *help,
                           const apr_uint64_t *counters)
{
    int reason;

    head(r, name, "counter", help);
    for (reason = 0; reason < TAI_REASON_COUNT; reason++) {
        number(r, name,
               apr_psprintf(r->pool, "{code=\"%s\",reason=\"%s\"}",
                            tai_code(tai_reason_code((tai_reason_e)reason))->name,
                            tai_reason_name((tai_reason_e)reason)),
               tai_metrics_read(&counters[reason]));
    }
}

static void write_lookups(request_rec *r, const tai_metrics_t *m)
{
    apr_uint64_t below = 0;
    int i;

    head(r, "lookup_failures_total", "counter", "Look-ups that the database did not answer.");
    number(r, "lookup_failures_total", "", tai_metrics_read(&m->lookup_failures));
    head(r, "lookup_seconds", "histogram", "Time of a look-up of a key in the database.");
    for (i = 0; i < TAI_LOOKUP_BUCKETS; i++) {
        below += tai_metrics_read(&m->lookup_bucket[i]);
        number(r, "lookup_seconds_bucket",
               apr_psprintf(r->pool, "{le=\"%.5f\"}", tai_lookup_bound_us[i] / 1e6), below);
    }
    below += tai_metrics_read(&m->lookup_bucket[TAI_LOOKUP_BUCKETS]);
    number(r, "lookup_seconds_bucket", "{le=\"+Inf\"}", below);
    ap_rprintf(r, "taiauth_lookup_seconds_sum %.6f\n",
               (double)tai_metrics_read(&m->lookup_us) / 1e6);
    number(r, "lookup_seconds_count", "", below);
}

/* A gauge or counter that is a member of a structure. */
typedef struct number_t {
    const char *name, *type, *help;
    apr_size_t offset;
} number_t;

static apr_uint64_t member(const void *structure, const number_t *n)
{
    return tai_metrics_read((const apr_uint64_t *)((const char *)structure + n->offset));
}

static void write_numbers(request_rec *r, const number_t *numbers, apr_size_t count,
                          const void *structure)
{
    apr_size_t i;

    for (i = 0; i < count; i++) {
        head(r, numbers[i].name, numbers[i].type, numbers[i].help);
        number(r, numbers[i].name, "", member(structure, &numbers[i]));
    }
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Of every table. */
static const number_t table_numbers[] = {
    {"table_bytes", "gauge", "Size of a shared table.", offsetof(tai_table_usage_t, bytes)},
    {"table_places", "gauge", "Entries that a shared table can hold.",
     offsetof(tai_table_usage_t, places)},
    {"table_live", "gauge", "Entries of a shared table that mean something now.",
     offsetof(tai_table_usage_t, live)},
    {"lockouts", "gauge", "Lockouts in force.", offsetof(tai_table_usage_t, pinned)},
    {"table_lost_total", "counter", "Live entries that had to make room.",
     offsetof(tai_table_usage_t, lost)},
    {"table_recovered_total", "counter", "Locks taken over from a process that died.",
     offsetof(tai_table_usage_t, recovered)},
};

static void write_tables(request_rec *r)
{
    tai_table_usage_t usage[TAI_TABLE_COUNT];
    apr_size_t i;
    int t;

    for (t = 0; t < TAI_TABLE_COUNT; t++) {
        tai_table_usage(tai_segment_table(taiauth_segment, (tai_table_e)t), tai_clock_ms(),
                        &usage[t]);
    }
    for (i = 0; i < COUNT(table_numbers); i++) {
        head(r, table_numbers[i].name, table_numbers[i].type, table_numbers[i].help);
        for (t = 0; t < TAI_TABLE_COUNT; t++) {
            number(r, table_numbers[i].name,
                   apr_psprintf(r->pool, "{table=\"%s\"}", tai_segment_table_name((tai_table_e)t)),
                   member(&usage[t], &table_numbers[i]));
        }
    }
}

static const number_t key_cache_numbers[] = {
    {"key_cache_bytes", "gauge", "Size of the key cache.", offsetof(tai_records_usage_t, bytes)},
    {"key_cache_used_bytes", "gauge", "Of it, what is in use.",
     offsetof(tai_records_usage_t, used)},
    {"key_cache_keys", "gauge", "Keys that are remembered.", offsetof(tai_records_usage_t, live)},
    {"key_cache_evicted_total", "counter", "Keys that had to make room for others.",
     offsetof(tai_records_usage_t, evicted)},
    {"key_cache_torn_total", "counter", "Parts of it that a process that died left to be emptied.",
     offsetof(tai_records_usage_t, torn)},
};

static void write_key_cache(request_rec *r)
{
    tai_records_t *records = tai_segment_records(taiauth_segment);
    tai_records_usage_t usage = {0};

    if (records) {
        tai_records_usage(records, &usage);
    }
    write_numbers(r, key_cache_numbers, COUNT(key_cache_numbers), &usage);
    head(r, "key_cache_disordered", "gauge",
         "Parts of it that are out of order: those that are being changed at this moment.");
    number(r, "key_cache_disordered", "", records ? tai_records_check(records) : 0);
}

static const number_t node_numbers[] = {
    {"syncs_total", "counter", "Times that what had changed of keys was read from the database.",
     offsetof(tai_node_t, syncs)},
    {"sync_failures_total", "counter", "Times that it could not be read.",
     offsetof(tai_node_t, sync_failures)},
    {"registrations_total", "counter",
     "Times that this node registered, and forgot what it knew of keys.",
     offsetof(tai_node_t, registrations)},
    {"changes_applied_total", "counter", "Changes of keys, accounts and plans that were applied.",
     offsetof(tai_node_t, changes)},
};

static void seconds(request_rec *r, const char *name, apr_uint64_t ms)
{
    ap_rprintf(r, "taiauth_%s %" APR_UINT64_T_FMT ".%03u\n", name, ms / 1000,
               (unsigned)(ms % 1000));
}

static void write_node(request_rec *r)
{
    const tai_node_t *node = tai_segment_node(taiauth_segment);
    apr_uint64_t synced_at = tai_metrics_read(&node->synced_at);

    write_numbers(r, node_numbers, COUNT(node_numbers), node);
    if (synced_at) {
        head(r, "sync_age_seconds", "gauge", "Time since the last good sync began.");
        seconds(r, "sync_age_seconds", tai_clock_ms() - synced_at);
    }
    head(r, "lease_seconds", "gauge",
         "Time for which keys are answered for without the database; 0: they get 503.");
    seconds(r, "lease_seconds", taiauth_node_lease_left());
}

static const number_t limiter_numbers[] = {
    {"limiter_calls_total", "counter", "Calls of a shared limiter.",
     offsetof(tai_metrics_t, limiter_calls)},
    {"limiter_failures_total", "counter", "Of them, the ones that got no answer.",
     offsetof(tai_metrics_t, limiter_failures)},
    {"limiter_fallbacks_total", "counter",
     "Decisions made in the place of a shared limiter that did not answer.",
     offsetof(tai_metrics_t, limiter_fallbacks)},
    {"limiter_recalled_total", "counter",
     "Refusals that a shared limiter had said before: no call was made.",
     offsetof(tai_metrics_t, limiter_recalled)},
};

static void write_limiter(request_rec *r, const tai_metrics_t *m)
{
    const tai_breaker_t *breaker = tai_segment_breaker(taiauth_segment, TAI_BREAKER_LIMITER);

    write_numbers(r, limiter_numbers, COUNT(limiter_numbers), m);
    head(r, "limiter_open", "gauge", "1: a shared limiter does not answer, and is left alone.");
    number(r, "limiter_open", "", tai_metrics_read(&breaker->retry_at) != 0);
    head(r, "limiter_opened_total", "counter", "Times that it ceased to answer.");
    number(r, "limiter_opened_total", "", tai_metrics_read(&breaker->opened));
}

static void write_breaker(request_rec *r)
{
    const tai_breaker_t *breaker = tai_segment_breaker(taiauth_segment, TAI_BREAKER_DATABASE);

    head(r, "database_open", "gauge", "1: the database does not answer, and is left alone.");
    number(r, "database_open", "", tai_metrics_read(&breaker->retry_at) != 0);
    head(r, "database_opened_total", "counter", "Times that it ceased to answer.");
    number(r, "database_opened_total", "", tai_metrics_read(&breaker->opened));
}

static void write_long_responses(request_rec *r, const tai_metrics_t *m)
{
    head(r, "long_responses", "gauge", "Responses of keys that take their time, being sent now.");
    number(r, "long_responses", "", tai_metrics_read(&m->long_responses));
    head(r, "responses_cut_total", "counter",
         "Connections that were shut down amid a response, its key being good no more.");
    number(r, "responses_cut_total", "", tai_metrics_read(&m->cut));
}

static void write_page(request_rec *r)
{
    const tai_metrics_t *m = tai_segment_metrics(taiauth_segment);

    write_verdicts(r, "requests_total", "Client requests by verdict.", m->verdict);
    write_verdicts(r, "dry_run_total", "Verdicts that TaiAuthDryRun did not enforce.", m->dry_run);
    head(r, "locks_started_total", "counter", "Lockouts begun.");
    number(r, "locks_started_total", "", tai_metrics_read(&m->locks_started));
    write_limiter(r, m);
    write_lookups(r, m);
    write_breaker(r);
    write_node(r);
    write_long_responses(r, m);
    write_key_cache(r);
    write_tables(r);
}

int taiauth_metrics_handler(request_rec *r)
{
    if (!taiauth_is_at(r, taiauth_dir(r)->metrics)) {
        return DECLINED;
    }
    if (r->method_number != M_GET) {
        ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1);
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (!taiauth_segment) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    ap_set_content_type_ex(r, "text/plain; version=0.0.4; charset=utf-8", 1);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    write_page(r);
    return OK;
}
