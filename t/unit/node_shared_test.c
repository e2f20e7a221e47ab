#include "nodes.h"
#include "core/mutex.h"

/* Several processes of one node, and two nodes at the same time. Whoever forks has a connection open:
 * the other process makes its own. */

static tai_segment_t *segment; /* of the running test: registered, and a key of acme's is in it */
static tai_segment_t *other;   /* another node */
static tai_node_t *node;
static const char *key_id;
static answer_t answer;

static void make_nodes(void)
{
    tai_key_issue_t issue = created(usual);

    segment = registered_node(LEASE_MS);
    other = registered_node(LEASE_MS);
    node = tai_segment_node(segment);
    key_id = issue.info->id;
    answer = learned(segment, digest_of(issue.key));
}

static apr_status_t lease(void)
{
    return tai_node_lease(segment, store, tai_clock_ms(), pool, &text);
}

static int die_with_locks(void *data)
{
    int inherited;

    (void)data;
    return tai_mutex_try(&node->syncing) == APR_SUCCESS &&
                   tai_mutex_lock(&node->table, &inherited) == APR_SUCCESS
               ? 0
               : 1;
}

START_TEST(who_dies_leaves_his_locks_to_others)
{
    child_succeeds(in_child(die_with_locks, NULL));
    revoked(key_id, NOW);
    sync_node(segment);
    ck_assert_int_eq(is_remembered(segment, &answer), 0);
    ck_assert_int_eq(holds(segment, &answer), 0);
    child_succeeds(in_child(die_with_locks, NULL));
    learned(segment, hex_of(&answer.key));
    ck_assert_int_eq(is_remembered(segment, &answer), 1);
}
END_TEST

static int sync_in_child(void *data)
{
    (void)data;
    store = open_store(path, 1);
    return try_sync(segment) != APR_SUCCESS;
}

/* Without one, and with somebody at it: what he gets is good for all. */
START_TEST(who_comes_second_waits)
{
    pid_t pid;

    must(tai_node_leave(segment, store, pool, &text));
    node->begun_at = 0;
    raw_slow("INSERT", "nodes");
    pid = in_child(sync_in_child, NULL);
    while (__atomic_load_n(&node->begun_at, __ATOMIC_ACQUIRE) == 0) {
        sched_yield();
    }
    ck_assert_int_eq(lease(), APR_SUCCESS);
    ck_assert_uint_eq(node->registrations, 2);
    child_succeeds(pid);
    ck_assert_uint_eq(node->syncs, 2);
}
END_TEST

/* Somebody asks, until the other one is answered; not for ever, or he would wait for that. */
static int keep_asking(void *data)
{
    int *answered = data;
    const apr_uint64_t until = tai_clock_ms() + 1000;

    if (tai_mutex_try(&node->syncing) != APR_SUCCESS) {
        return 1;
    }
    meet(answered, 2);
    while (__atomic_load_n(answered, __ATOMIC_RELAXED) < 3 && tai_clock_ms() < until) {
        sched_yield();
    }
    tai_mutex_unlock(&node->syncing);
    return 0;
}

/* While it lasts, nobody waits for the one who asks: the database is back, and he is not told. */
START_TEST(nobody_waits_in_an_outage)
{
    int *answered = shared_block(sizeof(*answered));
    pid_t pid;

    must(tai_node_leave(segment, store, pool, &text));
    take_away();
    ck_assert_int_ne(lease(), APR_SUCCESS);
    pid = in_child(keep_asking, answered);
    meet(answered, 2);
    bring_back();
    wait_until(node->failed_at + 100);
    ck_assert_int_ne(lease(), APR_SUCCESS);
    ck_assert_ptr_nonnull(text);
    __atomic_fetch_add(answered, 1, __ATOMIC_RELAXED);
    child_succeeds(pid);
}
END_TEST

typedef struct watch_t {
    answer_t answer;
    int met;
} watch_t;

/* @return 1: it was found in the table by one who had read that the change is applied */
static int find_until_it_is_gone(void *data)
{
    watch_t *watch = data;
    const apr_int64_t old = tai_node_version(segment).seq;
    tai_version_t version;
    int found;

    meet(&watch->met, 2);
    do {
        version = tai_node_version(segment);
        found = is_remembered(segment, &watch->answer);
    } while (found && version.seq == old);
    return found;
}

/* Of many changes, that of the key is the last one: they take a moment. */
START_TEST(applied_before_the_number_says_so)
{
    watch_t *watch = shared_block(sizeof(*watch));
    pid_t pid;

    watch->answer = answer;
    raw_run(path, apr_psprintf(pool,
                               "INSERT INTO key_changes WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
                               " SELECT i + 1 FROM n WHERE i < 9000) SELECT seq + i, '%s', NULL"
                               " FROM change_counter, n;"
                               " UPDATE change_counter SET seq = seq + 9000",
                               digest_of("some")));
    revoked(key_id, NOW);
    pid = in_child(find_until_it_is_gone, watch);
    meet(&watch->met, 2);
    sync_node(segment);
    child_succeeds(pid);
    ck_assert_uint_eq(tai_segment_node(segment)->registrations, 1);
}
END_TEST

/* By a process that syncs when it can, with a connection of its own. */
static int follow_in_child(void *data)
{
    const apr_int64_t until = *(apr_int64_t *)data;

    store = open_store(path, 1);
    while (tai_segment_node(other)->applied_seq < until) {
        if (try_sync(other) != APR_SUCCESS) {
            return 1;
        }
    }
    return 0;
}

START_TEST(in_force_when_every_node_says_so)
{
    const answer_t there = learned(other, hex_of(&answer.key));
    tai_told_t told;
    apr_int64_t until = tai_segment_node(other)->applied_seq + 1;
    pid_t pid = in_child(follow_in_child, &until);

    revoked(key_id, NOW);
    must(tai_node_tell(segment, store, pool, &told, &text));
    ck_assert_int_eq(holds(segment, &answer), 0);
    ck_assert_int_eq(holds(other, &there), 0);
    ck_assert_int_eq(told.applied, 2);
    ck_assert_int_eq(told.silent, 0);
    child_succeeds(pid);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_checked_fixture(tests, make_nodes, NULL);
    tcase_add_test(tests, who_dies_leaves_his_locks_to_others);
    tcase_add_test(tests, who_comes_second_waits);
    tcase_add_test(tests, nobody_waits_in_an_outage);
    tcase_add_test(tests, applied_before_the_number_says_so);
    tcase_add_test(tests, in_force_when_every_node_says_so);
}

int main(void)
{
    return unit_run("nodes of several processes", add);
}
