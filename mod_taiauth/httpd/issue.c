/*
 * A key that was just made: how its owner is to send it. Here and in the answer is the only place
 * where its text ever stands.
 */

#include "api.h"

#include <openssl/crypto.h>

static json_t *header(const char *name, const char *value)
{
    return json_pack("{s:s, s:s}", "name", name, "value", value);
}

/* A place that names no headers of its own goes with either dialect. */
json_t *taiauth_issue_headers(const taiauth_dir_t *conf, const tai_key_issue_t *issue)
{
    const char *key_header = APR_ARRAY_IDX(taiauth_key_headers(conf), 0, const char *);
    const char *token_header = taiauth_token_header(conf);
    json_t *headers = json_array();

    if (!*issue->token) {
        json_array_append_new(headers, header(key_header, issue->key));
        return headers;
    }
    json_array_append_new(headers, header(conf->key_headers ? key_header : "apikey", issue->key));
    json_array_append_new(headers,
                          header(token_header ? token_header : "x-ts-authorization", issue->token));
    return headers;
}

static void wipe_texts(json_t *json)
{
    const char *name;
    json_t *value;
    size_t i;

    json_array_foreach(json, i, value)
    {
        wipe_texts(value);
    }
    json_object_foreach(json, name, value)
    {
        wipe_texts(value);
    }
    OPENSSL_cleanse((char *)json_string_value(json), json_string_length(json));
}

int taiauth_issue_answer(request_rec *r, json_t *data, tai_key_issue_t *issue)
{
    int status;

    json_incref(data);
    status = taiauth_answer(r, HTTP_CREATED, data);
    wipe_texts(data);
    json_decref(data);
    OPENSSL_cleanse(issue, sizeof(*issue));
    return status;
}
