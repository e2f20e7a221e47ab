#include "known.h"

/* An entry is the time until which the confirmation lasts, milliseconds. */
apr_size_t tai_known_entry_size(void)
{
    return sizeof(apr_uint64_t);
}

apr_status_t tai_known_seen(tai_table_t *table, tai_id_t id, apr_uint64_t now, int *seen)
{
    tai_place_t place;
    apr_status_t rv = tai_table_lock(&table, &id, 1, &place);

    if (rv == APR_SUCCESS) {
        *seen = place.entry && *(const apr_uint64_t *)place.entry > now;
        tai_table_unlock(&place, 1);
    }
    return rv;
}

apr_status_t tai_known_confirm(tai_table_t *table, tai_id_t id, apr_uint64_t now)
{
    tai_place_t place;
    apr_status_t rv = tai_table_lock(&table, &id, 1, &place);

    if (rv == APR_SUCCESS) {
        if (!place.entry) {
            tai_table_insert(&place, id, now);
        }
        *(apr_uint64_t *)place.entry = now + TAI_KNOWN_MS;
        tai_table_set_due(&place, now + TAI_KNOWN_MS);
        tai_table_unlock(&place, 1);
    }
    return rv;
}
