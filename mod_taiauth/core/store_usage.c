#include "store_usage.h"
#include "store_private.h"

#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>
#include <jansson.h>

/* What the calls below hand to the part that has the connection. */
typedef struct request_t {
    const char *used; /* as the statements take it */
    const char *account_id;
    const char *key_id;
    apr_int64_t now;
    apr_array_header_t *days;
} request_t;

/* [[key, last use, admitted, refused], ...]; a key whose id is no UTF-8 is none of ours. */
static json_t *make_list(const apr_array_header_t *used)
{
    json_t *list = json_array();

    for (int i = 0; i < used->nelts; i++) {
        const tai_used_t *its = &APR_ARRAY_IDX(used, i, tai_used_t);
        json_t *row = json_pack("[sIII]", its->key_id, (json_int_t)its->at,
                                (json_int_t)its->admitted, (json_int_t)its->refused);

        if (row != NULL) {
            json_array_append_new(list, row);
        }
    }
    return list;
}

static int compare_used(const void *a, const void *b)
{
    return strcmp(((const tai_used_t *)a)->key_id, ((const tai_used_t *)b)->key_id);
}

/* By key, so that of two nodes none waits for a row of the other's while that one waits for his. */
static const char *used_text(const apr_array_header_t *given, apr_pool_t *p)
{
    const apr_array_header_t *used = apr_array_copy(p, given);
    json_t *list;
    const char *text;
    char *dumped;

    qsort(used->elts, (apr_size_t)used->nelts, sizeof(tai_used_t), compare_used);
    list = make_list(used);
    dumped = json_dumps(list, JSON_COMPACT);
    text = apr_pstrdup(p, dumped);
    free(dumped);
    json_decref(list);
    return text;
}

static tai_change_e write_usage(tai_connection_t *connection, void *data, apr_pool_t *p,
                                const char **text)
{
    const request_t *request = data;
    const char *day = tai_store_day(request->now, p);

    return tai_connection_change(connection, TAI_SQL_WRITE_LAST_USE, TAI_ARGS(request->used), p,
                                 NULL, text) == APR_SUCCESS &&
                   tai_connection_change(connection, TAI_SQL_WRITE_USAGE,
                                         TAI_ARGS(day, request->used), p, NULL, text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

tai_change_e tai_store_write_usage(tai_store_t *store, const apr_array_header_t *used,
                                   apr_int64_t now, apr_pool_t *p, const char **text)
{
    request_t request = {.used = used_text(used, p), .now = now};

    if (request.used == NULL) {
        *text = "no memory to write down what keys were used for";
        return TAI_CHANGE_UNKNOWN;
    }
    return tai_store_change_aside(store, write_usage, &request, p, text);
}

static tai_change_e key_usage(tai_connection_t *connection, void *data, apr_pool_t *p,
                              const char **text)
{
    request_t *request = data;
    const char *first = tai_store_first_day(request->now, p);
    apr_array_header_t *rows;

    if (tai_connection_select(connection, TAI_SQL_KEY_USAGE,
                              TAI_ARGS(request->key_id, request->account_id, first), p, &rows,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    request->days = apr_array_make(p, rows->nelts, sizeof(tai_usage_day_t));
    for (int i = 0; i < rows->nelts; i++) {
        tai_row_t row = APR_ARRAY_IDX(rows, i, tai_row_t);

        APR_ARRAY_PUSH(request->days, tai_usage_day_t) =
            (tai_usage_day_t){row[0], apr_atoi64(row[1]), apr_atoi64(row[2])};
    }
    return TAI_CHANGE_DONE;
}

tai_change_e tai_store_key_usage(tai_store_t *store, const char *account_id, const char *key_id,
                                 apr_int64_t now, apr_pool_t *p, apr_array_header_t **days,
                                 const char **text)
{
    request_t request = {.account_id = account_id, .key_id = key_id, .now = now};
    tai_change_e outcome = tai_store_view(store, key_usage, &request, p, text);

    *days = request.days;
    return outcome;
}
