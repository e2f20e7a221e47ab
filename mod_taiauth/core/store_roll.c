#include "store_keys.h"
#include "store_private.h"

#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

typedef struct request_t {
    const tai_key_name_t *name;
    const char *user_id;
    apr_int64_t grace;
    const tai_actor_t *actor;
    apr_int64_t now;
    tai_owner_t owner;
    const tai_key_info_t *old;
    tai_key_issue_t *issue;
} request_t;

/* A user finds the keys of his account alone; an operator finds whose account it is by the key. */
static tai_change_e find_old(tai_connection_t *connection, request_t *request, apr_pool_t *p,
                             const char **text)
{
    tai_key_name_t name = *request->name;
    tai_change_e outcome = TAI_CHANGE_DONE;

    if (request->user_id != NULL) {
        outcome =
            tai_store_need_owner(connection, NULL, request->user_id, p, &request->owner, text);
        name.account_id = request->owner.account_id;
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = tai_store_need_key(connection, &name, request->now, p, &request->old, text);
    }
    if (outcome == TAI_CHANGE_DONE && request->user_id == NULL) {
        outcome =
            tai_store_need_owner(connection, request->old->account, NULL, p, &request->owner, text);
    }
    return outcome;
}

/* Of a line two keys are active at the most: the newest, and the one before it in its grace. */
static tai_change_e check_old(tai_connection_t *connection, const request_t *request, apr_pool_t *p,
                              const char **text)
{
    const tai_key_info_t *old = request->old;
    const char *status = tai_key_status(old, request->now);
    apr_array_header_t *others;
    tai_change_e outcome;

    if (strcmp(status, "active") != 0) {
        *text = apr_psprintf(p, "key %s is %s", old->id, status);
        return TAI_CHANGE_KEY;
    }
    outcome = tai_store_line_keys(connection, old, request->now, p, &others, text);
    if (outcome == TAI_CHANGE_DONE && others->nelts > 0) {
        *text = apr_psprintf(p, "the grace of a roll still runs: key %s is active as well",
                             tai_store_first_column(others, p));
        return TAI_CHANGE_KEY;
    }
    return outcome;
}

/*
 * The one that he got from the token endpoint is replaced there; any other came from whoever rolls
 * it. An imported key ends here: its successor is one of ours.
 */
static const char *origin_of(const request_t *request)
{
    const tai_key_info_t *old = request->old;

    if (strcmp(old->origin, "token") == 0 && strcmp(old->user_id, request->owner.user_id) == 0) {
        return old->origin;
    }
    return request->user_id != NULL ? "api" : "operator";
}

static tai_change_e insert_new(tai_connection_t *connection, const request_t *request,
                               apr_pool_t *p, const char **text)
{
    const tai_key_info_t *old = request->old;
    const tai_new_key_t key = {.owner = &request->owner,
                               .line = old->line,
                               .name = old->name,
                               .scopes = apr_array_pstrcat(p, old->scopes, ' '),
                               .rate_limit = old->rate_limit,
                               .origin = origin_of(request),
                               .expires_at = old->expires_at,
                               .with_token = old->has_token};

    return tai_store_insert_key(connection, &key, request->now, p, request->issue, text);
}

/* Now, after the grace, or when it would have ended anyway. */
static apr_int64_t old_end(const request_t *request)
{
    const apr_int64_t expires_at = request->old->expires_at;
    const apr_int64_t end = request->now + request->grace;

    return expires_at == TAI_NEVER || expires_at > end ? end : expires_at;
}

static tai_change_e end_old(tai_connection_t *connection, const request_t *request, apr_pool_t *p,
                            const char **text)
{
    const tai_key_info_t *old = request->old;
    const apr_int64_t end = old_end(request);

    request->issue->old_id = old->id;
    request->issue->old_ends_at = end;
    if (request->grace == 0) {
        return tai_store_end_key(connection, old->account_id, old->id, request->now, p, text);
    }
    return end == old->expires_at || tai_connection_change(connection, TAI_SQL_SET_EXPIRY,
                                                           TAI_ARGS(tai_store_number(end, p),
                                                                    old->id, old->account_id),
                                                           p, NULL, text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

static tai_change_e record(tai_connection_t *connection, const request_t *request, apr_pool_t *p,
                           const char **text)
{
    const tai_key_info_t *old = request->old;
    const char *detail = apr_psprintf(p, "new: %s, grace: %" APR_INT64_T_FMT " s",
                                      request->issue->info->id, request->grace);

    return tai_store_audit(connection, request->actor, old->account_id, TAI_ACTION_KEY_ROLL,
                           old->id, detail, request->now, p, text);
}

static tai_change_e roll_key(tai_connection_t *connection, void *data, apr_pool_t *p,
                             const char **text)
{
    request_t *request = data;
    tai_change_e outcome = find_old(connection, request, p, text);

    if (outcome == TAI_CHANGE_DONE) {
        outcome = check_old(connection, request, p, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = insert_new(connection, request, p, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = end_old(connection, request, p, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = record(connection, request, p, text);
    }
    return outcome;
}

tai_change_e tai_store_roll_key(tai_store_t *store, const tai_key_name_t *name, apr_int64_t grace,
                                const char *user_id, const tai_actor_t *actor, apr_int64_t now,
                                apr_pool_t *p, tai_key_issue_t *issue, const char **text)
{
    request_t request = {.name = name,
                         .user_id = user_id,
                         .grace = grace,
                         .actor = actor,
                         .now = now,
                         .issue = issue};
    tai_change_e outcome;

    memset(issue, 0, sizeof(*issue));
    if (grace < 0 || grace > TAI_GRACE_MAX) {
        *text = apr_psprintf(p, "a grace is 0 to %d seconds", TAI_GRACE_MAX);
        return TAI_CHANGE_INVALID;
    }
    outcome = tai_store_change(store, roll_key, &request, p, text);
    if (outcome != TAI_CHANGE_DONE) {
        OPENSSL_cleanse(issue, sizeof(*issue));
    }
    return outcome;
}
