/*
 * The calls about keys. Every statement behind them asks for a key of the caller's account.
 */

#include "api.h"

#include <stddef.h>
#include <openssl/crypto.h>
#include "../core/describe.h"
#include "../core/store_usage.h"
#include "../core/when.h"

static tai_key_name_t meant(const taiauth_call_t *call)
{
    return (tai_key_name_t){.text = call->id, .account_id = call->caller->principal->account_id};
}

/* What an owner knows his key by is a part of it, and is shown as one. */
static json_t *key_json(const taiauth_call_t *call, const tai_key_info_t *info)
{
    apr_pool_t *p = call->r->pool;
    json_t *key = tai_describe_key(info, call->now, p);

    json_object_set_new(key, "prefix",
                        tai_describe_text(apr_pstrcat(p, info->prefix, "...", NULL), p));
    return key;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* days: array of tai_usage_day_t; NULL: none */
static json_t *days_json(const apr_array_header_t *days)
{
    json_t *list = json_array();
    int i;

    for (i = 0; days && i < days->nelts; i++) {
        const tai_usage_day_t *day = &APR_ARRAY_IDX(days, i, tai_usage_day_t);
        json_t *object = tai_describe_usage(day->admitted, day->refused);

        json_object_set_new(object, "day", json_string(day->day));
        json_array_append_new(list, object);
    }
    return list;
}

/* What the caller's keys were used for, day by day, for key_with_days. */
static tai_change_e read_days(const taiauth_call_t *call, const apr_array_header_t *keys,
                              apr_hash_t **days, const char **text)
{
    apr_array_header_t *ids = apr_array_make(call->r->pool, keys->nelts, sizeof(const char *));
    int i;

    for (i = 0; i < keys->nelts; i++) {
        APR_ARRAY_PUSH(ids, const char *) = APR_ARRAY_IDX(keys, i, const tai_key_info_t *)->id;
    }
    return tai_store_usage_days(taiauth_store, call->caller->principal->account_id, ids, call->now,
                                call->r->pool, days, text);
}

static json_t *key_with_days(const taiauth_call_t *call, const tai_key_info_t *info,
                             apr_hash_t *days)
{
    json_t *key = key_json(call, info);

    json_object_set_new(key, "days", days_json(apr_hash_get(days, info->id, APR_HASH_KEY_STRING)));
    return key;
}

int taiauth_api_list_keys(taiauth_call_t *call)
{
    static const char *const columns[] = {
        "id",         "name",       "prefix",     "status",       "scopes",    "effective_scopes",
        "created_at", "expires_at", "revoked_at", "last_used_at", "has_token", "rate_limit",
        "origin",     "created_by", "usage",      "days",         NULL};
    const tai_key_info_t *info = NULL;
    apr_array_header_t *keys;
    apr_hash_t *days;
    taiauth_page_t page;
    tai_change_e outcome;
    const char *text;
    json_t *list;
    int i, more, status = taiauth_page_read(call->r, "after", &page);

    if (status != OK) {
        return status;
    }
    outcome = tai_store_page_keys(taiauth_store, call->caller->principal->account_id, page.from,
                                  page.limit, call->now, call->r->pool, &keys, &more, &text);
    if (outcome == TAI_CHANGE_INVALID) {
        return taiauth_page_refuse(call->r, &page);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = read_days(call, keys, &days, &text);
    }
    if (outcome != TAI_CHANGE_DONE) {
        return taiauth_api_refuse_change(call->r, outcome, text);
    }
    list = json_array();
    for (i = 0; i < keys->nelts; i++) {
        info = APR_ARRAY_IDX(keys, i, const tai_key_info_t *);
        json_array_append_new(list, key_with_days(call, info, days));
    }
    return taiauth_answer_list(call->r, "keys", list, columns, 1, more ? info->id : NULL);
}

int taiauth_api_show_key(taiauth_call_t *call)
{
    const tai_key_name_t name = meant(call);
    apr_array_header_t *keys = apr_array_make(call->r->pool, 1, sizeof(const tai_key_info_t *));
    const tai_key_info_t *info;
    apr_hash_t *days;
    const char *text;
    tai_change_e outcome =
        tai_store_show_key(taiauth_store, &name, call->now, call->r->pool, &info, &text);

    if (outcome == TAI_CHANGE_DONE) {
        APR_ARRAY_PUSH(keys, const tai_key_info_t *) = info;
        outcome = read_days(call, keys, &days, &text);
    }
    return outcome == TAI_CHANGE_DONE
               ? taiauth_answer(call->r, HTTP_OK, key_with_days(call, info, days))
               : taiauth_api_refuse_change(call->r, outcome, text);
}

/* ---- making ------------------------------------------------------------------------------- */

/* The key, its text this once, how to send it, and where it is from now on. */
static json_t *issue_json(const taiauth_call_t *call, const tai_key_issue_t *issue)
{
    json_t *key = key_json(call, issue->info);

    json_object_set_new(key, "key", json_string(issue->key));
    if (*issue->token) {
        json_object_set_new(key, "token", json_string(issue->token));
    }
    json_object_set_new(key, "headers", taiauth_issue_headers(call->conf, issue));
    apr_table_setn(call->r->headers_out, "Location",
                   apr_pstrcat(call->r->pool, taiauth_api_base(call->conf, call->r->pool), "/keys/",
                               issue->info->id, NULL));
    return key;
}

typedef struct order_body_t {
    const char *name;
    const apr_array_header_t *scopes;
    const char *expires_at;
    int token;
} order_body_t;

static const tai_input_field_t order_fields[] = {
    {"name", TAI_INPUT_TEXT, 1, 0, offsetof(order_body_t, name)},
    {"scopes", TAI_INPUT_TEXTS, 0, 0, offsetof(order_body_t, scopes)},
    {"expires_at", TAI_INPUT_TEXT, 0, 1, offsetof(order_body_t, expires_at)},
    {"token", TAI_INPUT_FLAG, 0, 0, offsetof(order_body_t, token)},
    {NULL, TAI_INPUT_TEXT, 0, 0, 0},
};

/* NULL, or a sentence for the client */
static const char *read_order(const taiauth_call_t *call, tai_key_order_t *order)
{
    order_body_t body = {0};
    const char *text = tai_input_read(call->body, order_fields, &body, call->r->pool);

    *order = (tai_key_order_t){.user_id = call->caller->principal->user_id,
                               .origin = "api",
                               .name = body.name,
                               .scopes = body.scopes,
                               .expires_at = TAI_NEVER,
                               .with_token = body.token};
    if (!text && body.expires_at) {
        text = tai_when_parse(body.expires_at, &order->expires_at);
        text = text ? apr_pstrcat(call->r->pool, "\"expires_at\": ", text, ".", NULL) : NULL;
    }
    return text;
}

int taiauth_api_create_key(taiauth_call_t *call)
{
    tai_key_order_t order;
    tai_key_issue_t issue;
    tai_change_e outcome;
    const char *text = read_order(call, &order);

    if (text) {
        return taiauth_refuse(call->r, TAI_BAD_REQUEST, text, 0, NULL);
    }
    outcome = tai_store_create_key(taiauth_store, &order, &call->caller->actor, call->now,
                                   call->r->pool, &issue, &text);
    if (outcome != TAI_CHANGE_DONE) {
        return taiauth_api_refuse_change(call->r, outcome, text);
    }
    return taiauth_issue_answer(call->r, issue_json(call, &issue), &issue);
}

static json_t *roll_json(const taiauth_call_t *call, const tai_key_issue_t *issue)
{
    json_t *key = issue_json(call, issue);

    json_object_set_new(
        key, "replaces",
        json_pack("{s:s, s:o}", "id", call->id, "ends_at", tai_describe_time(issue->old_ends_at)));
    return key;
}

/*
 * In turn. With a grace the old key goes on, and yet every node has to know by when it ends: one that
 * is cut off later still ends it.
 */
static int roll(taiauth_call_t *call, apr_int64_t grace, tai_key_issue_t *issue)
{
    const tai_key_name_t name = meant(call);
    tai_told_t told;
    const char *text;
    tai_change_e outcome =
        tai_store_roll_key(taiauth_store, &name, grace, call->caller->principal->user_id,
                           &call->caller->actor, call->now, call->r->pool, issue, &text);

    return outcome == TAI_CHANGE_DONE
               ? taiauth_tell(
                     call->r, &told,
                     "The key was rolled, and the new one has not been shown: look at your "
                     "keys, and revoke that one or roll it in its turn.")
               : taiauth_api_refuse_change(call->r, outcome, text);
}

int taiauth_api_roll_key(taiauth_call_t *call)
{
    static const tai_input_field_t fields[] = {{"grace_seconds", TAI_INPUT_NUMBER, 1, 0, 0},
                                               {NULL, TAI_INPUT_TEXT, 0, 0, 0}};
    tai_key_issue_t issue;
    apr_int64_t grace;
    apr_status_t rv;
    int turn, status;
    const char *text = tai_input_read(call->body, fields, &grace, call->r->pool);

    if (text) {
        return taiauth_refuse(call->r, TAI_BAD_REQUEST, text, 0, NULL);
    }
    rv = taiauth_turn_take(&turn);
    if (rv != APR_SUCCESS) {
        return taiauth_turn_refuse(call->r, rv);
    }
    status = roll(call, grace, &issue);
    taiauth_turn_leave(turn);
    if (status != OK) {
        OPENSSL_cleanse(&issue, sizeof(issue));
        return status;
    }
    return taiauth_issue_answer(call->r, roll_json(call, &issue), &issue);
}

/* ---- changing ----------------------------------------------------------------------------- */

int taiauth_api_rename_key(taiauth_call_t *call)
{
    static const tai_input_field_t fields[] = {{"name", TAI_INPUT_TEXT, 1, 0, 0},
                                               {NULL, TAI_INPUT_TEXT, 0, 0, 0}};
    const tai_key_name_t name = meant(call);
    const tai_key_info_t *info;
    const char *text, *new_name;
    tai_change_e outcome;

    if (json_object_get(call->body, "scopes")) {
        return taiauth_refuse(call->r, TAI_SCOPES_IMMUTABLE, NULL, 0, NULL);
    }
    text = tai_input_read(call->body, fields, &new_name, call->r->pool);
    if (text) {
        return taiauth_refuse(call->r, TAI_BAD_REQUEST, text, 0, NULL);
    }
    outcome = tai_store_rename_key(taiauth_store, &name, new_name, &call->caller->actor, call->now,
                                   call->r->pool, &info, &text);
    if (outcome != TAI_CHANGE_DONE) {
        return taiauth_api_refuse_change(call->r, outcome, text);
    }
    return taiauth_answer(call->r, HTTP_OK, key_json(call, info));
}

static json_t *revocation_json(const tai_key_info_t *info, const tai_told_t *told)
{
    return json_pack("{s:s, s:o, s:o}", "id", info->id, "revoked_at",
                     tai_describe_time(info->revoked_at), "nodes", tai_describe_told(told));
}

int taiauth_api_revoke_key(taiauth_call_t *call)
{
    const tai_key_name_t name = meant(call);
    const tai_key_info_t *info;
    tai_change_e outcome;
    tai_told_t told;
    const char *text;
    int again, turn, status;
    apr_status_t rv = taiauth_turn_take(&turn);

    if (rv != APR_SUCCESS) {
        return taiauth_turn_refuse(call->r, rv);
    }
    outcome = tai_store_revoke_key(taiauth_store, &name, &call->caller->actor, call->now,
                                   call->r->pool, &info, &again, &text);
    status = outcome == TAI_CHANGE_DONE
                 ? taiauth_tell(call->r, &told, "The key is revoked; asking again is safe.")
                 : taiauth_api_refuse_change(call->r, outcome, text);
    taiauth_turn_leave(turn);
    return status == OK ? taiauth_answer(call->r, HTTP_OK, revocation_json(info, &told)) : status;
}
