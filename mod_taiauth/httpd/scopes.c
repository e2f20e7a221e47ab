#include "taiauth.h"

/* GET covers HEAD. */
static int names_method(const apr_array_header_t *methods, const char *method)
{
    int i;

    if (!methods) {
        return 1;
    }
    if (!strcmp(method, "HEAD")) {
        method = "GET";
    }
    for (i = 0; i < methods->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(methods, i, const char *), method)) {
            return 1;
        }
    }
    return 0;
}

static const char *join(const char *text, const char *name, apr_pool_t *p)
{
    return text ? apr_pstrcat(p, text, ", ", name, NULL) : name;
}

/* The methods that a set of lines names, as Allow has them. */
static const char *allow(const apr_array_header_t *lines, apr_pool_t *p)
{
    apr_array_header_t *seen = apr_array_make(p, 4, sizeof(char *));
    const char *text = NULL;
    int i, m;

    for (i = 0; i < lines->nelts; i++) {
        const apr_array_header_t *methods = APR_ARRAY_IDX(lines, i, taiauth_scope_line_t).methods;

        for (m = 0; m < methods->nelts; m++) {
            const char *name = APR_ARRAY_IDX(methods, m, const char *);

            if (!names_method(seen, name)) {
                APR_ARRAY_PUSH(seen, const char *) = name;
                text = join(text, strcmp(name, "GET") ? name : "GET, HEAD", p);
            }
        }
    }
    return text;
}

/* The first scope of a line that is not effective. */
static tai_reason_e check_line(const tai_record_t *record, const taiauth_scope_line_t *line,
                               const char **missing)
{
    int i;

    for (i = 0; i < line->scopes->nelts; i++) {
        const char *scope = APR_ARRAY_IDX(line->scopes, i, const char *);
        tai_reason_e reason = tai_judge_scope(record, scope);

        if (reason != TAI_ADMITTED) {
            *missing = scope;
            return reason;
        }
    }
    return TAI_ADMITTED;
}

const char *taiauth_scope_text(request_rec *r, tai_reason_e reason, const char *scope)
{
    apr_array_header_t *titles = NULL;

    if (reason != TAI_SCOPE_NOT_IN_PLAN) {
        return tai_refusal_scope_text(scope, r->pool);
    }
    if (!taiauth_store ||
        tai_store_scope_plans(taiauth_store, scope, r->pool, &titles) != APR_SUCCESS) {
        /* which plans is a courtesy; that the scope is refused is certain */
        return apr_psprintf(r->pool, "The \"%s\" scope requires another plan.", scope);
    }
    return tai_refusal_plan_text(scope, titles, r->pool);
}

int taiauth_scopes_refuse(request_rec *r, const taiauth_dir_t *conf, tai_reason_e reason,
                          const char *scope)
{
    if (TAIAUTH_GET(conf, dry_run) & TAIAUTH_DRY_SCOPE) {
        taiauth_refuse_dry(r, reason);
        return OK;
    }
    return taiauth_refuse(r, reason, taiauth_scope_text(r, reason, scope), 0, scope);
}

static void explain_line(request_rec *r, const taiauth_scope_line_t *line,
                         const tai_record_t *record)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);

    if (ctx && ctx->explanation && record) {
        taiauth_explain_step(r, "scopes", "%s needs %s; the key has %s; of them plan %s grants %s",
                             r->method, apr_array_pstrcat(r->pool, line->scopes, ' '),
                             record->scopes, record->plan, record->effective);
    }
}

/* record NULL: nobody's key, so that every scope asked for is one too many */
static int check_lines(request_rec *r, const taiauth_dir_t *conf, const apr_array_header_t *lines,
                       const tai_record_t *record)
{
    int named = 0;
    int i;

    for (i = 0; lines && i < lines->nelts; i++) {
        const taiauth_scope_line_t *line = &APR_ARRAY_IDX(lines, i, taiauth_scope_line_t);
        const char *missing = NULL;
        tai_reason_e reason;

        if (!names_method(line->methods, r->method)) {
            continue;
        }
        named = 1;
        explain_line(r, line, record);
        if (!record) {
            return taiauth_refuse(r, TAI_KEY_MISSING, NULL, 0, NULL);
        }
        reason = check_line(record, line, &missing);
        if (reason != TAI_ADMITTED) {
            int status = taiauth_scopes_refuse(r, conf, reason, missing);

            if (status != OK) {
                return status;
            }
        }
    }
    if (!lines || !lines->nelts || named) {
        return OK;
    }
    taiauth_explain_step(r, "scopes", "no TaiAuthScope line names %s", r->method);
    return taiauth_refuse_method(r, allow(lines, r->pool));
}

int taiauth_scopes_check(request_rec *r, const taiauth_dir_t *conf, const taiauth_judgement_t *j)
{
    const tai_record_t *record = j->reason == TAI_ADMITTED ? j->record : NULL;
    int status = check_lines(r, conf, conf->scopes, record);

    return status == OK ? check_lines(r, conf, conf->scopes_added, record) : status;
}

static tai_reason_e judge_lines(const apr_array_header_t *lines, const char *method,
                                const tai_record_t *record, const char **missing)
{
    tai_reason_e reason = TAI_ADMITTED;
    int i;

    for (i = 0; lines && i < lines->nelts && reason == TAI_ADMITTED; i++) {
        const taiauth_scope_line_t *line = &APR_ARRAY_IDX(lines, i, taiauth_scope_line_t);

        if (names_method(line->methods, method)) {
            reason = check_line(record, line, missing);
        }
    }
    return reason;
}

tai_reason_e taiauth_scopes_judge(const taiauth_dir_t *conf, const char *method,
                                  const tai_record_t *record, const char **missing)
{
    tai_reason_e reason = judge_lines(conf->scopes, method, record, missing);

    return reason == TAI_ADMITTED ? judge_lines(conf->scopes_added, method, record, missing)
                                  : reason;
}
