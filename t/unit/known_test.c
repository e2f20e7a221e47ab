#include "core/known.h"
#include "unit.h"

#include <sys/mman.h>

static const tai_id_t id = {1, 2};
static const tai_id_t other = {1, 3};

static tai_table_t *make_table(void)
{
    apr_size_t bytes = tai_table_bytes(tai_known_entry_size(), 1);
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(block, MAP_FAILED);
    ck_assert_int_eq(tai_table_format(block, tai_known_entry_size(), 1), APR_SUCCESS);
    return block;
}

static int seen(tai_table_t *table, tai_id_t which, apr_uint64_t now)
{
    int flag = -1;

    ck_assert_int_eq(tai_known_seen(table, which, now, &flag), APR_SUCCESS);
    return flag;
}

START_TEST(a_confirmation_lasts_its_time)
{
    tai_table_t *table = make_table();

    ck_assert_int_eq(seen(table, id, 5), 0);
    ck_assert_int_eq(tai_known_confirm(table, id, 5), APR_SUCCESS);
    ck_assert_int_eq(seen(table, id, 5), 1);
    ck_assert_int_eq(seen(table, other, 5), 0);
    ck_assert_int_eq(seen(table, id, 5 + TAI_KNOWN_MS - 1), 1);
    ck_assert_int_eq(seen(table, id, 5 + TAI_KNOWN_MS), 0);
}
END_TEST

START_TEST(confirming_again_takes_no_second_place)
{
    tai_table_t *table = make_table();
    tai_table_usage_t usage;

    ck_assert_int_eq(tai_known_confirm(table, id, 5), APR_SUCCESS);
    ck_assert_int_eq(tai_known_confirm(table, id, 100), APR_SUCCESS);
    tai_table_usage(table, 100, &usage);
    ck_assert_uint_eq(usage.live, 1);
    ck_assert_int_eq(seen(table, id, 5 + TAI_KNOWN_MS), 1);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, a_confirmation_lasts_its_time);
    tcase_add_test(tests, confirming_again_takes_no_second_place);
}

int main(void)
{
    return unit_run("known", add);
}
