#include "core/window.h"
#include "unit.h"

#define T0 APR_UINT64_C(5000000)

static tai_window_t window;

static void empty(void)
{
    window = (tai_window_t){0};
}

static tai_window_view_t view_at(apr_uint32_t max, apr_uint64_t now)
{
    const tai_limit_t limit = {max, 60000};
    tai_window_view_t view;

    tai_window_test(&window, &limit, now, &view);
    return view;
}

static void admit_at(apr_uint32_t max, apr_uint64_t now)
{
    const tai_limit_t limit = {max, 60000};

    tai_window_admit(&window, &limit, now);
}

/* Five admissions, a second apart. */
static void five(void)
{
    int i;

    for (i = 0; i < 5; i++) {
        admit_at(5, T0 + (apr_uint64_t)i * 1000);
    }
}

START_TEST(empty_passes)
{
    const tai_window_view_t view = view_at(1, T0);

    ck_assert_uint_eq(view.counted, 0);
    ck_assert_uint_eq(view.wait_ms, 0);
    ck_assert_uint_eq(view.reset_ms, 0);
}
END_TEST

START_TEST(full_waits_for_the_oldest)
{
    tai_window_view_t view;

    five();
    view = view_at(5, T0 + 4000);
    ck_assert_uint_eq(view.counted, 5);
    ck_assert_uint_eq(view.wait_ms, 56000);
    ck_assert_uint_eq(view.reset_ms, 56000);
    ck_assert_uint_eq(view_at(5, T0 + 59999).wait_ms, 1);
    ck_assert_uint_eq(view_at(5, T0 + 60000).wait_ms, 0);
    ck_assert_uint_eq(view_at(5, T0 + 60000).counted, 4);
}
END_TEST

START_TEST(lowered_limit_waits_until_four_have_left)
{
    tai_window_view_t view;

    five();
    view = view_at(2, T0 + 4000);
    ck_assert_uint_eq(view.counted, 5);
    ck_assert_uint_eq(view.wait_ms, 59000);
    ck_assert_uint_eq(view.reset_ms, 56000);
    ck_assert_uint_eq(view_at(2, T0 + 62999).wait_ms, 1);
    ck_assert_uint_eq(view_at(2, T0 + 63000).wait_ms, 0);
}
END_TEST

START_TEST(raised_limit_lets_three_more_pass_at_once)
{
    int i;

    admit_at(2, T0);
    admit_at(2, T0);
    ck_assert_uint_gt(view_at(2, T0).wait_ms, 0);
    for (i = 0; i < 3; i++) {
        ck_assert_uint_eq(view_at(5, T0).wait_ms, 0);
        admit_at(5, T0);
    }
    ck_assert_uint_eq(view_at(5, T0).wait_ms, 60000);
}
END_TEST

/* The answer is for the clock of the caller, also when that is behind. */
START_TEST(late_caller_waits_longer)
{
    five();
    ck_assert_uint_eq(view_at(5, T0 + 1000).wait_ms, 59000);
    ck_assert_uint_eq(view_at(5, 1).wait_ms, T0 + 60000 - 1);
}
END_TEST

START_TEST(late_admission_counts_from_the_newest)
{
    admit_at(5, T0 + 4000);
    admit_at(5, T0);
    ck_assert_uint_eq(view_at(5, T0 + 63999).counted, 2);
    ck_assert_uint_eq(view_at(5, T0 + 64000).counted, 0);
}
END_TEST

/* Times stand in 32 bits, which run over every 49.7 days. */
START_TEST(long_silence_forgets)
{
    const apr_uint64_t wrap = APR_UINT64_C(1) << 32;
    apr_uint64_t now = T0;
    int i;

    for (i = 0; i < 3; i++, now += wrap) {
        ck_assert_uint_eq(view_at(5, now).counted, 0);
        admit_at(5, now);
        ck_assert_uint_eq(view_at(5, now).counted, 1);
    }
}
END_TEST

START_TEST(cleared_is_empty)
{
    five();
    tai_window_clear(&window);
    ck_assert_uint_eq(view_at(5, T0 + 4000).counted, 0);
    admit_at(5, T0 + 4000);
    ck_assert_uint_eq(view_at(5, T0 + 4000).counted, 1);
}
END_TEST

START_TEST(leaves_with_its_latest_admission)
{
    const tai_limit_t limit = {5, 60000};

    ck_assert_uint_eq(tai_window_leaves(&window, &limit, T0), T0 + 60000);
    five();
    ck_assert_uint_eq(tai_window_leaves(&window, &limit, T0), T0 + 64000);
    ck_assert_uint_eq(tai_window_leaves(&window, &limit, T0 + 9000), T0 + 69000);
}
END_TEST

/* The caller folds W into the identity; if it ever does not, nothing runs wild. */
START_TEST(another_width_corrupts_nothing)
{
    const tai_limit_t limits[] = {{100, 1000}, {3, TAI_WINDOW_MAX_MS}, {40, 60000}, {1, 1001}};
    tai_window_view_t view;
    apr_uint64_t now = T0;
    int i;

    for (i = 0; i < 10000; i++, now += 37) {
        const tai_limit_t *limit = &limits[i % ROWS(limits)];

        tai_window_test(&window, limit, now, &view);
        if (view.wait_ms == 0) {
            tai_window_admit(&window, limit, now);
            tai_window_test(&window, limit, now, &view);
            ck_assert_uint_ge(view.counted, 1);
        }
        ck_assert_uint_le(view.counted, 100);
        ck_assert_uint_le(view.wait_ms, limit->window_ms);
        ck_assert_uint_le(window.ring & 0xff, TAI_WINDOW_BUCKETS);
    }
}
END_TEST

START_TEST(refund_of_the_newest_was_never_there)
{
    tai_window_view_t before, after;

    five();
    before = view_at(5, T0 + 10000);
    ck_assert_uint_ne(before.wait_ms, 0);
    tai_window_refund(&window, T0 + 4000);
    after = view_at(5, T0 + 10000);
    ck_assert_uint_eq(after.counted, 4);
    ck_assert_uint_eq(after.wait_ms, 0);
    ck_assert_uint_eq(after.reset_ms, before.reset_ms);
}
END_TEST

/* The second goes: the others leave when they would have left. */
START_TEST(refund_of_an_older_one_leaves_the_others_their_time)
{
    five();
    tai_window_refund(&window, T0 + 1000);
    ck_assert_uint_eq(view_at(5, T0 + 10000).counted, 4);
    admit_at(5, T0 + 10000);
    ck_assert_uint_eq(view_at(5, T0 + 10000).wait_ms, 50000);
    ck_assert_uint_eq(view_at(5, T0 + 60000).counted, 4);
    ck_assert_uint_eq(view_at(5, T0 + 61999).counted, 4);
    ck_assert_uint_eq(view_at(5, T0 + 62000).counted, 3);
}
END_TEST

START_TEST(refund_from_a_shared_bucket_takes_one)
{
    admit_at(1000, T0);
    admit_at(1000, T0);
    admit_at(1000, T0 + 1);
    tai_window_refund(&window, T0);
    ck_assert_uint_eq(view_at(1000, T0 + 1).counted, 2);
}
END_TEST

START_TEST(refund_of_what_is_not_there_changes_nothing)
{
    tai_window_refund(&window, T0);
    ck_assert_uint_eq(view_at(5, T0).counted, 0);
    five();
    tai_window_refund(&window, T0 + 4001);
    ck_assert_uint_eq(view_at(5, T0 + 4001).counted, 5);
    tai_window_refund(&window, T0 + 1000);
    tai_window_refund(&window, T0 + 1000);
    ck_assert_uint_eq(view_at(5, T0 + 4001).counted, 4);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, empty, NULL);
    tcase_add_test(tests, empty_passes);
    tcase_add_test(tests, full_waits_for_the_oldest);
    tcase_add_test(tests, lowered_limit_waits_until_four_have_left);
    tcase_add_test(tests, raised_limit_lets_three_more_pass_at_once);
    tcase_add_test(tests, late_caller_waits_longer);
    tcase_add_test(tests, late_admission_counts_from_the_newest);
    tcase_add_test(tests, long_silence_forgets);
    tcase_add_test(tests, refund_of_the_newest_was_never_there);
    tcase_add_test(tests, refund_of_an_older_one_leaves_the_others_their_time);
    tcase_add_test(tests, refund_from_a_shared_bucket_takes_one);
    tcase_add_test(tests, refund_of_what_is_not_there_changes_nothing);
    tcase_add_test(tests, cleared_is_empty);
    tcase_add_test(tests, leaves_with_its_latest_admission);
    tcase_add_test(tests, another_width_corrupts_nothing);
}

int main(void)
{
    return unit_run("window", add);
}
