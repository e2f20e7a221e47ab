/*
 * The hooks that decide about a request, in the order in which httpd calls them.
 */

#include "limiter.h"

/* A real CORS preflight (Fetch standard): browsers send it without credentials, by design. */
static int is_preflight(request_rec *r, const taiauth_dir_t *conf)
{
    return r->method_number == M_OPTIONS &&
           TAIAUTH_GET(conf, preflight) == TAIAUTH_PREFLIGHT_PASS &&
           apr_table_get(r->headers_in, "Origin") &&
           apr_table_get(r->headers_in, "Access-Control-Request-Method");
}

/*
 * mod_dir looks an index file up for a preflight too. That much passes, and no more: what a
 * subrequest runs is stopped in the handler phase.
 */
static int is_look_up_of_preflight(request_rec *r, const taiauth_dir_t *conf)
{
    return r->main && is_preflight(taiauth_initial(r), conf);
}

static int is_anonymous(const taiauth_dir_t *conf, const taiauth_judgement_t *j)
{
    return TAIAUTH_GET(conf, mode) == TAIAUTH_OPTIONAL && j->reason == TAI_KEY_MISSING;
}

/* Nothing has shown that this request may pass; whatever way it took, it reaches no application. */
static int is_unproven(const taiauth_dir_t *conf, const taiauth_judgement_t *j)
{
    return !j || (j->reason != TAI_ADMITTED && !is_anonymous(conf, j));
}

/* Under "Satisfy Any" httpd would let a Require make up for a bad key. */
static int refuse_satisfy_any(request_rec *r)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "taiauth: Satisfy Any holds here, which would let a request with a bad key pass; "
                  "remove it, or say TaiAuth Off");
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* Credential, then scopes. The verdict on a credential is kept for the whole client request. */
static int decide(request_rec *r, taiauth_request_t *ctx, const taiauth_dir_t *conf)
{
    taiauth_judgement_t *j = taiauth_judged(r);
    int status;

    if (!j) {
        j = taiauth_verify(r, ctx, conf);
    }
    taiauth_credential_withhold(r, ctx, conf);
    if (is_unproven(conf, j)) {
        return taiauth_refuse(r, j->reason, NULL, j->retry_after, NULL);
    }
    status = taiauth_scopes_check(r, conf, j);
    if (status != OK) {
        return status;
    }
    if (j->reason == TAI_ADMITTED) {
        r->user = (char *)j->user;
        r->ap_auth_type = (char *)TAIAUTH_TYPE;
    }
    taiauth_identity_publish(r, conf, j);
    taiauth_explain_require(r);
    if (!r->main) {
        ctx->awaiting = r;
        ctx->challenge_scope = NULL;
        ctx->scoped = conf;
        ctx->scoped_method = r->method;
    }
    return OK;
}

/*
 * httpd upgrades to h2c in the handler phase, and has the request begin anew as the first stream:
 * without its key or cookie, which are withheld by then, and charged a second time. An offer may be
 * ignored.
 */
static void ignore_offer_of_h2c(request_rec *r)
{
    if (ap_find_token(r->pool, apr_table_get(r->headers_in, "Upgrade"), "h2c")) {
        apr_table_unset(r->headers_in, "Upgrade");
    }
}

int taiauth_access_check(request_rec *r)
{
    const taiauth_dir_t *conf = taiauth_dir(r);
    taiauth_request_t *ctx;

    taiauth_explain_place(r, conf);
    if (TAIAUTH_GET(conf, mode) != TAIAUTH_OFF || taiauth_is_managed(conf)) {
        ignore_offer_of_h2c(r);
    }
    if (TAIAUTH_GET(conf, mode) == TAIAUTH_OFF) {
        return DECLINED;
    }
    ctx = taiauth_request(r);
    if (taiauth_is_error_document(r)) {
        taiauth_credential_withhold(r, ctx, conf);
        return OK; /* the headers of its refusal hold */
    }
    taiauth_response_protect(r, conf);
    if (ap_satisfies(r) == SATISFY_ANY) {
        return refuse_satisfy_any(r);
    }
    if (is_preflight(r, conf) || is_look_up_of_preflight(r, conf)) {
        taiauth_credential_withhold(r, ctx, conf);
        return OK;
    }
    return decide(r, ctx, conf);
}

/* What passes without a key passes Require too: OK here ends the phase. */
int taiauth_access_check_ex(request_rec *r)
{
    const taiauth_dir_t *conf = taiauth_dir(r);

    if (TAIAUTH_GET(conf, mode) == TAIAUTH_OFF) {
        return DECLINED;
    }
    return is_preflight(r, conf) || is_look_up_of_preflight(r, conf) || taiauth_is_error_document(r)
               ? OK
               : DECLINED;
}

/* A Require wants a user, and nobody but us could name one. */
int taiauth_authn_check(request_rec *r)
{
    const taiauth_judgement_t *j;

    if (TAIAUTH_GET(taiauth_dir(r), mode) == TAIAUTH_OFF) {
        return DECLINED;
    }
    if (ap_satisfies(r) == SATISFY_ANY) {
        return HTTP_INTERNAL_SERVER_ERROR; /* httpd asks on although the access check refused */
    }
    if (ap_auth_type(r)) {
        return DECLINED;
    }
    j = taiauth_judged(r);
    if (j && j->reason == TAI_ADMITTED) {
        r->user = (char *)j->user;
        return OK;
    }
    return taiauth_refuse(r, TAI_KEY_MISSING, NULL, 0, NULL);
}

/* Reached only when authentication went well: a 401 from here on is a Require that refused. */
int taiauth_authz_check(request_rec *r)
{
    taiauth_request_t *ctx = taiauth_request_find(r);

    if (ctx) {
        ctx->authenticated = r;
    }
    return DECLINED;
}

static int refuse_unproven(request_rec *r)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "taiauth: no key was checked for this request; another module answered for the "
                  "access checker");
    return HTTP_INTERNAL_SERVER_ERROR;
}

int taiauth_fixups(request_rec *r)
{
    const taiauth_dir_t *conf = taiauth_dir(r);
    taiauth_request_t *ctx;
    taiauth_judgement_t *j;

    if (TAIAUTH_GET(conf, mode) == TAIAUTH_OFF) {
        return DECLINED;
    }
    if (ap_satisfies(r) == SATISFY_ANY) {
        return refuse_satisfy_any(r);
    }
    ctx = taiauth_request(r);
    /* an internal redirect renames the environment, and within one section no access hook runs */
    if (r->main || ctx->published != r) {
        taiauth_response_keep_out_of_cache(r);
    }
    if (!r->main) {
        ctx->awaiting = NULL;
    }
    if (is_preflight(r, conf)) {
        taiauth_metrics_verdict(r, TAI_PREFLIGHT);
        return DECLINED;
    }
    if (taiauth_is_error_document(r)) {
        return DECLINED;
    }
    j = taiauth_judged(r);
    if (is_unproven(conf, j)) {
        return is_look_up_of_preflight(r, conf) ? DECLINED : refuse_unproven(r);
    }
    taiauth_identity_publish(r, conf, j);
    return taiauth_limits_charge(r, ctx, conf, j);
}

/* Whatever way it took, no application sees a pair that nobody has asked about the lock of. */
static int refuse_locked(request_rec *r)
{
    taiauth_judgement_t *j = taiauth_limiter_shared ? taiauth_judged(r) : NULL;
    const tai_reason_e reason = taiauth_lock_ask(r, j);

    return reason == TAI_ADMITTED ? OK : taiauth_refuse(r, reason, NULL, j->retry_after, NULL);
}

/*
 * mod_dir and mod_negotiation look a file up with GET and then put it in the place of what the
 * client asked for, whose method stays; a redirect to GET within one section skips the access hooks.
 * Either way the scopes that were judged are those of another method.
 */
static int check_landing(request_rec *r)
{
    const taiauth_dir_t *conf = taiauth_dir(r);
    taiauth_request_t *ctx;
    int status;

    if (TAIAUTH_GET(conf, mode) == TAIAUTH_OFF || is_preflight(r, conf) ||
        taiauth_is_any_error_document(r)) {
        return DECLINED;
    }
    status = refuse_locked(r);
    if (status != OK) {
        return status;
    }
    if (r->main) {
        return is_unproven(conf, taiauth_judged(r)) ? refuse_unproven(r) : DECLINED;
    }
    ctx = taiauth_request(r);
    if (ctx->scoped == conf && !strcmp(ctx->scoped_method, r->method)) {
        return DECLINED;
    }
    if (is_unproven(conf, taiauth_judged(r))) {
        return refuse_unproven(r);
    }
    status = taiauth_scopes_check(r, conf, taiauth_judged(r));
    if (status != OK) {
        return status;
    }
    ctx->scoped = conf;
    ctx->scoped_method = r->method;
    return DECLINED;
}

int taiauth_handler_check(request_rec *r)
{
    int status = check_landing(r);

    return status == DECLINED ? taiauth_look_before_upgrade(r) : status;
}
