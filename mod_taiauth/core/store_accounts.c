#include "store_accounts.h"
#include "name.h"
#include "store_private.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <apr_strings.h>

/* The columns of ACCOUNT and, with the counts, of TAI_SQL_SELECT_ACCOUNTS. */
enum { ID, NAME, PLAN, STATUS, CREATED_AT, USERS, ACTIVE_KEYS, MAX_KEYS, TITLE, RATE_LIMIT };

static tai_account_t *read_account(tai_row_t row, apr_pool_t *p)
{
    tai_account_t *account = apr_pcalloc(p, sizeof(*account));

    account->id = row[ID];
    account->name = row[NAME];
    account->plan = row[PLAN];
    account->status = row[STATUS];
    account->created_at = tai_store_seconds(row[CREATED_AT]);
    return account;
}

static tai_account_t *read_counted(tai_row_t row, apr_pool_t *p)
{
    tai_account_t *account = read_account(row, p);

    account->users = atoi(row[USERS]);
    account->active_keys = atoi(row[ACTIVE_KEYS]);
    account->max_keys = atoi(row[MAX_KEYS]);
    account->plan_title = row[TITLE];
    account->plan_rate_limit = row[RATE_LIMIT];
    return account;
}

tai_change_e tai_store_need_account(tai_connection_t *connection, const char *name, apr_pool_t *p,
                                    tai_account_t **account, const char **text)
{
    apr_array_header_t *rows;

    if (tai_connection_select(connection, TAI_SQL_ACCOUNT, TAI_ARGS(name), p, &rows, text) !=
        APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (rows->nelts == 0) {
        *text = apr_psprintf(p, "there is no account \"%s\"", tai_text_line(name, 200, p));
        return TAI_CHANGE_NOT_FOUND;
    }
    *account = read_account(APR_ARRAY_IDX(rows, 0, tai_row_t), p);
    return TAI_CHANGE_DONE;
}

/* value: by which it was asked for */
static tai_change_e take_counted(const apr_array_header_t *rows, const char *value, apr_pool_t *p,
                                 tai_account_t **account, const char **text)
{
    if (rows->nelts == 0) {
        *text = apr_psprintf(p, "there is no account \"%s\"", tai_text_line(value, 200, p));
        return TAI_CHANGE_NOT_FOUND;
    }
    *account = read_counted(APR_ARRAY_IDX(rows, 0, tai_row_t), p);
    return TAI_CHANGE_DONE;
}

/*
 * So many are counted at the most, or enough to tell whether the plan allows one more: of a line two
 * may be active, one of them in its grace.
 */
static apr_int64_t enough(const tai_account_t *account)
{
    const apr_int64_t needed = 2 * ((apr_int64_t)account->max_keys + 1);

    return needed > TAI_KEYS_COUNTED ? needed : TAI_KEYS_COUNTED;
}

static tai_change_e count_keys(tai_connection_t *connection, apr_int64_t now, apr_pool_t *p,
                               tai_account_t *account, const char **text)
{
    apr_array_header_t *rows;

    if (tai_connection_select(
            connection, TAI_SQL_COUNT_KEYS,
            TAI_ARGS(account->id, tai_store_number(now, p), tai_store_number(enough(account), p)),
            p, &rows, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    account->active_keys = rows->nelts ? atoi(APR_ARRAY_IDX(rows, 0, tai_row_t)[0]) : 0;
    return TAI_CHANGE_DONE;
}

tai_change_e tai_store_count_account(tai_connection_t *connection, const char *id, apr_int64_t now,
                                     apr_pool_t *p, tai_account_t **account, const char **text)
{
    apr_array_header_t *rows;
    tai_change_e outcome;

    if (tai_connection_select(connection, TAI_SQL_ACCOUNT_BY_ID, TAI_ARGS(id), p, &rows, text) !=
        APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    outcome = take_counted(rows, id, p, account, text);
    return outcome == TAI_CHANGE_DONE ? count_keys(connection, now, p, *account, text) : outcome;
}

tai_change_e tai_store_show_account(tai_store_t *store, const char *name, apr_int64_t now,
                                    apr_pool_t *p, tai_account_t **account, const char **text)
{
    const char *at = tai_store_number(now, p);
    apr_array_header_t *rows;

    return tai_store_select(store, TAI_SQL_ACCOUNT_COUNTED, TAI_ARGS(at, name), p, &rows, text) ==
                   APR_SUCCESS
               ? take_counted(rows, name, p, account, text)
               : TAI_CHANGE_UNKNOWN;
}

typedef struct look_t {
    const char *id;
    apr_int64_t now;
    tai_account_t *account;
} look_t;

static tai_change_e look(tai_connection_t *connection, void *data, apr_pool_t *p, const char **text)
{
    look_t *what = data;

    return tai_store_count_account(connection, what->id, what->now, p, &what->account, text);
}

tai_change_e tai_store_account_by_id(tai_store_t *store, const char *id, apr_int64_t now,
                                     apr_pool_t *p, tai_account_t **account, const char **text)
{
    look_t what = {.id = id, .now = now};
    tai_change_e outcome = tai_store_view(store, look, &what, p, text);

    *account = what.account;
    return outcome;
}

const char *tai_store_first_column(const apr_array_header_t *rows, apr_pool_t *p)
{
    const char *list = "";

    for (int i = 0; i < rows->nelts; i++) {
        list = apr_pstrcat(p, list, i > 0 ? ", " : "", APR_ARRAY_IDX(rows, i, tai_row_t)[0], NULL);
    }
    return list;
}

/* The driver gives an empty blob, put there by hand, as NULL. */
static int is_plan(const char *name, const char *plan)
{
    return name != NULL && strcmp(name, plan) == 0;
}

static tai_change_e need_plan(tai_connection_t *connection, const char *plan, apr_pool_t *p,
                              const char **text)
{
    apr_array_header_t *rows;

    if (tai_connection_select(connection, TAI_SQL_PLANS, NULL, p, &rows, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    for (int i = 0; i < rows->nelts; i++) {
        if (is_plan(APR_ARRAY_IDX(rows, i, tai_row_t)[0], plan)) {
            return TAI_CHANGE_DONE;
        }
    }
    *text = apr_psprintf(p, "there is no plan \"%s\"; allowed: %s", tai_text_line(plan, 200, p),
                         tai_store_first_column(rows, p));
    return TAI_CHANGE_INVALID;
}

typedef struct change_t {
    const char *name;
    const char *plan;
    const char *status;
    tai_action_e action;
    const tai_actor_t *actor;
    apr_int64_t now;
    tai_account_t *account;
} change_t;

static tai_change_e record(tai_connection_t *connection, const change_t *change, const char *detail,
                           apr_pool_t *p, const char **text)
{
    return tai_store_audit(connection, change->actor, change->account->id, change->action,
                           change->account->id, detail, change->now, p, text);
}

static tai_change_e insert_account(tai_connection_t *connection, change_t *change, apr_pool_t *p,
                                   const char **text)
{
    const char *now = tai_store_number(change->now, p);
    const char *id;

    if (tai_store_new_id("acc_", p, &id, text) != APR_SUCCESS ||
        tai_connection_change(connection, TAI_SQL_ADD_ACCOUNT,
                              TAI_ARGS(id, change->name, change->plan, now), p, NULL,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return tai_store_need_account(connection, change->name, p, &change->account, text);
}

static tai_change_e add_account(tai_connection_t *connection, void *data, apr_pool_t *p,
                                const char **text)
{
    change_t *change = data;
    tai_change_e outcome = need_plan(connection, change->plan, p, text);

    if (outcome == TAI_CHANGE_DONE) {
        outcome = tai_store_need_account(connection, change->name, p, &change->account, text);
        if (outcome == TAI_CHANGE_DONE) {
            *text = apr_psprintf(p, "there is an account \"%s\" already", change->name);
            return TAI_CHANGE_TAKEN;
        }
    }
    if (outcome == TAI_CHANGE_NOT_FOUND) {
        outcome = insert_account(connection, change, p, text);
    }
    if (outcome == TAI_CHANGE_DONE) {
        outcome = record(connection, change, apr_pstrcat(p, "plan: ", change->plan, NULL), p, text);
    }
    return outcome;
}

tai_change_e tai_store_add_account(tai_store_t *store, const char *name, const char *plan,
                                   const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                   tai_account_t **account, const char **text)
{
    change_t change = {.name = name,
                       .plan = plan,
                       .action = TAI_ACTION_ACCOUNT_CREATE,
                       .actor = actor,
                       .now = now};
    tai_change_e outcome;

    *text = tai_name_check("account name", name, TAI_NAME_MAX, p);
    if (*text != NULL) {
        return TAI_CHANGE_INVALID;
    }
    outcome = tai_store_change(store, add_account, &change, p, text);
    *account = change.account;
    return outcome;
}

apr_status_t tai_store_list_accounts(tai_store_t *store, apr_int64_t now, apr_pool_t *p,
                                     apr_array_header_t **accounts, const char **error)
{
    apr_array_header_t *rows;
    apr_status_t rv = tai_store_select(store, TAI_SQL_ACCOUNTS, TAI_ARGS(tai_store_number(now, p)),
                                       p, &rows, error);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *accounts = apr_array_make(p, rows->nelts, sizeof(tai_account_t *));
    for (int i = 0; i < rows->nelts; i++) {
        APR_ARRAY_PUSH(*accounts, const tai_account_t *) =
            read_counted(APR_ARRAY_IDX(rows, i, tai_row_t), p);
    }
    return APR_SUCCESS;
}

/* Set one column of the account that was found. */
static tai_change_e set(tai_connection_t *connection, tai_statement_e statement, const char *value,
                        const tai_account_t *account, apr_pool_t *p, const char **text)
{
    return tai_connection_change(connection, statement, TAI_ARGS(value, account->id), p, NULL,
                                 text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

static tai_change_e set_plan(tai_connection_t *connection, void *data, apr_pool_t *p,
                             const char **text)
{
    change_t *change = data;
    const char *old;
    tai_change_e outcome = need_plan(connection, change->plan, p, text);

    if (outcome == TAI_CHANGE_DONE) {
        outcome = tai_store_need_account(connection, change->name, p, &change->account, text);
    }
    if (outcome != TAI_CHANGE_DONE || is_plan(change->account->plan, change->plan)) {
        return outcome;
    }
    old = change->account->plan ? change->account->plan : "";
    outcome = set(connection, TAI_SQL_SET_PLAN, change->plan, change->account, p, text);
    if (outcome == TAI_CHANGE_DONE) {
        outcome = record(connection, change,
                         apr_pstrcat(p, "plan: ", old, " -> ", change->plan, NULL), p, text);
    }
    return outcome;
}

tai_change_e tai_store_set_plan(tai_store_t *store, const char *name, const char *plan,
                                const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                const char **text)
{
    change_t change = {
        .name = name, .plan = plan, .action = TAI_ACTION_ACCOUNT_PLAN, .actor = actor, .now = now};

    return tai_store_change(store, set_plan, &change, p, text);
}

static tai_change_e set_status(tai_connection_t *connection, void *data, apr_pool_t *p,
                               const char **text)
{
    change_t *change = data;
    tai_change_e outcome =
        tai_store_need_account(connection, change->name, p, &change->account, text);

    if (outcome != TAI_CHANGE_DONE || strcmp(change->account->status, change->status) == 0) {
        return outcome;
    }
    if (strcmp(change->account->status, "closed") == 0) {
        *text = apr_psprintf(p, "account \"%s\" is closed", change->account->name);
        return TAI_CHANGE_INACTIVE;
    }
    outcome = set(connection, TAI_SQL_SET_ACCOUNT_STATUS, change->status, change->account, p, text);
    return outcome == TAI_CHANGE_DONE ? record(connection, change, NULL, p, text) : outcome;
}

tai_change_e tai_store_set_suspended(tai_store_t *store, const char *name, int suspended,
                                     const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                     const char **text)
{
    change_t change = {.name = name,
                       .status = suspended ? "suspended" : "active",
                       .action =
                           suspended ? TAI_ACTION_ACCOUNT_SUSPEND : TAI_ACTION_ACCOUNT_REINSTATE,
                       .actor = actor,
                       .now = now};

    return tai_store_change(store, set_status, &change, p, text);
}

tai_change_e tai_store_close_account(tai_store_t *store, const char *name, const tai_actor_t *actor,
                                     apr_int64_t now, apr_pool_t *p, const char **text)
{
    change_t change = {.name = name,
                       .status = "closed",
                       .action = TAI_ACTION_ACCOUNT_CLOSE,
                       .actor = actor,
                       .now = now};

    return tai_store_change(store, set_status, &change, p, text);
}
