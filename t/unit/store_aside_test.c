#include "nodes.h"
#include "core/clock.h"
#include "core/store_audit.h"
#include "core/store_health.h"
#include "core/store_principals.h"
#include "core/store_private.h"
#include "core/store_tickets.h"
#include "core/store_usage.h"

#include <pthread.h>

/*
 * What nodes need not hear of, and what they do for themselves, is done beside somebody's open
 * transaction that has changed something; what is deleted because it is old, in slices.
 */

#define WAIT_MS 3000 /* longer than a busy machine takes for anything */

static tai_segment_t *segment;
static tai_principal_t *ann;
static const char *key_id;

static void be_impatient(void)
{
    const tai_store_limits_t limits = {
        .connect_ms = WAIT_MS, .statement_ms = WAIT_MS, .change_ms = WAIT_MS};
    tai_key_issue_t issue = created(usual);

    key_id = issue.info->id;
    segment = registered_node(LEASE_MS);
    ck_assert_int_eq(tai_store_create(&store, driver, path, 2, &limits, pool), APR_SUCCESS);
    ck_assert_int_eq(tai_store_find_principal(store, "ann", pool, &ann, &text), APR_SUCCESS);
}

/* A digest of 64 digits that is nobody else's. */
static const char *digest(int number)
{
    return apr_psprintf(pool, "%064d", number);
}

static tai_change_e write_usage(void)
{
    apr_array_header_t *used = apr_array_make(pool, 1, sizeof(tai_used_t));

    APR_ARRAY_PUSH(used, tai_used_t) = (tai_used_t){key_id, NOW, 1, 0};
    return tai_store_write_usage(store, used, NOW, pool, &text);
}

static tai_change_e write_event(void)
{
    return tai_store_audit_event(store, &actor, NULL, TAI_ACTION_LOGIN_FAILED, NULL, NULL, NOW,
                                 pool, &text);
}

static tai_change_e begin_session(void)
{
    return tai_store_begin_session(store, ann, digest(1), "local", NOW, pool, &text);
}

static tai_change_e end_session(void)
{
    return tai_store_end_session(store, ann, digest(1), "local", NOW, pool, &text);
}

static tai_change_e leave_ticket(void)
{
    return tai_store_leave_ticket(store, digest(2), "{}", NOW, pool, &text);
}

static tai_change_e take_ticket(void)
{
    const char *order;

    return tai_store_take_ticket(store, digest(2), NOW, pool, &order, &text);
}

static tai_change_e sweep(void)
{
    return tai_store_sweep(store, NOW, pool, &text);
}

static tai_change_e tidy(void)
{
    tai_tidying_t tidying = {0};
    tai_told_t told;

    return tai_node_tidy(store, &tidying, pool, &told, &text);
}

static tai_change_e ask_health(void)
{
    tai_health_t health;

    if (tai_store_health(store, pool, &health, &text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    text = health.unwritable;
    return text == NULL ? TAI_CHANGE_DONE : TAI_CHANGE_UNKNOWN;
}

static tai_change_e sync_as_ever(void)
{
    return try_sync(segment) == APR_SUCCESS ? TAI_CHANGE_DONE : TAI_CHANGE_UNKNOWN;
}

static tai_change_e join_in(void)
{
    tai_segment_t *newest = new_node(LEASE_MS);

    return try_sync(newest) == APR_SUCCESS &&
                   tai_segment_node(newest)->applied_seq == tai_segment_node(segment)->applied_seq
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

static const struct {
    const char *name;
    tai_change_e (*run)(void);
} aside[] = {
    {"usage", write_usage},
    {"a failed log-in", write_event},
    {"a session", begin_session},
    {"its end", end_session},
    {"a ticket", leave_ticket},
    {"who takes it", take_ticket},
    {"a sweep", sweep},
    {"what is tidied", tidy},
    {"health", ask_health},
    {"a node that syncs", sync_as_ever},
    {"a node that registers", join_in},
};

START_TEST(nothing_of_it_waits_for_an_open_transaction)
{
    raw_t other = raw_hold("UPDATE change_counter SET seq = seq + 1");

    for (int i = 0; i < ROWS(aside); i++) {
        ck_assert_msg(aside[i].run() == TAI_CHANGE_DONE, "%s: %s", aside[i].name, text);
    }
    ck_assert_int_eq(tai_store_set_plan(store, "acme", "pro", &actor, NOW, pool, &text),
                     TAI_CHANGE_UNKNOWN);
    raw_close(&other);
}
END_TEST

/* A change of this process that stands in its way meanwhile. */
static struct {
    pthread_t thread;
    apr_pool_t *pool;
    tai_change_e outcome;
    int begun, ended;
} change;

static void note_begun(int under_way)
{
    __atomic_add_fetch(&change.begun, under_way, __ATOMIC_SEQ_CST);
}

static void *set_plan(void *ignored)
{
    const char *why;

    change.outcome = tai_store_set_plan(store, "acme", "pro", &actor, NOW, change.pool, &why);
    __atomic_store_n(&change.ended, 1, __ATOMIC_SEQ_CST);
    return ignored;
}

static void begin_change(void)
{
    const tai_store_limits_t limits = {.connect_ms = WAIT_MS,
                                       .statement_ms = WAIT_MS,
                                       .change_ms = 40 * WAIT_MS,
                                       .changing = note_begun};

    ck_assert_int_eq(tai_store_create(&store, driver, path, 2, &limits, pool), APR_SUCCESS);
    ck_assert_int_eq(apr_pool_create(&change.pool, NULL), APR_SUCCESS);
    ck_assert_int_eq(pthread_create(&change.thread, NULL, set_plan, NULL), 0);
    while (!__atomic_load_n(&change.begun, __ATOMIC_SEQ_CST)) {
        apr_sleep(apr_time_from_msec(10));
    }
}

START_TEST(nor_for_a_change_of_the_same_process_that_does)
{
    raw_t other = raw_hold("UPDATE change_counter SET seq = seq + 1");

    begin_change();
    for (int i = 0; i < ROWS(aside); i++) {
        ck_assert_msg(aside[i].run() == TAI_CHANGE_DONE, "%s: %s", aside[i].name, text);
    }
    ck_assert_int_eq(__atomic_load_n(&change.ended, __ATOMIC_SEQ_CST), 0);
    ck_assert_ptr_null(raw_query(&other, "ROLLBACK"));
    raw_close(&other);
    ck_assert_int_eq(pthread_join(change.thread, NULL), 0);
    ck_assert_int_eq(change.outcome, TAI_CHANGE_DONE);
}
END_TEST

/* One who changes something while a node registers is known to it, or waits for it. */
START_TEST(a_node_that_has_registered_beside_a_change_follows_it)
{
    raw_t other = raw_hold("UPDATE accounts SET status = 'suspended'");
    tai_segment_t *newest = registered_node(LEASE_MS);

    ck_assert_ptr_null(raw_query(&other, "COMMIT"));
    raw_close(&other);
    sync_node(newest);
    ck_assert_int_eq(tai_segment_node(newest)->applied_seq,
                     counted("SELECT seq FROM change_counter"));
    ck_assert_uint_eq(tai_segment_node(newest)->registration, 1);
}
END_TEST

/* ---- sessions ------------------------------------------------------------------------------ */

/* Whoever logs in with the old password while it is changed has no session. */
START_TEST(who_is_changed_has_no_new_session)
{
    raw_t other = raw_hold("UPDATE users SET password_hash = 'new' WHERE username = 'ann'");

    ck_assert_int_eq(begin_session(), TAI_CHANGE_UNKNOWN); /* it waits, and then gives up */
    ck_assert_ptr_nonnull(strstr(text, by_driver("", "lock timeout", "Lock wait timeout")));
    ck_assert_ptr_null(raw_query(&other, "COMMIT"));
    raw_close(&other);
    ck_assert_int_eq(begin_session(), TAI_CHANGE_INACTIVE);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM sessions"), 0);
}
END_TEST

/* A server quotes the value that it refuses. */
START_TEST(no_digest_is_quoted)
{
    must(begin_session());
    ck_assert_int_eq(begin_session(), TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_null(strstr(text, digest(1)));
    ck_assert_ptr_nonnull(strstr(text, by_driver("sessions.id_hash", "sessions_pkey", "PRIMARY")));
}
END_TEST

/* ---- slices -------------------------------------------------------------------------------- */

#define MANY (2 * TAI_SLICE + 1)

/* One key for each row, used long ago. */
static void fill_usage(void)
{
    raw_run(path, apr_psprintf(pool,
                               "INSERT INTO key_usage (key_id, day, admitted, refused)"
                               " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                               " WHERE i < %d) SELECT CAST(i AS %s), '2020-01-01', 1, 1 FROM n",
                               MANY, on("mysql") ? "CHAR" : "VARCHAR"));
}

START_TEST(many_rows_go_in_slices)
{
    fill_usage();
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_usage"), MANY);
    must(write_usage());
    must(sweep());
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_usage"), 1);
}
END_TEST

START_TEST(a_slice_that_fails_leaves_those_before_it_gone)
{
    fill_usage();
    raw_run(path, apr_psprintf(pool, "UPDATE key_usage SET day = '2020-01-02' WHERE key_id = '%d'",
                               MANY));
    raw_hook("DELETE", "key_usage", "SELECT RAISE(ABORT, 'not now') WHERE OLD.day = '2020-01-02'",
             "IF OLD.day = '2020-01-02' THEN RAISE EXCEPTION 'not now'; END IF",
             "IF OLD.day = '2020-01-02' THEN SIGNAL SQLSTATE '45000'"
             " SET MESSAGE_TEXT = 'not now'; END IF");
    ck_assert_int_eq(sweep(), TAI_CHANGE_UNKNOWN);
    ck_assert_int_lt(counted("SELECT COUNT(*) FROM key_usage"), MANY);
    ck_assert_int_gt(counted("SELECT COUNT(*) FROM key_usage"), 0);
}
END_TEST

static void add_tests(TCase *tests)
{
    with_acme(tests);
    tcase_add_checked_fixture(tests, be_impatient, NULL);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, no_digest_is_quoted);
    tcase_add_test(tests, many_rows_go_in_slices);
    tcase_add_test(tests, a_slice_that_fails_leaves_those_before_it_gone);
    if (suite_on("sqlite3")) {
        return;
    }
    tcase_add_test(tests, nothing_of_it_waits_for_an_open_transaction);
    tcase_add_test(tests, nor_for_a_change_of_the_same_process_that_does);
    tcase_add_test(tests, a_node_that_has_registered_beside_a_change_follows_it);
    tcase_add_test(tests, who_is_changed_has_no_new_session);
}

int main(void)
{
    return unit_run("store_aside", add_tests);
}
