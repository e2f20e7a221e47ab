#ifndef TAI_STORE_CONNECTION_H
#define TAI_STORE_CONNECTION_H

#include <apr_tables.h>
#include "store_database.h"
#include "store_deadline.h"
#include "store_statements.h"

/*
 * One connection to a database, opened when it is first used and again after it was dropped. A
 * statement that fails drops it: after a schema change SQLite fails every statement prepared
 * before, and whatever else went wrong, a new connection is the way to find out whether it lasts.
 *
 * A connection is used by one thread at a time.
 */
typedef struct tai_connection_t tai_connection_t;

/* How long a connection to a server waits for it, milliseconds. */
typedef struct tai_times_t {
    tai_keeper_t *keeper;
    apr_uint32_t connect_ms;   /* to be opened; for each address that the server has */
    apr_uint32_t statement_ms; /* for a statement; all that a new connection begins with is one */
    unsigned
        *failures; /* on all connections to it, see tai_connection_doubt; NULL: of no interest */
    const apr_uint64_t *full_until; /* none is opened before: tai_turns_take; NULL: at any time */
} tai_times_t;

/* How the last statement of a connection ended. */
typedef enum {
    TAI_ANSWERED, /* well, or with an error that the database told, or there is no server */
    TAI_ENDED,    /* the server has ended what took too long, or waited for somebody's lock */
    TAI_FULL,     /* the server has no room for another connection */
    TAI_LOST,     /* the connection broke */
    TAI_LATE,     /* it could not be opened, or took too long */
    TAI_UNASKED   /* nobody could be asked: that says nothing about the server */
} tai_ending_e;

/* One row of a result: a text, or NULL, for each column. */
typedef const char *const *tai_row_t;

/* The parameters of a statement, in their order. */
#define TAI_ARGS(...) ((const char *[]){__VA_ARGS__})

/**
 * Make a connection that is not open yet.
 * @param database  must live as long
 * @param times     must live as long
 * @param p         closed and freed when this pool is destroyed; used by one thread at a time
 * @param out       set on success
 * @return APR_SUCCESS, or APR_ENOMEM
 */
apr_status_t tai_connection_create(tai_connection_t **out, const tai_database_t *database,
                                   const tai_times_t *times, apr_pool_t *p);

/**
 * @return 1: it is open, as far as is known
 */
int tai_connection_is_open(const tai_connection_t *connection);

/**
 * The first statements on a new connection have been run. Until then, and until a transaction
 * begins, all of them together may take as long as one.
 */
void tai_connection_settled(tai_connection_t *connection);

/**
 * How it went, of the last thing that was done with it.
 */
tai_ending_e tai_connection_ending(const tai_connection_t *connection);

/**
 * Is it open, and still on the file that its path names? If not, it is dropped: SQLite would go on
 * answering from a file that was removed or replaced, and a key revoked in the new one would stay
 * good here.
 * @param p  for the moment
 * @return 1: the next statement runs on the connection as it is; 0: it opens a new one
 */
int tai_connection_current(tai_connection_t *connection, apr_pool_t *p);

/**
 * May it lead to a server that is not the one to be asked any more? A statement has failed since it
 * was opened or this was last asked, on this connection or on another one: behind a name that leads
 * elsewhere now, or in a server that has become read-only, others are where they were.
 * @return 1: it is open, and to be looked at before it is used; 0: it was, or there is no server
 */
int tai_connection_doubt(tai_connection_t *connection);

/**
 * Close it, whatever is under way; the next statement opens it again.
 */
void tai_connection_drop(tai_connection_t *connection);

/**
 * Close it: it leads to something else than was wanted. So may others.
 */
void tai_connection_reject(tai_connection_t *connection);

/**
 * Run a statement that gives rows. One whose first column is the counter of changes fails where that
 * is NULL: so a server says in the same breath that it cannot be written to any more.
 * @param args   one text, or NULL, for each parameter; NULL: it has none
 * @param p      the rows live here
 * @param rows   set to an array of tai_row_t
 * @param error  set to a sentence for the log on failure
 * @return APR_SUCCESS; else the connection is dropped
 */
apr_status_t tai_connection_select(tai_connection_t *connection, tai_statement_e statement,
                                   const char **args, apr_pool_t *p, apr_array_header_t **rows,
                                   const char **error);

/**
 * Run a statement that changes rows.
 * @param changed  set to how many; NULL: not wanted
 * @return as tai_connection_select
 */
apr_status_t tai_connection_change(tai_connection_t *connection, tai_statement_e statement,
                                   const char **args, apr_pool_t *p, int *changed,
                                   const char **error);

/**
 * Run a statement of a migration: text of our own that was never prepared.
 * @return as tai_connection_select
 */
apr_status_t tai_connection_run(tai_connection_t *connection, const char *sql, apr_pool_t *p,
                                const char **error);

/**
 * Begin a transaction that writes: from here on it is alone.
 * @param lock  TAI_SQL_LOCK_CHANGES, or TAI_SQL_LOCK_SCHEMA where the schema is to be changed
 * @return as tai_connection_select
 */
apr_status_t tai_connection_begin(tai_connection_t *connection, tai_statement_e lock, apr_pool_t *p,
                                  const char **error);

/**
 * End it.
 * @param commit  0: everything since its begin is undone
 * @return APR_SUCCESS; else the connection is dropped, and whether a commit took place is unknown
 */
apr_status_t tai_connection_end(tai_connection_t *connection, int commit, apr_pool_t *p,
                                const char **error);

#endif
