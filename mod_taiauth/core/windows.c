#include "windows.h"
#include "fault.h"

apr_size_t tai_windows_entry_size(void)
{
    return sizeof(tai_window_t);
}

static apr_status_t lock_charges(const tai_charge_t *charges, int n, tai_place_t *places)
{
    tai_table_t *tables[TAI_TABLE_LOCK_MAX];
    tai_id_t ids[TAI_TABLE_LOCK_MAX];
    int i;

    for (i = 0; i < n; i++) {
        tables[i] = charges[i].table;
        ids[i] = charges[i].id;
    }
    return tai_table_lock(tables, ids, n, places);
}

/* @return 1: each of them lets one more pass */
static int test_all(tai_charge_t *charges, int n, apr_uint64_t now, const tai_place_t *places)
{
    static const tai_window_t untouched;
    int i, pass = 1;

    for (i = 0; i < n; i++) {
        const tai_window_t *w = places[i].entry != NULL ? places[i].entry : &untouched;

        tai_window_test(w, &charges[i].limit, now, &charges[i].view);
        pass &= charges[i].view.wait_ms == 0;
    }
    return pass;
}

static void admit_one(tai_charge_t *charge, apr_uint64_t now, tai_place_t *place)
{
    tai_window_t *w;

    tai_table_insert(place, charge->id, now);
    w = place->entry;
    /* before the admission: an entry must not be given away while anything in it counts */
    tai_table_set_due(place, tai_window_leaves(w, &charge->limit, now));
    TAI_FAULT("windows.charge");
    tai_window_admit(w, &charge->limit, now);
    charge->at = w->newest;
}

static void charge_one(tai_charge_t *charge, apr_uint64_t now, tai_place_t *place)
{
    admit_one(charge, now, place);
    tai_window_admitted(place->entry, &charge->limit, now, &charge->view);
}

/* Unlocked by the caller, where the answer is APR_SUCCESS. */
static apr_status_t lock_and_test(tai_charge_t *charges, int n, apr_uint64_t now,
                                  tai_place_t *places, int *admitted)
{
    apr_status_t rv;

    *admitted = 0;
    if (n < 1 || n > TAI_TABLE_LOCK_MAX) {
        return APR_EINVAL;
    }
    rv = lock_charges(charges, n, places);
    if (rv == APR_SUCCESS) {
        *admitted = test_all(charges, n, now, places);
    }
    return rv;
}

apr_status_t tai_windows_test(tai_charge_t *charges, int n, apr_uint64_t now, int *admitted)
{
    tai_place_t places[TAI_TABLE_LOCK_MAX];
    apr_status_t rv = lock_and_test(charges, n, now, places, admitted);

    if (rv == APR_SUCCESS) {
        tai_table_unlock(places, n);
    }
    return rv;
}

apr_status_t tai_windows_charge(tai_charge_t *charges, int n, apr_uint64_t now, int *admitted)
{
    tai_place_t places[TAI_TABLE_LOCK_MAX];
    apr_status_t rv = lock_and_test(charges, n, now, places, admitted);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < n && *admitted; i++) {
        charge_one(&charges[i], now, &places[i]);
    }
    TAI_FAULT("windows.charged");
    tai_table_unlock(places, n);
    return APR_SUCCESS;
}

apr_status_t tai_windows_note(tai_charge_t *charges, int n, apr_uint64_t now)
{
    tai_place_t places[TAI_TABLE_LOCK_MAX];
    apr_status_t rv =
        n < 1 || n > TAI_TABLE_LOCK_MAX ? APR_EINVAL : lock_charges(charges, n, places);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < n; i++) {
        admit_one(&charges[i], now, &places[i]);
    }
    tai_table_unlock(places, n);
    return APR_SUCCESS;
}

static apr_status_t refund_one(const tai_charge_t *charge, apr_uint64_t now)
{
    tai_place_t place;
    apr_status_t rv = lock_charges(charge, 1, &place);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (place.entry != NULL && now < charge->at + charge->limit.window_ms) {
        tai_window_refund(place.entry, charge->at);
    }
    tai_table_unlock(&place, 1);
    return APR_SUCCESS;
}

apr_status_t tai_windows_refund(const tai_charge_t *charges, int n, apr_uint64_t now)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        rv = refund_one(&charges[i], now);
    }
    return rv;
}
