#include "store_connection.h"
#include "store_driver.h"
#include "text.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

struct tai_connection_t {
    const tai_database_t *database;
    apr_pool_t *pool;  /* of what is open; cleared when it is dropped */
    apr_dbd_t *handle; /* NULL: not open */
    int in_transaction;
    tai_identity_t identity; /* of the file that is open */
    apr_dbd_prepared_t *prepared[TAI_SQL_COUNT];
};

/* The end of a connection undoes a transaction that is open. */
void tai_connection_drop(tai_connection_t *connection)
{
    if (connection->handle) {
        apr_dbd_close(connection->database->dbd, connection->handle);
    }
    connection->handle = NULL;
    connection->in_transaction = 0;
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

    if (!connection->handle || !connection->database->path) {
        return connection->handle != NULL;
    }
    if (tai_database_identity(connection->database, p, &identity, NULL, &ignored) == APR_SUCCESS &&
        same_file(&identity, &connection->identity)) {
        return 1;
    }
    tai_connection_drop(connection);
    return 0;
}

/* What a driver says is of several lines, and may hold anything but an end of the text. */
static const char *one_line(const char *text, apr_size_t length, apr_pool_t *p)
{
    char *line = apr_pstrmemdup(p, text, length);

    while (length > 0 && apr_isspace(line[length - 1])) {
        line[--length] = '\0';
    }
    for (char *c = line; *c; c++) {
        *c = apr_iscntrl(*c) ? ' ' : *c;
    }
    return line;
}

/*
 * In the driver's own words: they last until its next call. Of PostgreSQL's, the first line alone:
 * others quote the row that was refused, a password's hash with it.
 */
static const char *driver_text(const tai_connection_t *connection, int code, apr_pool_t *p)
{
    const tai_database_t *database = connection->database;
    const char *words = apr_dbd_error(database->dbd, connection->handle, code);

    return apr_psprintf(p, "database %s: %s", database->name,
                        one_line(words, strcspn(words, "\n"), p));
}

static apr_status_t fail(tai_connection_t *connection, int code, apr_pool_t *p, const char **error)
{
    *error = driver_text(connection, code, p);
    tai_connection_drop(connection);
    return APR_EGENERAL;
}

/*
 * Drivers differ in how long a value lives: each is copied. Not with apr_dbd_get_entry: that of
 * PostgreSQL gives an empty text for NULL, that of MySQL one without an end.
 */
static tai_row_t copy_row(const apr_dbd_driver_t *dbd, apr_dbd_row_t *row, int columns,
                          apr_pool_t *p)
{
    const char **values = apr_palloc(p, sizeof(*values) * (apr_size_t)columns);

    for (int i = 0; i < columns; i++) {
        const char *value = NULL;

        if (apr_dbd_datum_get(dbd, row, i, APR_DBD_TYPE_STRING, &value) != APR_SUCCESS) {
            value = NULL;
        }
        values[i] = apr_pstrdup(p, value);
    }
    return values;
}

/* To the end, so that the driver frees the last row too. */
static apr_array_header_t *copy_rows(const apr_dbd_driver_t *dbd, apr_dbd_results_t *results,
                                     apr_pool_t *p)
{
    apr_array_header_t *rows = apr_array_make(p, 8, sizeof(tai_row_t));
    int columns = results ? apr_dbd_num_cols(dbd, results) : 0;
    apr_dbd_row_t *row = NULL;

    while (results && apr_dbd_get_row(dbd, p, results, &row, -1) == 0) {
        APR_ARRAY_PUSH(rows, tai_row_t) = copy_row(dbd, row, columns, p);
    }
    return rows;
}

/* As if they gave rows, because some of them do. */
static apr_status_t set_up(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    const tai_database_t *database = connection->database;
    const char *const *statement;

    for (statement = database->driver->setup; *statement != NULL; statement++) {
        apr_dbd_results_t *results = NULL;
        int code = apr_dbd_select(database->dbd, p, connection->handle, &results, *statement,
                                  database->driver->random_access);

        if (code) {
            return fail(connection, code, p, error);
        }
        copy_rows(database->dbd, results, p);
    }
    return APR_SUCCESS;
}

/* NULL: what was opened is the file that its path names, or there is no file. */
static const char *file_changed(const tai_connection_t *connection, apr_pool_t *p)
{
    const tai_database_t *database = connection->database;
    tai_identity_t after;
    const char *error = NULL;

    if (database->path && tai_database_identity(database, p, &after, NULL, &error) == APR_SUCCESS &&
        !same_file(&connection->identity, &after)) {
        error = apr_psprintf(p, "database %s was replaced while it was opened", database->name);
    }
    return error;
}

/*
 * A file is looked at before and after it is opened: one that was replaced in between must not be
 * taken for the new one.
 */
static apr_status_t open_connection(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    const tai_database_t *database = connection->database;
    const char *reason = "no reason given";

    if (connection->handle) {
        return APR_SUCCESS;
    }
    if (database->path &&
        tai_database_identity(database, p, &connection->identity, NULL, error) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    if (apr_dbd_open_ex(database->dbd, connection->pool, database->params, &connection->handle,
                        &reason) != APR_SUCCESS) {
        connection->handle = NULL;
        *error = apr_psprintf(p, "database %s cannot be opened: %s", database->name,
                              one_line(reason, strlen(reason), p));
        apr_pool_clear(connection->pool);
        return APR_EGENERAL;
    }
    *error = file_changed(connection, p);
    if (*error) {
        tai_connection_drop(connection);
        return APR_EGENERAL;
    }
    return set_up(connection, p, error);
}

/*
 * Statements are prepared when they are first used: a server uses two of them. Their labels have no
 * capitals: apr_dbd_pgsql prepares under a name that PostgreSQL folds, and executes one that it does
 * not.
 */
static apr_status_t prepare(tai_connection_t *connection, tai_statement_e statement, apr_pool_t *p,
                            const char **error)
{
    apr_status_t rv = open_connection(connection, p, error);
    int code;

    if (rv != APR_SUCCESS || connection->prepared[statement]) {
        return rv;
    }
    code = apr_dbd_prepare(connection->database->dbd, connection->pool, connection->handle,
                           tai_driver_sql(connection->database->driver, statement),
                           apr_psprintf(connection->pool, "taiauth_%d", (int)statement),
                           &connection->prepared[statement]);
    return code ? fail(connection, code, p, error) : APR_SUCCESS;
}

/*
 * Servers fail a statement whose parameter is no UTF-8, and clients may ask for any bytes. Nothing is
 * called like what they ask for instead: no name holds a control character.
 */
static const char **utf8_args(const char *sql, const char **args, apr_pool_t *p)
{
    const char **safe;
    apr_size_t count = 0;

    for (sql = strchr(sql, '%'); sql; sql = strchr(sql + 1, '%')) {
        count++;
    }
    if (count == 0) {
        return args;
    }
    safe = apr_pmemdup(p, args, sizeof(*args) * count);
    while (count-- > 0) {
        if (safe[count] && !tai_text_is_utf8(safe[count])) {
            safe[count] = "\001";
        }
    }
    return safe;
}

apr_status_t tai_connection_select(tai_connection_t *connection, tai_statement_e statement,
                                   const char **args, apr_pool_t *p, apr_array_header_t **rows,
                                   const char **error)
{
    const tai_database_t *database = connection->database;
    const char *sql = tai_driver_sql(database->driver, statement);
    apr_dbd_results_t *results = NULL;
    apr_status_t rv;
    int code;

    if (*sql == '\0') {
        *rows = apr_array_make(p, 0, sizeof(tai_row_t));
        return APR_SUCCESS;
    }
    rv = prepare(connection, statement, p, error);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    code = apr_dbd_pselect(database->dbd, p, connection->handle, &results,
                           connection->prepared[statement], database->driver->random_access, 0,
                           utf8_args(sql, args, p));
    if (code) {
        return fail(connection, code, p, error);
    }
    *rows = copy_rows(database->dbd, results, p);
    return APR_SUCCESS;
}

apr_status_t tai_connection_change(tai_connection_t *connection, tai_statement_e statement,
                                   const char **args, apr_pool_t *p, int *changed,
                                   const char **error)
{
    const char *sql = tai_driver_sql(connection->database->driver, statement);
    apr_status_t rv = APR_SUCCESS;
    int code, count = 0;

    if (*sql != '\0') { /* else there is nothing to do: store_driver.h */
        rv = prepare(connection, statement, p, error);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        code = apr_dbd_pquery(connection->database->dbd, p, connection->handle, &count,
                              connection->prepared[statement], 0, utf8_args(sql, args, p));
        if (code) {
            return fail(connection, code, p, error);
        }
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
    code = apr_dbd_query(connection->database->dbd, connection->handle, &count, sql);
    return code ? fail(connection, code, p, error) : APR_SUCCESS;
}

/*
 * Transactions go by statements: apr_dbd_transaction_start of PostgreSQL writes through a NULL
 * pointer where the connection is gone, and what the others do beside is done here: a statement
 * that fails ends its connection, and the transaction with it.
 */
apr_status_t tai_connection_begin(tai_connection_t *connection, tai_statement_e lock, apr_pool_t *p,
                                  const char **error)
{
    const tai_database_t *database = connection->database;
    apr_array_header_t *ignored;
    apr_status_t rv = open_connection(connection, p, error);
    int code = -1, count = 0;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int tries = 0; code && tries < database->driver->begin_tries; tries++) {
        code = apr_dbd_query(database->dbd, connection->handle, &count, database->driver->begin);
    }
    if (code) {
        return fail(connection, code, p, error);
    }
    connection->in_transaction = 1;
    return tai_connection_select(connection, lock, NULL, p, &ignored, error);
}

apr_status_t tai_connection_end(tai_connection_t *connection, int commit, apr_pool_t *p,
                                const char **error)
{
    if (!connection->in_transaction) {
        *error = apr_psprintf(p, "database %s: no transaction is open", connection->database->name);
        return APR_EGENERAL;
    }
    connection->in_transaction = 0;
    return tai_connection_run(connection, commit ? "COMMIT" : "ROLLBACK", p, error);
}
