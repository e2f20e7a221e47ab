#include "core/store_nodes.h"
#include "database.h"

/*
 * From the first schema to the one of today, and the rules that stand in the database itself: what
 * goes into the log of changes, whose sessions end, what is never rewritten.
 */

#define HASH_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define HASH_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define HASH_3 "3333333333333333333333333333333333333333333333333333333333333333"
#define NODE   "44444444444444444444444444444444"

static char *slurp(const char *name)
{
    const char *file =
        apr_pstrcat(pool, getenv("TAI_SRC"), "/mod_taiauth/sql/", driver, "/", name, NULL);
    FILE *in = fopen(file, "r");
    char *content = apr_pcalloc(pool, 65536);

    ck_assert_msg(in != NULL, "%s: TAI_SRC must name the sources", file);
    ck_assert_uint_gt(fread(content, 1, 65535, in), 0);
    fclose(in);
    return content;
}

/* Each statement ends a paragraph; the last one ends the file. */
static void run_file(const char *name)
{
    char *paragraph = slurp(name), *end;

    for (; paragraph != NULL; paragraph = end) {
        end = strstr(paragraph, ";\n\n");
        if (end != NULL) {
            *end = '\0';
            end += strlen(";\n\n");
        }
        raw_define(apr_pstrmemdup(pool, paragraph, strlen(paragraph) - (end ? 0 : strlen(";\n"))));
    }
}

/* As the first release made it, with rows in every table. */
static void make_first(void)
{
    run_file("001_accounts.sql");
    raw_run(path, "INSERT INTO schema_version VALUES (1, 100)");
    raw_run(path, "INSERT INTO plans VALUES ('bare', 'Bare', 9, '9/1h', 2)");
    raw_run(path, "INSERT INTO scopes VALUES ('extra:read', 'Extra', 0)");
    raw_run(path, "INSERT INTO plan_scopes VALUES ('bare', 'extra:read')");
    raw_run(path, "INSERT INTO accounts VALUES ('acc_1', 'acme', 'pro', 'active', 100),"
                  " ('acc_2', 'b\303\251', 'bare', 'suspended', 101),"
                  " ('acc_3', 'gone', 'free', 'closed', 102)");
    raw_run(path, "INSERT INTO users VALUES"
                  " ('usr_1', 'acc_1', 'ann', '$2y$12$x', 'primary_admin', 'active', 100),"
                  " ('usr_2', 'acc_1', 'bob', NULL, 'member', 'disabled', 101)");
    raw_run(path, "INSERT INTO api_keys VALUES"
                  " ('key_1', 'key_1', 'acc_1', 'usr_1', 'first', 'tai_11111111', '" HASH_1 "',"
                  " '" HASH_2 "', 'programs:read extra:read', '5/60s', 100, 200, NULL, 150),"
                  " ('key_2', 'key_1', 'acc_1', 'usr_1', 'sec''ond', 'tai_22222222', '" HASH_2 "',"
                  " NULL, 'programs:read', NULL, 101, NULL, 180, NULL)");
}

/* As the second release left it: the first one's rows, and rows in what it added. */
static void make_second(void)
{
    make_first();
    run_file("002_management.sql");
    raw_run(path, "INSERT INTO schema_version VALUES (2, 101)");
    raw_run(path, "UPDATE api_keys SET origin = 'token', expires_at = 300 WHERE id = 'key_1'");
    raw_run(path, "INSERT INTO key_usage VALUES ('key_1', '2026-01-31', 7, 3)");
    raw_run(path, "INSERT INTO sessions VALUES ('" HASH_3 "', 'usr_1', 5, 6)");
    raw_run(path,
            "INSERT INTO audit_log VALUES (4, 5, 'acc_1', 'ann', '::1', 'log-in', NULL, 'x')");
    raw_run(path, "INSERT INTO tickets VALUES ('" HASH_3 "', '{}', 9)");
    raw_run(path, "INSERT INTO nodes VALUES ('" NODE "', 5000, 1, 104)");
}

static void migrate_from(int version)
{
    const char *text = "";
    int from;

    ck_assert_msg(tai_schema_migrate(driver, path, pool, &from, &text) == APR_SUCCESS, "%s", text);
    ck_assert_int_eq(from, version);
}

static void migrate(void)
{
    migrate_from(1);
}

/* Every value of every row, in the columns that the first schema had. */
static const char *const contents[] = {
    "SELECT name, title, rank, rate_limit, max_keys FROM plans ORDER BY name",
    "SELECT name, description, is_default FROM scopes ORDER BY name",
    "SELECT plan, scope FROM plan_scopes ORDER BY plan, scope",
    "SELECT id, name, plan, status, created_at FROM accounts ORDER BY id",
    "SELECT id, account_id, username, password_hash, role, status, created_at FROM users"
    " ORDER BY id",
    "SELECT id, line, account_id, user_id, name, prefix, key_hash, token_hash, scopes, rate_limit,"
    " created_at, expires_at, revoked_at, last_used_at FROM api_keys ORDER BY id",
    "SELECT version, applied_at FROM schema_version WHERE version = 1",
};

START_TEST(rows_are_kept_in_row)
{
    const char *before;

    make_first();
    before = raw_list(path, contents[_i]);
    ck_assert_ptr_nonnull(before);
    ck_assert_str_ne(before, "");
    migrate();
    ck_assert_str_eq(raw_list(path, contents[_i]), before);
}
END_TEST

/* Every value of every row, in the tables that the second schema added. */
static const char *const managed[] = {
    "SELECT id, origin FROM api_keys ORDER BY id",
    "SELECT key_id, day, admitted, refused FROM key_usage",
    "SELECT id_hash, user_id, created_at, used_at FROM sessions",
    "SELECT seq, at, account_id, actor, client, action, subject, detail FROM audit_log",
    "SELECT ticket_hash, order_json, expires_at FROM tickets",
    "SELECT seq FROM change_counter",
    "SELECT seq, key_hash, account_id FROM key_changes",
    "SELECT id, lease_ms, applied_seq, registered_at FROM nodes",
};

START_TEST(managed_rows_are_kept_in_row)
{
    const char *before;

    make_second();
    before = raw_list(path, managed[_i]);
    ck_assert_ptr_nonnull(before);
    ck_assert_str_ne(before, "");
    migrate_from(2);
    ck_assert_str_eq(raw_list(path, managed[_i]), before);
}
END_TEST

/* It is in use while it is brought up: who looks after it then finds his node as he left it. */
START_TEST(a_node_is_still_registered_behind_it)
{
    tai_store_t *store;
    tai_news_t news;
    const char *error;

    make_second();
    migrate_from(2);
    store = open_store(path, 1);
    ck_assert_int_eq(tai_store_read_news(store, NODE, pool, &news, &error), APR_SUCCESS);
    ck_assert_ptr_nonnull(news.own);
    ck_assert_uint_eq(news.own->lease_ms, 5000);
    ck_assert_int_eq(news.own->applied_seq, 1);
    ck_assert_ptr_null(
        raw_value(path, "SELECT CASE WHEN name IS NULL THEN synced_at ELSE 1 END FROM nodes"));
}
END_TEST

START_TEST(what_is_new_begins_empty)
{
    const char *text;

    make_first();
    ck_assert_int_eq(tai_store_check(driver, path, pool, &text), TAI_STORE_OTHER);
    ck_assert_ptr_nonnull(strstr(text, "taictl db migrate"));
    migrate();
    ck_assert_int_eq(tai_store_check(driver, path, pool, &text), TAI_STORE_READY);
    ck_assert_str_eq(raw_list(path, "SELECT DISTINCT origin FROM api_keys"), "operator");
    ck_assert_str_eq(raw_value(path, "SELECT seq FROM change_counter"), "0");
    ck_assert_str_eq(raw_value(path, "SELECT (SELECT COUNT(*) FROM key_changes)"
                                     " + (SELECT COUNT(*) FROM audit_log)"
                                     " + (SELECT COUNT(*) FROM key_usage)"
                                     " + (SELECT COUNT(*) FROM sessions)"
                                     " + (SELECT COUNT(*) FROM tickets)"
                                     " + (SELECT COUNT(*) FROM nodes)"),
                     "0");
}
END_TEST

/* A database that was migrated is no other than a new one. */
START_TEST(from_version_row_the_way_leads_to_one_schema)
{
    const char *schema = by_driver(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name",
        "SELECT table_name, column_name, column_default, is_nullable, data_type,"
        " character_maximum_length, collation_name FROM information_schema.columns"
        " WHERE table_schema = CURRENT_SCHEMA() ORDER BY table_name, column_name",
        "SELECT table_name, column_name, column_default, is_nullable, column_type, collation_name"
        " FROM information_schema.columns WHERE table_schema = DATABASE()"
        " ORDER BY table_name, column_name");
    const char *fresh = new_database("new.db");

    if (_i == 1) {
        make_first();
    }
    else {
        make_second();
    }
    migrate_from(_i);
    init_database(fresh);
    ck_assert_str_eq(raw_list(path, schema), raw_list(fresh, schema));
}
END_TEST

START_TEST(a_migration_that_fails_leaves_the_old_schema)
{
    const char *text = NULL, *before;
    int from, version;

    make_first();
    raw_run(path, "CREATE TABLE tickets (x INTEGER)"); /* in its way, after half of it */
    before = raw_list(path, contents[5]);
    ck_assert_int_eq(tai_schema_migrate(driver, path, pool, &from, &text), APR_EGENERAL);
    ck_assert_ptr_nonnull(strstr(text, "tickets"));
    ck_assert_int_eq(tai_schema_version(driver, path, pool, &version, &text), APR_SUCCESS);
    ck_assert_int_eq(version, 1);
    ck_assert_str_eq(raw_list(path, contents[5]), before);
    ck_assert_ptr_nonnull(strstr(raw_try(path, "SELECT origin FROM api_keys"), "origin"));
    raw_run(path, "DROP TABLE tickets");
    migrate();
}
END_TEST

/* ---- the log of changes -------------------------------------------------------------------- */

#define INSERT_KEY                                                                              \
    "INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash, scopes,"      \
    " created_at, origin) VALUES ('key_3', 'key_3', 'acc_1', 'usr_1', 'third', 'tai_33333333'," \
    " '" HASH_3 "', 'programs:read', 1, "

/*
 * What one statement adds: the first digits of the digest of a key, the id of an account, or * for
 * every key.
 */
static const struct {
    const char *change;
    const char *added;
} changes[] = {
    {INSERT_KEY "'operator')", "3333"},
    {INSERT_KEY "'api')", "3333"},
    {INSERT_KEY "'token')", "3333"},
    {INSERT_KEY "'import')", ""},
    {"UPDATE api_keys SET revoked_at = 5 WHERE id = 'key_1'", "1111"},
    {"UPDATE api_keys SET expires_at = 5 WHERE id = 'key_1'", "1111"},
    {"UPDATE api_keys SET expires_at = NULL WHERE id = 'key_1'", "1111"},
    {"UPDATE api_keys SET rate_limit = NULL WHERE id = 'key_1'", "1111"},
    {"UPDATE api_keys SET rate_limit = '6/60s' WHERE id = 'key_1'", "1111"},
    {"UPDATE api_keys SET prefix = 'tai_' WHERE id = 'key_1'", "1111"},
    {"UPDATE api_keys SET expires_at = 5", "1111 2222"},
    {"UPDATE api_keys SET name = 'other'", ""},
    {"UPDATE api_keys SET last_used_at = 5", ""},
    {"UPDATE api_keys SET origin = 'api'", ""},
    {"UPDATE api_keys SET expires_at = expires_at, revoked_at = revoked_at", ""},
    {"DELETE FROM api_keys WHERE id = 'key_1'", "1111"},
    {"DELETE FROM api_keys", "1111 2222"},
    {"INSERT INTO accounts VALUES ('acc_9', 'new', 'free', 'active', 1)", "acc_9"},
    {"UPDATE accounts SET status = 'suspended' WHERE id = 'acc_1'", "acc_1"},
    {"UPDATE accounts SET status = 'active' WHERE id = 'acc_2'", "acc_2"},
    {"UPDATE accounts SET plan = 'free' WHERE id = 'acc_1'", "acc_1"},
    {"UPDATE accounts SET name = 'other' WHERE id = 'acc_1'", "acc_1"},
    {"UPDATE accounts SET id = 'acc_9' WHERE id = 'acc_3'", "acc_3 acc_9"},
    {"UPDATE accounts SET created_at = 7, status = status, plan = plan", ""},
    {"DELETE FROM accounts WHERE id = 'acc_3'", "acc_3"},
    {"INSERT INTO users VALUES ('usr_9', 'acc_2', 'new', NULL, 'member', 'active', 1)", "acc_2"},
    {"UPDATE users SET status = 'disabled' WHERE id = 'usr_1'", "acc_1"},
    {"UPDATE users SET status = 'active' WHERE id = 'usr_2'", "acc_1"},
    {"UPDATE users SET username = 'other' WHERE id = 'usr_1'", "acc_1"},
    {"UPDATE users SET id = 'usr_9' WHERE id = 'usr_2'", "acc_1"},
    {"UPDATE users SET account_id = 'acc_2' WHERE id = 'usr_1'", "acc_1 acc_2"},
    {"UPDATE users SET password_hash = 'x', created_at = 7, status = status", ""},
    {"UPDATE users SET role = 'member'", ""},
    {"DELETE FROM users WHERE id = 'usr_2'", "acc_1"},
    {"INSERT INTO plans VALUES ('gold', 'Gold', 10, NULL, 1)", "*"},
    {"UPDATE plans SET rate_limit = '1/1s' WHERE name = 'pro'", "*"},
    {"INSERT INTO plans VALUES ('gold', 'Gold', 10, NULL, 1);"
     " DELETE FROM plans WHERE name = 'gold'",
     "* *"},
    {"INSERT INTO scopes VALUES ('new:read', 'New', 0)", ""},
    {"UPDATE scopes SET description = 'Other' WHERE name = 'extra:read'", "*"},
    {"INSERT INTO scopes VALUES ('new:read', 'New', 0);"
     " UPDATE scopes SET name = 'other:read' WHERE name = 'new:read'",
     "*"},
    {"INSERT INTO scopes VALUES ('new:read', 'New', 0);"
     " DELETE FROM scopes WHERE name = 'new:read'",
     "*"},
    {"INSERT INTO plan_scopes VALUES ('free', 'programs:write')", "*"},
    {"UPDATE plan_scopes SET plan = 'pro' WHERE plan = 'bare'", "*"},
    {"DELETE FROM plan_scopes WHERE plan = 'bare'", "*"},
    {"INSERT INTO key_usage VALUES ('key_1', '2026-01-31', 1, 0)", ""},
    {"INSERT INTO sessions VALUES ('" HASH_3 "', 'usr_1', 1, 1)", ""},
    {"BEGIN; UPDATE api_keys SET revoked_at = 5 WHERE id = 'key_1'; ROLLBACK", ""},
};

START_TEST(what_row_adds_to_the_log)
{
    const char *added, *base;

    make_first();
    migrate();
    raw_run(path, "UPDATE plans SET title = 'Any'"); /* so that the log does not begin here */
    base = raw_value(path, "SELECT seq FROM change_counter");
    raw_run(path, changes[_i].change);
    added = apr_array_pstrcat(
        pool,
        raw_rows(path, apr_psprintf(pool,
                                    "SELECT COALESCE(SUBSTR(key_hash, 1, 4), account_id, '*')"
                                    " FROM key_changes WHERE seq > %s ORDER BY 1",
                                    base)),
        ' ');
    ck_assert_msg(strcmp(added, changes[_i].added) == 0, "%s: %s", changes[_i].change, added);
    /* no gap, and the counter is at its end */
    ck_assert_str_eq(raw_value(path, "SELECT CASE WHEN COUNT(*) = MAX(seq) AND MIN(seq) = 1 AND"
                                     " MAX(seq) = (SELECT seq FROM change_counter)"
                                     " THEN 1 ELSE 0 END FROM key_changes"),
                     "1");
}
END_TEST

/* ---- sessions ------------------------------------------------------------------------------ */

/* Of the two users, whose sessions are left? */
static const struct {
    const char *change;
    const char *left;
} endings[] = {
    {"UPDATE users SET status = 'disabled' WHERE id = 'usr_1'", "usr_2"},
    {"UPDATE users SET password_hash = 'other' WHERE id = 'usr_1'", "usr_2"},
    {"UPDATE users SET password_hash = NULL WHERE id = 'usr_1'", "usr_2"},
    {"UPDATE users SET account_id = 'acc_2' WHERE id = 'usr_1'", "usr_2"},
    {"UPDATE users SET username = 'other' WHERE id = 'usr_1'", "usr_2"},
    {"UPDATE users SET password_hash = password_hash, username = username", "usr_1 usr_2"},
    {"UPDATE users SET role = 'member', created_at = 7", "usr_1 usr_2"},
    {"UPDATE accounts SET status = 'suspended'", "usr_1 usr_2"}, /* it may still read and revoke */
};

START_TEST(sessions_left_by_row)
{
    make_first();
    migrate();
    raw_run(path, "UPDATE users SET status = 'active'");
    raw_run(path, "INSERT INTO sessions VALUES ('" HASH_1 "', 'usr_1', 1, 1),"
                  " ('" HASH_2 "', 'usr_1', 2, 2), ('" HASH_3 "', 'usr_2', 3, 3)");
    raw_run(path, endings[_i].change);
    ck_assert_str_eq(
        apr_array_pstrcat(
            pool, raw_rows(path, "SELECT DISTINCT user_id FROM sessions ORDER BY user_id"), ' '),
        endings[_i].left);
}
END_TEST

/* ---- what the database refuses ------------------------------------------------------------- */

static const char *const forbidden[] = {
    "UPDATE audit_log SET actor = 'eve'",
    "UPDATE audit_log SET detail = NULL",
    "UPDATE api_keys SET origin = 'gift'",
    "UPDATE api_keys SET origin = NULL",
    "INSERT INTO key_usage VALUES ('key_1', '2026-1-31', 1, 1)",
    "INSERT INTO key_usage VALUES ('key_1', '2026-01-31', -1, 1)",
    "INSERT INTO key_usage VALUES ('key_1', '2026-01-31', 1, -1)",
    "INSERT INTO key_usage VALUES ('key_1', '2026-01-30', 1, 1), ('key_1', '2026-01-30', 1, 1)",
    "INSERT INTO sessions VALUES ('1', 'usr_1', 1, 1)",
    "INSERT INTO tickets VALUES ('1', '{}', 1)",
    "INSERT INTO nodes VALUES ('1', 5000, 0, 1, NULL, NULL)",
    "INSERT INTO nodes VALUES ('" NODE "', 999, 0, 1, NULL, NULL)",
    "INSERT INTO nodes VALUES ('" NODE "', 60001, 0, 1, NULL, NULL)",
};

START_TEST(the_database_refuses_row)
{
    make_first();
    migrate();
    raw_run(path, "INSERT INTO audit_log (at, actor, client, action) VALUES (1, 'a', 'b', 'c')");
    ck_assert_msg(raw_try(path, forbidden[_i]) != NULL, "%s", forbidden[_i]);
}
END_TEST

START_TEST(old_lines_of_the_audit_log_may_be_deleted)
{
    make_first();
    migrate();
    raw_run(path, "INSERT INTO audit_log (at, actor, client, action) VALUES (1, 'a', 'b', 'c')");
    raw_run(path, "DELETE FROM audit_log WHERE at < 5");
    raw_run(path, "INSERT INTO audit_log (at, actor, client, action) VALUES (6, 'a', 'b', 'c')");
    ck_assert_str_eq(raw_value(path, "SELECT seq FROM audit_log"), "2"); /* never used again */
}
END_TEST

static void add(TCase *tests)
{
    with_dir(tests);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, rows_are_kept_in_row, 0, ROWS(contents));
    tcase_add_loop_test(tests, managed_rows_are_kept_in_row, 0, ROWS(managed));
    tcase_add_test(tests, a_node_is_still_registered_behind_it);
    tcase_add_test(tests, what_is_new_begins_empty);
    tcase_add_loop_test(tests, from_version_row_the_way_leads_to_one_schema, 1,
                        tai_store_schema_version);
    if (!suite_on("mysql")) { /* where a change of the schema cannot be undone */
        tcase_add_test(tests, a_migration_that_fails_leaves_the_old_schema);
    }
    tcase_add_loop_test(tests, what_row_adds_to_the_log, 0, ROWS(changes));
    tcase_add_loop_test(tests, sessions_left_by_row, 0, ROWS(endings));
    tcase_add_loop_test(tests, the_database_refuses_row, 0, ROWS(forbidden));
    tcase_add_test(tests, old_lines_of_the_audit_log_may_be_deleted);
}

int main(void)
{
    return unit_run("store_schema", add);
}
