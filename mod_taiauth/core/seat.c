#include "seat.h"

/* The part of all threads that may have one of a kind, and how many may at the least. */
static const struct {
    int part, least;
} bounds[TAI_SEAT_COUNT] = {
    [TAI_SEAT_LOOKUP] = {2, 1},
    [TAI_SEAT_OTHER] = {4, 2},
    [TAI_SEAT_BRIEF] = {8, 1},
};

static _Thread_local int is_apart;

void tai_seat_apart(void)
{
    is_apart = 1;
}

int tai_seat_take(tai_seats_t *seats, int threads, tai_seat_e kind, apr_uint64_t now,
                  tai_seat_t *seat)
{
    const int share = threads / bounds[kind].part;
    const int most = share > bounds[kind].least ? share : bounds[kind].least;

    *seat = (tai_seat_t){NULL, 0};
    if (!seats || is_apart) {
        return 1;
    }
    if (!tai_crowd_join(&seats->of[kind], most, now, &seat->came)) {
        return 0;
    }
    seat->crowd = &seats->of[kind];
    return 1;
}

void tai_seat_leave(const tai_seat_t *seat)
{
    if (seat->crowd) {
        tai_crowd_leave(seat->crowd, seat->came);
    }
}

void tai_seats_free(tai_seats_t *seats)
{
    for (int i = 0; i < TAI_SEAT_COUNT; i++) {
        tai_crowd_empty(&seats->of[i]);
    }
}
