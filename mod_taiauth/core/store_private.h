#ifndef TAI_STORE_PRIVATE_H
#define TAI_STORE_PRIVATE_H

#include "store.h"
#include "store_accounts.h"
#include "store_audit.h"
#include "store_change.h"
#include "store_connection.h"
#include "store_keys.h"
#include "store_principals.h"

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
 * Can the database behind a connection be written to, and is its schema the one that this program
 * knows?
 * @param database  what the connection is to
 * @param text      set to a sentence on failure; the connection is dropped then
 * @return APR_SUCCESS; APR_EINVAL: it cannot be written to; or APR_EGENERAL
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
 * undone. One that failed before that on a connection opened earlier is tried once more on a new
 * one: it must be able to begin again.
 * @param p     texts live here
 * @param text  set to a sentence unless the outcome is TAI_CHANGE_DONE
 */
tai_change_e tai_store_change(tai_store_t *store, tai_change_fn *change, void *data, apr_pool_t *p,
                              const char **text);

/**
 * The same for what takes long: on servers others go on changing things meanwhile. It takes the lock of
 * changes itself (TAI_SQL_LOCK_CHANGES), at its end, and looks then whether what it rests on still holds.
 */
tai_change_e tai_store_change_late(tai_store_t *store, tai_change_fn *change, void *data,
                                   apr_pool_t *p, const char **text);

/**
 * The same without that lock, and on servers with a connection of its own: for what nodes need not hear
 * of, usage and log-ins above all. Neither do revocations wait for it, nor it for those that wait.
 */
tai_change_e tai_store_change_aside(tai_store_t *store, tai_change_fn *change, void *data,
                                    apr_pool_t *p, const char **text);

/**
 * Delete what is old in slices, each a transaction of its own: nobody waits long for one, and what has
 * become very many rows is not too much for the time that one has. At most TAI_SLICES_MAX at a time.
 * @param statement  one of TAI_SQL_SLICE_OF
 * @param bound      its first parameter
 * @return DONE, or UNKNOWN: what was deleted by then is
 */
#define TAI_SLICE      5000 /* rows */
#define TAI_SLICES_MAX 20
tai_change_e tai_store_delete_slices(tai_store_t *store, tai_statement_e statement,
                                     const char *bound, apr_pool_t *p, const char **text);

/**
 * Run several statements on one connection. No transaction: what others change in between may be
 * seen, and a change stands for itself.
 * @return what view returned
 */
tai_change_e tai_store_view(tai_store_t *store, tai_change_fn *view, void *data, apr_pool_t *p,
                            const char **text);

/**
 * The same on a connection that is for the node's own affairs alone: a sync must not wait for those
 * who read or change something.
 */
tai_change_e tai_store_attend(tai_store_t *store, tai_change_fn *what, void *data, apr_pool_t *p,
                              const char **text);

/**
 * The same on the connection of those who change something, for one statement that changes rows and
 * may fail: where they wait for their turn, so does it, and nobody else.
 */
tai_change_e tai_store_note(tai_store_t *store, tai_change_fn *what, void *data, apr_pool_t *p,
                            const char **text);

/**
 * Find an account by name, or say that there is none.
 * @return DONE, NOT_FOUND or UNKNOWN
 */
tai_change_e tai_store_need_account(tai_connection_t *connection, const char *name, apr_pool_t *p,
                                    tai_account_t **account, const char **text);

/**
 * Find an account by id, with its counts.
 * @param now  UTC seconds, for what has expired
 * @return DONE, NOT_FOUND or UNKNOWN
 */
tai_change_e tai_store_count_account(tai_connection_t *connection, const char *id, apr_int64_t now,
                                     apr_pool_t *p, tai_account_t **account, const char **text);

/* Who may have keys: an active primary administrator of an active account. */
typedef struct tai_owner_t {
    const char *user_id;
    const char *account_id;
    const char *account; /* its name */
    const char *plan;
} tai_owner_t;

/**
 * Find who is to have a key, or say why he may not. Only the primary administrator of an account
 * has keys, and only while account and user are active.
 * @param account  name of the account whose primary administrator is meant
 * @param user_id  instead of that, a user; NULL: by account
 * @return DONE, NOT_FOUND, INACTIVE, ROLE or UNKNOWN
 */
tai_change_e tai_store_need_owner(tai_connection_t *connection, const char *account,
                                  const char *user_id, apr_pool_t *p, tai_owner_t *owner,
                                  const char **text);

/* Names of scopes, in arrays of const char *. */
typedef struct tai_grants_t {
    apr_array_header_t *granted;  /* by the plan */
    apr_array_header_t *defaults; /* of them, what a key gets that names none */
} tai_grants_t;

/**
 * Read what a plan grants.
 * @param p  the lists live here
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_read_grants(tai_connection_t *connection, const char *plan, apr_pool_t *p,
                                   tai_grants_t *grants, const char **text);

/**
 * The scopes of a new key: those asked for, each once, or else the default ones of the plan.
 * @param asked   array of const char *; NULL: the default ones
 * @param scopes  set to them, separated by one blank
 * @return DONE, INVALID (unknown, too many, or none), PLAN (does not grant one) or UNKNOWN
 */
tai_change_e tai_store_choose_scopes(tai_connection_t *connection, const tai_grants_t *grants,
                                     const apr_array_header_t *asked, apr_pool_t *p,
                                     const char **scopes, const char **text);

/**
 * Find the one key that is meant, or say that there is none, or several.
 * @param now  UTC seconds
 * @return as tai_store_show_key
 */
tai_change_e tai_store_need_key(tai_connection_t *connection, const tai_key_name_t *name,
                                apr_int64_t now, apr_pool_t *p, const tai_key_info_t **info,
                                const char **text);

/* What a key is to be, when all of it is decided. */
typedef struct tai_new_key_t {
    const tai_owner_t *owner;
    const char *line; /* id of the first key of its line; NULL: it is the first */
    const char *name;
    const char *scopes; /* separated by one blank */
    const char *rate_limit;
    const char *origin;
    apr_int64_t expires_at;
    int with_token;
} tai_new_key_t;

/**
 * Make a key and put it into the database.
 * @param issue  filled in when done; the caller wipes it in any case
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_insert_key(tai_connection_t *connection, const tai_new_key_t *key,
                                  apr_int64_t now, apr_pool_t *p, tai_key_issue_t *issue,
                                  const char **text);

/**
 * The other active keys of a line.
 * @param key   one of the line
 * @param rows  set to rows of one column: the id
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_line_keys(tai_connection_t *connection, const tai_key_info_t *key,
                                 apr_int64_t now, apr_pool_t *p, apr_array_header_t **rows,
                                 const char **text);

/**
 * Revoke a key that is not revoked. The caller records it.
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_end_key(tai_connection_t *connection, const char *account_id, const char *id,
                               apr_int64_t now, apr_pool_t *p, const char **text);

/**
 * Record a change, in its transaction.
 * @param account_id  NULL: of no account
 * @param subject     id of the key, user or account; NULL: none
 * @param detail      at most 255 bytes; NULL: none
 * @param now         UTC seconds
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_audit(tai_connection_t *connection, const tai_actor_t *actor,
                             const char *account_id, tai_action_e action, const char *subject,
                             const char *detail, apr_int64_t now, apr_pool_t *p, const char **text);

/* How many columns a statement has of a principal. */
#define TAI_PRINCIPAL_COLUMNS 9

/**
 * Read a user with his account.
 * @param rows       of PRINCIPAL or SESSION; the first one counts
 * @param principal  set to it, or NULL: there is no row
 * @return as tai_store_find_principal
 */
apr_status_t tai_store_read_principal(const apr_array_header_t *rows, apr_pool_t *p,
                                      tai_principal_t **principal, const char **error);

/**
 * Is a user who has shown his password still the one that he was then? For use in a transaction.
 * @param before  as the password was checked against
 * @return DONE, INACTIVE (disabled, moved, or under another password) or UNKNOWN
 */
tai_change_e tai_store_same_principal(tai_connection_t *connection, const tai_principal_t *before,
                                      apr_pool_t *p, const char **text);

/**
 * The first column of rows as a list for a text: "free, claimed, pro".
 */
const char *tai_store_first_column(const apr_array_header_t *rows, apr_pool_t *p);

/**
 * Read the counter of changes out of the first column of the first row.
 * @param seq  set to it
 * @return DONE, or UNKNOWN: there is no number
 */
tai_change_e tai_store_read_counter(const apr_array_header_t *rows, apr_pool_t *p, apr_int64_t *seq,
                                    const char **text);

/**
 * The counter of changes that what was read goes with.
 * @param before  rows of COUNTER_BEFORE
 * @param rows    those of the statement behind it, whose first column is the counter
 * @return its text; NULL: there is none
 */
const char *tai_store_counter(const apr_array_header_t *before, const apr_array_header_t *rows);

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
 * The date of a time, as key_usage has it.
 * @param seconds  UTC, of the years 1970 to 9999
 * @return "2026-01-31"
 */
const char *tai_store_day(apr_int64_t seconds, apr_pool_t *p);

/**
 * The first of the TAI_USAGE_DAYS days that end with today.
 * @param now  UTC seconds
 * @return as tai_store_day
 */
const char *tai_store_first_day(apr_int64_t now, apr_pool_t *p);

/**
 * What the status of an account or user means.
 * @param status  of its row; NULL, or a word that is not known: it is closed
 */
tai_standing_e tai_store_standing(const char *status);

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
