#include "store_health.h"
#include "store_private.h"
#include "when.h"

/* The columns of HEALTH. */
enum { SERVER, CLOCK };

static apr_status_t ask(tai_store_t *store, apr_pool_t *p, tai_health_t *health, const char **text)
{
    const apr_int64_t before = tai_when_now();
    apr_array_header_t *rows;
    apr_status_t rv = tai_store_select(store, TAI_SQL_HEALTH, NULL, p, &rows, text);

    if (rv == APR_SUCCESS && rows->nelts == 1) {
        tai_row_t row = APR_ARRAY_IDX(rows, 0, tai_row_t);
        const apr_int64_t now = tai_store_seconds(row[CLOCK]);

        health->server = row[SERVER];
        /* it was read somewhere in between: what that explains is no difference */
        health->ahead_s = now < before ? now - before : now > tai_when_now() ? now - before : 0;
    }
    return rv;
}

/* The right to is asked for before anything is looked for. */
static tai_change_e revoke_nothing(tai_connection_t *connection, void *data, apr_pool_t *p,
                                   const char **text)
{
    const char *now = tai_store_number(tai_when_now(), p);

    (void)data;
    return tai_connection_change(connection, TAI_SQL_REVOKE_KEY, TAI_ARGS(now, "", ""), p, NULL,
                                 text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

apr_status_t tai_store_health(tai_store_t *store, apr_pool_t *p, tai_health_t *health,
                              const char **text)
{
    *health = (tai_health_t){.server = NULL};
    if (tai_store_change_aside(store, revoke_nothing, NULL, p, text) != TAI_CHANGE_DONE) {
        health->unwritable = *text;
    }
    return ask(store, p, health, text);
}
