#include "api.h"

#include <openssl/crypto.h>
#include <util_filter.h>

/* ---- what it says of itself --------------------------------------------------------------- */

/* One parameter of a media type: JSON is UTF-8 (RFC 8259, 8.1), and says no more about it. */
static int is_parameter_fit(char *parameter)
{
    char *value = strchr(parameter, '=');

    if (!value) {
        return 0;
    }
    *value++ = '\0';
    return ap_cstr_casecmp(parameter, "charset") || !ap_cstr_casecmp(value, "utf-8") ||
           !ap_cstr_casecmp(value, "\"utf-8\"");
}

static int is_json(const char *type, apr_pool_t *p)
{
    static const char parts[] = "; \t";
    char *state, *part;

    part = apr_strtok(apr_pstrdup(p, type ? type : ""), parts, &state);
    if (!part || ap_cstr_casecmp(part, "application/json")) {
        return 0;
    }
    while ((part = apr_strtok(NULL, parts, &state)) != NULL) {
        if (!is_parameter_fit(part)) {
            return 0;
        }
    }
    return 1;
}

static int check_head(request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t bytes;

    if (!is_json(apr_table_get(r->headers_in, "Content-Type"), r->pool)) {
        return taiauth_refuse(r, TAI_MEDIA_TYPE, NULL, 0, NULL);
    }
    if (apr_table_get(r->headers_in, "Content-Encoding")) {
        return taiauth_refuse(r, TAI_MEDIA_TYPE, "A request body must not be compressed.", 0, NULL);
    }
    if (length && ap_parse_strict_length(&bytes, length) && bytes > TAIAUTH_BODY_MAX) {
        return taiauth_refuse(r, TAI_TOO_LARGE, NULL, 0, NULL);
    }
    return OK;
}

/* ---- reading ------------------------------------------------------------------------------ */

typedef struct body_t {
    char *bytes; /* room for TAIAUTH_BODY_MAX */
    apr_size_t len;
    int ended;
} body_t;

static int refuse_broken(request_rec *r)
{
    return taiauth_refuse(r, TAI_BAD_REQUEST, "The request body did not arrive as a whole.", 0,
                          NULL);
}

static int take(request_rec *r, apr_bucket_brigade *bb, body_t *body)
{
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb); b = APR_BUCKET_NEXT(b)) {
        const char *bytes;
        apr_size_t len;

        body->ended = APR_BUCKET_IS_EOS(b);
        if (APR_BUCKET_IS_METADATA(b)) {
            continue;
        }
        if (apr_bucket_read(b, &bytes, &len, APR_BLOCK_READ) != APR_SUCCESS) {
            return refuse_broken(r);
        }
        if (len > TAIAUTH_BODY_MAX - body->len) {
            return taiauth_refuse(r, TAI_TOO_LARGE, NULL, 0, NULL);
        }
        memcpy(body->bytes + body->len, bytes, len);
        body->len += len;
    }
    return OK;
}

static int read_all(request_rec *r, body_t *body)
{
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    int status = OK;

    while (status == OK && !body->ended) {
        apr_status_t rv = ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES, APR_BLOCK_READ,
                                         TAIAUTH_BODY_MAX - (apr_off_t)body->len + 1);

        if (rv == AP_FILTER_ERROR) {
            return AP_FILTER_ERROR; /* the filter has answered */
        }
        if (rv != APR_SUCCESS || APR_BRIGADE_EMPTY(bb)) {
            return refuse_broken(r);
        }
        status = take(r, bb, body);
        apr_brigade_cleanup(bb);
    }
    return status;
}

int taiauth_body_read(request_rec *r, json_t **json)
{
    body_t body = {apr_palloc(r->pool, TAIAUTH_BODY_MAX), 0, 0};
    const char *error;
    int status = check_head(r);

    *json = NULL;
    if (status == OK) {
        status = read_all(r, &body);
    }
    if (status != OK) {
        return status;
    }
    error = tai_input_parse("The body", body.bytes, body.len, r->pool, json);
    OPENSSL_cleanse(body.bytes, body.len); /* it may hold a password */
    return error ? taiauth_refuse(r, TAI_BAD_REQUEST, error, 0, NULL) : OK;
}
