#include "store_keys.h"
#include "scope.h"
#include "store_private.h"
#include "text.h"

#include <string.h>
#include <apr_hash.h>
#include <apr_strings.h>

#define KEYS_NAMED 10 /* of those that share a prefix */

/* The columns of TAI_SQL_SELECT_KEYS. */
enum {
    ID,
    LINE,
    ACCOUNT_ID,
    ACCOUNT,
    USER_ID,
    USER,
    NAME,
    PREFIX,
    PLAN,
    RATE_LIMIT,
    SCOPES,
    ORIGIN,
    HAS_TOKEN,
    CREATED_AT,
    EXPIRES_AT,
    REVOKED_AT,
    LAST_USED_AT,
    ADMITTED,
    REFUSED
};

const char *tai_key_status(const tai_key_info_t *info, apr_int64_t now)
{
    if (info->revoked_at != TAI_NEVER) {
        return "revoked";
    }
    return info->expires_at == TAI_NEVER || info->expires_at > now ? "active" : "expired";
}

static apr_array_header_t *common(const apr_array_header_t *list, const apr_array_header_t *rows,
                                  apr_pool_t *p)
{
    apr_array_header_t *both = apr_array_make(p, list->nelts, sizeof(const char *));

    for (int i = 0; i < rows->nelts; i++) {
        const char *name = APR_ARRAY_IDX(rows, i, tai_row_t)[0];

        if (tai_scope_in(list, name)) {
            APR_ARRAY_PUSH(both, const char *) = name;
        }
    }
    return both;
}

/* granted: rows of PLAN_SCOPES */
static const tai_key_info_t *read_key(tai_row_t row, const apr_array_header_t *granted,
                                      apr_pool_t *p)
{
    tai_key_info_t *info = apr_pcalloc(p, sizeof(*info));

    info->id = row[ID];
    info->line = row[LINE];
    info->account_id = row[ACCOUNT_ID];
    info->account = row[ACCOUNT];
    info->user_id = row[USER_ID];
    info->user = row[USER];
    info->name = row[NAME];
    info->prefix = row[PREFIX];
    info->plan = row[PLAN];
    info->rate_limit = row[RATE_LIMIT];
    info->scopes = tai_scope_split(row[SCOPES], p);
    info->effective = common(info->scopes, granted, p);
    info->origin = row[ORIGIN];
    info->has_token = strcmp(row[HAS_TOKEN], "1") == 0;
    info->admitted = apr_atoi64(row[ADMITTED]);
    info->refused = apr_atoi64(row[REFUSED]);
    info->created_at = tai_store_seconds(row[CREATED_AT]);
    info->expires_at = tai_store_seconds(row[EXPIRES_AT]);
    info->revoked_at = tai_store_seconds(row[REVOKED_AT]);
    info->last_used_at = tai_store_seconds(row[LAST_USED_AT]);
    return info;
}

/* Asked once for each plan, whatever the number of keys. */
static tai_change_e granted_scopes(tai_connection_t *connection, const char *plan,
                                   apr_hash_t *plans, apr_pool_t *p, apr_array_header_t **granted,
                                   const char **text)
{
    *granted = apr_hash_get(plans, plan, APR_HASH_KEY_STRING);
    if (*granted != NULL) {
        return TAI_CHANGE_DONE;
    }
    if (tai_connection_select(connection, TAI_SQL_PLAN_SCOPES, TAI_ARGS(plan), p, granted, text) !=
        APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    apr_hash_set(plans, plan, APR_HASH_KEY_STRING, *granted);
    return TAI_CHANGE_DONE;
}

static tai_change_e read_keys(tai_connection_t *connection, const apr_array_header_t *rows,
                              apr_pool_t *p, apr_array_header_t **keys, const char **text)
{
    apr_hash_t *plans = apr_hash_make(p);
    apr_array_header_t *granted;

    *keys = apr_array_make(p, rows->nelts, sizeof(const tai_key_info_t *));
    for (int i = 0; i < rows->nelts; i++) {
        tai_row_t row = APR_ARRAY_IDX(rows, i, tai_row_t);

        if (granted_scopes(connection, row[PLAN] ? row[PLAN] : "", plans, p, &granted, text) !=
            TAI_CHANGE_DONE) {
            return TAI_CHANGE_UNKNOWN;
        }
        APR_ARRAY_PUSH(*keys, const tai_key_info_t *) = read_key(row, granted, p);
    }
    return TAI_CHANGE_DONE;
}

/* The rows of the one key that is meant. */
static apr_status_t find_rows(tai_connection_t *connection, const tai_key_name_t *name,
                              apr_int64_t now, apr_pool_t *p, apr_array_header_t **rows,
                              const char **text)
{
    const char *day = tai_store_first_day(now, p);
    const char *prefix;
    apr_status_t rv;

    if (name->account_id != NULL) {
        return tai_connection_select(connection, TAI_SQL_KEY_OF_ACCOUNT,
                                     TAI_ARGS(day, day, name->text, name->account_id), p, rows,
                                     text);
    }
    if (name->hash != NULL) {
        return tai_connection_select(connection, TAI_SQL_KEY_BY_HASH,
                                     TAI_ARGS(day, day, name->hash), p, rows, text);
    }
    rv = tai_connection_select(connection, TAI_SQL_KEY_BY_ID, TAI_ARGS(day, day, name->text), p,
                               rows, text);
    if (rv == APR_SUCCESS && (*rows)->nelts == 0) {
        prefix = apr_pstrmemdup(p, name->text, strcspn(name->text, "."));
        rv = tai_connection_select(connection, TAI_SQL_KEY_BY_PREFIX, TAI_ARGS(day, day, prefix), p,
                                   rows, text);
    }
    return rv;
}

static const char *several_text(const char *prefix, apr_array_header_t *rows, apr_pool_t *p)
{
    int more = rows->nelts > KEYS_NAMED;

    if (more) {
        apr_array_pop(rows);
    }
    return apr_psprintf(p, "several keys have the prefix \"%s\"; name one by its id: %s%s",
                        tai_text_line(prefix, 100, p), tai_store_first_column(rows, p),
                        more ? ", and more" : "");
}

tai_change_e tai_store_need_key(tai_connection_t *connection, const tai_key_name_t *name,
                                apr_int64_t now, apr_pool_t *p, const tai_key_info_t **info,
                                const char **text)
{
    apr_array_header_t *rows, *keys;
    tai_change_e outcome;

    if (find_rows(connection, name, now, p, &rows, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (rows->nelts == 0) {
        *text = name->hash ? "there is no such key"
                           : apr_psprintf(p, "there is no key with the id or prefix \"%s\"",
                                          tai_text_line(name->text, 100, p));
        return TAI_CHANGE_NOT_FOUND;
    }
    if (rows->nelts > 1) {
        *text = several_text(name->text, rows, p);
        return TAI_CHANGE_INVALID;
    }
    outcome = read_keys(connection, rows, p, &keys, text);
    if (outcome == TAI_CHANGE_DONE) {
        *info = APR_ARRAY_IDX(keys, 0, const tai_key_info_t *);
    }
    return outcome;
}

/* What the calls below hand to the part that has the connection. */
typedef struct request_t {
    const char *account;
    const char *account_id;
    const char *after;
    int limit;
    const tai_key_name_t *name;
    apr_int64_t now;
    apr_array_header_t *keys;
    const tai_key_info_t *info;
} request_t;

static tai_change_e list_keys(tai_connection_t *connection, void *data, apr_pool_t *p,
                              const char **text)
{
    request_t *request = data;
    const char *day = tai_store_first_day(request->now, p);
    tai_account_t *account;
    apr_array_header_t *rows;
    tai_change_e outcome = tai_store_need_account(connection, request->account, p, &account, text);

    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    if (tai_connection_select(connection, TAI_SQL_KEYS, TAI_ARGS(day, day, account->id), p, &rows,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return read_keys(connection, rows, p, &request->keys, text);
}

tai_change_e tai_store_list_keys(tai_store_t *store, const char *account, apr_int64_t now,
                                 apr_pool_t *p, apr_array_header_t **keys, const char **text)
{
    request_t request = {.account = account, .now = now};
    tai_change_e outcome = tai_store_view(store, list_keys, &request, p, text);

    *keys = request.keys;
    return outcome;
}

/* A key of this account, at which the page before ended. */
static tai_change_e check_after(tai_connection_t *connection, const request_t *request,
                                apr_pool_t *p, const char **text)
{
    const tai_key_name_t name = {.text = request->after, .account_id = request->account_id};
    const tai_key_info_t *info;
    tai_change_e outcome = tai_store_need_key(connection, &name, request->now, p, &info, text);

    return outcome == TAI_CHANGE_NOT_FOUND ? TAI_CHANGE_INVALID : outcome;
}

static tai_change_e page_keys(tai_connection_t *connection, void *data, apr_pool_t *p,
                              const char **text)
{
    request_t *request = data;
    const char *day = tai_store_first_day(request->now, p);
    const char *account_id = request->account_id, *after = request->after;
    const char *one_more = tai_store_number(request->limit + 1, p);
    apr_array_header_t *rows;
    apr_status_t rv;
    tai_change_e outcome = after ? check_after(connection, request, p, text) : TAI_CHANGE_DONE;

    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    rv = after ? tai_connection_select(connection, TAI_SQL_KEYS_AFTER,
                                       TAI_ARGS(day, day, after, account_id, one_more), p, &rows,
                                       text)
               : tai_connection_select(connection, TAI_SQL_KEYS_FIRST,
                                       TAI_ARGS(day, day, account_id, one_more), p, &rows, text);
    return rv == APR_SUCCESS ? read_keys(connection, rows, p, &request->keys, text)
                             : TAI_CHANGE_UNKNOWN;
}

tai_change_e tai_store_page_keys(tai_store_t *store, const char *account_id, const char *after,
                                 int limit, apr_int64_t now, apr_pool_t *p,
                                 apr_array_header_t **keys, int *more, const char **text)
{
    request_t request = {.account_id = account_id, .after = after, .limit = limit, .now = now};
    tai_change_e outcome = tai_store_view(store, page_keys, &request, p, text);

    *keys = request.keys;
    *more = outcome == TAI_CHANGE_DONE && request.keys->nelts > limit;
    if (*more) {
        apr_array_pop(request.keys);
    }
    return outcome;
}

static tai_change_e show_key(tai_connection_t *connection, void *data, apr_pool_t *p,
                             const char **text)
{
    request_t *request = data;

    return tai_store_need_key(connection, request->name, request->now, p, &request->info, text);
}

tai_change_e tai_store_show_key(tai_store_t *store, const tai_key_name_t *name, apr_int64_t now,
                                apr_pool_t *p, const tai_key_info_t **info, const char **text)
{
    request_t request = {.name = name, .now = now};
    tai_change_e outcome = tai_store_view(store, show_key, &request, p, text);

    *info = request.info;
    return outcome;
}

tai_change_e tai_store_line_keys(tai_connection_t *connection, const tai_key_info_t *key,
                                 apr_int64_t now, apr_pool_t *p, apr_array_header_t **rows,
                                 const char **text)
{
    return tai_connection_select(
               connection, TAI_SQL_LINE_KEYS,
               TAI_ARGS(key->line, key->account_id, key->id, tai_store_number(now, p)), p, rows,
               text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}
