#ifndef TAI_SLOTS_H
#define TAI_SLOTS_H

#include "mutex.h"
#include "table.h"

/*
 * Who may check a password: TAI_SLOTS at a time of all processes, and of one client one. Nobody waits
 * for a slot: a check takes a good part of a second, and who waits holds a worker that the API needs.
 * The slot of one who died is free at once.
 */
#define TAI_SLOTS 2

typedef struct tai_slots_t {
    pthread_mutex_t door; /* held for a moment, by who takes a slot */
    struct {
        pthread_mutex_t mutex;
        tai_id_t client; /* whose it is while the mutex is held */
    } slot[TAI_SLOTS];
} tai_slots_t;

/**
 * @param slots  in zeroed shared memory
 * @return APR_SUCCESS, or why a mutex could not be made
 */
apr_status_t tai_slots_format(tai_slots_t *slots);

/**
 * Take a slot, for the calling thread.
 * @param client  the client prefix, folded
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
