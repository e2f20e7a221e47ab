#include "store_principals.h"
#include "store_private.h"

#define DAY (24 * 60 * 60) /* seconds */

/* What goes once it is so old, and how its time is written. */
static const struct {
    tai_statement_e statement;
    apr_int64_t age; /* seconds */
    const char *(*text)(apr_int64_t seconds, apr_pool_t *p);
} swept[] = {
    {TAI_SQL_SWEEP_IDLE_SESSIONS, TAI_SESSION_IDLE_S, tai_store_number},
    {TAI_SQL_SWEEP_OLD_SESSIONS, TAI_SESSION_ABSOLUTE_S, tai_store_number},
    {TAI_SQL_SWEEP_TICKETS, 0, tai_store_number},
    {TAI_SQL_SWEEP_USAGE, TAI_USAGE_KEPT_DAYS *DAY, tai_store_day},
    {TAI_SQL_SWEEP_AUDIT, TAI_AUDIT_KEPT_DAYS *DAY, tai_store_number},
};

static tai_change_e sweep(tai_connection_t *connection, void *data, apr_pool_t *p,
                          const char **text)
{
    const apr_int64_t now = *(const apr_int64_t *)data;

    for (apr_size_t i = 0; i < sizeof(swept) / sizeof(swept[0]); i++) {
        if (tai_connection_change(connection, swept[i].statement,
                                  TAI_ARGS(swept[i].text(now - swept[i].age, p)), p, NULL,
                                  text) != APR_SUCCESS) {
            return TAI_CHANGE_UNKNOWN;
        }
    }
    return TAI_CHANGE_DONE;
}

tai_change_e tai_store_sweep(tai_store_t *store, apr_int64_t now, apr_pool_t *p, const char **text)
{
    return tai_store_change(store, sweep, &now, p, text);
}
