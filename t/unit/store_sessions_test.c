#include "acme.h"
#include "core/store_principals.h"

/* Who asks for something: users by name, and by session. */

static const char *const client = "192.0.2.1";

static tai_principal_t *ann(void)
{
    tai_principal_t *principal;

    ck_assert_int_eq(tai_store_find_principal(store, "ann", pool, &principal, &text), APR_SUCCESS);
    ck_assert_ptr_nonnull(principal);
    return principal;
}

/* The hash of session number i. */
static const char *session(int i)
{
    return apr_psprintf(pool, "%064d", i);
}

static void begin(int i, apr_int64_t now)
{
    must(tai_store_begin_session(store, ann(), session(i), client, now, pool, &text));
}

/* Whose it is; NULL: nobody's. */
static const char *owner(int i, apr_int64_t now)
{
    tai_principal_t *principal;

    ck_assert_int_eq(tai_store_find_session(store, session(i), now, pool, &principal, &text),
                     APR_SUCCESS);
    return principal ? principal->username : NULL;
}

static const char *used_at(int i)
{
    return raw_value(
        path, apr_psprintf(pool, "SELECT used_at FROM sessions WHERE id_hash = '%s'", session(i)));
}

/* The lines of the audit log that begin like this, as "action actor client subject detail". */
static const char *audit(const char *action)
{
    return raw_list(path, apr_psprintf(pool,
                                       "SELECT action, actor, client, account_id, subject, detail"
                                       " FROM audit_log WHERE action LIKE '%s%%' ORDER BY seq",
                                       action));
}

/* ---- principals --------------------------------------------------------------------------- */

START_TEST(a_principal_is_a_user_with_his_account)
{
    tai_principal_t *principal = ann();

    ck_assert_str_eq(principal->user_id, id_of("users", "username", "ann"));
    ck_assert_str_eq(principal->username, "ann");
    ck_assert_int_eq(principal->primary_admin, 1);
    ck_assert_int_eq(principal->active, 1);
    ck_assert_ptr_null(principal->password_hash);
    ck_assert_str_eq(principal->account_id, id_of("accounts", "name", "acme"));
    ck_assert_str_eq(principal->account, "acme");
    ck_assert_str_eq(principal->plan, "free");
    ck_assert_int_eq(principal->standing, TAI_STANDING_ACTIVE);

    raw_run(path, "UPDATE users SET role = 'member', status = 'disabled', password_hash = '$2y$'");
    raw_run(path, "UPDATE accounts SET status = 'suspended', plan = 'pro'");
    principal = ann();
    ck_assert_int_eq(principal->primary_admin, 0);
    ck_assert_int_eq(principal->active, 0);
    ck_assert_str_eq(principal->password_hash, "$2y$");
    ck_assert_str_eq(principal->plan, "pro");
    ck_assert_int_eq(principal->standing, TAI_STANDING_SUSPENDED);
    raw_run(path, "UPDATE accounts SET status = 'closed'");
    ck_assert_int_eq(ann()->standing, TAI_STANDING_CLOSED);
}
END_TEST

static const char *const nobody[] = {"", "Ann", "ann ", "an%", "' OR 1=1 --", "\xff\xfe"};

START_TEST(nobody_has_another_name)
{
    tai_principal_t *principal;

    ck_assert_msg(tai_store_find_principal(store, nobody[_i], pool, &principal, &text) ==
                      APR_SUCCESS,
                  "%s", text);
    ck_assert_ptr_null(principal);
}
END_TEST

START_TEST(a_row_that_is_incomplete_is_nobody)
{
    tai_principal_t *principal;

    raw_run(path, "UPDATE accounts SET name = x''");
    ck_assert_int_eq(tai_store_find_principal(store, "ann", pool, &principal, &text), APR_EGENERAL);
    ck_assert_ptr_null(principal);
    ck_assert_ptr_nonnull(strstr(text, "incomplete"));
}
END_TEST

START_TEST(no_answer_is_no_principal)
{
    tai_principal_t *principal;

    raw_run(path, "ALTER TABLE users RENAME TO others");
    ck_assert_int_eq(tai_store_find_principal(store, "ann", pool, &principal, &text), APR_EGENERAL);
    ck_assert_ptr_null(principal);
    ck_assert_int_eq(tai_store_find_session(store, session(1), NOW, pool, &principal, &text),
                     APR_EGENERAL);
    ck_assert_ptr_null(principal);
}
END_TEST

/* ---- sessions ----------------------------------------------------------------------------- */

START_TEST(a_session_is_its_users)
{
    const tai_principal_t *principal = ann();

    ck_assert_ptr_null(owner(1, NOW));
    begin(1, NOW);
    ck_assert_str_eq(owner(1, NOW), "ann");
    ck_assert_ptr_null(owner(2, NOW));
    ck_assert_str_eq(audit("session"), apr_psprintf(pool, "session.create ann %s %s %s -", client,
                                                    principal->account_id, principal->user_id));
}
END_TEST

START_TEST(a_session_ends_once)
{
    const tai_principal_t *principal = ann();

    begin(1, NOW);
    begin(2, NOW);
    must(tai_store_end_session(store, principal, session(1), client, NOW, pool, &text));
    ck_assert_ptr_null(owner(1, NOW));
    ck_assert_str_eq(owner(2, NOW), "ann");
    must(tai_store_end_session(store, principal, session(1), client, NOW, pool, &text));
    ck_assert_str_eq(audit("session.end"), apr_psprintf(pool, "session.end ann %s %s %s -", client,
                                                        principal->account_id, principal->user_id));
}
END_TEST

START_TEST(nobody_ends_the_session_of_another)
{
    tai_principal_t other = *ann();

    begin(1, NOW);
    other.user_id = "usr_other";
    must(tai_store_end_session(store, &other, session(1), client, NOW, pool, &text));
    ck_assert_str_eq(owner(1, NOW), "ann");
}
END_TEST

/* When it was begun and last used, as seconds before now: is it still one? */
static const struct {
    int begun, used, is_one;
} ages[] = {
    {0, 0, 1},
    {TAI_SESSION_IDLE_S - 1, TAI_SESSION_IDLE_S - 1, 1},
    {TAI_SESSION_IDLE_S, TAI_SESSION_IDLE_S, 0},
    {TAI_SESSION_ABSOLUTE_S - 1, 0, 1},
    {TAI_SESSION_ABSOLUTE_S, 0, 0},
    {TAI_SESSION_ABSOLUTE_S + 1, TAI_SESSION_IDLE_S + 1, 0},
};

static void age(int i, int begun, int used)
{
    raw_run(path, apr_psprintf(pool,
                               "UPDATE sessions SET created_at = %d, used_at = %d"
                               " WHERE id_hash = '%s'",
                               NOW - begun, NOW - used, session(i)));
}

START_TEST(a_session_is_over_by_either_limit)
{
    begin(1, NOW);
    age(1, ages[_i].begun, ages[_i].used);
    ck_assert_int_eq(owner(1, NOW) != NULL, ages[_i].is_one);
}
END_TEST

START_TEST(a_session_ends_at_the_latest_so_long_after_it_began)
{
    tai_principal_t *principal;

    ck_assert_int_eq(ann()->session_ends, TAI_NEVER);
    begin(1, NOW);
    age(1, 180, 60);
    for (int i = 0; i < 2; i++) { /* its use, which is noted the first time, moves nothing */
        ck_assert_int_eq(tai_store_find_session(store, session(1), NOW, pool, &principal, &text),
                         APR_SUCCESS);
        ck_assert_int_eq(principal->session_ends, NOW - 180 + TAI_SESSION_ABSOLUTE_S);
    }
    ck_assert_str_eq(used_at(1), apr_psprintf(pool, "%d", NOW));
}
END_TEST

START_TEST(those_that_are_over_go_when_another_begins)
{
    begin(1, NOW);
    begin(2, NOW);
    age(1, ages[_i].begun, ages[_i].used);
    begin(3, NOW);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM sessions"), 2 + ages[_i].is_one);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log WHERE action = 'session.end'"), 0);
}
END_TEST

START_TEST(those_that_are_over_are_swept)
{
    begin(1, NOW);
    begin(2, NOW);
    age(1, ages[_i].begun, ages[_i].used);
    must(tai_store_sweep(store, NOW, pool, &text));
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM sessions"), 1 + ages[_i].is_one);
}
END_TEST

START_TEST(use_is_written_once_a_minute)
{
    begin(1, NOW);
    owner(1, NOW + 59);
    ck_assert_str_eq(used_at(1), apr_psprintf(pool, "%d", NOW));
    owner(1, NOW + 60);
    ck_assert_str_eq(used_at(1), apr_psprintf(pool, "%d", NOW + 60));
    owner(1, NOW + 119);
    ck_assert_str_eq(used_at(1), apr_psprintf(pool, "%d", NOW + 60));
    ck_assert_str_eq(owner(1, NOW + 60 + TAI_SESSION_IDLE_S - 1), "ann");
}
END_TEST

START_TEST(a_session_that_cannot_be_marked_is_one)
{
    begin(1, NOW);
    raw_forbid("UPDATE", "sessions");
    ck_assert_str_eq(owner(1, NOW + 100), "ann");
    raw_allow("UPDATE", "sessions");
    ck_assert_str_eq(owner(1, NOW + 101), "ann");
    ck_assert_str_eq(used_at(1), apr_psprintf(pool, "%d", NOW)); /* not tried again so soon */
    ck_assert_str_eq(owner(1, NOW + 160), "ann");
    ck_assert_str_eq(used_at(1), apr_psprintf(pool, "%d", NOW + 160));
}
END_TEST

START_TEST(the_idlest_makes_room)
{
    int i;

    for (i = 1; i <= TAI_SESSION_MAX; i++) {
        begin(i, NOW + i);
    }
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM sessions"), TAI_SESSION_MAX);
    ck_assert_str_eq(owner(1, NOW + 100), "ann"); /* used again: the second is the idlest now */
    begin(i, NOW + 101);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM sessions"), TAI_SESSION_MAX);
    ck_assert_ptr_null(owner(2, NOW + 101));
    ck_assert_str_eq(owner(1, NOW + 101), "ann");
    ck_assert_str_eq(owner(3, NOW + 101), "ann");
    ck_assert_str_eq(owner(i, NOW + 101), "ann");
    ck_assert_ptr_nonnull(strstr(audit("session.end"), "made room"));
}
END_TEST

/* What is done to a user ends his sessions, and stops one that is just being begun. */
static const struct {
    const char *change;
    int ends;
} changes[] = {
    {"UPDATE users SET status = 'disabled'", 1},
    {"UPDATE users SET password_hash = '$2y$new'", 1},
    {"UPDATE users SET username = 'anna'", 1},
    {"UPDATE users SET role = 'member'", 0},
    {"UPDATE accounts SET status = 'suspended'", 0},
};

START_TEST(a_change_of_the_user_ends_his_sessions)
{
    begin(1, NOW);
    raw_run(path, changes[_i].change);
    ck_assert_int_eq(owner(1, NOW) == NULL, changes[_i].ends);
}
END_TEST

START_TEST(a_change_of_the_user_stops_his_log_in)
{
    const tai_principal_t *before = ann();
    tai_change_e outcome;

    raw_run(path, changes[_i].change);
    outcome = tai_store_begin_session(store, before, session(1), client, NOW, pool, &text);
    ck_assert_int_eq(outcome, changes[_i].ends ? TAI_CHANGE_INACTIVE : TAI_CHANGE_DONE);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM sessions"), !changes[_i].ends);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log WHERE action = 'session.create'"),
                     !changes[_i].ends);
}
END_TEST

START_TEST(a_disabled_user_has_no_session_whoever_left_it)
{
    begin(1, NOW);
    raw_unhook("users_sessions", "users");
    raw_run(path, "UPDATE users SET status = 'disabled'");
    ck_assert_ptr_null(owner(1, NOW));
}
END_TEST

START_TEST(a_session_without_its_line_is_not_begun)
{
    raw_forbid("INSERT", "audit_log");
    ck_assert_int_eq(tai_store_begin_session(store, ann(), session(1), client, NOW, pool, &text),
                     TAI_CHANGE_UNKNOWN);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM sessions"), 0);
}
END_TEST

/* ---- what else is swept ------------------------------------------------------------------- */

/* Two rows: one that has just come of age, one that has not. */
static const struct {
    const char *table, *insert;
    int left;
} sweeps[] = {
    {"tickets",
     "INSERT INTO tickets (ticket_hash, order_json, expires_at) VALUES"
     " ('%064d', '{}', 1800000000), ('%064d', '{}', 1800000001)",
     1},
    {"key_usage",
     "INSERT INTO key_usage (key_id, day, admitted, refused) VALUES"
     " ('k%d', '2025-12-10', 1, 1), ('k%d', '2025-12-11', 1, 1)", /* 401 and 400 days ago */
     1},
    {"audit_log",
     "INSERT INTO audit_log (at, account_id, actor, client, action, detail) VALUES"
     " (1800000000 - 90 * 86400 - 1, NULL, 'x', 'x', 'login.failed', '%d'),"
     " (1800000000 - 90 * 86400, NULL, 'x', 'x', 'login.failed', '%d'),"
     " (1, 'acc_1', 'x', 'x', 'login.failed', '')",
     2},
};

START_TEST(what_is_old_is_swept)
{
    const char *count = apr_psprintf(pool, "SELECT COUNT(*) FROM %s", sweeps[_i].table);

    raw_run(path, "DELETE FROM audit_log"); /* of making acme */
    raw_run(path, apr_psprintf(pool, sweeps[_i].insert, 1, 2));
    must(tai_store_sweep(store, NOW, pool, &text));
    ck_assert_int_eq(counted(count), sweeps[_i].left);
}
END_TEST

/* Each slice is a transaction of its own. */
START_TEST(a_sweep_that_fails_says_so)
{
    begin(1, NOW - TAI_SESSION_ABSOLUTE_S);
    raw_run(path, "ALTER TABLE tickets RENAME TO others");
    ck_assert_int_eq(tai_store_sweep(store, NOW, pool, &text), TAI_CHANGE_UNKNOWN);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM sessions"), 0);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, a_principal_is_a_user_with_his_account);
    tcase_add_loop_test(tests, nobody_has_another_name, 0, ROWS(nobody));
    if (suite_on("sqlite3")) { /* it alone has values that read as NULL and are none */
        tcase_add_test(tests, a_row_that_is_incomplete_is_nobody);
    }
    tcase_add_test(tests, no_answer_is_no_principal);
    tcase_add_test(tests, a_session_is_its_users);
    tcase_add_test(tests, a_session_ends_once);
    tcase_add_test(tests, nobody_ends_the_session_of_another);
    tcase_add_loop_test(tests, a_session_is_over_by_either_limit, 0, ROWS(ages));
    tcase_add_loop_test(tests, those_that_are_over_go_when_another_begins, 0, ROWS(ages));
    tcase_add_loop_test(tests, those_that_are_over_are_swept, 0, ROWS(ages));
    tcase_add_test(tests, a_session_ends_at_the_latest_so_long_after_it_began);
    tcase_add_test(tests, use_is_written_once_a_minute);
    tcase_add_test(tests, a_session_that_cannot_be_marked_is_one);
    tcase_add_test(tests, the_idlest_makes_room);
    tcase_add_loop_test(tests, a_change_of_the_user_ends_his_sessions, 0, ROWS(changes));
    tcase_add_loop_test(tests, a_change_of_the_user_stops_his_log_in, 0, ROWS(changes));
    tcase_add_test(tests, a_disabled_user_has_no_session_whoever_left_it);
    tcase_add_test(tests, a_session_without_its_line_is_not_begun);
    tcase_add_loop_test(tests, what_is_old_is_swept, 0, ROWS(sweeps));
    tcase_add_test(tests, a_sweep_that_fails_says_so);
}

int main(void)
{
    return unit_run("principals and sessions", add);
}
