#include "store_connection.h"
#include "clock.h"
#include "store_driver.h"
#include "text.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct tai_connection_t {
    const tai_database_t *database;
    const tai_times_t *times;
    apr_pool_t *pool;  /* of what is open; cleared when it is dropped */
    apr_dbd_t *handle; /* NULL: not open */
    int in_transaction;
    int socket;            /* -1: there is none */
    apr_uint64_t begun;    /* the last statement, milliseconds of tai_clock_ms */
    apr_uint64_t ready_by; /* a new connection; 0: it is none any more */
    tai_ending_e ending;   /* of the last statement */
    unsigned looked;       /* how many failures there were when it was opened or looked at */
    tai_watch_t watch;
    tai_identity_t identity; /* of the file that is open */
    apr_dbd_prepared_t *prepared[TAI_SQL_COUNT];
};

/*
 * The end of a connection undoes a transaction that is open. Drivers say good-bye; where nobody
 * listens, they must not wait for that to be sent.
 */
void tai_connection_drop(tai_connection_t *connection)
{
    if (connection->socket >= 0 && connection->ending != TAI_ANSWERED) {
        shutdown(connection->socket, SHUT_RDWR);
    }
    if (connection->handle) {
        apr_dbd_close(connection->database->dbd, connection->handle);
    }
    if (connection->socket >= 0) {
        close(connection->socket);
    }
    connection->socket = -1;
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
                                   const tai_times_t *times, apr_pool_t *p)
{
    tai_connection_t *connection = apr_pcalloc(p, sizeof(*connection));
    apr_status_t rv;

    connection->database = database;
    connection->times = times;
    connection->socket = -1;
    rv = apr_pool_create(&connection->pool, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* before p destroys connection->pool, which the handle lives in */
    apr_pool_pre_cleanup_register(p, connection, drop_cleanup);
    *out = connection;
    return APR_SUCCESS;
}

int tai_connection_is_open(const tai_connection_t *connection)
{
    return connection->handle != NULL;
}

void tai_connection_settled(tai_connection_t *connection)
{
    connection->ready_by = 0;
}

tai_ending_e tai_connection_ending(const tai_connection_t *connection)
{
    return connection->ending;
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
static char *one_line(const char *text, apr_size_t length, apr_pool_t *p)
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
 * MariaDB quotes the value that it refuses, a digest or a part of a password's hash: "Duplicate entry
 * '...' for key 'key_hash'", "Incorrect string value: '...' for column ...". A value may hold any
 * character; what comes behind its last quote before " for " is not one.
 */
static const char *without_values(char *line)
{
    static const char *const openings[] = {"entry '", "value: '", "value '"};

    for (apr_size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
        char *value = strstr(line, openings[i]), *end = NULL;

        if (value) {
            value += strlen(openings[i]);
            for (char *next = strstr(value, "' for "); next; next = strstr(next + 1, "' for ")) {
                end = next;
            }
            memmove(value, end ? end : "'", strlen(end ? end : "'") + 1);
        }
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
                        without_values(one_line(words, strcspn(words, "\n"), p)));
}

/* ---- a statement, and how long it may take -------------------------------------------------- */

static const char *late_text(const tai_connection_t *connection, apr_uint32_t ms, apr_pool_t *p)
{
    return apr_psprintf(p, "database %s: no answer within %u ms", connection->database->name, ms);
}

static unsigned failures(const tai_connection_t *connection)
{
    return connection->times->failures
               ? __atomic_load_n(connection->times->failures, __ATOMIC_ACQUIRE)
               : 0;
}

static apr_status_t fail(tai_connection_t *connection, tai_ending_e ending)
{
    connection->ending = ending;
    tai_connection_drop(connection);
    if (connection->times->failures) {
        __atomic_add_fetch(connection->times->failures, 1, __ATOMIC_ACQ_REL);
    }
    return APR_EGENERAL;
}

void tai_connection_reject(tai_connection_t *connection)
{
    fail(connection, TAI_ANSWERED);
}

int tai_connection_doubt(tai_connection_t *connection)
{
    const unsigned looked = connection->looked;

    connection->looked = failures(connection);
    return connection->handle && !connection->database->path && connection->looked != looked;
}

/* Between this and its end nothing is done but by the driver. */
static apr_status_t begin_statement(tai_connection_t *connection, const char **error)
{
    apr_uint64_t due;

    connection->begun = tai_clock_ms();
    connection->ending = TAI_ANSWERED;
    if (connection->socket < 0) {
        return APR_SUCCESS;
    }
    due = connection->begun + connection->times->statement_ms;
    if (connection->ready_by && connection->ready_by < due) {
        due = connection->ready_by;
    }
    if (tai_keeper_begin(connection->times->keeper, &connection->watch, connection->socket, due) !=
        APR_SUCCESS) {
        *error = "no thread to keep the time-out of the database with";
        return fail(connection, TAI_UNASKED);
    }
    return APR_SUCCESS;
}

/*
 * Whose watch has struck has no connection any more, even if the answer came at the same moment.
 * What fails after a time at which the server ends what waits or runs for too long was ended by it:
 * it is well.
 */
static tai_ending_e how_it_failed(const tai_connection_t *connection, int struck, apr_uint64_t took)
{
    const apr_uint32_t statement_ms = connection->times->statement_ms;

    if (struck) {
        return TAI_LATE;
    }
    if (tai_socket_is_over(connection->socket)) {
        return took < TAI_DRIVER_LIMIT(statement_ms) ? TAI_LOST : TAI_LATE;
    }
    return took < TAI_DRIVER_LOCK_LIMIT(statement_ms) ? TAI_ANSWERED : TAI_ENDED;
}

static apr_status_t end_statement(tai_connection_t *connection, int code, apr_pool_t *p,
                                  const char **error)
{
    const apr_uint32_t statement_ms = connection->times->statement_ms;
    const apr_uint64_t took = tai_clock_ms() - connection->begun;
    int struck;

    if (connection->socket < 0) {
        if (!code) {
            return APR_SUCCESS;
        }
        *error = driver_text(connection, code, p);
        return fail(connection, TAI_ANSWERED);
    }
    struck = tai_keeper_end(connection->times->keeper, &connection->watch);
    if (!code && !struck) {
        return APR_SUCCESS;
    }
    *error = struck ? late_text(connection, statement_ms, p) : driver_text(connection, code, p);
    return fail(connection, how_it_failed(connection, struck, took));
}

/* ---- rows ---------------------------------------------------------------------------------- */

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

/*
 * To the end, so that the driver frees the last row too. Returns 0, or the driver's code for an error:
 * rows that broke off are none.
 */
static int copy_rows(const apr_dbd_driver_t *dbd, apr_dbd_results_t *results, apr_pool_t *p,
                     apr_array_header_t **rows)
{
    int columns = results ? apr_dbd_num_cols(dbd, results) : 0;
    apr_dbd_row_t *row = NULL;
    int code = -1;

    *rows = apr_array_make(p, 8, sizeof(tai_row_t));
    while (results && (code = apr_dbd_get_row(dbd, p, results, &row, -1)) == 0) {
        APR_ARRAY_PUSH(*rows, tai_row_t) = copy_row(dbd, row, columns, p);
    }
    return code == -1 ? 0 : code;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* As if it gave rows, because some do. */
static apr_status_t run_setup(tai_connection_t *connection, const char *sql, apr_pool_t *p,
                              const char **error)
{
    const tai_database_t *database = connection->database;
    apr_dbd_results_t *results = NULL;
    apr_array_header_t *ignored;
    apr_status_t rv = begin_statement(connection, error);
    int code;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    code = apr_dbd_select(database->dbd, p, connection->handle, &results, sql,
                          database->driver->random_access);
    if (!code) {
        code = copy_rows(database->dbd, results, p, &ignored);
    }
    return end_statement(connection, code, p, error);
}

static apr_status_t set_up(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    const tai_driver_t *driver = connection->database->driver;
    apr_status_t rv = APR_SUCCESS;

    for (const char *const *sql = driver->setup; rv == APR_SUCCESS && *sql != NULL; sql++) {
        rv = run_setup(connection, *sql, p, error);
    }
    if (rv == APR_SUCCESS && driver->limit) {
        rv = run_setup(connection, driver->limit(connection->times->statement_ms, p), p, error);
    }
    return rv;
}

/* NULL: what was opened is the file that its path names. */
static const char *file_changed(const tai_connection_t *connection, apr_pool_t *p)
{
    const tai_database_t *database = connection->database;
    tai_identity_t after;
    const char *error = NULL;

    if (tai_database_identity(database, p, &after, NULL, &error) == APR_SUCCESS &&
        !same_file(&connection->identity, &after)) {
        error = apr_psprintf(p, "database %s was replaced while it was opened", database->name);
    }
    return error;
}

/* Drivers tell no number: a server that says it in another language than English is not understood. */
static int says_full(const tai_driver_t *driver, const char *reason)
{
    for (const char *const *text = driver->full; text && *text; text++) {
        if (strstr(reason, *text)) {
            return 1;
        }
    }
    return 0;
}

static apr_status_t call_driver(tai_connection_t *connection, const char *params, apr_pool_t *p,
                                const char **error)
{
    const tai_database_t *database = connection->database;
    const char *reason = "no reason given";

    if (apr_dbd_open_ex(database->dbd, connection->pool, params, &connection->handle, &reason) ==
        APR_SUCCESS) {
        return APR_SUCCESS;
    }
    connection->handle = NULL;
    if (says_full(database->driver, reason)) {
        connection->ending = TAI_FULL;
    }
    *error = apr_psprintf(p, "database %s cannot be opened: %s", database->name,
                          one_line(reason, strlen(reason), p));
    apr_pool_clear(connection->pool);
    return APR_EGENERAL;
}

static const char *unwatched_text(const tai_connection_t *connection, apr_status_t rv,
                                  apr_pool_t *p)
{
    const char *name = connection->database->name;
    char text[256];

    if (APR_STATUS_IS_TIMEUP(rv)) {
        return apr_psprintf(p, "database %s: others open connections to it for longer than %u ms",
                            name, connection->times->connect_ms);
    }
    return apr_psprintf(p,
                        "database %s: no connection is opened, for its time-out cannot be kept, "
                        "which takes a thread and /proc/self/fd: %s",
                        name, apr_strerror(rv, text, sizeof(text)));
}

/* Of a driver that would wait for ever. */
static apr_status_t call_watched(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    const tai_times_t *times = connection->times;
    const tai_database_t *database = connection->database;
    apr_status_t rv = tai_keeper_begin_opening(times->keeper, &connection->watch, &database->peer,
                                               connection->begun + times->connect_ms, p);

    if (rv != APR_SUCCESS) {
        *error = unwatched_text(connection, rv, p);
        connection->ending = TAI_UNASKED;
        return rv;
    }
    rv = call_driver(connection, database->params, p, error);
    if (tai_keeper_end(times->keeper, &connection->watch)) {
        *error = late_text(connection, times->connect_ms, p);
        tai_connection_drop(connection);
        rv = APR_EGENERAL;
    }
    return rv;
}

/* That its socket cannot be had would mean that nothing holds a time-out. */
static apr_status_t take_socket(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    const tai_database_t *database = connection->database;

    connection->socket =
        tai_socket_of(database->dbd, connection->handle, database->driver->socket_symbol);
    if (connection->socket < 0) {
        *error = apr_psprintf(p,
                              "database %s cannot be used: the library of its driver does not tell "
                              "the socket of a connection (%s)",
                              database->name, database->driver->socket_symbol);
        return APR_EGENERAL;
    }
    if (!database->driver->timed) {
        tai_socket_keep_alive(connection->socket);
    }
    connection->ready_by = tai_clock_ms() + connection->times->statement_ms;
    return APR_SUCCESS;
}

static apr_status_t open_server(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    const tai_database_t *database = connection->database;
    const tai_driver_t *driver = database->driver;
    apr_status_t rv;

    connection->begun = tai_clock_ms();
    connection->ending = TAI_LATE; /* if it fails */
    if (driver->timed) {
        const char *params = driver->timed(database->params, connection->times->connect_ms, p);

        rv = call_driver(connection, params, p, error);
    }
    else {
        rv = call_watched(connection, p, error);
    }
    if (rv == APR_SUCCESS) {
        rv = take_socket(connection, p, error);
    }
    return rv == APR_SUCCESS ? APR_SUCCESS : fail(connection, connection->ending);
}

/*
 * A file is looked at before and after it is opened: one that was replaced in between must not be
 * taken for the new one.
 */
static apr_status_t open_file(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    const tai_database_t *database = connection->database;
    apr_status_t rv = tai_database_identity(database, p, &connection->identity, NULL, error);

    connection->ending = TAI_ANSWERED;
    if (rv == APR_SUCCESS) {
        rv = call_driver(connection, database->params, p, error);
    }
    if (rv != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    *error = file_changed(connection, p);
    return *error ? fail(connection, TAI_ANSWERED) : APR_SUCCESS;
}

static apr_status_t open_connection(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    apr_status_t rv;

    if (connection->handle) {
        return APR_SUCCESS;
    }
    connection->looked = failures(connection);
    rv = connection->database->path ? open_file(connection, p, error)
                                    : open_server(connection, p, error);
    return rv == APR_SUCCESS ? set_up(connection, p, error) : rv;
}

/* ---- what is asked ------------------------------------------------------------------------- */

/* Those whose first column is the counter of changes; NULL in it: see tai_connection_select. */
static const int has_counter[TAI_SQL_COUNT] = {
    [TAI_SQL_LOCK_CHANGES] = 1, [TAI_SQL_CHANGE_COUNTER] = 1, [TAI_SQL_COUNTER_BEFORE] = 1,
    [TAI_SQL_FIND_KEY] = 1,     [TAI_SQL_FIND_KEY_BY_ID] = 1, [TAI_SQL_NEWS] = 1,
    [TAI_SQL_NODES] = 1,
};

static apr_status_t judge_counter(tai_connection_t *connection, tai_statement_e statement,
                                  const apr_array_header_t *rows, apr_pool_t *p, const char **error)
{
    if (!has_counter[statement] || !rows->nelts || APR_ARRAY_IDX(rows, 0, tai_row_t)[0]) {
        return APR_SUCCESS;
    }
    *error = apr_psprintf(p,
                          "database %s has become read-only or a replica, which would tell of a "
                          "revocation late: its connection is opened anew",
                          connection->database->name);
    return fail(connection, TAI_ANSWERED);
}

/*
 * Statements are prepared when they are first used: a server uses two of them. Their labels have no
 * capitals: apr_dbd_pgsql prepares under a name that PostgreSQL folds, and executes one that it does
 * not.
 */
static int prepare(tai_connection_t *connection, tai_statement_e statement, const char *sql)
{
    if (connection->prepared[statement]) {
        return 0;
    }
    return apr_dbd_prepare(connection->database->dbd, connection->pool, connection->handle, sql,
                           apr_psprintf(connection->pool, "taiauth_%d", (int)statement),
                           &connection->prepared[statement]);
}

/* On a connection that is opened first, if need be. */
static apr_status_t begin_ready(tai_connection_t *connection, apr_pool_t *p, const char **error)
{
    apr_status_t rv = open_connection(connection, p, error);

    return rv == APR_SUCCESS ? begin_statement(connection, error) : rv;
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
    rv = begin_ready(connection, p, error);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    code = prepare(connection, statement, sql);
    if (!code) {
        code = apr_dbd_pselect(database->dbd, p, connection->handle, &results,
                               connection->prepared[statement], database->driver->random_access, 0,
                               utf8_args(sql, args, p));
    }
    if (!code) {
        code = copy_rows(database->dbd, results, p, rows);
    }
    rv = end_statement(connection, code, p, error);
    return rv == APR_SUCCESS ? judge_counter(connection, statement, *rows, p, error) : rv;
}

apr_status_t tai_connection_change(tai_connection_t *connection, tai_statement_e statement,
                                   const char **args, apr_pool_t *p, int *changed,
                                   const char **error)
{
    const char *sql = tai_driver_sql(connection->database->driver, statement);
    apr_status_t rv = APR_SUCCESS;
    int code = 0, count = 0;

    if (*sql != '\0') { /* else there is nothing to do: store_driver.h */
        rv = begin_ready(connection, p, error);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        code = prepare(connection, statement, sql);
        if (!code) {
            code = apr_dbd_pquery(connection->database->dbd, p, connection->handle, &count,
                                  connection->prepared[statement], 0, utf8_args(sql, args, p));
        }
        rv = end_statement(connection, code, p, error);
    }
    if (changed) {
        *changed = count;
    }
    return rv;
}

apr_status_t tai_connection_run(tai_connection_t *connection, const char *sql, apr_pool_t *p,
                                const char **error)
{
    apr_status_t rv = begin_ready(connection, p, error);
    int code, count = 0;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    code = apr_dbd_query(connection->database->dbd, connection->handle, &count, sql);
    return end_statement(connection, code, p, error);
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

    tai_connection_settled(connection);
    if (rv == APR_SUCCESS) {
        rv = begin_statement(connection, error);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int tries = 0; code && tries < database->driver->begin_tries; tries++) {
        code = apr_dbd_query(database->dbd, connection->handle, &count, database->driver->begin);
    }
    rv = end_statement(connection, code, p, error);
    if (rv != APR_SUCCESS) {
        return rv;
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
