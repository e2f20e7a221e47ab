/*
 * Headers that every answer of a protected location carries.
 */

#include "taiauth.h"

#include <util_filter.h>

#define FILTER_NAME "TAIAUTH_RESPONSE"

static ap_filter_rec_t *filter_handle;

static const char *vary(const taiauth_dir_t *conf, apr_pool_t *p)
{
    const apr_array_header_t *headers = taiauth_key_headers(conf);
    const char *names = APR_ARRAY_IDX(headers, 0, const char *);
    int i;

    for (i = 1; i < headers->nelts; i++) {
        names = apr_pstrcat(p, names, ", ", APR_ARRAY_IDX(headers, i, const char *), NULL);
    }
    if (taiauth_token_header(conf)) {
        names = apr_pstrcat(p, names, ", ", taiauth_token_header(conf), NULL);
    }
    if (TAIAUTH_GET(conf, bearer)) {
        names = apr_pstrcat(p, names, ", Authorization", NULL);
    }
    return names;
}

/*
 * mod_cache's quick handler answers before any access check, and the stripped key defeats Vary
 * there: what it never stores it cannot give away. Caches elsewhere are told by the fields.
 */
void taiauth_response_protect(request_rec *r, const taiauth_dir_t *conf)
{
    apr_table_setn(r->subprocess_env, "no-cache", "1");
    apr_table_setn(r->err_headers_out, "Cache-Control", "private");
    apr_table_setn(r->err_headers_out, "Vary", vary(conf, r->pool));
}

/* An application that forbids storing altogether keeps its say; nothing else it says holds. */
static void settle_cache_control(request_rec *r)
{
    const char *theirs = apr_table_get(r->headers_out, "Cache-Control");
    const char *ours = apr_table_get(r->err_headers_out, "Cache-Control");

    if (theirs && ours && !strcmp(ours, "private") &&
        ap_find_list_item(r->pool, theirs, "no-store")) {
        apr_table_setn(r->err_headers_out, "Cache-Control", "private, no-store");
    }
}

/* Fields of which ours is the only one, where we have set one. */
static const char *const replaced[] = {
    "Cache-Control",         "RateLimit-Policy",  "RateLimit",   "X-RateLimit-Limit",
    "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After", "X-Content-Type-Options",
};

static apr_status_t response_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    apr_size_t i;

    settle_cache_control(r);
    for (i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++) {
        if (apr_table_get(r->err_headers_out, replaced[i])) {
            apr_table_unset(r->headers_out, replaced[i]);
        }
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

void taiauth_response_insert_filter(request_rec *r)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);
    int protected = TAIAUTH_GET(taiauth_dir(r), mode) != TAIAUTH_OFF;

    if (!r->main && (protected || (ctx && ctx->refusal))) {
        ap_add_output_filter_handle(filter_handle, NULL, r, r->connection);
    }
}

void taiauth_response_register(apr_pool_t *p)
{
    (void)p;
    /* behind everything that an operator or an application has to say about headers */
    filter_handle = ap_register_output_filter(FILTER_NAME, response_filter, NULL,
                                              (ap_filter_type)(AP_FTYPE_PROTOCOL - 3));
}
