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

static tai_change_e carry_out(const tai_import_t *import, tai_statement_e statement, apr_pool_t *p,
                              const char **text)
{
    return tai_connection_change(import->connection, statement, NULL, p, NULL, text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

/* Whose the keys become, and what his plan grants. */
static tai_change_e read_owner(const tai_import_t *import, apr_pool_t *p, tai_owner_t *owner,
                               tai_grants_t *grants, const char **text)
{
    tai_change_e outcome =
        tai_store_need_owner(import->connection, import->order->account, NULL, p, owner, text);

    return outcome == TAI_CHANGE_DONE
               ? tai_store_read_grants(import->connection, owner->plan, p, grants, text)
               : outcome;
}

static tai_change_e begin(tai_import_t *import, apr_pool_t *p, const char **text)
{
    tai_change_e outcome = read_owner(import, p, &import->owner, &import->grants, text);

    return outcome == TAI_CHANGE_DONE ? carry_out(import, TAI_SQL_IMPORT_BEGIN, p, text) : outcome;
}

static int same_names(const apr_array_header_t *a, const apr_array_header_t *b, apr_pool_t *p)
{
    return strcmp(apr_array_pstrcat(p, a, ' '), apr_array_pstrcat(p, b, ' ')) == 0;
}

/*
 * Others may have changed the account while the rows went in. From here on they cannot. Of one that
 * is another now nothing is kept: it begins anew, or says what is in its way.
 */
static tai_change_e close_ranks(const tai_import_t *import, apr_pool_t *p, const char **text)
{
    apr_array_header_t *rows;
    tai_owner_t owner;
    tai_grants_t grants;
    tai_change_e outcome;

    if (tai_connection_select(import->connection, TAI_SQL_LOCK_CHANGES, NULL, p, &rows, text) !=
        APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    outcome = read_owner(import, p, &owner, &grants, text);
    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    *text = "the account has changed meanwhile, and nothing was imported: do it again";
    return strcmp(owner.user_id, import->owner.user_id) == 0 &&
                   strcmp(owner.account_id, import->owner.account_id) == 0 &&
                   same_names(grants.granted, import->grants.granted, p) &&
                   same_names(grants.defaults, import->grants.defaults, p)
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

/* The rows have told nobody that they are there: the trigger leaves those of an import out. */
static tai_change_e tell(const tai_import_t *import, apr_pool_t *p, const char **text)
{
    const char *account_id = import->owner.account_id;

    if (carry_out(import, TAI_SQL_COUNT_CHANGE, p, text) != TAI_CHANGE_DONE ||
        carry_out(import, TAI_SQL_CHANGE_EVERY_KEY, p, text) != TAI_CHANGE_DONE) {
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
        outcome = close_ranks(import, p, text);
        outcome = outcome == TAI_CHANGE_DONE ? tell(import, p, text) : outcome;
    }
    if (outcome == TAI_CHANGE_UNKNOWN) {
        tai_connection_drop(connection); /* no session goes on without IMPORT_END */
    }
    else if (carry_out(import, TAI_SQL_IMPORT_END, p, text) != TAI_CHANGE_DONE) {
        outcome = TAI_CHANGE_UNKNOWN;
    }
    import->undone = outcome == TAI_CHANGE_DONE && import->order->dry_run;
    return import->undone ? TAI_CHANGE_INVALID : outcome;
}

tai_change_e tai_store_import(tai_store_t *store, const tai_import_order_t *order,
                              const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                              const char **text)
{
    tai_import_t import = {.order = order, .actor = actor, .now = now};
    tai_change_e outcome = tai_store_change_late(store, import_keys, &import, p, text);

    return import.undone ? TAI_CHANGE_DONE : outcome;
}
