#include "nodes.h"

/* Rules 6 and 7 of revocation: what a SELECT says is used only if it is not too old, and what was
 * judged only while it holds. */

static tai_segment_t *segment; /* of the running test: registered */
static const char *hex;        /* of a key of acme's */
static const char *key_id;

static void make_node(void)
{
    tai_key_issue_t issue = created(usual);

    hex = digest_of(issue.key);
    key_id = issue.info->id;
    segment = registered_node(LEASE_MS);
}

START_TEST(what_is_learned_is_remembered)
{
    const answer_t answer = learned(segment, hex), none = learned(segment, digest_of("none"));

    ck_assert_ptr_nonnull(answer.record);
    ck_assert_int_eq(is_remembered(segment, &answer), 1);
    ck_assert_int_eq(holds(segment, &answer), 1);
    ck_assert_ptr_null(none.record);
    ck_assert_int_eq(is_unknown(segment, &none), 1);
    ck_assert_int_eq(holds(segment, &none), 1);
}
END_TEST

START_TEST(nothing_is_remembered_where_it_is_not_wanted)
{
    const answer_t answer = asked(segment, hex), none = asked(segment, digest_of("none"));

    ck_assert_int_eq(
        tai_node_learn(segment, answer.version, &answer.key, answer.record, 0, tai_clock_ms()),
        APR_SUCCESS);
    ck_assert_int_eq(
        tai_node_learn(segment, none.version, &none.key, none.record, 0, tai_clock_ms()),
        APR_SUCCESS);
    ck_assert_int_eq(is_remembered(segment, &answer), 0);
    ck_assert_int_eq(is_unknown(segment, &none), 0);
}
END_TEST

/* The reader has been answered, and stops before he learns it. */
START_TEST(revoked_between_select_and_learn)
{
    answer_t answer = asked(segment, hex);

    revoked(key_id, NOW);
    sync_node(segment);
    ck_assert_int_eq(learn(segment, &answer), APR_EAGAIN);
    ck_assert_int_eq(is_remembered(segment, &answer), 0);
    ck_assert_int_eq(holds(segment, &answer), 0);

    answer = learned(segment, hex);
    ck_assert_int_eq(answer.record->revoked_at, NOW);
    ck_assert_int_eq(holds(segment, &answer), 1);
}
END_TEST

/* One that says that there is no such key can be too old as well. */
START_TEST(made_between_select_and_learn)
{
    const answer_t answer = asked(segment, digest_of("later"));

    created(usual);
    sync_node(segment);
    ck_assert_int_eq(learn(segment, &answer), APR_EAGAIN);
    ck_assert_int_eq(is_unknown(segment, &answer), 0);
}
END_TEST

/* Nothing has changed, but the counter says nothing of another registration. */
START_TEST(registered_anew_between_select_and_learn)
{
    const answer_t answer = asked(segment, hex);

    raw_run(path, "DELETE FROM nodes");
    sync_node(segment);
    ck_assert_int_eq(learn(segment, &answer), APR_EAGAIN);
    ck_assert_int_eq(is_remembered(segment, &answer), 0);
}
END_TEST

/* The SELECT has seen a change that the node has not applied yet. */
START_TEST(a_select_may_be_ahead)
{
    answer_t before = learned(segment, hex), answer;

    revoked(key_id, NOW);
    answer = learned(segment, hex);
    ck_assert_int_eq(answer.version.seq, before.version.seq + 1);
    ck_assert_int_eq(holds(segment, &answer), 1);
    ck_assert_int_eq(holds(segment, &before), 1);
    sync_node(segment);
    ck_assert_int_eq(holds(segment, &answer), 1);
    ck_assert_int_eq(holds(segment, &before), 0);
}
END_TEST

/* Found in the table before a change, and looked at after it. */
START_TEST(revoked_between_find_and_the_look)
{
    answer_t answer = learned(segment, hex);

    answer.version = tai_node_version(segment);
    ck_assert_int_eq(is_remembered(segment, &answer), 1);
    revoked(key_id, NOW);
    ck_assert_int_eq(holds(segment, &answer), 1);
    sync_node(segment);
    ck_assert_int_eq(holds(segment, &answer), 0);
}
END_TEST

/* An older database was put back: a greater counter than the node's is none of its own. */
START_TEST(a_verdict_from_before_the_counter_went_back)
{
    const answer_t answer = learned(segment, hex);

    raw_run(path, "UPDATE change_counter SET seq = seq - 1");
    sync_node(segment);
    ck_assert_int_gt(answer.version.seq, tai_node_version(segment).seq);
    ck_assert_int_eq(holds(segment, &answer), 0);
    ck_assert_int_eq(learn(segment, &answer), APR_EAGAIN);
}
END_TEST

/* Two nodes: what one has applied says nothing of the other. */
START_TEST(each_node_for_itself)
{
    tai_segment_t *other = registered_node(LEASE_MS);
    const answer_t here = learned(segment, hex), there = learned(other, hex);

    revoked(key_id, NOW);
    sync_node(other);
    ck_assert_int_eq(holds(other, &there), 0);
    ck_assert_int_eq(is_remembered(other, &there), 0);
    ck_assert_int_eq(holds(segment, &here), 1);
    sync_node(segment);
    ck_assert_int_eq(holds(segment, &here), 0);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_checked_fixture(tests, make_node, NULL);
    tcase_add_test(tests, what_is_learned_is_remembered);
    tcase_add_test(tests, nothing_is_remembered_where_it_is_not_wanted);
    tcase_add_test(tests, revoked_between_select_and_learn);
    tcase_add_test(tests, made_between_select_and_learn);
    tcase_add_test(tests, registered_anew_between_select_and_learn);
    tcase_add_test(tests, a_select_may_be_ahead);
    tcase_add_test(tests, revoked_between_find_and_the_look);
    tcase_add_test(tests, a_verdict_from_before_the_counter_went_back);
    tcase_add_test(tests, each_node_for_itself);
}

int main(void)
{
    return unit_run("learn", add);
}
