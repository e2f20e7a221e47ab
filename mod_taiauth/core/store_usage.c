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
    const char *ids; /* as the statement takes them */
    apr_int64_t now;
    apr_hash_t *days;
} request_t;

/* As a statement takes it; NULL: no memory. list is given back here. */
static const char *list_text(json_t *list, apr_pool_t *p)
{
    char *dumped = json_dumps(list, JSON_COMPACT);
    const char *text = apr_pstrdup(p, dumped);

    free(dumped);
    json_decref(list);
    return text;
}

/* ---- writing ------------------------------------------------------------------------------ */

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

    qsort(used->elts, (apr_size_t)used->nelts, sizeof(tai_used_t), compare_used);
    return list_text(make_list(used), p);
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

/* ---- reading ------------------------------------------------------------------------------ */

/* rows: of USAGE_DAYS */
static apr_hash_t *by_key(const apr_array_header_t *rows, apr_pool_t *p)
{
    apr_hash_t *days = apr_hash_make(p);

    for (int i = 0; i < rows->nelts; i++) {
        tai_row_t row = APR_ARRAY_IDX(rows, i, tai_row_t);
        apr_array_header_t *of_key = apr_hash_get(days, row[0], APR_HASH_KEY_STRING);

        if (of_key == NULL) {
            of_key = apr_array_make(p, TAI_USAGE_DAYS, sizeof(tai_usage_day_t));
            apr_hash_set(days, row[0], APR_HASH_KEY_STRING, of_key);
        }
        APR_ARRAY_PUSH(of_key, tai_usage_day_t) =
            (tai_usage_day_t){row[1], apr_atoi64(row[2]), apr_atoi64(row[3])};
    }
    return days;
}

static tai_change_e usage_days(tai_connection_t *connection, void *data, apr_pool_t *p,
                               const char **text)
{
    request_t *request = data;
    const char *first = tai_store_first_day(request->now, p);
    const char *today = tai_store_day(request->now, p);
    apr_array_header_t *rows;

    if (tai_connection_select(connection, TAI_SQL_USAGE_DAYS,
                              TAI_ARGS(request->ids, request->account_id, first, today), p, &rows,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    request->days = by_key(rows, p);
    return TAI_CHANGE_DONE;
}

static const char *ids_text(const apr_array_header_t *ids, apr_pool_t *p)
{
    json_t *list = json_array();

    for (int i = 0; i < ids->nelts; i++) {
        json_array_append_new(list, json_string(APR_ARRAY_IDX(ids, i, const char *)));
    }
    return list_text(list, p);
}

tai_change_e tai_store_usage_days(tai_store_t *store, const char *account_id,
                                  const apr_array_header_t *ids, apr_int64_t now, apr_pool_t *p,
                                  apr_hash_t **days, const char **text)
{
    request_t request = {.account_id = account_id, .ids = ids_text(ids, p), .now = now};
    tai_change_e outcome;

    if (request.ids == NULL) {
        *text = "no memory to look up what keys were used for";
        return TAI_CHANGE_UNKNOWN;
    }
    outcome = tai_store_view(store, usage_days, &request, p, text);
    *days = request.days;
    return outcome;
}
