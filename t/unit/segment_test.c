#include <string.h>
#include "core/segment.h"
#include "core/windows.h"
#include "made_record.h"
#include "shared.h"
#include "unit.h"

#define BYTES ((apr_size_t)8 << 20)
#define KEYS  5000

static void *block;
static tai_segment_t *segment;

static void make_segment(void)
{
    block = shared_block(BYTES);
    ck_assert_int_eq(tai_segment_format(block, BYTES, KEYS, &segment), APR_SUCCESS);
}

static apr_uint64_t places_of(tai_table_e which)
{
    tai_table_usage_t usage;

    tai_table_usage(tai_segment_table(segment, which), 1, &usage);
    return usage.places;
}

static apr_size_t bytes_of(tai_table_e which)
{
    const char *start = (const char *)tai_segment_table(segment, which);
    const char *end = which + 1 < TAI_TABLE_COUNT
                          ? (const char *)tai_segment_table(segment, which + 1)
                          : (const char *)block + BYTES;

    return (apr_size_t)(end - start);
}

START_TEST(too_small_is_refused)
{
    static const apr_uint64_t keys[] = {0, 1, KEYS};
    const apr_size_t needs = tai_segment_needs(keys[_i]);
    void *small = shared_block(needs);

    ck_assert_int_eq(tai_segment_format(small, needs - 1, keys[_i], &segment), APR_EINVAL);
    ck_assert_int_eq(tai_segment_format(small, needs, keys[_i], &segment), APR_SUCCESS);
    ck_assert_uint_eq(tai_segment_keys(segment), keys[_i]);
    ck_assert_int_eq(tai_segment_records(segment) != NULL, keys[_i] > 0);
}
END_TEST

/* Each table has its share of what the key table leaves, but for the rest that is no full set. */
START_TEST(tables_have_their_shares)
{
    static const apr_size_t sixteenths[TAI_TABLE_COUNT] = {1, 1, 8, 2, 1, 1, 1, 1};
    const apr_size_t share = sixteenths[_i] * ((BYTES - tai_records_bytes(KEYS)) / 16),
                     slack = 64 << 10;

    ck_assert_uint_eq((apr_uintptr_t)tai_segment_table(segment, _i) % 64, 0);
    ck_assert_uint_gt(bytes_of(_i), share - slack);
    ck_assert_uint_gt(places_of(_i), 0);
    if (_i + 1 < TAI_TABLE_COUNT) {
        ck_assert_uint_le(bytes_of(_i), share);
    }
}
END_TEST

/* Every place of every table can be written to, and none of them is one of another table. */
START_TEST(tables_do_not_overlap)
{
    tai_table_t *table = tai_segment_table(segment, _i);
    apr_uint64_t places[TAI_TABLE_COUNT], i;
    tai_table_usage_t usage;
    tai_place_t place;
    int t;

    for (t = 0; t < TAI_TABLE_COUNT; t++) {
        places[t] = places_of(t);
    }
    for (i = 0; i < 8 * places[_i]; i++) {
        const tai_id_t id = tai_segment_id(segment, &i, sizeof(i));

        if (tai_table_lock(&table, &id, 1, &place) != APR_SUCCESS) {
            ck_abort_msg("insert %d", (int)i);
        }
        tai_table_insert(&place, id, 1);
        tai_table_set_due(&place, 2);
        tai_table_unlock(&place, 1);
    }
    for (t = 0; t < TAI_TABLE_COUNT; t++) {
        tai_table_usage(tai_segment_table(segment, t), 1, &usage);
        ck_assert_uint_eq(usage.places, places[t]);
        ck_assert_uint_eq(usage.live, t == _i ? usage.places : 0);
    }
    ck_assert_uint_eq(tai_records_check(tai_segment_records(segment)), 0);
    ck_assert_ptr_eq(tai_segment_attach(block, BYTES), segment);
}
END_TEST

static apr_uint64_t live_in_tables(void)
{
    tai_table_usage_t usage;
    apr_uint64_t live = 0;
    int t;

    for (t = 0; t < TAI_TABLE_COUNT; t++) {
        tai_table_usage(tai_segment_table(segment, t), 1, &usage);
        live += usage.live;
    }
    return live;
}

/* All of its bytes are written to, the last ones too, and none is anybody else's. */
START_TEST(the_key_table_overlaps_nothing)
{
    tai_records_t *records = tai_segment_records(segment);
    const char *end = (const char *)records + tai_records_bytes(KEYS);
    const tai_node_t before = *tai_segment_node(segment);
    made_record_t made;
    apr_uint64_t key;

    ck_assert_uint_eq((apr_uintptr_t)records % 64, 0);
    ck_assert_ptr_eq(end, tai_segment_table(segment, 0));
    for (key = 0; key < 4 * KEYS; key++) {
        made_record(&made, key, 9);
        tai_records_put(records, &made.record);
    }
    ck_assert_uint_eq(live_in_tables(), 0);
    ck_assert_mem_eq(tai_segment_node(segment), &before, sizeof(before));
    ck_assert_uint_eq(tai_records_check(records), 0);
    ck_assert_ptr_eq(tai_segment_attach(block, BYTES), segment);
}
END_TEST

START_TEST(tables_have_names)
{
    static const char *const names[TAI_TABLE_COUNT] = {
        "known", "unknown", "windows", "addresses", "clients", "pairs", "usernames", "usage"};

    ck_assert_str_eq(tai_segment_table_name(_i), names[_i]);
}
END_TEST

START_TEST(what_was_formatted_is_attached)
{
    tai_metrics_add(&tai_segment_metrics(segment)->locks_started);
    ck_assert_ptr_eq(tai_segment_attach(block, BYTES), segment);
    ck_assert_uint_eq(tai_segment_metrics(tai_segment_attach(block, BYTES))->locks_started, 1);
}
END_TEST

START_TEST(another_size_is_not_attached)
{
    ck_assert_ptr_null(tai_segment_attach(block, BYTES - 4096));
    ck_assert_ptr_null(tai_segment_attach(block, 64));
}
END_TEST

START_TEST(zeros_are_not_attached)
{
    ck_assert_ptr_null(tai_segment_attach(shared_block(BYTES), BYTES));
}
END_TEST

/* magic, layout, sizes: of the block, the key table, the header, a mutex, a set of each table */
START_TEST(each_word_of_the_shape_counts)
{
    apr_uint64_t *word = (apr_uint64_t *)block + _i;

    ++*word;
    ck_assert_ptr_null(tai_segment_attach(block, BYTES));
    --*word;
    ck_assert_ptr_eq(tai_segment_attach(block, BYTES), segment);
}
END_TEST

START_TEST(identities_are_stable_and_differ)
{
    const tai_id_t a = tai_segment_id(segment, "a", 1), again = tai_segment_id(segment, "a", 1);
    const tai_id_t b = tai_segment_id(segment, "b", 1), longer = tai_segment_id(segment, "a", 2);

    ck_assert_mem_eq(&a, &again, sizeof(a));
    ck_assert_mem_ne(&a, &b, sizeof(a));
    ck_assert_mem_ne(&a, &longer, sizeof(a));
    ck_assert_uint_ne(a.hi, a.lo);
}
END_TEST

/* Nobody outside can say where something will stand. */
START_TEST(each_segment_has_its_own_secrets)
{
    const tai_id_t first = tai_segment_id(segment, "a", 1);
    tai_id_t second;

    make_segment();
    second = tai_segment_id(segment, "a", 1);
    ck_assert_uint_ne(first.hi, second.hi);
    ck_assert_uint_ne(first.lo, second.lo);
}
END_TEST

START_TEST(another_mapping_is_the_same_segment)
{
    const int fd = memfd_create("segment", 0), rw = PROT_READ | PROT_WRITE;
    void *here, *there;
    tai_segment_t *ours, *theirs;
    tai_charge_t charge = {.limit = {2, 60000}};
    int admitted;

    ck_assert_int_eq(ftruncate(fd, (off_t)BYTES), 0);
    here = mmap(NULL, BYTES, rw, MAP_SHARED, fd, 0);
    there = mmap(NULL, BYTES, rw, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(here, MAP_FAILED);
    ck_assert_ptr_ne(there, MAP_FAILED);
    ck_assert_int_eq(tai_segment_format(here, BYTES, KEYS, &ours), APR_SUCCESS);
    theirs = tai_segment_attach(there, BYTES);
    ck_assert_ptr_eq(theirs, there);

    charge.table = tai_segment_table(ours, TAI_TABLE_WINDOWS);
    charge.id = tai_segment_id(ours, "key", 3);
    tai_windows_charge(&charge, 1, 1000, &admitted);
    charge.table = tai_segment_table(theirs, TAI_TABLE_WINDOWS);
    charge.id = tai_segment_id(theirs, "key", 3);
    tai_windows_charge(&charge, 1, 1000, &admitted);
    ck_assert_int_eq(admitted, 1);
    ck_assert_uint_eq(charge.view.counted, 2);
}
END_TEST

static void lose(tai_table_t *table, apr_uint64_t from, apr_uint64_t how_many)
{
    const apr_uint64_t far = APR_UINT64_C(1) << 40, enough = tai_table_lost(table) + how_many;
    tai_place_t place;
    tai_id_t id = {0, from << 32};

    for (; tai_table_lost(table) < enough; id.lo++) {
        ck_assert_int_eq(tai_table_lock(&table, &id, 1, &place), APR_SUCCESS);
        tai_table_insert(&place, id, 1);
        tai_table_set_due(&place, far);
        tai_table_unlock(&place, 1);
    }
}

/* Losses are told at once, to one caller, and no sooner again than the interval says. */
START_TEST(a_full_table_is_told_once_an_interval)
{
    tai_table_t *table = tai_segment_table(segment, TAI_TABLE_ADDRESSES);
    apr_uint64_t lost[TAI_TABLE_COUNT];
    int i;

    ck_assert_int_eq(tai_segment_pressure(segment, 5, lost), 0);
    lose(table, 1, 3);
    ck_assert_int_eq(tai_segment_pressure(segment, 5, lost), 1);
    for (i = 0; i < TAI_TABLE_COUNT; i++) {
        ck_assert_uint_eq(lost[i], i == TAI_TABLE_ADDRESSES ? 3 : 0);
    }
    ck_assert_int_eq(tai_segment_pressure(segment, 5, lost), 0);
    lose(table, 2, 2);
    ck_assert_int_eq(tai_segment_pressure(segment, 4 + TAI_SEGMENT_COMPLAIN_MS, lost), 0);
    ck_assert_int_eq(tai_segment_pressure(segment, 5 + TAI_SEGMENT_COMPLAIN_MS, lost), 1);
    ck_assert_uint_eq(lost[TAI_TABLE_ADDRESSES], 2);
}
END_TEST

/* A flood of wrong keys is no reason for more memory. */
START_TEST(unknown_keys_that_go_are_not_told)
{
    apr_uint64_t lost[TAI_TABLE_COUNT];

    lose(tai_segment_table(segment, TAI_TABLE_UNKNOWN), 1, 3);
    ck_assert_int_eq(tai_segment_pressure(segment, 5, lost), 0);
}
END_TEST

START_TEST(unwritten_usage_is_told_once_an_interval)
{
    ck_assert_int_eq(tai_segment_unwritten(segment, 5), 1);
    ck_assert_int_eq(tai_segment_unwritten(segment, 5), 0);
    ck_assert_int_eq(tai_segment_unwritten(segment, 4 + TAI_SEGMENT_COMPLAIN_MS), 0);
    ck_assert_int_eq(tai_segment_unwritten(segment, 5 + TAI_SEGMENT_COMPLAIN_MS), 1);
}
END_TEST

START_TEST(an_outage_is_told_once_an_interval_and_its_end_once)
{
    ck_assert_int_eq(tai_segment_synced(segment), 0);
    ck_assert_int_eq(tai_segment_unsynced(segment, 5), 1);
    ck_assert_int_eq(tai_segment_unsynced(segment, 4 + TAI_SEGMENT_COMPLAIN_MS), 0);
    ck_assert_int_eq(tai_segment_unsynced(segment, 5 + TAI_SEGMENT_COMPLAIN_MS), 1);
    ck_assert_int_eq(tai_segment_synced(segment), 1);
    ck_assert_int_eq(tai_segment_synced(segment), 0);
}
END_TEST

/* Of an outage that nobody has told of, nobody tells the end either. */
START_TEST(the_end_of_an_outage_that_was_not_told_is_not)
{
    ck_assert_int_eq(tai_segment_unsynced(segment, 5), 1);
    ck_assert_int_eq(tai_segment_synced(segment), 1);
    ck_assert_int_eq(tai_segment_unsynced(segment, 6), 0);
    ck_assert_int_eq(tai_segment_synced(segment), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, the_key_table_overlaps_nothing);
    tcase_add_test(tests, unknown_keys_that_go_are_not_told);
    tcase_add_test(tests, a_full_table_is_told_once_an_interval);
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_segment, NULL);
    tcase_add_loop_test(tests, too_small_is_refused, 0, 3);
    tcase_add_loop_test(tests, tables_have_their_shares, 0, TAI_TABLE_COUNT);
    tcase_add_loop_test(tests, tables_do_not_overlap, 0, TAI_TABLE_COUNT);
    tcase_add_loop_test(tests, tables_have_names, 0, TAI_TABLE_COUNT);
    tcase_add_test(tests, what_was_formatted_is_attached);
    tcase_add_test(tests, another_size_is_not_attached);
    tcase_add_test(tests, zeros_are_not_attached);
    tcase_add_loop_test(tests, each_word_of_the_shape_counts, 0, 6 + TAI_TABLE_COUNT);
    tcase_add_test(tests, identities_are_stable_and_differ);
    tcase_add_test(tests, each_segment_has_its_own_secrets);
    tcase_add_test(tests, unwritten_usage_is_told_once_an_interval);
    tcase_add_test(tests, an_outage_is_told_once_an_interval_and_its_end_once);
    tcase_add_test(tests, the_end_of_an_outage_that_was_not_told_is_not);
    tcase_add_test(tests, another_mapping_is_the_same_segment);
}

int main(void)
{
    return unit_run("segment", add);
}
