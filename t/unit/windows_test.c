#include "core/clock.h"
#include "core/windows.h"
#include "chance.h"
#include "shared.h"
#include "unit.h"

#define NOW APR_UINT64_C(1000000)

static tai_table_t *table, *other;

static void make_tables(void)
{
    table = shared_table(tai_windows_entry_size(), 1);
    other = shared_table(tai_windows_entry_size(), 1);
}

static tai_charge_t charge_of(apr_uint64_t id, apr_uint32_t max, apr_uint32_t window_ms)
{
    return (tai_charge_t){.table = table, .id = {id, id}, .limit = {max, window_ms}};
}

static int charge(tai_charge_t *charges, int n, apr_uint64_t now)
{
    int admitted = -1;

    ck_assert_int_eq(tai_windows_charge(charges, n, now, &admitted), APR_SUCCESS);
    return admitted;
}

static int charge_one(apr_uint64_t id, apr_uint32_t max, apr_uint32_t window_ms, apr_uint64_t now)
{
    tai_charge_t c = charge_of(id, max, window_ms);

    return charge(&c, 1, now);
}

static tai_table_usage_t usage_at(apr_uint64_t now)
{
    tai_table_usage_t usage;

    tai_table_usage(table, now, &usage);
    return usage;
}

START_TEST(views_are_of_after_the_charge)
{
    tai_charge_t charges[] = {charge_of(1, 2, 60000), charge_of(2, 9, 1000)};

    ck_assert_int_eq(charge(charges, 2, NOW), 1);
    ck_assert_uint_eq(charges[0].view.counted, 1);
    ck_assert_uint_eq(charges[0].view.wait_ms, 0);
    ck_assert_uint_eq(charges[0].view.reset_ms, 60000);
    ck_assert_uint_eq(charges[1].view.reset_ms, 1000);
    ck_assert_int_eq(charge(charges, 2, NOW + 400), 1);
    ck_assert_uint_eq(charges[0].view.counted, 2);
    ck_assert_uint_eq(charges[0].view.wait_ms, 59600);
    ck_assert_uint_eq(charges[1].view.counted, 2);
}
END_TEST

START_TEST(all_are_charged_or_none)
{
    tai_charge_t charges[] = {charge_of(1, 9, 60000), charge_of(2, 1, 60000),
                              charge_of(3, 9, 60000)};

    charges[2].table = other;
    ck_assert_int_eq(charge(charges, 3, NOW), 1);
    ck_assert_int_eq(charge(charges, 3, NOW + 1), 0);
    ck_assert_uint_eq(charges[0].view.counted, 1);
    ck_assert_uint_eq(charges[0].view.wait_ms, 0);
    ck_assert_uint_eq(charges[1].view.counted, 1);
    ck_assert_uint_eq(charges[1].view.wait_ms, 59999);
    ck_assert_uint_eq(charges[2].view.counted, 1);
}
END_TEST

static int test(tai_charge_t *charges, int n, apr_uint64_t now)
{
    int admitted = -1;

    ck_assert_int_eq(tai_windows_test(charges, n, now, &admitted), APR_SUCCESS);
    return admitted;
}

START_TEST(a_test_charges_nothing)
{
    tai_charge_t charges[] = {charge_of(1, 2, 60000), charge_of(2, 1, 60000)};

    ck_assert_int_eq(test(charges, 2, NOW), 1);
    ck_assert_uint_eq(charges[0].view.counted, 0);
    ck_assert_uint_eq(usage_at(0).live, 0);
    ck_assert_int_eq(charge(charges, 2, NOW), 1);
    ck_assert_int_eq(test(charges, 2, NOW + 1), 0);
    ck_assert_int_eq(test(charges, 1, NOW + 1), 1);
    ck_assert_uint_eq(charges[0].view.counted, 1);
    ck_assert_uint_eq(charges[1].view.wait_ms, 59999);
    ck_assert_int_eq(charge_one(1, 2, 60000, NOW + 1), 1);
    ck_assert_int_eq(charge_one(1, 2, 60000, NOW + 1), 0);
}
END_TEST

START_TEST(refund_takes_back_each_charge)
{
    tai_charge_t charges[] = {charge_of(1, 1, 60000), charge_of(2, 1, 60000)};

    ck_assert_int_eq(charge(charges, 2, 1000), 1);
    ck_assert_int_eq(charge_one(2, 1, 60000, 2000), 0);
    ck_assert_int_eq(tai_windows_refund(charges, 2, 2000), APR_SUCCESS);
    ck_assert_int_eq(charge_one(1, 1, 60000, 2000), 1);
    ck_assert_int_eq(charge_one(2, 1, 60000, 2000), 1);
}
END_TEST

/* Where it stood, another one stands that came behind it. */
START_TEST(a_refund_behind_the_window_takes_nothing)
{
    tai_charge_t one = charge_of(1, 1, 1000);

    ck_assert_int_eq(charge(&one, 1, NOW), 1);
    ck_assert_int_eq(charge_one(1, 1, 1000, NOW + 1200), 1);
    ck_assert_int_eq(tai_windows_refund(&one, 1, NOW + 2000), APR_SUCCESS);
    ck_assert_int_eq(charge_one(1, 1, 1000, NOW + 2000), 0);
    ck_assert_int_eq(charge_one(1, 1, 1000, NOW + 2200), 1);
    ck_assert_int_eq(tai_windows_refund(&one, 1, NOW + 999),
                     APR_SUCCESS); /* as it would have been */
    ck_assert_int_eq(charge_one(1, 1, 1000, NOW + 2201), 1);
}
END_TEST

/* Its place may have been given away meanwhile. */
START_TEST(refund_of_an_unknown_window_does_nothing)
{
    tai_charge_t one = charge_of(9, 1, 60000);

    ck_assert_int_eq(tai_windows_refund(&one, 1, NOW), APR_SUCCESS);
    ck_assert_uint_eq(usage_at(1).live, 0);
}
END_TEST

START_TEST(refused_takes_no_place)
{
    tai_charge_t charges[] = {charge_of(1, 1, 60000), charge_of(2, 1, 60000)};

    ck_assert_int_eq(charge(charges, 1, NOW), 1);
    ck_assert_int_eq(charge(charges, 2, NOW), 0);
    ck_assert_uint_eq(usage_at(NOW).live, 1);
}
END_TEST

START_TEST(same_id_in_two_tables_is_two_windows)
{
    tai_charge_t charges[] = {charge_of(1, 1, 60000), charge_of(1, 1, 60000)};

    charges[1].table = other;
    ck_assert_int_eq(charge(charges, 2, NOW), 1);
    ck_assert_uint_eq(charges[0].view.counted, 1);
    ck_assert_uint_eq(charges[1].view.counted, 1);
}
END_TEST

/* An entry lives exactly as long as its latest admission counts, by the clock of that one. */
START_TEST(entry_lives_as_long_as_it_counts)
{
    charge_one(1, 5, 60000, NOW + 500);
    charge_one(1, 5, 60000, NOW);
    ck_assert_uint_eq(usage_at(NOW + 60499).live, 1);
    ck_assert_uint_eq(usage_at(NOW + 60500).live, 0);
}
END_TEST

/* Refused tries do not keep an entry alive. */
START_TEST(refused_does_not_prolong)
{
    charge_one(1, 1, 60000, NOW);
    ck_assert_int_eq(charge_one(1, 1, 60000, NOW + 30000), 0);
    ck_assert_uint_eq(usage_at(NOW + 60000).live, 0);
}
END_TEST

/* A full set, and in one call a window that is the next to go and two that are new. */
START_TEST(charges_of_one_call_do_not_push_each_other_out)
{
    tai_charge_t charges[] = {charge_of(1001, 9, 1000), charge_of(1002, 9, 1000),
                              charge_of(1, 9, 1000)};
    apr_uint64_t i;

    charge_one(1, 9, 1000, NOW);
    for (i = 2; i <= TAI_TABLE_WAYS; i++) {
        charge_one(i, 9, 60000, NOW);
    }
    ck_assert_int_eq(charge(charges, 3, NOW), 1);
    ck_assert_uint_eq(charges[0].view.counted, 1);
    ck_assert_uint_eq(charges[1].view.counted, 1);
    ck_assert_uint_eq(charges[2].view.counted, 2);
    ck_assert_int_eq(charge(charges, 3, NOW), 1);
    ck_assert_uint_eq(charges[0].view.counted, 2);
    ck_assert_uint_eq(charges[2].view.counted, 3);
    ck_assert_uint_eq(usage_at(NOW).lost, 2);
}
END_TEST

START_TEST(wrong_number_of_charges_decides_nothing)
{
    tai_charge_t c = charge_of(1, 1, 1000);
    int admitted = -1;

    ck_assert_int_eq(tai_windows_charge(&c, 0, NOW, &admitted), APR_EINVAL);
    ck_assert_int_eq(admitted, 0);
    ck_assert_int_eq(tai_windows_charge(&c, TAI_TABLE_LOCK_MAX + 1, NOW, &admitted), APR_EINVAL);
    ck_assert_uint_eq(usage_at(NOW).live, 0);
}
END_TEST

/*
 * Processes that charge one to three of the same windows at once. What they were told adds up to
 * N for each window, and to no more.
 */
#define CHILDREN 4
#define IDS      5
#define MOST     40000u

typedef struct race_t {
    apr_uint64_t admitted[IDS];
    apr_uint64_t seed;
    int arrived;
} race_t;

static int race_once(race_t *race, apr_uint64_t first, int n)
{
    tai_charge_t charges[3];
    int admitted, i;

    for (i = 0; i < n; i++) {
        charges[i] = charge_of((first + (apr_uint64_t)i) % IDS, MOST, TAI_WINDOW_MAX_MS);
    }
    if (tai_windows_charge(charges, n, tai_clock_ms(), &admitted) != APR_SUCCESS) {
        return -1;
    }
    for (i = 0; i < n && admitted; i++) {
        __atomic_fetch_add(&race->admitted[charges[i].id.lo], 1, __ATOMIC_RELAXED);
    }
    return admitted;
}

/* Until each window refuses a request that asks for nothing else. */
static int race_to_the_end(void *data)
{
    race_t *race = data;
    apr_uint64_t chance = race->seed + (apr_uint64_t)getpid(), first;
    int i, rv = 0;

    meet(&race->arrived, CHILDREN);
    for (i = 0; i < (int)MOST / 2 && rv >= 0; i++) {
        rv = race_once(race, chance_below(&chance, IDS), (int)chance_between(&chance, 1, 3));
    }
    for (first = 0; first < IDS && rv >= 0; first++) {
        do {
            rv = race_once(race, first, 1);
        } while (rv == 1);
    }
    return rv < 0;
}

START_TEST(processes_together_admit_exactly_n)
{
    race_t *race = shared_block(sizeof(*race));
    pid_t pids[CHILDREN];
    int i;

    race->seed = chance_seed(_i);
    for (i = 0; i < CHILDREN; i++) {
        pids[i] = in_child(race_to_the_end, race);
    }
    for (i = 0; i < CHILDREN; i++) {
        child_succeeds(pids[i]);
    }
    for (i = 0; i < IDS; i++) {
        ck_assert_uint_eq(race->admitted[i], MOST);
    }
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_tables, NULL);
    tcase_add_test(tests, views_are_of_after_the_charge);
    tcase_add_test(tests, all_are_charged_or_none);
    tcase_add_test(tests, a_test_charges_nothing);
    tcase_add_test(tests, refund_takes_back_each_charge);
    tcase_add_test(tests, a_refund_behind_the_window_takes_nothing);
    tcase_add_test(tests, refund_of_an_unknown_window_does_nothing);
    tcase_add_test(tests, refused_takes_no_place);
    tcase_add_test(tests, same_id_in_two_tables_is_two_windows);
    tcase_add_test(tests, entry_lives_as_long_as_it_counts);
    tcase_add_test(tests, refused_does_not_prolong);
    tcase_add_test(tests, charges_of_one_call_do_not_push_each_other_out);
    tcase_add_test(tests, wrong_number_of_charges_decides_nothing);
    tcase_add_loop_test(tests, processes_together_admit_exactly_n, 0, chance_seeds());
}

int main(void)
{
    return unit_run("windows", add);
}
