#include "failures.h"
#include "fault.h"

apr_size_t tai_failures_entry_size(void)
{
    return sizeof(tai_failures_t);
}

apr_uint64_t tai_failures_left(const tai_failures_t *f, apr_uint64_t now)
{
    return f != NULL && f->locked_until > now ? f->locked_until - now : 0;
}

apr_status_t tai_failures_locked(tai_table_t *table, tai_id_t id, apr_uint64_t now,
                                 apr_uint64_t *left_ms)
{
    tai_place_t place;
    apr_status_t rv;

    *left_ms = 0;
    rv = tai_table_lock(&table, &id, 1, &place);
    if (rv == APR_SUCCESS) {
        *left_ms = tai_failures_left(place.entry, now);
        tai_table_unlock(&place, 1);
    }
    return rv;
}

/*
 * In both, due comes first: an entry must not be given away while it means something. A lock
 * stands before the count is emptied: killed in between, the worst is a count too many.
 */
void tai_failures_lock(const tai_place_t *place, const tai_lockout_t *lockout, apr_uint64_t now)
{
    tai_failures_t *f = place->entry;
    const apr_uint64_t until = now + lockout->lock_ms;

    tai_table_set_due(place, until | TAI_DUE_PINNED);
    __atomic_store_n(&f->locked_until, until, __ATOMIC_RELEASE);
    tai_window_clear(&f->window);
}

void tai_failures_count(const tai_place_t *place, const tai_lockout_t *lockout, apr_uint64_t now)
{
    tai_window_t *w = &((tai_failures_t *)place->entry)->window;

    tai_table_set_due(place, tai_window_leaves(w, &lockout->failures, now));
    tai_window_admit(w, &lockout->failures, now);
}

/* @return 1: this failure started a lock */
static int add_failure(tai_place_t *place, tai_id_t id, const tai_lockout_t *lockout,
                       apr_uint64_t now)
{
    tai_window_view_t view;

    tai_table_insert(place, id, now);
    tai_window_test(&((const tai_failures_t *)place->entry)->window, &lockout->failures, now,
                    &view);
    if (view.counted + 1 >= lockout->failures.max) {
        tai_failures_lock(place, lockout, now);
        return 1;
    }
    tai_failures_count(place, lockout, now);
    return 0;
}

apr_status_t tai_failures_record(tai_table_t *table, tai_id_t id, const tai_lockout_t *lockout,
                                 apr_uint64_t now, apr_uint64_t *left_ms, int *started)
{
    tai_place_t place;
    apr_status_t rv;

    *left_ms = 0;
    *started = 0;
    rv = tai_table_lock(&table, &id, 1, &place);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *left_ms = tai_failures_left(place.entry, now);
    TAI_FAULT("failures.record");
    if (*left_ms == 0) {
        *started = add_failure(&place, id, lockout, now);
    }
    tai_table_unlock(&place, 1);
    return APR_SUCCESS;
}

/* Its place is given away from then on: due comes last, as it comes first where something begins. */
int tai_failures_forget(const tai_place_t *place, apr_uint64_t now)
{
    tai_failures_t *f = place->entry;
    const int locked = tai_failures_left(f, now) > 0;

    tai_window_clear(&f->window);
    __atomic_store_n(&f->locked_until, 0, __ATOMIC_RELEASE);
    tai_table_set_due(place, now);
    return locked;
}

apr_status_t tai_failures_clear(tai_table_t *table, tai_id_t id, apr_uint64_t now, int *locked)
{
    tai_place_t place;
    apr_status_t rv;

    *locked = 0;
    rv = tai_table_lock(&table, &id, 1, &place);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (place.entry != NULL) {
        *locked = tai_failures_forget(&place, now);
    }
    tai_table_unlock(&place, 1);
    return APR_SUCCESS;
}
