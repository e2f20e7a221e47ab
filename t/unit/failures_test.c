#include "core/failures.h"
#include "chance.h"
#include "shared.h"
#include "unit.h"

#define NOW APR_UINT64_C(1000000)

static const tai_lockout_t five = {{5, 300000}, 900000};
static const tai_lockout_t one = {{1, 300000}, 900000};

static tai_table_t *table;

static void make_table(void)
{
    table = shared_table(tai_failures_entry_size(), 1);
}

/* What one failure did: left of a lock that ran before it, and whether it started one. */
typedef struct outcome_t {
    apr_uint64_t left_ms;
    int started;
} outcome_t;

static outcome_t fail_of(apr_uint64_t who, const tai_lockout_t *lockout, apr_uint64_t now)
{
    const tai_id_t id = {who, who};
    outcome_t o = {77, 77};

    ck_assert_int_eq(tai_failures_record(table, id, lockout, now, &o.left_ms, &o.started),
                     APR_SUCCESS);
    return o;
}

static apr_uint64_t left_of(apr_uint64_t who, apr_uint64_t now)
{
    const tai_id_t id = {who, who};
    apr_uint64_t left_ms = 77;

    ck_assert_int_eq(tai_failures_locked(table, id, now, &left_ms), APR_SUCCESS);
    return left_ms;
}

/* That many failures a second apart, none of which locks. */
static void fails(int n, const tai_lockout_t *lockout, apr_uint64_t now)
{
    int i;

    for (i = 0; i < n; i++) {
        const outcome_t o = fail_of(1, lockout, now + (apr_uint64_t)i * 1000);

        ck_assert_uint_eq(o.left_ms, 0);
        ck_assert_int_eq(o.started, 0);
    }
}

static tai_table_usage_t usage_at(apr_uint64_t now)
{
    tai_table_usage_t usage;

    tai_table_usage(table, now, &usage);
    return usage;
}

START_TEST(nobody_is_locked_at_first)
{
    ck_assert_uint_eq(left_of(1, NOW), 0);
    ck_assert_uint_eq(usage_at(0).live, 0);
}
END_TEST

START_TEST(the_nth_failure_locks)
{
    fails(4, &five, NOW);
    ck_assert_uint_eq(left_of(1, NOW + 4000), 0);
    ck_assert_int_eq(fail_of(1, &five, NOW + 4000).started, 1);
    ck_assert_uint_eq(left_of(1, NOW + 4000), 900000);
    ck_assert_uint_eq(left_of(1, NOW + 903999), 1);
    ck_assert_uint_eq(left_of(1, NOW + 904000), 0);
    ck_assert_uint_eq(left_of(2, NOW + 4000), 0);
}
END_TEST

START_TEST(one_failure_locks_where_n_is_one)
{
    ck_assert_int_eq(fail_of(1, &one, NOW).started, 1);
    ck_assert_uint_eq(left_of(1, NOW), 900000);
    ck_assert_uint_eq(fail_of(1, &one, NOW + 1).left_ms, 899999);
    ck_assert_int_eq(fail_of(1, &one, NOW + 900000).started, 1);
}
END_TEST

START_TEST(failures_that_left_the_window_do_not_count)
{
    fails(4, &five, NOW);
    ck_assert_int_eq(fail_of(1, &five, NOW + 300000).started, 0);
    ck_assert_int_eq(fail_of(1, &five, NOW + 300999).started, 1);
}
END_TEST

START_TEST(tries_during_a_lock_neither_count_nor_prolong)
{
    outcome_t o;
    int i;

    fails(4, &five, NOW);
    fail_of(1, &five, NOW + 4000);
    for (i = 0; i < 50; i++) {
        o = fail_of(1, &five, NOW + 903990);
        ck_assert_uint_eq(o.left_ms, 10);
        ck_assert_int_eq(o.started, 0);
    }
    ck_assert_uint_eq(left_of(1, NOW + 904000), 0);
    fails(4, &five, NOW + 904000);
}
END_TEST

/* A lock shorter than the window: what led to it must not count a second time. */
START_TEST(lock_empties_the_count)
{
    static const tai_lockout_t brief = {{5, 300000}, 2000};

    fails(4, &brief, NOW);
    ck_assert_int_eq(fail_of(1, &brief, NOW + 4000).started, 1);
    fails(4, &brief, NOW + 6000);
    ck_assert_int_eq(fail_of(1, &brief, NOW + 10000).started, 1);
}
END_TEST

START_TEST(lowered_n_locks_with_the_next_failure)
{
    static const tai_lockout_t two = {{2, 300000}, 900000};

    fails(4, &five, NOW);
    ck_assert_uint_eq(left_of(1, NOW + 4000), 0);
    ck_assert_int_eq(fail_of(1, &two, NOW + 4000).started, 1);
}
END_TEST

START_TEST(entry_ends_with_its_lock_or_its_newest_failure)
{
    fails(4, &five, NOW);
    ck_assert_uint_eq(usage_at(NOW).pinned, 0);
    ck_assert_uint_eq(usage_at(NOW + 302999).live, 1);
    ck_assert_uint_eq(usage_at(NOW + 303000).live, 0);
    fail_of(1, &five, NOW + 4000);
    ck_assert_uint_eq(usage_at(NOW + 903999).pinned, 1);
    ck_assert_uint_eq(usage_at(NOW + 904000).live, 0);
    /* counting again, it is not pinned any more */
    fail_of(1, &five, NOW + 904000);
    ck_assert_uint_eq(usage_at(NOW + 904000).live, 1);
    ck_assert_uint_eq(usage_at(NOW + 904000).pinned, 0);
}
END_TEST

/* A flood of failures from everywhere does not free who is locked. */
START_TEST(flood_does_not_push_a_lock_out)
{
    apr_uint64_t who;

    fail_of(1, &one, NOW);
    for (who = 2; who < 10 * TAI_TABLE_WAYS; who++) {
        fail_of(who, &five, NOW + 1);
    }
    ck_assert_uint_eq(left_of(1, NOW + 1), 899999);
}
END_TEST

START_TEST(full_of_locks_the_first_to_end_gives_way)
{
    apr_uint64_t who;

    for (who = 1; who <= TAI_TABLE_WAYS; who++) {
        fail_of(who, &one, NOW + who);
    }
    fail_of(1000, &one, NOW + 1000);
    ck_assert_uint_eq(left_of(1, NOW + 1000), 0);
    ck_assert_uint_gt(left_of(2, NOW + 1000), 0);
    ck_assert_uint_gt(left_of(1000, NOW + 1000), 0);
    ck_assert_uint_eq(usage_at(NOW + 1000).lost, 1);
}
END_TEST

/* Said once more with a plain log of failures. */
#define LOG 64

typedef struct model_t {
    apr_uint64_t log[LOG];
    int logged;
    apr_uint64_t locked_until;
} model_t;

static outcome_t model_fail(model_t *m, const tai_lockout_t *lockout, apr_uint64_t now)
{
    int i, counted = 1;

    if (m->locked_until > now) {
        return (outcome_t){m->locked_until - now, 0};
    }
    for (i = 0; i < m->logged; i++) {
        counted += now - m->log[i] < lockout->failures.window_ms;
    }
    if (counted >= (int)lockout->failures.max) {
        *m = (model_t){.locked_until = now + lockout->lock_ms};
        return (outcome_t){0, 1};
    }
    m->log[m->logged++ % LOG] = now;
    m->logged = m->logged < LOG ? m->logged : LOG;
    return (outcome_t){0, 0};
}

START_TEST(as_a_plain_log_says)
{
    const apr_uint64_t seed = chance_seed(_i);
    const int steps = chance_steps(100000);
    apr_uint64_t chance = seed, now = NOW;
    model_t m = {0};
    tai_lockout_t lockout = five;
    int i, locks = 0;

    for (i = 0; i < steps; i++) {
        outcome_t is, should;

        if (i % 1000 == 0) {
            lockout.failures.max = (apr_uint32_t)chance_between(&chance, 1, 12);
            lockout.lock_ms = (apr_uint32_t)chance_between(&chance, 1000, 400000);
            now += APR_UINT64_C(1) << 31;
            m.logged = 0;
        }
        now += chance_below(&chance, 2 * 300000 / lockout.failures.max);
        should = model_fail(&m, &lockout, now);
        is = fail_of(1, &lockout, now);
        locks += is.started;
        if (is.left_ms != should.left_ms || is.started != should.started) {
            ck_abort_msg("TAI_TEST_SEED=%" APR_UINT64_T_FMT " step %d", seed, i);
        }
    }
    ck_assert_int_gt(locks, 0);
}
END_TEST

static int clear_of(apr_uint64_t who, apr_uint64_t now)
{
    const tai_id_t id = {who, who};
    int locked = 77;

    ck_assert_int_eq(tai_failures_clear(table, id, now, &locked), APR_SUCCESS);
    return locked;
}

START_TEST(cleared_is_as_if_nothing_had_happened)
{
    fails(4, &five, NOW);
    fail_of(1, &five, NOW + 4000);
    fail_of(2, &one, NOW);
    ck_assert_int_eq(clear_of(1, NOW + 5000), 1);
    ck_assert_uint_eq(left_of(1, NOW + 5000), 0);
    ck_assert_uint_gt(left_of(2, NOW + 5000), 0);
    ck_assert_uint_eq(usage_at(NOW + 5000).live, 1);
    ck_assert_uint_eq(usage_at(NOW + 5000).pinned, 1);
    ck_assert_int_eq(clear_of(1, NOW + 5000), 0);
    fails(4, &five, NOW + 6000);
    ck_assert_int_eq(fail_of(1, &five, NOW + 10000).started, 1);
}
END_TEST

START_TEST(clearing_forgets_a_count_that_has_not_locked)
{
    fails(4, &five, NOW);
    ck_assert_int_eq(clear_of(1, NOW + 4000), 0);
    ck_assert_uint_eq(usage_at(NOW + 4000).live, 0);
    fails(4, &five, NOW + 5000);
}
END_TEST

START_TEST(clearing_the_unknown_takes_no_place)
{
    ck_assert_int_eq(clear_of(1, NOW), 0);
    ck_assert_uint_eq(usage_at(0).live, 0);
}
END_TEST

START_TEST(a_lock_that_is_over_is_none_to_lift)
{
    fail_of(1, &one, NOW);
    ck_assert_int_eq(clear_of(1, NOW + 900000), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_table, NULL);
    tcase_add_test(tests, nobody_is_locked_at_first);
    tcase_add_test(tests, the_nth_failure_locks);
    tcase_add_test(tests, one_failure_locks_where_n_is_one);
    tcase_add_test(tests, failures_that_left_the_window_do_not_count);
    tcase_add_test(tests, tries_during_a_lock_neither_count_nor_prolong);
    tcase_add_test(tests, lock_empties_the_count);
    tcase_add_test(tests, lowered_n_locks_with_the_next_failure);
    tcase_add_test(tests, entry_ends_with_its_lock_or_its_newest_failure);
    tcase_add_test(tests, flood_does_not_push_a_lock_out);
    tcase_add_test(tests, full_of_locks_the_first_to_end_gives_way);
    tcase_add_test(tests, cleared_is_as_if_nothing_had_happened);
    tcase_add_test(tests, clearing_forgets_a_count_that_has_not_locked);
    tcase_add_test(tests, clearing_the_unknown_takes_no_place);
    tcase_add_test(tests, a_lock_that_is_over_is_none_to_lift);
    tcase_add_loop_test(tests, as_a_plain_log_says, 0, chance_seeds());
}

int main(void)
{
    return unit_run("failures", add);
}
