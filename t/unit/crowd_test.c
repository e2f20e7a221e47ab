#include <pthread.h>
#include <signal.h>
#include "core/crowd.h"
#include "shared.h"
#include "unit.h"

/* No more than may are there at once, whatever processes they are of; the dead are forgotten. */

#define PROCESSES 4
#define THREADS   4
#define MAX       5
#define TURNS     20000
#define NOW       APR_UINT64_C(1000000)
#define GONE_MS   ((apr_uint64_t)TAI_CROWD_PERIOD_MS * TAI_CROWD_PERIODS)

typedef struct stage_t {
    tai_crowd_t crowd;
    int arrived;
    int there; /* between join and leave */
    int joined;
    int refused;
} stage_t;

static stage_t *stage;

static void set_stage(void)
{
    stage = shared_block(sizeof(*stage));
}

static apr_uint64_t join(apr_uint64_t now)
{
    apr_uint64_t came;

    ck_assert_int_eq(tai_crowd_join(&stage->crowd, MAX, now, &came), 1);
    ck_assert_uint_ne(came, 0);
    return came;
}

static void is_full(apr_uint64_t now)
{
    apr_uint64_t came;

    ck_assert_int_eq(tai_crowd_join(&stage->crowd, MAX, now, &came), 0);
    ck_assert_int_eq(tai_crowd_size(&stage->crowd, now), MAX);
}

START_TEST(there_is_a_last_one)
{
    apr_uint64_t came = 0;

    for (int i = 0; i < MAX; i++) {
        ck_assert_int_eq(tai_crowd_size(&stage->crowd, NOW), i);
        came = join(NOW);
    }
    is_full(NOW);
    tai_crowd_leave(&stage->crowd, came);
    join(NOW);
    is_full(NOW);
}
END_TEST

/* Whoever came in another period is there as well, until that has gone from the ring. */
START_TEST(they_come_one_by_one)
{
    apr_uint64_t came[MAX];

    for (int i = 0; i < MAX; i++) {
        came[i] = join(NOW + (apr_uint64_t)i * TAI_CROWD_PERIOD_MS);
    }
    is_full(NOW + GONE_MS - TAI_CROWD_PERIOD_MS);
    for (int i = 0; i < MAX; i++) {
        tai_crowd_leave(&stage->crowd, came[i]);
        ck_assert_int_eq(tai_crowd_size(&stage->crowd, NOW + GONE_MS - TAI_CROWD_PERIOD_MS),
                         MAX - 1 - i);
    }
}
END_TEST

START_TEST(one_who_stays_for_too_long_is_forgotten)
{
    const apr_uint64_t came = join(NOW), later = NOW + GONE_MS;

    ck_assert_int_eq(tai_crowd_size(&stage->crowd, later), 0);
    join(later);
    tai_crowd_leave(&stage->crowd, came); /* takes nobody else away */
    ck_assert_int_eq(tai_crowd_size(&stage->crowd, later), 1);
}
END_TEST

static int come_and_stay(void *ignored)
{
    (void)ignored;
    for (int i = 0; i < MAX; i++) {
        join(NOW);
    }
    raise(SIGKILL);
    return 0;
}

START_TEST(one_who_was_killed_is_forgotten)
{
    const pid_t child = in_child(come_and_stay, NULL);
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    is_full(NOW);
    ck_assert_int_eq(tai_crowd_size(&stage->crowd, NOW + GONE_MS), 0);
}
END_TEST

/* The clock goes on meanwhile, through all of the ring several times. */
static void *come_and_go(void *ignored)
{
    for (int i = 0; i < TURNS; i++) {
        const apr_uint64_t now = NOW + (apr_uint64_t)i * TAI_CROWD_PERIOD_MS / 100;
        apr_uint64_t came;

        if (!tai_crowd_join(&stage->crowd, MAX, now, &came)) {
            __atomic_add_fetch(&stage->refused, 1, __ATOMIC_RELAXED);
            continue;
        }
        __atomic_add_fetch(&stage->joined, 1, __ATOMIC_RELAXED);
        tai_crowd_leave(&stage->crowd, came);
    }
    return ignored;
}

/* All at one time, so that nobody is forgotten who is there; all for the same place. */
static void *crowd_in(void *ignored)
{
    apr_uint64_t came;

    meet(&stage->arrived, PROCESSES * THREADS);
    for (int i = 0; i < TURNS; i++) {
        if (!tai_crowd_join(&stage->crowd, 1, NOW, &came)) {
            __atomic_add_fetch(&stage->refused, 1, __ATOMIC_RELAXED);
            continue;
        }
        __atomic_add_fetch(&stage->joined, 1, __ATOMIC_RELAXED);
        ck_assert_int_le(__atomic_add_fetch(&stage->there, 1, __ATOMIC_SEQ_CST), 1);
        sched_yield();
        __atomic_sub_fetch(&stage->there, 1, __ATOMIC_SEQ_CST);
        tai_crowd_leave(&stage->crowd, came);
    }
    return ignored;
}

static int with_threads(void *work)
{
    void *(*const *run)(void *) = work;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, *run, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}

static void in_processes(void *(*run)(void *))
{
    pid_t children[PROCESSES];

    for (int i = 0; i < PROCESSES; i++) {
        children[i] = in_child(with_threads, &run);
    }
    for (int i = 0; i < PROCESSES; i++) {
        child_succeeds(children[i]);
    }
    ck_assert_int_eq(stage->joined + stage->refused, PROCESSES * THREADS * TURNS);
}

START_TEST(of_many_at_once_no_more_than_may_are_there)
{
    in_processes(crowd_in);
    ck_assert_int_gt(stage->joined, 0);
    ck_assert_int_gt(stage->refused, 0);
    ck_assert_int_eq(tai_crowd_size(&stage->crowd, NOW), 0);
}
END_TEST

START_TEST(nobody_is_left_behind_when_all_have_gone)
{
    in_processes(come_and_go);
    for (int i = 0; i < TAI_CROWD_PERIODS; i++) {
        ck_assert_uint_eq(stage->crowd.came[i] & 0xffffff, 0);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, set_stage, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, there_is_a_last_one);
    tcase_add_test(tests, they_come_one_by_one);
    tcase_add_test(tests, one_who_stays_for_too_long_is_forgotten);
    tcase_add_test(tests, one_who_was_killed_is_forgotten);
    tcase_add_test(tests, of_many_at_once_no_more_than_may_are_there);
    tcase_add_test(tests, nobody_is_left_behind_when_all_have_gone);
}

int main(void)
{
    return unit_run("crowd", add_tests);
}
