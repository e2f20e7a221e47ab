#include <signal.h>
#include "chance.h"
#include "nodes.h"
#include "core/lookup.h"

/*
 * Processes of two nodes use keys as fast as they can, while these are revoked one after the other:
 * no verdict holds that is looked at after the revocation is back. The same while the processes are
 * killed at any moment, and others take their places.
 */

#define READERS       4 /* every other one on the second node */
#define ROUNDS        40
#define SYNC_MS       5
#define KILL_LEASE_MS 1000 /* a row may be left that nobody has: it is waited for */

typedef struct stage_t {
    tai_segment_t *nodes[2];
    tai_digest_t keys[ROUNDS];
    int gone;             /* the keys before this one are revoked, and that is in force */
    int reached[READERS]; /* how many of the keys a reader has used */
    int stop;
    int kills;
    apr_uint64_t served;     /* requests with a key that was good */
    apr_uint64_t overlooked; /* with one that was not */
} stage_t;

typedef struct reader_t {
    stage_t *stage;
    int number;
    tai_store_t *store;
    tai_lookup_t *lookup;
    tai_segment_t *segment;
    apr_pool_t *p;
} reader_t;

static int read_int(const int *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* @return 1: the key is good */
static int judge(reader_t *reader, int round, tai_version_t *version)
{
    const tai_digest_t *key = &reader->stage->keys[round];
    const apr_uint64_t now = tai_clock_ms();
    const char *error;
    tai_known_key_t known;
    tai_lookup_e found = tai_lookup_recall(reader->lookup, key, now, reader->p, &known, &error);

    if (found == TAI_LOOKUP_ABSENT) {
        found = tai_lookup_ask(reader->lookup, key, now, reader->p, &known, &error);
    }
    *version = known.version;
    return found == TAI_LOOKUP_FOUND && known.record->revoked_at == TAI_NEVER;
}

/* The look, some time after the verdict. */
static int serve(reader_t *reader, int round, tai_version_t version)
{
    stage_t *stage = reader->stage;
    const int gone = read_int(&stage->gone);

    if (!tai_node_holds(reader->segment, version)) {
        return 0;
    }
    __atomic_fetch_add(gone > round ? &stage->overlooked : &stage->served, 1, __ATOMIC_RELAXED);
    return 1;
}

static void sync_if_due(reader_t *reader)
{
    const char *error;

    if (tai_node_due(reader->segment, tai_clock_ms())) {
        tai_node_sync(reader->segment, reader->store, reader->p, &error);
    }
}

/* With one key until it is refused: a verdict is looked at again and again, and then made anew. */
static void use_key(reader_t *reader, int round, apr_uint64_t *chance)
{
    stage_t *stage = reader->stage;
    tai_version_t version;

    while (judge(reader, round, &version)) {
        apr_uint64_t looks = chance_below(chance, 200);

        __atomic_store_n(&stage->reached[reader->number], round + 1, __ATOMIC_RELEASE);
        while (serve(reader, round, version) && looks-- > 0) {
            sync_if_due(reader);
        }
        apr_pool_clear(reader->p);
    }
}

static int read_keys(void *data)
{
    reader_t *reader = data;
    stage_t *stage = reader->stage;
    apr_uint64_t chance = (apr_uint64_t)reader->number + 1;
    int round = 0;

    reader->store = open_store(path, 1);
    if (apr_pool_create(&reader->p, pool) != APR_SUCCESS ||
        tai_lookup_create(&reader->lookup, reader->segment, reader->store, 1, pool) !=
            APR_SUCCESS) {
        return 1;
    }
    while (!read_int(&stage->stop) && round < ROUNDS) {
        use_key(reader, round, &chance);
        round = read_int(&stage->gone);
        apr_pool_clear(reader->p);
        sync_if_due(reader);
    }
    return 0;
}

static void wait_for_readers(const stage_t *stage, int round)
{
    for (int i = 0; i < READERS; i++) {
        while (read_int(&stage->reached[i]) <= round) {
            sched_yield();
        }
    }
}

static tai_told_t revoke_one(stage_t *stage, const char *id, int round)
{
    tai_told_t told;

    wait_for_readers(stage, round);
    revoked(id, NOW);
    must(tai_node_tell(stage->nodes[0], store, pool, &told, &text));
    __atomic_store_n(&stage->gone, round + 1, __ATOMIC_RELEASE);
    return told;
}

static const char *new_key(stage_t *stage, int round)
{
    const char *id = apr_psprintf(pool, "key_%d", round);
    const char *hex = digest_of(id);

    raw_run(path, apr_psprintf(pool,
                               "INSERT INTO api_keys (id, line, account_id, user_id, name, prefix,"
                               " key_hash, scopes, created_at) SELECT '%s', '%s', account_id, id,"
                               " 'n', 'p', '%s', 'programs:read', 1 FROM users",
                               id, id, hex));
    stage->keys[round] = digest_from(hex);
    return id;
}

static stage_t *make_stage(apr_uint32_t lease_ms, const char *ids[ROUNDS])
{
    stage_t *stage = shared_block(sizeof(*stage));
    int i;

    for (i = 0; i < 2; i++) {
        stage->nodes[i] = new_node(lease_ms);
        tai_node_configure(stage->nodes[i], SYNC_MS, lease_ms, "");
    }
    for (i = 0; i < ROUNDS; i++) {
        ids[i] = new_key(stage, i);
    }
    return stage;
}

static pid_t start_reader(stage_t *stage, int number)
{
    reader_t reader = {.stage = stage, .number = number, .segment = stage->nodes[number % 2]};

    return in_child(read_keys, &reader);
}

START_TEST(no_verdict_holds_when_the_revocation_is_back)
{
    const char *ids[ROUNDS];
    stage_t *stage = make_stage(LEASE_MS, ids);
    pid_t pids[READERS];
    int i;

    for (i = 0; i < READERS; i++) {
        pids[i] = start_reader(stage, i);
    }
    for (i = 0; i < ROUNDS; i++) {
        const tai_told_t told = revoke_one(stage, ids[i], i);

        ck_assert_int_eq(told.applied, 2);
        ck_assert_int_eq(told.silent, 0);
    }
    __atomic_store_n(&stage->stop, 1, __ATOMIC_RELEASE);
    for (i = 0; i < READERS; i++) {
        child_succeeds(pids[i]);
    }
    ck_assert_uint_gt(stage->served, ROUNDS);
    ck_assert_uint_eq(stage->overlooked, 0);
}
END_TEST

/* In a process of its own, whose children the readers are. */
static int start_and_kill_readers(void *data)
{
    stage_t *stage = data;
    apr_uint64_t chance = 1;
    pid_t pids[READERS];
    int i;

    for (i = 0; i < READERS; i++) {
        pids[i] = start_reader(stage, i);
    }
    while (!read_int(&stage->stop)) {
        apr_sleep((apr_interval_time_t)chance_below(&chance, 20000));
        i = (int)chance_below(&chance, READERS);
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
        __atomic_fetch_add(&stage->kills, 1, __ATOMIC_RELAXED);
        pids[i] = start_reader(stage, i);
    }
    for (i = 0; i < READERS; i++) {
        child_succeeds(pids[i]);
    }
    return 0;
}

/* Whoever comes next has mended what somebody left half done. */
static void is_whole(tai_segment_t *segment)
{
    const answer_t answer = {.key = digest_from(digest_of("none"))};

    ck_assert_int_eq(learn(segment, &answer), APR_EAGAIN);
    ck_assert_uint_eq(tai_records_check(tai_segment_records(segment)), 0);
    sync_node(segment);
}

START_TEST(nor_when_processes_are_killed)
{
    const char *ids[ROUNDS];
    stage_t *stage = make_stage(KILL_LEASE_MS, ids);
    pid_t pid = in_child(start_and_kill_readers, stage);
    int i;

    for (i = 0; i < ROUNDS; i++) {
        revoke_one(stage, ids[i], i);
    }
    __atomic_store_n(&stage->stop, 1, __ATOMIC_RELEASE);
    child_succeeds(pid);
    ck_assert_int_gt(stage->kills, 0);
    ck_assert_uint_gt(stage->served, ROUNDS);
    ck_assert_uint_eq(stage->overlooked, 0);
    is_whole(stage->nodes[0]);
    is_whole(stage->nodes[1]);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, no_verdict_holds_when_the_revocation_is_back);
    tcase_add_test(tests, nor_when_processes_are_killed);
}

int main(void)
{
    return unit_run("revoked at once", add);
}
