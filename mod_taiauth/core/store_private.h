#ifndef TAI_STORE_PRIVATE_H
#define TAI_STORE_PRIVATE_H

#include "store.h"
#include "store_accounts.h"
#include "store_change.h"
#include "store_connection.h"
#include "store_keys.h"

/* What the files store_*.c have in common. */

/**
 * Run one statement that gives rows, on a connection of the store. One that fails on a connection
 * opened earlier is tried once more on a new one.
 * @param args   one text, or NULL, for each parameter; NULL: it has none
 * @param p      rows and error live here
 * @param rows   set to an array of tai_row_t
 * @param error  set to a sentence for the log on failure
 * @return APR_SUCCESS, or APR_EGENERAL
 */
apr_status_t tai_store_select(tai_store_t *store, tai_statement_e statement, const char **args,
                              apr_pool_t *p, apr_array_header_t **rows, const char **error);

/**
 * Is the schema behind a connection the one that this program knows?
 * @param database  what the connection is to
 * @param text      set to a sentence on failure; the connection is dropped then
 * @return APR_SUCCESS, or APR_EGENERAL
 */
apr_status_t tai_store_check_schema(tai_connection_t *connection, const tai_database_t *database,
                                    apr_pool_t *p, const char **text);

/**
 * What is done with a connection of the store.
 * @param data  what the caller of tai_store_change or tai_store_view gave
 * @param text  set to a sentence unless the outcome is TAI_CHANGE_DONE
 */
typedef tai_change_e tai_change_fn(tai_connection_t *connection, void *data, apr_pool_t *p,
                                   const char **text);

/**
 * Run a change in a transaction of its own: it is committed if its outcome is TAI_CHANGE_DONE, else
 * undone.
 * @param p     texts live here
 * @param text  set to a sentence unless the outcome is TAI_CHANGE_DONE
 */
tai_change_e tai_store_change(tai_store_t *store, tai_change_fn *change, void *data, apr_pool_t *p,
                              const char **text);

/**
 * Run several statements that only read, on one connection. No transaction: what others change in
 * between may be seen.
 * @return what view returned
 */
tai_change_e tai_store_view(tai_store_t *store, tai_change_fn *view, void *data, apr_pool_t *p,
                            const char **text);

/**
 * Find an account by name, or say that there is none.
 * @return DONE, NOT_FOUND or UNKNOWN
 */
tai_change_e tai_store_need_account(tai_connection_t *connection, const char *name, apr_pool_t *p,
                                    tai_account_t **account, const char **text);

/**
 * Find the one key that is meant, or say that there is none, or several.
 * @return as tai_store_show_key
 */
tai_change_e tai_store_need_key(tai_connection_t *connection, const tai_key_name_t *name,
                                apr_pool_t *p, const tai_key_info_t **info, const char **text);

/**
 * The first column of rows as a list for a text: "free, claimed, pro".
 */
const char *tai_store_first_column(const apr_array_header_t *rows, apr_pool_t *p);

/**
 * A time as the database gives it.
 * @return UTC seconds; TAI_NEVER: NULL; TAI_MALFORMED: anything but a number
 */
apr_int64_t tai_store_seconds(const char *text);

/**
 * A number as a parameter of a statement.
 */
const char *tai_store_number(apr_int64_t number, apr_pool_t *p);

/**
 * A new id: nobody can guess it, and it tells of nothing.
 * @param prefix  "key_"
 * @param id      set to the prefix and 131 random bits in base62
 * @param text    set to a sentence on failure
 * @return APR_SUCCESS, or why there are no random bytes
 */
apr_status_t tai_store_new_id(const char *prefix, apr_pool_t *p, const char **id,
                              const char **text);

#endif
