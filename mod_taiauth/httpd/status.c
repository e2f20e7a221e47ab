/*
 * A section of the server-status page, as plain text and for ?auto.
 */

#include "taiauth.h"

#include <mod_status.h>
#include "../core/clock.h"

static apr_uint64_t verdicts(const tai_metrics_t *m, tai_code_e code)
{
    apr_uint64_t sum = 0;
    int reason;

    for (reason = 0; reason < TAI_REASON_COUNT; reason++) {
        if (tai_reason_code((tai_reason_e)reason) == code) {
            sum += tai_metrics_read(&m->verdict[reason]);
        }
    }
    return sum;
}

static apr_uint64_t lockouts(void)
{
    static const tai_table_e tables[] = {TAI_TABLE_CLIENTS, TAI_TABLE_PAIRS, TAI_TABLE_USERNAMES};
    apr_uint64_t sum = 0;
    apr_size_t i;

    for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        tai_table_usage_t usage;

        tai_table_usage(tai_segment_table(taiauth_segment, tables[i]), tai_clock_ms(), &usage);
        sum += usage.pinned;
    }
    return sum;
}

static apr_uint64_t cached_keys(void)
{
    tai_records_t *records = tai_segment_records(taiauth_segment);
    tai_records_usage_t usage = {0};

    if (records) {
        tai_records_usage(records, &usage);
    }
    return usage.live;
}

static apr_uint64_t is_open(tai_breaker_of_e of)
{
    return tai_metrics_read(&tai_segment_breaker(taiauth_segment, of)->retry_at) != 0;
}

/* "TaiAuth-ADMITTED: 12" a line for ?auto; "TaiAuth: ADMITTED 12, ..." in one for people. */
static int status_hook(request_rec *r, int flags)
{
    int brief = flags & AP_STATUS_SHORT;
    const char *form = brief ? "TaiAuth-%s: %" APR_UINT64_T_FMT "\n" : "%s %" APR_UINT64_T_FMT ", ";
    const tai_metrics_t *m;
    int code;

    if (!taiauth_segment) {
        return DECLINED;
    }
    m = tai_segment_metrics(taiauth_segment);
    ap_rputs(brief ? "" : "\nTaiAuth: ", r);
    for (code = 0; code < TAI_CODE_COUNT; code++) {
        ap_rprintf(r, form, tai_code((tai_code_e)code)->name, verdicts(m, (tai_code_e)code));
    }
    ap_rprintf(r, form, "DatabaseLookups", tai_metrics_read(&m->lookups));
    ap_rprintf(r, form, "DatabaseOpen", is_open(TAI_BREAKER_DATABASE));
    ap_rprintf(r, form, "LeaseMilliseconds", taiauth_node_lease_left());
    ap_rprintf(r, form, "LimiterFailures", tai_metrics_read(&m->limiter_failures));
    ap_rprintf(r, form, "LimiterFallbacks", tai_metrics_read(&m->limiter_fallbacks));
    ap_rprintf(r, form, "LimiterOpen", is_open(TAI_BREAKER_LIMITER));
    ap_rprintf(r, form, "LongResponses", tai_metrics_read(&m->long_responses));
    ap_rprintf(r, form, "ResponsesCut", tai_metrics_read(&m->cut));
    ap_rprintf(r, form, "CachedKeys", cached_keys());
    ap_rprintf(r, brief ? form : "%s %" APR_UINT64_T_FMT "\n", "LockoutsInForce", lockouts());
    return OK;
}

void taiauth_status_register(apr_pool_t *p)
{
    (void)p;
    APR_OPTIONAL_HOOK(ap, status_hook, status_hook, NULL, NULL, APR_HOOK_MIDDLE);
}
