#ifndef TAI_SEAT_H
#define TAI_SEAT_H

#include "crowd.h"

/*
 * A seat among the threads of all processes of a host that wait for a database: for an answer, for a
 * connection, or for what another one asks. Of all threads there are,
 *
 *   a half may look up keys,
 *   a quarter, two at the least, may do anything else: change or note something, or read what a change,
 *     a log-in or the one who waits for the nodes to hear of a revocation needs,
 *   an eighth, one at the least, may wait for a moment until one of those goes,
 *
 * and whoever finds that so many do goes at once. So of eight threads or more some are left for what
 * needs no database, however slow it is, and no flood of look-ups keeps a revocation or a log-in out.
 * A thread that answers no request (tai_seat_apart) has no seat and needs none.
 */
typedef enum {
    TAI_SEAT_LOOKUP,
    TAI_SEAT_OTHER,
    TAI_SEAT_BRIEF, /* until one of the others is free */
    TAI_SEAT_COUNT
} tai_seat_e;

/* Part of shared memory; zeroed, all are free. */
typedef struct tai_seats_t {
    tai_crowd_t of[TAI_SEAT_COUNT];
} tai_seats_t;

/* One that was taken. */
typedef struct tai_seat_t {
    tai_crowd_t *crowd; /* NULL: none was needed, or had */
    apr_uint64_t came;
} tai_seat_t;

/**
 * Take a seat.
 * @param seats    NULL: nobody is counted
 * @param threads  how many there are in all
 * @param now      milliseconds of tai_clock_ms
 * @param seat    filled in for tai_seat_leave, whatever is returned
 * @return 1: it is had, or none is needed; 0: all are taken
 */
int tai_seat_take(tai_seats_t *seats, int threads, tai_seat_e kind, apr_uint64_t now,
                  tai_seat_t *seat);

void tai_seat_leave(const tai_seat_t *seat);

/**
 * The calling thread answers no request, from now on to its end.
 */
void tai_seat_apart(void);

/**
 * All are free: for the moment when nobody lives who could have one. Who was killed has left his.
 */
void tai_seats_free(tai_seats_t *seats);

#endif
