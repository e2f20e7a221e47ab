#include "core/unknown.h"
#include "shared.h"
#include "unit.h"

#define EPOCH 3

static const tai_id_t id = {1, 2};
static const tai_id_t other = {1, 3};

static tai_table_t *table;

static void make_table(void)
{
    table = shared_table(tai_unknown_entry_size(), 1);
}

static int seen(tai_id_t which, apr_uint64_t epoch, apr_uint64_t now)
{
    int flag = -1;

    ck_assert_int_eq(tai_unknown_seen(table, which, epoch, now, &flag), APR_SUCCESS);
    return flag;
}

START_TEST(a_note_lasts_its_time)
{
    ck_assert_int_eq(seen(id, EPOCH, 5), 0);
    ck_assert_int_eq(tai_unknown_note(table, id, EPOCH, 5), APR_SUCCESS);
    ck_assert_int_eq(seen(id, EPOCH, 5), 1);
    ck_assert_int_eq(seen(other, EPOCH, 5), 0);
    ck_assert_int_eq(seen(id, EPOCH, 5 + TAI_UNKNOWN_MS - 1), 1);
    ck_assert_int_eq(seen(id, EPOCH, 5 + TAI_UNKNOWN_MS), 0);
}
END_TEST

START_TEST(a_note_is_of_its_epoch)
{
    tai_unknown_note(table, id, EPOCH, 5);
    ck_assert_int_eq(seen(id, EPOCH + 1, 5), 0);
    ck_assert_int_eq(seen(id, EPOCH - 1, 5), 0);
    ck_assert_int_eq(tai_unknown_note(table, id, EPOCH + 1, 6), APR_SUCCESS);
    ck_assert_int_eq(seen(id, EPOCH + 1, 6), 1);
    ck_assert_int_eq(seen(id, EPOCH, 6), 0);
}
END_TEST

START_TEST(what_is_struck_is_not_seen)
{
    ck_assert_int_eq(tai_unknown_strike(table, id), APR_SUCCESS);
    tai_unknown_note(table, id, EPOCH, 5);
    tai_unknown_note(table, other, EPOCH, 5);
    ck_assert_int_eq(tai_unknown_strike(table, id), APR_SUCCESS);
    ck_assert_int_eq(seen(id, EPOCH, 5), 0);
    ck_assert_int_eq(seen(other, EPOCH, 5), 1);
    tai_unknown_note(table, id, EPOCH, 6);
    ck_assert_int_eq(seen(id, EPOCH, 6), 1);
}
END_TEST

/* Struck ones and noted ones take one place each, and what is struck gives way before what is not. */
START_TEST(places_are_used_again)
{
    tai_table_usage_t usage;
    apr_uint64_t i;

    for (i = 0; i < TAI_TABLE_WAYS; i++) {
        tai_unknown_note(table, (tai_id_t){i, i}, EPOCH, 5);
        tai_unknown_note(table, (tai_id_t){i, i}, EPOCH, 6);
    }
    tai_table_usage(table, 6, &usage);
    ck_assert_uint_eq(usage.live, TAI_TABLE_WAYS);
    tai_unknown_strike(table, (tai_id_t){7, 7});
    tai_unknown_note(table, (tai_id_t){1000, 1000}, EPOCH, 6);
    ck_assert_uint_eq(tai_table_lost(table), 0);
    for (i = 0; i < TAI_TABLE_WAYS; i++) {
        ck_assert_int_eq(seen((tai_id_t){i, i}, EPOCH, 6), i != 7);
    }
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, make_table, NULL);
    tcase_add_test(tests, a_note_lasts_its_time);
    tcase_add_test(tests, a_note_is_of_its_epoch);
    tcase_add_test(tests, what_is_struck_is_not_seen);
    tcase_add_test(tests, places_are_used_again);
}

int main(void)
{
    return unit_run("unknown", add);
}
