#include "core/failures.h"
#include "redis.h"
#include "shared.h"

/*
 * What Redis answers against core/window.c, step by step, with a clock that goes backwards from call
 * to call and limits that change.
 */

#define WINDOWS 6 /* as many principals */
#define AT_ONCE 3
#define STEPS   20000
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

    ck_assert_int_eq(limiter.ops->refund(limiter.self, charges, n, pool, &error), APR_SUCCESS);
    for (i = 0; i < n; i++) {
        tai_window_refund(&m->windows[chosen[i]], charges[i].at);
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

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 300);
    tcase_add_unchecked_fixture(tests, start_server, stop_server);
    tcase_add_checked_fixture(tests, make_limiter, destroy_limiter);
    tcase_add_loop_test(tests, windows_are_those_of_shared_memory, 0, chance_seeds());
}

int main(void)
{
    return unit_run("Redis against the core", add);
}
