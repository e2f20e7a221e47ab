#ifndef TAI_CROWD_H
#define TAI_CROWD_H

#include <apr.h>

/*
 * The threads of a process that wait for what others hold: a connection, or the answer to the same
 * question. Only so many wait for long, so that however slow the database is, threads are left for
 * requests that need none; the others wait for as long as is not unusual where all is well.
 */
typedef struct tai_crowd_t {
    int max;               /* how many may wait for long */
    apr_uint32_t brief_ms; /* how long the others wait, milliseconds */
    int waiting;           /* how many wait; changed by __atomic_* */
} tai_crowd_t;

/**
 * Begin to wait. The caller ends it by tai_crowd_leave, whatever comes of it.
 * @param patience_ms  how long he would wait, milliseconds
 * @return how long he may
 */
apr_uint32_t tai_crowd_join(tai_crowd_t *crowd, apr_uint32_t patience_ms);

void tai_crowd_leave(tai_crowd_t *crowd);

#endif
