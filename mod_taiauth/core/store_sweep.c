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

typedef struct slice_t {
    tai_statement_e statement;
    const char *bound;
    int count; /* rows that are gone */
} slice_t;

static tai_change_e delete_slice(tai_connection_t *connection, void *data, apr_pool_t *p,
                                 const char **text)
{
    slice_t *slice = data;

    return tai_connection_change(connection, slice->statement,
                                 TAI_ARGS(slice->bound, tai_store_number(TAI_SLICE, p)), p,
                                 &slice->count, text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

tai_change_e tai_store_delete_slices(tai_store_t *store, tai_statement_e statement,
                                     const char *bound, apr_pool_t *p, const char **text)
{
    slice_t slice = {.statement = statement, .bound = bound};
    tai_change_e outcome;
    int slices = 0;

    do {
        outcome = tai_store_change_aside(store, delete_slice, &slice, p, text);
    } while (outcome == TAI_CHANGE_DONE && slice.count == TAI_SLICE && ++slices < TAI_SLICES_MAX);
    return outcome;
}

tai_change_e tai_store_sweep(tai_store_t *store, apr_int64_t now, apr_pool_t *p, const char **text)
{
    tai_change_e outcome = TAI_CHANGE_DONE;

    for (apr_size_t i = 0; outcome == TAI_CHANGE_DONE && i < sizeof(swept) / sizeof(swept[0]);
         i++) {
        outcome = tai_store_delete_slices(store, swept[i].statement,
                                          swept[i].text(now - swept[i].age, p), p, text);
    }
    return outcome;
}
