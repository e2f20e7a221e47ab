#include "api.h"

#include <openssl/crypto.h>

static int is_envelope(request_rec *r)
{
    return TAIAUTH_GET(taiauth_dir(r), format) == TAI_FORMAT_ENVELOPE;
}

/* The text may hold a key that was just made: it is wiped where it is ours. */
static int send_text(request_rec *r, char *text)
{
    apr_size_t len = strlen(text);

    apr_table_unset(r->headers_in, "Range"); /* what is made for this call alone is whole */
    taiauth_response_manage(r->err_headers_out);
    ap_set_content_type_ex(r, tai_refusal_type(TAI_FORMAT_JSON), 1);
    ap_set_content_length(r, (apr_off_t)len + 1);
    taiauth_metrics_verdict(r, TAI_MANAGED);
    ap_rwrite(text, (int)len, r);
    ap_rputc('\n', r);
    OPENSSL_cleanse(text, len);
    return OK;
}

int taiauth_answer_plain(request_rec *r, int status, json_t *data)
{
    char *text = json_dumps(data, 0);

    json_decref(data);
    if (!text) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    r->status = status;
    status = send_text(r, text);
    free(text);
    return status;
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
