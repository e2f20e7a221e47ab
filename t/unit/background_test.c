#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* cpu_set_t */
#endif
#include <sched.h>
#include "core/background.h"
#include "unit.h"

static cpu_set_t of_thread(void)
{
    cpu_set_t set;

    ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    return set;
}

/* What a computation found of the processors that it may use. */
typedef struct seen_t {
    int ran;
    cpu_set_t set;
} seen_t;

static void look(void *data)
{
    seen_t *seen = data;

    seen->ran++;
    seen->set = of_thread();
}

START_TEST(it_has_run_when_we_go_on)
{
    seen_t seen = {0};

    tai_background_run(look, &seen);
    ck_assert_int_eq(seen.ran, 1);
}
END_TEST

START_TEST(half_of_the_processors_are_left)
{
    const cpu_set_t ours = of_thread();
    const int all = CPU_COUNT(&ours);
    cpu_set_t both;
    seen_t seen = {0};

    tai_background_run(look, &seen);
    ck_assert_int_eq(CPU_COUNT(&seen.set), all - all / 2);
    CPU_AND(&both, &ours, &seen.set);
    ck_assert(CPU_EQUAL(&both, &seen.set));
}
END_TEST

START_TEST(of_one_processor_none_is_left)
{
    const cpu_set_t before = of_thread();
    cpu_set_t one;
    seen_t seen = {0};
    int cpu = 0;

    while (!CPU_ISSET(cpu, &before)) {
        cpu++;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
    tai_background_run(look, &seen);
    ck_assert(CPU_EQUAL(&seen.set, &one));
    ck_assert_int_eq(sched_setaffinity(0, sizeof(before), &before), 0);
}
END_TEST

START_TEST(we_keep_all_of_ours)
{
    const cpu_set_t before = of_thread();
    cpu_set_t after;
    seen_t seen = {0};

    tai_background_run(look, &seen);
    after = of_thread();
    ck_assert(CPU_EQUAL(&before, &after));
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, it_has_run_when_we_go_on);
    tcase_add_test(tests, half_of_the_processors_are_left);
    tcase_add_test(tests, of_one_processor_none_is_left);
    tcase_add_test(tests, we_keep_all_of_ours);
}

int main(void)
{
    return unit_run("background", add);
}
