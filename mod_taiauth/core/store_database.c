#include "store_database.h"
#include "store.h"
#include "store_driver.h"

#include <apr_strings.h>

static apr_status_t load(const char *name, apr_pool_t *p, const apr_dbd_driver_t **dbd,
                         const char **error)
{
    char text[256];
    apr_status_t rv = apr_dbd_init(p);

    if (rv == APR_SUCCESS) {
        rv = apr_dbd_get_driver(p, name, dbd);
    }
    if (rv == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    *error =
        apr_psprintf(p,
                     "database driver \"%s\" cannot be loaded: %s; its package may be missing: "
                     "libaprutil1-dbd-%s",
                     name, apr_strerror(rv, text, sizeof(text)), name);
    return APR_EGENERAL;
}

/* NULL, or a sentence. */
static const char *take_apart(const char *driver, const char *params, apr_pool_t *p,
                              tai_database_t *database)
{
    database->driver = tai_driver_find(driver);
    return database->driver ? database->driver->resolve(params ? params : "", p, database)
                            : tai_driver_unknown_text(driver, p);
}

const char *tai_store_check_params(const char *driver, const char *params, apr_pool_t *p)
{
    tai_database_t database = {0};

    return take_apart(driver, params, p, &database);
}

int tai_store_is_file(const char *driver)
{
    return tai_driver_find(driver)->socket_symbol == NULL;
}

apr_status_t tai_database_resolve(const char *driver, const char *params, apr_pool_t *p,
                                  const tai_database_t **out, const char **error)
{
    tai_database_t *database = apr_pcalloc(p, sizeof(*database));

    *error = take_apart(driver, params, p, database);
    if (*error || load(driver, p, &database->dbd, error) != APR_SUCCESS) {
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
    return apr_psprintf(p, "no %s %s; make it with: taictl db init %s",
                        database->path ? "database at" : "schema in database", database->name,
                        database->options);
}
