#include <stdlib.h>
#include <string.h>
#include "chance.h"
#include "tries.h"

/* Log-ins said once more, with plain logs of all times. */

#define USERNAMES 12
#define CLIENTS   12
#define UNDER_WAY 3
#define LOG       64
#define STEPS     100000

typedef struct count_t {
    apr_uint64_t log[LOG]; /* times, in order */
    int logged;
    apr_uint64_t locked_until;
} count_t;

typedef struct model_t {
    count_t pair[USERNAMES][CLIENTS], username[USERNAMES], client[CLIENTS];
} model_t;

/* A try of the model beside the real one. */
typedef struct twin_t {
    tai_login_t login;
    count_t *counts[TAI_LOGIN_COUNT];
    tai_lockout_t lockout;
    apr_uint64_t at;
} twin_t;

static int n_of(const twin_t *twin, int i)
{
    return (int)twin->lockout.failures.max * (i == TAI_LOGIN_PAIR ? 1 : 10);
}

/* Forget what has left the window. @return how many are left */
static int model_count(count_t *count, const tai_lockout_t *lockout, apr_uint64_t now)
{
    int i, kept = 0;

    for (i = 0; i < count->logged; i++) {
        if (now - count->log[i] < lockout->failures.window_ms) {
            count->log[kept++] = count->log[i];
        }
    }
    count->logged = kept;
    return kept;
}

static apr_uint64_t model_begin(twin_t *twin, apr_uint64_t now)
{
    apr_uint64_t most = 0;
    int i;

    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        count_t *count = twin->counts[i];
        const int over = model_count(count, &twin->lockout, now) - n_of(twin, i);
        apr_uint64_t one = 0;

        if (count->locked_until > now) {
            one = count->locked_until - now;
        }
        else if (over >= 0) {
            one = count->log[over] + twin->lockout.failures.window_ms - now;
        }
        most = one > most ? one : most;
    }
    for (i = 0; i < TAI_LOGIN_COUNT && most == 0; i++) {
        twin->counts[i]->log[twin->counts[i]->logged++] = now;
    }
    twin->at = now;
    return most;
}

static unsigned model_fail(const twin_t *twin, apr_uint64_t now)
{
    unsigned started = 0;
    int i;

    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        count_t *count = twin->counts[i];

        if (count->locked_until <= now &&
            model_count(count, &twin->lockout, now) >= n_of(twin, i)) {
            *count = (count_t){.locked_until = now + twin->lockout.lock_ms};
            started |= 1u << i;
        }
    }
    return started;
}

static void model_take_back(count_t *count, apr_uint64_t at)
{
    int i = 0;

    while (i < count->logged && count->log[i] < at) {
        i++;
    }
    if (i < count->logged && count->locked_until <= at) {
        memmove(&count->log[i], &count->log[i + 1],
                (size_t)(count->logged - i - 1) * sizeof(count->log[0]));
        count->logged--;
    }
}

static void model_end(const twin_t *twin, apr_uint64_t now, int right)
{
    int i;

    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        if (right && i != TAI_LOGIN_CLIENT) {
            twin->counts[i]->logged = 0;
        }
        else if (now < twin->at + twin->lockout.failures.window_ms) {
            model_take_back(twin->counts[i], twin->at);
        }
    }
}

/* Who tries, and by which policy. */
typedef struct scene_t {
    apr_uint64_t usernames, clients;
    tai_lockout_t lockout;
} scene_t;

static scene_t make_scene(apr_uint64_t *chance)
{
    return (scene_t){
        .usernames = chance_between(chance, 1, USERNAMES),
        .clients = chance_between(chance, 1, CLIENTS),
        .lockout = {{(apr_uint32_t)chance_between(chance, 1, 3), 300000},
                    (apr_uint32_t)chance_between(chance, 1000, 600000)},
    };
}

static twin_t make_twin(model_t *model, const scene_t *scene, apr_uint64_t *chance)
{
    const apr_uint64_t user = chance_below(chance, scene->usernames);
    const apr_uint64_t client = chance_below(chance, scene->clients);
    twin_t twin = {
        .counts = {&model->pair[user][client], &model->username[user], &model->client[client]},
        .lockout = scene->lockout};

    make_try(&twin.login, &user, sizeof(user), &client, sizeof(client), &scene->lockout);
    return twin;
}

/* End one of those under way. @return 1: as the model says */
static int end_one(twin_t *twin, apr_uint64_t now, apr_uint64_t *chance, int *locks)
{
    const apr_uint64_t how = chance_below(chance, 20);
    unsigned started;

    if (how < 2) {
        end(&twin->login, now, (int)how);
        model_end(twin, now, (int)how);
        return 1;
    }
    started = fail_of(&twin->login, now);
    *locks |= (int)started;
    return started == model_fail(twin, now);
}

/*
 * No more begin within a window than a ring of 32 holds, and 10 N is no more: within that the log of
 * a window is exact.
 */
START_TEST(as_plain_logs_say)
{
    static const int per_window = 40;
    const apr_uint64_t seed = chance_seed(_i);
    const int steps = chance_steps(STEPS);
    model_t *model = calloc(1, sizeof(*model));
    twin_t twins[UNDER_WAY];
    apr_uint64_t chance = seed, now = NOW, is;
    scene_t scene;
    int i, n = 0, same = 1, locks = 0;

    for (i = 0; i < steps && same; i++) {
        if (i % 500 == 0) { /* another one, when nothing is left of the one before */
            scene = make_scene(&chance);
            now += 1000000;
            n = 0;
        }
        now += chance_below(&chance, (apr_uint64_t)(2 * 300000 / per_window));
        if (n == UNDER_WAY || (n > 0 && chance_below(&chance, 2) == 0)) {
            const int which = (int)chance_below(&chance, (apr_uint64_t)n);

            same = end_one(&twins[which], now, &chance, &locks);
            twins[which] = twins[--n];
            continue;
        }
        twins[n] = make_twin(model, &scene, &chance);
        is = begin(&twins[n].login, now);
        same = is == model_begin(&twins[n], now);
        n += is == 0;
    }
    if (!same) {
        ck_abort_msg("TAI_TEST_SEED=%" APR_UINT64_T_FMT " step %d", seed, i - 1);
    }
    /* a short run may not come to all of them */
    ck_assert_int_ge(locks, steps < STEPS ? 1 : (1 << TAI_LOGIN_COUNT) - 1);
    free(model);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_segment, NULL);
    tcase_add_loop_test(tests, as_plain_logs_say, 0, chance_seeds());
}

int main(void)
{
    return unit_run("model of log-ins", add);
}
