#include "store_keys.h"
#include "digest.h"
#include "limit.h"
#include "name.h"
#include "scope.h"
#include "store_accounts.h"
#include "store_private.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

typedef struct request_t {
    const tai_key_order_t *order;
    apr_int64_t now;
    tai_key_issue_t *issue;
    tai_account_t *account;
    const char *user_id;
} request_t;

/* As in the schema. The look-up of a key repeats them for each scope of its plan. */
#define SCOPES_LEN 2000

static const char *join(const apr_array_header_t *list, apr_pool_t *p)
{
    return apr_array_pstrcat(p, list, ' ');
}

/* One column of a statement with one parameter, or none. */
static tai_change_e read_names(tai_connection_t *connection, tai_statement_e statement,
                               const char *arg, apr_pool_t *p, apr_array_header_t **names,
                               const char **text)
{
    apr_array_header_t *rows;

    if (tai_connection_select(connection, statement, TAI_ARGS(arg), p, &rows, text) !=
        APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    *names = apr_array_make(p, rows->nelts, sizeof(const char *));
    for (int i = 0; i < rows->nelts; i++) {
        APR_ARRAY_PUSH(*names, const char *) = APR_ARRAY_IDX(rows, i, tai_row_t)[0];
    }
    return TAI_CHANGE_DONE;
}

/* Only the primary administrator has keys, and only while account and user are active. */
static tai_change_e find_owner(tai_connection_t *connection, request_t *request, apr_pool_t *p,
                               const char **text)
{
    apr_array_header_t *admins;
    tai_change_e outcome =
        tai_store_need_account(connection, request->order->account, p, &request->account, text);

    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    if (strcmp(request->account->status, "active") != 0) {
        *text = apr_psprintf(p, "account \"%s\" is %s", request->account->name,
                             request->account->status);
        return TAI_CHANGE_INACTIVE;
    }
    outcome = read_names(connection, TAI_SQL_PRIMARY_ADMIN, request->account->id, p, &admins, text);
    if (outcome == TAI_CHANGE_DONE && admins->nelts == 0) {
        *text = apr_psprintf(p, "account \"%s\" has no active primary administrator",
                             request->account->name);
        return TAI_CHANGE_INACTIVE;
    }
    if (outcome == TAI_CHANGE_DONE) {
        request->user_id = APR_ARRAY_IDX(admins, 0, const char *);
    }
    return outcome;
}

/* A scope that the plan does not grant: is there none of that name, or which plans do? */
static tai_change_e refuse_scope(tai_connection_t *connection, const char *scope, const char *plan,
                                 apr_pool_t *p, const char **text)
{
    apr_array_header_t *scopes, *plans;

    if (read_names(connection, TAI_SQL_SCOPE_NAMES, NULL, p, &scopes, text) != TAI_CHANGE_DONE ||
        read_names(connection, TAI_SQL_SCOPE_PLAN_NAMES, scope, p, &plans, text) !=
            TAI_CHANGE_DONE) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (!tai_scope_in(scopes, scope)) {
        *text = apr_psprintf(p, "there is no scope \"%s\"; allowed: %s",
                             tai_text_line(scope, 100, p), join(scopes, p));
        return TAI_CHANGE_INVALID;
    }
    *text = apr_psprintf(p, "plan \"%s\" does not grant the scope \"%s\"; granted by: %s", plan,
                         scope, plans->nelts > 0 ? join(plans, p) : "no plan");
    return TAI_CHANGE_PLAN;
}

/* NULL: a key can have them */
static const char *wrong_length(const char *scopes, apr_pool_t *p)
{
    if (*scopes == '\0') {
        return "a key needs at least one scope";
    }
    return strlen(scopes) <= SCOPES_LEN
               ? NULL
               : apr_psprintf(p, "the scopes of a key are %d characters at the most", SCOPES_LEN);
}

/* Those asked for, each once, or else the default ones of the plan. */
static tai_change_e choose_scopes(tai_connection_t *connection, const request_t *request,
                                  apr_pool_t *p, const char **scopes, const char **text)
{
    const char *plan = request->account->plan;
    const apr_array_header_t *asked = request->order->scopes;
    apr_array_header_t *granted, *defaults;
    apr_array_header_t *chosen = apr_array_make(p, 8, sizeof(const char *));

    if (read_names(connection, TAI_SQL_PLAN_SCOPES, plan, p, &granted, text) != TAI_CHANGE_DONE ||
        read_names(connection, TAI_SQL_DEFAULT_SCOPES, plan, p, &defaults, text) !=
            TAI_CHANGE_DONE) {
        return TAI_CHANGE_UNKNOWN;
    }
    asked = asked != NULL ? asked : defaults;
    for (int i = 0; i < asked->nelts; i++) {
        const char *scope = APR_ARRAY_IDX(asked, i, const char *);

        if (!tai_scope_in(granted, scope)) {
            return refuse_scope(connection, scope, plan, p, text);
        }
        if (!tai_scope_in(chosen, scope)) {
            APR_ARRAY_PUSH(chosen, const char *) = scope;
        }
    }
    *scopes = join(chosen, p);
    *text = wrong_length(*scopes, p);
    return *text == NULL ? TAI_CHANGE_DONE : TAI_CHANGE_INVALID;
}

/* The transaction writes from its first statement on, so nobody else counts at the same time. */
static tai_change_e check_room(tai_connection_t *connection, const request_t *request,
                               apr_pool_t *p, const char **text)
{
    const char *now = tai_store_number(request->now, p);
    const char *account = request->account->id;
    apr_array_header_t *rows;
    tai_row_t row;

    if (tai_connection_select(connection, TAI_SQL_ACTIVE_KEYS, TAI_ARGS(now, account), p, &rows,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    row = APR_ARRAY_IDX(rows, 0, tai_row_t);
    if (atoi(row[0]) < atoi(row[1])) {
        return TAI_CHANGE_DONE;
    }
    *text = apr_psprintf(p, "account \"%s\" has %s active keys, and its plan allows %s: revoke one",
                         request->account->name, row[0], row[1]);
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

static tai_change_e insert(tai_connection_t *connection, const request_t *request,
                           const char *scopes, apr_pool_t *p, const char **text)
{
    const tai_key_order_t *order = request->order;
    tai_key_issue_t *issue = request->issue;
    char key_hash[TAI_DIGEST_HEX + 1], token_hash[TAI_DIGEST_HEX + 1];
    const char *id, *expires_at = NULL;

    if (tai_store_new_id("key_", p, &id, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (generate(issue, order->with_token, key_hash, token_hash) != APR_SUCCESS) {
        *text = "no key could be made: no random bytes, or no SHA-256";
        return TAI_CHANGE_UNKNOWN;
    }
    if (order->expires_at != TAI_NEVER) {
        expires_at = tai_store_number(order->expires_at, p);
    }
    if (tai_connection_change(
            connection, TAI_SQL_ADD_KEY,
            TAI_ARGS(id, id, request->account->id, request->user_id, order->name,
                     tai_key_prefix(issue->key, p), key_hash, order->with_token ? token_hash : NULL,
                     scopes, order->rate_limit, tai_store_number(request->now, p), expires_at),
            p, NULL, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return tai_store_need_key(connection, &(tai_key_name_t){.text = id}, p, &issue->info, text);
}

static tai_change_e create_key(tai_connection_t *connection, void *data, apr_pool_t *p,
                               const char **text)
{
    request_t *request = data;
    const char *scopes;
    tai_change_e outcome = find_owner(connection, request, p, text);

    if (outcome == TAI_CHANGE_DONE) {
        outcome = choose_scopes(connection, request, p, &scopes, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = check_room(connection, request, p, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = insert(connection, request, scopes, p, text);
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

tai_change_e tai_store_create_key(tai_store_t *store, const tai_key_order_t *order, apr_int64_t now,
                                  apr_pool_t *p, tai_key_issue_t *issue, const char **text)
{
    request_t request = {.order = order, .now = now, .issue = issue};
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
