#include <signal.h>
#include "core/slots.h"
#include "chance.h"
#include "shared.h"
#include "unit.h"

/* Two at a time and of one client one, whatever processes they are and however they end. */

#define TWO      2
#define CHILDREN 6
#define CLIENTS  3
#define TURNS    20000

static tai_slots_t *slots;

static void make_slots(void)
{
    slots = shared_block(sizeof(*slots));
    ck_assert_int_eq(tai_slots_format(slots, TWO), APR_SUCCESS);
}

static tai_id_t client(apr_uint64_t i)
{
    return (tai_id_t){i, ~i};
}

/* @return the number of the slot; -1: busy */
static int take(apr_uint64_t who)
{
    int slot = -1;
    const apr_status_t rv = tai_slots_take(slots, client(who), &slot);

    if (rv != APR_SUCCESS) {
        ck_assert_int_eq(rv, APR_EBUSY);
        return -1;
    }
    ck_assert_int_ge(slot, 0);
    ck_assert_int_lt(slot, TWO);
    return slot;
}

START_TEST(two_clients_and_no_third)
{
    const int first = take(1), second = take(2);

    ck_assert_int_ge(first, 0);
    ck_assert_int_ge(second, 0);
    ck_assert_int_ne(first, second);
    ck_assert_int_eq(take(3), -1);
    tai_slots_leave(slots, first);
    ck_assert_int_eq(take(3), first);
    ck_assert_int_eq(take(1), -1);
}
END_TEST

START_TEST(one_of_a_client)
{
    const int first = take(1);
    int other;

    ck_assert_int_eq(take(1), -1);
    other = take(2);
    ck_assert_int_ge(other, 0);
    tai_slots_leave(slots, first);
    ck_assert_int_eq(take(2), -1);
    ck_assert_int_eq(take(1), first);
    tai_slots_leave(slots, first);
    tai_slots_leave(slots, other);
    /* whose it was says nothing of a slot that is free */
    ck_assert_int_ge(take(2), 0);
    ck_assert_int_ge(take(1), 0);
}
END_TEST

/* Clients differ in all of their identity. */
START_TEST(half_an_identity_is_another_client)
{
    int slot;

    ck_assert_int_eq(tai_slots_take(slots, (tai_id_t){1, 1}, &slot), APR_SUCCESS);
    ck_assert_int_eq(tai_slots_take(slots, (tai_id_t){1, 2}, &slot), APR_SUCCESS);
    tai_slots_leave(slots, slot);
    ck_assert_int_eq(tai_slots_take(slots, (tai_id_t){2, 1}, &slot), APR_SUCCESS);
}
END_TEST

/* As many as there are, whoever has the others. */
START_TEST(anyone_may_have_several)
{
    int slot, i;

    ck_assert_int_eq(tai_slots_format(slots, TAI_SLOTS_MAX), APR_SUCCESS);
    for (i = 0; i < TAI_SLOTS_MAX; i++) {
        ck_assert_int_eq(tai_slots_take(slots, TAI_SLOT_ANYONE, &slot), APR_SUCCESS);
        ck_assert_int_eq(slot, i);
    }
    ck_assert_int_eq(tai_slots_take(slots, TAI_SLOT_ANYONE, &slot), APR_EBUSY);
    ck_assert_int_eq(tai_slots_take(slots, client(1), &slot), APR_EBUSY);
    tai_slots_leave(slots, 7);
    ck_assert_int_eq(tai_slots_take(slots, TAI_SLOT_ANYONE, &slot), APR_SUCCESS);
    ck_assert_int_eq(slot, 7);
}
END_TEST

static int hold_until_killed(void *data)
{
    int *held = data;

    __atomic_store_n(held, 1 + take(1), __ATOMIC_RELEASE);
    while (pause() != 0) {
        /* a signal that does not end us */
    }
    return 0;
}

START_TEST(slot_of_a_killed_process_is_free)
{
    int *held = shared_block(sizeof(*held)), slot;
    const pid_t pid = in_child(hold_until_killed, held);

    while ((slot = __atomic_load_n(held, __ATOMIC_ACQUIRE) - 1) < 0) {
        sched_yield();
    }
    ck_assert_int_eq(take(1), -1);
    ck_assert_int_eq(take(2), 1 - slot);
    ck_assert_int_eq(take(3), -1);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_eq(take(1), slot);
}
END_TEST

static void *take_and_end(void *nothing)
{
    ck_assert_int_ge(take(1), 0);
    return nothing;
}

START_TEST(slot_of_a_thread_that_ended_is_free)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, take_and_end, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_ge(take(1), 0);
    ck_assert_int_ge(take(2), 0);
}
END_TEST

static int die_in_the_door(void *nothing)
{
    int inherited;

    (void)nothing;
    return tai_mutex_lock(&slots->door, &inherited) != APR_SUCCESS;
}

START_TEST(door_is_not_left_locked)
{
    child_succeeds(in_child(die_in_the_door, NULL));
    ck_assert_int_ge(take(1), 0);
}
END_TEST

/* Who is inside, counted by those who are. */
typedef struct stage_t {
    int arrived;
    int inside;
    int of_client[CLIENTS];
    apr_uint64_t taken;
} stage_t;

static int come_and_go(void *data)
{
    stage_t *stage = data;
    apr_uint64_t chance = (apr_uint64_t)getpid();
    const int turns = chance_steps(TURNS);
    int i, wrong = 0;

    meet(&stage->arrived, CHILDREN);
    for (i = 0; i < turns; i++) {
        const apr_uint64_t who = chance_below(&chance, CLIENTS);
        const int slot = take(who);

        if (slot >= 0) {
            wrong |= __atomic_add_fetch(&stage->inside, 1, __ATOMIC_SEQ_CST) > TWO;
            wrong |= __atomic_add_fetch(&stage->of_client[who], 1, __ATOMIC_SEQ_CST) > 1;
            __atomic_add_fetch(&stage->taken, 1, __ATOMIC_RELAXED);
            if (i % 8 == 0) {
                sched_yield();
            }
            __atomic_sub_fetch(&stage->of_client[who], 1, __ATOMIC_SEQ_CST);
            __atomic_sub_fetch(&stage->inside, 1, __ATOMIC_SEQ_CST);
            tai_slots_leave(slots, slot);
        }
    }
    return wrong;
}

START_TEST(never_more_than_there_are)
{
    stage_t *stage = shared_block(sizeof(*stage));
    pid_t pids[CHILDREN];
    int i;

    for (i = 0; i < CHILDREN; i++) {
        pids[i] = in_child(come_and_go, stage);
    }
    for (i = 0; i < CHILDREN; i++) {
        child_succeeds(pids[i]);
    }
    ck_assert_uint_gt(stage->taken, 0);
    ck_assert_int_ge(take(1), 0);
    ck_assert_int_ge(take(2), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_slots, NULL);
    tcase_add_test(tests, two_clients_and_no_third);
    tcase_add_test(tests, one_of_a_client);
    tcase_add_test(tests, half_an_identity_is_another_client);
    tcase_add_test(tests, anyone_may_have_several);
    tcase_add_test(tests, slot_of_a_killed_process_is_free);
    tcase_add_test(tests, slot_of_a_thread_that_ended_is_free);
    tcase_add_test(tests, door_is_not_left_locked);
    tcase_add_test(tests, never_more_than_there_are);
}

int main(void)
{
    return unit_run("slots", add);
}
