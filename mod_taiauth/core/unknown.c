#include "unknown.h"

/* The first place to be given away; 0 would be one that was never used. */
#define LONG_AGO 1

/* What is noted of a digest. */
typedef struct unknown_t {
    apr_uint64_t until; /* milliseconds */
    apr_uint64_t epoch;
} unknown_t;

apr_size_t tai_unknown_entry_size(void)
{
    return sizeof(unknown_t);
}

apr_status_t tai_unknown_seen(tai_table_t *table, tai_id_t id, apr_uint64_t epoch, apr_uint64_t now,
                              int *seen)
{
    tai_place_t place;
    apr_status_t rv = tai_table_lock(&table, &id, 1, &place);

    if (rv == APR_SUCCESS) {
        const unknown_t *unknown = place.entry;

        *seen = unknown != NULL && unknown->epoch == epoch && unknown->until > now;
        tai_table_unlock(&place, 1);
    }
    return rv;
}

apr_status_t tai_unknown_note(tai_table_t *table, tai_id_t id, apr_uint64_t epoch, apr_uint64_t now)
{
    tai_place_t place;
    apr_status_t rv = tai_table_lock(&table, &id, 1, &place);

    if (rv == APR_SUCCESS) {
        if (!place.entry) {
            tai_table_insert(&place, id, now);
        }
        *(unknown_t *)place.entry = (unknown_t){.until = now + TAI_UNKNOWN_MS, .epoch = epoch};
        tai_table_set_due(&place, now + TAI_UNKNOWN_MS);
        tai_table_unlock(&place, 1);
    }
    return rv;
}

apr_status_t tai_unknown_strike(tai_table_t *table, tai_id_t id)
{
    tai_place_t place;
    apr_status_t rv = tai_table_lock(&table, &id, 1, &place);

    if (rv == APR_SUCCESS) {
        if (place.entry) {
            ((unknown_t *)place.entry)->until = 0;
            tai_table_set_due(&place, LONG_AGO);
        }
        tai_table_unlock(&place, 1);
    }
    return rv;
}
