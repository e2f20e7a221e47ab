/*
 * The look: rule 7 of revocation. Does what admitted a client request still hold at the moment when
 * its answer begins? Where something has changed since, the key is judged again, and the request is
 * refused after all if it is good no more.
 */

#include "taiauth.h"

#include <apr_buckets.h>
#include <apr_lib.h>
#include "../core/clock.h"
#include "../core/when.h"

/* How often a key is judged again when something changes each time. */
#define TRIES 5

/* What ends within so many bytes has left before anybody could stop it. */
#define SHORT_BYTES 65536

tai_reason_e taiauth_look_again(const taiauth_shown_t *shown, apr_pool_t *p, tai_known_key_t *known,
                                const char **error)
{
    apr_uint64_t now = tai_clock_ms();
    tai_lookup_e found = tai_lookup_recall(taiauth_lookup, &shown->key, now, p, known, error);

    if (found == TAI_LOOKUP_ABSENT) {
        found = tai_lookup_ask(taiauth_lookup, &shown->key, now, p, known, error);
    }
    switch (found) {
    case TAI_LOOKUP_FOUND:
        return tai_judge_key(known->record, shown->asked, &shown->token, tai_when_now());
    case TAI_LOOKUP_UNKNOWN:
        return TAI_KEY_UNKNOWN;
    default:
        return known->failure;
    }
}

/* Until it is good at the moment when it is looked at, or not good. */
static tai_reason_e judge_again(const taiauth_judgement_t *j, apr_pool_t *p, tai_known_key_t *known,
                                const char **error)
{
    const taiauth_shown_t shown = taiauth_shown(j);
    int tries;

    for (tries = 0; tries < TRIES; tries++) {
        tai_reason_e reason = taiauth_look_again(&shown, p, known, error);

        if (reason != TAI_ADMITTED || tai_node_holds(taiauth_segment, known->version)) {
            return reason;
        }
    }
    *error = "keys change faster than one of them can be judged";
    return TAI_DATABASE;
}

/* Fields of an answer that does not go out do not go out either: those of a CGI stand among ours. */
static int refuse(request_rec *r, const taiauth_judgement_t *j, tai_reason_e reason)
{
    int unavailable = tai_reason_code(reason) == TAI_CODE_AUTH_UNAVAILABLE;

    taiauth_response_forget(r, j->conf);
    return taiauth_refuse(r, reason, NULL, unavailable ? TAIAUTH_UNDECIDED_S : 0, NULL);
}

/* A good key may open less than it did. A fragment has scopes of its own. */
static int check_scopes(request_rec *r, const taiauth_request_t *ctx, const taiauth_judgement_t *j,
                        const tai_record_t *record)
{
    const taiauth_dir_t *conf = r->main ? taiauth_dir(r) : taiauth_scoped(ctx, j);
    const char *missing;
    tai_reason_e reason;

    if (!conf || !taiauth_same_sources(conf, j->conf)) {
        return OK;
    }
    reason = taiauth_scopes_judge(conf, r->main ? r->method : ctx->scoped_method, record, &missing);
    if (reason == TAI_ADMITTED) {
        return OK;
    }
    if (!(TAIAUTH_GET(conf, dry_run) & TAIAUTH_DRY_SCOPE)) {
        taiauth_response_forget(r, j->conf);
    }
    return taiauth_scopes_refuse(r, conf, reason, missing);
}

/*
 * The page that takes a fragment in has a look of its own before it: what is found out for the
 * fragment is not kept, or the page's scopes would not be asked about again.
 */
static int look_again(request_rec *r, const taiauth_request_t *ctx, taiauth_judgement_t *j)
{
    apr_pool_t *p = taiauth_initial(r)->pool;
    const char *error = NULL;
    tai_known_key_t known;
    tai_reason_e reason = judge_again(j, p, &known, &error);

    if (tai_reason_code(reason) == TAI_CODE_AUTH_UNAVAILABLE) {
        taiauth_database_complain(r, error);
    }
    if (!r->main) {
        j->reason = reason;
    }
    if (reason != TAI_ADMITTED) {
        return refuse(r, j, reason);
    }
    if (!r->main) {
        j->record = known.record;
        j->version = known.version;
    }
    return check_scopes(r, ctx, j, known.record);
}

const taiauth_dir_t *taiauth_scoped(const taiauth_request_t *ctx, const taiauth_judgement_t *j)
{
    return ctx->scoped && taiauth_same_sources(ctx->scoped, j->conf) ? ctx->scoped : NULL;
}

int taiauth_look(request_rec *r)
{
    taiauth_request_t *ctx = taiauth_request_find(r);
    taiauth_judgement_t *j;
    int status = OK;

    if (!ctx || ctx->refusal || ctx->order) {
        return OK;
    }
    for (j = ctx->judgements; j && status == OK; j = j->next) {
        if (j->reason == TAI_ADMITTED && !tai_node_holds(taiauth_segment, j->version)) {
            status = look_again(r, ctx, j);
        }
    }
    return status;
}

/* bb: the beginning of a response. What is not there yet may take its time, however little it is. */
static int is_short(const apr_bucket_brigade *bb)
{
    apr_off_t length = 0;
    const apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = APR_BUCKET_NEXT(b)) {
        if (APR_BUCKET_IS_EOS(b)) {
            return 1;
        }
        length += (apr_off_t)b->length; /* of one that nobody has read yet: (apr_size_t)-1 */
        if (b->length == (apr_size_t)-1 || length > SHORT_BYTES) {
            return 0;
        }
    }
    return 0;
}

int taiauth_look_at_response(request_rec *r, const apr_bucket_brigade *bb)
{
    int status = taiauth_look(r);

    return status == OK && !is_short(bb) ? taiauth_long_response_add(r) : status;
}

/* A CGI of this name writes to the connection itself; mod_cgi goes by it too. */
static int is_nph(const char *filename)
{
    return !strncmp(apr_filepath_name_get(filename), "nph-", strlen("nph-"));
}

/* What these go on with passes no filter. */
static int will_leave_filters(const request_rec *r)
{
    return apr_table_get(r->headers_in, "Upgrade") || r->method_number == M_CONNECT ||
           (r->filename &&
            (!strncmp(r->filename, "proxy:ws", strlen("proxy:ws")) || is_nph(r->filename)));
}

int taiauth_look_before_upgrade(request_rec *r)
{
    int status;

    if (r->main || !will_leave_filters(r)) {
        return DECLINED;
    }
    status = taiauth_look(r);
    if (status == OK) {
        status = taiauth_long_response_add(r);
    }
    return status == OK ? DECLINED : status;
}
