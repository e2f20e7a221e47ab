#include "nodes.h"
#include "core/mutex.h"

/* Rule 5 of revocation: who revokes is back when it is in force on every node. */

#define SHORT_MS 1000 /* the shortest lease there is */

static tai_segment_t *segment; /* of the running test: the revoker's own node */
static tai_segment_t *other;   /* one that nobody syncs unless a test does */
static const char *hex;        /* of a key of acme's */
static const char *key_id;
static tai_told_t told;

static void make_nodes(void)
{
    tai_key_issue_t issue = created(usual);

    hex = digest_of(issue.key);
    key_id = issue.info->id;
    segment = registered_node(SHORT_MS);
    other = registered_node(SHORT_MS);
}

static void told_is(int applied, int silent)
{
    ck_assert_int_eq(told.applied, applied);
    ck_assert_int_eq(told.silent, silent);
    ck_assert_int_eq(told.of, applied + silent);
}

/* One that is silent has no lease any more when he is back. */
START_TEST(a_silent_node_is_struck_off)
{
    const answer_t there = learned(other, hex);
    const char *id = apr_pstrdup(pool, tai_segment_node(other)->id);
    answer_t again;

    revoked(key_id, NOW);
    ck_assert_int_eq(holds(other, &there), 1);
    must(tai_node_tell(segment, store, pool, &told, &text));
    ck_assert_int_eq(holds(other, &there), 0);
    ck_assert_uint_ge(tai_clock_ms(), tai_segment_node(other)->lease_end);
    told_is(1, 1);
    ck_assert_int_eq(row_has(other, "applied_seq"), -1);

    /* it comes back, and what it had judged is over though it has a lease again */
    sync_node(other);
    ck_assert_str_ne(tai_segment_node(other)->id, id);
    ck_assert_uint_lt(tai_clock_ms(), tai_segment_node(other)->lease_end);
    ck_assert_int_eq(holds(other, &there), 0);
    ck_assert_int_eq(is_remembered(other, &there), 0);
    again = learned(other, hex);
    ck_assert_int_eq(again.record->revoked_at, NOW);
    must(tai_node_tell(segment, store, pool, &told, &text));
    told_is(2, 0);
}
END_TEST

static const char *silent(int i)
{
    return APR_ARRAY_IDX(told.silent_nodes, i, const char *);
}

START_TEST(who_was_silent_is_told)
{
    const char *unnamed = apr_pstrdup(pool, tai_segment_node(other)->id);

    raw_run(path, "UPDATE nodes SET name = 'web1:443'");
    raw_run(path, apr_psprintf(pool, "UPDATE nodes SET name = NULL WHERE id = '%s'", unnamed));
    revoked(key_id, NOW);
    must(tai_node_tell(segment, store, pool, &told, &text));
    ck_assert_int_eq(told.silent_nodes->nelts, 1);
    ck_assert_str_eq(silent(0), unnamed);
    must(tai_node_tell(NULL, store, pool, &told, &text));
    ck_assert_int_eq(told.silent_nodes->nelts, 0);
    raw_run(path, "UPDATE accounts SET status = 'suspended'");
    must(tai_node_tell(NULL, store, pool, &told, &text));
    told_is(0, 1);
    ck_assert_str_eq(silent(0), "web1:443");
}
END_TEST

/* The dead delay nobody twice, and the longest lease among those behind is the one that counts. */
START_TEST(a_long_lease_of_one_that_has_applied_it_is_not_waited_for)
{
    tai_segment_t *third = registered_node(LEASE_MS);
    apr_uint64_t before;

    revoked(key_id, NOW);
    sync_node(third);
    before = tai_clock_ms();
    must(tai_node_tell(segment, store, pool, &told, &text));
    ck_assert_uint_lt(tai_clock_ms(), before + LEASE_MS);
    told_is(2, 1);
}
END_TEST

/* The change was made before: somebody else may still be waiting for this very node. */
START_TEST(a_revocation_that_changes_nothing_waits_as_well)
{
    const answer_t there = learned(other, hex);

    revoked(key_id, NOW);
    sync_node(segment);
    revoked(key_id, NOW + 1);
    must(tai_node_tell(segment, store, pool, &told, &text));
    ck_assert_int_eq(holds(other, &there), 0);
    told_is(1, 1);
}
END_TEST

START_TEST(taictl_is_no_node)
{
    const answer_t here = learned(segment, hex), there = learned(other, hex);

    revoked(key_id, NOW);
    must(tai_node_tell(NULL, store, pool, &told, &text));
    ck_assert_int_eq(holds(segment, &here), 0);
    ck_assert_int_eq(holds(other, &there), 0);
    told_is(0, 2);
    must(tai_node_tell(NULL, store, pool, &told, &text));
    told_is(0, 0);
}
END_TEST

/* He waits for who is syncing, and then does it himself: that one may have begun before. */
START_TEST(his_own_node_syncs_after_the_commit)
{
    const apr_uint64_t syncs = tai_segment_node(segment)->syncs;

    sync_node(other);
    must(tai_node_tell(segment, store, pool, &told, &text));
    ck_assert_uint_eq(tai_segment_node(segment)->syncs, syncs + 1);
    told_is(2, 0);
}
END_TEST

START_TEST(his_own_node_cannot_sync)
{
    raw_forbid("UPDATE", "nodes");
    raw_forbid("INSERT", "nodes");
    revoked(key_id, NOW);
    ck_assert_int_eq(tai_node_tell(segment, store, pool, &told, &text), TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, "not now"));
}
END_TEST

/* The name leads to another server now, or a failover has lost what was committed. */
START_TEST(a_database_that_does_not_know_of_the_change)
{
    revoked(key_id, NOW);
    raw_run(path, "DELETE FROM key_changes WHERE seq = (SELECT seq FROM change_counter)");
    raw_run(path, "UPDATE change_counter SET seq = seq - 1");
    ck_assert_int_eq(tai_node_tell(segment, store, pool, &told, &text), TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, "has lost what was committed"));
    ck_assert_int_eq(tai_node_tell(NULL, store, pool, &told, &text), TAI_CHANGE_UNKNOWN);
    ck_assert_int_ge(row_has(other, "applied_seq"), 0);

    /* done again, it is in force */
    revoked(key_id, NOW);
    must(tai_node_tell(segment, store, pool, &told, &text));
    told_is(2, 0);
}
END_TEST

/* What it has forgotten is no reason to take all nodes for dead. */
START_TEST(a_database_that_was_restored_is_tidied)
{
    tai_tidying_t tidying = {.seq = 1000, .begun = 1};

    must(tai_node_tidy(store, &tidying, pool, &told, &text));
    ck_assert_int_eq(told.silent, 0);
    ck_assert_int_ge(row_has(other, "applied_seq"), 0);
}
END_TEST

START_TEST(somebody_else_keeps_the_sync)
{
    ck_assert_int_eq(tai_mutex_try(&tai_segment_node(segment)->syncing), APR_SUCCESS);
    ck_assert_int_eq(tai_node_tell(segment, store, pool, &told, &text), TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(text);
    tai_mutex_unlock(&tai_segment_node(segment)->syncing);
}
END_TEST

START_TEST(the_database_is_away)
{
    tai_tidying_t tidying = {0};

    take_away();
    ck_assert_int_eq(tai_node_tell(segment, store, pool, &told, &text), TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(tai_node_tidy(store, &tidying, pool, &told, &text), TAI_CHANGE_UNKNOWN);
    tidying.begun = tai_clock_ms();
    ck_assert_int_eq(tai_node_tidy(store, &tidying, pool, &told, &text), TAI_CHANGE_UNKNOWN);
}
END_TEST

/* ---- rows and the log ---------------------------------------------------------------------- */

START_TEST(one_that_has_answered_is_not_struck_off)
{
    const apr_int64_t seq = tai_segment_node(other)->applied_seq;
    int struck;

    must(tai_store_strike_node(store, tai_segment_node(other)->id, seq, pool, &struck, &text));
    ck_assert_int_eq(struck, 0);
    ck_assert_int_eq(row_has(other, "applied_seq"), (int)seq);
    must(tai_store_strike_node(store, tai_segment_node(other)->id, seq + 1, pool, &struck, &text));
    ck_assert_int_eq(struck, 1);
    ck_assert_int_eq(row_has(other, "applied_seq"), -1);
    ck_assert_int_ge(row_has(segment, "applied_seq"), 0);
}
END_TEST

START_TEST(the_log_forgets_what_all_have_applied)
{
    tai_tidying_t tidying = {0};
    tai_segment_t *newest;

    ck_assert_int_gt(counted("SELECT COUNT(*) FROM key_changes"), 0);
    revoked(key_id, NOW);
    must(tai_store_forget_changes(store, row_has(other, "applied_seq"), pool, &text));
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_changes"), 1);

    /* one that is silent is not waited for: what keeps a child busy keeps it from ending */
    sync_node(segment);
    must(tai_node_tidy(store, &tidying, pool, &told, &text));
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_changes"), 1);
    ck_assert_int_ge(row_has(other, "applied_seq"), 0);

    /* ... but found to be dead by a later call */
    tidying.begun -= SHORT_MS * 6 / 5;
    must(tai_node_tidy(store, &tidying, pool, &told, &text));
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_changes"), 0);
    ck_assert_int_eq(row_has(other, "applied_seq"), -1);
    ck_assert_uint_eq(tidying.begun, 0);
    ck_assert_int_eq(told.silent, 1);
    ck_assert_int_eq(told.silent_nodes->nelts, 1);

    /* those who have it, or come later, miss nothing */
    newest = registered_node(SHORT_MS);
    raw_run(path, "UPDATE accounts SET status = 'suspended'");
    sync_node(segment);
    sync_node(newest);
    ck_assert_uint_eq(tai_segment_node(segment)->registration, 1);
    ck_assert_uint_eq(tai_segment_node(newest)->registration, 1);
}
END_TEST

START_TEST(the_log_forgets_all_where_there_is_no_node)
{
    tai_tidying_t tidying = {0};

    raw_run(path, "DELETE FROM nodes");
    must(tai_node_tidy(store, &tidying, pool, &told, &text));
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_changes"), 0);
}
END_TEST

/* In good order: nothing holds any more before its row is gone. */
START_TEST(a_node_that_leaves_is_not_waited_for)
{
    const answer_t there = learned(other, hex);

    must(tai_node_leave(other, store, pool, &text));
    ck_assert_int_eq(holds(other, &there), 0);
    ck_assert_str_eq(tai_segment_node(other)->id, "");
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM nodes"), 1);
    must(tai_node_tell(segment, store, pool, &told, &text));
    told_is(1, 0);
    must(tai_node_leave(other, store, pool, &text));

    sync_node(other);
    ck_assert_int_eq(holds(other, &there), 0);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM nodes"), 2);
}
END_TEST

START_TEST(one_that_cannot_say_so_has_no_lease_all_the_same)
{
    const answer_t there = learned(other, hex);

    raw_forbid("DELETE", "nodes");
    ck_assert_int_eq(tai_node_leave(other, store, pool, &text), TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, "not now"));
    ck_assert_int_eq(holds(other, &there), 0);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_checked_fixture(tests, make_nodes, NULL);
    tcase_add_test(tests, a_silent_node_is_struck_off);
    tcase_add_test(tests, who_was_silent_is_told);
    tcase_add_test(tests, a_long_lease_of_one_that_has_applied_it_is_not_waited_for);
    tcase_add_test(tests, a_revocation_that_changes_nothing_waits_as_well);
    tcase_add_test(tests, taictl_is_no_node);
    tcase_add_test(tests, his_own_node_syncs_after_the_commit);
    tcase_add_test(tests, his_own_node_cannot_sync);
    tcase_add_test(tests, a_database_that_does_not_know_of_the_change);
    tcase_add_test(tests, a_database_that_was_restored_is_tidied);
    tcase_add_test(tests, somebody_else_keeps_the_sync);
    tcase_add_test(tests, the_database_is_away);
    tcase_add_test(tests, one_that_has_answered_is_not_struck_off);
    tcase_add_test(tests, the_log_forgets_what_all_have_applied);
    tcase_add_test(tests, the_log_forgets_all_where_there_is_no_node);
    tcase_add_test(tests, a_node_that_leaves_is_not_waited_for);
    tcase_add_test(tests, one_that_cannot_say_so_has_no_lease_all_the_same);
}

int main(void)
{
    return unit_run("tell", add);
}
