#include "core/clock.h"
#include "core/mutex.h"
#include "shared.h"
#include "unit.h"

static pthread_mutex_t *mutex; /* of the running test */
static int *let_go;

static void make_mutex(void)
{
    mutex = shared_block(sizeof(*mutex));
    let_go = shared_block(sizeof(*let_go));
    ck_assert_int_eq(tai_mutex_init(mutex), APR_SUCCESS);
}

START_TEST(nobody_has_it)
{
    ck_assert_int_eq(tai_mutex_wait(mutex, 0), APR_SUCCESS);
    tai_mutex_unlock(mutex);
    ck_assert_int_eq(tai_mutex_wait(mutex, 10), APR_SUCCESS);
    tai_mutex_unlock(mutex);
}
END_TEST

/* Beyond the longest time that anybody sleeps at once. */
START_TEST(somebody_has_it_for_longer)
{
    const apr_uint64_t before = tai_clock_ms();

    ck_assert_int_eq(tai_mutex_try(mutex), APR_SUCCESS);
    ck_assert_int_eq(tai_mutex_wait(mutex, 0), APR_TIMEUP);
    ck_assert_int_eq(tai_mutex_wait(mutex, 250), APR_TIMEUP);
    ck_assert_uint_ge(tai_clock_ms(), before + 200); /* the clock of the wait is a coarse one */
    tai_mutex_unlock(mutex);
}
END_TEST

static int hold(void *data)
{
    (void)data;
    if (tai_mutex_try(mutex) != APR_SUCCESS) {
        return 1;
    }
    meet(let_go, 2);
    tai_mutex_unlock(mutex);
    return 0;
}

START_TEST(somebody_lets_it_go)
{
    pid_t pid = in_child(hold, NULL);

    while (tai_mutex_wait(mutex, 0) == APR_SUCCESS) {
        tai_mutex_unlock(mutex);
        sched_yield();
    }
    meet(let_go, 2);
    ck_assert_int_eq(tai_mutex_wait(mutex, 60000), APR_SUCCESS);
    tai_mutex_unlock(mutex);
    child_succeeds(pid);
}
END_TEST

static int die_with_it(void *data)
{
    (void)data;
    return tai_mutex_try(mutex) != APR_SUCCESS;
}

START_TEST(who_had_it_is_dead)
{
    child_succeeds(in_child(die_with_it, NULL));
    ck_assert_int_eq(tai_mutex_wait(mutex, 0), APR_SUCCESS);
    tai_mutex_unlock(mutex);
    ck_assert_int_eq(tai_mutex_wait(mutex, 0), APR_SUCCESS);
    tai_mutex_unlock(mutex);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, make_mutex, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, nobody_has_it);
    tcase_add_test(tests, somebody_has_it_for_longer);
    tcase_add_test(tests, somebody_lets_it_go);
    tcase_add_test(tests, who_had_it_is_dead);
}

int main(void)
{
    return unit_run("mutex", add);
}
