#include "store_import.h"
#include "limit.h"
#include "name.h"
#include "store_private.h"

#include <string.h>
#include <apr_strings.h>

struct tai_import_t {
    const tai_import_order_t *order;
    const tai_actor_t *actor;
    apr_int64_t now;
    tai_connection_t *connection;
    tai_owner_t owner;
    tai_grants_t grants;
    apr_int64_t added;
    int undone; /* on purpose, with all done */
};

/* What can be said of a row without the database. */
static const char *check_row(const tai_import_t *import, const tai_import_row_t *row, apr_pool_t *p)
{
    const char *text = tai_name_check("key name", row->name, TAI_KEY_NAME_MAX, p);
    tai_limit_t limit;

    if (text == NULL && row->rate_limit != NULL) {
        text = tai_limit_parse(row->rate_limit, &limit);
    }
    if (text == NULL && row->created_at > import->now) {
        text = "a key cannot have been created in the future";
    }
    return text;
}

static tai_change_e check_absent(const tai_import_t *import, const char *key_hash, apr_pool_t *p,
                                 const char **text)
{
    apr_array_header_t *rows;

    if (tai_connection_select(import->connection, TAI_SQL_KEY_HOLDER, TAI_ARGS(key_hash), p, &rows,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (rows->nelts == 0) {
        return TAI_CHANGE_DONE;
    }
    if (strcmp(APR_ARRAY_IDX(rows, 0, tai_row_t)[0], import->owner.account_id) == 0) {
        *text = "the account has this key already";
        return TAI_CHANGE_TAKEN;
    }
    *text = "another account has this key";
    return TAI_CHANGE_INVALID;
}

static tai_change_e insert(tai_import_t *import, const tai_import_row_t *row, const char *scopes,
                           apr_pool_t *p, const char **text)
{
    const tai_owner_t *owner = &import->owner;
    apr_int64_t created_at = row->created_at != TAI_NEVER ? row->created_at : import->now;
    const char *id, *expires_at = NULL;

    if (tai_store_new_id("key_", p, &id, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (row->expires_at != TAI_NEVER) {
        expires_at = tai_store_number(row->expires_at, p);
    }
    if (tai_connection_change(import->connection, TAI_SQL_ADD_KEY,
                              TAI_ARGS(id, id, owner->account_id, owner->user_id, row->name,
                                       row->prefix, row->key_hash, NULL, scopes, row->rate_limit,
                                       "import", tai_store_number(created_at, p), expires_at),
                              p, NULL, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    import->added++;
    return TAI_CHANGE_DONE;
}

tai_change_e tai_import_add(tai_import_t *import, const tai_import_row_t *row, apr_pool_t *p,
                            const char **text)
{
    const apr_array_header_t *asked = row->scopes != NULL ? row->scopes : import->order->scopes;
    const char *scopes;
    tai_change_e outcome;

    *text = check_row(import, row, p);
    if (*text != NULL) {
        return TAI_CHANGE_INVALID;
    }
    outcome = tai_store_choose_scopes(import->connection, &import->grants, asked, p, &scopes, text);
    if (outcome == TAI_CHANGE_DONE) {
        outcome = check_absent(import, row->key_hash, p, text);
    }
    return outcome == TAI_CHANGE_DONE ? insert(import, row, scopes, p, text) : outcome;
}

/* Pages of the indexes are written again and again, in no order: they stay in memory for a while. */
static tai_change_e widen_cache(tai_connection_t *connection, apr_pool_t *p, const char **text)
{
    apr_array_header_t *rows;

    return tai_connection_select(connection, TAI_SQL_IMPORT_CACHE, NULL, p, &rows, text) ==
                   APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

static tai_change_e begin(tai_import_t *import, apr_pool_t *p, const char **text)
{
    tai_change_e outcome = tai_store_need_owner(import->connection, import->order->account, NULL, p,
                                                &import->owner, text);

    if (outcome == TAI_CHANGE_DONE) {
        outcome =
            tai_store_read_grants(import->connection, import->owner.plan, p, &import->grants, text);
    }
    return outcome == TAI_CHANGE_DONE ? widen_cache(import->connection, p, text) : outcome;
}

/* The rows have told nobody that they are there: the trigger leaves those of an import out. */
static tai_change_e tell(const tai_import_t *import, apr_pool_t *p, const char **text)
{
    const char *account_id = import->owner.account_id;

    if (tai_connection_change(import->connection, TAI_SQL_COUNT_CHANGE, NULL, p, NULL, text) !=
            APR_SUCCESS ||
        tai_connection_change(import->connection, TAI_SQL_CHANGE_EVERY_KEY, NULL, p, NULL, text) !=
            APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return tai_store_audit(import->connection, import->actor, account_id, TAI_ACTION_KEY_IMPORT,
                           account_id, apr_psprintf(p, "keys: %" APR_INT64_T_FMT, import->added),
                           import->now, p, text);
}

static tai_change_e import_keys(tai_connection_t *connection, void *data, apr_pool_t *p,
                                const char **text)
{
    tai_import_t *import = data;
    tai_change_e outcome;

    import->connection = connection;
    import->added = 0;
    outcome = begin(import, p, text);
    if (outcome == TAI_CHANGE_DONE) {
        outcome = import->order->add_rows(import, import->order->data, text);
    }
    if (outcome == TAI_CHANGE_DONE && import->added > 0) {
        outcome = tell(import, p, text);
    }
    import->undone = outcome == TAI_CHANGE_DONE && import->order->dry_run;
    return import->undone ? TAI_CHANGE_INVALID : outcome;
}

tai_change_e tai_store_import(tai_store_t *store, const tai_import_order_t *order,
                              const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                              const char **text)
{
    tai_import_t import = {.order = order, .actor = actor, .now = now};
    tai_change_e outcome = tai_store_change(store, import_keys, &import, p, text);

    return import.undone ? TAI_CHANGE_DONE : outcome;
}
