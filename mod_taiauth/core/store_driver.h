#ifndef TAI_STORE_DRIVER_H
#define TAI_STORE_DRIVER_H

#include "store_database.h"
#include "store_statements.h"

/*
 * What the databases differ in. All else of the store is the same for each of them.
 */

/*
 * Of the time that a statement has, what a server gets for it, milliseconds: one that is well says
 * what is wrong before it is taken for one that does not answer. Whoever waits for somebody's lock
 * is told still sooner: in whole seconds, as MariaDB counts, or in less than one.
 */
#define TAI_DRIVER_LIMIT(statement_ms) ((statement_ms) / 5 * 4)
#define TAI_DRIVER_LOCK_LIMIT(statement_ms) \
    ((statement_ms) < 2000 ? (statement_ms) / 2 : (statement_ms) / 2000 * 1000)

/* After so long a silence amid a transaction a server ends it: it keeps all others from theirs. */
#define TAI_DRIVER_IDLE_S 15

/* How many migrations there are of each. */
#define TAI_SCHEMA_VERSION 3

struct tai_driver_t {
    const char *name; /* as in DBDriver, and as apr_dbd knows it */

    /*
     * Fill in name, path and params of a database out of what was given. Returns NULL, or a
     * sentence that says what is wrong and never holds a password.
     */
    const char *(*resolve)(const char *given, apr_pool_t *p, tai_database_t *database);

    /* What a new connection begins with, NULL at the end; rows that these give are not looked at. */
    const char *const *setup;

    /* The driver's words for time-outs, put before params; NULL: it knows none. */
    const char *(*timed)(const char *params, apr_uint32_t connect_ms, apr_pool_t *p);

    /*
     * Has the server end what takes longer than TAI_DRIVER_LIMIT of that, and sooner what waits for
     * a lock. NULL: there is no server.
     */
    const char *(*limit)(apr_uint32_t statement_ms, apr_pool_t *p);

    const char *const *full;   /* pieces of what a server says that has no room for a connection */
    const char *socket_symbol; /* see tai_socket_of; NULL: there is no server */

    const char *begin; /* of a transaction that writes */
    int begin_tries;   /* how often it is asked for while somebody else is in the way */
    int random_access; /* which way of reading rows the driver masters, for apr_dbd_pselect */

    const char *const *const *migrations; /* TAI_SCHEMA_VERSION, each with NULL at its end */

    /*
     * Statements whose text differs from the common one; NULL: it does not. One whose text is empty
     * has nothing to do here: it gives no rows and changes none.
     */
    const char *statements[TAI_SQL_COUNT];
};

extern const tai_driver_t tai_driver_sqlite3;
extern const tai_driver_t tai_driver_pgsql;
extern const tai_driver_t tai_driver_mysql;

/**
 * Find a driver by name.
 * @return it, or NULL: it cannot be used
 */
const tai_driver_t *tai_driver_find(const char *name);

/**
 * The sentence for one that cannot be used, with those that can.
 */
const char *tai_driver_unknown_text(const char *name, apr_pool_t *p);

/**
 * The text of a statement, for apr_dbd_prepare.
 * @return it; empty: there is nothing to do
 */
const char *tai_driver_sql(const tai_driver_t *driver, tai_statement_e statement);

#endif
