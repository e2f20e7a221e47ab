#include "api.h"

#include <openssl/crypto.h>

static int is_envelope(request_rec *r)
{
    return TAIAUTH_GET(taiauth_dir(r), format) == TAI_FORMAT_ENVELOPE;
}

/*
 * As text, with a newline behind it. It may hold a key that was just made: a buffer that grows would
 * leave pieces of it behind.
 */
static char *dump(const json_t *data, apr_size_t *len, apr_pool_t *p)
{
    size_t size = json_dumpb(data, NULL, 0, 0);
    char *text = apr_palloc(p, size + 1);

    if (!size || json_dumpb(data, text, size, 0) != size) {
        return NULL;
    }
    text[size] = '\n';
    *len = size + 1;
    return text;
}

int taiauth_answer_plain(request_rec *r, int status, json_t *data)
{
    apr_size_t len;
    char *text = dump(data, &len, r->pool);

    json_decref(data);
    if (!text) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    r->status = status;
    apr_table_unset(r->headers_in, "Range"); /* what is made for this call alone is whole */
    taiauth_response_manage(r->err_headers_out);
    ap_set_content_type_ex(r, tai_refusal_type(TAI_FORMAT_JSON), 1);
    ap_set_content_length(r, (apr_off_t)len);
    taiauth_metrics_verdict(r, TAI_MANAGED);
    ap_rwrite(text, (int)len, r);
    OPENSSL_cleanse(text, len);
    return OK;
}

int taiauth_answer(request_rec *r, int status, json_t *data)
{
    return is_envelope(r)
               ? taiauth_answer_plain(r, HTTP_OK, json_pack("{s:[], s:o}", "errors", "data", data))
               : taiauth_answer_plain(r, status, data);
}

/* ---- lists -------------------------------------------------------------------------------- */

static json_t *row(const json_t *object, const char *const *columns)
{
    json_t *values = json_array();

    for (; *columns; columns++) {
        json_array_append(values, json_object_get(object, *columns));
    }
    return values;
}

/* {"columns": [names], "data": [[values], ...]}: each name stands there once */
static json_t *in_columns(json_t *list, const char *const *columns)
{
    json_t *names = json_array();
    json_t *rows = json_array();
    json_t *object;
    size_t i;

    for (i = 0; columns[i]; i++) {
        json_array_append_new(names, json_string(columns[i]));
    }
    json_array_foreach(list, i, object)
    {
        json_array_append_new(rows, row(object, columns));
    }
    json_decref(list);
    return json_pack("{s:o, s:o}", "columns", names, "data", rows);
}

int taiauth_answer_list(request_rec *r, const char *name, json_t *list, const char *const *columns,
                        int paged, const char *next)
{
    json_t *data = is_envelope(r) ? in_columns(list, columns) : json_pack("{s:o}", name, list);

    if (paged) {
        json_object_set_new(data, "next", next ? json_string(next) : json_null());
    }
    return taiauth_answer(r, HTTP_OK, data);
}
