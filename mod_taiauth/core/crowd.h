#ifndef TAI_CROWD_H
#define TAI_CROWD_H

#include <apr.h>

/*
 * Threads of all processes of a host that are at the same thing. Only so many may at a time. It is part of
 * shared memory; zeroed, nobody is there.
 *
 * Counted by the period in which they came: one who is killed while he waits is counted no more when
 * that has gone from the ring, and nor is one who stays for longer.
 */
#define TAI_CROWD_PERIOD_MS 4000
#define TAI_CROWD_PERIODS   16

typedef struct tai_crowd_t {
    apr_uint64_t
        came[TAI_CROWD_PERIODS]; /* number of the period << 24 | how many of it are there */
} tai_crowd_t;

/**
 * Become one of them.
 * @param max   how many there may be, below 2^24
 * @param now   milliseconds of tai_clock_ms
 * @param came  set to what tai_crowd_leave wants, never 0
 * @return 1; 0: there are so many already, nothing has changed
 */
int tai_crowd_join(tai_crowd_t *crowd, int max, apr_uint64_t now, apr_uint64_t *came);

/**
 * @param came  as tai_crowd_join has set it
 */
void tai_crowd_leave(tai_crowd_t *crowd, apr_uint64_t came);

/**
 * Nobody is there any more. Who does leave later is not counted twice.
 */
void tai_crowd_empty(tai_crowd_t *crowd);

/**
 * @param now  milliseconds of tai_clock_ms
 * @return how many are there
 */
int tai_crowd_size(const tai_crowd_t *crowd, apr_uint64_t now);

#endif
