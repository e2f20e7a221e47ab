#include "store_private.h"

#include <string.h>
#include <apr_strings.h>

/* The columns of OWNER. */
enum { USER_ID, USERNAME, ROLE, USER_STATUS, ACCOUNT_ID, ACCOUNT, PLAN, ACCOUNT_STATUS };

static tai_change_e by_user(tai_connection_t *connection, const char *user_id, apr_pool_t *p,
                            tai_owner_t *owner, const char **text)
{
    apr_array_header_t *rows;
    tai_row_t row;

    if (tai_connection_select(connection, TAI_SQL_OWNER, TAI_ARGS(user_id), p, &rows, text) !=
        APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (rows->nelts == 0) {
        *text = "there is no such user";
        return TAI_CHANGE_NOT_FOUND;
    }
    row = APR_ARRAY_IDX(rows, 0, tai_row_t);
    *owner = (tai_owner_t){row[USER_ID], row[ACCOUNT_ID], row[ACCOUNT], row[PLAN]};
    if (strcmp(row[ACCOUNT_STATUS], "active") != 0) {
        *text = apr_psprintf(p, "account \"%s\" is %s", row[ACCOUNT], row[ACCOUNT_STATUS]);
        return TAI_CHANGE_INACTIVE;
    }
    if (strcmp(row[USER_STATUS], "active") != 0) {
        *text = apr_psprintf(p, "user \"%s\" is %s", row[USERNAME], row[USER_STATUS]);
        return TAI_CHANGE_INACTIVE;
    }
    if (strcmp(row[ROLE], "primary_admin") != 0) {
        *text = apr_psprintf(p, "user \"%s\" is not the primary administrator of account \"%s\"",
                             row[USERNAME], row[ACCOUNT]);
        return TAI_CHANGE_ROLE;
    }
    return TAI_CHANGE_DONE;
}

static tai_change_e by_account(tai_connection_t *connection, const char *name, apr_pool_t *p,
                               tai_owner_t *owner, const char **text)
{
    apr_array_header_t *admins;
    tai_account_t *account;
    tai_change_e outcome = tai_store_need_account(connection, name, p, &account, text);

    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    if (strcmp(account->status, "active") != 0) {
        *text = apr_psprintf(p, "account \"%s\" is %s", account->name, account->status);
        return TAI_CHANGE_INACTIVE;
    }
    if (tai_connection_select(connection, TAI_SQL_PRIMARY_ADMIN, TAI_ARGS(account->id), p, &admins,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (admins->nelts == 0) {
        *text =
            apr_psprintf(p, "account \"%s\" has no active primary administrator", account->name);
        return TAI_CHANGE_INACTIVE;
    }
    *owner = (tai_owner_t){APR_ARRAY_IDX(admins, 0, tai_row_t)[0], account->id, account->name,
                           account->plan};
    return TAI_CHANGE_DONE;
}

tai_change_e tai_store_need_owner(tai_connection_t *connection, const char *account,
                                  const char *user_id, apr_pool_t *p, tai_owner_t *owner,
                                  const char **text)
{
    return user_id != NULL ? by_user(connection, user_id, p, owner, text)
                           : by_account(connection, account, p, owner, text);
}
