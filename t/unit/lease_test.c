#include "nodes.h"
#include "core/mutex.h"

/* Rule 4 of revocation: without a lease nothing is answered. */

#define SHORT_MS 1000

static tai_segment_t *segment; /* of the running test */
static tai_node_t *node;

static void make_node(void)
{
    segment = new_node(SHORT_MS);
    node = tai_segment_node(segment);
}

static apr_status_t lease_at(apr_uint64_t now)
{
    return tai_node_lease(segment, store, now, pool, &text);
}

static apr_status_t lease(void)
{
    return lease_at(tai_clock_ms());
}

START_TEST(the_first_request_registers)
{
    ck_assert_int_eq(lease(), APR_SUCCESS);
    ck_assert_ptr_null(text);
    ck_assert_uint_eq(node->registration, 1);
    ck_assert_uint_eq(node->syncs, 1);
    ck_assert_int_eq(lease(), APR_SUCCESS);
    ck_assert_uint_eq(node->syncs, 1);
}
END_TEST

/* An outage goes unnoticed until the lease is over; then nothing that was judged holds. */
START_TEST(the_database_is_away_for_longer_than_the_lease)
{
    tai_version_t version;

    ck_assert_int_eq(lease(), APR_SUCCESS);
    version = tai_node_version(segment);
    take_away();
    ck_assert_int_ne(try_sync(segment), APR_SUCCESS);
    ck_assert_int_eq(lease_at(node->lease_end - 1), APR_SUCCESS);
    ck_assert_int_eq(tai_node_holds(segment, version), 1);

    wait_until(node->lease_end);
    ck_assert_int_eq(tai_node_holds(segment, version), 0);
    ck_assert_int_ne(lease(), APR_SUCCESS);
    ck_assert_ptr_nonnull(text);

    bring_back();
    while (lease() != APR_SUCCESS) {
        ck_assert_ptr_nonnull(text);
        apr_sleep(1000);
    }
    ck_assert_uint_eq(node->registration, 1);
    ck_assert_int_eq(tai_node_holds(segment, version), 1);
}
END_TEST

/* A database that gives no answer costs one request its time, not all of them. */
START_TEST(an_outage_is_not_asked_about_by_everybody)
{
    const apr_uint64_t before = tai_clock_ms();
    apr_uint64_t calls = 0;

    take_away();
    while (node->sync_failures < 4) {
        ck_assert_int_ne(lease(), APR_SUCCESS);
        ck_assert_ptr_nonnull(text);
        calls++;
    }
    ck_assert_uint_ge(tai_clock_ms(), before + 3 * 100);
    ck_assert_uint_gt(calls, node->sync_failures);
}
END_TEST

START_TEST(nobody_waits_for_ever)
{
    ck_assert_int_eq(tai_mutex_try(&node->syncing), APR_SUCCESS);
    ck_assert_int_ne(lease(), APR_SUCCESS);
    ck_assert_ptr_nonnull(text);
    tai_mutex_unlock(&node->syncing);
}
END_TEST

/* Where nobody else syncs, requests do, long before the lease ends. */
START_TEST(a_sync_that_is_overdue_is_done_by_the_way)
{
    tai_node_configure(segment, 100, LEASE_MS, "");
    ck_assert_int_eq(lease(), APR_SUCCESS);
    ck_assert_uint_eq(node->overdue_at, node->begun_at + 300);
    ck_assert_int_eq(lease_at(node->overdue_at - 1), APR_SUCCESS);
    ck_assert_uint_eq(node->syncs, 1);
    ck_assert_int_eq(lease_at(node->overdue_at), APR_SUCCESS);
    ck_assert_uint_eq(node->syncs, 2);
}
END_TEST

START_TEST(one_that_fails_is_not_done_by_all)
{
    tai_node_configure(segment, 1000, LEASE_MS, "");
    ck_assert_int_eq(lease(), APR_SUCCESS);
    take_away();
    ck_assert_int_eq(lease_at(node->overdue_at), APR_SUCCESS);
    ck_assert_ptr_null(text);
    ck_assert_uint_eq(node->sync_failures, 1);
    ck_assert_uint_eq(node->overdue_at, node->failed_at + 1000);
    ck_assert_int_eq(lease_at(node->overdue_at - 1), APR_SUCCESS);
    ck_assert_uint_eq(node->sync_failures, 1);
}
END_TEST

/* Somebody else's sync takes its time: the lease runs. */
START_TEST(nobody_waits_while_the_lease_runs)
{
    tai_node_configure(segment, 100, LEASE_MS, "");
    ck_assert_int_eq(lease(), APR_SUCCESS);
    ck_assert_int_eq(tai_mutex_try(&node->syncing), APR_SUCCESS);
    ck_assert_int_eq(lease_at(node->overdue_at), APR_SUCCESS);
    tai_mutex_unlock(&node->syncing);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_checked_fixture(tests, make_node, NULL);
    tcase_add_test(tests, the_first_request_registers);
    tcase_add_test(tests, the_database_is_away_for_longer_than_the_lease);
    tcase_add_test(tests, an_outage_is_not_asked_about_by_everybody);
    tcase_add_test(tests, nobody_waits_for_ever);
    tcase_add_test(tests, a_sync_that_is_overdue_is_done_by_the_way);
    tcase_add_test(tests, one_that_fails_is_not_done_by_all);
    tcase_add_test(tests, nobody_waits_while_the_lease_runs);
}

int main(void)
{
    return unit_run("lease", add);
}
