#include <pthread.h>
#include "core/seat.h"
#include "unit.h"

/* How many may wait, of how many threads, and for what. */

#define NOW APR_UINT64_C(1000000)

static tai_seats_t seats;

static void free_all(void)
{
    seats = (tai_seats_t){0};
}

static int take(int threads, tai_seat_e kind)
{
    tai_seat_t ignored;

    return tai_seat_take(&seats, threads, kind, NOW, &ignored);
}

static const struct {
    int threads;
    int most[TAI_SEAT_COUNT]; /* look-ups, others, for a moment */
} rows[] = {
    {1, {1, 2, 1}},  {2, {1, 2, 1}},  {7, {3, 2, 1}},    {8, {4, 2, 1}},
    {12, {6, 3, 1}}, {16, {8, 4, 2}}, {64, {32, 16, 8}}, {400, {200, 100, 50}},
};

START_TEST(each_kind_has_its_own)
{
    for (int kind = 0; kind < TAI_SEAT_COUNT; kind++) {
        for (int i = 0; i < rows[_i].most[kind]; i++) {
            ck_assert_int_eq(take(rows[_i].threads, kind), 1);
        }
        ck_assert_int_eq(take(rows[_i].threads, kind), 0);
    }
}
END_TEST

START_TEST(one_that_was_left_is_free)
{
    tai_seat_t mine, none;

    ck_assert_int_eq(tai_seat_take(&seats, 1, TAI_SEAT_LOOKUP, NOW, &mine), 1);
    ck_assert_int_eq(tai_seat_take(&seats, 1, TAI_SEAT_LOOKUP, NOW, &none), 0);
    tai_seat_leave(&none);
    ck_assert_int_eq(take(1, TAI_SEAT_LOOKUP), 0);
    tai_seat_leave(&mine);
    ck_assert_int_eq(take(1, TAI_SEAT_LOOKUP), 1);
}
END_TEST

static void *be_apart(void *ignored)
{
    tai_seat_apart();
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(take(1, TAI_SEAT_LOOKUP), 1);
    }
    return ignored;
}

START_TEST(a_thread_apart_takes_none)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, be_apart, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(take(1, TAI_SEAT_LOOKUP), 1);
    ck_assert_int_eq(take(1, TAI_SEAT_LOOKUP), 0);
}
END_TEST

START_TEST(nobody_is_counted_where_there_are_none)
{
    tai_seat_t seat;

    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(tai_seat_take(NULL, 1, TAI_SEAT_LOOKUP, NOW, &seat), 1);
        tai_seat_leave(&seat);
    }
}
END_TEST

/* Who was taken for dead and leaves after all takes no seat of another one's with him. */
START_TEST(all_are_free_again)
{
    tai_seat_t before;

    ck_assert_int_eq(tai_seat_take(&seats, 1, TAI_SEAT_LOOKUP, NOW, &before), 1);
    tai_seats_free(&seats);
    tai_seat_leave(&before);
    ck_assert_int_eq(take(1, TAI_SEAT_LOOKUP), 1);
    ck_assert_int_eq(take(1, TAI_SEAT_LOOKUP), 0);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, free_all, NULL);
    tcase_add_loop_test(tests, each_kind_has_its_own, 0, ROWS(rows));
    tcase_add_test(tests, one_that_was_left_is_free);
    tcase_add_test(tests, a_thread_apart_takes_none);
    tcase_add_test(tests, nobody_is_counted_where_there_are_none);
    tcase_add_test(tests, all_are_free_again);
}

int main(void)
{
    return unit_run("seat", add_tests);
}
