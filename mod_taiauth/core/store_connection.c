#include "store_connection.h"

#include <apr_strings.h>
#include <string.h>

/*
 * apr_dbd_sqlite3 waits for a lock that another process holds, but gives up after a few seconds.
 * For a reader that is long enough; a writer asks for its turn this many times.
 */
#define BEGIN_TRIES 3

struct tai_connection_t {
    const tai_database_t *database;
    apr_pool_t *pool;  /* of what is open; cleared when it is dropped */
    apr_dbd_t *handle; /* NULL: not open */
    apr_dbd_transaction_t *transaction;
    apr_pool_t *transaction_pool;
    tai_identity_t identity; /* of the file that is open */
    apr_dbd_prepared_t *prepared[TAI_SQL_COUNT];
};

static const struct {
    const char *label;
    const char *sql;
} statements[TAI_SQL_COUNT] = {
#define X(name, sql) {"taiauth_" #name, sql},
    TAI_STATEMENTS(X)
#undef X
};

void tai_connection_drop(tai_connection_t *connection)
{
    const char *ignored;

    if (connection->transaction) {
        tai_connection_end(connection, 0, connection->transaction_pool, &ignored);
    }
    if (connection->handle) {
        apr_dbd_close(connection->database->driver, connection->handle);
    }
    connection->handle = NULL;
    memset(connection->prepared, 0, sizeof(connection->prepared));
    apr_pool_clear(connection->pool);
}

static apr_status_t drop_cleanup(void *data)
{
    tai_connection_drop(data);
    return APR_SUCCESS;
}

apr_status_t tai_connection_create(tai_connection_t **out, const tai_database_t *database,
                                   apr_pool_t *p)
{
    tai_connection_t *connection = apr_pcalloc(p, sizeof(*connection));
    apr_status_t rv;

    connection->database = database;
    rv = apr_pool_create(&connection->pool, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* before p destroys connection->pool, which the handle lives in */
    apr_pool_pre_cleanup_register(p, connection, drop_cleanup);
    *out = connection;
    return APR_SUCCESS;
}

static int same_file(const tai_identity_t *a, const tai_identity_t *b)
{
    return a->device == b->device && a->inode == b->inode;
}

int tai_connection_current(tai_connection_t *connection, apr_pool_t *p)
{
    tai_identity_t identity;
    const char *ignored;

    if (!connection->handle) {
        return 0;
    }
    if (tai_database_identity(connection->database, p, &identity, NULL, &ignored) == APR_SUCCESS &&
        same_file(&identity, &connection->identity)) {
        return 1;
    }
    tai_connection_drop(connection);
    return 0;
}

/* In the driver's own words: they last until its next call. */
static const char *driver_text(const tai_connection_t *connection, int code, apr_pool_t *p)
{
    const tai_database_t *database = connection->database;

    return apr_psprintf(p, "database %s: %s", database->path,
                        apr_dbd_error(database->driver, connection->handle, code));
}

static apr_status_t fail(tai_connection_t *connection, int code, apr_pool_t *p, const char **error)
{
    *error = driver_text(connection, code, p);
    tai_connection_drop(connection);
    return APR_EGENERAL;
}

/* Drivers differ in how long a value lives: each is copied. */
static tai_row_t copy_row(const apr_dbd_driver_t *driver, apr_dbd_row_t *row, int columns,
                          apr_pool_t *p)
{
    const char **values = apr_palloc(p, sizeof(*values) * (apr_size_t)columns);
    int i;

    for (i = 0; i < columns; i++) {
        values[i] = apr_pstrdup(p, apr_dbd_get_entry(driver, row, i));
    }
    return values;
}

/* To the end, so that the driver frees the last row too. */
static apr_array_header_t *copy_rows(const apr_dbd_driver_t *driver, apr_dbd_results_t *results,
                                     apr_pool_t *p)
{
    apr_array_header_t *rows = apr_array_make(p, 8, sizeof(tai_row_t));
    int columns = apr_dbd_num_cols(driver, results);
    apr_dbd_row_t *row = NULL;

    while (apr_dbd_get_row(driver, p, results, &row, -1) == 0) {
        APR_ARRAY_PUSH(rows, tai_row_t) = copy_row(driver, row, columns, p);
    }
    return rows;
}

/* As if they gave rows, because some of them do. */
static apr_status_t set_up(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    const tai_database_t *database = connection->database;
    const char *const *statement;

    for (statement = database->setup; *statement != NULL; statement++) {
        apr_dbd_results_t *results = NULL;
        int code = apr_dbd_select(database->driver, p, connection->handle, &results, *statement, 0);

        if (code) {
            return fail(connection, code, p, error);
        }
        copy_rows(database->driver, results, p);
    }
    return APR_SUCCESS;
}

/*
 * The file is looked at before and after it is opened: one that was replaced in between must not
 * be taken for the new one.
 */
static apr_status_t open_connection(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    const tai_database_t *database = connection->database;
    tai_identity_t after;
    const char *reason = NULL;
    apr_status_t rv;

    if (connection->handle) {
        return APR_SUCCESS;
    }
    rv = tai_database_identity(database, p, &connection->identity, NULL, error);
    if (rv != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    rv = apr_dbd_open_ex(database->driver, connection->pool, database->params, &connection->handle,
                         &reason);
    if (rv != APR_SUCCESS) {
        connection->handle = NULL;
        *error = apr_psprintf(p, "database %s cannot be opened: %s", database->path,
                              reason ? reason : "no reason given");
        apr_pool_clear(connection->pool);
        return APR_EGENERAL;
    }
    rv = tai_database_identity(database, p, &after, NULL, error);
    if (rv != APR_SUCCESS || !same_file(&connection->identity, &after)) {
        *error = apr_psprintf(p, "database %s was replaced while it was opened", database->path);
        tai_connection_drop(connection);
        return APR_EGENERAL;
    }
    return set_up(connection, p, error);
}

/* Statements are prepared when they are first used: a server uses two of them. */
static apr_status_t prepare(tai_connection_t *connection, tai_statement_e statement, apr_pool_t *p,
                            const char **error)
{
    apr_status_t rv = open_connection(connection, p, error);
    int code;

    if (rv != APR_SUCCESS || connection->prepared[statement]) {
        return rv;
    }
    code = apr_dbd_prepare(connection->database->driver, connection->pool, connection->handle,
                           statements[statement].sql, statements[statement].label,
                           &connection->prepared[statement]);
    return code ? fail(connection, code, p, error) : APR_SUCCESS;
}

apr_status_t tai_connection_select(tai_connection_t *connection, tai_statement_e statement,
                                   const char **args, apr_pool_t *p, apr_array_header_t **rows,
                                   const char **error)
{
    const apr_dbd_driver_t *driver = connection->database->driver;
    apr_dbd_results_t *results = NULL;
    apr_status_t rv = prepare(connection, statement, p, error);
    int code;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    code = apr_dbd_pselect(driver, p, connection->handle, &results, connection->prepared[statement],
                           0, 0, args);
    if (code) {
        return fail(connection, code, p, error);
    }
    *rows = copy_rows(driver, results, p);
    return APR_SUCCESS;
}

apr_status_t tai_connection_change(tai_connection_t *connection, tai_statement_e statement,
                                   const char **args, apr_pool_t *p, int *changed,
                                   const char **error)
{
    apr_status_t rv = prepare(connection, statement, p, error);
    int code, count = 0;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    code = apr_dbd_pquery(connection->database->driver, p, connection->handle, &count,
                          connection->prepared[statement], 0, args);
    if (code) {
        return fail(connection, code, p, error);
    }
    if (changed) {
        *changed = count;
    }
    return APR_SUCCESS;
}

apr_status_t tai_connection_run(tai_connection_t *connection, const char *sql, apr_pool_t *p,
                                const char **error)
{
    apr_status_t rv = open_connection(connection, p, error);
    int code, count = 0;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    code = apr_dbd_query(connection->database->driver, connection->handle, &count, sql);
    return code ? fail(connection, code, p, error) : APR_SUCCESS;
}

/*
 * A transaction is one that rolls back until its end says otherwise: the driver ends what is left
 * over when the pool goes, and must not commit half of it.
 */
static int begin_once(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    const apr_dbd_driver_t *driver = connection->database->driver;
    int code = apr_dbd_transaction_start(driver, p, connection->handle, &connection->transaction);

    apr_dbd_transaction_mode_set(driver, connection->transaction, APR_DBD_TRANSACTION_ROLLBACK);
    if (code) {
        *error = driver_text(connection, code, p);
        apr_dbd_transaction_end(driver, p, connection->transaction);
        connection->transaction = NULL;
    }
    return code;
}

apr_status_t tai_connection_begin(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    apr_status_t rv = open_connection(connection, p, error);
    int code = -1, tries;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (tries = 0; code && tries < BEGIN_TRIES; tries++) {
        code = begin_once(connection, p, error);
    }
    if (code) {
        tai_connection_drop(connection);
        return APR_EGENERAL;
    }
    connection->transaction_pool = p;
    return APR_SUCCESS;
}

apr_status_t tai_connection_end(tai_connection_t *connection, int commit, apr_pool_t *p,
                                const char **error)
{
    const apr_dbd_driver_t *driver = connection->database->driver;
    apr_dbd_transaction_t *transaction = connection->transaction;
    int code;

    if (!transaction) {
        *error = apr_psprintf(p, "database %s: no transaction is open", connection->database->path);
        return APR_EGENERAL;
    }
    connection->transaction = NULL;
    apr_dbd_transaction_mode_set(
        driver, transaction, commit ? APR_DBD_TRANSACTION_COMMIT : APR_DBD_TRANSACTION_ROLLBACK);
    code = apr_dbd_transaction_end(driver, connection->transaction_pool, transaction);
    return code ? fail(connection, code, p, error) : APR_SUCCESS;
}
