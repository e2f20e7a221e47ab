#include "store_driver.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "migrations_sqlite3.inc"

_Static_assert(sizeof(migrations_sqlite3) / sizeof(migrations_sqlite3[0]) == TAI_SCHEMA_VERSION,
               "a migration of sqlite3 is missing");

static int hex_value(char c)
{
    return apr_isdigit(c) ? c - '0' : apr_tolower(c) - 'a' + 10;
}

/* The path of a URI such as file:/a%20b?mode=ro or file:///a: without query and fragment. */
static const char *uri_path(const char *uri, apr_pool_t *p)
{
    char *path = apr_pstrmemdup(p, uri, strcspn(uri, "?#"));
    char *in = path, *out = path;

    if (strncmp(path, "//", 2) == 0) {
        in = strchr(path + 2, '/');
        in = in ? in : path + strlen(path);
    }
    for (; *in; in++) {
        if (*in == '%' && apr_isxdigit(in[1]) && apr_isxdigit(in[2])) {
            *out++ = (char)(hex_value(in[1]) * 16 + hex_value(in[2]));
            in += 2;
        }
        else {
            *out++ = *in;
        }
    }
    *out = '\0';
    return path;
}

/* A URI is the only way to tell SQLite that it must not make an absent file. */
static const char *path_uri(const char *path, apr_pool_t *p)
{
    static const char tail[] = "?mode=rw";
    char *uri = apr_palloc(p, strlen("file:") + 3 * strlen(path) + sizeof(tail));
    char *out = apr_cpystrn(uri, "file:", sizeof("file:"));

    for (; *path; path++) {
        if (strchr("?#%", *path)) {
            out += apr_snprintf(out, sizeof("%00"), "%%%02X", (unsigned char)*path);
        }
        else {
            *out++ = *path;
        }
    }
    apr_cpystrn(out, tail, sizeof(tail));
    return uri;
}

static const char *resolve(const char *given, apr_pool_t *p, tai_database_t *database)
{
    const char *path =
        strncmp(given, "file:", 5) == 0 ? uri_path(given + 5, p) : apr_pstrdup(p, given);

    if (*path == '\0') {
        return "no database file is named";
    }
    database->name = path;
    database->path = path;
    database->params = path_uri(path, p);
    database->options = apr_pstrcat(p, "--database ", path, NULL);
    return NULL;
}

/*
 * The driver itself waits for a lock while a statement runs, but not while one is prepared, and
 * whoever closes a database last locks it for a moment. Milliseconds.
 */
static const char *const setup[] = {"PRAGMA busy_timeout = 200", "PRAGMA foreign_keys = ON", NULL};

const tai_driver_t tai_driver_sqlite3 = {
    .name = "sqlite3",
    .resolve = resolve,
    .setup = setup,
    .begin = "BEGIN IMMEDIATE",
    /*
     * apr_dbd_sqlite3 waits for a lock that another process holds, but gives up after a few seconds.
     * For a reader that is long enough; a writer asks for its turn this many times.
     */
    .begin_tries = 3,
    .migrations = migrations_sqlite3,
    .statements =
        {
            [TAI_SQL_JOURNAL] = "PRAGMA journal_mode = WAL",
            [TAI_SQL_LOCK_CHANGES] = "", /* BEGIN IMMEDIATE has done it */
            [TAI_SQL_LOCK_USER] = "",
            [TAI_SQL_SCHEMA_TABLES] = "SELECT name FROM sqlite_master"
                                      " WHERE type = 'table' AND name = 'schema_version'",
            [TAI_SQL_HEALTH] = "SELECT 'SQLite ' || SQLITE_VERSION(),"
                               " CAST((JULIANDAY('now') - 2440587.5) * 86400 AS INTEGER)",
            /* KiB: pages of the indexes are written again and again, in no order */
            [TAI_SQL_IMPORT_BEGIN] = "PRAGMA cache_size = -65536",
        },
};
