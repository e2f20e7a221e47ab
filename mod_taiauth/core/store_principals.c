#include "store_principals.h"
#include "store_private.h"

#include <string.h>

/* The columns of PRINCIPAL and SESSION. */
enum {
    USER_ID,
    USERNAME,
    ROLE,
    STATUS,
    PASSWORD_HASH,
    ACCOUNT_ID,
    ACCOUNT,
    PLAN,
    ACCOUNT_STATUS,
    COLUMNS
};

_Static_assert(COLUMNS == TAI_PRINCIPAL_COLUMNS, "what follows them is found by their number");

/* The driver reads an empty blob as NULL, also where the schema says NOT NULL. */
static int is_complete(tai_row_t row)
{
    return row[USER_ID] && row[USERNAME] && row[ROLE] && row[STATUS] && row[ACCOUNT_ID] &&
           row[ACCOUNT] && row[PLAN];
}

apr_status_t tai_store_read_principal(const apr_array_header_t *rows, apr_pool_t *p,
                                      tai_principal_t **principal, const char **error)
{
    tai_row_t row;

    *principal = NULL;
    if (rows->nelts == 0) {
        return APR_SUCCESS;
    }
    row = APR_ARRAY_IDX(rows, 0, tai_row_t);
    if (!is_complete(row)) {
        *error = "the row of a user or account is incomplete";
        return APR_EGENERAL;
    }
    *principal = apr_palloc(p, sizeof(**principal));
    **principal = (tai_principal_t){
        .user_id = row[USER_ID],
        .username = row[USERNAME],
        .primary_admin = strcmp(row[ROLE], "primary_admin") == 0,
        .active = strcmp(row[STATUS], "active") == 0,
        .password_hash = row[PASSWORD_HASH],
        .account_id = row[ACCOUNT_ID],
        .account = row[ACCOUNT],
        .plan = row[PLAN],
        .standing = tai_store_standing(row[ACCOUNT_STATUS]),
        .session_ends = TAI_NEVER,
    };
    return APR_SUCCESS;
}

apr_status_t tai_store_find_principal(tai_store_t *store, const char *username, apr_pool_t *p,
                                      tai_principal_t **principal, const char **error)
{
    apr_array_header_t *rows;
    apr_status_t rv =
        tai_store_select(store, TAI_SQL_PRINCIPAL, TAI_ARGS(username), p, &rows, error);

    *principal = NULL;
    return rv == APR_SUCCESS ? tai_store_read_principal(rows, p, principal, error) : rv;
}

static int same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/*
 * While a password was checked, the user may have been disabled or got another password: what ends
 * his sessions then would miss this one.
 */
tai_change_e tai_store_same_principal(tai_connection_t *connection, const tai_principal_t *before,
                                      apr_pool_t *p, const char **text)
{
    apr_array_header_t *rows;
    tai_principal_t *user;

    if (tai_connection_select(connection, TAI_SQL_PRINCIPAL, TAI_ARGS(before->username), p, &rows,
                              text) != APR_SUCCESS ||
        tai_store_read_principal(rows, p, &user, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (user != NULL && user->active && strcmp(user->user_id, before->user_id) == 0 &&
        strcmp(user->account_id, before->account_id) == 0 &&
        same_text(user->password_hash, before->password_hash)) {
        return TAI_CHANGE_DONE;
    }
    *text = "the user was disabled or changed while he logged in";
    return TAI_CHANGE_INACTIVE;
}
