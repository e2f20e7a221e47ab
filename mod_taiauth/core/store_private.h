#ifndef TAI_STORE_PRIVATE_H
#define TAI_STORE_PRIVATE_H

#include "store.h"
#include "store_change.h"
#include "store_connection.h"

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
 * A part of a change: runs inside the transaction.
 * @param data  what the caller of tai_store_change gave
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

#endif
