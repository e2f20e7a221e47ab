#include <string.h>
#include <apr_strings.h>
#include "core/usage.h"
#include "shared.h"
#include "unit.h"

#define NOW  APR_UINT64_C(1000000)
#define WALL APR_INT64_C(1800000000)
#define SETS 4u

static tai_table_t *table; /* of SETS sets */

static void make_table(void)
{
    table = shared_table(tai_usage_entry_size(), SETS);
}

/* Spread over the sets. */
static tai_id_t id_of(const char *key_id)
{
    apr_uint64_t hash = APR_UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    while (*key_id != '\0') {
        hash = (hash ^ (unsigned char)*key_id++) * APR_UINT64_C(0x100000001b3);
    }
    return (tai_id_t){.hi = hash * APR_UINT64_C(0x9e3779b97f4a7c15), .lo = hash};
}

static void add(const char *key_id, apr_int64_t at, apr_uint64_t admitted, apr_uint64_t refused)
{
    const tai_used_t used = {key_id, at, admitted, refused};

    ck_assert_int_eq(tai_usage_add(table, id_of(key_id), &used, NOW), APR_SUCCESS);
}

static void refuse(const char *key_id)
{
    ck_assert_int_eq(tai_usage_refuse(table, id_of(key_id), key_id, NOW), APR_SUCCESS);
}

/* A whole round. */
static apr_array_header_t *collect(void)
{
    apr_array_header_t *used = apr_array_make(pool, 8, sizeof(tai_used_t));
    apr_uint32_t set = 0;

    ck_assert_int_eq(tai_usage_collect(table, &set, NOW, 1000, pool, used), 0);
    return used;
}

/* What a round has of the one key that there is. */
static void collects(const char *key_id, apr_int64_t at, apr_uint64_t admitted,
                     apr_uint64_t refused)
{
    const apr_array_header_t *used = collect();
    const tai_used_t *its = &APR_ARRAY_IDX(used, 0, tai_used_t);

    ck_assert_int_eq(used->nelts, 1);
    ck_assert_str_eq(its->key_id, key_id);
    ck_assert_int_eq(its->at, at);
    ck_assert_uint_eq(its->admitted, admitted);
    ck_assert_uint_eq(its->refused, refused);
}

static tai_table_usage_t fill_of(tai_table_t *which)
{
    tai_table_usage_t usage;

    tai_table_usage(which, NOW, &usage);
    return usage;
}

START_TEST(what_is_added_adds_up)
{
    add("key_a", WALL, 1, 0);
    add("key_a", 0, 0, 1);
    add("key_a", WALL + 7, 2, 0);
    add("key_a", WALL + 3, 1, 3);
    collects("key_a", WALL + 7, 4, 4);
}
END_TEST

START_TEST(what_was_collected_is_gone)
{
    add("key_a", WALL, 1, 0);
    ck_assert_uint_eq(fill_of(table).live, 1);
    collects("key_a", WALL, 1, 0);
    ck_assert_uint_eq(fill_of(table).live, 0);
    ck_assert_int_eq(collect()->nelts, 0);
    add("key_a", 0, 0, 1);
    collects("key_a", 0, 0, 1);
}
END_TEST

START_TEST(a_batch_that_could_not_be_written_is_added_again)
{
    const apr_array_header_t *used;
    const tai_used_t *its;

    add("key_a", WALL, 5, 2);
    used = collect();
    add("key_a", WALL + 1, 1, 0);
    its = &APR_ARRAY_IDX(used, 0, tai_used_t);
    add(its->key_id, its->at, its->admitted, its->refused);
    collects("key_a", WALL + 1, 6, 2);
}
END_TEST

START_TEST(an_admission_becomes_a_refusal)
{
    add("key_a", WALL, 1, 0);
    refuse("key_a");
    collects("key_a", 0, 0, 1);
    add("key_a", WALL, 2, 0);
    refuse("key_a");
    collects("key_a", WALL, 1, 1);
}
END_TEST

START_TEST(one_that_was_collected_in_between_is_both)
{
    add("key_a", WALL, 1, 0);
    collects("key_a", WALL, 1, 0);
    refuse("key_a");
    collects("key_a", 0, 0, 1);
}
END_TEST

static const struct {
    const char *key_id;
    apr_status_t outcome;
} ids[] = {
    {"", APR_EINVAL},
    {"k", APR_SUCCESS},
    {"key_45678901234567890123456789012", APR_EINVAL}, /* 33 */
    {"key_4567890123456789012345678901", APR_SUCCESS},
};

START_TEST(an_id_has_its_length)
{
    const tai_used_t used = {ids[_i].key_id, WALL, 1, 0};

    ck_assert_int_eq(tai_usage_add(table, (tai_id_t){1, 1}, &used, NOW), ids[_i].outcome);
    if (ids[_i].outcome == APR_SUCCESS) {
        collects(ids[_i].key_id, WALL, 1, 0);
    }
    ck_assert_int_eq(tai_usage_refuse(table, (tai_id_t){1, 1}, ids[_i].key_id, NOW),
                     ids[_i].outcome);
}
END_TEST

/* Each key in one batch of a round, once, and no batch too large. */
START_TEST(a_round_has_batches)
{
    const int keys = 300, max = 200;
    apr_array_header_t *used = apr_array_make(pool, max, sizeof(tai_used_t));
    char *seen = apr_pcalloc(pool, (apr_size_t)keys);
    apr_uint32_t set = 0;
    int more, i, batches = 0, all = 0;

    for (i = 0; i < keys; i++) {
        add(apr_psprintf(pool, "key_%d", i), WALL, (apr_uint64_t)i + 1, 0);
    }
    do {
        apr_array_clear(used);
        more = tai_usage_collect(table, &set, NOW, max, pool, used);
        ck_assert_int_le(used->nelts, max);
        for (i = 0; i < used->nelts; i++) {
            const tai_used_t *its = &APR_ARRAY_IDX(used, i, tai_used_t);
            const int which = atoi(its->key_id + 4);

            ck_assert_uint_eq(its->admitted, (apr_uint64_t)which + 1);
            ck_assert_int_eq(seen[which]++, 0);
        }
        all += used->nelts;
        batches++;
    } while (more);
    ck_assert_int_eq(all, keys);
    ck_assert_int_gt(batches, 1);
}
END_TEST

static void add_numbered(int first, int last, apr_uint64_t now)
{
    for (int i = first; i <= last; i++) {
        const char *key_id = apr_psprintf(pool, "key_%d", i);
        const tai_used_t used = {key_id, WALL, 1, 0};

        ck_assert_int_eq(tai_usage_add(table, id_of(key_id), &used, now), APR_SUCCESS);
    }
}

static int has(const apr_array_header_t *used, const char *key_id)
{
    int found = 0;

    for (int i = 0; i < used->nelts; i++) {
        found += strcmp(APR_ARRAY_IDX(used, i, tai_used_t).key_id, key_id) == 0;
    }
    return found;
}

/* Of what is unwritten, that which was noted longest ago; and it is counted. */
START_TEST(what_has_to_make_room_is_counted)
{
    const apr_array_header_t *used;

    table = shared_table(tai_usage_entry_size(), 1);
    add_numbered(1, TAI_TABLE_WAYS, NOW);
    add_numbered(1, 1, NOW + 1);
    ck_assert_uint_eq(fill_of(table).lost, 0);
    add_numbered(1000, 1000 + TAI_TABLE_WAYS - 2, NOW + 2);
    ck_assert_uint_eq(fill_of(table).lost, TAI_TABLE_WAYS - 1);
    used = collect();
    ck_assert_int_eq(used->nelts, TAI_TABLE_WAYS);
    ck_assert_int_eq(has(used, "key_1"), 1);
    ck_assert_int_eq(has(used, "key_1000"), 1);
}
END_TEST

START_TEST(what_was_written_makes_room_for_nothing)
{
    table = shared_table(tai_usage_entry_size(), 1);
    add_numbered(1, TAI_TABLE_WAYS, NOW);
    collect();
    add_numbered(1000, 1000 + TAI_TABLE_WAYS - 1, NOW);
    ck_assert_uint_eq(fill_of(table).lost, 0);
}
END_TEST

/* ---- many processes ----------------------------------------------------------------------- */

#define CHILDREN 4
#define KEYS     5
#define TURNS    20000

/* shared */
static struct {
    int arrived, done;
} * children;

static const char *const keys[KEYS] = {"key_a", "key_bb", "key_ccc", "key_dddd", "key_eeeee"};

/* Each turn admits one key and refuses the next, each key the same number of times. */
static int note_all(void *data)
{
    (void)data;
    meet(&children->arrived, CHILDREN + 1);
    for (int i = 0; i < TURNS; i++) {
        const char *admitted = keys[i % KEYS], *refused = keys[(i + 1) % KEYS];

        if (tai_usage_add(table, id_of(admitted), &(tai_used_t){admitted, WALL, 1, 0}, NOW) !=
                APR_SUCCESS ||
            tai_usage_add(table, id_of(refused), &(tai_used_t){refused, 0, 0, 1}, NOW) !=
                APR_SUCCESS) {
            return 1;
        }
    }
    __atomic_fetch_add(&children->done, 1, __ATOMIC_RELEASE);
    return 0;
}

/* Counts are summed up by key; an id that is none of them fails. */
static void sum_up(const apr_array_header_t *used, apr_uint64_t admitted[KEYS],
                   apr_uint64_t refused[KEYS])
{
    for (int i = 0; i < used->nelts; i++) {
        const tai_used_t *its = &APR_ARRAY_IDX(used, i, tai_used_t);
        int key = 0;

        while (key < KEYS && strcmp(keys[key], its->key_id) != 0) {
            key++;
        }
        ck_assert_msg(key < KEYS, "no key \"%s\"", its->key_id);
        ck_assert(its->at == WALL || (its->at == 0 && its->admitted == 0));
        admitted[key] += its->admitted;
        refused[key] += its->refused;
    }
}

START_TEST(nothing_is_lost_between_adding_and_collecting)
{
    apr_uint64_t admitted[KEYS] = {0}, refused[KEYS] = {0};
    pid_t pids[CHILDREN];
    int i, rounds = 0;

    children = shared_block(sizeof(*children));
    for (i = 0; i < CHILDREN; i++) {
        pids[i] = in_child(note_all, NULL);
    }
    meet(&children->arrived, CHILDREN + 1);
    while (__atomic_load_n(&children->done, __ATOMIC_ACQUIRE) < CHILDREN) {
        sum_up(collect(), admitted, refused);
        rounds++;
    }
    for (i = 0; i < CHILDREN; i++) {
        child_succeeds(pids[i]);
    }
    sum_up(collect(), admitted, refused);
    ck_assert_int_gt(rounds, 1);
    for (i = 0; i < KEYS; i++) {
        ck_assert_uint_eq(admitted[i], CHILDREN * TURNS / KEYS);
        ck_assert_uint_eq(refused[i], CHILDREN * TURNS / KEYS);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, make_table, NULL);
    tcase_add_test(tests, what_is_added_adds_up);
    tcase_add_test(tests, what_was_collected_is_gone);
    tcase_add_test(tests, a_batch_that_could_not_be_written_is_added_again);
    tcase_add_test(tests, an_admission_becomes_a_refusal);
    tcase_add_test(tests, one_that_was_collected_in_between_is_both);
    tcase_add_loop_test(tests, an_id_has_its_length, 0, ROWS(ids));
    tcase_add_test(tests, a_round_has_batches);
    tcase_add_test(tests, what_has_to_make_room_is_counted);
    tcase_add_test(tests, what_was_written_makes_room_for_nothing);
    tcase_add_test(tests, nothing_is_lost_between_adding_and_collecting);
}

int main(void)
{
    return unit_run("usage", add_tests);
}
