#include "window.h"

/*
 * Each store is a release: none may move before an earlier one, because the process may be killed
 * behind any of them.
 */
#define STORE(target, value) __atomic_store_n(&(target), (value), __ATOMIC_RELEASE)

/* The time by which a window judges: a caller's clock may be behind that of an earlier one. */
static apr_uint64_t own_time(const tai_window_t *w, apr_uint64_t now)
{
    return now > w->newest ? now : w->newest;
}

static unsigned ring_used(const tai_window_t *w)
{
    return w->ring & 0xff;
}

static unsigned ring_first(const tai_window_t *w)
{
    return w->ring >> 8 & 0xff;
}

static void set_ring(tai_window_t *w, unsigned first, unsigned used)
{
    STORE(w->ring, first % TAI_WINDOW_BUCKETS << 8 | used);
}

/* Where the i-th bucket from the oldest stands. */
static unsigned bucket_at(const tai_window_t *w, unsigned i)
{
    return (ring_first(w) + i) % TAI_WINDOW_BUCKETS;
}

static apr_uint32_t bucket_count(const tai_window_t *w, unsigned i)
{
    return (apr_uint32_t)w->bucket[bucket_at(w, i)];
}

/* No bucket in the ring is 2^32 ms older than newest, so 32 bits of its time are enough. */
static apr_uint64_t bucket_latest(const tai_window_t *w, unsigned i)
{
    const apr_uint32_t low = (apr_uint32_t)(w->bucket[bucket_at(w, i)] >> 32);

    return w->newest - ((apr_uint32_t)w->newest - low);
}

static void set_bucket(tai_window_t *w, unsigned i, apr_uint64_t latest, apr_uint32_t count)
{
    STORE(w->bucket[bucket_at(w, i)], latest << 32 | count);
}

/* How many buckets, from the oldest, are at least so old. */
static unsigned aged(const tai_window_t *w, apr_uint64_t now, apr_uint64_t age_ms)
{
    const unsigned used = ring_used(w);
    unsigned i = 0;

    while (i < used && now - bucket_latest(w, i) >= age_ms) {
        i++;
    }
    return i;
}

static void drop(tai_window_t *w, unsigned oldest)
{
    if (oldest > 0) {
        set_ring(w, ring_first(w) + oldest, ring_used(w) - oldest);
    }
}

/* What follows from how many count, of which this bucket is the oldest. */
static void tell(const tai_window_t *w, const tai_limit_t *limit, apr_uint64_t now, unsigned oldest,
                 tai_window_view_t *view)
{
    const unsigned used = ring_used(w);
    apr_uint32_t remain = view->counted;
    unsigned i;

    /* Both times are for the caller's clock, which may be behind newest. */
    view->reset_ms = oldest < used ? bucket_latest(w, oldest) + limit->window_ms - now : 0;
    view->wait_ms = 0;
    for (i = oldest; i < used && remain >= limit->max; i++) {
        remain -= bucket_count(w, i);
        view->wait_ms = bucket_latest(w, i) + limit->window_ms - now;
    }
}

void tai_window_test(const tai_window_t *w, const tai_limit_t *limit, apr_uint64_t now,
                     tai_window_view_t *view)
{
    const unsigned used = ring_used(w);
    const unsigned oldest = aged(w, own_time(w, now), limit->window_ms);
    unsigned i;

    view->counted = 0;
    for (i = oldest; i < used; i++) {
        view->counted += bucket_count(w, i);
    }
    tell(w, limit, now, oldest, view);
}

void tai_window_admitted(const tai_window_t *w, const tai_limit_t *limit, apr_uint64_t now,
                         tai_window_view_t *view)
{
    view->counted++;
    tell(w, limit, now, 0, view); /* the admission has dropped what was older */
}

apr_uint64_t tai_window_leaves(const tai_window_t *w, const tai_limit_t *limit, apr_uint64_t now)
{
    return own_time(w, now) + limit->window_ms;
}

/* Does an admission at this time belong to the newest bucket? */
static int joins_newest(const tai_window_t *w, const tai_limit_t *limit, apr_uint64_t now)
{
    /* 31 slots cover W, so what counts lies in at most 32 of them */
    const apr_uint32_t slots = TAI_WINDOW_BUCKETS - 1;
    const apr_uint32_t slot_ms = (limit->window_ms + slots - 1) / slots;
    const unsigned used = ring_used(w);

    if (used == 0 || used == TAI_WINDOW_BUCKETS) {
        return used != 0;
    }
    return limit->max > TAI_WINDOW_BUCKETS && bucket_latest(w, used - 1) / slot_ms == now / slot_ms;
}

void tai_window_admit(tai_window_t *w, const tai_limit_t *limit, apr_uint64_t now)
{
    unsigned used;

    now = own_time(w, now);

    /*
     * What 32 bits cannot tell from something recent goes before newest moves on. The rest of what
     * has left goes behind it: a caller whose clock is a little late must not find it gone while
     * newest does not yet say why.
     */
    drop(w, aged(w, now, APR_UINT32_MAX));
    STORE(w->newest, now);
    drop(w, aged(w, now, limit->window_ms));

    used = ring_used(w);
    if (joins_newest(w, limit, now)) {
        set_bucket(w, used - 1, now, bucket_count(w, used - 1) + 1);
    }
    else {
        set_bucket(w, used, now, 1);
        set_ring(w, ring_first(w), used + 1);
    }
}

/*
 * It went into the first bucket whose latest admission is no earlier; of several at that very time
 * the last will do, which may be the newest and can go. To lower a later one instead would have an
 * admission that stands pass for an older one, and be forgotten before its time.
 */
void tai_window_refund(tai_window_t *w, apr_uint64_t at)
{
    const unsigned used = ring_used(w);
    unsigned i = 0;

    while (i < used && bucket_latest(w, i) < at) {
        i++;
    }
    while (i + 1 < used && bucket_latest(w, i + 1) == at) {
        i++;
    }
    if (i == used || bucket_count(w, i) == 0) {
        return;
    }
    if (i == used - 1 && bucket_count(w, i) == 1) {
        set_ring(w, ring_first(w), used - 1);
        return;
    }
    set_bucket(w, i, bucket_latest(w, i), bucket_count(w, i) - 1);
}

void tai_window_clear(tai_window_t *w)
{
    STORE(w->ring, 0);
}
