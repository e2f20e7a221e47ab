#include <errno.h>
#include <stdio.h>
#include "core/table.h"
#include "shared.h"
#include "unit.h"

/* Locks of a table among processes: in order, each once, and never lost with a dead process. */

#define NOW   APR_UINT64_C(1000000)
#define SETS  4u
#define TURNS 20000

static tai_table_t *table; /* of SETS sets, entries of one number */

static void make_table(void)
{
    table = shared_table(sizeof(apr_uint64_t), SETS);
}

/* The upper half of hi says which part of the sets it is. */
static tai_id_t id_in_set(apr_uint64_t set, apr_uint64_t i)
{
    return (tai_id_t){.hi = (set << 62) + i, .lo = i};
}

/* By the drawing of a table: the mutex stands at the start of its set. */
static pthread_mutex_t *mutex_of(apr_uint32_t set)
{
    const apr_size_t size =
        tai_table_bytes(sizeof(apr_uint64_t), 2) - tai_table_bytes(sizeof(apr_uint64_t), 1);

    return (pthread_mutex_t *)((char *)table + tai_table_bytes(sizeof(apr_uint64_t), set + 1) -
                               size);
}

static apr_status_t lock(const tai_id_t *ids, int n, tai_place_t *places)
{
    tai_table_t *tables[TAI_TABLE_LOCK_MAX];
    int i;

    for (i = 0; i < n; i++) {
        tables[i] = table;
    }
    return tai_table_lock(tables, ids, n, places);
}

/* Lock as many as there are, insert them and add one to each. */
static int add_one(const tai_id_t *ids, int n)
{
    tai_place_t places[TAI_TABLE_LOCK_MAX];
    int i;

    if (lock(ids, n, places) != APR_SUCCESS) {
        return 1;
    }
    for (i = 0; i < n; i++) {
        tai_table_insert(&places[i], ids[i], NOW);
        tai_table_set_due(&places[i], NOW + 1);
        ++*(apr_uint64_t *)places[i].entry;
    }
    tai_table_unlock(places, n);
    return 0;
}

static apr_uint64_t value_of(tai_id_t id)
{
    tai_place_t place;
    apr_uint64_t value;

    ck_assert_int_eq(lock(&id, 1, &place), APR_SUCCESS);
    value = place.entry != NULL ? *(apr_uint64_t *)place.entry : 0;
    tai_table_unlock(&place, 1);
    return value;
}

static apr_uint64_t recovered(void)
{
    tai_table_usage_t usage;

    tai_table_usage(table, NOW, &usage);
    return usage.recovered;
}

/* For another process: is every set free? */
static int take_all(void *unused)
{
    apr_uint32_t set;

    (void)unused;
    for (set = 0; set < SETS; set++) {
        if (pthread_mutex_trylock(mutex_of(set)) != 0) {
            return 1;
        }
        pthread_mutex_unlock(mutex_of(set));
    }
    return 0;
}

START_TEST(set_is_locked_once_and_unlocked_once)
{
    const tai_id_t ids[] = {id_in_set(2, 1), id_in_set(0, 2), id_in_set(2, 3), id_in_set(2, 4)};
    tai_place_t places[4];

    ck_assert_int_eq(lock(ids, 4, places), APR_SUCCESS);
    ck_assert_uint_eq(places[0].set, 2);
    ck_assert_uint_eq(places[1].set, 0);
    ck_assert_int_eq(pthread_mutex_trylock(mutex_of(0)), EBUSY);
    ck_assert_int_eq(pthread_mutex_trylock(mutex_of(2)), EBUSY);
    ck_assert_int_eq(pthread_mutex_trylock(mutex_of(1)), 0);
    pthread_mutex_unlock(mutex_of(1));
    tai_table_unlock(places, 4);
    child_succeeds(in_child(take_all, NULL));
}
END_TEST

static int add_upwards(void *unused)
{
    const tai_id_t ids[] = {id_in_set(0, 1), id_in_set(1, 1), id_in_set(3, 1)};
    int i, failed = 0;

    (void)unused;
    for (i = 0; i < TURNS; i++) {
        failed |= add_one(ids, 3);
    }
    return failed;
}

static int add_downwards(void *unused)
{
    const tai_id_t ids[] = {id_in_set(3, 1), id_in_set(1, 1), id_in_set(3, 2), id_in_set(0, 1)};
    int i, failed = 0;

    (void)unused;
    for (i = 0; i < TURNS; i++) {
        failed |= add_one(ids, 4);
    }
    return failed;
}

START_TEST(opposite_orders_do_not_deadlock)
{
    const pid_t up = in_child(add_upwards, NULL), down = in_child(add_downwards, NULL);

    child_succeeds(up);
    child_succeeds(down);
    ck_assert_uint_eq(value_of(id_in_set(0, 1)), 2 * TURNS);
    ck_assert_uint_eq(value_of(id_in_set(1, 1)), 2 * TURNS);
    ck_assert_uint_eq(value_of(id_in_set(3, 1)), 2 * TURNS);
    ck_assert_uint_eq(value_of(id_in_set(3, 2)), TURNS);
}
END_TEST

/* Ends with sets 1 and 3 locked and fifteen places of set 3 in its hands. */
static int die_with_locks(void *unused)
{
    tai_id_t ids[TAI_TABLE_LOCK_MAX];
    tai_place_t places[TAI_TABLE_LOCK_MAX];
    int i;

    (void)unused;
    for (i = 0; i < TAI_TABLE_LOCK_MAX; i++) {
        ids[i] = id_in_set(i == 0 ? 1 : 3, (apr_uint64_t)i);
    }
    if (lock(ids, TAI_TABLE_LOCK_MAX, places) != APR_SUCCESS) {
        return 1;
    }
    for (i = 0; i < TAI_TABLE_LOCK_MAX; i++) {
        tai_table_insert(&places[i], ids[i], NOW);
    }
    return 0;
}

/* Insert that many live entries into set 3. */
static void add_to_set_3(apr_uint64_t first, apr_uint64_t many)
{
    apr_uint64_t i;

    for (i = 0; i < many; i++) {
        const tai_id_t id = id_in_set(3, first + i);

        ck_assert_int_eq(add_one(&id, 1), 0);
    }
}

START_TEST(dead_process_leaves_its_locks_to_the_next)
{
    const apr_uint64_t dead = TAI_TABLE_LOCK_MAX - 1;
    tai_table_usage_t usage;

    /* all other places are live: whoever comes next can only take those that the dead one held */
    add_to_set_3(1000, TAI_TABLE_WAYS - dead);
    child_succeeds(in_child(die_with_locks, NULL));
    add_to_set_3(2000, dead);
    ck_assert_uint_eq(value_of(id_in_set(1, 0)), 0);
    tai_table_usage(table, NOW, &usage);
    ck_assert_uint_eq(usage.recovered, 2);
    ck_assert_uint_eq(usage.live, TAI_TABLE_WAYS);
    ck_assert_uint_eq(usage.lost, 0);
    child_succeeds(in_child(take_all, NULL));
}
END_TEST

START_TEST(usage_takes_over_too)
{
    child_succeeds(in_child(die_with_locks, NULL));
    ck_assert_uint_eq(recovered(), 2);
    child_succeeds(in_child(take_all, NULL));
}
END_TEST

static int break_set_3(void *unused)
{
    (void)unused;
    return pthread_mutex_lock(mutex_of(3));
}

START_TEST(broken_mutex_is_an_error_and_leaves_nothing_locked)
{
    const tai_id_t ids[] = {id_in_set(3, 1), id_in_set(0, 1), id_in_set(1, 1)};
    tai_table_usage_t usage;
    tai_place_t places[3];
    apr_uint32_t set;

    add_to_set_3(1, 1);
    /* unlocked by someone who does not say that it is consistent: nobody ever gets it again */
    child_succeeds(in_child(break_set_3, NULL));
    ck_assert_int_eq(pthread_mutex_lock(mutex_of(3)), EOWNERDEAD);
    pthread_mutex_unlock(mutex_of(3));

    ck_assert_int_eq(lock(ids, 3, places), ENOTRECOVERABLE);
    for (set = 0; set < 3; set++) {
        ck_assert_int_eq(pthread_mutex_trylock(mutex_of(set)), 0);
        pthread_mutex_unlock(mutex_of(set));
    }
    ck_assert_int_eq(add_one(&ids[1], 2), 0);
    /* what stands in the broken set is not told */
    tai_table_usage(table, NOW, &usage);
    ck_assert_uint_eq(usage.live, 2);
}
END_TEST

static int add_once(void *unused)
{
    const tai_id_t id = id_in_set(1, 1);

    (void)unused;
    return add_one(&id, 1);
}

/* Wait until a process sleeps. */
static void falls_asleep(pid_t pid)
{
    char path[64], state = 0;
    FILE *stat;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    while (state != 'S') {
        stat = fopen(path, "r");
        ck_assert_ptr_nonnull(stat);
        ck_assert_int_eq(fscanf(stat, "%*d (%*[^)]) %c", &state), 1);
        fclose(stat);
        sched_yield();
    }
}

/*
 * As when a waiter is killed that has just been woken: the other one sleeps, and the mutex does not
 * know of it (in glibc, the upper bit of the word that holds the owner).
 */
START_TEST(swallowed_wake_up_is_made_up_for)
{
    pthread_mutex_t *mutex = mutex_of(1);
    pid_t pid;

    ck_assert_int_eq(pthread_mutex_lock(mutex), 0);
    pid = in_child(add_once, NULL);
    while (__atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED) >= 0) {
        sched_yield();
    }
    falls_asleep(pid);
    __atomic_and_fetch(&mutex->__data.__lock, APR_INT32_MAX, __ATOMIC_RELAXED);
    pthread_mutex_unlock(mutex);
    child_succeeds(pid);
    ck_assert_uint_eq(value_of(id_in_set(1, 1)), 1);
}
END_TEST

static int add_alone(void *unused)
{
    const tai_id_t id = id_in_set(1, 1);
    int i, failed = 0;

    (void)unused;
    for (i = 0; i < TURNS; i++) {
        failed |= add_one(&id, 1);
    }
    return failed;
}

/* One block of memory at two addresses: an httpd of another generation, or a tool beside it. */
START_TEST(mapped_at_two_addresses_it_is_one_table)
{
    const apr_size_t bytes = tai_table_bytes(sizeof(apr_uint64_t), SETS);
    const int fd = memfd_create("table", 0), rw = PROT_READ | PROT_WRITE;
    tai_table_t *here, *there;
    pid_t pid;

    ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
    here = mmap(NULL, bytes, rw, MAP_SHARED, fd, 0);
    there = mmap(NULL, bytes, rw, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(here, MAP_FAILED);
    ck_assert_ptr_ne(there, MAP_FAILED);
    ck_assert_ptr_ne(here, there);
    ck_assert_int_eq(tai_table_format(here, sizeof(apr_uint64_t), SETS), APR_SUCCESS);

    table = there;
    pid = in_child(add_alone, NULL);
    table = here;
    ck_assert_int_eq(add_alone(NULL), 0);
    child_succeeds(pid);
    ck_assert_uint_eq(value_of(id_in_set(1, 1)), 2 * TURNS);

    table = there;
    child_succeeds(in_child(die_with_locks, NULL));
    table = here;
    ck_assert_int_eq(add_alone(NULL), 0);
    ck_assert_uint_eq(value_of(id_in_set(1, 1)), 3 * TURNS);
    ck_assert_uint_eq(recovered(), 2);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, make_table, NULL);
    tcase_add_test(tests, set_is_locked_once_and_unlocked_once);
    tcase_add_test(tests, opposite_orders_do_not_deadlock);
    tcase_add_test(tests, dead_process_leaves_its_locks_to_the_next);
    tcase_add_test(tests, usage_takes_over_too);
    tcase_add_test(tests, broken_mutex_is_an_error_and_leaves_nothing_locked);
    tcase_add_test(tests, swallowed_wake_up_is_made_up_for);
    tcase_add_test(tests, mapped_at_two_addresses_it_is_one_table);
}

int main(void)
{
    return unit_run("locks of a table", add);
}
