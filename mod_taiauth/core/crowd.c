#include "crowd.h"

#define COUNT_BITS     24
#define COUNT_OF(word) ((int)((word) & ((1u << COUNT_BITS) - 1)))

static apr_uint64_t load(const apr_uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* A period that begins takes the place of the one that has gone. */
static void enter(apr_uint64_t *word, apr_uint64_t period)
{
    apr_uint64_t before = load(word), after;

    do {
        after = (before >> COUNT_BITS == period ? before : period << COUNT_BITS) + 1;
    } while (
        !__atomic_compare_exchange_n(word, &before, after, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

void tai_crowd_leave(tai_crowd_t *crowd, apr_uint64_t came)
{
    apr_uint64_t *word = &crowd->came[came % TAI_CROWD_PERIODS];
    apr_uint64_t before = load(word);

    while (before >> COUNT_BITS == came && COUNT_OF(before) &&
           !__atomic_compare_exchange_n(word, &before, before - 1, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
    }
}

void tai_crowd_empty(tai_crowd_t *crowd)
{
    for (int i = 0; i < TAI_CROWD_PERIODS; i++) {
        __atomic_store_n(&crowd->came[i], 0, __ATOMIC_SEQ_CST);
    }
}

static apr_uint64_t period_of(apr_uint64_t now)
{
    return now / TAI_CROWD_PERIOD_MS + 1;
}

int tai_crowd_size(const tai_crowd_t *crowd, apr_uint64_t now)
{
    const apr_uint64_t period = period_of(now);
    int size = 0;

    for (int i = 0; i < TAI_CROWD_PERIODS; i++) {
        const apr_uint64_t word = load(&crowd->came[i]);

        size += (word >> COUNT_BITS) + TAI_CROWD_PERIODS > period ? COUNT_OF(word) : 0;
    }
    return size;
}

/* First counted, then looked: of several at once some may go for nothing, but none too many stays. */
int tai_crowd_join(tai_crowd_t *crowd, int max, apr_uint64_t now, apr_uint64_t *came)
{
    *came = period_of(now);
    enter(&crowd->came[*came % TAI_CROWD_PERIODS], *came);
    if (tai_crowd_size(crowd, now) <= max) {
        return 1;
    }
    tai_crowd_leave(crowd, *came);
    return 0;
}
