#include "store_database.h"
#include "store.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

static const char *const drivers[] = {"sqlite3"};

#define DRIVER_COUNT (sizeof(drivers) / sizeof(drivers[0]))

/*
 * The driver itself waits for a lock while a statement runs, but not while one is prepared, and
 * whoever closes a database last locks it for a moment. Milliseconds.
 */
static const char *const sqlite3_setup[] = {"PRAGMA busy_timeout = 200", "PRAGMA foreign_keys = ON",
                                            NULL};

const char *tai_store_driver_check(const char *driver, apr_pool_t *p)
{
    const char *names = "";
    apr_size_t i;

    for (i = 0; i < DRIVER_COUNT; i++) {
        if (driver && strcmp(driver, drivers[i]) == 0) {
            return NULL;
        }
        names = apr_pstrcat(p, names, i ? ", " : "", drivers[i], NULL);
    }
    return apr_psprintf(p, "database driver \"%s\" cannot be used; allowed: %s",
                        driver ? driver : "", names);
}

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

apr_status_t tai_database_resolve(const char *driver, const char *params, apr_pool_t *p,
                                  const tai_database_t **out, const char **error)
{
    tai_database_t *database = apr_pcalloc(p, sizeof(*database));
    char text[256];
    apr_status_t rv;

    *error = tai_store_driver_check(driver, p);
    if (*error) {
        return APR_EGENERAL;
    }
    if (params && strncmp(params, "file:", 5) == 0) {
        database->path = uri_path(params + 5, p);
    }
    else {
        database->path = apr_pstrdup(p, params ? params : "");
    }
    if (*database->path == '\0') {
        *error = "no database file is named";
        return APR_EGENERAL;
    }
    database->params = path_uri(database->path, p);
    database->setup = sqlite3_setup;
    rv = apr_dbd_init(p);
    if (rv == APR_SUCCESS) {
        rv = apr_dbd_get_driver(p, driver, &database->driver);
    }
    if (rv != APR_SUCCESS) {
        *error = apr_psprintf(p, "database driver \"%s\" cannot be loaded: %s", driver,
                              apr_strerror(rv, text, sizeof(text)));
        return APR_EGENERAL;
    }
    *out = database;
    return APR_SUCCESS;
}

apr_status_t tai_database_identity(const tai_database_t *database, apr_pool_t *p,
                                   tai_identity_t *identity, apr_off_t *size, const char **error)
{
    apr_finfo_t info;
    char text[256];
    apr_status_t rv;

    rv = apr_stat(&info, database->path, APR_FINFO_IDENT | APR_FINFO_SIZE | APR_FINFO_TYPE, p);
    if (APR_STATUS_IS_ENOENT(rv) || APR_STATUS_IS_ENOTDIR(rv)) {
        *error = tai_database_absent_text(database, p);
        return APR_ENOENT;
    }
    if (rv != APR_SUCCESS) {
        *error = apr_psprintf(p, "database %s cannot be seen: %s", database->path,
                              apr_strerror(rv, text, sizeof(text)));
        return APR_EGENERAL;
    }
    if (info.filetype != APR_REG) {
        *error = apr_psprintf(p, "database %s is not a file", database->path);
        return APR_EGENERAL;
    }
    identity->device = info.device;
    identity->inode = info.inode;
    if (size) {
        *size = info.size;
    }
    return APR_SUCCESS;
}

const char *tai_database_absent_text(const tai_database_t *database, apr_pool_t *p)
{
    return apr_psprintf(p, "no database at %s; make it with: taictl db init --database %s",
                        database->path, database->path);
}
