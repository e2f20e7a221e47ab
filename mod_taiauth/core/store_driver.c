#include "store_driver.h"

#include <string.h>
#include <apr_strings.h>

static const tai_driver_t *const drivers[] = {&tai_driver_sqlite3, &tai_driver_pgsql,
                                              &tai_driver_mysql};

#define DRIVER_COUNT (sizeof(drivers) / sizeof(drivers[0]))

static const char *const common[TAI_SQL_COUNT] = {
#define X(name, sql) [TAI_SQL_##name] = sql,
    TAI_STATEMENTS(X)
#undef X
};

const tai_driver_t *tai_driver_find(const char *name)
{
    for (apr_size_t i = 0; name && i < DRIVER_COUNT; i++) {
        if (strcmp(name, drivers[i]->name) == 0) {
            return drivers[i];
        }
    }
    return NULL;
}

const char *tai_driver_sql(const tai_driver_t *driver, tai_statement_e statement)
{
    const char *own = driver->statements[statement];

    return own ? own : common[statement];
}

const char *tai_driver_unknown_text(const char *name, apr_pool_t *p)
{
    const char *names = "";

    for (apr_size_t i = 0; i < DRIVER_COUNT; i++) {
        names = apr_pstrcat(p, names, i ? ", " : "", drivers[i]->name, NULL);
    }
    return apr_psprintf(p, "database driver \"%s\" cannot be used; allowed: %s", name ? name : "",
                        names);
}
