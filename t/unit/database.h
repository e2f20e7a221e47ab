#ifndef DATABASE_H
#define DATABASE_H

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <apr_dbd.h>
#include <apr_strings.h>
#include "core/digest.h"
#include "core/store.h"
#include "core/store_schema.h"
#include "unit.h"

/*
 * A database for each test, and a way to it that goes round the store. Which one it is says the
 * environment: TAI_TEST_DRIVER, as in DBDriver (SQLite, if there is none), and for a server
 * TAI_TEST_PARAMS, as in DBDParams: the database taiauth of a user who may make others.
 */

static char *dir;          /* of the running test */
static char *path;         /* its database, as in DBDParams; it holds nothing yet */
static char *called;       /* a part of what texts call that */
static const char *driver; /* as in DBDriver */

static inline int on(const char *name)
{
    return strcmp(driver, name) == 0;
}

/* One text for each driver. */
static inline const char *by_driver(const char *sqlite3, const char *pgsql, const char *mysql)
{
    return on("sqlite3") ? sqlite3 : on("pgsql") ? pgsql : mysql;
}

static int remove_entry(const char *name, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(name);
}

/* ---- round the store ----------------------------------------------------------------------- */

typedef struct raw_t {
    const apr_dbd_driver_t *driver;
    apr_dbd_t *handle;
} raw_t;

/* Makes the file if it is absent. Texts are joined by || on MariaDB, too. */
static inline raw_t raw_open(const char *file)
{
    raw_t raw;
    int changed;

    ck_assert_int_eq(apr_dbd_get_driver(pool, driver, &raw.driver), APR_SUCCESS);
    ck_assert_int_eq(apr_dbd_open(raw.driver, pool, file, &raw.handle), APR_SUCCESS);
    if (on("mysql")) {
        apr_dbd_query(raw.driver, raw.handle, &changed,
                      "SET sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT'), NAMES utf8mb4,"
                      " max_recursive_iterations = 100000");
    }
    return raw;
}

static inline void raw_close(raw_t *raw)
{
    apr_dbd_close(raw->driver, raw->handle);
}

/*
 * The one that this process keeps for statements of the functions below: on a server it costs more
 * to connect than to ask.
 */
typedef struct kept_t {
    apr_pool_t *pool;
    const char *file;
    pid_t owner;
    raw_t raw;
} kept_t;

static kept_t kept;

static inline void raw_drop(void)
{
    if (kept.owner == getpid()) {
        apr_dbd_close(kept.raw.driver, kept.raw.handle);
        apr_pool_destroy(kept.pool);
    }
    kept.owner = 0;
}

static inline const raw_t *raw_use(const char *file)
{
    apr_pool_t *test = pool;

    if (kept.owner == getpid() && strcmp(kept.file, file) == 0) {
        return &kept.raw;
    }
    raw_drop();
    ck_assert_int_eq(apr_pool_create(&kept.pool, NULL), APR_SUCCESS);
    pool = kept.pool;
    kept.raw = raw_open(file);
    pool = test;
    kept.file = apr_pstrdup(kept.pool, file);
    kept.owner = getpid();
    return &kept.raw;
}

/* A file may be replaced, and a session may have been changed. */
static inline void raw_used(const char *sql, const char *error)
{
    if (on("sqlite3") || error || strncmp(sql, "SET", 3) == 0) {
        raw_drop();
    }
}

/* Returns NULL, or why it was refused. */
static inline const char *raw_query(const raw_t *raw, const char *sql)
{
    int changed;
    int code = apr_dbd_query(raw->driver, raw->handle, &changed, sql);

    return code ? apr_pstrdup(pool, apr_dbd_error(raw->driver, raw->handle, code)) : NULL;
}

/*
 * Statements, each with "; " behind it but the last one, up to the first that is refused. Those of
 * a server need no PRAGMA.
 */
static inline const char *raw_try(const char *file, const char *sql)
{
    const raw_t *raw = raw_use(file);
    const char *all = sql, *error = NULL, *end;

    for (; sql && !error; sql = end) {
        end = on("sqlite3") ? NULL : strstr(sql, "; ");
        if (on("sqlite3") || strncmp(sql, "PRAGMA", 6) != 0) {
            error = raw_query(raw, end ? apr_pstrmemdup(pool, sql, (apr_size_t)(end - sql)) : sql);
        }
        end = end ? end + 2 : NULL;
    }
    raw_used(all, error);
    return error;
}

static inline void raw_run(const char *file, const char *sql)
{
    const char *error = raw_try(file, sql);

    ck_assert_msg(error == NULL, "%s: %s", sql, error);
}

/* The values of a row, separated by one blank; NULL, if there is but that one in it. */
static inline const char *raw_row(const raw_t *raw, apr_dbd_results_t *results, apr_dbd_row_t *row)
{
    const int columns = apr_dbd_num_cols(raw->driver, results);
    const char *text = NULL;

    for (int i = 0; i < columns; i++) {
        const char *value = NULL;

        apr_dbd_datum_get(raw->driver, row, i, APR_DBD_TYPE_STRING, &value);
        if (i == 0) {
            text = apr_pstrdup(pool, value);
        }
        else {
            text = apr_pstrcat(pool, text ? text : "-", " ", value ? value : "-", NULL);
        }
    }
    return text;
}

/* Every row. */
static inline apr_array_header_t *raw_rows(const char *file, const char *sql)
{
    const raw_t *raw = raw_use(file);
    apr_array_header_t *rows = apr_array_make(pool, 8, sizeof(const char *));
    apr_dbd_results_t *results = NULL;
    apr_dbd_row_t *row = NULL;
    int code = apr_dbd_select(raw->driver, pool, raw->handle, &results, sql, on("pgsql"));

    ck_assert_msg(code == 0, "%s: %s", sql, apr_dbd_error(raw->driver, raw->handle, code));
    while (apr_dbd_get_row(raw->driver, pool, results, &row, -1) == 0) {
        APR_ARRAY_PUSH(rows, const char *) = raw_row(raw, results, row);
    }
    raw_used(sql, NULL);
    return rows;
}

/* The first row. */
static inline const char *raw_value(const char *file, const char *sql)
{
    apr_array_header_t *rows = raw_rows(file, sql);

    return rows->nelts > 0 ? APR_ARRAY_IDX(rows, 0, const char *) : NULL;
}

/* All of them, separated by ";". */
static inline const char *raw_list(const char *file, const char *sql)
{
    return apr_array_pstrcat(pool, raw_rows(file, sql), ';');
}

/* In one statement: what follows a "; " would be another one. */
static inline void raw_define(const char *sql)
{
    const char *error = raw_query(raw_use(path), sql);

    ck_assert_msg(error == NULL, "%s: %s", sql, error);
    raw_used(sql, error);
}

/* A trigger named after the event: "INSERT". What it does is a text for each driver. */
static inline void raw_hook(const char *event, const char *table, const char *sqlite3,
                            const char *pgsql, const char *mysql)
{
    if (on("pgsql")) {
        raw_define(apr_psprintf(pool,
                                "CREATE FUNCTION hook_%s() RETURNS TRIGGER LANGUAGE plpgsql AS"
                                " $$ BEGIN %s; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;"
                                " RETURN NEW; END $$",
                                event, pgsql));
    }
    raw_define(apr_psprintf(
        pool, "CREATE TRIGGER hook_%s BEFORE %s ON %s %s", event, event, table,
        on("pgsql")   ? apr_psprintf(pool, "FOR EACH ROW EXECUTE FUNCTION hook_%s()", event)
        : on("mysql") ? apr_psprintf(pool, "FOR EACH ROW BEGIN %s; END", mysql)
                      : apr_psprintf(pool, "BEGIN %s; END", sqlite3)));
}

/* From now on the database refuses this. */
static inline void raw_forbid(const char *event, const char *table)
{
    raw_hook(event, table, "SELECT RAISE(ABORT, 'not now')", "RAISE EXCEPTION 'not now'",
             "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not now'");
}

/* Each row takes a while: about 50 ms. */
static inline void raw_slow(const char *event, const char *table)
{
    raw_hook(event, table,
             "SELECT SUM(i) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
             " FROM n WHERE i < 300000) SELECT i FROM n)",
             "PERFORM PG_SLEEP(0.05)", "DO SLEEP(0.05)");
}

/* A trigger goes, one of ours or of the schema itself. */
static inline void raw_unhook(const char *name, const char *table)
{
    raw_run(path, on("pgsql") ? apr_psprintf(pool, "DROP TRIGGER %s ON %s", name, table)
                              : apr_psprintf(pool, "DROP TRIGGER %s", name));
}

static inline void raw_allow(const char *event, const char *table)
{
    const char *name = apr_pstrcat(pool, "hook_", event, NULL);

    raw_unhook(name, table);
    if (on("pgsql")) {
        raw_run(path, apr_psprintf(pool, "DROP FUNCTION %s()", name));
    }
}

/* Somebody else's transaction, which is left open. */
static inline raw_t raw_hold(const char *sql)
{
    raw_t raw = raw_open(path);

    ck_assert_ptr_null(raw_query(&raw, on("mysql") ? "START TRANSACTION" : "BEGIN"));
    ck_assert_ptr_null(raw_query(&raw, sql));
    return raw;
}

/* A text of that many digits, in SQL. */
static inline const char *raw_digits(int length)
{
    return apr_psprintf(pool, "'%0*d'", length, 0);
}

/* ---- one for each test --------------------------------------------------------------------- */

/* What stands in TAI_TEST_PARAMS. */
static inline const char *server_params(void)
{
    const char *given = getenv("TAI_TEST_PARAMS");

    ck_assert_msg(given != NULL && strstr(given, "dbname=taiauth") != NULL,
                  "TAI_TEST_PARAMS must name the database taiauth");
    return given;
}

/* The same with a place of that name: PostgreSQL makes a schema in less time than a database. */
static inline char *params_of_place(const char *name)
{
    const char *given = server_params();
    const char *old = strstr(given, "dbname=taiauth");

    return on("pgsql") ? apr_psprintf(pool, "%s options='-c search_path=%s'", given, name)
                       : apr_psprintf(pool, "%.*sdbname=%s%s", (int)(old - given), given, name,
                                      old + strlen("dbname=taiauth"));
}

/* Those of the running test, on a server. */
static const char *owned[8];
static int owned_count;

/* An empty database. On a server it is made by this. */
static inline char *new_database(const char *name)
{
    if (on("sqlite3")) {
        return apr_pstrcat(pool, dir, "/", name, NULL);
    }
    ck_assert_int_lt(owned_count, ROWS(owned));
    name = apr_psprintf(pool, "taiauth_%ld_%" APR_TIME_T_FMT, (long)getpid(), apr_time_now());
    raw_run(server_params(),
            apr_psprintf(pool, "CREATE %s %s", on("pgsql") ? "SCHEMA" : "DATABASE", name));
    owned[owned_count++] = strdup(name);
    return params_of_place(name);
}

static void drop_databases(void)
{
    while (owned_count-- > 0) {
        raw_run(server_params(),
                apr_psprintf(pool, on("pgsql") ? "DROP SCHEMA %s CASCADE" : "DROP DATABASE %s",
                             owned[owned_count]));
    }
}

static void remove_dir(void)
{
    drop_databases();
    nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(dir);
    free(path);
    free(called);
}

static void make_dir(void)
{
    const char *base = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    const char *name = getenv("TAI_TEST_DRIVER");

    driver = name && *name ? name : "sqlite3";
    ck_assert_int_eq(apr_dbd_init(pool), APR_SUCCESS);
    ck_assert_int_eq(tai_digest_init(pool), APR_SUCCESS);
    dir = strdup(apr_pstrcat(pool, base, "/store_test.XXXXXX", NULL));
    ck_assert_ptr_nonnull(mkdtemp(dir));
    path = strdup(new_database("keys.db"));
    called = strdup(on("sqlite3") ? path : owned[0]);
}

/* In a directory of its own; it is removed in the test's process. */
static void with_dir(TCase *tests)
{
    tcase_add_checked_fixture(tests, make_dir, remove_dir);
}

/*
 * A test of what is true of this database alone is added where the suite runs on it; the others are
 * there on every one.
 */
static inline int suite_on(const char *name)
{
    const char *given = getenv("TAI_TEST_DRIVER");

    return strcmp(given && *given ? given : "sqlite3", name) == 0;
}

/* The database gives no answer from here on, until it is back. */
static inline void take_away(void)
{
    if (on("sqlite3")) {
        ck_assert_int_eq(rename(path, apr_pstrcat(pool, path, ".away", NULL)), 0);
        return;
    }
    raw_run(path, "ALTER TABLE change_counter RENAME TO away");
}

static inline void bring_back(void)
{
    if (on("sqlite3")) {
        ck_assert_int_eq(rename(apr_pstrcat(pool, path, ".away", NULL), path), 0);
        return;
    }
    raw_run(path, "ALTER TABLE away RENAME TO change_counter");
}

static inline void init_database(const char *file)
{
    const char *text = "";

    ck_assert_msg(tai_schema_init(driver, file, pool, &text) == APR_SUCCESS, "%s", text);
}

static inline tai_store_t *open_store(const char *params, int max)
{
    tai_store_t *store;

    ck_assert_int_eq(tai_store_create(&store, driver, params, max, &tai_store_patient, pool),
                     APR_SUCCESS);
    return store;
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* A digest of its 64 digits. */
static inline tai_digest_t digest_from(const char *hex)
{
    tai_digest_t digest;

    ck_assert_msg(tai_digest_from_hex(hex, &digest), "%s", hex);
    return digest;
}

static inline const char *hex_of(const tai_digest_t *digest)
{
    char *hex = apr_palloc(pool, TAI_DIGEST_HEX + 1);

    tai_digest_to_hex(digest, hex);
    return hex;
}

/* Look a key up by the 64 digits of its digest. */
static inline apr_status_t find_key(tai_store_t *store, const char *hex, tai_record_t **record,
                                    const char **error)
{
    tai_digest_t key = digest_from(hex);
    apr_int64_t seq;

    return tai_store_find_key(store, &key, pool, record, &seq, error);
}

#endif
