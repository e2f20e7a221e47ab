#include "nodes.h"
#include "core/mutex.h"

/* Rules 2 and 3 of revocation: a node registers and follows what changes, or registers anew. */

static tai_segment_t *segment; /* of the running test: registered, and a key of acme's is in it */
static tai_node_t *node;
static tai_key_issue_t issue;
static answer_t answer;

static void make_node(void)
{
    segment = registered_node(LEASE_MS);
    node = tai_segment_node(segment);
    issue = created(usual);
    sync_node(segment);
    answer = learned(segment, digest_of(issue.key));
}

static void has_forgotten(void)
{
    ck_assert_int_eq(is_remembered(segment, &answer), 0);
    ck_assert_int_eq(holds(segment, &answer), 0);
}

/* Under a new name, with nothing left of the old one. */
static void has_registered_anew(const char *old_id, apr_uint64_t old_registration)
{
    ck_assert_uint_eq(node->registration, old_registration + 1);
    ck_assert_str_ne(node->id, old_id);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM nodes"), 1);
    ck_assert_int_eq(row_has(segment, "applied_seq"), counted("SELECT seq FROM change_counter"));
    ck_assert_int_eq(node->applied_seq, counted("SELECT seq FROM change_counter"));
    ck_assert_uint_gt(node->lease_end, tai_clock_ms());
    has_forgotten();
}

START_TEST(a_node_registers)
{
    tai_segment_t *other = new_node(LEASE_MS);
    tai_node_t *of_other = tai_segment_node(other);
    const apr_uint64_t before = tai_clock_ms();

    ck_assert_str_eq(of_other->id, "");
    sync_node(other);
    ck_assert_uint_eq(strlen(of_other->id), 32);
    ck_assert_uint_eq(strspn(of_other->id, "0123456789abcdef"), 32);
    ck_assert_str_ne(of_other->id, node->id);
    ck_assert_uint_eq(of_other->registration, 1);
    ck_assert_int_eq(of_other->applied_seq, counted("SELECT seq FROM change_counter"));
    ck_assert_int_eq(row_has(other, "applied_seq"), (int)of_other->applied_seq);
    ck_assert_int_eq(row_has(other, "lease_ms"), LEASE_MS);
    ck_assert_int_gt(row_has(other, "registered_at"), 0);
    ck_assert_uint_ge(of_other->lease_end, before + LEASE_MS);
    ck_assert_uint_le(of_other->lease_end, tai_clock_ms() + LEASE_MS);
}
END_TEST

START_TEST(what_stays_the_same_costs_nothing)
{
    const apr_uint64_t epoch = node->epoch, end = node->lease_end;

    wait_until(tai_clock_ms() + 2);
    sync_node(segment);
    ck_assert_int_eq(is_remembered(segment, &answer), 1);
    ck_assert_int_eq(holds(segment, &answer), 1);
    ck_assert_uint_eq(node->registration, 1);
    ck_assert_uint_eq(node->epoch, epoch);
    ck_assert_uint_gt(node->lease_end, end);
}
END_TEST

/* Whatever alters what acme's key may do, by hand. */
static const char *const concerning[] = {
    "UPDATE api_keys SET revoked_at = 1",
    "UPDATE api_keys SET expires_at = 1",
    "UPDATE api_keys SET rate_limit = '1/1s'",
    "DELETE FROM api_keys",
    "UPDATE accounts SET status = 'suspended'",
    "UPDATE accounts SET plan = 'pro'",
    "UPDATE accounts SET name = 'emca'",
    "UPDATE users SET status = 'disabled'",
    "UPDATE users SET username = 'anna'",
    "UPDATE plans SET rate_limit = '1/1s' WHERE name = 'free'",
    "DELETE FROM plan_scopes WHERE plan = 'free' AND scope = 'programs:read'",
    "INSERT INTO plan_scopes (plan, scope) VALUES ('free', 'analytics:read')",
    "UPDATE plan_scopes SET scope = 'analytics:read' WHERE plan = 'free' AND scope = "
    "'programs:read'",
};

START_TEST(a_change_made_in_sql_is_followed)
{
    raw_run(path, concerning[_i]);
    ck_assert_int_eq(holds(segment, &answer), 1);
    sync_node(segment);
    has_forgotten();
    ck_assert_uint_eq(node->registration, 1);
    ck_assert_int_eq(row_has(segment, "applied_seq"), (int)node->applied_seq);
    ck_assert_int_eq(node->applied_seq, counted("SELECT seq FROM change_counter"));
}
END_TEST

static const char *const harmless[] = {
    "UPDATE api_keys SET name = 'another'",
    "UPDATE api_keys SET last_used_at = 7",
    "UPDATE users SET password_hash = 'x'",
    "INSERT INTO accounts (id, name, plan, status, created_at) VALUES ('a', 'b', 'free', 'active', "
    "1)",
};

START_TEST(what_concerns_others_leaves_it)
{
    raw_run(path, harmless[_i]);
    sync_node(segment);
    ck_assert_int_eq(is_remembered(segment, &answer), 1);
}
END_TEST

#define ADD_KEY                                                                                \
    "INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash, scopes,"     \
    " created_at) SELECT 'key_1', 'key_1', account_id, id, 'n', 'p', '%s', 'programs:read', 1" \
    " FROM users"

/* What may make a key of one that is remembered to be none. */
START_TEST(a_key_that_was_unknown_is_known)
{
    const answer_t later = learned(segment, digest_of("later")),
                   never = learned(segment, digest_of("never"));

    ck_assert_int_eq(is_unknown(segment, &later), 1);
    raw_run(path, apr_psprintf(pool, ADD_KEY, digest_of("later")));
    sync_node(segment);
    ck_assert_int_eq(is_unknown(segment, &later), 0);
    ck_assert_int_eq(is_unknown(segment, &never), 1);
}
END_TEST

START_TEST(unknown_keys_of_an_account_are_forgotten_with_it)
{
    const answer_t later = learned(segment, digest_of("later"));

    raw_run(path, "UPDATE accounts SET status = 'suspended'");
    sync_node(segment);
    ck_assert_int_eq(is_unknown(segment, &later), 0);
}
END_TEST

/* Accounts beyond those that are worth a walk each. */
START_TEST(many_accounts_change)
{
    raw_run(path, "INSERT INTO accounts (id, name, plan, status, created_at)"
                  " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
                  " SELECT 'a' || i, 'b' || i, 'free', 'active', 1 FROM n");
    raw_run(path, "UPDATE accounts SET status = 'suspended'");
    sync_node(segment);
    has_forgotten();
    ck_assert_uint_eq(node->registration, 1);
    ck_assert_int_eq(node->applied_seq, counted("SELECT seq FROM change_counter"));
}
END_TEST

START_TEST(a_change_that_names_nonsense_concerns_every_key)
{
    raw_run(path, "UPDATE change_counter SET seq = seq + 1");
    raw_run(path, "INSERT INTO key_changes SELECT seq, 'nonsense', NULL FROM change_counter");
    sync_node(segment);
    has_forgotten();
}
END_TEST

/* What a node cannot follow. */
static const char *const lost[] = {
    /* struck off */
    "DELETE FROM nodes",
    /* changed by hand */
    "UPDATE nodes SET applied_seq = applied_seq - 1",
    "UPDATE nodes SET applied_seq = applied_seq + 1",
    "UPDATE nodes SET lease_ms = 1000",
    /* a gap, in the midst and at the end */
    "UPDATE change_counter SET seq = seq + 1",
    "UPDATE accounts SET status = 'suspended'; UPDATE accounts SET status = 'active';"
    " DELETE FROM key_changes WHERE seq < (SELECT seq FROM change_counter)",
    "UPDATE accounts SET status = 'suspended'; UPDATE accounts SET status = 'active';"
    " UPDATE key_changes SET seq = seq + 5 WHERE seq = (SELECT seq FROM change_counter)",
    /* an older database that was put back, without its node and with it */
    "DELETE FROM nodes; UPDATE change_counter SET seq = seq - 1",
    "UPDATE change_counter SET seq = seq - 1; DELETE FROM key_changes"
    " WHERE seq > (SELECT seq FROM change_counter)",
    "UPDATE change_counter SET seq = seq - 1; UPDATE nodes SET applied_seq = applied_seq - 1;"
    " DELETE FROM key_changes WHERE seq > (SELECT seq FROM change_counter)",
};

START_TEST(a_node_that_is_lost_registers_anew)
{
    const char *id = apr_pstrdup(pool, node->id);

    raw_run(path, lost[_i]);
    sync_node(segment);
    has_registered_anew(id, 1);
}
END_TEST

START_TEST(too_many_changes_are_not_read)
{
    const char *id = apr_pstrdup(pool, node->id);

    raw_run(path, apr_psprintf(pool,
                               "INSERT INTO key_changes"
                               " WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n"
                               " WHERE i < %d) SELECT i, '%s', NULL FROM n;"
                               " UPDATE change_counter SET seq = %d",
                               (int)node->applied_seq + 1, (int)node->applied_seq + 10001,
                               digest_of("some"), (int)node->applied_seq + 10001));
    sync_node(segment);
    has_registered_anew(id, 1);
}
END_TEST

START_TEST(another_lease_is_registered)
{
    const char *id = apr_pstrdup(pool, node->id);

    tai_node_configure(segment, INTERVAL_MS, 5000, "");
    sync_node(segment);
    has_registered_anew(id, 1);
    ck_assert_int_eq(row_has(segment, "lease_ms"), 5000);
    ck_assert_uint_le(node->lease_end, tai_clock_ms() + 5000);
}
END_TEST

static const struct {
    const char *event;
    const char *before;
} slow[] = {
    {"UPDATE", "UPDATE accounts SET status = 'suspended'"},
    {"INSERT", "DELETE FROM nodes"},
};

START_TEST(the_lease_counts_from_before_the_database_was_asked)
{
    apr_uint64_t before, took;

    raw_run(path, slow[_i].before);
    raw_slow(slow[_i].event, "nodes");
    before = tai_clock_ms();
    sync_node(segment);
    took = tai_clock_ms() - before;
    /* that was most of it, or this has shown nothing */
    ck_assert_uint_ge(took, 10);
    ck_assert_uint_ge(node->lease_end, before + LEASE_MS);
    ck_assert_uint_lt(node->lease_end, before + LEASE_MS + took / 2);
}
END_TEST

START_TEST(no_lease_before_it_is_acknowledged)
{
    const apr_uint64_t end = node->lease_end, registration = node->registration;
    const char *id = apr_pstrdup(pool, node->id);

    wait_until(tai_clock_ms() + 2);
    raw_run(path, "UPDATE api_keys SET revoked_at = 1");
    raw_forbid("UPDATE", "nodes");
    ck_assert_int_ne(try_sync(segment), APR_SUCCESS);
    ck_assert_ptr_nonnull(strstr(text, "not now"));
    has_forgotten();
    ck_assert_uint_eq(node->lease_end, end);
    ck_assert_uint_eq(node->registration, registration);

    /* applied and not acknowledged: the row is not as it should be */
    raw_allow("UPDATE", "nodes");
    sync_node(segment);
    has_registered_anew(id, registration);
}
END_TEST

START_TEST(a_row_that_goes_before_it_is_acknowledged)
{
    const char *id = apr_pstrdup(pool, node->id);

    raw_run(path, "UPDATE api_keys SET revoked_at = 1");
    raw_hook("UPDATE", "nodes", apr_psprintf(pool, "DELETE FROM nodes WHERE id = '%s'", id), "",
             "");
    sync_node(segment);
    has_registered_anew(id, 1);
}
END_TEST

START_TEST(no_node_where_it_cannot_register)
{
    tai_segment_t *other = new_node(LEASE_MS);

    raw_forbid("INSERT", "nodes");
    ck_assert_int_ne(try_sync(other), APR_SUCCESS);
    ck_assert_str_eq(tai_segment_node(other)->id, "");
    ck_assert_uint_eq(tai_segment_node(other)->lease_end, 0);
    ck_assert_uint_eq(tai_segment_node(other)->sync_failures, 1);
}
END_TEST

/* ---- what it says for people --------------------------------------------------------------- */

static const char *row_text(const char *column)
{
    return raw_value(path, apr_psprintf(pool, "SELECT %s FROM nodes", column));
}

static apr_int64_t seconds(void)
{
    return apr_time_sec(apr_time_now());
}

/* Synced, and its row has not been told of it for so long. */
static void synced_unnoted(apr_uint64_t for_ms)
{
    wait_until(node->noted_at + 1);
    sync_node(segment);
    node->noted_at = node->synced_at - for_ms;
    raw_run(path, "UPDATE nodes SET synced_at = 1, name = NULL");
}

static void note_sync(void)
{
    ck_assert_msg(tai_node_note_sync(segment, store, pool, &text) == APR_SUCCESS, "%s", text);
}

START_TEST(its_row_has_its_name_and_when_it_registered)
{
    raw_run(path, "DELETE FROM nodes");
    tai_node_configure(segment, INTERVAL_MS, LEASE_MS, "web1.example.org:443");
    sync_node(segment);
    ck_assert_str_eq(row_text("name"), "web1.example.org:443");
    ck_assert_int_le(llabs(seconds() - row_has(segment, "synced_at")), 60);
    ck_assert_int_eq(row_has(segment, "synced_at"), row_has(segment, "registered_at"));
}
END_TEST

START_TEST(a_node_may_have_no_name)
{
    ck_assert_ptr_null(row_text("name"));
    tai_node_configure(segment, INTERVAL_MS, LEASE_MS, "web1");
    tai_node_configure(segment, INTERVAL_MS, LEASE_MS, "");
    synced_unnoted(5000);
    note_sync();
    ck_assert_ptr_null(row_text("name"));
}
END_TEST

START_TEST(a_name_that_is_too_long_is_cut)
{
    char *name = apr_pcalloc(pool, TAI_NODE_NAME_MAX + 2);

    memset(name, 'x', TAI_NODE_NAME_MAX + 1);
    tai_node_configure(segment, INTERVAL_MS, LEASE_MS, name);
    ck_assert_uint_eq(strlen(node->name), TAI_NODE_NAME_MAX);
}
END_TEST

START_TEST(an_acknowledgement_says_when)
{
    raw_run(path, "UPDATE nodes SET synced_at = 1");
    raw_run(path, "UPDATE api_keys SET expires_at = 1");
    sync_node(segment);
    ck_assert_int_le(llabs(seconds() - row_has(segment, "synced_at")), 60);
    ck_assert_uint_eq(node->registration, 1);

    /* which need not be said again */
    raw_run(path, "UPDATE nodes SET synced_at = 1");
    note_sync();
    ck_assert_int_eq(row_has(segment, "synced_at"), 1);
}
END_TEST

START_TEST(a_sync_is_noted_some_seconds_later)
{
    synced_unnoted(4000);
    note_sync();
    ck_assert_int_eq(row_has(segment, "synced_at"), 1);
    node->noted_at -= 1000;
    tai_node_configure(segment, INTERVAL_MS, LEASE_MS, "web1"); /* as a reload found it */
    note_sync();
    ck_assert_int_le(llabs(seconds() - row_has(segment, "synced_at")), 60);
    ck_assert_str_eq(row_text("name"), "web1");

    /* not twice */
    raw_run(path, "UPDATE nodes SET synced_at = 1");
    note_sync();
    ck_assert_int_eq(row_has(segment, "synced_at"), 1);
}
END_TEST

START_TEST(of_a_short_lease_half_of_it_later)
{
    tai_node_configure(segment, INTERVAL_MS, 1000, "");
    sync_node(segment);
    synced_unnoted(500);
    note_sync();
    ck_assert_int_gt(row_has(segment, "synced_at"), 1);
}
END_TEST

/* The time is that of the sync, not of the writing. */
START_TEST(without_a_sync_nothing_is_noted)
{
    synced_unnoted(0);
    node->noted_at -= 60000;
    node->synced_at -= 30000;
    note_sync();
    ck_assert_int_ge(seconds() - row_has(segment, "synced_at"), 30);
    raw_run(path, "UPDATE nodes SET synced_at = 1");
    node->noted_at -= 20000;
    note_sync();
    ck_assert_int_eq(row_has(segment, "synced_at"), 1);
}
END_TEST

/* What the rules go by stays as it is: the node is the same, and as it was left. */
START_TEST(noting_a_sync_is_no_part_of_the_rules)
{
    const apr_uint64_t end = node->lease_end;
    static const char rules[] = "id, lease_ms, applied_seq, registered_at";
    const char *before;

    synced_unnoted(5000);
    before = row_text(rules);
    note_sync();
    ck_assert_str_eq(row_text(rules), before);
    raw_run(path, "UPDATE nodes SET synced_at = NULL, name = 'somebody else''s'");
    sync_node(segment);
    ck_assert_uint_eq(node->registration, 1);
    ck_assert_int_eq(is_remembered(segment, &answer), 1);
    ck_assert_uint_ge(node->lease_end, end);
}
END_TEST

START_TEST(a_node_that_is_gone_notes_nothing)
{
    synced_unnoted(5000);
    raw_run(path, "DELETE FROM nodes");
    note_sync();
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM nodes"), 0);
}
END_TEST

/* Where it cannot be written, that is all: syncs go on, and so does the lease. */
START_TEST(a_sync_that_cannot_be_noted_is_one)
{
    raw_t writer;
    apr_uint64_t end;
    int changed;

    synced_unnoted(5000);
    end = node->lease_end;
    writer = raw_open(path);
    ck_assert_int_eq(apr_dbd_query(writer.driver, writer.handle, &changed, "BEGIN IMMEDIATE"), 0);
    ck_assert_int_ne(tai_node_note_sync(segment, store, pool, &text), APR_SUCCESS);
    ck_assert_ptr_nonnull(text);
    note_sync(); /* not due before its next turn: it is not tried again and again */
    wait_until(tai_clock_ms() + 2);
    sync_node(segment);
    ck_assert_uint_gt(node->lease_end, end);
    ck_assert_uint_eq(node->sync_failures, 0);
    ck_assert_uint_eq(node->registration, 1);
    ck_assert_int_eq(apr_dbd_query(writer.driver, writer.handle, &changed, "ROLLBACK"), 0);
    raw_close(&writer);
    node->noted_at -= 5000;
    note_sync();
    ck_assert_int_gt(row_has(segment, "synced_at"), 1);
}
END_TEST

/* Whoever keeps the database to write, a SELECT does not wait for him, and nothing else is needed. */
START_TEST(a_writer_does_not_hold_it_up)
{
    raw_t writer = raw_open(path);
    int changed;

    ck_assert_int_eq(apr_dbd_query(writer.driver, writer.handle, &changed, "BEGIN"), 0);
    ck_assert_int_eq(apr_dbd_query(writer.driver, writer.handle, &changed,
                                   "UPDATE accounts SET status = 'suspended'"),
                     0);
    sync_node(segment);
    ck_assert_int_eq(is_remembered(segment, &answer), 1);
    ck_assert_int_eq(apr_dbd_query(writer.driver, writer.handle, &changed, "COMMIT"), 0);
    sync_node(segment);
    has_forgotten();
    raw_close(&writer);
}
END_TEST

START_TEST(one_at_a_time)
{
    ck_assert_int_eq(tai_mutex_try(&node->syncing), APR_SUCCESS);
    ck_assert_int_eq(try_sync(segment), APR_EBUSY);
    tai_mutex_unlock(&node->syncing);
    sync_node(segment);
}
END_TEST

START_TEST(due_after_the_interval)
{
    ck_assert_int_eq(tai_node_due(segment, tai_clock_ms()), 0);
    ck_assert_int_eq(tai_node_due(segment, node->begun_at + INTERVAL_MS - 1), 0);
    ck_assert_int_eq(tai_node_due(segment, node->begun_at + INTERVAL_MS), 1);
}
END_TEST

START_TEST(counted_for_the_metrics)
{
    const apr_uint64_t syncs = node->syncs, changes = node->changes;

    raw_run(path, "UPDATE api_keys SET revoked_at = 1; UPDATE accounts SET status = 'suspended'");
    sync_node(segment);
    ck_assert_uint_eq(node->syncs, syncs + 1);
    ck_assert_uint_eq(node->changes, changes + 2);
    ck_assert_uint_eq(node->registrations, 1);
    ck_assert_uint_eq(node->sync_failures, 0);
    ck_assert_uint_eq(node->synced_at, node->begun_at);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_checked_fixture(tests, make_node, NULL);
    tcase_add_test(tests, a_node_registers);
    tcase_add_test(tests, what_stays_the_same_costs_nothing);
    tcase_add_loop_test(tests, a_change_made_in_sql_is_followed, 0, ROWS(concerning));
    tcase_add_loop_test(tests, what_concerns_others_leaves_it, 0, ROWS(harmless));
    tcase_add_test(tests, a_key_that_was_unknown_is_known);
    tcase_add_test(tests, unknown_keys_of_an_account_are_forgotten_with_it);
    tcase_add_test(tests, many_accounts_change);
    tcase_add_test(tests, a_change_that_names_nonsense_concerns_every_key);
    tcase_add_loop_test(tests, a_node_that_is_lost_registers_anew, 0, ROWS(lost));
    tcase_add_test(tests, too_many_changes_are_not_read);
    tcase_add_test(tests, another_lease_is_registered);
    tcase_add_loop_test(tests, the_lease_counts_from_before_the_database_was_asked, 0, ROWS(slow));
    tcase_add_test(tests, no_lease_before_it_is_acknowledged);
    if (suite_on("sqlite3")) {
        tcase_add_test(tests, a_row_that_goes_before_it_is_acknowledged);
    }
    tcase_add_test(tests, no_node_where_it_cannot_register);
    tcase_add_test(tests, its_row_has_its_name_and_when_it_registered);
    tcase_add_test(tests, a_node_may_have_no_name);
    tcase_add_test(tests, a_name_that_is_too_long_is_cut);
    tcase_add_test(tests, an_acknowledgement_says_when);
    tcase_add_test(tests, a_sync_is_noted_some_seconds_later);
    tcase_add_test(tests, of_a_short_lease_half_of_it_later);
    tcase_add_test(tests, without_a_sync_nothing_is_noted);
    tcase_add_test(tests, noting_a_sync_is_no_part_of_the_rules);
    tcase_add_test(tests, a_node_that_is_gone_notes_nothing);
    if (suite_on("sqlite3")) {
        tcase_add_test(tests, a_sync_that_cannot_be_noted_is_one);
    }
    tcase_add_test(tests, a_writer_does_not_hold_it_up);
    tcase_add_test(tests, one_at_a_time);
    tcase_add_test(tests, due_after_the_interval);
    tcase_add_test(tests, counted_for_the_metrics);
}

int main(void)
{
    return unit_run("sync", add);
}
