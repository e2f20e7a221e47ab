/*
 * Refusals: the one place where a verdict becomes a status, headers, a body, a log line and a
 * counter. The body is written by an output filter that httpd's own error response passes, so that
 * everything httpd does for an error (HEAD, keep-alive, "Header always") holds for ours.
 */

#include "taiauth.h"

#include <apr_buckets.h>
#include <mod_core.h>
#include <util_filter.h>
#include "../core/text.h"

#define FILTER_NAME "TAIAUTH_REFUSAL"

static ap_filter_rec_t *filter_handle;

/* ---- the log ------------------------------------------------------------------------------ */

static const char *request_id(request_rec *r)
{
    const char *id = apr_table_get(r->subprocess_env, "UNIQUE_ID");

    if (!id && !r->log_id) {
        ap_run_generate_log_id(r->connection, r, &r->log_id);
    }
    id = id ? id : r->log_id;
    return id ? id : "-";
}

/* "key tai_8f3a2b1c..., key id key_1", or of the management API "user alice" */
static const char *who(request_rec *r)
{
    const taiauth_judgement_t *j = taiauth_judged(r);
    const taiauth_request_t *ctx = taiauth_request_find(r);

    if (taiauth_is_managed(taiauth_dir(r))) {
        return apr_pstrcat(r->pool, "user ", tai_text_line(ctx ? ctx->caller : NULL, 200, r->pool),
                           NULL);
    }
    return apr_psprintf(r->pool, "key %s, key id %s", j && *j->prefix ? j->prefix : "-",
                        j && j->record ? j->record->id : "-");
}

static void write_line(request_rec *r, const char *verb, int status, tai_reason_e reason)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  "taiauth: %s %d %s: %s, %s, client %s, request %s, %s %s", verb, status,
                  tai_code(tai_reason_code(reason))->name, tai_reason_name(reason), who(r),
                  r->useragent_ip, request_id(r), tai_text_line(r->method, 32, r->pool),
                  tai_text_line(r->uri, 256, r->pool));
}

/* httpd adds Referer to each line about a request, and people have keys in the addresses of pages. */
static void log_verdict(request_rec *r, const char *verb, int status, tai_reason_e reason)
{
    const char *referer;

    if (!APLOG_R_IS_LEVEL(r, APLOG_INFO)) {
        return; /* before anything is escaped: refusals come in floods */
    }
    referer = apr_table_get(r->headers_in, "Referer");
    if (!referer) {
        write_line(r, verb, status, reason);
        return;
    }
    apr_table_setn(r->headers_in, "Referer", tai_text_line(referer, 1024, r->pool));
    write_line(r, verb, status, reason);
    apr_table_setn(r->headers_in, "Referer", referer);
}

void taiauth_refuse_dry(request_rec *r, tai_reason_e reason)
{
    const taiauth_request_t *ctx = taiauth_request(r);

    taiauth_explain_mark(ctx, "not enforced", tai_reason_name(reason));
    if (ctx->order) {
        return;
    }
    log_verdict(r, "would refuse", tai_code(tai_reason_code(reason))->status, reason);
    if (taiauth_segment) {
        tai_metrics_add(&tai_segment_metrics(taiauth_segment)->dry_run[reason]);
    }
}

/* ---- headers ------------------------------------------------------------------------------ */

/* A quoted-string of RFC 9110. */
static const char *quoted(const char *text, apr_pool_t *p)
{
    return apr_pstrcat(p, "\"", ap_escape_quotes(p, text), "\"", NULL);
}

static const char *realm(request_rec *r)
{
    const char *name = taiauth_server(r->server)->realm;

    name = name ? name : ap_auth_name(r);
    return quoted(name ? name : "API", r->pool);
}

static int is_challenge(void *wanted, const char *name, const char *value)
{
    (void)name;
    return strcmp(value, wanted) != 0;
}

/* Beside the challenge of httpd's own authentication, which may be another way in. */
static void challenge_session(request_rec *r, apr_table_t *out)
{
    char *value = apr_pstrcat(r->pool, "Session realm=", realm(r), NULL);

    if (apr_table_do(is_challenge, value, out, "WWW-Authenticate", NULL)) {
        apr_table_addn(out, "WWW-Authenticate", value);
    }
}

/* One challenge for each way to send a key here (RFC 9110, 11.6.1). */
static void challenge_key(request_rec *r, const tai_refusal_t *refusal, apr_table_t *out)
{
    const taiauth_dir_t *conf = taiauth_dir(r);
    const apr_array_header_t *names = taiauth_key_headers(conf);
    const char *error = "";
    int i;

    if (refusal->scope) {
        error = apr_pstrcat(r->pool, ", error=\"insufficient_scope\", scope=",
                            quoted(refusal->scope, r->pool), NULL);
    }
    apr_table_unset(out, "WWW-Authenticate");
    for (i = 0; i < names->nelts; i++) {
        apr_table_addn(out, "WWW-Authenticate",
                       apr_pstrcat(r->pool, "ApiKey realm=", realm(r), ", header=",
                                   quoted(APR_ARRAY_IDX(names, i, const char *), r->pool), error,
                                   NULL));
    }
    if (TAIAUTH_GET(conf, bearer)) {
        apr_table_addn(out, "WWW-Authenticate",
                       apr_pstrcat(r->pool, "Bearer realm=", realm(r), error, NULL));
    }
}

/* out: err_headers_out while hooks decide; headers_out once httpd has begun its error response */
static void set_headers(request_rec *r, const taiauth_request_t *ctx, const tai_refusal_t *refusal,
                        apr_table_t *out)
{
    tai_code_e code = tai_reason_code(refusal->reason);
    int status = tai_code(code)->status;

    if (taiauth_is_managed(taiauth_dir(r))) {
        taiauth_response_manage(out);
    }
    else {
        apr_table_setn(out, "Cache-Control", "no-store");
        apr_table_setn(out, "X-Content-Type-Options", "nosniff");
    }
    if (code == TAI_CODE_UNAUTHENTICATED) {
        challenge_session(r, out);
    }
    else if (status == HTTP_UNAUTHORIZED || refusal->scope) {
        challenge_key(r, refusal, out);
    }
    if (refusal->retry_after) {
        apr_table_setn(out, "Retry-After",
                       apr_psprintf(r->pool, "%u", (unsigned)refusal->retry_after));
    }
    if (status == HTTP_METHOD_NOT_ALLOWED && ctx->allow) {
        apr_table_setn(out, "Allow", ctx->allow);
    }
}

/* ---- refusing ----------------------------------------------------------------------------- */

/* The refusal becomes that of the client request. */
static void hold(request_rec *r, taiauth_request_t *ctx, const tai_refusal_t *refusal)
{
    taiauth_explain_refusal(ctx, refusal->reason);
    ctx->refusal = refusal;
    ctx->refusal_status = tai_code(tai_reason_code(refusal->reason))->status;
    /* a call of a known caller has done its work by then, whatever became of it */
    if (!ctx->caller) {
        taiauth_limits_refund(r, ctx, refusal->reason);
    }
    taiauth_metrics_verdict(r, refusal->reason);
}

/* Where no key is asked for, none could not be checked. */
static const char *text_of(request_rec *r, const tai_code_t *code)
{
    return code->status == HTTP_SERVICE_UNAVAILABLE && taiauth_is_managed(taiauth_dir(r))
               ? "This could not be checked. Try again shortly."
               : code->text;
}

int taiauth_refuse(request_rec *r, tai_reason_e reason, const char *text, apr_uint32_t retry_after,
                   const char *scope)
{
    taiauth_judgement_t *j = taiauth_judged(r);
    const tai_reason_e lock = taiauth_lock_ask(r, j);
    taiauth_request_t *ctx = taiauth_request(r);
    apr_pool_t *p = taiauth_initial(r)->pool;
    tai_refusal_t *refusal = apr_pcalloc(p, sizeof(*refusal));
    const tai_code_t *code;

    if (lock != TAI_ADMITTED) { /* who is locked out learns nothing else */
        reason = lock;
        text = scope = NULL;
        retry_after = j->retry_after;
    }
    code = tai_code(tai_reason_code(reason));
    if (!ctx->order) {
        log_verdict(r, "refused", code->status, reason);
    }
    apr_table_setn(r->subprocess_env, "TAIAUTH_REASON", tai_reason_name(reason));
    refusal->reason = reason;
    refusal->text = apr_pstrdup(p, text ? text : text_of(r, code));
    refusal->retry_after = retry_after;
    refusal->scope = apr_pstrdup(p, scope);
    refusal->caller_known = ctx->caller != NULL;
    if (r->main) {
        ctx->inner = refusal; /* its parent may carry on: nothing of ours belongs in its page */
    }
    else {
        hold(r, ctx, refusal);
        set_headers(r, ctx, refusal, r->err_headers_out);
    }
    return code->status;
}

int taiauth_refuse_method(request_rec *r, const char *allow)
{
    taiauth_request_t *ctx = taiauth_request(r);

    /* a parent may say it after this subrequest is gone, and so may the name of a .htaccess line */
    ctx->allow = apr_pstrdup(taiauth_initial(r)->pool, allow);
    return taiauth_refuse(
        r, TAI_METHOD_NOT_ALLOWED,
        apr_pstrcat(r->pool, "This method is not allowed here; allowed: ", allow, ".", NULL), 0,
        NULL);
}

/* A parent that ends with what its subrequest was refused with (mod_dir does) says so as we do. */
static void adopt_inner(request_rec *r, taiauth_request_t *ctx)
{
    if (ctx && ctx->inner && !ctx->refusal && !r->main &&
        tai_code(tai_reason_code(ctx->inner->reason))->status == r->status) {
        hold(r, ctx, ctx->inner);
        set_headers(r, ctx, ctx->inner, r->err_headers_out);
    }
}

int taiauth_refuse_locked(request_rec *r)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);
    taiauth_judgement_t *j = ctx && ctx->awaiting == r && !ctx->refusal ? taiauth_judged(r) : NULL;
    const tai_reason_e reason = taiauth_lock_ask(r, j);

    if (reason == TAI_ADMITTED) {
        return OK;
    }
    taiauth_response_forget(r, j->conf);
    r->no_cache = 0; /* of a subrequest; an Expires would tell that there was one */
    r->status = taiauth_refuse(r, reason, NULL, j->retry_after, NULL);
    return r->status;
}

/*
 * A Require has no way to say why it refused: mod_authz_core answers 403, or 401 where an AuthType
 * is set. What tells it is that our own check went well and fixups have not begun.
 */
void taiauth_refuse_required(request_rec *r)
{
    taiauth_request_t *ctx = taiauth_request_find(r);
    int refused = r->status == HTTP_FORBIDDEN ||
                  (r->status == HTTP_UNAUTHORIZED && ctx && ctx->authenticated == r);

    if (!refused || !ctx || ctx->awaiting != r || ctx->refusal) {
        return;
    }
    apr_table_unset(r->err_headers_out, "WWW-Authenticate");
    if (ctx->challenge_scope) {
        taiauth_refuse(r, ctx->challenge_reason,
                       taiauth_scope_text(r, ctx->challenge_reason, ctx->challenge_scope), 0,
                       ctx->challenge_scope);
    }
    else {
        taiauth_refuse(r, TAI_REQUIRE_REFUSED, r->user ? NULL : "This request is not allowed.", 0,
                       NULL);
    }
    r->status = ctx->refusal_status;
}

/* What httpd itself refuses where the management API is, and what we say of it. */
static const struct {
    int status;
    tai_reason_e reason;
    const char *text; /* NULL: that of the code */
    apr_uint32_t retry_after;
} refused_by_httpd[] = {
    {HTTP_BAD_REQUEST, TAI_BAD_REQUEST, "The request could not be read.", 0},
    {HTTP_UNAUTHORIZED, TAI_CALLER_UNKNOWN, NULL, 0},
    {HTTP_FORBIDDEN, TAI_CALLER_FORBIDDEN, "This request is not allowed.", 0},
    {HTTP_NOT_FOUND, TAI_NOT_FOUND, NULL, 0},
    {HTTP_METHOD_NOT_ALLOWED, TAI_METHOD_NOT_ALLOWED, "This method is not allowed here.", 0},
    {HTTP_REQUEST_TIME_OUT, TAI_BAD_REQUEST, "The request took too long to arrive.", 0},
    {HTTP_REQUEST_ENTITY_TOO_LARGE, TAI_TOO_LARGE, "The request is larger than this server takes.",
     0},
    {HTTP_UNSUPPORTED_MEDIA_TYPE, TAI_MEDIA_TYPE, NULL, 0},
    {HTTP_INTERNAL_SERVER_ERROR, TAI_UNDECIDED, NULL, TAIAUTH_UNDECIDED_S},
    {HTTP_SERVICE_UNAVAILABLE, TAI_UNDECIDED, NULL, TAIAUTH_UNDECIDED_S},
};

/* Who asks for management gets an answer in its own dialect, whoever refuses him. */
static void adopt_refusal_of_httpd(request_rec *r)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);
    apr_size_t i;

    if (r->main || (ctx && ctx->refusal) || !taiauth_is_managed(taiauth_dir(r))) {
        return;
    }
    for (i = 0; i < sizeof(refused_by_httpd) / sizeof(refused_by_httpd[0]); i++) {
        if (refused_by_httpd[i].status == r->status) {
            r->status = taiauth_refuse(r, refused_by_httpd[i].reason, refused_by_httpd[i].text,
                                       refused_by_httpd[i].retry_after, NULL);
            return;
        }
    }
}

/* ---- the body ----------------------------------------------------------------------------- */

static apr_bucket_brigade *body(request_rec *r, const taiauth_request_t *ctx)
{
    tai_format_e format = (tai_format_e)TAIAUTH_GET(taiauth_dir(r), format);
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, alloc);
    const char *text = tai_refusal_body(ctx->refusal, format, r->pool);
    apr_size_t len = strlen(text);

    r->status = tai_refusal_status(ctx->refusal, format);
    r->status_line = NULL;
    apr_table_unset(r->headers_out,
                    "Location");             /* of a redirect that this has taken the place of */
    apr_table_unset(r->headers_in, "Range"); /* a refusal that is a 200 is whole all the same */
    ap_set_content_type_ex(r, tai_refusal_type(format), 1);
    ap_set_content_length(r, (apr_off_t)len);
    set_headers(r, ctx, ctx->refusal, r->headers_out);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_pool_create(text, len, r->pool, alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    return bb;
}

/* In place of httpd's page: our body at the first call, nothing at the others. */
static apr_status_t refusal_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    taiauth_request_t *ctx = taiauth_request_find(f->r);

    apr_brigade_cleanup(bb);
    if (f->ctx) {
        return APR_SUCCESS;
    }
    f->ctx = ctx;
    return ap_pass_brigade(f->next, body(f->r, ctx));
}

/* An operator's own text for this status stays; our headers are there already. */
static int has_own_text(request_rec *r)
{
    const char *text = ap_response_code_string(r, ap_index_of_response(r->status));

    return text && *text == '"';
}

void taiauth_refuse_settle(request_rec *r)
{
    if (taiauth_refuse_locked(r) == OK) {
        taiauth_refuse_required(r);
        adopt_inner(r, taiauth_request_find(r));
        adopt_refusal_of_httpd(r);
    }
}

void taiauth_refuse_insert_filter(request_rec *r)
{
    taiauth_request_t *ctx;

    taiauth_refuse_settle(r);
    ctx = taiauth_request_find(r);
    if (!r->main && ctx && ctx->refusal && r->status == ctx->refusal_status && !has_own_text(r)) {
        ap_add_output_filter_handle(filter_handle, NULL, r, r->connection);
    }
    taiauth_response_insert_filter(r); /* "Header always" has its say about errors too */
}

void taiauth_refuse_register(apr_pool_t *p)
{
    (void)p;
    filter_handle = ap_register_output_filter(FILTER_NAME, refusal_filter, NULL, AP_FTYPE_RESOURCE);
}
