#include <string.h>
#include "core/metrics.h"
#include "shared.h"
#include "unit.h"

#define CHILDREN 4
#define TURNS    200000

typedef struct race_t {
    tai_metrics_t metrics;
    int arrived;
} race_t;

static int count(void *data)
{
    race_t *race = data;
    tai_metrics_t *m = &race->metrics;
    int i;

    meet(&race->arrived, CHILDREN);
    for (i = 0; i < TURNS; i++) {
        tai_metrics_add(&m->verdict[TAI_RATE_LIMITED]);
        tai_metrics_lookup(m, 3, i % 2);
    }
    return 0;
}

START_TEST(processes_lose_no_count)
{
    race_t *race = shared_block(sizeof(*race));
    const tai_metrics_t *m = &race->metrics;
    pid_t pids[CHILDREN];
    int i;

    for (i = 0; i < CHILDREN; i++) {
        pids[i] = in_child(count, race);
    }
    for (i = 0; i < CHILDREN; i++) {
        child_succeeds(pids[i]);
    }
    ck_assert_uint_eq(tai_metrics_read(&m->verdict[TAI_RATE_LIMITED]), CHILDREN * TURNS);
    ck_assert_uint_eq(tai_metrics_read(&m->verdict[TAI_ADMITTED]), 0);
    ck_assert_uint_eq(tai_metrics_read(&m->lookups), CHILDREN * TURNS);
    ck_assert_uint_eq(tai_metrics_read(&m->lookup_failures), CHILDREN * TURNS / 2);
    ck_assert_uint_eq(tai_metrics_read(&m->lookup_us), 3 * CHILDREN * TURNS);
    ck_assert_uint_eq(tai_metrics_read(&m->lookup_bucket[0]), CHILDREN * TURNS);
}
END_TEST

START_TEST(bounds_ascend)
{
    int i;

    for (i = 1; i < TAI_LOOKUP_BUCKETS; i++) {
        ck_assert_uint_lt(tai_lookup_bound_us[i - 1], tai_lookup_bound_us[i]);
    }
}
END_TEST

START_TEST(a_gauge_goes_up_and_down)
{
    apr_uint64_t gauge = 0;

    tai_metrics_add(&gauge);
    tai_metrics_add(&gauge);
    tai_metrics_take(&gauge);
    ck_assert_uint_eq(tai_metrics_read(&gauge), 1);
    tai_metrics_take(&gauge);
    ck_assert_uint_eq(tai_metrics_read(&gauge), 0);
}
END_TEST

/* A bound belongs to its own bucket, one microsecond more to the next. */
START_TEST(bound_is_inclusive)
{
    static tai_metrics_t m;

    memset(&m, 0, sizeof(m));
    tai_metrics_lookup(&m, tai_lookup_bound_us[_i], 0);
    ck_assert_uint_eq(m.lookup_bucket[_i], 1);
    tai_metrics_lookup(&m, tai_lookup_bound_us[_i] + APR_UINT64_C(1), 0);
    ck_assert_uint_eq(m.lookup_bucket[_i], 1);
    ck_assert_uint_eq(m.lookup_bucket[_i + 1], 1);
}
END_TEST

START_TEST(beyond_all_bounds_is_counted_too)
{
    static tai_metrics_t m;

    memset(&m, 0, sizeof(m));
    tai_metrics_lookup(&m, APR_UINT64_C(1) << 40, 1);
    ck_assert_uint_eq(m.lookup_bucket[TAI_LOOKUP_BUCKETS], 1);
    ck_assert_uint_eq(m.lookup_us, APR_UINT64_C(1) << 40);
    ck_assert_uint_eq(m.lookup_failures, 1);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, processes_lose_no_count);
    tcase_add_test(tests, a_gauge_goes_up_and_down);
    tcase_add_test(tests, bounds_ascend);
    tcase_add_loop_test(tests, bound_is_inclusive, 0, TAI_LOOKUP_BUCKETS);
    tcase_add_test(tests, beyond_all_bounds_is_counted_too);
}

int main(void)
{
    return unit_run("metrics", add);
}
