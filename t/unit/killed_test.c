#include <signal.h>
#include "core/clock.h"
#include "core/windows.h"
#include "chance.h"
#include "shared.h"
#include "whole.h"
#include "unit.h"

/*
 * Processes that charge the same windows and are killed at any moment, again and again. The others
 * go on, and what is left behind is whole: never more than N counted, nobody told that he was
 * admitted who is not counted, no identity in two places, nothing locked.
 */

#define CHILDREN 4
#define KILLS    100
#define MANY_IDS (TAI_TABLE_WAYS + 40)

/* One set of 128 places, so that all meet in it; with more identities, all the time full. */
static const struct {
    apr_uint64_t ids;
    apr_uint32_t max; /* N */
} crowds[] = {
    {5, 400000},
    {40, 60},
    {MANY_IDS, 60},
};

typedef struct stage_t {
    tai_table_t *table;
    int crowd;
    apr_uint64_t seed;
    apr_uint64_t turns; /* charges tried so far, by all */
    apr_uint64_t told[MANY_IDS];
    int stop;
} stage_t;

static apr_uint64_t read_word(const apr_uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* One to three windows; those that follow one another differ. */
static int charge_some(stage_t *stage, apr_uint64_t *chance)
{
    const apr_uint64_t ids = crowds[stage->crowd].ids, first = chance_below(chance, ids);
    const int n = (int)chance_between(chance, 1, 3);
    tai_charge_t charges[3];
    int admitted, i;

    for (i = 0; i < n; i++) {
        const apr_uint64_t id = (first + (apr_uint64_t)i) % ids;

        charges[i] = (tai_charge_t){
            .table = stage->table,
            .id = {id, id},
            .limit = {crowds[stage->crowd].max, TAI_WINDOW_MAX_MS},
        };
    }
    if (tai_windows_charge(charges, n, tai_clock_ms(), &admitted) != APR_SUCCESS) {
        return 1;
    }
    for (i = 0; i < n && admitted; i++) {
        __atomic_fetch_add(&stage->told[charges[i].id.lo], 1, __ATOMIC_RELAXED);
    }
    __atomic_fetch_add(&stage->turns, 1, __ATOMIC_RELAXED);
    return 0;
}

static int hammer(void *data)
{
    stage_t *stage = data;
    apr_uint64_t chance = stage->seed + (apr_uint64_t)getpid();
    int failed = 0;

    while (!failed && !__atomic_load_n(&stage->stop, __ATOMIC_RELAXED)) {
        failed = charge_some(stage, &chance);
    }
    return failed;
}

/* Kill one after the other, each when all together have come a random bit further. */
static void kill_some(stage_t *stage, pid_t *pids, apr_uint64_t *chance)
{
    int kills, who;

    for (kills = 0; kills < KILLS; kills++) {
        const apr_uint64_t until = read_word(&stage->turns) + chance_below(chance, 500);

        while (read_word(&stage->turns) < until) {
            sched_yield();
        }
        who = (int)chance_below(chance, CHILDREN);
        kill(pids[who], SIGKILL);
        ck_assert_int_eq(waitpid(pids[who], NULL, 0), pids[who]);
        pids[who] = in_child(hammer, stage);
    }
}

/* @return how many identities are there */
static apr_uint64_t check_entries(stage_t *stage, int given_up)
{
    const apr_uint32_t max = crowds[stage->crowd].max;
    apr_uint64_t found = 0, i;

    for (i = 0; i < crowds[stage->crowd].ids; i++) {
        const tai_id_t id = {i, i};
        tai_place_t place;
        apr_uint64_t counted = 0;

        ck_assert_int_eq(tai_table_lock(&stage->table, &id, 1, &place), APR_SUCCESS);
        if (place.entry != NULL) {
            counted = whole_window(place.entry);
            found++;
        }
        tai_table_unlock(&place, 1);
        ck_assert_uint_le(counted, max);
        if (!given_up) {
            ck_assert_uint_le(stage->told[i], counted);
            ck_assert_uint_le(counted, stage->told[i] + KILLS);
        }
    }
    return found;
}

START_TEST(killed_at_any_moment)
{
    stage_t *stage = shared_block(sizeof(*stage));
    apr_uint64_t found, chance;
    tai_table_usage_t usage;
    pid_t pids[CHILDREN];
    int i;

    stage->table = shared_table(tai_windows_entry_size(), 1);
    stage->crowd = _i % ROWS(crowds);
    stage->seed = chance = chance_seed(_i / ROWS(crowds));
    for (i = 0; i < CHILDREN; i++) {
        pids[i] = in_child(hammer, stage);
    }
    kill_some(stage, pids, &chance);
    __atomic_store_n(&stage->stop, 1, __ATOMIC_RELAXED);
    for (i = 0; i < CHILDREN; i++) {
        child_succeeds(pids[i]);
    }

    found = check_entries(stage, crowds[stage->crowd].ids > TAI_TABLE_WAYS);
    tai_table_usage(stage->table, tai_clock_ms(), &usage);
    /* an identity that stood in two places would be live twice and be found once */
    ck_assert_uint_le(usage.live, found);
    /* some died with the lock in their hands, or this has shown nothing */
    ck_assert_uint_gt(usage.recovered, 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, killed_at_any_moment, 0, ROWS(crowds) * chance_seeds());
}

int main(void)
{
    return unit_run("killed processes", add);
}
