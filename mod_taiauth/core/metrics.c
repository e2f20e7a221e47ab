#include "metrics.h"

/* From an answer out of the page cache of a local SQLite to one that outlasts every patience. */
const apr_uint32_t tai_lookup_bound_us[TAI_LOOKUP_BUCKETS] = {
    50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 500000, 2500000};

/* Nothing else is published by a counter, so no ordering is asked for. */
static void add(apr_uint64_t *counter, apr_uint64_t amount)
{
    __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

void tai_metrics_add(apr_uint64_t *counter)
{
    add(counter, 1);
}

void tai_metrics_take(apr_uint64_t *number)
{
    __atomic_fetch_sub(number, 1, __ATOMIC_RELAXED);
}

apr_uint64_t tai_metrics_read(const apr_uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void tai_metrics_lookup(tai_metrics_t *m, apr_uint64_t us, int failed)
{
    int i = 0;

    while (i < TAI_LOOKUP_BUCKETS && us > tai_lookup_bound_us[i]) {
        i++;
    }
    add(&m->lookup_bucket[i], 1);
    add(&m->lookup_us, us);
    add(&m->lookups, 1);
    if (failed) {
        add(&m->lookup_failures, 1);
    }
}
