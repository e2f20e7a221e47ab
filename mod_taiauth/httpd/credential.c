#include "taiauth.h"

#include "../core/key.h"
#include "spelling.h"

/* A header as the client sent it, whether or not it has been withheld since. */
static const char *sent(request_rec *r, const taiauth_request_t *ctx, const char *name)
{
    const char *value = apr_table_get(r->headers_in, name);

    return value || !ctx->withheld ? value : apr_table_get(ctx->withheld, name);
}

/* What stands behind "Bearer" (RFC 6750); NULL: another scheme. */
static const char *bearer(const char *authorization)
{
    static const char scheme[] = "Bearer";
    const apr_size_t len = sizeof(scheme) - 1;

    if (!authorization || ap_cstr_casecmpn(authorization, scheme, len) != 0 ||
        (authorization[len] && authorization[len] != ' ')) {
        return NULL;
    }
    authorization += len;
    while (*authorization == ' ') {
        authorization++;
    }
    return authorization;
}

/* The first source that is present is final, whatever it holds. */
static const char *find_key(request_rec *r, const taiauth_request_t *ctx, const taiauth_dir_t *conf)
{
    const apr_array_header_t *names = taiauth_key_headers(conf);
    int i;

    for (i = 0; i < names->nelts; i++) {
        const char *value = sent(r, ctx, APR_ARRAY_IDX(names, i, const char *));

        if (value) {
            return value;
        }
    }
    return TAIAUTH_GET(conf, bearer) ? bearer(sent(r, ctx, "Authorization")) : NULL;
}

tai_reason_e taiauth_key_reason(tai_shape_e shape, int key_format)
{
    switch (shape) {
    case TAI_SHAPE_OURS:
        return TAI_ADMITTED;
    case TAI_SHAPE_REPEATED:
        return TAI_KEY_REPEATED;
    case TAI_SHAPE_CHECKSUM:
        return key_format == TAIAUTH_KEYS_ANY ? TAI_ADMITTED : TAI_KEY_CHECKSUM;
    case TAI_SHAPE_IMPORTED:
        return key_format == TAIAUTH_KEYS_ANY ? TAI_ADMITTED : TAI_KEY_MALFORMED;
    default:
        return TAI_KEY_MALFORMED;
    }
}

void taiauth_credential_read(request_rec *r, taiauth_request_t *ctx, const taiauth_dir_t *conf,
                             taiauth_credential_t *out)
{
    const char *token_header = taiauth_token_header(conf);
    int key_format = TAIAUTH_GET(taiauth_server(r->server), key_format);

    out->shape = TAI_SHAPE_NONE;
    out->key = find_key(r, ctx, conf);
    out->token = token_header ? sent(r, ctx, token_header) : NULL;
    out->asked = token_header ? TAI_TOKEN_GIVEN : TAI_TOKEN_NOT_ASKED;
    if (!out->key || !*out->key) {
        out->key = NULL;
        out->reason = TAI_KEY_MISSING;
        return;
    }
    out->shape = tai_key_shape(TAI_KIND_KEY, out->key);
    if (token_header && (!out->token || !*out->token)) {
        out->reason = TAI_TOKEN_MISSING;
        return;
    }
    if (token_header &&
        taiauth_key_reason(tai_key_shape(TAI_KIND_TOKEN, out->token), key_format) != TAI_ADMITTED) {
        out->asked = TAI_TOKEN_MALFORMED;
    }
    out->reason = taiauth_key_reason(out->shape, key_format);
}

/* ---- taking them out ---------------------------------------------------------------------- */

static void withhold(request_rec *r, taiauth_request_t *ctx, const char *name)
{
    const char *value = apr_table_get(r->headers_in, name);

    if (value) {
        if (!ctx->withheld) {
            ctx->withheld = apr_table_make(taiauth_initial(r)->pool, 2);
        }
        apr_table_setn(ctx->withheld, name, value);
        apr_table_unset(r->headers_in, name);
    }
    /* X_API_Key is not the credential, but who sends it most likely meant it to be */
    taiauth_spelling_unset(r->headers_in, name, 0);
}

/* Beside a key header the application may have a bearer token of its own in Authorization. */
static int carries_key(request_rec *r, const taiauth_request_t *ctx,
                       const apr_array_header_t *names)
{
    const char *carried = bearer(apr_table_get(r->headers_in, "Authorization"));
    int only_source = 1;
    int i;

    for (i = 0; carried && i < names->nelts; i++) {
        only_source &= !sent(r, ctx, APR_ARRAY_IDX(names, i, const char *));
    }
    return carried && (only_source || !strncmp(carried, "tai_", 4));
}

void taiauth_credential_withhold(request_rec *r, taiauth_request_t *ctx, const taiauth_dir_t *conf)
{
    const apr_array_header_t *names = taiauth_key_headers(conf);
    const char *token_header = taiauth_token_header(conf);
    int i;

    if (TAIAUTH_GET(conf, forward_key)) {
        return;
    }
    if (TAIAUTH_GET(conf, bearer) && carries_key(r, ctx, names)) {
        withhold(r, ctx, "Authorization");
    }
    for (i = 0; i < names->nelts; i++) {
        withhold(r, ctx, APR_ARRAY_IDX(names, i, const char *));
    }
    if (token_header) {
        withhold(r, ctx, token_header);
    }
}
