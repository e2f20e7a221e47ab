#include "redis.h"
#include "redis/keys.h"
#include "redis/slots.h"
#include "shared.h"

/* The limiter on a Redis Cluster of three masters. */

#define MASTERS 3

static server_t servers[MASTERS];
static redisContext *controls[MASTERS];
static tai_limiter_t limiter;

/* What they think of the whole. */
static int is_formed(redisContext *c)
{
    redisReply *info = redisCommand(c, "CLUSTER INFO");
    const int formed = strstr(info->str, "cluster_state:ok") != NULL &&
                       strstr(info->str, "cluster_size:3") != NULL;

    freeReplyObject(info);
    return formed;
}

static void await_formed(void)
{
    const apr_uint64_t until = tai_clock_ms() + 60000;
    int i;

    for (i = 0; i < MASTERS; i++) {
        while (!is_formed(controls[i])) {
            ck_assert_msg(tai_clock_ms() < until, "the cluster does not come together");
            usleep(20000);
        }
    }
}

static void start_cluster(void)
{
    static const char *const args[] = {
        "--cluster-enabled",      "yes",  "--cluster-config-file",           "nodes.conf",
        "--cluster-node-timeout", "3000", "--cluster-require-full-coverage", "no"};
    char command[300];
    int i;

    signal(SIGPIPE, SIG_IGN);
    for (i = 0; i < MASTERS; i++) {
        memcpy(servers[i].args, args, sizeof(args));
        server_start(&servers[i]);
    }
    snprintf(command, sizeof(command),
             "redis-cli --cluster create 127.0.0.1:%d 127.0.0.1:%d 127.0.0.1:%d --cluster-yes "
             ">/dev/null",
             servers[0].port, servers[1].port, servers[2].port);
    ck_assert_int_eq(system(command), 0);
}

static void stop_cluster(void)
{
    int i;

    for (i = 0; i < MASTERS; i++) {
        server_stop(&servers[i]);
    }
}

static void prepare(void)
{
    int i;

    make_pool();
    ck_assert_int_eq(tai_digest_init(pool), APR_SUCCESS);
    for (i = 0; i < MASTERS; i++) {
        controls[i] = reach(servers[i].port);
        succeeds(controls[i], "FLUSHALL");
    }
    await_formed();
    limiter = limiter_of(&servers[0]);
}

static void finish(void)
{
    int i;

    for (i = 0; i < MASTERS; i++) {
        check_keys(controls[i]);
        redisFree(controls[i]);
    }
    destroy_pool();
}

/* ---- helpers ---------------------------------------------------------------------------------- */

static tai_charge_t a_charge(apr_uint64_t tag, apr_uint64_t id, apr_uint32_t max)
{
    return (tai_charge_t){.tag = {0, tag}, .id = {5, id}, .limit = {max, 600000}};
}

static unsigned slot_of(apr_uint64_t tag)
{
    unsigned slot;

    tai_redis_key(TAI_REDIS_PREFIX, TAI_REDIS_WINDOW, &(tai_id_t){0, tag}, &(tai_id_t){0, 0}, &slot,
                  pool);
    return slot;
}

/* As redis-cli --cluster create hands them out to three. */
static int master_of(apr_uint64_t tag)
{
    const unsigned slot = slot_of(tag);

    return slot <= 5460 ? 0 : slot <= 10922 ? 1 : 2;
}

/* A tag of a master, the n-th. */
static apr_uint64_t tag_at(int master, int n)
{
    apr_uint64_t tag = 0;

    do {
        tag++;
        n -= master_of(tag) == master;
    } while (n >= 0);
    return tag;
}

static apr_status_t try_charge(tai_charge_t *charges, int n, tai_count_t *lock, int *admitted,
                               const char **error)
{
    return limiter.ops->charge(limiter.self, charges, n, lock, 0, admitted, pool, error);
}

static int charged(tai_charge_t *charges, int n, tai_count_t *lock)
{
    const char *error = "";
    int admitted = 77;
    const apr_status_t rv = try_charge(charges, n, lock, &admitted, &error);

    ck_assert_msg(rv == APR_SUCCESS, "%s", error);
    return admitted;
}

/* What a window holds just now. */
static apr_uint32_t counted(tai_charge_t charge)
{
    const char *error = "";
    int passes;
    const apr_status_t rv = limiter.ops->test(limiter.self, &charge, 1, 0, &passes, pool, &error);

    ck_assert_msg(rv == APR_SUCCESS, "%s", error);
    return charge.view.counted;
}

/* How often a master has said MOVED. */
static int moved(redisContext *c)
{
    redisReply *info = redisCommand(c, "INFO errorstats");
    const char *at = strstr(info->str, "errorstat_MOVED:count=");
    const int n = at != NULL ? atoi(at + strlen("errorstat_MOVED:count=")) : 0;

    freeReplyObject(info);
    return n;
}

/* ---- slots ------------------------------------------------------------------------------------ */

START_TEST(slots_are_those_of_redis)
{
    apr_uint64_t tag;

    /* of its specification: CRC-16 of 123456789 */
    ck_assert_uint_eq(tai_redis_slot("123456789", 9), 0x31c3 % TAI_REDIS_SLOTS);
    for (tag = 0; tag < 100; tag++) {
        unsigned slot;
        const char *key =
            tai_redis_key(TAI_REDIS_PREFIX, TAI_REDIS_FAILURE, &(tai_id_t){tag, tag * 7919},
                          &(tai_id_t){tag, tag}, &slot, pool);

        ck_assert_int_eq(number_of(controls[0], apr_psprintf(pool, "CLUSTER KEYSLOT %s", key)),
                         slot);
    }
}
END_TEST

START_TEST(who_has_a_slot_is_remembered)
{
    const int before = moved(controls[0]) + moved(controls[1]) + moved(controls[2]);
    int i, after_first;

    for (i = 0; i < 60; i++) {
        tai_charge_t charge = a_charge((apr_uint64_t)i, 1, 10);

        ck_assert(charged(&charge, 1, NULL));
        ck_assert_uint_eq(charge.view.counted, 1);
    }
    after_first = moved(controls[0]) + moved(controls[1]) + moved(controls[2]);
    ck_assert_int_gt(after_first, before);
    for (i = 0; i < 60; i++) {
        tai_charge_t charge = a_charge((apr_uint64_t)i, 1, 10);

        ck_assert(charged(&charge, 1, NULL));
        ck_assert_uint_eq(charge.view.counted, 2);
    }
    ck_assert_int_eq(moved(controls[0]) + moved(controls[1]) + moved(controls[2]), after_first);
}
END_TEST

/* ---- several slots in one operation ------------------------------------------------------------- */

START_TEST(one_tag_is_one_call)
{
    const apr_uint64_t tag = tag_at(0, 0);
    tai_charge_t charges[] = {a_charge(tag, 1, 10), a_charge(tag, 2, 10), a_charge(tag, 3, 10)};
    redisReply *info;

    ck_assert(charged(charges, 3, NULL));
    ck_assert_int_eq(number_of(controls[0], "DBSIZE"), 3);
    succeeds(controls[0], "CONFIG RESETSTAT");
    ck_assert(charged(charges, 3, NULL));
    info = redisCommand(controls[0], "INFO commandstats");
    ck_assert_ptr_nonnull(strstr(info->str, "cmdstat_evalsha:calls=1,"));
    freeReplyObject(info);
}
END_TEST

/* Whichever of them refuses, the others are as before. */
START_TEST(all_are_charged_or_none)
{
    tai_charge_t charges[MASTERS];
    int i;

    for (i = 0; i < MASTERS; i++) {
        charges[i] = a_charge(tag_at(i, 0), 1, i == _i ? 1 : 100);
    }
    ck_assert(charged(charges, MASTERS, NULL));
    for (i = 0; i < MASTERS; i++) {
        ck_assert_uint_eq(charges[i].view.counted, 1);
    }
    ck_assert(!charged(charges, MASTERS, NULL));
    for (i = 0; i < MASTERS; i++) {
        ck_assert_uint_eq(charges[i].view.counted, 1);
        ck_assert_int_eq(charges[i].view.wait_ms > 0, i == _i);
        ck_assert_uint_eq(counted(charges[i]), 1);
    }
}
END_TEST

START_TEST(a_lock_elsewhere_lets_nothing_be_charged)
{
    const tai_lockout_t lockout = {{1, 60000}, 60000};
    tai_count_t counts[] = {{.tag = {0, tag_at(2, 1)}, .id = {0, 1}, .lockout = &lockout},
                            {.tag = {0, tag_at(1, 1)}, .id = {0, 2}, .lockout = &lockout}};
    tai_charge_t charges[] = {a_charge(tag_at(0, 1), 1, 10), a_charge(tag_at(1, 1), 1, 10)};
    const char *error = "";
    int lifted = 77;

    ck_assert(charged(charges, 2, &counts[0]));
    ck_assert_int_eq(limiter.ops->fail(limiter.self, counts, 2, 0, pool, &error), APR_SUCCESS);
    ck_assert(counts[0].started && counts[1].started);
    ck_assert(!charged(charges, 2, &counts[0]));
    ck_assert_uint_gt(counts[0].left_ms, 0);
    ck_assert_uint_eq(charges[0].view.counted, 1);
    ck_assert_uint_eq(counted(charges[1]), 1);
    ck_assert_int_eq(limiter.ops->unlock(limiter.self, counts, 2, 0, &lifted, pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(lifted, 2);
    ck_assert(charged(charges, 2, &counts[0]));
    ck_assert_int_eq(limiter.ops->refund(limiter.self, charges, 2, 0, pool, &error), APR_SUCCESS);
    ck_assert_uint_eq(counted(charges[0]), 1);
    ck_assert_uint_eq(counted(charges[1]), 1);
}
END_TEST

/* Of two nodes, as of one: behind a lock that runs nothing is counted. */
START_TEST(a_lock_that_runs_ends_the_counting)
{
    const tai_lockout_t lockout = {{2, 60000}, 60000};
    tai_count_t counts[] = {{.tag = {0, tag_at(2, 8)}, .id = {0, 1}, .lockout = &lockout},
                            {.tag = {0, tag_at(1, 8)}, .id = {0, 2}, .lockout = &lockout}};
    const char *error = "";
    int i;

    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(limiter.ops->fail(limiter.self, counts, 1, 0, pool, &error), APR_SUCCESS);
    }
    ck_assert(counts[0].started);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(limiter.ops->fail(limiter.self, counts, 2, 0, pool, &error), APR_SUCCESS);
        ck_assert_uint_gt(counts[0].left_ms, 0);
        ck_assert_uint_eq(counts[1].left_ms, 0);
        ck_assert(!counts[1].started);
    }
    ck_assert_int_eq(limiter.ops->fail(limiter.self, counts + 1, 1, 0, pool, &error), APR_SUCCESS);
    ck_assert(!counts[1].started);
}
END_TEST

static tai_login_t a_login(apr_uint64_t user, apr_uint64_t client, apr_uint32_t n)
{
    const tai_lockout_t lockout = {{n, 60000}, 60000}, often = {{10 * n, 60000}, 60000};

    return (tai_login_t){.ids = {{client, user}, {0, user}, {9, client}},
                         .lockouts = {lockout, often, often}};
}

static apr_uint64_t begin(tai_login_t *login)
{
    const char *error = "";
    apr_uint64_t left = 77;
    const apr_status_t rv = limiter.ops->login_begin(limiter.self, login, 0, &left, pool, &error);

    ck_assert_msg(rv == APR_SUCCESS, "%s", error);
    return left;
}

/* The client has no room: the user name, on another node, has its own try back. */
START_TEST(a_log_in_begins_everywhere_or_nowhere)
{
    const apr_uint64_t user = tag_at(0, 2), other = tag_at(1, 2), client = tag_at(2, 2);
    tai_login_t login;
    const char *error = "";
    unsigned started = 0;
    int i, lifted = 0;

    for (i = 0; i < 10; i++) { /* 10 N of the client are used up by ten others */
        login = a_login(other + 1000 * (apr_uint64_t)i, client, 1);
        ck_assert_uint_eq(begin(&login), 0);
    }
    for (i = 0; i < 12; i++) { /* more often than the user name has room for */
        login = a_login(user, client, 1);
        ck_assert_uint_gt(begin(&login), 0);
    }
    login = a_login(user, tag_at(2, 3), 1);
    ck_assert_uint_eq(begin(&login), 0);
    ck_assert_int_eq(limiter.ops->login_fail(limiter.self, &login, 0, &started, pool, &error),
                     APR_SUCCESS);
    ck_assert_uint_eq(started, 1u << TAI_LOGIN_PAIR);
    ck_assert_uint_gt(begin(&login), 0);
    ck_assert_int_eq(limiter.ops->login_unlock(limiter.self, &login, TAI_LOGIN_USERNAME, 0, &lifted,
                                               pool, &error),
                     APR_SUCCESS);
    ck_assert_int_eq(lifted, 1);
    ck_assert_uint_eq(begin(&login), 0);
    ck_assert_int_eq(limiter.ops->login_end(limiter.self, &login, 0, 1, pool, &error), APR_SUCCESS);
    ck_assert_uint_eq(begin(&login), 0);
}
END_TEST

/* ---- at once ------------------------------------------------------------------------------------ */

#define PROCESSES 4
#define TRIES     60
#define LIMIT     50

typedef struct crowd_t {
    int arrived, admitted;
    apr_uint64_t tags[MASTERS];
} crowd_t;

static int try_often(void *data)
{
    crowd_t *crowd = data;
    int i;

    make_pool();
    limiter = limiter_at("redis://127.0.0.1:%d", servers[0].port, 20000, tai_redis_time);
    meet(&crowd->arrived, PROCESSES);
    for (i = 0; i < TRIES; i++) {
        tai_charge_t charges[] = {a_charge(crowd->tags[0], 8, 1000),
                                  a_charge(crowd->tags[1], 8, LIMIT),
                                  a_charge(crowd->tags[2], 8, 1000)};

        __atomic_fetch_add(&crowd->admitted, charged(charges, 3, NULL), __ATOMIC_RELAXED);
    }
    destroy_pool();
    return 0;
}

/*
 * Three slots on three nodes, of which the second refuses: exactly N get through, and what those
 * that were refused had in the first is given back.
 */
START_TEST(exactly_n_are_admitted)
{
    crowd_t *crowd = shared_block(sizeof(*crowd));
    pid_t children[PROCESSES];
    int i;

    for (i = 0; i < MASTERS; i++) {
        crowd->tags[i] = tag_at(i, 4);
    }
    for (i = 0; i < PROCESSES; i++) {
        children[i] = in_child(try_often, crowd);
    }
    for (i = 0; i < PROCESSES; i++) {
        child_succeeds(children[i]);
    }
    ck_assert_int_eq(crowd->admitted, LIMIT);
    for (i = 0; i < MASTERS; i++) {
        ck_assert_uint_eq(counted(a_charge(crowd->tags[i], 8, 1000)), LIMIT);
    }
}
END_TEST

/* ---- slots on the move, nodes that end ------------------------------------------------------------ */

static const char *name_of(redisContext *c)
{
    redisReply *reply = redisCommand(c, "CLUSTER MYID");
    const char *name = apr_pstrdup(pool, reply->str);

    freeReplyObject(reply);
    return name;
}

static void set_slot(int master, unsigned slot, const char *what, int node)
{
    succeeds(controls[master],
             apr_psprintf(pool, "CLUSTER SETSLOT %u %s %s", slot, what,
                          strcmp(what, "STABLE") == 0 ? "" : name_of(controls[node])));
}

/* While a slot goes over, what is not there any more is asked for at its new node; then MOVED. */
START_TEST(a_slot_on_the_move_is_followed)
{
    const apr_uint64_t tag = tag_at(0, 5);
    const unsigned slot = slot_of(tag);
    tai_charge_t before = a_charge(tag, 1, 10), amid = a_charge(tag, 2, 10);
    redisReply *reply;
    int i;

    ck_assert(charged(&before, 1, NULL));
    set_slot(1, slot, "IMPORTING", 0);
    set_slot(0, slot, "MIGRATING", 1);
    ck_assert(charged(&before, 1, NULL));
    ck_assert(charged(&amid, 1, NULL));
    ck_assert_int_eq(number_of(controls[1], apr_psprintf(pool, "CLUSTER COUNTKEYSINSLOT %u", slot)),
                     1);
    reply = redisCommand(controls[0], "CLUSTER GETKEYSINSLOT %u 10", slot);
    ck_assert_uint_eq(reply->elements, 1);
    succeeds(controls[0], apr_psprintf(pool, "MIGRATE 127.0.0.1 %d %s 0 5000", servers[1].port,
                                       reply->element[0]->str));
    freeReplyObject(reply);
    for (i = 0; i < MASTERS; i++) {
        set_slot(i, slot, "NODE", 1);
    }
    ck_assert(charged(&before, 1, NULL));
    ck_assert_uint_eq(before.view.counted, 3);
    ck_assert(charged(&amid, 1, NULL));
    ck_assert_uint_eq(amid.view.counted, 2);
    for (i = 0; i < MASTERS; i++) { /* as the other tests know it */
        succeeds(controls[i], "FLUSHALL");
        set_slot(i, slot, "NODE", 0);
    }
}
END_TEST

/*
 * While a slot moves, several of its keys that are not at one node are not charged, and nobody is taken
 * for gone: other slots are served, and single keys of this one; behind the move all are.
 */
START_TEST(keys_that_a_move_has_parted_are_not_charged)
{
    const apr_uint64_t tag = tag_at(0, 7);
    const unsigned slot = slot_of(tag);
    tai_charge_t both[] = {a_charge(tag, 1, 10), a_charge(tag, 2, 10)};
    tai_charge_t other = a_charge(tag_at(0, 8), 1, 10);
    const char *error = "";
    int i, admitted;

    ck_assert(charged(both, 1, NULL));
    set_slot(1, slot, "IMPORTING", 0);
    set_slot(0, slot, "MIGRATING", 1);
    for (i = 0; i < 5; i++) {
        ck_assert_int_eq(try_charge(both, 2, NULL, &admitted, &error), TAI_LIMITER_UNABLE);
        ck_assert_msg(strstr(error, "it answers charge with \"TRYAGAIN ") != NULL, "%s", error);
        ck_assert(charged(&other, 1, NULL));
    }
    ck_assert_uint_eq(counted(both[0]), 1);
    ck_assert_uint_eq(counted(both[1]), 0);
    for (i = 0; i < MASTERS; i++) { /* it stays where it was */
        set_slot(i, slot, "STABLE", 0);
    }
    ck_assert(charged(both, 2, NULL));
    ck_assert_uint_eq(both[0].view.counted, 2);
    ck_assert_uint_eq(both[1].view.counted, 1);
}
END_TEST

/* All of them: who is told that it is full need not be told again who has the slot. */
START_TEST(a_node_that_is_full_keeps_its_slots)
{
    tai_charge_t full = a_charge(tag_at(1, 11), 1, 10), other = a_charge(tag_at(1, 12), 1, 10);
    const char *error = "";
    int before, i, admitted;

    ck_assert(charged(&full, 1, NULL));
    ck_assert(charged(&other, 1, NULL));
    before = moved(controls[0]) + moved(controls[1]) + moved(controls[2]);
    succeeds(controls[1], "CONFIG SET maxmemory 1");
    for (i = 0; i < 5; i++) {
        ck_assert_int_eq(try_charge(&full, 1, NULL, &admitted, &error), TAI_LIMITER_UNABLE);
        ck_assert_msg(strstr(error, "it answers charge with \"OOM ") != NULL, "%s", error);
        ck_assert_uint_eq(counted(other), 1);
    }
    succeeds(controls[1], "CONFIG SET maxmemory 0");
    ck_assert_int_eq(moved(controls[0]) + moved(controls[1]) + moved(controls[2]), before);
    ck_assert(charged(&full, 1, NULL));
    ck_assert_uint_eq(full.view.counted, 2);
}
END_TEST

/* The one that the configuration names is gone: the others go on, and it is found again. */
START_TEST(the_other_nodes_go_on)
{
    tai_charge_t here = a_charge(tag_at(0, 6), 1, 100), there = a_charge(tag_at(1, 6), 1, 100);
    tai_charge_t unknown = a_charge(tag_at(2, 7), 1, 100);
    const char *error = "";
    int admitted;

    ck_assert(charged(&here, 1, NULL));
    ck_assert(charged(&there, 1, NULL));
    ck_assert(charged(&(tai_charge_t){.tag = {0, tag_at(2, 6)}, .id = {1, 1}, .limit = {1, 60000}},
                      1, NULL));
    kill(servers[0].pid, SIGSTOP);
    limiter.ops->test(limiter.self, &there, 1, 0, &admitted, pool, &error);
    ck_assert(charged(&there, 1, NULL));
    ck_assert_int_ne(try_charge(&here, 1, NULL, &admitted, &error), APR_SUCCESS);
    ck_assert_ptr_nonnull(strstr(error, "in time"));
    /* a slot that nobody was asked for yet: not that of the node that has just failed */
    ck_assert(charged(&unknown, 1, NULL));
    kill(servers[0].pid, SIGCONT);
    redisFree(reach(servers[0].port));
    await_formed();
    ck_assert(charged(&here, 1, NULL));
}
END_TEST

static void begin_anew(const tai_redis_config_t *config)
{
    ck_assert_int_eq(tai_redis_limiter_open(config, 4, tai_redis_time, pool, &limiter),
                     APR_SUCCESS);
}

/* Without the node that the configuration names, which is no more than one of several. */
START_TEST(who_has_just_begun_knows_whom_others_have_heard)
{
    static tai_redis_config_t config;
    tai_charge_t here = a_charge(tag_at(0, 13), 1, 100), there = a_charge(tag_at(1, 13), 1, 100);
    const char *error = "";
    int admitted;

    config = *configured("redis://127.0.0.1:%d", servers[0].port, TIMEOUT_MS);
    config.heard = tai_redis_heard_new();
    ck_assert_ptr_nonnull(config.heard);
    begin_anew(&config);
    ck_assert(charged(&here, 1, NULL));
    ck_assert(charged(&there, 1, NULL));
    kill(servers[0].pid, SIGSTOP);
    begin_anew(&config);
    ck_assert_int_eq(try_charge(&here, 1, NULL, &admitted, &error), TAI_LIMITER_PART);
    ck_assert(charged(&there, 1, NULL));
    ck_assert_uint_eq(there.view.counted, 2);
    kill(servers[0].pid, SIGCONT);
    redisFree(reach(servers[0].port));
    await_formed();
    tai_redis_heard_free(config.heard);
}
END_TEST

START_TEST(the_newest_nodes_are_kept)
{
    tai_redis_heard_t *heard = tai_redis_heard_new();
    char host[TAI_REDIS_HEARD_HOST];
    apr_port_t port, i;
    int seen = 0, n;

    ck_assert(!tai_redis_heard_get(heard, 0, host, &port));
    ck_assert(!tai_redis_heard_get(NULL, 0, host, &port));
    for (i = 1; i <= TAI_REDIS_HEARD_NODES + 2; i++) {
        for (n = 0; n < 3; n++) { /* each once */
            tai_redis_heard_add(heard, "127.0.0.1", i);
        }
    }
    for (n = 0; n < TAI_REDIS_HEARD_NODES; n++) {
        ck_assert(tai_redis_heard_get(heard, n, host, &port));
        ck_assert_str_eq(host, "127.0.0.1");
        ck_assert_uint_gt(port, 2);
        seen += port;
    }
    ck_assert_int_eq(seen, 16 * (3 + 18) / 2);
    memset(host, 'x', sizeof(host)); /* too long */
    host[sizeof(host) - 1] = '\0';
    tai_redis_heard_add(heard, apr_pstrcat(pool, host, "x", NULL), 1);
    ck_assert(tai_redis_heard_get(heard, 2, host, &port));
    ck_assert_str_eq(host, "127.0.0.1");
    tai_redis_heard_free(heard);
}
END_TEST

/* Who needs it waits three times at the most, and nobody else does; the cluster is not gone for that. */
START_TEST(a_node_that_hangs_is_left_alone)
{
    const apr_uint64_t until = tai_clock_ms() + 20000;
    tai_charge_t here = a_charge(tag_at(0, 9), 1, 100), there = a_charge(tag_at(1, 9), 1, 100);
    const char *error = "";
    int i, admitted;

    limiter = limiter_at("redis://127.0.0.1:%d", servers[1].port, 300, tai_redis_time);
    ck_assert(charged(&here, 1, NULL));
    ck_assert(charged(&there, 1, NULL));
    kill(servers[0].pid, SIGSTOP);
    for (i = 0; i < 6; i++) {
        ck_assert_int_eq(try_charge(&here, 1, NULL, &admitted, &error), TAI_LIMITER_PART);
        ck_assert_msg(strstr(error, i < 3 ? "in time" : "left alone") != NULL, "%d: %s", i, error);
        ck_assert(charged(&there, 1, NULL));
    }
    kill(servers[0].pid, SIGCONT);
    while (try_charge(&here, 1, NULL, &admitted, &error) != APR_SUCCESS) {
        ck_assert_msg(tai_clock_ms() < until, "%s", error);
        usleep(20000);
    }
    await_formed();
}
END_TEST

/* Where none of them is there, the limiter is. */
START_TEST(without_any_node_nobody_is_served)
{
    const apr_uint64_t until = tai_clock_ms() + 20000;
    tai_charge_t all[MASTERS];
    const char *error = "";
    apr_status_t rv = APR_SUCCESS;
    int i, admitted;

    limiter = limiter_at("redis://127.0.0.1:%d", servers[1].port, 100, tai_redis_time);
    for (i = 0; i < MASTERS; i++) {
        all[i] = a_charge(tag_at(i, 10), 1, 100);
        ck_assert(charged(&all[i], 1, NULL));
    }
    for (i = 0; i < MASTERS; i++) {
        kill(servers[i].pid, SIGSTOP);
    }
    for (i = 0; i < 4 * MASTERS && rv != TAI_LIMITER_CLOSED; i++) {
        rv = try_charge(&all[i % MASTERS], 1, NULL, &admitted, &error);
        ck_assert_int_ne(rv, APR_SUCCESS);
    }
    for (i = 0; i < MASTERS; i++) {
        kill(servers[i].pid, SIGCONT);
    }
    ck_assert_int_eq(rv, TAI_LIMITER_CLOSED);
    await_formed();
    for (i = 0; i < MASTERS; i++) {
        while (try_charge(&all[i], 1, NULL, &admitted, &error) != APR_SUCCESS) {
            ck_assert_msg(tai_clock_ms() < until, "%s", error);
            usleep(20000);
        }
    }
}
END_TEST

/* What INFO says of one thing. */
static int says(redisContext *c, const char *section, const char *line)
{
    redisReply *info = redisCommand(c, "INFO %s", section);
    const int is = info != NULL && info->str != NULL && strstr(info->str, line) != NULL;

    freeReplyObject(info);
    return is;
}

static void await_says(redisContext *c, const char *line)
{
    const apr_uint64_t until = tai_clock_ms() + 60000;

    while (!says(c, "replication", line)) {
        ck_assert_msg(tai_clock_ms() < until, "it never said %s", line);
        usleep(20000);
    }
}

/* One more server, which copies the first master. */
static redisContext *start_replica(server_t *replica)
{
    redisContext *c;

    memcpy(replica->args, servers[0].args, sizeof(replica->args));
    server_start(replica);
    ck_assert_int_eq(system(apr_psprintf(pool,
                                         "redis-cli --cluster add-node 127.0.0.1:%d 127.0.0.1:%d "
                                         "--cluster-slave --cluster-master-id %s >/dev/null",
                                         replica->port, servers[0].port, name_of(controls[0]))),
                     0);
    c = reach(replica->port);
    await_says(c, "master_link_status:up");
    return c;
}

/*
 * A master ends, and its replica takes over: what the others have goes on all the while, and in the end
 * the windows of the one that is gone, with what they had counted. The last test: nobody brings it back.
 */
START_TEST(a_replica_takes_over)
{
    const apr_uint64_t until = tai_clock_ms() + 60000;
    tai_charge_t here = a_charge(tag_at(0, 9), 1, 100), there = a_charge(tag_at(1, 9), 1, 1000000);
    server_t replica = {.pid = 0};
    redisContext *c = start_replica(&replica);
    const char *error = "";
    int admitted = 0;

    ck_assert(charged(&here, 1, NULL));
    ck_assert(charged(&there, 1, NULL));
    while (number_of(c, "DBSIZE") < 1) { /* replication is asynchronous */
        ck_assert_msg(tai_clock_ms() < until, "nothing is replicated");
        usleep(10000);
    }
    kill(servers[0].pid, SIGKILL);
    do {
        usleep(10000);
        ck_assert_msg(tai_clock_ms() < until, "nobody took over: %s", error);
        ck_assert(charged(&there, 1, NULL));
    } while (try_charge(&here, 1, NULL, &admitted, &error) != APR_SUCCESS);
    ck_assert(admitted);
    ck_assert_uint_eq(here.view.counted, 2);
    await_says(c, "role:master");
    check_keys(c);
    redisFree(c);
    server_stop(&replica);
    redisFree(controls[0]);
    controls[0] = reach(servers[1].port); /* for finish */
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 120);
    tcase_add_unchecked_fixture(tests, start_cluster, stop_cluster);
    tcase_add_checked_fixture(tests, prepare, finish);
    tcase_add_test(tests, slots_are_those_of_redis);
    tcase_add_test(tests, who_has_a_slot_is_remembered);
    tcase_add_test(tests, one_tag_is_one_call);
    tcase_add_loop_test(tests, all_are_charged_or_none, 0, MASTERS);
    tcase_add_test(tests, a_lock_elsewhere_lets_nothing_be_charged);
    tcase_add_test(tests, a_log_in_begins_everywhere_or_nowhere);
    tcase_add_test(tests, exactly_n_are_admitted);
    tcase_add_test(tests, a_slot_on_the_move_is_followed);
    tcase_add_test(tests, keys_that_a_move_has_parted_are_not_charged);
    tcase_add_test(tests, a_node_that_is_full_keeps_its_slots);
    tcase_add_test(tests, the_other_nodes_go_on);
    tcase_add_test(tests, who_has_just_begun_knows_whom_others_have_heard);
    tcase_add_test(tests, the_newest_nodes_are_kept);
    tcase_add_test(tests, a_lock_that_runs_ends_the_counting);
    tcase_add_test(tests, a_node_that_hangs_is_left_alone);
    tcase_add_test(tests, without_any_node_nobody_is_served);
    tcase_add_test(tests, a_replica_takes_over);
}

int main(void)
{
    return unit_run("limiter on a Redis Cluster", add);
}
