#include "acme.h"
#include "shared.h"
#include "core/store_nodes.h"

/*
 * Several programs at one database: the number of keys is exact, a key is rolled once, and whoever
 * reads the log of changes, or a key with the counter, misses nothing that the counter counts.
 */

#define PROGRAMS 4

/* What the programs of one test share. */
typedef struct stage_t {
    int arrived;
    int writing; /* how many still write */
    int done;    /* changes that succeeded */
    int refused; /* those that were refused, for the reason that the test expects */
    int looks;
} stage_t;

typedef struct program_t {
    stage_t *stage;
    int number;
    int (*part)(struct program_t *program); /* returns 0: nothing unexpected has happened */
} program_t;

static const char *other; /* a database beside that of the test */

static void count(int *number)
{
    __atomic_fetch_add(number, 1, __ATOMIC_RELAXED);
}

/* With a store of its own; all begin at the same moment. */
static int run_program(void *data)
{
    program_t *program = data;

    store = open_store(path, 1);
    meet(&program->stage->arrived, PROGRAMS);
    return program->part(program);
}

static void start_programs(stage_t *stage, int (*part)(program_t *), pid_t pids[PROGRAMS])
{
    for (int i = 0; i < PROGRAMS; i++) {
        program_t program = {.stage = stage, .number = i, .part = part};

        pids[i] = in_child(run_program, &program);
    }
}

static void end_programs(const pid_t pids[PROGRAMS])
{
    for (int i = 0; i < PROGRAMS; i++) {
        child_succeeds(pids[i]);
    }
}

static void run_programs(stage_t *stage, int (*part)(program_t *))
{
    pid_t pids[PROGRAMS];

    start_programs(stage, part, pids);
    end_programs(pids);
}

/* ---- the schema ---------------------------------------------------------------------------- */

static int init_it(program_t *program)
{
    const char *said = "";
    apr_status_t rv = tai_schema_init(driver, other, pool, &said);

    if (rv != APR_SUCCESS && rv != APR_EEXIST) {
        fprintf(stderr, "init: %s\n", said);
        return 1;
    }
    count(rv == APR_SUCCESS ? &program->stage->done : &program->stage->refused);
    return 0;
}

/* Those who come while it is made wait, and find it made. */
START_TEST(a_schema_is_made_once)
{
    stage_t *stage = shared_block(sizeof(*stage));
    const char *said;

    other = new_database("other.db");
    run_programs(stage, init_it);
    ck_assert_int_ge(stage->done, 1);
    ck_assert_int_eq(tai_store_check(driver, other, pool, &said), TAI_STORE_READY);
    ck_assert_str_eq(raw_value(other, "SELECT COUNT(*) FROM schema_version"),
                     apr_itoa(pool, tai_store_schema_version));
    ck_assert_str_eq(raw_value(other, "SELECT COUNT(*) FROM scopes"), "8");
}
END_TEST

/* ---- the number of keys -------------------------------------------------------------------- */

#define MAX_KEYS 10
#define TRIES    8 /* of each program: 32 for ten places */

static int create_keys(program_t *program)
{
    for (int i = 0; i < TRIES; i++) {
        tai_key_issue_t issue;
        tai_change_e outcome =
            tai_store_create_key(store, &usual, &actor, NOW, pool, &issue, &text);

        if (outcome != TAI_CHANGE_DONE && outcome != TAI_CHANGE_FULL) {
            fprintf(stderr, "create: %d: %s\n", (int)outcome, text);
            return 1;
        }
        count(outcome == TAI_CHANGE_DONE ? &program->stage->done : &program->stage->refused);
    }
    return 0;
}

START_TEST(exactly_ten_keys_are_created)
{
    stage_t *stage = shared_block(sizeof(*stage));

    run_programs(stage, create_keys);
    ck_assert_int_eq(stage->done, MAX_KEYS);
    ck_assert_int_eq(stage->refused, PROGRAMS * TRIES - MAX_KEYS);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys"), MAX_KEYS);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log WHERE action = 'key.create'"),
                     MAX_KEYS);
}
END_TEST

/* One that is full, where one key after the other is revoked and a new one takes its place. */
static int revoke_and_create(program_t *program)
{
    const tai_key_name_t own = {
        .text = raw_value(path, apr_psprintf(pool, "SELECT id FROM api_keys WHERE name = 'own %d'",
                                             program->number))};
    const tai_key_info_t *info;
    int again;

    if (tai_store_revoke_key(store, &own, &actor, NOW, pool, &info, &again, &text) !=
        TAI_CHANGE_DONE) {
        return 1;
    }
    return create_keys(program);
}

START_TEST(a_place_that_becomes_free_is_taken_once)
{
    stage_t *stage = shared_block(sizeof(*stage));

    for (int i = 0; i < MAX_KEYS; i++) {
        tai_key_order_t order = usual;

        order.name = apr_psprintf(pool, "own %d", i);
        created(order);
    }
    store = open_store(path, 1); /* its connection is not for children */
    run_programs(stage, revoke_and_create);
    ck_assert_int_eq(stage->done, PROGRAMS);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys WHERE revoked_at IS NULL"), MAX_KEYS);
}
END_TEST

/* ---- roll ---------------------------------------------------------------------------------- */

static int roll_it(program_t *program)
{
    const tai_key_name_t name = {
        .text = raw_value(path, "SELECT id FROM api_keys WHERE name = 'a key' AND id = line")};
    tai_key_issue_t issue;
    tai_change_e outcome =
        tai_store_roll_key(store, &name, 60, NULL, &actor, NOW, pool, &issue, &text);

    if (outcome != TAI_CHANGE_DONE && outcome != TAI_CHANGE_KEY) {
        fprintf(stderr, "roll: %d: %s\n", (int)outcome, text);
        return 1;
    }
    count(outcome == TAI_CHANGE_DONE ? &program->stage->done : &program->stage->refused);
    return 0;
}

START_TEST(a_key_is_rolled_once)
{
    stage_t *stage = shared_block(sizeof(*stage));

    created(usual);
    store = open_store(path, 1);
    run_programs(stage, roll_it);
    ck_assert_int_eq(stage->done, 1);
    ck_assert_int_eq(stage->refused, PROGRAMS - 1);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys"), 2);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log WHERE action = 'key.roll'"), 1);
}
END_TEST

/* ---- the log of changes -------------------------------------------------------------------- */

#define CHANGES 600 /* of each key, and each key is one program's */
#define BATCH   3   /* of every other program, in one transaction */

static const char *own_hash(int number)
{
    return digest_of(apr_psprintf(pool, "key %d", number));
}

static void add_own_keys(void)
{
    for (int i = 0; i < PROGRAMS; i++) {
        raw_run(path, apr_psprintf(pool,
                                   "INSERT INTO api_keys (id, line, account_id, user_id, name,"
                                   " prefix, key_hash, scopes, created_at) SELECT 'key_%d',"
                                   " 'key_%d', account_id, id, 'n', 'p', '%s', 'programs:read', 1"
                                   " FROM users",
                                   i, i, own_hash(i)));
    }
}

/* A file may be locked for longer than the driver waits. */
static void insist(const raw_t *raw, const char *sql)
{
    int changed;

    while (apr_dbd_query(raw->driver, raw->handle, &changed, sql) != 0) {
        sched_yield();
    }
}

/* The nth change of its key makes n of its limit. */
static int change_own_key(program_t *program)
{
    const int batch = program->number % 2 ? BATCH : 1;
    raw_t raw = raw_open(path);

    for (int n = 1; n <= CHANGES; n++) {
        if (n % batch == (batch > 1)) {
            insist(&raw, on("sqlite3") ? "BEGIN IMMEDIATE" : "BEGIN");
        }
        insist(&raw,
               apr_psprintf(pool, "UPDATE api_keys SET rate_limit = '%d/1s' WHERE id = 'key_%d'", n,
                            program->number));
        if (n % batch == 0) {
            insist(&raw, "COMMIT");
        }
    }
    raw_close(&raw);
    __atomic_fetch_sub(&program->stage->writing, 1, __ATOMIC_RELEASE);
    return 0;
}

static int still_written(const stage_t *stage)
{
    return __atomic_load_n(&stage->writing, __ATOMIC_ACQUIRE) > 0;
}

static void start_changing(stage_t *stage, pid_t pids[PROGRAMS])
{
    add_own_keys();
    stage->writing = PROGRAMS;
    start_programs(stage, change_own_key, pids);
}

/* A key as it was found, and the counter with it. */
typedef struct sight_t {
    int number; /* of the key */
    int limit;
    apr_int64_t seq;
} sight_t;

static sight_t look_at(int number)
{
    const tai_digest_t key = digest_from(own_hash(number));
    sight_t sight = {.number = number};
    tai_record_t *record;

    ck_assert_msg(tai_store_find_key(store, &key, pool, &record, &sight.seq, &text) == APR_SUCCESS,
                  "%s", text);
    ck_assert_ptr_nonnull(record);
    sight.limit = record->rate_limit ? atoi(record->rate_limit) : 0;
    return sight;
}

/* Which of the keys each change of the log is about, in their order, beginning with the first. */
static const int *read_log(void)
{
    const apr_array_header_t *rows =
        raw_rows(path, "SELECT COALESCE(key_hash, '-') FROM key_changes ORDER BY seq");
    int *log = apr_pcalloc(pool, sizeof(*log) * (apr_size_t)rows->nelts);

    ck_assert_int_eq(rows->nelts, counted("SELECT seq FROM change_counter"));
    for (int number = 0; number < PROGRAMS; number++) {
        const char *hash = own_hash(number);

        for (int i = 0; i < rows->nelts; i++) {
            log[i] += strcmp(APR_ARRAY_IDX(rows, i, const char *), hash) == 0 ? number + 1 : 0;
        }
    }
    return log;
}

/* How often a key had been changed, its creation being none. */
static int changes_until(const int *log, int number, apr_int64_t seq)
{
    int changes = -1;

    for (int i = 0; i < seq; i++) {
        changes += log[i] == number + 1;
    }
    return changes;
}

/* What the record of a key shows is never behind the counter that came with it. */
START_TEST(a_key_is_as_new_as_its_counter)
{
    stage_t *stage = shared_block(sizeof(*stage));
    apr_array_header_t *sights = apr_array_make(pool, 1000, sizeof(sight_t));
    apr_int64_t last = 0;
    pid_t pids[PROGRAMS];
    const int *log;
    int i;

    start_changing(stage, pids);
    for (i = 0; still_written(stage); i = (i + 1) % PROGRAMS) {
        const sight_t sight = look_at(i);

        ck_assert_int_ge(sight.seq, last); /* it never goes back */
        last = sight.seq;
        APR_ARRAY_PUSH(sights, sight_t) = sight;
    }
    end_programs(pids);
    log = read_log();
    for (i = 0; i < sights->nelts; i++) {
        const sight_t *sight = &APR_ARRAY_IDX(sights, i, sight_t);

        ck_assert_int_ge(sight->limit, changes_until(log, sight->number, sight->seq));
    }
    for (i = 0; i < PROGRAMS; i++) {
        ck_assert_int_eq(look_at(i).limit, CHANGES);
    }
}
END_TEST

/* One sync: what is new to the node follows on what it has applied, up to the counter. */
static void follow(tai_node_row_t *node, int *seen)
{
    tai_news_t news;
    int there;

    ck_assert_msg(tai_store_read_news(store, node->id, pool, &news, &text) == APR_SUCCESS, "%s",
                  text);
    ck_assert_ptr_nonnull(news.own);
    ck_assert_int_eq(news.own->applied_seq, node->applied_seq);
    for (int i = 0; i < news.changes->nelts; i++) {
        ck_assert_int_eq(APR_ARRAY_IDX(news.changes, i, tai_key_change_t).seq,
                         node->applied_seq + 1 + i);
    }
    ck_assert_int_eq(news.seq, node->applied_seq + news.changes->nelts);
    *seen += news.changes->nelts;
    node->applied_seq = news.seq;
    ck_assert_int_eq(tai_store_acknowledge(store, node->id, news.seq, pool, &there, &text),
                     APR_SUCCESS);
    ck_assert(there);
}

START_TEST(a_node_is_told_of_every_change_in_order)
{
    stage_t *stage = shared_block(sizeof(*stage));
    tai_node_row_t node = {.lease_ms = 60000};
    pid_t pids[PROGRAMS];
    int seen = 0;

    start_changing(stage, pids);
    ck_assert_int_eq(tai_store_add_node(store, &node, pool, &text), APR_SUCCESS);
    const apr_int64_t first = node.applied_seq;
    while (still_written(stage)) {
        follow(&node, &seen);
    }
    end_programs(pids);
    follow(&node, &seen);
    ck_assert_int_eq(node.applied_seq, PROGRAMS * CHANGES + PROGRAMS + 2);
    ck_assert_int_eq(seen, node.applied_seq - first);
}
END_TEST

/* Nodes come while somebody writes: the counter in a node's row is one that it has not missed. */
START_TEST(a_node_that_comes_misses_nothing)
{
    stage_t *stage = shared_block(sizeof(*stage));
    pid_t pids[PROGRAMS];

    start_changing(stage, pids);
    while (still_written(stage)) {
        tai_node_row_t node = {.lease_ms = 60000};
        const sight_t before = look_at(0);

        ck_assert_int_eq(tai_store_add_node(store, &node, pool, &text), APR_SUCCESS);
        ck_assert_int_ge(node.applied_seq, before.seq);
        ck_assert_int_eq(tai_store_remove_node(store, node.id, pool, &text), APR_SUCCESS);
    }
    end_programs(pids);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, a_schema_is_made_once);
    tcase_add_test(tests, exactly_ten_keys_are_created);
    tcase_add_test(tests, a_place_that_becomes_free_is_taken_once);
    tcase_add_test(tests, a_key_is_rolled_once);
    tcase_add_test(tests, a_key_is_as_new_as_its_counter);
    tcase_add_test(tests, a_node_is_told_of_every_change_in_order);
    tcase_add_test(tests, a_node_that_comes_misses_nothing);
}

int main(void)
{
    return unit_run("store_parallel", add);
}
