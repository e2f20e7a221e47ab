/*
 * Require tai-scope, tai-plan and tai-account: any one of the names given.
 */

#include "taiauth.h"

#include <ap_provider.h>
#include <mod_auth.h>
#include "../core/scope.h"

/* A Require line, read once at configuration time. */
typedef struct required_t {
    apr_array_header_t *names; /* of const char * */
    int unwanted;              /* it stands under "not" or RequireNone */
} required_t;

static int is_unwanted(const ap_directive_t *d)
{
    int unwanted = d && !ap_cstr_casecmpn(d->args, "not ", 4);

    while (!unwanted && d) {
        unwanted = !ap_cstr_casecmp(d->directive, "<RequireNone");
        d = d->parent;
    }
    return unwanted;
}

static const char *parse_names(cmd_parms *cmd, const char *line, const void **parsed)
{
    required_t *required = apr_palloc(cmd->pool, sizeof(*required));

    required->names = apr_array_make(cmd->pool, 2, sizeof(char *));
    required->unwanted = is_unwanted(cmd->directive);
    while (*line) {
        APR_ARRAY_PUSH(required->names, const char *) = ap_getword_conf(cmd->pool, &line);
    }
    if (!required->names->nelts) {
        return "needs at least one name";
    }
    *parsed = required;
    return NULL;
}

static const char *parse_scopes(cmd_parms *cmd, const char *line, const void **parsed)
{
    const char *error = parse_names(cmd, line, parsed);
    const required_t *required = *parsed;
    int i;

    for (i = 0; !error && i < required->names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(required->names, i, const char *);

        if (!tai_scope_valid(name)) {
            error = apr_pstrcat(cmd->pool, "\"", name,
                                "\" is not the name of a scope: lower-case letters, digits, and "
                                "_.- in parts joined by colons, such as programs:read",
                                NULL);
        }
    }
    return error;
}

/* The record of an admitted key; NULL: nobody is known, and *status says what that means. */
static const tai_record_t *admitted(request_rec *r, authz_status *status)
{
    const taiauth_judgement_t *j = taiauth_judged(r);

    if (TAIAUTH_GET(taiauth_dir(r), mode) == TAIAUTH_OFF) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "taiauth: Require tai-scope, tai-plan or tai-account holds where TaiAuth is "
                      "Off, so nobody can pass it");
        *status = AUTHZ_DENIED;
        return NULL;
    }
    *status = AUTHZ_DENIED_NO_USER;
    return j && j->reason == TAI_ADMITTED ? j->record : NULL;
}

static authz_status check_scope(request_rec *r, const char *line, const void *parsed)
{
    const required_t *required = parsed;
    taiauth_request_t *ctx = taiauth_request(r);
    authz_status status;
    const tai_record_t *record = admitted(r, &status);
    int i;

    (void)line;
    for (i = 0; record && i < required->names->nelts; i++) {
        const char *scope = APR_ARRAY_IDX(required->names, i, const char *);
        tai_reason_e reason = tai_judge_scope(record, scope);

        if (reason == TAI_ADMITTED) {
            return AUTHZ_GRANTED;
        }
        if (!r->main && !ctx->challenge_scope && !required->unwanted) {
            ctx->challenge_scope = scope;
            ctx->challenge_reason = reason;
        }
    }
    return record ? AUTHZ_DENIED : status;
}

static authz_status check_name(request_rec *r, const void *parsed,
                               const char *(*get)(const tai_record_t *))
{
    const apr_array_header_t *names = ((const required_t *)parsed)->names;
    authz_status status;
    const tai_record_t *record = admitted(r, &status);
    int i;

    for (i = 0; record && i < names->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(names, i, const char *), get(record))) {
            return AUTHZ_GRANTED;
        }
    }
    return record ? AUTHZ_DENIED : status;
}

static const char *plan_of(const tai_record_t *record)
{
    return record->plan;
}

static const char *account_of(const tai_record_t *record)
{
    return record->account;
}

static authz_status check_plan(request_rec *r, const char *line, const void *parsed)
{
    (void)line;
    return check_name(r, parsed, plan_of);
}

static authz_status check_account(request_rec *r, const char *line, const void *parsed)
{
    (void)line;
    return check_name(r, parsed, account_of);
}

static const authz_provider scope_provider = {check_scope, parse_scopes};
static const authz_provider plan_provider = {check_plan, parse_names};
static const authz_provider account_provider = {check_account, parse_names};

static const struct {
    const char *name;
    const authz_provider *provider;
} providers[] = {
    {"tai-scope", &scope_provider},
    {"tai-plan", &plan_provider},
    {"tai-account", &account_provider},
};

void taiauth_require_register(apr_pool_t *p)
{
    apr_size_t i;

    for (i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, providers[i].name,
                                  AUTHZ_PROVIDER_VERSION, providers[i].provider,
                                  AP_AUTH_INTERNAL_PER_CONF);
    }
}
