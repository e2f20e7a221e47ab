#include <pthread.h>
#include "redis.h"
#include "redis/keys.h"
#include "shared.h"

/* The limiter on a real Redis, with Redis's own clock: what several processes do at once, and what
 * becomes of it when Redis is restarted, stopped, full, or has forgotten something. */

static server_t server;
static redisContext *control;
static tai_limiter_t limiter;

/* One for each test: some of them leave it in no good state. */
static void make_limiter(void)
{
    signal(SIGPIPE, SIG_IGN);
    make_pool();
    ck_assert_int_eq(tai_digest_init(pool), APR_SUCCESS);
    server.args[0] = "--unixsocket";
    server.args[1] = "s"; /* below its own folder */
    server_start(&server);
    control = reach(server.port);
    limiter = limiter_of(&server);
}

/* Whatever a test has counted leaves by itself. */
static void destroy_limiter(void)
{
    check_keys(control);
    redisFree(control);
    server_stop(&server);
    destroy_pool();
}

static tai_charge_t a_charge(apr_uint64_t who, apr_uint32_t max, apr_uint32_t window_ms)
{
    return (tai_charge_t){
        .tag = {1, who}, .id = {2, who}, .limit = {.max = max, .window_ms = window_ms}};
}

/* @return 1: admitted; must be answered */
static int charged(const tai_limiter_t *l, tai_charge_t *charges, int n, tai_count_t *lock)
{
    const char *error = "";
    int admitted = 77;
    const apr_status_t rv = l->ops->charge(l->self, charges, n, lock, 0, &admitted, pool, &error);

    ck_assert_msg(rv == APR_SUCCESS, "%s", error);
    return admitted;
}

/* @return what the log would have of it; the charge must fail */
static const char *refused(const tai_limiter_t *l)
{
    tai_charge_t charge = a_charge(99, 5, 60000);
    const char *error = NULL;
    int admitted;
    const apr_status_t rv = l->ops->charge(l->self, &charge, 1, NULL, 0, &admitted, pool, &error);

    ck_assert_int_ne(rv, APR_SUCCESS);
    ck_assert_ptr_nonnull(error);
    return error;
}

static void contains(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not say \"%s\"", text, part);
}

/* ---- charges -------------------------------------------------------------------------------- */

START_TEST(all_are_charged_or_none)
{
    tai_charge_t wide = a_charge(1, 100, 60000), narrow = a_charge(2, 1, 60000);
    tai_charge_t both[] = {wide, narrow};

    ck_assert(charged(&limiter, both, 2, NULL));
    ck_assert_uint_eq(both[0].view.counted, 1);
    ck_assert_uint_eq(both[1].view.counted, 1);
    ck_assert_uint_eq(both[0].at, both[1].at);
    ck_assert(!charged(&limiter, both, 2, NULL));
    ck_assert_uint_eq(both[0].view.wait_ms, 0);
    ck_assert_uint_gt(both[1].view.wait_ms, 59000);
    ck_assert_uint_eq(both[0].view.counted, 1);
    ck_assert(charged(&limiter, &wide, 1, NULL));
    ck_assert_uint_eq(wide.view.counted, 2);
}
END_TEST

START_TEST(a_lock_lets_nothing_be_charged)
{
    const tai_lockout_t lockout = {{2, 60000}, 30000};
    tai_count_t count = {.tag = {0, 7}, .id = {0, 7}, .lockout = &lockout};
    tai_charge_t charge = a_charge(1, 5, 60000);
    const char *error = "";
    int lifted = 77;

    ck_assert(charged(&limiter, &charge, 1, &count));
    ck_assert_uint_eq(count.left_ms, 0);
    ck_assert_int_eq(limiter.ops->fail(limiter.self, &count, 1, 0, pool, &error), APR_SUCCESS);
    ck_assert(!count.started);
    ck_assert(charged(&limiter, &charge, 1, &count));
    ck_assert_int_eq(limiter.ops->fail(limiter.self, &count, 1, 0, pool, &error), APR_SUCCESS);
    ck_assert(count.started);
    ck_assert_uint_eq(count.left_ms, 0);

    ck_assert(!charged(&limiter, &charge, 1, &count));
    ck_assert_uint_gt(count.left_ms, 20000);
    ck_assert_uint_le(count.left_ms, 30000);
    ck_assert(!charged(&limiter, NULL, 0, &count));
    ck_assert(charged(&limiter, &charge, 1, NULL));
    ck_assert_uint_eq(charge.view.counted, 3);

    ck_assert_int_eq(limiter.ops->unlock(limiter.self, &count, 1, 0, &lifted, pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(lifted, 1);
    ck_assert(charged(&limiter, NULL, 0, &count));
}
END_TEST

START_TEST(what_was_refunded_was_never_there)
{
    tai_charge_t charge = a_charge(1, 1, 60000);
    const char *error = "";

    ck_assert(charged(&limiter, &charge, 1, NULL));
    ck_assert_int_eq(limiter.ops->refund(limiter.self, &charge, 1, 0, pool, &error), APR_SUCCESS);
    ck_assert(charged(&limiter, &charge, 1, NULL));
    ck_assert_uint_eq(charge.view.counted, 1);
}
END_TEST

START_TEST(identities_are_the_same_everywhere)
{
    const tai_id_t id = limiter.ops->identify(limiter.self, "abc", 3);

    /* the beginning of the SHA-256 of "abc", FIPS 180-4 */
    ck_assert_uint_eq(id.hi, APR_UINT64_C(0xba7816bf8f01cfea));
    ck_assert_uint_eq(id.lo, APR_UINT64_C(0x414140de5dae2223));
}
END_TEST

/* ---- at once -------------------------------------------------------------------------------- */

#define PROCESSES 4
#define THREADS   4
#define TRIES     50

static const tai_limit_t contended[] = {{1, 600000}, {31, 600000}, {100, 600000}};

typedef struct crowd_t {
    int arrived, admitted;
    tai_limit_t limit;
} crowd_t;

static void *try_often(void *data)
{
    crowd_t *crowd = data;
    int i, one, admitted = 0, failed = 0;
    const char *error;
    apr_pool_t *p;

    apr_pool_create(&p, NULL);
    meet(&crowd->arrived, PROCESSES * THREADS);
    for (i = 0; i < TRIES; i++) {
        tai_charge_t charge = a_charge(1, crowd->limit.max, crowd->limit.window_ms);

        one = 0;
        failed |=
            limiter.ops->charge(limiter.self, &charge, 1, NULL, 0, &one, p, &error) != APR_SUCCESS;
        admitted += one;
        apr_pool_clear(p);
    }
    apr_pool_destroy(p);
    __atomic_fetch_add(&crowd->admitted, admitted, __ATOMIC_RELAXED);
    return failed ? data : NULL;
}

/* In a process of its own, with fewer connections than threads. @return 0: all were answered */
static int be_a_process(void *data)
{
    pthread_t threads[THREADS];
    void *failed;
    int i, any = 0;

    make_pool();
    if (tai_redis_limiter_open(configured("redis://127.0.0.1:%d", server.port, 20000), THREADS - 1,
                               tai_redis_time, pool, &limiter) != APR_SUCCESS) {
        return 1;
    }
    for (i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, try_often, data);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &failed);
        any |= failed != NULL;
    }
    destroy_pool();
    return any;
}

START_TEST(exactly_n_are_admitted)
{
    crowd_t *crowd = shared_block(sizeof(*crowd));
    pid_t children[PROCESSES];
    int i;

    crowd->limit = contended[_i];
    for (i = 0; i < PROCESSES; i++) {
        children[i] = in_child(be_a_process, crowd);
    }
    for (i = 0; i < PROCESSES; i++) {
        child_succeeds(children[i]);
    }
    ck_assert_int_eq(crowd->admitted, (int)contended[_i].max);
}
END_TEST

/* ---- what Redis has forgotten, and where it was away ------------------------------------------ */

static void admits(const tai_limiter_t *l)
{
    tai_charge_t charge = a_charge(3, 1000, 60000);

    ck_assert(charged(l, &charge, 1, NULL));
}

START_TEST(scripts_that_were_flushed_are_sent_again)
{
    admits(&limiter);
    succeeds(control, "SCRIPT FLUSH");
    admits(&limiter);
    ck_assert_int_eq(number_of(control, "DBSIZE"), 1);
}
END_TEST

START_TEST(connections_that_were_closed_are_not_used)
{
    admits(&limiter);
    succeeds(control, "CLIENT KILL TYPE normal SKIPME yes");
    admits(&limiter);
}
END_TEST

START_TEST(a_restart_is_survived)
{
    admits(&limiter);
    redisFree(control);
    server_kill(&server);
    contains(refused(&limiter), "Connection refused");
    server_run(&server);
    control = reach(server.port);
    admits(&limiter);
}
END_TEST

/*
 * The answer to the first charge comes when it is too late. The next one asks for something else,
 * and must not get it.
 */
START_TEST(who_answers_too_late_is_not_heard)
{
    const tai_limiter_t hasty =
        limiter_at("redis://127.0.0.1:%d", server.port, 100, tai_redis_time);
    tai_charge_t two[] = {a_charge(4, 5, 60000), a_charge(5, 6, 60000)};

    admits(&hasty);
    kill(server.pid, SIGSTOP);
    contains(refused(&hasty), "in time");
    kill(server.pid, SIGCONT);
    redisFree(reach(server.port));
    ck_assert(charged(&limiter, two, 2, NULL));
    ck_assert_uint_eq(two[0].view.counted, 1);
    ck_assert_uint_eq(two[1].view.counted, 1);
    admits(&hasty);
}
END_TEST

/* ---- what Redis refuses ----------------------------------------------------------------------- */

START_TEST(a_full_redis_is_a_failure)
{
    admits(&limiter);
    succeeds(control, "CONFIG SET maxmemory-policy noeviction");
    succeeds(control, "CONFIG SET maxmemory 1mb");
    contains(refused(&limiter), "OOM");
    succeeds(control, "CONFIG SET maxmemory 0");
    admits(&limiter);
}
END_TEST

START_TEST(a_replica_is_a_failure)
{
    admits(&limiter);
    succeeds(control, "REPLICAOF 127.0.0.1 1");
    contains(refused(&limiter), "READONLY");
    succeeds(control, "REPLICAOF NO ONE");
    admits(&limiter);
}
END_TEST

START_TEST(a_busy_redis_is_a_failure)
{
    static const char forever[] = "*3\r\n$4\r\nEVAL\r\n$17\r\nwhile true do end\r\n$1\r\n0\r\n";
    redisContext *busy = reach(server.port);
    redisReply *reply = NULL;
    int done = 0;

    admits(&limiter);
    succeeds(control, "CONFIG SET lua-time-limit 1");
    redisAppendFormattedCommand(busy, forever, sizeof(forever) - 1);
    ck_assert_int_eq(redisBufferWrite(busy, &done), REDIS_OK);
    do {
        freeReplyObject(reply);
        reply = redisCommand(control, "PING");
    } while (reply->type != REDIS_REPLY_ERROR);
    contains(reply->str, "BUSY");
    freeReplyObject(reply);
    contains(refused(&limiter), "BUSY");
    succeeds(control, "SCRIPT KILL");
    ck_assert_int_eq(redisGetReply(busy, (void **)&reply), REDIS_OK); /* now it has ended */
    freeReplyObject(reply);
    redisFree(busy);
    admits(&limiter);
}
END_TEST

static const char *window_key(apr_uint64_t who)
{
    unsigned slot;

    return tai_redis_key(TAI_REDIS_PREFIX, TAI_REDIS_WINDOW, &(tai_id_t){1, who},
                         &(tai_id_t){2, who}, &slot, pool);
}

static const char *const strange[] = {"LPUSH %s 1", "SET %s x", "SET %s 1234567890123456789",
                                      "SET %s 12345678901234567890123"};

/* A key of somebody else's is a failure, and stays as it is. */
START_TEST(strange_keys_are_failures)
{
    redisReply *reply = redisCommand(control, strange[_i], window_key(99));

    freeReplyObject(reply);
    refused(&limiter);
    reply = redisCommand(control, "DEL %s", window_key(99));
    ck_assert_int_eq(reply->integer, 1);
    freeReplyObject(reply);
    admits(&limiter);
}
END_TEST

/* ---- as whom, and where ----------------------------------------------------------------------- */

static tai_limiter_t limiter_as(const char *address)
{
    return limiter_at(address, server.port, TIMEOUT_MS, tai_redis_time);
}

/* What a user needs at the least; docs/redis.md says the same. */
#define RIGHTS                                                                             \
    "~taiauth:* +select +eval +evalsha +time +get +set +del +pexpire +zadd +zrem +zrange " \
    "+zremrangebyscore"

static void all_operations(const tai_limiter_t *l)
{
    const tai_lockout_t lockout = {{1, 60000}, 60000};
    tai_count_t count = {.id = {0, 7}, .lockout = &lockout};
    tai_charge_t charge = a_charge(1, 1, 60000);
    tai_login_t login = {.ids = {{1, 1}, {2, 1}, {3, 3}}, .lockouts = {lockout, lockout, lockout}};
    const char *error = "";
    unsigned started;
    apr_uint64_t left;
    int n;

    ck_assert(charged(l, &charge, 1, &count));
    ck_assert(!charged(l, &charge, 1, &count));
    ck_assert_int_eq(l->ops->test(l->self, &charge, 1, 0, &n, pool, &error), APR_SUCCESS);
    ck_assert_int_eq(l->ops->refund(l->self, &charge, 1, 0, pool, &error), APR_SUCCESS);
    ck_assert_int_eq(l->ops->fail(l->self, &count, 1, 0, pool, &error), APR_SUCCESS);
    ck_assert_int_eq(l->ops->locked(l->self, &count, 1, 0, pool, &error), APR_SUCCESS);
    ck_assert_int_eq(l->ops->unlock(l->self, &count, 1, 0, &n, pool, &error), APR_SUCCESS);
    ck_assert_int_eq(l->ops->login_begin(l->self, &login, 0, &left, pool, &error), APR_SUCCESS);
    ck_assert_int_eq(l->ops->login_fail(l->self, &login, 0, &started, pool, &error), APR_SUCCESS);
    ck_assert_uint_eq(started, (1u << TAI_LOGIN_COUNT) - 1);
    ck_assert_int_eq(l->ops->login_unlock(l->self, &login, TAI_LOGIN_USERNAME, 0, &n, pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(n, 2);
    ck_assert_int_eq(l->ops->login_unlock(l->self, &login, TAI_LOGIN_CLIENT, 0, &n, pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(l->ops->login_begin(l->self, &login, 0, &left, pool, &error), APR_SUCCESS);
    ck_assert_int_eq(l->ops->login_end(l->self, &login, 0, 1, pool, &error), APR_SUCCESS);
}

START_TEST(a_user_needs_no_more_rights)
{
    tai_limiter_t l = limiter_as("redis://limiter:pass%%20word@127.0.0.1:%d/2");

    succeeds(control, "ACL SETUSER limiter reset on " RIGHTS);
    freeReplyObject(redisCommand(control, "ACL SETUSER limiter >%s", "pass word"));
    all_operations(&l);
    succeeds(control, "ACL DELUSER limiter");
    succeeds(control, "SELECT 2");
    ck_assert_int_gt(check_keys(control), 0);
    succeeds(control, "FLUSHDB");
    succeeds(control, "SELECT 0");
    ck_assert_int_eq(number_of(control, "DBSIZE"), 0);
}
END_TEST

static const struct {
    const char *address, *says, *error;
} unwanted[] = {
    {"redis://127.0.0.1:%d", NULL, "NOAUTH"},
    {"redis://:wrong-secret@127.0.0.1:%d", NULL, "AUTH with WRONGPASS"},
    {"redis://nobody:wrong-secret@127.0.0.1:%d", NULL, "AUTH with WRONGPASS"},
    {"redis://:right-secret@127.0.0.1:%d/9999", NULL, "SELECT with ERR"},
};

START_TEST(who_is_not_wanted_is_told)
{
    const char *error;

    succeeds(control, "CONFIG SET requirepass right-secret");
    error = refused(&(tai_limiter_t){limiter.ops, limiter_as(unwanted[_i].address).self});
    contains(error, unwanted[_i].error);
    ck_assert_msg(strstr(error, "secret") == NULL, "%s", error);
    admits(&(tai_limiter_t){limiter.ops, limiter_as("redis://:right-secret@127.0.0.1:%d").self});
    succeeds(control, "CONFIG SET requirepass \"\"");
}
END_TEST

START_TEST(a_socket_is_as_good)
{
    const char *address = apr_psprintf(pool, "unix://%s/s?db=1", server.dir);
    const tai_limiter_t l = limiter_at(address, 0, TIMEOUT_MS, tai_redis_time);

    admits(&l);
    succeeds(control, "SELECT 1");
    ck_assert_int_eq(number_of(control, "DBSIZE"), 1);
    succeeds(control, "FLUSHDB");
}
END_TEST

/* A name is resolved, and one of its addresses is not ours. */
START_TEST(a_name_is_resolved)
{
    const tai_limiter_t l = limiter_as("redis://localhost:%d");

    admits(&l);
}
END_TEST

/* While the configuration was read, the resolver had no answer. */
START_TEST(a_name_is_resolved_when_it_is_needed)
{
    tai_redis_config_t config = *configured("redis://localhost:%d", server.port, TIMEOUT_MS);
    tai_limiter_t l;

    ck_assert_int_gt(config.addresses.n, 0);
    config.addresses.n = 0;
    ck_assert_int_eq(tai_redis_limiter_open(&config, 4, tai_redis_time, pool, &l), APR_SUCCESS);
    admits(&l);
    admits(&l);
}
END_TEST

/* It has moved: of the addresses that were known none is right, and the next call finds it. */
START_TEST(a_name_is_resolved_again_after_a_failure)
{
    tai_redis_config_t config = *configured("redis://localhost:%d", server.port, TIMEOUT_MS);
    const apr_uint64_t until = tai_clock_ms() + 20000;
    tai_charge_t charge = a_charge(3, 1000, 60000);
    const char *error;
    tai_limiter_t l;
    int admitted;

    config.addresses = configured("redis://127.0.0.1:1", 0, TIMEOUT_MS)->addresses;
    ck_assert_int_eq(tai_redis_limiter_open(&config, 4, tai_redis_time, pool, &l), APR_SUCCESS);
    contains(refused(&l), "Connection refused");
    while (l.ops->charge(l.self, &charge, 1, NULL, 0, &admitted, pool, &error) != APR_SUCCESS) {
        ck_assert_msg(tai_clock_ms() < until, "%s", error);
        usleep(10000);
    }
}
END_TEST

START_TEST(a_name_that_there_is_not_is_a_failure)
{
    const tai_limiter_t l = limiter_as("redis://nowhere.invalid:%d");

    refused(&l);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------ */

#define KEY_BYTES 512 /* of any window, as Redis counts: docs/redis.md says what it is made of */

static const tai_limit_t sizes[] = {{1, 60000}, {32, 60000}, {33, 1000}, {1000000000, 1000}};

/* However much is admitted, a window takes no more. */
START_TEST(memory_is_bounded)
{
    redisReply *reply;
    int i;

    for (i = 0; i < 400; i++) {
        tai_charge_t charge = a_charge(1, sizes[_i].max, sizes[_i].window_ms);

        charged(&limiter, &charge, 1, NULL);
        usleep(sizes[_i].window_ms == 1000 ? 5000 : 0);
    }
    reply = redisCommand(control, "MEMORY USAGE %s", window_key(1));
    ck_assert_int_le(reply->integer, KEY_BYTES);
    printf("# %u/%ums: %lld bytes\n", sizes[_i].max, sizes[_i].window_ms, reply->integer);
    freeReplyObject(reply);
}
END_TEST

/* ---- log-ins ----------------------------------------------------------------------------------- */

/* More places than a page of the list has; two user names, of which one is unlocked. */
START_TEST(a_user_name_is_unlocked_from_everywhere)
{
    const tai_lockout_t once = {{1, 60000}, 60000}, often = {{100000, 60000}, 60000};
    apr_uint64_t user, place, left;
    const char *error = "";
    unsigned started;
    int lifted;
    tai_login_t login;

    for (user = 1; user <= 2; user++) {
        for (place = 1; place <= 150; place++) {
            login = (tai_login_t){.ids = {{place, user}, {0, user}, {9, 1000 + place}},
                                  .lockouts = {once, often, often}};
            ck_assert_int_eq(limiter.ops->login_begin(limiter.self, &login, 0, &left, pool, &error),
                             0);
            ck_assert_uint_eq(left, 0);
            ck_assert_int_eq(
                limiter.ops->login_fail(limiter.self, &login, 0, &started, pool, &error), 0);
            ck_assert_uint_eq(started, 1u << TAI_LOGIN_PAIR);
        }
    }
    login.ids[TAI_LOGIN_USERNAME].lo = login.ids[TAI_LOGIN_PAIR].lo = 1;
    ck_assert_int_eq(limiter.ops->login_unlock(limiter.self, &login, TAI_LOGIN_USERNAME, 0, &lifted,
                                               pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(lifted, 150);
    ck_assert_int_eq(limiter.ops->login_begin(limiter.self, &login, 0, &left, pool, &error), 0);
    ck_assert_uint_eq(left, 0);
    login.ids[TAI_LOGIN_USERNAME].lo = login.ids[TAI_LOGIN_PAIR].lo = 2;
    ck_assert_int_eq(limiter.ops->login_begin(limiter.self, &login, 0, &left, pool, &error), 0);
    ck_assert_uint_gt(left, 0);
}
END_TEST

/* What stands on the list may be anybody's. */
START_TEST(a_list_unlocks_nothing_but_log_ins)
{
    tai_login_t login = {.ids = {{1, 1}, {0, 1}, {1, 1}}};
    unsigned slot;
    const char *error = "",
               *list = tai_redis_key(TAI_REDIS_PREFIX, TAI_REDIS_LIST, &(tai_id_t){0, 1},
                                     &(tai_id_t){0, 1}, &slot, pool);
    int lifted;

    admits(&limiter);
    freeReplyObject(redisCommand(control, "ZADD %s 1 %s", list, window_key(3)));
    freeReplyObject(redisCommand(control, "PEXPIRE %s 60000", list));
    ck_assert_int_ne(limiter.ops->login_unlock(limiter.self, &login, TAI_LOGIN_USERNAME, 0, &lifted,
                                               pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(number_of(control, "DBSIZE"), 2);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, make_limiter, destroy_limiter);
    tcase_add_test(tests, all_are_charged_or_none);
    tcase_add_test(tests, a_lock_lets_nothing_be_charged);
    tcase_add_test(tests, what_was_refunded_was_never_there);
    tcase_add_test(tests, identities_are_the_same_everywhere);
    tcase_add_loop_test(tests, exactly_n_are_admitted, 0, ROWS(contended));
    tcase_add_test(tests, scripts_that_were_flushed_are_sent_again);
    tcase_add_test(tests, connections_that_were_closed_are_not_used);
    tcase_add_test(tests, a_restart_is_survived);
    tcase_add_test(tests, who_answers_too_late_is_not_heard);
    tcase_add_test(tests, a_full_redis_is_a_failure);
    tcase_add_test(tests, a_replica_is_a_failure);
    tcase_add_test(tests, a_busy_redis_is_a_failure);
    tcase_add_loop_test(tests, strange_keys_are_failures, 0, ROWS(strange));
    tcase_add_test(tests, a_user_needs_no_more_rights);
    tcase_add_loop_test(tests, who_is_not_wanted_is_told, 0, ROWS(unwanted));
    tcase_add_test(tests, a_socket_is_as_good);
    tcase_add_test(tests, a_name_is_resolved);
    tcase_add_test(tests, a_name_is_resolved_when_it_is_needed);
    tcase_add_test(tests, a_name_is_resolved_again_after_a_failure);
    tcase_add_test(tests, a_name_that_there_is_not_is_a_failure);
    tcase_add_loop_test(tests, memory_is_bounded, 0, ROWS(sizes));
    tcase_add_test(tests, a_user_name_is_unlocked_from_everywhere);
    tcase_add_test(tests, a_list_unlocks_nothing_but_log_ins);
}

int main(void)
{
    return unit_run("limiter on Redis", add);
}
