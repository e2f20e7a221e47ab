#include "store_users.h"
#include "name.h"
#include "store_accounts.h"
#include "store_private.h"
#include "text.h"

#include <string.h>
#include <apr_strings.h>

static const char primary_admin[] = "primary_admin";
static const char member[] = "member";

typedef struct change_t {
    const char *account;
    const char *username;
    const char *role;
    const char *password_hash;
    const char *status;
    tai_action_e action;
    const tai_actor_t *actor;
    apr_int64_t now;
    tai_user_t *user;
    apr_array_header_t *users;
} change_t;

/* The columns of TAI_SQL_SELECT_USERS. */
enum { ID, ACCOUNT_ID, ACCOUNT, USERNAME, ROLE, STATUS, CREATED_AT };

static tai_user_t *read_user(tai_row_t row, apr_pool_t *p)
{
    tai_user_t *user = apr_pcalloc(p, sizeof(*user));

    user->id = row[ID];
    user->account_id = row[ACCOUNT_ID];
    user->account = row[ACCOUNT];
    user->username = row[USERNAME];
    user->role = row[ROLE];
    user->status = row[STATUS];
    user->created_at = tai_store_seconds(row[CREATED_AT]);
    return user;
}

static tai_change_e need_user(tai_connection_t *connection, const char *username, apr_pool_t *p,
                              tai_user_t **user, const char **text)
{
    apr_array_header_t *rows;

    if (tai_connection_select(connection, TAI_SQL_USER, TAI_ARGS(username), p, &rows, text) !=
        APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (rows->nelts == 0) {
        *text = apr_psprintf(p, "there is no user \"%s\"", tai_text_line(username, 200, p));
        return TAI_CHANGE_NOT_FOUND;
    }
    *user = read_user(APR_ARRAY_IDX(rows, 0, tai_row_t), p);
    return TAI_CHANGE_DONE;
}

static tai_change_e record(tai_connection_t *connection, const change_t *change, const char *detail,
                           apr_pool_t *p, const char **text)
{
    return tai_store_audit(connection, change->actor, change->user->account_id, change->action,
                           change->user->id, detail, change->now, p, text);
}

/* The rows of the active one, of which there is none or one; its name in the second column. */
static tai_change_e find_primary_admin(tai_connection_t *connection, const char *account_id,
                                       apr_pool_t *p, apr_array_header_t **rows, const char **text)
{
    return tai_connection_select(connection, TAI_SQL_PRIMARY_ADMIN, TAI_ARGS(account_id), p, rows,
                                 text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

static tai_change_e refuse_second(const char *account, const apr_array_header_t *rows,
                                  apr_pool_t *p, const char **text)
{
    *text = apr_psprintf(p, "account \"%s\" has a primary administrator already: %s", account,
                         APR_ARRAY_IDX(rows, 0, tai_row_t)[1]);
    return TAI_CHANGE_TAKEN;
}

/* The role that is asked for, or the one that the account still lacks. */
static tai_change_e choose_role(tai_connection_t *connection, const tai_account_t *account,
                                change_t *change, apr_pool_t *p, const char **text)
{
    apr_array_header_t *rows;
    tai_change_e outcome = find_primary_admin(connection, account->id, p, &rows, text);

    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    if (change->role == NULL) {
        change->role = rows->nelts > 0 ? member : primary_admin;
    }
    return rows->nelts > 0 && strcmp(change->role, primary_admin) == 0
               ? refuse_second(account->name, rows, p, text)
               : TAI_CHANGE_DONE;
}

static tai_change_e insert_user(tai_connection_t *connection, const tai_account_t *account,
                                change_t *change, apr_pool_t *p, const char **text)
{
    const char *now = tai_store_number(change->now, p);
    const char *id;
    tai_change_e outcome;

    if (tai_store_new_id("usr_", p, &id, text) != APR_SUCCESS ||
        tai_connection_change(
            connection, TAI_SQL_ADD_USER,
            TAI_ARGS(id, account->id, change->username, change->password_hash, change->role, now),
            p, NULL, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    outcome = need_user(connection, change->username, p, &change->user, text);
    return outcome == TAI_CHANGE_DONE
               ? record(connection, change,
                        apr_psprintf(p, "username: %s, role: %s", change->username, change->role),
                        p, text)
               : outcome;
}

static tai_change_e add_user(tai_connection_t *connection, void *data, apr_pool_t *p,
                             const char **text)
{
    change_t *change = data;
    tai_account_t *account;
    tai_change_e outcome = tai_store_need_account(connection, change->account, p, &account, text);

    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    outcome = need_user(connection, change->username, p, &change->user, text);
    if (outcome == TAI_CHANGE_DONE) {
        *text = apr_psprintf(p, "there is a user \"%s\" already", change->username);
        return TAI_CHANGE_TAKEN;
    }
    if (outcome == TAI_CHANGE_NOT_FOUND) {
        outcome = choose_role(connection, account, change, p, text);
    }
    return outcome == TAI_CHANGE_DONE ? insert_user(connection, account, change, p, text) : outcome;
}

tai_change_e tai_store_add_user(tai_store_t *store, const char *account, const char *username,
                                const char *role, const char *password_hash,
                                const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                tai_user_t **user, const char **text)
{
    change_t change = {.account = account,
                       .username = username,
                       .role = role,
                       .password_hash = password_hash,
                       .action = TAI_ACTION_USER_CREATE,
                       .actor = actor,
                       .now = now};
    tai_change_e outcome;

    *text = tai_name_check("user name", username, TAI_NAME_MAX, p);
    if (*text == NULL && role && strcmp(role, primary_admin) != 0 && strcmp(role, member) != 0) {
        *text = apr_psprintf(p, "there is no role \"%s\"; allowed: %s, %s",
                             tai_text_line(role, 200, p), primary_admin, member);
    }
    if (*text != NULL) {
        return TAI_CHANGE_INVALID;
    }
    outcome = tai_store_change(store, add_user, &change, p, text);
    *user = change.user;
    return outcome;
}

static tai_change_e list_users(tai_connection_t *connection, void *data, apr_pool_t *p,
                               const char **text)
{
    change_t *change = data;
    tai_account_t *account;
    apr_array_header_t *rows;
    tai_change_e outcome = tai_store_need_account(connection, change->account, p, &account, text);

    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    if (tai_connection_select(connection, TAI_SQL_USERS, TAI_ARGS(account->id), p, &rows, text) !=
        APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    change->users = apr_array_make(p, rows->nelts, sizeof(const tai_user_t *));
    for (int i = 0; i < rows->nelts; i++) {
        APR_ARRAY_PUSH(change->users, const tai_user_t *) =
            read_user(APR_ARRAY_IDX(rows, i, tai_row_t), p);
    }
    return TAI_CHANGE_DONE;
}

tai_change_e tai_store_list_users(tai_store_t *store, const char *account, apr_pool_t *p,
                                  apr_array_header_t **users, const char **text)
{
    change_t change = {.account = account};
    tai_change_e outcome = tai_store_view(store, list_users, &change, p, text);

    *users = change.users;
    return outcome;
}

/* Set one column of the user that was found. */
static tai_change_e set(tai_connection_t *connection, tai_statement_e statement, const char *value,
                        const change_t *change, apr_pool_t *p, const char **text)
{
    if (tai_connection_change(connection, statement, TAI_ARGS(value, change->user->id), p, NULL,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return record(connection, change, NULL, p, text);
}

static tai_change_e set_password(tai_connection_t *connection, void *data, apr_pool_t *p,
                                 const char **text)
{
    change_t *change = data;
    tai_change_e outcome = need_user(connection, change->username, p, &change->user, text);

    return outcome == TAI_CHANGE_DONE
               ? set(connection, TAI_SQL_SET_PASSWORD, change->password_hash, change, p, text)
               : outcome;
}

tai_change_e tai_store_set_password(tai_store_t *store, const char *username,
                                    const char *password_hash, const tai_actor_t *actor,
                                    apr_int64_t now, apr_pool_t *p, const char **text)
{
    change_t change = {.username = username,
                       .password_hash = password_hash,
                       .action = TAI_ACTION_USER_PASSWORD,
                       .actor = actor,
                       .now = now};

    return tai_store_change(store, set_password, &change, p, text);
}

/* May one who was disabled come back as what he was? */
static tai_change_e check_role(tai_connection_t *connection, const change_t *change, apr_pool_t *p,
                               const char **text)
{
    const tai_user_t *user = change->user;
    apr_array_header_t *rows;
    tai_change_e outcome;

    if (change->action != TAI_ACTION_USER_ENABLE || strcmp(user->role, primary_admin) != 0) {
        return TAI_CHANGE_DONE;
    }
    outcome = find_primary_admin(connection, user->account_id, p, &rows, text);
    return outcome == TAI_CHANGE_DONE && rows->nelts > 0
               ? refuse_second(user->account, rows, p, text)
               : outcome;
}

static tai_change_e set_status(tai_connection_t *connection, void *data, apr_pool_t *p,
                               const char **text)
{
    change_t *change = data;
    tai_change_e outcome = need_user(connection, change->username, p, &change->user, text);

    if (outcome != TAI_CHANGE_DONE || strcmp(change->user->status, change->status) == 0) {
        return outcome;
    }
    outcome = check_role(connection, change, p, text);
    return outcome == TAI_CHANGE_DONE
               ? set(connection, TAI_SQL_SET_USER_STATUS, change->status, change, p, text)
               : outcome;
}

tai_change_e tai_store_disable_user(tai_store_t *store, const char *username,
                                    const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                    const char **text)
{
    change_t change = {.username = username,
                       .status = "disabled",
                       .action = TAI_ACTION_USER_DISABLE,
                       .actor = actor,
                       .now = now};

    return tai_store_change(store, set_status, &change, p, text);
}

tai_change_e tai_store_enable_user(tai_store_t *store, const char *username,
                                   const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                   const char **text)
{
    change_t change = {.username = username,
                       .status = "active",
                       .action = TAI_ACTION_USER_ENABLE,
                       .actor = actor,
                       .now = now};

    return tai_store_change(store, set_status, &change, p, text);
}
