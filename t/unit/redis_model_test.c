#include "core/limiter_shm.h"
#include "redis.h"
#include "shared.h"

/*
 * What Redis answers against core/window.c, core/failures.c and core/logins.c, step by step: windows
 * with a clock that goes backwards from call to call and limits that change.
 */

#define WINDOWS 6 /* as many principals */
#define AT_ONCE 3
#define STEPS   10000
#define START   APR_UINT64_C(1790000000000)

static const apr_uint32_t window_ms[] = {TAI_WINDOW_MIN_MS, 1001, 1023, 60000, TAI_WINDOW_MAX_MS};
static const apr_uint32_t most[] = {1, 5, TAI_WINDOW_BUCKETS, TAI_WINDOW_BUCKETS + 1, 100, 100000};

static server_t server;
static redisContext *control;
static tai_limiter_t limiter;

typedef struct model_t {
    tai_window_t windows[WINDOWS];
    tai_limit_t limits[WINDOWS];
    apr_uint64_t furthest; /* clock */
    apr_uint64_t now;
    apr_uint64_t chance;
    apr_uint64_t seed;
    int step;
    int admitted, refused, refunded;
    tai_charge_t late[AT_ONCE]; /* to be refunded behind other steps */
    int late_chosen[AT_ONCE], n_late;
} model_t;

static void start_server(void)
{
    signal(SIGPIPE, SIG_IGN);
    server_start(&server);
}

static void stop_server(void)
{
    server_stop(&server);
}

static void make_limiter(void)
{
    make_pool();
    ck_assert_int_eq(tai_digest_init(pool), APR_SUCCESS);
    control = reach(server.port);
    succeeds(control, "FLUSHALL");
    limiter = limiter_at("redis://127.0.0.1:%d", server.port, TIMEOUT_MS, set_time);
}

static void destroy_limiter(void)
{
    succeeds(control, "DEL now");
    check_keys(control);
    redisFree(control);
    destroy_pool();
}

static void same(const model_t *m, const char *what, apr_uint64_t ours, apr_uint64_t redis)
{
    if (ours != redis) {
        ck_abort_msg("TAI_TEST_SEED=%" APR_UINT64_T_FMT " step %d: %s is %" APR_UINT64_T_FMT
                     " with us, %" APR_UINT64_T_FMT " with Redis",
                     m->seed, m->step, what, ours, redis);
    }
}

static void same_views(const model_t *m, const tai_window_view_t *ours, const tai_charge_t *redis)
{
    same(m, "counted", ours->counted, redis->view.counted);
    same(m, "wait", ours->wait_ms, redis->view.wait_ms);
    same(m, "reset", ours->reset_ms, redis->view.reset_ms);
}

/* Mostly so that the limit is just reached; now and then far ahead, or back. */
static void move_clock(model_t *m, int which)
{
    const tai_limit_t *limit = &m->limits[which];
    const apr_uint64_t kind = chance_below(&m->chance, 200);

    if (kind == 0) {
        m->furthest += chance_below(&m->chance, 2 * (apr_uint64_t)limit->window_ms);
    }
    else {
        m->furthest += (chance_below(&m->chance, 2 * (apr_uint64_t)limit->window_ms) +
                        chance_below(&m->chance, limit->max)) /
                       limit->max;
    }
    m->now = m->furthest;
    if (kind > 195) {
        m->now -= chance_below(&m->chance, TAI_WINDOW_MIN_MS); /* less than any W */
    }
    set_clock(control, m->now);
}

static tai_charge_t charge_of(const model_t *m, int which)
{
    return (tai_charge_t){.tag = {0, (apr_uint64_t)which},
                          .id = {m->seed, (apr_uint64_t)which},
                          .limit = m->limits[which]};
}

/* Some of them, each once. @return how many */
static int choose(model_t *m, int *chosen)
{
    const int n = 1 + (int)chance_below(&m->chance, AT_ONCE);
    const int first = (int)chance_below(&m->chance, WINDOWS);
    int i;

    for (i = 0; i < n; i++) {
        chosen[i] = (first + i) % WINDOWS;
        if (chance_below(&m->chance, 100) == 0) {
            m->limits[chosen[i]].max = most[chance_below(&m->chance, ROWS(most))];
        }
    }
    return n;
}

/* What core/window.c says; charges where all pass. @return 1: admitted */
static int charge_model(model_t *m, const int *chosen, int n, int charging,
                        tai_window_view_t *views)
{
    int i, pass = 1;

    for (i = 0; i < n; i++) {
        tai_window_test(&m->windows[chosen[i]], &m->limits[chosen[i]], m->now, &views[i]);
        pass &= views[i].wait_ms == 0;
    }
    for (i = 0; i < n && pass && charging; i++) {
        tai_window_admit(&m->windows[chosen[i]], &m->limits[chosen[i]], m->now);
        tai_window_admitted(&m->windows[chosen[i]], &m->limits[chosen[i]], m->now, &views[i]);
    }
    return pass;
}

static void refund(model_t *m, const tai_charge_t *charges, const int *chosen, int n)
{
    const char *error;
    int i;

    ck_assert_int_eq(limiter.ops->refund(limiter.self, charges, n, 0, pool, &error), APR_SUCCESS);
    for (i = 0; i < n; i++) {
        if (m->now < charges[i].at + charges[i].limit.window_ms) {
            tai_window_refund(&m->windows[chosen[i]], charges[i].at);
        }
    }
    m->refunded++;
}

static void step(model_t *m, apr_pool_t *p)
{
    tai_charge_t charges[AT_ONCE];
    tai_window_view_t views[AT_ONCE];
    int chosen[AT_ONCE], i, pass, admitted = 77;
    const int n = choose(m, chosen), charging = chance_below(&m->chance, 16) != 0;
    const char *error = "";
    apr_status_t rv;

    move_clock(m, chosen[0]);
    if (m->n_late > 0 && chance_below(&m->chance, 4) == 0) {
        refund(m, m->late, m->late_chosen, m->n_late);
        m->n_late = 0;
    }
    for (i = 0; i < n; i++) {
        charges[i] = charge_of(m, chosen[i]);
    }
    pass = charge_model(m, chosen, n, charging, views);
    rv = charging ? limiter.ops->charge(limiter.self, charges, n, NULL, 0, &admitted, p, &error)
                  : limiter.ops->test(limiter.self, charges, n, 0, &admitted, p, &error);
    ck_assert_msg(rv == APR_SUCCESS, "step %d: %s", m->step, error);
    same(m, "admitted", (apr_uint64_t)pass, (apr_uint64_t)admitted);
    for (i = 0; i < n; i++) {
        same_views(m, &views[i], &charges[i]);
        if (pass && charging) {
            same(m, "at", m->windows[chosen[i]].newest, charges[i].at);
        }
    }
    *(pass ? &m->admitted : &m->refused) += 1;
    if (pass && charging && chance_below(&m->chance, 8) == 0) {
        refund(m, charges, chosen, n);
    }
    else if (pass && charging && m->n_late == 0) {
        memcpy(m->late, charges, sizeof(charges));
        memcpy(m->late_chosen, chosen, sizeof(chosen));
        m->n_late = n;
    }
}

START_TEST(windows_are_those_of_shared_memory)
{
    const apr_uint64_t seed = chance_seed(_i);
    const int steps = chance_steps(STEPS);
    model_t m = {.seed = seed, .chance = seed, .furthest = START};
    apr_pool_t *p;
    int i;

    ck_assert_int_eq(apr_pool_create(&p, pool), APR_SUCCESS);
    for (i = 0; i < WINDOWS; i++) {
        m.limits[i] = (tai_limit_t){.max = most[i % ROWS(most)],
                                    .window_ms = window_ms[(i + _i) % ROWS(window_ms)]};
    }
    for (m.step = 0; m.step < steps; m.step++) {
        step(&m, p);
        apr_pool_clear(p);
    }
    ck_assert_int_gt(m.admitted, 0);
    ck_assert_int_gt(m.refused, 0);
    ck_assert_int_gt(m.refunded, 0);
}
END_TEST

/* ---- a clock that goes back: a failover to a host whose clock is behind --------------------------- */

static int charged_at(apr_uint64_t now, tai_charge_t *charge)
{
    const char *error = "";
    int admitted = 77;
    apr_status_t rv;

    set_clock(control, now);
    rv = limiter.ops->charge(limiter.self, charge, 1, NULL, 0, &admitted, pool, &error);
    ck_assert_msg(rv == APR_SUCCESS, "%s", error);
    return admitted;
}

/* By as much as W it still counts, by more it is forgotten. */
START_TEST(what_lies_too_far_ahead_is_forgotten)
{
    const apr_uint32_t width = 60000;
    tai_charge_t charge = {.id = {1, 1}, .limit = {2, width}};

    ck_assert(charged_at(START, &charge));
    ck_assert(charged_at(START + width / 2, &charge));
    ck_assert(!charged_at(START - width / 2, &charge));
    ck_assert_uint_eq(charge.view.counted, 2);
    ck_assert_uint_eq(charge.view.wait_ms, 3 * width / 2);
    /* of two, the one that is more than W ahead */
    ck_assert(charged_at(START - width / 2 - 1, &charge));
    ck_assert_uint_eq(charge.view.counted, 2);
    ck_assert_uint_eq(charge.at, START);
    ck_assert(!charged_at(START - width / 2 - 1, &charge));
    /* both */
    ck_assert(charged_at(START - 100 * (apr_uint64_t)width, &charge));
    ck_assert_uint_eq(charge.view.counted, 1);
    ck_assert_uint_eq(charge.at, START - 100 * (apr_uint64_t)width);
}
END_TEST

/* So does a lock, by as much as it was to last. */
START_TEST(a_lock_that_lies_too_far_ahead_is_forgotten)
{
    const tai_lockout_t lockout = {{1, 60000}, 1000};
    tai_count_t count = {.id = {1, 1}, .lockout = &lockout};
    const char *error = "";

    set_clock(control, START);
    ck_assert_int_eq(limiter.ops->fail(limiter.self, &count, 1, 0, pool, &error), APR_SUCCESS);
    ck_assert(count.started);
    ck_assert_int_eq(limiter.ops->locked(limiter.self, &count, 1, 0, pool, &error), APR_SUCCESS);
    ck_assert_uint_eq(count.left_ms, 1000);
    set_clock(control, START - 1000);
    ck_assert_int_eq(limiter.ops->locked(limiter.self, &count, 1, 0, pool, &error), APR_SUCCESS);
    ck_assert_uint_eq(count.left_ms, 2000);
    set_clock(control, START - 1001);
    ck_assert_int_eq(limiter.ops->locked(limiter.self, &count, 1, 0, pool, &error), APR_SUCCESS);
    ck_assert_uint_eq(count.left_ms, 0);
}
END_TEST

/* ---- failures and log-ins: the limiter of shared memory beside it ----------------------------- */

#define PRINCIPALS 4
#define PLAYERS    12
#define UNDER_WAY  3

typedef struct pair_t {
    tai_limiter_t ours, redis;
    tai_segment_t *segment;
    apr_uint64_t now, chance, seed;
    int step;
} pair_t;

static pair_t make_pair_of(int i)
{
    pair_t pair = {
        .redis = limiter, .now = START, .chance = chance_seed(i), .seed = chance_seed(i)};
    void *block = shared_block(TAI_SEGMENT_MIN_BYTES);

    ck_assert_int_eq(tai_segment_format(block, TAI_SEGMENT_MIN_BYTES, 0, &pair.segment),
                     APR_SUCCESS);
    pair.ours = (tai_limiter_t){&tai_limiter_shm, pair.segment};
    return pair;
}

static void pair_same(const pair_t *pair, const char *what, apr_uint64_t ours, apr_uint64_t redis)
{
    if (ours != redis) {
        ck_abort_msg("TAI_TEST_SEED=%" APR_UINT64_T_FMT " step %d: %s is %" APR_UINT64_T_FMT
                     " with us, %" APR_UINT64_T_FMT " with Redis",
                     pair->seed, pair->step, what, ours, redis);
    }
}

static tai_count_t some_count(pair_t *pair, const tai_lockout_t *lockouts)
{
    const apr_uint64_t who = chance_below(&pair->chance, PRINCIPALS);

    return (tai_count_t){.table = TAI_TABLE_CLIENTS,
                         .tag = {0, who},
                         .id = {pair->seed, who},
                         .lockout = &lockouts[who]};
}

/*
 * One failure in one count or in two, the second of them behind the first as a client is behind his
 * pair. @return 1: a lock has started
 */
static int fail_step(pair_t *pair, const tai_lockout_t *lockouts, apr_pool_t *p)
{
    tai_count_t ours[2] = {some_count(pair, lockouts), some_count(pair, lockouts)}, redis[2];
    const char *error = "";
    int i, n = 1 + (ours[0].id.lo != ours[1].id.lo), started = 0;

    memcpy(redis, ours, sizeof(redis));
    pair->ours.ops->fail(pair->ours.self, ours, n, pair->now, p, &error);
    ck_assert_int_eq(pair->redis.ops->fail(pair->redis.self, redis, n, 0, p, &error), 0);
    for (i = 0; i < n; i++) {
        pair_same(pair, "started", (apr_uint64_t)ours[i].started, (apr_uint64_t)redis[i].started);
        pair_same(pair, "left", ours[i].left_ms, redis[i].left_ms);
        started |= ours[i].started;
    }
    return started;
}

/* One that fails, asks, or is unlocked. @return 1: a lock has started */
static int failure_step(pair_t *pair, const tai_lockout_t *lockouts, apr_pool_t *p)
{
    tai_count_t ours = some_count(pair, lockouts), redis = ours;
    const apr_uint64_t what = chance_below(&pair->chance, 100);
    int lifted = 77, lifted_there = 78;
    const char *error = "";

    if (what < 70) {
        return fail_step(pair, lockouts, p);
    }
    if (what < 98) {
        pair->ours.ops->locked(pair->ours.self, &ours, 1, pair->now, p, &error);
        ck_assert_int_eq(pair->redis.ops->locked(pair->redis.self, &redis, 1, 0, p, &error), 0);
        pair_same(pair, "left", ours.left_ms, redis.left_ms);
        return 0;
    }
    pair->ours.ops->unlock(pair->ours.self, &ours, 1, pair->now, &lifted, p, &error);
    ck_assert_int_eq(
        pair->redis.ops->unlock(pair->redis.self, &redis, 1, 0, &lifted_there, p, &error), 0);
    pair_same(pair, "lifted", (apr_uint64_t)lifted, (apr_uint64_t)lifted_there);
    return 0;
}

START_TEST(failures_are_those_of_shared_memory)
{
    static const tai_lockout_t lockouts[PRINCIPALS] = {
        {{1, 1000}, 500}, {{3, 60000}, 1000}, {{5, 300000}, 900000}, {{40, 300000}, 900000}};
    pair_t pair = make_pair_of(_i);
    const int steps = chance_steps(STEPS);
    int locks = 0;
    apr_pool_t *p;

    ck_assert_int_eq(apr_pool_create(&p, pool), APR_SUCCESS);
    for (pair.step = 0; pair.step < steps; pair.step++) {
        pair.now += chance_below(&pair.chance, pair.step % 50 == 0 ? 900000 : 5000);
        set_clock(control, pair.now);
        locks += failure_step(&pair, lockouts, p);
        apr_pool_clear(p);
    }
    ck_assert_int_gt(locks, 0);
}
END_TEST

/* A try beside itself. */
typedef struct twin_t {
    tai_login_t ours, redis;
} twin_t;

/* Who tries, and by which policy. */
typedef struct scene_t {
    apr_uint64_t usernames, clients;
    tai_lockout_t lockout;
} scene_t;

/* Often one user name from everywhere, or one client with every user name. */
static scene_t make_scene(pair_t *pair)
{
    const apr_uint64_t kind = chance_below(&pair->chance, 3);

    return (scene_t){
        .usernames = kind == 0 ? 1 : chance_between(&pair->chance, 1, PLAYERS),
        .clients = kind == 1 ? 1 : chance_between(&pair->chance, 1, PLAYERS),
        .lockout = {{(apr_uint32_t)chance_between(&pair->chance, 1, 3), 300000},
                    (apr_uint32_t)chance_between(&pair->chance, 1000, 600000)},
    };
}

static twin_t make_twin(pair_t *pair, const scene_t *scene)
{
    const tai_lockout_t *lockout = &scene->lockout;
    const apr_uint64_t user = chance_below(&pair->chance, scene->usernames);
    const apr_uint64_t client = chance_below(&pair->chance, scene->clients);
    twin_t twin = {.ours = {.at = {0}}};

    tai_login_make(&twin.ours, pair->segment, &pair->ours, &user, sizeof(user), &client,
                   sizeof(client), lockout);
    tai_login_make(&twin.redis, pair->segment, &pair->redis, &user, sizeof(user), &client,
                   sizeof(client), lockout);
    return twin;
}

/* @return 1: it is under way */
static int begin_twin(pair_t *pair, twin_t *twin, apr_pool_t *p)
{
    const char *error = "";
    apr_uint64_t left = 77, left_there = 78;
    int i;

    pair->ours.ops->login_begin(pair->ours.self, &twin->ours, pair->now, &left, p, &error);
    ck_assert_int_eq(
        pair->redis.ops->login_begin(pair->redis.self, &twin->redis, 0, &left_there, p, &error), 0);
    pair_same(pair, "no room", left, left_there);
    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        pair_same(pair, "locked", twin->ours.locked_ms[i], twin->redis.locked_ms[i]);
    }
    return left == 0;
}

/* @return the locks that have started */
static unsigned end_twin(pair_t *pair, twin_t *twin, apr_pool_t *p)
{
    const apr_uint64_t how = chance_below(&pair->chance, 20);
    unsigned started = 77, started_there = 78;
    const char *error = "";

    if (how < 2) {
        pair->ours.ops->login_end(pair->ours.self, &twin->ours, pair->now, (int)how, p, &error);
        ck_assert_int_eq(
            pair->redis.ops->login_end(pair->redis.self, &twin->redis, 0, (int)how, p, &error), 0);
        return 0;
    }
    pair->ours.ops->login_fail(pair->ours.self, &twin->ours, pair->now, &started, p, &error);
    ck_assert_int_eq(
        pair->redis.ops->login_fail(pair->redis.self, &twin->redis, 0, &started_there, p, &error),
        0);
    pair_same(pair, "started", started, started_there);
    return started;
}

static void unlock_twin(pair_t *pair, const twin_t *twin, apr_pool_t *p)
{
    const tai_login_count_e which =
        chance_below(&pair->chance, 2) == 0 ? TAI_LOGIN_USERNAME : TAI_LOGIN_CLIENT;
    const char *error = "";
    int lifted = 77, lifted_there = 78;

    pair->ours.ops->login_unlock(pair->ours.self, &twin->ours, which, pair->now, &lifted, p,
                                 &error);
    ck_assert_int_eq(pair->redis.ops->login_unlock(pair->redis.self, &twin->redis, which, 0,
                                                   &lifted_there, p, &error),
                     0);
    pair_same(pair, "lifted", (apr_uint64_t)lifted, (apr_uint64_t)lifted_there);
}

START_TEST(log_ins_are_those_of_shared_memory)
{
    pair_t pair = make_pair_of(_i);
    const int steps = chance_steps(STEPS);
    scene_t scene = make_scene(&pair);
    twin_t twins[UNDER_WAY];
    unsigned locks = 0;
    int n = 0;
    apr_pool_t *p;

    ck_assert_int_eq(apr_pool_create(&p, pool), APR_SUCCESS);
    for (pair.step = 0; pair.step < steps; pair.step++) {
        if (pair.step % 500 ==
            0) { /* others, by another policy, when nothing is left of the one before */
            scene = make_scene(&pair);
            pair.now += 1000000;
            n = 0;
        }
        pair.now += chance_below(&pair.chance, 7500);
        set_clock(control, pair.now);
        if (chance_below(&pair.chance, 200) == 0) {
            const twin_t any = make_twin(&pair, &scene);

            unlock_twin(&pair, &any, p);
        }
        else if (n == UNDER_WAY || (n > 0 && chance_below(&pair.chance, 2) == 0)) {
            const int which = (int)chance_below(&pair.chance, (apr_uint64_t)n);

            locks |= end_twin(&pair, &twins[which], p);
            twins[which] = twins[--n];
        }
        else {
            twins[n] = make_twin(&pair, &scene);
            n += begin_twin(&pair, &twins[n], p);
        }
        apr_pool_clear(p);
    }
    /* a short run may not come to all of them */
    ck_assert_uint_ge(locks, steps < STEPS ? 1 : (1u << TAI_LOGIN_COUNT) - 1);
}
END_TEST

/* What it had was forgotten when the lock began; what is there now are other tries. */
START_TEST(a_try_from_before_a_lock_takes_nothing_back)
{
    const scene_t scene = {1, 1, {{2, 300000}, 1000}};
    pair_t pair = make_pair_of(0);
    twin_t first = make_twin(&pair, &scene), second = first, third = first, fourth = first;
    const char *error = "";
    unsigned started;

    set_clock(control, pair.now);
    ck_assert(begin_twin(&pair, &first, pool));
    ck_assert(begin_twin(&pair, &second, pool));
    ck_assert_int_eq(
        limiter.ops->login_fail(limiter.self, &second.redis, 0, &started, pool, &error),
        APR_SUCCESS);
    ck_assert_uint_eq(started, 1u << TAI_LOGIN_PAIR);
    ck_assert_int_eq(
        tai_limiter_shm.login_fail(pair.segment, &second.ours, pair.now, &started, pool, &error),
        APR_SUCCESS);
    pair.now += 1000;
    set_clock(control, pair.now);
    ck_assert(begin_twin(&pair, &third, pool));
    ck_assert_int_eq(limiter.ops->login_end(limiter.self, &first.redis, 0, 0, pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(
        tai_limiter_shm.login_end(pair.segment, &first.ours, pair.now, 0, pool, &error),
        APR_SUCCESS);
    ck_assert(begin_twin(&pair, &fourth, pool));
    ck_assert(!begin_twin(&pair, &fourth, pool));
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 300);
    tcase_add_unchecked_fixture(tests, start_server, stop_server);
    tcase_add_checked_fixture(tests, make_limiter, destroy_limiter);
    tcase_add_loop_test(tests, windows_are_those_of_shared_memory, 0, chance_seeds());
    tcase_add_test(tests, what_lies_too_far_ahead_is_forgotten);
    tcase_add_test(tests, a_lock_that_lies_too_far_ahead_is_forgotten);
    tcase_add_loop_test(tests, failures_are_those_of_shared_memory, 0, chance_seeds());
    tcase_add_test(tests, a_try_from_before_a_lock_takes_nothing_back);
    tcase_add_loop_test(tests, log_ins_are_those_of_shared_memory, 0, chance_seeds());
}

int main(void)
{
    return unit_run("Redis against the core", add);
}
