#include "store_keys.h"
#include "name.h"
#include "store_private.h"
#include "text.h"

#include <string.h>
#include <apr_strings.h>

typedef struct request_t {
    const tai_key_name_t *name;
    const char *new_name;
    const tai_actor_t *actor;
    apr_int64_t now;
    const tai_key_info_t *info;
    int again;
} request_t;

/* As the database has it after the change. */
static tai_change_e show_again(tai_connection_t *connection, request_t *request, apr_pool_t *p,
                               const char **text)
{
    const tai_key_name_t same = {.text = request->info->id,
                                 .account_id = request->info->account_id};

    return tai_store_need_key(connection, &same, request->now, p, &request->info, text);
}

/* The driver gives an empty blob, put there by hand, as NULL. */
static int is_named(const tai_key_info_t *info, const char *name)
{
    return info->name != NULL && strcmp(info->name, name) == 0;
}

static const char *shown_name(const tai_key_info_t *info, apr_pool_t *p)
{
    const char *name = info->name != NULL ? info->name : "";

    return tai_name_check("key name", name, TAI_KEY_NAME_MAX, p) == NULL
               ? name
               : tai_text_line(name, TAI_KEY_NAME_MAX, p);
}

static tai_change_e set_name(tai_connection_t *connection, const request_t *request, apr_pool_t *p,
                             const char **text)
{
    const tai_key_info_t *info = request->info;
    const char *detail = apr_psprintf(p, "name: %s -> %s", shown_name(info, p), request->new_name);

    if (tai_connection_change(connection, TAI_SQL_RENAME_KEY,
                              TAI_ARGS(request->new_name, info->id, info->account_id), p, NULL,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return tai_store_audit(connection, request->actor, info->account_id, TAI_ACTION_KEY_RENAME,
                           info->id, detail, request->now, p, text);
}

static tai_change_e rename_key(tai_connection_t *connection, void *data, apr_pool_t *p,
                               const char **text)
{
    request_t *request = data;
    tai_change_e outcome =
        tai_store_need_key(connection, request->name, request->now, p, &request->info, text);

    if (outcome != TAI_CHANGE_DONE || is_named(request->info, request->new_name)) {
        return outcome;
    }
    outcome = set_name(connection, request, p, text);
    return outcome == TAI_CHANGE_DONE ? show_again(connection, request, p, text) : outcome;
}

tai_change_e tai_store_rename_key(tai_store_t *store, const tai_key_name_t *name,
                                  const char *new_name, const tai_actor_t *actor, apr_int64_t now,
                                  apr_pool_t *p, const tai_key_info_t **info, const char **text)
{
    request_t request = {.name = name, .new_name = new_name, .actor = actor, .now = now};
    tai_change_e outcome;

    *text = tai_name_check("key name", new_name, TAI_KEY_NAME_MAX, p);
    if (*text != NULL) {
        return TAI_CHANGE_INVALID;
    }
    outcome = tai_store_change(store, rename_key, &request, p, text);
    *info = request.info;
    return outcome;
}

tai_change_e tai_store_end_key(tai_connection_t *connection, const char *account_id, const char *id,
                               apr_int64_t now, apr_pool_t *p, const char **text)
{
    return tai_connection_change(connection, TAI_SQL_REVOKE_KEY,
                                 TAI_ARGS(tai_store_number(now, p), id, account_id), p, NULL,
                                 text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

static tai_change_e revoke_key(tai_connection_t *connection, void *data, apr_pool_t *p,
                               const char **text)
{
    request_t *request = data;
    const tai_key_info_t *info;
    tai_change_e outcome =
        tai_store_need_key(connection, request->name, request->now, p, &info, text);

    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    request->info = info;
    request->again = info->revoked_at != TAI_NEVER;
    if (request->again) {
        return TAI_CHANGE_DONE;
    }
    outcome = tai_store_end_key(connection, info->account_id, info->id, request->now, p, text);
    if (outcome == TAI_CHANGE_DONE) {
        outcome = tai_store_audit(connection, request->actor, info->account_id,
                                  TAI_ACTION_KEY_REVOKE, info->id, NULL, request->now, p, text);
    }
    return outcome == TAI_CHANGE_DONE ? show_again(connection, request, p, text) : outcome;
}

tai_change_e tai_store_revoke_key(tai_store_t *store, const tai_key_name_t *name,
                                  const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                  const tai_key_info_t **info, int *again, const char **text)
{
    request_t request = {.name = name, .actor = actor, .now = now};
    tai_change_e outcome = tai_store_change(store, revoke_key, &request, p, text);

    *info = request.info;
    *again = request.again;
    return outcome;
}
