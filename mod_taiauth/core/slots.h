#ifndef TAI_SLOTS_H
#define TAI_SLOTS_H

#include "mutex.h"
#include "table.h"

/*
 * What a host does few of at a time: so many of all processes, and of one client one. Nobody waits
 * for a slot: a check of a password takes a good part of a second, and who waits holds a worker that
 * the API needs. The slot of one who died is free at once.
 */
#define TAI_SLOTS_MAX 16

typedef struct tai_slots_t {
    pthread_mutex_t door; /* held for a moment, by who takes a slot */
    int count;            /* how many slots there are */
    struct {
        pthread_mutex_t mutex;
        tai_id_t client; /* whose it is while the mutex is held */
    } slot[TAI_SLOTS_MAX];
} tai_slots_t;

/* Nobody in particular: he may have several. */
#define TAI_SLOT_ANYONE ((tai_id_t){0, 0})

/**
 * @param slots  in zeroed shared memory
 * @param count  how many there are, 1 to TAI_SLOTS_MAX
 * @return APR_SUCCESS, or why a mutex could not be made
 */
apr_status_t tai_slots_format(tai_slots_t *slots, int count);

/**
 * Take a slot, for the calling thread.
 * @param client  the client prefix, folded; or TAI_SLOT_ANYONE
 * @param slot    set to which one it is
 * @return APR_SUCCESS; APR_EBUSY: all are taken, or one of them by this client; else nothing was
 *         decided
 */
apr_status_t tai_slots_take(tai_slots_t *slots, tai_id_t client, int *slot);

/**
 * Give it back, in the thread that took it.
 */
void tai_slots_leave(tai_slots_t *slots, int slot);

#endif
