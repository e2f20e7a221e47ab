#include <signal.h>
#include "core/limiter_shm.h"
#include "chance.h"
#include "shared.h"
#include "unit.h"

/*
 * Processes that log in wrongly, each try in a slot, one of which is killed at any moment. The others
 * go on to the end: of each user name as many tries were evaluated as the policy says, but for the
 * one that the dead had in hand, and nothing is left locked that is not to be.
 */

#define NOW         APR_UINT64_C(1000000)
#define CHILDREN    4
#define ROUNDS      100
#define ROUNDS_MAX  10000 /* while none has died in a slot */
#define CLIENTS     10
#define USERNAMES   (9 * CLIENTS) /* 9 N tries of a client: fewer than lock it */
#define ROUND_MS    2000          /* nothing of a round before counts */
#define ALL_OF_THEM ((int)(USERNAMES * policy.failures.max))

static const tai_lockout_t policy = {{5, 1000}, 1000};

typedef struct stage_t {
    tai_segment_t *segment;
    apr_uint64_t now;
    apr_uint64_t seed;
    int turns; /* tries so far, by all */
    int evaluated[USERNAMES];
    int owner[TAI_PASSWORD_SLOTS]; /* who holds it, by his own word */
} stage_t;

static int read_int(const int *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

/* @return 1: refused, there is nothing more to try; 0: go on; -1: something is wrong */
static int try_once(stage_t *stage, apr_uint64_t user)
{
    const tai_limiter_t limiter = {&tai_limiter_shm, stage->segment};
    const apr_uint64_t client = user % CLIENTS;
    tai_login_t login;
    apr_uint64_t left_ms;
    unsigned started;

    tai_login_make(&login, stage->segment, &limiter, &user, sizeof(user), &client, sizeof(client),
                   &policy);
    if (tai_login_begin(&login, stage->now, &left_ms) != APR_SUCCESS) {
        return -1;
    }
    if (left_ms > 0) {
        return 1;
    }
    __atomic_add_fetch(&stage->evaluated[user], 1, __ATOMIC_RELAXED);
    return tai_login_fail(&login, stage->now, &started) == APR_SUCCESS ? 0 : -1;
}

/* The same in a slot, as soon as there is one. */
static int try_in_slot(stage_t *stage, apr_uint64_t user)
{
    const int pid = getpid();
    int slot, result;
    apr_status_t rv;

    while ((rv = tai_slots_take(tai_segment_slots(stage->segment), (tai_id_t){user, 0}, &slot)) ==
           APR_EBUSY) {
        sched_yield();
    }
    if (rv != APR_SUCCESS) {
        return -1;
    }
    __atomic_store_n(&stage->owner[slot], pid, __ATOMIC_RELAXED);
    result = try_once(stage, user);
    if (read_int(&stage->owner[slot]) != pid) {
        result = -1;
    }
    __atomic_store_n(&stage->owner[slot], 0, __ATOMIC_RELAXED);
    tai_slots_leave(tai_segment_slots(stage->segment), slot);
    __atomic_add_fetch(&stage->turns, 1, __ATOMIC_RELAXED);
    return result;
}

/* Every user name, each until it is refused, beginning anywhere. */
static int guess_all(void *data)
{
    stage_t *stage = data;
    apr_uint64_t chance = stage->seed + (apr_uint64_t)getpid();
    const apr_uint64_t first = chance_below(&chance, USERNAMES);
    apr_uint64_t i;
    int result = 0;

    for (i = 0; i < USERNAMES && result >= 0; i++) {
        do {
            result = try_in_slot(stage, (first + i) % USERNAMES);
        } while (result == 0);
    }
    return result < 0;
}

static int is_in_slot(const stage_t *stage, pid_t pid)
{
    int i, inside = 0;

    for (i = 0; i < TAI_PASSWORD_SLOTS; i++) {
        inside |= read_int(&stage->owner[i]) == pid;
    }
    return inside;
}

/*
 * After so many tries of all, and where there are still some to come, as soon as it is seen in a
 * slot: on a busy machine it hardly ever dies there by chance.
 * @return 1: it died in a slot
 */
static int kill_at_random(const stage_t *stage, pid_t pid, apr_uint64_t *chance)
{
    const int until = (int)chance_below(chance, (apr_uint64_t)ALL_OF_THEM);

    while (read_int(&stage->turns) < until) {
        sched_yield();
    }
    while (!is_in_slot(stage, pid) && read_int(&stage->turns) < ALL_OF_THEM) {
        sched_yield();
    }
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    return is_in_slot(stage, pid);
}

static int check_round(const stage_t *stage)
{
    int i, sum = 0;

    for (i = 0; i < USERNAMES; i++) {
        ck_assert_int_le(stage->evaluated[i], (int)policy.failures.max);
        sum += stage->evaluated[i];
    }
    return sum;
}

static void check_slots(tai_slots_t *slots)
{
    int i, slot[TAI_PASSWORD_SLOTS];

    for (i = 0; i < TAI_PASSWORD_SLOTS; i++) {
        ck_assert_int_eq(tai_slots_take(slots, (tai_id_t){(apr_uint64_t)i, 1}, &slot[i]),
                         APR_SUCCESS);
    }
    for (i = 0; i < TAI_PASSWORD_SLOTS; i++) {
        tai_slots_leave(slots, slot[i]);
    }
}

/* @return 1: the one that was killed died in a slot */
static int play_round(stage_t *stage, apr_uint64_t *chance)
{
    pid_t pids[CHILDREN];
    int i, inside, sum;

    for (i = 0; i < CHILDREN; i++) {
        pids[i] = in_child(guess_all, stage);
    }
    inside = kill_at_random(stage, pids[0], chance);
    for (i = 1; i < CHILDREN; i++) {
        child_succeeds(pids[i]);
    }
    sum = check_round(stage);
    ck_assert_int_le(sum, ALL_OF_THEM);
    ck_assert_int_ge(sum, ALL_OF_THEM - 1);
    check_slots(tai_segment_slots(stage->segment));
    return inside;
}

START_TEST(killed_at_any_moment)
{
    stage_t *stage = shared_block(sizeof(*stage));
    apr_uint64_t chance = chance_seed(_i);
    int round, inside = 0;

    ck_assert_int_eq(tai_segment_format(shared_block(TAI_SEGMENT_MIN_BYTES), TAI_SEGMENT_MIN_BYTES,
                                        0, &stage->segment),
                     APR_SUCCESS);
    for (round = 0; round < ROUNDS || (inside == 0 && round < ROUNDS_MAX); round++) {
        *stage = (stage_t){.segment = stage->segment,
                           .now = NOW + (apr_uint64_t)round * ROUND_MS,
                           .seed = chance_next(&chance)};
        inside += play_round(stage, &chance);
    }
    /* some died in a slot, or this has shown nothing */
    ck_assert_int_gt(inside, 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, killed_at_any_moment, 0, chance_seeds());
}

int main(void)
{
    return unit_run("log-ins of killed processes", add);
}
