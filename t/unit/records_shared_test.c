#include <signal.h>
#include <stdlib.h>
#include "core/mutex.h"
#include "made_record.h"
#include "shared.h"
#include "unit.h"

/*
 * Readers without a lock, at full speed, while writers insert, strike and push out, and are killed
 * at any moment: a reader never gets a record that is put together from two, and what the dead
 * leave behind is in order as soon as the next writer comes.
 */

#define READERS  2
#define WRITERS  2
#define KEYS     260 /* more than one set holds */
#define VERSIONS 60
#define KILLS    100

typedef struct stage_t {
    pthread_mutex_t lock; /* of the table */
    tai_records_t *table;
    apr_uint64_t writes, found, inherited, mixed;
    int arrived, stop;
} stage_t;

static apr_uint64_t count(apr_uint64_t *counter)
{
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static apr_uint64_t counted(const apr_uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static stage_t *make_stage(void)
{
    stage_t *stage = shared_block(sizeof(*stage));

    stage->table = shared_block(tai_records_bytes(1));
    tai_records_format(stage->table, 1);
    ck_assert_int_eq(tai_mutex_init(&stage->lock), APR_SUCCESS);
    return stage;
}

static int is_over(const stage_t *stage)
{
    return __atomic_load_n(&stage->stop, __ATOMIC_RELAXED);
}

static int read_all_the_time(void *data)
{
    stage_t *stage = data;
    apr_uint64_t chance = (apr_uint64_t)getpid();
    static tai_record_copy_t copy;

    meet(&stage->arrived, READERS);
    while (!is_over(stage)) {
        const apr_uint64_t key = chance_below(&chance, KEYS);
        const tai_digest_t digest = made_digest(key);

        if (tai_records_find(stage->table, &digest, &copy)) {
            count(&stage->found);
            if (!made_is_whole(&copy.record, key)) {
                count(&stage->mixed);
            }
        }
    }
    return 0;
}

static void write_once(stage_t *stage, apr_uint64_t *chance)
{
    const apr_uint64_t what = chance_below(chance, 2000), key = chance_below(chance, KEYS);
    made_record_t made;

    made_record(&made, key, chance_below(chance, VERSIONS));
    if (what < 1700) {
        tai_records_put(stage->table, &made.record);
    }
    else if (what < 1990) {
        tai_records_strike(stage->table, &made.record.key);
    }
    else if (what < 1999) {
        tai_records_strike_account(stage->table, made.account_id);
    }
    else {
        tai_records_empty(stage->table);
    }
}

/* Take the lock of the table as every writer does. */
static int lock_table(stage_t *stage)
{
    int inherited;

    if (tai_mutex_lock(&stage->lock, &inherited) != APR_SUCCESS) {
        return 0;
    }
    if (inherited) {
        tai_records_mend(stage->table);
        count(&stage->inherited);
    }
    return 1;
}

static int write_all_the_time(void *data)
{
    stage_t *stage = data;
    apr_uint64_t chance = (apr_uint64_t)getpid();

    while (!is_over(stage)) {
        if (!lock_table(stage)) {
            return 1;
        }
        write_once(stage, &chance);
        tai_mutex_unlock(&stage->lock);
        count(&stage->writes);
    }
    return 0;
}

static void wait_for_writes(const stage_t *stage, apr_uint64_t more)
{
    const apr_uint64_t until = counted(&stage->writes) + more;

    while (counted(&stage->writes) < until) {
        sched_yield();
    }
}

static void finish(stage_t *stage, const pid_t *pids, int n)
{
    __atomic_store_n(&stage->stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < n; i++) {
        child_succeeds(pids[i]);
    }
    ck_assert_uint_eq(counted(&stage->mixed), 0);
    /* or this has shown nothing */
    ck_assert_uint_gt(counted(&stage->found), 1000);
}

/* Whoever comes next finds all sets in order, and can use them. */
static void check_table(stage_t *stage)
{
    static tai_record_copy_t copy;
    made_record_t made;

    ck_assert(lock_table(stage));
    ck_assert_uint_eq(tai_records_check(stage->table), 0);
    made_record(&made, 1, 1);
    ck_assert_int_eq(tai_records_put(stage->table, &made.record), 1);
    ck_assert_int_eq(tai_records_find(stage->table, &made.record.key, &copy), 1);
    ck_assert_uint_eq(tai_records_check(stage->table), 0);
    tai_mutex_unlock(&stage->lock);
}

START_TEST(a_reader_never_gets_a_mixed_record)
{
    stage_t *stage = make_stage();
    pid_t pids[READERS + 1];
    tai_records_usage_t usage;
    int i;

    for (i = 0; i < READERS; i++) {
        pids[i] = in_child(read_all_the_time, stage);
    }
    pids[READERS] = in_child(write_all_the_time, stage);
    wait_for_writes(stage, (apr_uint64_t)chance_steps(200000));
    finish(stage, pids, READERS + 1);
    check_table(stage);
    tai_records_usage(stage->table, &usage);
    ck_assert_uint_gt(usage.evicted, 100);
    ck_assert_uint_eq(usage.torn, 0);
}
END_TEST

START_TEST(writers_are_killed_at_any_moment)
{
    stage_t *stage = make_stage();
    apr_uint64_t chance = chance_seed(_i);
    pid_t pids[READERS + WRITERS];
    tai_records_usage_t usage;
    int i, who;

    for (i = 0; i < READERS + WRITERS; i++) {
        pids[i] = in_child(i < READERS ? read_all_the_time : write_all_the_time, stage);
    }
    for (i = 0; i < KILLS; i++) {
        wait_for_writes(stage, chance_below(&chance, 200));
        who = READERS + (int)chance_below(&chance, WRITERS);
        kill(pids[who], SIGKILL);
        ck_assert_int_eq(waitpid(pids[who], NULL, 0), pids[who]);
        check_table(stage);
        pids[who] = in_child(write_all_the_time, stage);
    }
    finish(stage, pids, READERS + WRITERS);
    check_table(stage);
    tai_records_usage(stage->table, &usage);
    /* some died with the lock in their hands, and some amid a change */
    ck_assert_uint_gt(counted(&stage->inherited), 0);
    ck_assert_uint_gt(usage.torn, 0);
}
END_TEST

/* What a dead writer has left is no answer to anybody, before it is mended and after it. */
START_TEST(a_set_that_is_torn_is_empty_to_readers)
{
    stage_t *stage = make_stage();
    static tai_record_copy_t copy;
    made_record_t made;
    tai_records_usage_t usage = {0};
    pid_t pid;

    made_record(&made, 1, 1);
    while (usage.torn == 0) {
        stage->writes = 0;
        pid = in_child(write_all_the_time, stage);
        wait_for_writes(stage, 20);
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        if (tai_records_check(stage->table) > 0) {
            ck_assert_int_eq(tai_records_find(stage->table, &made.record.key, &copy), 0);
        }
        ck_assert(lock_table(stage));
        tai_records_usage(stage->table, &usage);
        ck_assert(usage.torn == 0 || usage.live == 0);
        tai_mutex_unlock(&stage->lock);
    }
    check_table(stage);
}
END_TEST

#ifdef TAI_FAULTS
static const char *const points[] = {"records.put", "records.compact"};

/* Full, so that a new key pushes out another. */
static int fill(void *data)
{
    stage_t *stage = data;
    made_record_t made;
    apr_uint64_t key;

    for (key = 0; key < KEYS && lock_table(stage); key++) {
        made_record(&made, key, 2);
        tai_records_put(stage->table, &made.record);
        tai_mutex_unlock(&stage->lock);
    }
    return key < KEYS;
}

/* Have the point kill the process that comes by next. */
static void arm(const char *point)
{
    static char directory[] = "/tmp/taiauth-faults-XXXXXX";
    char path[128];
    FILE *file;

    if (getenv("TAI_FAULTS") == NULL) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
        setenv("TAI_FAULTS", directory, 1);
    }
    snprintf(path, sizeof(path), "%s/%s", getenv("TAI_FAULTS"), point);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("kill\n", file);
    fclose(file);
}

START_TEST(killed_at_the_fault_point)
{
    stage_t *stage = make_stage();
    tai_records_usage_t usage;
    int status;
    pid_t pid;

    child_succeeds(in_child(fill, stage));
    arm(points[_i]);
    pid = in_child(fill, stage);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    rmdir(getenv("TAI_FAULTS"));
    ck_assert(WIFSIGNALED(status));
    ck_assert_uint_eq(tai_records_check(stage->table), 1);
    check_table(stage);
    tai_records_usage(stage->table, &usage);
    ck_assert_uint_eq(usage.torn, 1);
    ck_assert_uint_eq(usage.live, 1);
}
END_TEST
#endif

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_reader_never_gets_a_mixed_record);
    tcase_add_loop_test(tests, writers_are_killed_at_any_moment, 0, chance_seeds());
    tcase_add_test(tests, a_set_that_is_torn_is_empty_to_readers);
#ifdef TAI_FAULTS
    tcase_add_loop_test(tests, killed_at_the_fault_point, 0, ROWS(points));
#endif
}

int main(void)
{
    return unit_run("records of several processes", add);
}
