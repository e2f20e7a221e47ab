#include "core/clock.h"
#include "core/store_turns.h"
#include "unit.h"

#include <pthread.h>

/* Connections that threads take turns with: one each, and who waits for one waits no longer than he may. */

#define HOUR    3600000
#define SHORT   20 /* milliseconds */
#define MAX     3
#define THREADS 12
#define TURNS   5000

static apr_uint64_t full_until;
static const tai_times_t times = {.full_until = &full_until}; /* nothing is opened */
static tai_turns_t *turns;
static int holders; /* of connections, now */

static void make_turns(void)
{
    const tai_database_t *database;
    const char *error;

    full_until = 0;
    ck_assert_int_eq(tai_database_resolve("sqlite3", "/nowhere.db", pool, &database, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(tai_turns_create(&turns, database, &times, MAX, pool), APR_SUCCESS);
}

static void take_all(tai_connection_t *taken[MAX])
{
    for (int i = 0; i < MAX; i++) {
        taken[i] = tai_turns_take(turns, 0);
        ck_assert_ptr_nonnull(taken[i]);
    }
}

START_TEST(each_is_one_thread_s_alone)
{
    tai_connection_t *taken[MAX];

    take_all(taken);
    ck_assert_ptr_ne(taken[0], taken[1]);
    ck_assert_ptr_ne(taken[1], taken[2]);
    ck_assert_ptr_ne(taken[0], taken[2]);
    ck_assert_ptr_null(tai_turns_take(turns, 0));
}
END_TEST

START_TEST(of_those_that_are_not_open_each_has_its_turn)
{
    tai_connection_t *taken[MAX];

    take_all(taken);
    tai_turns_give(turns, taken[2]);
    tai_turns_give(turns, taken[0]);
    ck_assert_ptr_eq(tai_turns_take(turns, 0), taken[2]);
    ck_assert_ptr_eq(tai_turns_take(turns, 0), taken[0]);
}
END_TEST

START_TEST(who_waits_in_vain_gives_up)
{
    tai_connection_t *taken[MAX];
    const apr_uint64_t begun = tai_clock_ms();

    take_all(taken);
    ck_assert_ptr_null(tai_turns_take(turns, SHORT));
    ck_assert_uint_ge(tai_clock_ms() - begun, SHORT);
}
END_TEST

static void *wait_for_one(void *ignored)
{
    (void)ignored;
    return tai_turns_take(turns, HOUR);
}

START_TEST(who_waits_is_given_one)
{
    tai_connection_t *taken[MAX];
    pthread_t thread;
    void *got;

    take_all(taken);
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_one, NULL), 0);
    tai_turns_give(turns, taken[1]);
    pthread_join(thread, &got);
    ck_assert_ptr_eq(got, taken[1]);
}
END_TEST

START_TEST(who_waits_is_told_to_hurry)
{
    tai_connection_t *taken[MAX];
    pthread_t thread;
    void *got;

    take_all(taken);
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_one, NULL), 0);
    tai_turns_hurry(turns, tai_clock_ms() + SHORT);
    pthread_join(thread, &got);
    ck_assert_ptr_null(got);
    ck_assert_ptr_null(tai_turns_take(turns, HOUR));
    tai_turns_give(turns, taken[0]);
    ck_assert_ptr_eq(tai_turns_take(turns, HOUR), taken[0]);
}
END_TEST

/* Where a server has no room one that is not open is of no use, and none is waited for if all are such. */
START_TEST(while_a_server_is_full_only_those_that_are_open_are_taken)
{
    tai_connection_t *taken;
    pthread_t thread;
    void *got;

    full_until = TAI_CLOCK_NEVER;
    ck_assert_ptr_null(tai_turns_take(turns, HOUR));
    full_until = 0;
    taken = tai_turns_take(turns, 0);
    full_until = TAI_CLOCK_NEVER;
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_one, NULL), 0);
    ck_assert_ptr_null(tai_turns_take(turns, SHORT));
    tai_turns_give(turns, taken);
    pthread_join(thread, &got);
    ck_assert_ptr_null(got);
    full_until = 0;
    taken = tai_turns_take(turns, 0);
    full_until = tai_clock_ms() + SHORT;
    ck_assert_ptr_nonnull(tai_turns_take(turns, HOUR));
}
END_TEST

static void *take_turns(void *ignored)
{
    for (int i = 0; i < TURNS; i++) {
        tai_connection_t *connection = tai_turns_take(turns, HOUR);

        ck_assert_ptr_nonnull(connection);
        ck_assert_int_le(__atomic_add_fetch(&holders, 1, __ATOMIC_RELAXED), MAX);
        __atomic_sub_fetch(&holders, 1, __ATOMIC_RELAXED);
        tai_turns_give(turns, connection);
    }
    return ignored;
}

START_TEST(many_threads_share_a_few)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_turns, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, make_turns, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, each_is_one_thread_s_alone);
    tcase_add_test(tests, of_those_that_are_not_open_each_has_its_turn);
    tcase_add_test(tests, who_waits_in_vain_gives_up);
    tcase_add_test(tests, who_waits_is_given_one);
    tcase_add_test(tests, who_waits_is_told_to_hurry);
    tcase_add_test(tests, while_a_server_is_full_only_those_that_are_open_are_taken);
    tcase_add_test(tests, many_threads_share_a_few);
}

int main(void)
{
    return unit_run("store_turns", add_tests);
}
