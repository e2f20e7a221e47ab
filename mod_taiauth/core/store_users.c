#include "store_users.h"
#include "name.h"
#include "store_accounts.h"
#include "store_private.h"
#include "text.h"

#include <string.h>
#include <apr_strings.h>
#include <apr_time.h>

static const char primary_admin[] = "primary_admin";
static const char member[] = "member";

typedef struct change_t {
    const char *account;
    const char *username;
    const char *role;
    const char *password_hash;
    tai_user_t *user;
} change_t;

/* The columns of USER. */
enum { ID, ACCOUNT, USERNAME, ROLE, STATUS, CREATED_AT };

static tai_user_t *read_user(tai_row_t row, apr_pool_t *p)
{
    tai_user_t *user = apr_pcalloc(p, sizeof(*user));

    user->id = row[ID];
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

/* The role that is asked for, or the one that the account still lacks. */
static tai_change_e choose_role(tai_connection_t *connection, const tai_account_t *account,
                                change_t *change, apr_pool_t *p, const char **text)
{
    apr_array_header_t *rows;

    if (tai_connection_select(connection, TAI_SQL_PRIMARY_ADMIN, TAI_ARGS(account->id), p, &rows,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (change->role == NULL) {
        change->role = rows->nelts > 0 ? member : primary_admin;
    }
    if (rows->nelts > 0 && strcmp(change->role, primary_admin) == 0) {
        *text = apr_psprintf(p, "account \"%s\" has a primary administrator already: %s",
                             account->name, APR_ARRAY_IDX(rows, 0, tai_row_t)[1]);
        return TAI_CHANGE_TAKEN;
    }
    return TAI_CHANGE_DONE;
}

static tai_change_e insert_user(tai_connection_t *connection, const tai_account_t *account,
                                change_t *change, apr_pool_t *p, const char **text)
{
    const char *now = tai_store_number(apr_time_sec(apr_time_now()), p);
    const char *id;

    if (tai_store_new_id("usr_", p, &id, text) != APR_SUCCESS ||
        tai_connection_change(
            connection, TAI_SQL_ADD_USER,
            TAI_ARGS(id, account->id, change->username, change->password_hash, change->role, now),
            p, NULL, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return need_user(connection, change->username, p, &change->user, text);
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
                                const char *role, const char *password_hash, apr_pool_t *p,
                                tai_user_t **user, const char **text)
{
    change_t change = {
        .account = account, .username = username, .role = role, .password_hash = password_hash};
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

static tai_change_e set_password(tai_connection_t *connection, void *data, apr_pool_t *p,
                                 const char **text)
{
    change_t *change = data;
    tai_change_e outcome = need_user(connection, change->username, p, &change->user, text);

    if (outcome == TAI_CHANGE_DONE &&
        tai_connection_change(connection, TAI_SQL_SET_PASSWORD,
                              TAI_ARGS(change->password_hash, change->user->id), p, NULL,
                              text) != APR_SUCCESS) {
        outcome = TAI_CHANGE_UNKNOWN;
    }
    return outcome;
}

tai_change_e tai_store_set_password(tai_store_t *store, const char *username,
                                    const char *password_hash, apr_pool_t *p, const char **text)
{
    change_t change = {.username = username, .password_hash = password_hash};

    return tai_store_change(store, set_password, &change, p, text);
}

static tai_change_e disable_user(tai_connection_t *connection, void *data, apr_pool_t *p,
                                 const char **text)
{
    change_t *change = data;
    tai_change_e outcome = need_user(connection, change->username, p, &change->user, text);

    if (outcome == TAI_CHANGE_DONE &&
        tai_connection_change(connection, TAI_SQL_DISABLE_USER, TAI_ARGS(change->user->id), p, NULL,
                              text) != APR_SUCCESS) {
        outcome = TAI_CHANGE_UNKNOWN;
    }
    return outcome;
}

tai_change_e tai_store_disable_user(tai_store_t *store, const char *username, apr_pool_t *p,
                                    const char **text)
{
    change_t change = {.username = username};

    return tai_store_change(store, disable_user, &change, p, text);
}
