#include <string.h>
#include "core/table.h"
#include "chance.h"
#include "shared.h"
#include "unit.h"

#define NOW APR_UINT64_C(1000000)

typedef struct entry_t {
    apr_uint64_t value;
    apr_uint64_t other;
} entry_t;

static tai_table_t *table; /* of one set */

static void make_table(void)
{
    table = shared_table(sizeof(entry_t), 1);
}

static tai_id_t id_of(apr_uint64_t i)
{
    return (tai_id_t){.hi = i, .lo = i * APR_UINT64_C(0x9e3779b97f4a7c15)};
}

/* Put an identity into the table; its value is i. */
static void put_at(apr_uint64_t i, apr_uint64_t due, apr_uint64_t now)
{
    const tai_id_t id = id_of(i);
    tai_place_t place;

    ck_assert_int_eq(tai_table_lock(&table, &id, 1, &place), APR_SUCCESS);
    tai_table_insert(&place, id, now);
    ((entry_t *)place.entry)->value = i;
    tai_table_set_due(&place, due);
    tai_table_unlock(&place, 1);
}

static void put(apr_uint64_t i, apr_uint64_t due)
{
    put_at(i, due, NOW);
}

/* Is it there, with the value that was put? */
static int has(apr_uint64_t i)
{
    const tai_id_t id = id_of(i);
    tai_place_t place;
    int found;

    ck_assert_int_eq(tai_table_lock(&table, &id, 1, &place), APR_SUCCESS);
    found = place.entry != NULL;
    if (found) {
        ck_assert_uint_eq(((entry_t *)place.entry)->value, i);
    }
    tai_table_unlock(&place, 1);
    return found;
}

static tai_table_usage_t usage(void)
{
    tai_table_usage_t u;

    tai_table_usage(table, NOW, &u);
    return u;
}

/* Fill all places, identities 1 to 128; identity i ends at NOW + 1000 i. */
static void fill(void)
{
    apr_uint64_t i;

    for (i = 1; i <= TAI_TABLE_WAYS; i++) {
        put(i, NOW + 1000 * i);
    }
}

START_TEST(as_many_sets_as_fit)
{
    static const apr_size_t sizes[] = {0, 8, 16, 272, 280};
    const apr_size_t size = sizes[_i];
    apr_uint32_t n;

    ck_assert_uint_eq(tai_table_sets(size, 0), 0);
    for (n = 1; n < 2000; n = 2 * n + 1) {
        ck_assert_uint_eq(tai_table_bytes(size, n) % 64, 0);
        ck_assert_uint_eq(tai_table_sets(size, tai_table_bytes(size, n)), n);
        ck_assert_uint_eq(tai_table_sets(size, tai_table_bytes(size, n) - 1), n - 1);
    }
}
END_TEST

START_TEST(new_entry_is_zeroed_and_found_again)
{
    const tai_id_t id = id_of(7);
    tai_place_t place;
    entry_t *first;

    ck_assert(!has(7));
    ck_assert_int_eq(tai_table_lock(&table, &id, 1, &place), APR_SUCCESS);
    tai_table_insert(&place, id, NOW);
    first = place.entry;
    ck_assert_uint_eq(first->value, 0);
    first->value = 7;
    first->other = 7;
    tai_table_insert(&place, id, NOW);
    ck_assert_ptr_eq(place.entry, first);
    ck_assert_uint_eq(first->other, 7);
    tai_table_unlock(&place, 1);
    ck_assert(has(7));
}
END_TEST

START_TEST(reused_place_is_zeroed)
{
    const tai_id_t id = id_of(1000);
    tai_place_t place;

    fill();
    ck_assert_int_eq(tai_table_lock(&table, &id, 1, &place), APR_SUCCESS);
    tai_table_insert(&place, id, NOW);
    ck_assert_uint_eq(((entry_t *)place.entry)->value, 0);
    tai_table_unlock(&place, 1);
}
END_TEST

START_TEST(unused_goes_first)
{
    fill();
    ck_assert_uint_eq(usage().live, TAI_TABLE_WAYS);
    ck_assert_uint_eq(usage().lost, 0);
}
END_TEST

START_TEST(expired_goes_before_live)
{
    fill();
    put(50, NOW);
    put(1000, NOW + 1);
    ck_assert(!has(50));
    ck_assert(has(1));
    ck_assert_uint_eq(usage().lost, 0);
}
END_TEST

START_TEST(nearest_to_its_end_goes_and_is_counted)
{
    fill();
    put(1, NOW + 500000);
    put(1000, NOW + 900000);
    ck_assert(!has(2));
    ck_assert(has(1));
    ck_assert_uint_eq(usage().lost, 1);
    ck_assert_uint_eq(usage().live, TAI_TABLE_WAYS);
}
END_TEST

START_TEST(pinned_goes_last)
{
    fill();
    put(1, (NOW + 1) | TAI_DUE_PINNED);
    put(1000, NOW + 900000);
    ck_assert(has(1));
    ck_assert(!has(2));
    ck_assert_uint_eq(usage().pinned, 1);
}
END_TEST

START_TEST(of_all_pinned_the_first_to_end_goes)
{
    apr_uint64_t i;

    for (i = 1; i <= TAI_TABLE_WAYS; i++) {
        put(i, (NOW + 1000 + (i + 64) % 128) | TAI_DUE_PINNED);
    }
    ck_assert_uint_eq(usage().pinned, TAI_TABLE_WAYS);
    put(1000, NOW + 900000);
    ck_assert(!has(64));
    ck_assert_uint_eq(usage().lost, 1);
    /* and now the one that is not pinned, though it would have lasted longest */
    put(1001, NOW + 1);
    ck_assert(!has(1000));
}
END_TEST

START_TEST(pinned_whose_time_has_come_is_like_any_other)
{
    fill();
    put(9, NOW | TAI_DUE_PINNED);
    ck_assert_uint_eq(usage().pinned, 0);
    ck_assert_uint_eq(usage().live, TAI_TABLE_WAYS - 1);
    put(1000, NOW + 1);
    ck_assert(!has(9));
    ck_assert_uint_eq(usage().lost, 0);
}
END_TEST

/* The same 16 bits of tag, and the two tags that are closest to "nobody". */
START_TEST(tags_may_collide)
{
    static const tai_id_t ids[] = {{0, 0}, {0, 1},       {0, 0x10000}, {0, 0x10001},
                                   {1, 0}, {1, 0x10000}, {5, 0xffff},  {6, 0xffff}};
    tai_place_t place;
    int i;

    for (i = 0; i < ROWS(ids); i++) {
        ck_assert_int_eq(tai_table_lock(&table, &ids[i], 1, &place), APR_SUCCESS);
        ck_assert_ptr_null(place.entry);
        tai_table_insert(&place, ids[i], NOW);
        ((entry_t *)place.entry)->value = (apr_uint64_t)i;
        tai_table_set_due(&place, NOW + 1);
        tai_table_unlock(&place, 1);
    }
    for (i = 0; i < ROWS(ids); i++) {
        ck_assert_int_eq(tai_table_lock(&table, &ids[i], 1, &place), APR_SUCCESS);
        ck_assert_uint_eq(((entry_t *)place.entry)->value, i);
        tai_table_unlock(&place, 1);
    }
}
END_TEST

/*
 * All sixteen of a call belong to one full set; the first eight are there and are the next to go.
 * None of them may be given the place of another.
 */
START_TEST(places_of_one_call_are_its_own)
{
    tai_table_t *tables[TAI_TABLE_LOCK_MAX];
    tai_id_t ids[TAI_TABLE_LOCK_MAX];
    tai_place_t places[TAI_TABLE_LOCK_MAX];
    int i, j;

    fill();
    for (i = 0; i < TAI_TABLE_LOCK_MAX; i++) {
        tables[i] = table;
        ids[i] = id_of(i < 8 ? (apr_uint64_t)i + 1 : (apr_uint64_t)i + 1000);
    }
    ck_assert_int_eq(tai_table_lock(tables, ids, TAI_TABLE_LOCK_MAX, places), APR_SUCCESS);
    for (i = TAI_TABLE_LOCK_MAX - 1; i >= 0; i--) {
        tai_table_insert(&places[i], ids[i], NOW);
    }
    for (i = 0; i < TAI_TABLE_LOCK_MAX; i++) {
        for (j = 0; j < i; j++) {
            ck_assert_uint_ne(places[i].way, places[j].way);
        }
    }
    tai_table_unlock(places, TAI_TABLE_LOCK_MAX);
    for (i = 1; i <= 8; i++) {
        ck_assert(has((apr_uint64_t)i));
    }
    ck_assert_uint_eq(usage().lost, 8);
}
END_TEST

/* What one call held is not held any more behind it. */
START_TEST(places_are_given_back)
{
    apr_uint64_t i;

    for (i = 1; i <= TAI_TABLE_WAYS; i++) {
        put(i, NOW);
    }
    for (i = 1; i <= TAI_TABLE_WAYS; i++) {
        put(1000 + i, NOW + 1);
    }
    ck_assert_uint_eq(usage().live, TAI_TABLE_WAYS);
    ck_assert_uint_eq(usage().lost, 0);
}
END_TEST

START_TEST(too_many_or_none_is_refused)
{
    tai_table_t *tables[TAI_TABLE_LOCK_MAX + 1] = {table};
    const tai_id_t ids[TAI_TABLE_LOCK_MAX + 1] = {{0, 0}};
    tai_place_t places[TAI_TABLE_LOCK_MAX + 1];

    ck_assert_int_eq(tai_table_lock(tables, ids, 0, places), APR_EINVAL);
    ck_assert_int_eq(tai_table_lock(tables, ids, TAI_TABLE_LOCK_MAX + 1, places), APR_EINVAL);
}
END_TEST

/* The rule of who goes, said once more over plain arrays. */
typedef struct model_t {
    apr_uint64_t id[TAI_TABLE_WAYS];
    apr_uint64_t due[TAI_TABLE_WAYS];
    apr_uint64_t lost;
} model_t;

static int model_find(const model_t *m, apr_uint64_t id)
{
    int i;

    for (i = 0; i < TAI_TABLE_WAYS && m->id[i] != id; i++) {
    }
    return i;
}

static int model_class(apr_uint64_t due, apr_uint64_t now)
{
    if ((due & ~TAI_DUE_PINNED) <= now) {
        return 0;
    }
    return (due & TAI_DUE_PINNED) ? 2 : 1;
}

static void model_put(model_t *m, apr_uint64_t id, apr_uint64_t due, apr_uint64_t now)
{
    int at = model_find(m, id), i;

    if (at == TAI_TABLE_WAYS) {
        for (i = 0, at = 0; i < TAI_TABLE_WAYS; i++) {
            const int class = model_class(m->due[i], now), least = model_class(m->due[at], now);

            if (class < least || (class == least &&
                                  (m->due[i] & ~TAI_DUE_PINNED) < (m->due[at] & ~TAI_DUE_PINNED))) {
                at = i;
            }
        }
        m->lost += model_class(m->due[at], now) > 0;
    }
    m->id[at] = id;
    m->due[at] = due;
}

START_TEST(as_plain_arrays_say)
{
    const apr_uint64_t seed = chance_seed(_i), ids = 300;
    const int steps = chance_steps(20000);
    apr_uint64_t chance = seed, now = NOW, id, due;
    model_t m = {0};
    int i;

    for (i = 0; i < steps; i++, now += chance_below(&chance, 3)) {
        id = chance_between(&chance, 1, ids);
        /* no two ends alike: which of two goes first is nobody's business */
        due = (now + chance_below(&chance, 400)) * 65536 + (apr_uint64_t)i % 65536;
        if (chance_below(&chance, 4) == 0) {
            due |= TAI_DUE_PINNED;
        }
        put_at(id, due, now * 65536);
        model_put(&m, id, due, now * 65536);
        id = chance_between(&chance, 1, ids);
        if (has(id) != (model_find(&m, id) < TAI_TABLE_WAYS) || usage().lost != m.lost) {
            ck_abort_msg("TAI_TEST_SEED=%" APR_UINT64_T_FMT " step %d", seed, i);
        }
    }
    ck_assert_uint_gt(m.lost, 0);
}
END_TEST

static void sum_values(const tai_place_t *place, void *sum)
{
    *(apr_uint64_t *)sum += ((const entry_t *)place->entry)->value;
}

static void end_it(const tai_place_t *place, void *nothing)
{
    (void)nothing;
    tai_table_set_due(place, NOW);
}

START_TEST(a_visit_is_to_the_live_ones)
{
    apr_uint64_t sum = 0;

    put(1, NOW + 1);
    put(2, NOW);
    put(4, (NOW + 1) | TAI_DUE_PINNED);
    put(8, NOW | TAI_DUE_PINNED);
    ck_assert_uint_eq(tai_table_set_count(table), 1);
    ck_assert_int_eq(tai_table_visit(table, 0, NOW, sum_values, &sum), APR_SUCCESS);
    ck_assert_uint_eq(sum, 5);
    ck_assert_int_eq(tai_table_visit(table, 0, NOW, end_it, NULL), APR_SUCCESS);
    ck_assert_uint_eq(usage().live, 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_table, NULL);
    tcase_add_loop_test(tests, as_many_sets_as_fit, 0, 5);
    tcase_add_test(tests, new_entry_is_zeroed_and_found_again);
    tcase_add_test(tests, reused_place_is_zeroed);
    tcase_add_test(tests, unused_goes_first);
    tcase_add_test(tests, expired_goes_before_live);
    tcase_add_test(tests, nearest_to_its_end_goes_and_is_counted);
    tcase_add_test(tests, pinned_goes_last);
    tcase_add_test(tests, of_all_pinned_the_first_to_end_goes);
    tcase_add_test(tests, pinned_whose_time_has_come_is_like_any_other);
    tcase_add_test(tests, tags_may_collide);
    tcase_add_test(tests, places_of_one_call_are_its_own);
    tcase_add_test(tests, places_are_given_back);
    tcase_add_test(tests, too_many_or_none_is_refused);
    tcase_add_test(tests, a_visit_is_to_the_live_ones);
    tcase_add_loop_test(tests, as_plain_arrays_say, 0, chance_seeds());
}

int main(void)
{
    return unit_run("table", add);
}
