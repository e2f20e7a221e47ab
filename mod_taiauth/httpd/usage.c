/*
 * What keys are used for: noted in shared memory with the verdict on a client request, written to
 * the database by the watchdog.
 */

#include "taiauth.h"

#include "../core/clock.h"
#include "../core/usage.h"
#include "../core/when.h"

/* What cannot be noted is no reason to refuse a request. */
static void add(tai_id_t id, const tai_used_t *used, apr_uint64_t now)
{
    (void)tai_usage_add(tai_segment_table(taiauth_segment, TAI_TABLE_USAGE), id, used, now);
}

void taiauth_usage_note(request_rec *r, tai_reason_e reason)
{
    taiauth_request_t *ctx = taiauth_request(r);
    const taiauth_judgement_t *j = taiauth_judged(r);
    int admitted = tai_reason_code(reason) == TAI_CODE_ADMITTED;

    if (!ctx->used && j && j->record) {
        ctx->used = j;
        ctx->used_well = admitted;
        add(j->id,
            &(tai_used_t){j->record->id, admitted ? apr_time_sec(r->request_time) : 0, admitted,
                          !admitted},
            ctx->now);
    }
    else if (ctx->used && ctx->used_well && !admitted) {
        ctx->used_well = 0;
        (void)tai_usage_refuse(tai_segment_table(taiauth_segment, TAI_TABLE_USAGE), ctx->used->id,
                               ctx->used->record->id, ctx->now);
    }
}

/* ---- writing it down ---------------------------------------------------------------------- */

static void give_back(const apr_array_header_t *used)
{
    apr_uint64_t now = tai_clock_ms();

    for (int i = 0; i < used->nelts; i++) {
        const tai_used_t *its = &APR_ARRAY_IDX(used, i, tai_used_t);

        add(tai_segment_id(taiauth_segment, its->key_id, strlen(its->key_id)), its, now);
    }
}

/* 1: it is written; 0: it is gathered as before */
static int write_batch(server_rec *s, const apr_array_header_t *used, apr_pool_t *p)
{
    const char *text;

    if (!used->nelts ||
        tai_store_write_usage(taiauth_store, used, tai_when_now(), p, &text) == TAI_CHANGE_DONE) {
        return 1;
    }
    give_back(used);
    if (tai_segment_unwritten(taiauth_segment, tai_clock_ms())) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "taiauth: what keys were used for stays in memory, it cannot be written: %s",
                     text);
    }
    return 0;
}

void taiauth_usage_write(server_rec *s, apr_pool_t *p)
{
    tai_table_t *table = tai_segment_table(taiauth_segment, TAI_TABLE_USAGE);
    apr_uint32_t set = 0;
    apr_pool_t *batch;
    int more;

    apr_pool_create(&batch, p);
    do {
        apr_array_header_t *used = apr_array_make(batch, TAI_USAGE_BATCH, sizeof(tai_used_t));

        more = tai_usage_collect(table, &set, tai_clock_ms(), TAI_USAGE_BATCH, batch, used);
        more = write_batch(s, used, batch) && more;
        apr_pool_clear(batch);
    } while (more);
    apr_pool_destroy(batch);
}
