#include "slots.h"

apr_status_t tai_slots_format(tai_slots_t *slots, int count)
{
    apr_status_t rv = tai_mutex_init(&slots->door);
    int i;

    slots->count = count;
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = tai_mutex_init(&slots->slot[i].mutex);
    }
    return rv;
}

static int is_same(tai_id_t a, tai_id_t b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

/*
 * Behind the door: nobody else is taking a slot, so that whoever holds one has said whose it is.
 * @return the number of a free slot, now held; -1: there is none for this client
 */
static int enter(tai_slots_t *slots, tai_id_t client)
{
    int found = -1, there = 0, i;

    for (i = 0; i < slots->count; i++) {
        if (tai_mutex_try(&slots->slot[i].mutex) != APR_SUCCESS) {
            there |= is_same(slots->slot[i].client, client);
        }
        else if (found < 0) {
            found = i;
        }
        else {
            tai_mutex_unlock(&slots->slot[i].mutex);
        }
    }
    if (found >= 0 && there && !is_same(client, TAI_SLOT_ANYONE)) {
        tai_mutex_unlock(&slots->slot[found].mutex);
        return -1;
    }
    return found;
}

apr_status_t tai_slots_take(tai_slots_t *slots, tai_id_t client, int *slot)
{
    int inherited;
    const apr_status_t rv = tai_mutex_lock(&slots->door, &inherited);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *slot = enter(slots, client);
    if (*slot >= 0) {
        slots->slot[*slot].client = client;
    }
    tai_mutex_unlock(&slots->door);
    return *slot >= 0 ? APR_SUCCESS : APR_EBUSY;
}

void tai_slots_leave(tai_slots_t *slots, int slot)
{
    tai_mutex_unlock(&slots->slot[slot].mutex);
}
