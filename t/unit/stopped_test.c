#include <signal.h>
#include "faults.h"
#include "nodes.h"

/*
 * Processes that are stopped or killed where a race would strike: in a build with --enable-faults.
 * Any other build goes past these points.
 */

#define SHORT_MS 1000

static tai_segment_t *segment; /* of the running test: registered, and a key of acme's is in it */
static tai_node_t *node;
static const char *key_id;
static answer_t answer;

static void make_node(void)
{
    tai_key_issue_t issue = created(usual);

    segment = registered_node(SHORT_MS);
    node = tai_segment_node(segment);
    key_id = issue.info->id;
    answer = learned(segment, digest_of(issue.key));
}

/* With a connection of his own, as no connection outlives a fork. */
static int sync_in_child(void *data)
{
    (void)data;
    store = open_store(path, 1);
    return try_sync(segment) != APR_SUCCESS;
}

#ifdef TAI_FAULTS
static int learn_in_child(void *data)
{
    return learn(segment, data) != APR_SUCCESS;
}

static int tell_in_child(void *data)
{
    tai_told_t told;

    (void)data;
    store = open_store(path, 1);
    return tai_node_tell(NULL, store, pool, &told, &text) != TAI_CHANGE_DONE;
}

static void child_is_killed(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
}

static pid_t stopped_at(const char *point, int (*part)(void *), void *data)
{
    pid_t pid;

    arm(point, "stop");
    pid = in_child(part, data);
    wait_for(point);
    return pid;
}

static void killed_at(const char *point)
{
    arm(point, "kill");
    child_is_killed(in_child(sync_in_child, NULL));
}

static const struct {
    const char *point;
    apr_uint64_t changes; /* applied by then */
} amid_sync[] = {{"sync.read", 0}, {"sync.applied", 1}, {"sync.acknowledged", 1}};

/* What he was answered is of a node that is no more: neither changes nor a lease come of it. */
START_TEST(left_while_somebody_syncs)
{
    pid_t pid;

    revoked(key_id, NOW);
    pid = stopped_at(amid_sync[_i].point, sync_in_child, NULL);
    must(tai_node_leave(segment, store, pool, &text));
    disarm(amid_sync[_i].point);
    child_succeeds(pid);
    ck_assert_uint_eq(node->changes, amid_sync[_i].changes);
    ck_assert_uint_eq(node->registrations, 2);
    ck_assert_int_eq(holds(segment, &answer), 0);
    ck_assert_int_eq(is_remembered(segment, &answer), 0);
}
END_TEST

/* Who reads the number finds the change done. */
START_TEST(applied_before_the_number_says_so)
{
    const apr_int64_t seq = node->applied_seq;
    pid_t pid;

    revoked(key_id, NOW);
    pid = stopped_at("sync.applying", sync_in_child, NULL);
    ck_assert_int_eq(is_remembered(segment, &answer), 0);
    ck_assert_int_eq(tai_node_version(segment).seq, seq);
    disarm("sync.applying");
    child_succeeds(pid);
    ck_assert_int_eq(tai_node_version(segment).seq, seq + 1);
}
END_TEST

/* Stopped for so long that he is struck off: the lease that he then takes is over already. */
START_TEST(struck_off_while_somebody_syncs)
{
    pid_t pid = stopped_at("sync.read", sync_in_child, NULL);
    tai_told_t told;

    revoked(key_id, NOW);
    must(tai_node_tell(NULL, store, pool, &told, &text));
    ck_assert_int_eq(told.silent, 1);
    ck_assert_int_eq(holds(segment, &answer), 0);
    disarm("sync.read");
    child_succeeds(pid);
    ck_assert_int_eq(holds(segment, &answer), 0);
    sync_node(segment);
    ck_assert_int_eq(is_remembered(segment, &answer), 0);
    ck_assert_int_eq(holds(segment, &answer), 0);
}
END_TEST

/* The row says less than is true: the node cannot know who has seen that. */
START_TEST(killed_before_it_is_acknowledged)
{
    revoked(key_id, NOW);
    killed_at("sync.applied");
    ck_assert_int_eq(row_has(segment, "applied_seq"), (int)node->applied_seq - 1);
    ck_assert_int_eq(holds(segment, &answer), 0);
    sync_node(segment);
    ck_assert_uint_eq(node->registrations, 2);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM nodes"), 1);
}
END_TEST

START_TEST(killed_before_the_lease_is_renewed)
{
    const apr_uint64_t end = node->lease_end;

    revoked(key_id, NOW);
    killed_at("sync.acknowledged");
    ck_assert_uint_eq(node->lease_end, end);
    ck_assert_int_eq(holds(segment, &answer), 0);
    sync_node(segment);
    ck_assert_uint_eq(node->registrations, 1);
    ck_assert_uint_gt(node->lease_end, end);
}
END_TEST

/* Nobody has the row that is left: it is waited for once. */
START_TEST(killed_when_the_row_is_there)
{
    tai_told_t told;

    raw_run(path, "DELETE FROM nodes");
    killed_at("node.registered");
    ck_assert_uint_eq(node->registrations, 1);
    sync_node(segment);
    ck_assert_uint_eq(node->registrations, 2);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM nodes"), 2);
    revoked(key_id, NOW);
    must(tai_node_tell(segment, store, pool, &told, &text));
    ck_assert_int_eq(told.applied, 1);
    ck_assert_int_eq(told.silent, 1);
}
END_TEST

/* What somebody learns while the row is there and the table not yet emptied does not stay. */
START_TEST(learned_while_somebody_registers)
{
    answer_t later;
    pid_t pid;

    raw_run(path, "DELETE FROM nodes");
    pid = stopped_at("node.registered", sync_in_child, NULL);
    later = learned(segment, hex_of(&answer.key));
    ck_assert_int_eq(is_remembered(segment, &later), 1);
    revoked(key_id, NOW);
    disarm("node.registered");
    child_succeeds(pid);
    ck_assert_int_eq(is_remembered(segment, &later), 0);
    ck_assert_int_eq(holds(segment, &later), 0);
    sync_node(segment);
    ck_assert_uint_eq(node->registrations, 2);
}
END_TEST

/* What he stores, who came first, is struck by the sync that waits for him. */
START_TEST(synced_while_somebody_learns)
{
    pid_t pid, reader;

    revoked(key_id, NOW);
    pid = stopped_at("sync.read", sync_in_child, NULL);
    reader = stopped_at("learn.locked", learn_in_child, &answer);
    disarm("sync.read");
    ck_assert_int_eq(holds(segment, &answer), 1);
    disarm("learn.locked");
    child_succeeds(reader);
    child_succeeds(pid);
    ck_assert_int_eq(is_remembered(segment, &answer), 0);
    ck_assert_int_eq(holds(segment, &answer), 0);
}
END_TEST

/*
 * A revoker is stopped before he reads the counter, and reads that of a change that is made a long
 * time after his own: the node has synced in between, and its lease runs.
 */
START_TEST(a_later_change_is_waited_for_as_long)
{
    pid_t pid;

    raw_run(path, "UPDATE accounts SET plan = 'pro'");
    pid = stopped_at("tell.committed", tell_in_child, NULL);
    wait_until(tai_clock_ms() + SHORT_MS * 6 / 5);
    sync_node(segment);
    answer = learned(segment, hex_of(&answer.key));
    revoked(key_id, NOW);
    ck_assert_int_eq(holds(segment, &answer), 1);
    disarm("tell.committed");
    child_succeeds(pid);
    ck_assert_int_eq(holds(segment, &answer), 0);
}
END_TEST

START_TEST(killed_while_he_learns)
{
    arm("learn.locked", "kill");
    child_is_killed(in_child(learn_in_child, &answer));
    revoked(key_id, NOW);
    sync_node(segment);
    ck_assert_int_eq(is_remembered(segment, &answer), 0);
    ck_assert_int_eq(learn(segment, &answer), APR_EAGAIN);
}
END_TEST
#else
START_TEST(other_builds_go_past)
{
    arm("sync.read", "kill");
    arm("sync.acknowledged", "kill");
    child_succeeds(in_child(sync_in_child, NULL));
    ck_assert_int_eq(holds(segment, &answer), 1);
}
END_TEST
#endif

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_checked_fixture(tests, make_node, NULL);
#ifdef TAI_FAULTS
    tcase_add_loop_test(tests, left_while_somebody_syncs, 0, ROWS(amid_sync));
    tcase_add_test(tests, applied_before_the_number_says_so);
    tcase_add_test(tests, struck_off_while_somebody_syncs);
    tcase_add_test(tests, killed_before_it_is_acknowledged);
    tcase_add_test(tests, killed_before_the_lease_is_renewed);
    tcase_add_test(tests, killed_when_the_row_is_there);
    tcase_add_test(tests, learned_while_somebody_registers);
    tcase_add_test(tests, synced_while_somebody_learns);
    tcase_add_test(tests, a_later_change_is_waited_for_as_long);
    tcase_add_test(tests, killed_while_he_learns);
#else
    tcase_add_test(tests, other_builds_go_past);
#endif
}

int main(void)
{
    return unit_run("stopped", add);
}
