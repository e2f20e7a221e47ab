#include "store_keys.h"
#include "digest.h"
#include "limit.h"
#include "name.h"
#include "store_private.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

typedef struct request_t {
    const tai_key_order_t *order;
    const tai_actor_t *actor;
    apr_int64_t now;
    tai_key_issue_t *issue;
    tai_owner_t owner;
} request_t;

/* The transaction writes from its first statement on, so nobody else counts at the same time. */
static tai_change_e check_room(tai_connection_t *connection, const request_t *request,
                               apr_pool_t *p, const char **text)
{
    tai_account_t *account;
    tai_change_e outcome = tai_store_count_account(connection, request->owner.account_id,
                                                   request->now, p, &account, text);

    if (outcome != TAI_CHANGE_DONE || account->active_keys < account->max_keys) {
        return outcome;
    }
    *text = apr_psprintf(p, "account \"%s\" has %d active keys, and its plan allows %d: revoke one",
                         account->name, account->active_keys, account->max_keys);
    return TAI_CHANGE_FULL;
}

static apr_status_t generate(tai_key_issue_t *issue, int with_token, char *key_hash,
                             char *token_hash)
{
    apr_status_t rv = tai_key_generate(TAI_KIND_KEY, issue->key);

    if (rv == APR_SUCCESS) {
        rv = tai_digest_hex(issue->key, key_hash);
    }
    if (rv == APR_SUCCESS && with_token) {
        rv = tai_key_generate(TAI_KIND_TOKEN, issue->token);
    }
    if (rv == APR_SUCCESS && with_token) {
        rv = tai_digest_hex(issue->token, token_hash);
    }
    return rv;
}

tai_change_e tai_store_insert_key(tai_connection_t *connection, const tai_new_key_t *key,
                                  apr_int64_t now, apr_pool_t *p, tai_key_issue_t *issue,
                                  const char **text)
{
    const tai_owner_t *owner = key->owner;
    char key_hash[TAI_DIGEST_HEX + 1], token_hash[TAI_DIGEST_HEX + 1];
    const char *id, *expires_at = NULL;

    if (tai_store_new_id("key_", p, &id, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (generate(issue, key->with_token, key_hash, token_hash) != APR_SUCCESS) {
        *text = "no key could be made: no random bytes, or no SHA-256";
        return TAI_CHANGE_UNKNOWN;
    }
    if (key->expires_at != TAI_NEVER) {
        expires_at = tai_store_number(key->expires_at, p);
    }
    if (tai_connection_change(connection, TAI_SQL_ADD_KEY,
                              TAI_ARGS(id, key->line != NULL ? key->line : id, owner->account_id,
                                       owner->user_id, key->name, tai_key_prefix(issue->key, p),
                                       key_hash, key->with_token ? token_hash : NULL, key->scopes,
                                       key->rate_limit, key->origin, tai_store_number(now, p),
                                       expires_at),
                              p, NULL, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return tai_store_need_key(connection,
                              &(tai_key_name_t){.text = id, .account_id = owner->account_id}, now,
                              p, &issue->info, text);
}

static int is_token(const tai_key_order_t *order)
{
    return strcmp(order->origin, "token") == 0;
}

/* The line of the key that a new one of the origin "token" replaces; NULL: there is none. */
static tai_change_e find_line(tai_connection_t *connection, const request_t *request, apr_pool_t *p,
                              const char **line, const char **text)
{
    const tai_owner_t *owner = &request->owner;
    const char *now = tai_store_number(request->now, p);
    apr_array_header_t *rows;

    *line = NULL;
    if (!is_token(request->order)) {
        return TAI_CHANGE_DONE;
    }
    if (tai_connection_select(connection, TAI_SQL_TOKEN_LINE,
                              TAI_ARGS(owner->user_id, owner->account_id, now), p, &rows,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (rows->nelts > 0) {
        *line = APR_ARRAY_IDX(rows, 0, tai_row_t)[0];
    }
    return TAI_CHANGE_DONE;
}

/* Both where a grace of the line still runs. */
static tai_change_e revoke_replaced(tai_connection_t *connection, const request_t *request,
                                    apr_pool_t *p, const char **text)
{
    const tai_key_info_t *info = request->issue->info;
    const char *detail = apr_pstrcat(p, "replaced by ", info->id, NULL);
    apr_array_header_t *rows;
    tai_change_e outcome = tai_store_line_keys(connection, info, request->now, p, &rows, text);

    if (outcome == TAI_CHANGE_DONE) {
        request->issue->ended = rows->nelts;
    }
    for (int i = 0; outcome == TAI_CHANGE_DONE && i < rows->nelts; i++) {
        const char *id = APR_ARRAY_IDX(rows, i, tai_row_t)[0];

        outcome = tai_store_end_key(connection, info->account_id, id, request->now, p, text);
        if (outcome == TAI_CHANGE_DONE) {
            outcome = tai_store_audit(connection, request->actor, info->account_id,
                                      TAI_ACTION_KEY_REVOKE, id, detail, request->now, p, text);
        }
    }
    return outcome;
}

/* One that replaces another needs no room. */
static tai_change_e issue_key(tai_connection_t *connection, const request_t *request,
                              const char *scopes, apr_pool_t *p, const char **text)
{
    const tai_key_order_t *order = request->order;
    tai_new_key_t key = {.owner = &request->owner,
                         .name = order->name,
                         .scopes = scopes,
                         .rate_limit = order->rate_limit,
                         .origin = order->origin,
                         .expires_at = order->expires_at,
                         .with_token = order->with_token};
    tai_change_e outcome = find_line(connection, request, p, &key.line, text);

    if (outcome == TAI_CHANGE_DONE && key.line != NULL && order->ends_none) {
        *text = "another key would have to end for this one";
        return TAI_CHANGE_KEY;
    }
    if (outcome == TAI_CHANGE_DONE && key.line == NULL) {
        outcome = check_room(connection, request, p, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = tai_store_insert_key(connection, &key, request->now, p, request->issue, text);
    }
    if (outcome == TAI_CHANGE_DONE && key.line != NULL) {
        outcome = revoke_replaced(connection, request, p, text);
    }
    return outcome;
}

static tai_change_e record(tai_connection_t *connection, const request_t *request, apr_pool_t *p,
                           const char **text)
{
    const tai_key_info_t *info = request->issue->info;

    return tai_store_audit(
        connection, request->actor, info->account_id,
        is_token(request->order) ? TAI_ACTION_TOKEN_ISSUE : TAI_ACTION_KEY_CREATE, info->id,
        apr_pstrcat(p, "name: ", info->name, NULL), request->now, p, text);
}

static tai_change_e create_key(tai_connection_t *connection, void *data, apr_pool_t *p,
                               const char **text)
{
    request_t *request = data;
    tai_grants_t grants;
    const char *scopes;
    tai_change_e outcome = tai_store_need_owner(connection, request->order->account,
                                                request->order->user_id, p, &request->owner, text);

    if (outcome == TAI_CHANGE_DONE && request->order->principal != NULL) {
        outcome = tai_store_same_principal(connection, request->order->principal, p, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = tai_store_read_grants(connection, request->owner.plan, p, &grants, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome =
            tai_store_choose_scopes(connection, &grants, request->order->scopes, p, &scopes, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = issue_key(connection, request, scopes, p, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = record(connection, request, p, text);
    }
    return outcome;
}

/* What can be said of an order without the database. */
static const char *check_order(const tai_key_order_t *order, apr_int64_t now, apr_pool_t *p)
{
    const char *text = tai_name_check("key name", order->name, TAI_KEY_NAME_MAX, p);
    tai_limit_t limit;

    if (text == NULL && order->rate_limit != NULL) {
        text = tai_limit_parse(order->rate_limit, &limit);
    }
    if (text == NULL && order->expires_at != TAI_NEVER && order->expires_at <= now) {
        text = "a key must expire in the future";
    }
    return text;
}

tai_change_e tai_store_create_key(tai_store_t *store, const tai_key_order_t *order,
                                  const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                  tai_key_issue_t *issue, const char **text)
{
    request_t request = {.order = order, .actor = actor, .now = now, .issue = issue};
    tai_change_e outcome;

    memset(issue, 0, sizeof(*issue));
    *text = check_order(order, now, p);
    if (*text != NULL) {
        return TAI_CHANGE_INVALID;
    }
    outcome = tai_store_change(store, create_key, &request, p, text);
    if (outcome != TAI_CHANGE_DONE) {
        OPENSSL_cleanse(issue, sizeof(*issue));
    }
    return outcome;
}
