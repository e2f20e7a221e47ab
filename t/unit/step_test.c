#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include "core/failures.h"
#include "core/usage.h"
#include "core/windows.h"
#include "shared.h"
#include "unit.h"
#include "whole.h"

/*
 * A process is killed behind one instruction of what it does to a table, and the next one must find
 * a table that is whole. The process is stepped through with ptrace: once to see which instructions
 * write to the table, then a fresh one for each of these, for the one before it and for some in
 * between. What lies between two writes is the same state, so no state is left out.
 */

#define NOW       APR_UINT64_C(1000000)
#define WIDTH     60000u
#define MOST      50u    /* N of windows */
#define TOO_MANY  200000 /* steps: an action that takes more has gone astray */
#define SAMPLES   8      /* steps between writes that are tried too */
#define NEWCOMER  1000
#define FIRST_OUT 1 /* of a full set: its end is the nearest */

typedef struct scene_t {
    const char *name;
    apr_uint64_t crowd; /* windows 1 to crowd are there, each charged three times */
    void (*prepare)(void);
    void (*act)(void);
    void (*check)(void);
} scene_t;

static const tai_lockout_t lockout = {{3, WIDTH}, 900000};

static tai_table_t *table; /* of one set */
static const scene_t *scene;

static tai_charge_t charge_of(apr_uint64_t id)
{
    return (tai_charge_t){.table = table, .id = {id, id}, .limit = {MOST, WIDTH}};
}

static apr_uint32_t charge(apr_uint64_t id, apr_uint64_t now)
{
    tai_charge_t c = charge_of(id);
    int admitted;

    ck_assert_int_eq(tai_windows_charge(&c, 1, now, &admitted), APR_SUCCESS);
    ck_assert_int_eq(admitted, 1);
    return c.view.counted;
}

static void charge_crowd(void)
{
    apr_uint64_t id, i;

    for (id = 1; id <= scene->crowd; id++) {
        for (i = 0; i < 3; i++) {
            charge(id, NOW - 3000 + id);
        }
    }
}

/* @return what a window counts; -1: it is not there */
static int counted(apr_uint64_t id)
{
    const tai_id_t key = {id, id};
    tai_place_t place;
    int found = -1;

    ck_assert_int_eq(tai_table_lock(&table, &key, 1, &place), APR_SUCCESS);
    if (place.entry != NULL) {
        found = (int)whole_window(place.entry);
    }
    tai_table_unlock(&place, 1);
    return found;
}

static apr_uint64_t live(void)
{
    tai_table_usage_t usage;

    tai_table_usage(table, NOW, &usage);
    return usage.live;
}

/* Windows first to crowd are as they were. */
static void check_crowd(apr_uint64_t first)
{
    apr_uint64_t id;

    for (id = first; id <= scene->crowd; id++) {
        ck_assert_int_eq(counted(id), 3);
    }
}

/*
 * Before anybody goes on: each window is whole and as it was, but for one that may be gone and for
 * those that were being charged, and nothing is live that is not found.
 */
static void check_leftovers(apr_uint64_t charged)
{
    apr_uint64_t id, found = counted(NEWCOMER) >= 0;
    int missing = 0;

    for (id = 1; id <= scene->crowd; id++) {
        const int count = counted(id);

        ck_assert(count == 3 || count == -1 || (count == 4 && id == charged));
        missing += count < 0;
    }
    ck_assert_int_le(missing, scene->crowd == TAI_TABLE_WAYS);
    found += scene->crowd - (apr_uint64_t)missing;
    ck_assert_uint_le(live(), found);
}

/* The next charge is admitted; that of the dead may count or not. */
static void check_charge(apr_uint64_t id, apr_uint32_t before)
{
    const apr_uint32_t after = charge(id, NOW);

    ck_assert_uint_ge(after, before + 1);
    ck_assert_uint_le(after, before + 2);
}

static void charge_present(void)
{
    tai_charge_t c = charge_of(FIRST_OUT);
    int admitted;

    tai_windows_charge(&c, 1, NOW, &admitted);
}

static void check_present(void)
{
    check_leftovers(FIRST_OUT);
    check_charge(FIRST_OUT, 3);
    check_crowd(FIRST_OUT + 1);
    ck_assert_uint_eq(live(), scene->crowd);
}

static void charge_newcomer(void)
{
    tai_charge_t c = charge_of(NEWCOMER);
    int admitted;

    tai_windows_charge(&c, 1, NOW, &admitted);
}

static void check_newcomer(void)
{
    check_leftovers(NEWCOMER);
    check_charge(NEWCOMER, 0);
    check_crowd(FIRST_OUT);
    ck_assert_uint_eq(live(), scene->crowd + 1);
}

/* In a full set one has to go, and no second one. */
static void check_newcomer_in_full_set(void)
{
    check_leftovers(NEWCOMER);
    check_charge(NEWCOMER, 0);
    ck_assert_int_eq(counted(FIRST_OUT), -1);
    check_crowd(FIRST_OUT + 1);
    ck_assert_uint_eq(live(), TAI_TABLE_WAYS);
}

static void charge_both(void)
{
    tai_charge_t both[] = {charge_of(NEWCOMER), charge_of(FIRST_OUT)};
    int admitted;

    tai_windows_charge(both, 2, NOW, &admitted);
}

static void check_both(void)
{
    check_leftovers(FIRST_OUT);
    check_charge(NEWCOMER, 0);
    check_charge(FIRST_OUT, 3);
    check_crowd(FIRST_OUT + 1);
    ck_assert_uint_eq(live(), scene->crowd + 1);
}

/* An old window whose buckets have all left, and cannot be told from recent ones by 32 bits. */
static void charge_after_long_silence(void)
{
    tai_charge_t c = charge_of(FIRST_OUT);
    int admitted;

    tai_windows_charge(&c, 1, NOW + (APR_UINT64_C(1) << 32), &admitted);
}

static void check_after_long_silence(void)
{
    const apr_uint32_t after = charge(FIRST_OUT, NOW + (APR_UINT64_C(1) << 32));

    ck_assert_uint_ge(after, 1);
    ck_assert_uint_le(after, 2);
}

static int fail_once(apr_uint64_t now, apr_uint64_t *left_ms)
{
    const tai_id_t id = {NEWCOMER, NEWCOMER};
    int started;

    tai_failures_record(table, id, &lockout, now, left_ms, &started);
    return started;
}

static void fail_twice(void)
{
    apr_uint64_t left_ms;

    fail_once(NOW - 2, &left_ms);
    fail_once(NOW - 1, &left_ms);
}

static void fail_and_lock(void)
{
    apr_uint64_t left_ms;

    fail_once(NOW, &left_ms);
}

/* Locked by the dead, or by the next failure; and when that is over, counted afresh. */
static void check_lock(void)
{
    apr_uint64_t left_ms;
    const int started = fail_once(NOW, &left_ms);
    tai_table_usage_t usage;

    ck_assert_int_eq(started, left_ms == 0);
    fail_once(NOW, &left_ms);
    ck_assert_uint_eq(left_ms, lockout.lock_ms);
    tai_table_usage(table, NOW, &usage);
    ck_assert_uint_eq(usage.live, 1);
    ck_assert_uint_eq(usage.pinned, 1);
    ck_assert_int_eq(fail_once(NOW + lockout.lock_ms, &left_ms), 0);
    ck_assert_uint_eq(left_ms, 0);
}

/* The third in all locks, or the third behind that of the dead. */
static void check_first_failure(void)
{
    apr_uint64_t left_ms;

    ck_assert_int_eq(fail_once(NOW, &left_ms), 0);
    ck_assert_uint_eq(live(), 1);
    fail_once(NOW, &left_ms);
    ck_assert_int_eq(fail_once(NOW, &left_ms), left_ms == 0);
}

/* ---- usage -------------------------------------------------------------------------------- */

#define WALL APR_INT64_C(1800000000)

/* Key i is admitted 2 i times and refused i times. */
static const char *const key_ids[] = {"key_0", "key_10", "key_200", "key_3000"};

#define KEY_IDS (apr_uint64_t) ROWS(key_ids)

static tai_id_t id_of_key(apr_uint64_t i)
{
    return (tai_id_t){.hi = i, .lo = i + 1};
}

static void use(apr_uint64_t i, const char *key_id, apr_int64_t at, apr_uint64_t admitted,
                apr_uint64_t refused)
{
    const tai_used_t used = {key_id, at, admitted, refused};

    ck_assert_int_eq(tai_usage_add(table, id_of_key(i), &used, NOW), APR_SUCCESS);
}

static void use_keys(void)
{
    for (apr_uint64_t i = 1; i < KEY_IDS; i++) {
        use(i, key_ids[i], WALL, 2 * i, i);
    }
}

static apr_array_header_t *collect(void)
{
    apr_array_header_t *used = apr_array_make(pool, TAI_TABLE_WAYS, sizeof(tai_used_t));
    apr_uint32_t set = 0;

    ck_assert_int_eq(tai_usage_collect(table, &set, NOW, TAI_TABLE_WAYS, pool, used), 0);
    return used;
}

/* What was gathered of a key; nothing: zeros. */
static tai_used_t used_of(const apr_array_header_t *used, const char *key_id)
{
    tai_used_t found = {key_id, 0, 0, 0};
    int times = 0;

    for (int i = 0; i < used->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(used, i, tai_used_t).key_id, key_id) == 0) {
            found = APR_ARRAY_IDX(used, i, tai_used_t);
            times++;
        }
    }
    ck_assert_int_le(times, 1);
    return found;
}

/* Keys from first on are as use_keys made them, and there are no others than all of these. */
static void check_others(const apr_array_header_t *used, apr_uint64_t first)
{
    for (apr_uint64_t i = first; i < KEY_IDS; i++) {
        const tai_used_t its = used_of(used, key_ids[i]);

        ck_assert_int_eq(its.at, WALL);
        ck_assert_uint_eq(its.admitted, 2 * i);
        ck_assert_uint_eq(its.refused, i);
    }
    for (int i = 0; i < used->nelts; i++) {
        apr_uint64_t k = 0;

        while (k < KEY_IDS && strcmp(key_ids[k], APR_ARRAY_IDX(used, i, tai_used_t).key_id) != 0) {
            k++;
        }
        ck_assert_uint_lt(k, KEY_IDS);
    }
}

/* Whatever was left behind, from here on each use counts. */
static void check_use(apr_uint64_t i)
{
    tai_used_t its;

    use(i, key_ids[i], WALL + 9, 1, 1);
    its = used_of(collect(), key_ids[i]);
    ck_assert_int_eq(its.at, WALL + 9);
    ck_assert_uint_eq(its.admitted, 1);
    ck_assert_uint_eq(its.refused, 1);
    ck_assert_uint_eq(live(), 0);
}

static void use_present(void)
{
    use(1, key_ids[1], WALL + 5, 1, 0);
}

static void check_use_present(void)
{
    const apr_array_header_t *used = collect();
    const tai_used_t its = used_of(used, key_ids[1]);

    check_others(used, 2);
    ck_assert(its.at == WALL || its.at == WALL + 5);
    ck_assert(its.admitted == 2 || (its.admitted == 3 && its.at == WALL + 5));
    ck_assert_uint_eq(its.refused, 1);
    check_use(1);
}

static void use_new(void)
{
    use(0, key_ids[0], WALL + 5, 1, 0);
}

static void check_use_new(void)
{
    const apr_array_header_t *used = collect();
    const tai_used_t its = used_of(used, key_ids[0]);

    check_others(used, 1);
    ck_assert_uint_le(its.admitted, 1);
    ck_assert_int_eq(its.at, its.admitted ? WALL + 5 : 0);
    ck_assert_uint_eq(its.refused, 0);
    check_use(0);
}

static void refuse_present(void)
{
    ck_assert_int_eq(tai_usage_refuse(table, id_of_key(1), key_ids[1], NOW), APR_SUCCESS);
}

static void check_refuse_present(void)
{
    const apr_array_header_t *used = collect();
    const tai_used_t its = used_of(used, key_ids[1]);

    check_others(used, 2);
    ck_assert(its.admitted == 2 || (its.admitted == 1 && its.refused == 2));
    ck_assert(its.refused == 1 || its.refused == 2);
    check_use(1);
}

/* The batch of the dead is lost, as far as he had come. */
static void collect_all(void)
{
    collect();
}

static void check_collect_all(void)
{
    const apr_array_header_t *used = collect();

    for (apr_uint64_t i = 1; i < KEY_IDS; i++) {
        const tai_used_t its = used_of(used, key_ids[i]);

        ck_assert(its.admitted == 2 * i || its.admitted == 0);
        ck_assert(its.refused == i || (its.refused == 0 && its.admitted == 0));
        ck_assert(its.at == WALL || its.refused == 0);
    }
    check_others(used, KEY_IDS);
    check_use(1);
}

static void nothing(void)
{
}

static const scene_t scenes[] = {
    {"a window that is there", 5, nothing, charge_present, check_present},
    {"a new window", 5, nothing, charge_newcomer, check_newcomer},
    {"a new window in a full set", TAI_TABLE_WAYS, nothing, charge_newcomer,
     check_newcomer_in_full_set},
    {"a new window and one that is there", 5, nothing, charge_both, check_both},
    {"a window after a long silence", 1, nothing, charge_after_long_silence,
     check_after_long_silence},
    {"a failure that locks", 0, fail_twice, fail_and_lock, check_lock},
    {"a first failure", 0, nothing, fail_and_lock, check_first_failure},
    {"a use of a key", 0, use_keys, use_present, check_use_present},
    {"the first use of a key", 0, use_keys, use_new, check_use_new},
    {"an admission that becomes a refusal", 0, use_keys, refuse_present, check_refuse_present},
    {"collecting what was used", 0, use_keys, collect_all, check_collect_all},
};

/* @return a process that has stopped right before it acts */
static pid_t start_actor(void)
{
    const pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        scene->act();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSTOPPED(status));
    return pid;
}

/* One instruction. @return 0: there was none left */
static int step(pid_t pid)
{
    int status;

    if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid) {
        ck_abort_msg("the process cannot be stepped through");
    }
    return WIFSTOPPED(status);
}

/* The table as it is before the action, and as it was behind the last step. */
typedef struct film_t {
    apr_size_t bytes;
    void *before;
    void *last;
    int steps;
    char *tried; /* by step: 1: somebody is to die behind it */
} film_t;

static void shoot(film_t *film)
{
    const pid_t pid = start_actor();
    int writes = 0, i;

    memcpy(film->last, film->before, film->bytes);
    for (film->steps = 0; step(pid); film->steps++) {
        ck_assert_msg(film->steps < TOO_MANY - 2, "%s: no end of it", scene->name);
        if (memcmp(film->last, table, film->bytes) != 0) {
            memcpy(film->last, table, film->bytes);
            memset(&film->tried[film->steps > 0 ? film->steps - 1 : 0], 1, 2);
            writes++;
        }
    }
    /* the mutex, taken and given back, and something in between */
    ck_assert_msg(writes > 4, "%s: %d writes", scene->name, writes);
    for (i = 0; i < SAMPLES; i++) {
        film->tried[(apr_size_t)film->steps * (apr_size_t)i / SAMPLES] = 1;
    }
}

/* Let a fresh process die behind a step, and look at what it left. */
static void die_behind(const film_t *film, int last)
{
    pid_t pid;
    int i;

    memcpy(table, film->before, film->bytes);
    pid = start_actor();
    for (i = 0; i <= last; i++) {
        if (!step(pid)) {
            ck_abort_msg("%s: over at step %d of %d", scene->name, i, film->steps);
        }
    }
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    scene->check();
}

/* The first use of a function of a library resolves it, which would be steps of its own. */
static void warm_up(const film_t *film)
{
    memcpy(film->before, table, film->bytes);
    scene->act();
    memcpy(table, film->before, film->bytes);
}

START_TEST(killed_behind_any_instruction)
{
    film_t film = {.bytes = tai_table_bytes(tai_failures_entry_size(), 1)};
    tai_table_usage_t usage;
    int i, recovered = 0;

    scene = &scenes[_i];
    table = shared_table(tai_failures_entry_size(), 1);
    film.before = malloc(film.bytes);
    film.last = malloc(film.bytes);
    film.tried = calloc(TOO_MANY, 1);
    charge_crowd();
    scene->prepare();
    warm_up(&film);
    shoot(&film);
    for (i = 0; i < film.steps; i++) {
        if (film.tried[i]) {
            die_behind(&film, i);
            tai_table_usage(table, NOW, &usage);
            recovered += usage.recovered > 0;
        }
    }
    /* most of them died with the lock in their hands, or this has shown nothing */
    ck_assert_int_gt(recovered, 4);
    free(film.before);
    free(film.last);
    free(film.tried);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, killed_behind_any_instruction, 0, ROWS(scenes));
}

int main(void)
{
    return unit_run("killed behind any instruction", add);
}
