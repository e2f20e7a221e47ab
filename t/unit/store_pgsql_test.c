#include "acme.h"
#include "core/store_driver.h"
#include "core/store_nodes.h"

/* What is true of PostgreSQL alone: its parameters, and, where the suite runs on it, its schema. */

/* ---- parameters ---------------------------------------------------------------------------- */

#define OURS " fallback_application_name=taiauth"

/* What libpq is given, and what texts call it. */
static const struct {
    const char *given;
    const char *params;
    const char *name;
} good[] = {
    {"dbname=d", "dbname=d" OURS, "dbname=d"},
    {" host = h\n dbname=d\tport=5432 ", "host=h dbname=d port=5432" OURS,
     "host=h dbname=d port=5432"},
    {"host=h user=u password='a b' dbname=d", "host=h user=u password='a b' dbname=d" OURS,
     "host=h user=u dbname=d"},
    {"dbname='a\\'b' password=a\\ b\\\\", "dbname='a\\'b' password='a b\\\\'" OURS,
     "dbname='a\\'b'"},
    {"dbname=d password=''", "dbname=d password=''" OURS, "dbname=d"},
    {"dbname=d sslkey=/k sslpassword=p", "dbname=d sslkey=/k sslpassword=p" OURS,
     "dbname=d sslkey=/k"},
    {"dbname=d host=a,b port=1,", "dbname=d host=a,b port=1," OURS, "dbname=d host=a,b port=1,"},
    {"service=s", "service=s" OURS, "service=s"},
    {"dbname=d fallback_application_name=x", "dbname=d fallback_application_name=x",
     "dbname=d fallback_application_name=x"},
    {"postgresql://h/d", "host=h dbname=d" OURS, "host=h dbname=d"},
    {"postgres://u:p%40%2f%20@h:5432/d%20e?sslmode=require&application_name=a%26b",
     "user=u password='p@/ ' host=h port=5432 dbname='d e' sslmode=require"
     " application_name=a&b" OURS,
     "user=u host=h port=5432 dbname='d e' sslmode=require application_name=a&b"},
    {"postgresql://h1:1,h2/d", "host=h1,h2 port=1, dbname=d" OURS, "host=h1,h2 port=1, dbname=d"},
    {"postgresql://[::1]:5,[::2]/d", "host=::1,::2 port=5, dbname=d" OURS,
     "host=::1,::2 port=5, dbname=d"},
    {"postgresql:///d?host=/run&password=p", "dbname=d host=/run password=p" OURS,
     "dbname=d host=/run"},
    {"postgresql://u@/d", "user=u dbname=d" OURS, "user=u dbname=d"},
    {"postgresql://?dbname=d", "dbname=d" OURS, "dbname=d"},
};

START_TEST(parameters_mean_what_row_says)
{
    tai_database_t database = {0};
    const char *error = tai_driver_pgsql.resolve(good[_i].given, pool, &database);

    ck_assert_msg(error == NULL, "%s: %s", good[_i].given, error);
    ck_assert_str_eq(database.params, good[_i].params);
    ck_assert_str_eq(database.name, good[_i].name);
    ck_assert_ptr_null(database.path);
    ck_assert_ptr_nonnull(strstr(database.options, good[_i].name));
}
END_TEST

/* What is said of those that are wrong. "secret" never is. */
static const struct {
    const char *given;
    const char *said;
} bad[] = {
    {"", "dbname="},
    {"host=h user=u password=secret", "dbname="},
    {"dbname='' password=secret", "dbname="},
    {"secret", "words such as"},
    {"dbname=d password=my secret", "words such as"},
    {"dbname=d password=my secret=x", "word 3 "},
    {"dbname=d =secret", "word 2 "},
    {"dbname=d DBNAME=d", "word 2 "},
    {"dbname=d password='secret", "no end"},
    {"dbname=d password='secret\\'", "no end"},
    {"dbname=d password=secret replication=database", "replication"},
    {"dbname=d port=0", "from 1 to 65535"},
    {"dbname=d port=65536", "from 1 to 65535"},
    {"dbname=d connect_timeout=0", "from 2 to 60"},
    {"dbname=d connect_timeout=1", "from 2 to 60"},
    {"dbname=d connect_timeout=61", "from 2 to 60"},
    {"dbname=d connect_timeout=-1", "from 2 to 60"},
    {"dbname=d connect_timeout=''", "from 2 to 60"},
    {"postgresql://h/d?connect_timeout=0", "from 2 to 60"},
    {"dbname=d port=1x", "from 1 to 65535"},
    {"dbname=d port=-1", "from 1 to 65535"},
    {"dbname=d port=1,x", "from 1 to 65535"},
    {"dbname=d port=999999999999999999", "from 1 to 65535"},
    {"postgresql://u:secret@h", "dbname="},
    {"postgresql://u:secret%zz@h/d", "%25"},
    {"postgresql://u:secret%00@h/d", "%25"},
    {"postgresql://u:secret%4", "%25"},
    {"postgresql://u:secret/x@h/d", "%2F"},
    {"postgresql://u:1/secret@h/d", "%2F"},
    {"postgresql://u:secret@h:x/d", "from 1 to 65535"},
    {"postgresql://h/d?secret=secret", "word 3 "},
    {"postgresql://h/d?secret", "words such as"},
    {"postgresql://h/d?", "words such as"},
    {"postgresql://[::1/d", "words such as"},
    {"postgresql://[::1]secret/d", "words such as"},
};

START_TEST(libpq_is_told_how_long_it_may_connect)
{
    ck_assert_ptr_nonnull(strstr(tai_driver_pgsql.timed("x", 7001, pool), "connect_timeout=8 "));
    ck_assert_ptr_nonnull(strstr(tai_driver_pgsql.timed("x", 7000, pool), "connect_timeout=7 "));
    ck_assert_ptr_nonnull(strstr(tai_driver_pgsql.timed("x", 1, pool), "connect_timeout=2 "));
}
END_TEST

START_TEST(how_long_it_may_connect_is_taken_from_the_parameters)
{
    tai_database_t database = {0};

    ck_assert_ptr_null(
        tai_driver_pgsql.resolve("dbname=d connect_timeout=60 user=u", pool, &database));
    ck_assert_uint_eq(database.connect_ms, 60000);
    ck_assert_ptr_null(strstr(database.params, "connect_timeout"));
    ck_assert_ptr_nonnull(strstr(database.name, "connect_timeout=60"));
    ck_assert_ptr_null(tai_driver_pgsql.resolve("dbname=d", pool, &database));
    ck_assert_uint_eq(database.connect_ms, 0);
}
END_TEST

START_TEST(parameters_that_are_wrong_are_refused_by_row)
{
    const char *error = tai_store_check_params("pgsql", bad[_i].given, pool);

    ck_assert_msg(error && strstr(error, bad[_i].said), "%s: %s", bad[_i].given, error);
    ck_assert_ptr_null(strstr(error, "secret"));
}
END_TEST

/* ---- what it is fit for -------------------------------------------------------------------- */

static const char *with_words(const char *words)
{
    return apr_pstrcat(pool, path, " ", words, NULL);
}

START_TEST(a_database_that_is_read_only_is_unfit)
{
    const char *params = with_words(apr_psprintf(
        pool, "options='-c search_path=%s -c default_transaction_read_only=on'", called));
    tai_record_t *record;

    ck_assert_int_eq(tai_store_check(driver, params, pool, &text), TAI_STORE_UNFIT);
    ck_assert_ptr_nonnull(strstr(text, "read-only"));
    ck_assert_int_eq(find_key(open_store(params, 1), digest_of("any"), &record, &text),
                     APR_EGENERAL);
    ck_assert_ptr_nonnull(strstr(text, "read-only"));
}
END_TEST

START_TEST(the_reason_of_the_server_is_told_without_the_password)
{
    ck_assert_int_eq(tai_store_check(driver, with_words("password=wrong-secret"), pool, &text),
                     TAI_STORE_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(text, "authentication"));
    ck_assert_ptr_nonnull(strstr(text, called));
    ck_assert_ptr_null(strstr(text, "secret"));
    ck_assert_ptr_null(strchr(text, '\n'));
}
END_TEST

/* A row that was refused is quoted by the server, its digests and the hash of a password with it. */
START_TEST(no_row_is_quoted)
{
    tai_user_t *user;

    raw_run(path, "ALTER TABLE users ADD CONSTRAINT never CHECK (username <> 'bob')");
    ck_assert_int_eq(tai_store_add_user(store, "acme", "bob", "member", "$2y$secret", &actor, NOW,
                                        pool, &user, &text),
                     TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, "never"));
    ck_assert_ptr_null(strstr(text, "secret"));
}
END_TEST

/* Whatever the role or the database has by default. */
START_TEST(a_session_is_set_up)
{
    const char *params = with_words(apr_psprintf(
        pool,
        "client_encoding=LATIN1 options='-c search_path=%s -c"
        " default_transaction_isolation=serializable -c"
        " standard_conforming_strings=off -c synchronous_commit=off -c timezone=Asia/Tokyo'",
        called));
    tai_account_t *account;
    apr_array_header_t *users;
    tai_user_t *user;

    raw_define("CREATE FUNCTION look() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN"
               " IF CURRENT_SETTING('transaction_isolation') <> 'read committed'"
               " OR CURRENT_SETTING('synchronous_commit') <> 'on' THEN"
               " RAISE EXCEPTION 'not set up'; END IF; RETURN NEW; END $$");
    raw_define("CREATE TRIGGER look BEFORE INSERT ON audit_log FOR EACH ROW"
               " EXECUTE FUNCTION look()");
    store = open_store(params, 1);
    must(tai_store_add_account(store, "b\303\251\\'", "free", &actor, NOW, pool, &account, &text));
    must(tai_store_add_user(store, "b\303\251\\'", "\342\202\254", NULL, NULL, &actor, NOW, pool,
                            &user, &text));
    must(tai_store_list_users(store, "b\303\251\\'", pool, &users, &text));
    ck_assert_int_eq(users->nelts, 1);
    ck_assert_int_eq(
        counted("SELECT LENGTH(name) FROM accounts WHERE id <> 'x' AND name <> 'acme'"), 4);
}
END_TEST

/* ---- connections that end ------------------------------------------------------------------ */

/* What the server does at a restart, or to those that idle. */
static void end_connections(const char *name)
{
    raw_value(path, apr_psprintf(pool,
                                 "SELECT COUNT(PG_TERMINATE_BACKEND(pid, 5000)) FROM"
                                 " pg_stat_activity WHERE application_name = '%s'",
                                 name));
}

START_TEST(a_connection_that_the_server_has_closed_is_replaced)
{
    const char *name = apr_psprintf(pool, "test_%ld", (long)getpid());
    apr_array_header_t *accounts;
    tai_key_issue_t issue;
    tai_record_t *record;
    tai_news_t news;

    store = open_store(with_words(apr_pstrcat(pool, "application_name=", name, NULL)), 1);
    for (int i = 0; i < 3; i++) {
        issue = created(usual);
        end_connections(name);
        ck_assert_msg(find_key(store, digest_of(issue.key), &record, &text) == APR_SUCCESS, "%s",
                      text);
        ck_assert_ptr_nonnull(record);
        end_connections(name);
        ck_assert_int_eq(tai_store_list_accounts(store, NOW, pool, &accounts, &text), APR_SUCCESS);
        ck_assert_int_eq(tai_store_read_news(store, "nobody", pool, &news, &text), APR_SUCCESS);
        end_connections(name);
        ck_assert_int_eq(tai_store_read_news(store, "nobody", pool, &news, &text), APR_SUCCESS);
    }
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys"), 3);
}
END_TEST

/* Somebody in psql locks in another order, and is preferred: so many times. */
static void prefer_others(int times)
{
    raw_define("CREATE SEQUENCE tries");
    raw_define(apr_psprintf(pool,
                            "CREATE FUNCTION prefer() RETURNS TRIGGER LANGUAGE plpgsql AS $$"
                            " BEGIN IF NEXTVAL('tries') <= %d THEN"
                            " RAISE EXCEPTION 'preferred' USING ERRCODE = 'deadlock_detected';"
                            " END IF; RETURN NEW; END $$",
                            times));
    raw_define("CREATE TRIGGER prefer BEFORE INSERT ON audit_log FOR EACH ROW"
               " EXECUTE FUNCTION prefer()");
}

START_TEST(a_deadlock_is_tried_again)
{
    store = open_store(path, 1); /* nothing is open that may have been closed */
    prefer_others(1);
    created(usual);
    ck_assert_int_eq(counted("SELECT last_value FROM tries"), 2);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys"), 1);
}
END_TEST

START_TEST(but_once)
{
    tai_key_issue_t issue;

    store = open_store(path, 1);
    prefer_others(1000);
    ck_assert_int_eq(tai_store_create_key(store, &usual, &actor, NOW, pool, &issue, &text),
                     TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, "preferred"));
    ck_assert_int_eq(counted("SELECT last_value FROM tries"), 2);
}
END_TEST

/* ---- the schema ---------------------------------------------------------------------------- */

START_TEST(texts_compare_by_their_bytes_and_have_no_padding)
{
    ck_assert_str_eq(
        raw_list(path,
                 "SELECT table_name, column_name FROM information_schema.columns"
                 " WHERE table_schema = CURRENT_SCHEMA() AND (data_type = 'character' OR"
                 " (data_type = 'character varying' AND collation_name IS DISTINCT FROM 'C'))"),
        "");
}
END_TEST

/* In psql the tables may be named with their schema, or found by a search path of one's own. */
START_TEST(a_change_is_logged_wherever_it_is_made_from)
{
    const int seq = counted("SELECT seq FROM change_counter");

    created(usual);
    raw_run(path, apr_psprintf(pool,
                               "SET search_path = pg_catalog; UPDATE %s.accounts SET plan = 'pro';"
                               " UPDATE %s.users SET status = 'disabled';"
                               " UPDATE %s.api_keys SET revoked_at = 1",
                               called, called, called));
    ck_assert_int_eq(counted("SELECT seq FROM change_counter"), seq + 4);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_changes"), seq + 4);
}
END_TEST

static const char *const emptied[] = {"api_keys",      "users CASCADE",  "accounts CASCADE",
                                      "plans CASCADE", "scopes CASCADE", "plan_scopes"};

START_TEST(a_table_that_is_emptied_concerns_every_key)
{
    const char *count = "SELECT COUNT(*) FROM key_changes WHERE key_hash IS NULL"
                        " AND account_id IS NULL";
    const int before = counted(count);

    raw_run(path, apr_psprintf(pool, "TRUNCATE %s", emptied[_i]));
    ck_assert_int_gt(counted(count), before);
    ck_assert_int_eq(counted("SELECT seq FROM change_counter"),
                     counted("SELECT MAX(seq) FROM key_changes"));
}
END_TEST

/* Without its counter nobody can say what has changed. */
START_TEST(nothing_changes_without_the_counter)
{
    raw_run(path, "DELETE FROM change_counter");
    ck_assert_ptr_nonnull(raw_try(path, "UPDATE accounts SET status = 'suspended'"));
    ck_assert_str_eq(raw_value(path, "SELECT status FROM accounts"), "active");
}
END_TEST

/* ---- what is read ---------------------------------------------------------------------------- */

/* Enough rows for an index to be worth it, of which the server has counted how many there are. */
static const char *const many[] = {
    "INSERT INTO accounts SELECT 'acc' || n, 'account ' || n, 'free', 'active', 1"
    " FROM GENERATE_SERIES(1, 2000) n",
    "INSERT INTO users SELECT 'usr' || n, 'acc' || n, 'user ' || n, NULL, 'member', 'active', 1"
    " FROM GENERATE_SERIES(1, 2000) n",
    "INSERT INTO api_keys SELECT 'key' || n, 'key' || n, 'acc' || n, 'usr' || n, 'k', 'tai_',"
    " LPAD(n::TEXT, 64, '0'), NULL, 'programs:read', NULL, 1 FROM GENERATE_SERIES(1, 2000) n",
    "INSERT INTO key_usage SELECT 'key' || n, CAST(DATE '2026-01-01' + n / 1000 AS TEXT), 1, 1"
    " FROM GENERATE_SERIES(1, 20000) n",
    "INSERT INTO audit_log (at, account_id, actor, client, action)"
    " SELECT n, CASE WHEN n % 20 > 0 THEN 'acc1' END, 'a', 'local', 'a'"
    " FROM GENERATE_SERIES(1, 20000) n",
    "INSERT INTO key_changes SELECT 1000000 + n, NULL, NULL FROM GENERATE_SERIES(1, 20000) n",
    "ANALYZE",
};

/* The user of a key looked for among all of its account. */
#define AMONG_USERS "Filter\": \"((k.user_id)"

/* What must not be in the plan of those that many ask, or that run over tables of all times. */
static const struct {
    tai_statement_e statement;
    const char *values[2];
    const char *never;
} plans[] = {
    {TAI_SQL_FIND_KEY,
     {"'0000000000000000000000000000000000000000000000000000000000000077'"},
     AMONG_USERS},
    {TAI_SQL_FIND_KEY_BY_ID, {"'key77'"}, AMONG_USERS},
    {TAI_SQL_FORGET_CHANGES, {"1010000", "5000"}, "Seq Scan"},
    {TAI_SQL_SWEEP_USAGE, {"'2026-01-02'", "5000"}, "Seq Scan"},
    {TAI_SQL_SWEEP_AUDIT, {"10000", "5000"}, "Seq Scan"},
};

static const char *with_values(const char *sql, const char *const *values)
{
    const char *filled = "", *mark;

    while ((mark = strchr(sql, '%')) != NULL) {
        filled = apr_pstrcat(pool, filled, apr_pstrmemdup(pool, sql, (apr_size_t)(mark - sql)),
                             *values++, NULL);
        sql = mark + (mark[1] == 's' ? strlen("%s") : strlen("%lld"));
    }
    return apr_pstrcat(pool, filled, sql, NULL);
}

START_TEST(no_more_is_read_than_is_needed)
{
    const char *sql = tai_driver_sql(&tai_driver_pgsql, plans[_i].statement);
    const char *plan;

    for (apr_size_t i = 0; i < ROWS(many); i++) {
        raw_run(path, many[i]);
    }
    plan = raw_value(path, apr_pstrcat(pool, "EXPLAIN (FORMAT JSON) ",
                                       with_values(sql, plans[_i].values), NULL));
    ck_assert_msg(strstr(plan, plans[_i].never) == NULL, "%s in the plan of %s", plans[_i].never,
                  sql);
}
END_TEST

/*
 * A statement that is asked again and again gets a plan for any values, by what PostgreSQL supposes of
 * values that it does not know.
 */
START_TEST(days_of_keys_are_looked_up_key_by_key_whoever_asks)
{
    const char *sql = tai_driver_sql(&tai_driver_pgsql, TAI_SQL_USAGE_DAYS);
    const char *plan = NULL;

    for (apr_size_t i = 0; i < ROWS(many); i++) {
        raw_run(path, many[i]);
    }
    raw_run(path,
            apr_pstrcat(pool, "PREPARE days AS ",
                        with_values(sql, (const char *const[]){"$1", "$2", "$3", "$4"}), NULL));
    for (int i = 0; i < 6; i++) {
        plan = raw_value(path, "EXPLAIN (FORMAT JSON) EXECUTE days"
                               " ('[\"key77\"]', 'acc77', '2026-01-01', '2026-01-30')");
    }
    ck_assert_msg(strstr(plan, "$4") != NULL, "not a plan for any values: %s", plan);
    ck_assert_msg(strstr(plan, "key_usage_pkey") != NULL, "%s", plan);
    ck_assert_msg(strstr(plan, "api_keys_pkey") != NULL, "%s", plan);
}
END_TEST

static void add_database(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, a_database_that_is_read_only_is_unfit);
    tcase_add_test(tests, the_reason_of_the_server_is_told_without_the_password);
    tcase_add_test(tests, no_row_is_quoted);
    tcase_add_test(tests, a_session_is_set_up);
    tcase_add_test(tests, a_connection_that_the_server_has_closed_is_replaced);
    tcase_add_test(tests, a_deadlock_is_tried_again);
    tcase_add_test(tests, but_once);
    tcase_add_test(tests, texts_compare_by_their_bytes_and_have_no_padding);
    tcase_add_test(tests, a_change_is_logged_wherever_it_is_made_from);
    tcase_add_loop_test(tests, a_table_that_is_emptied_concerns_every_key, 0, ROWS(emptied));
    tcase_add_test(tests, nothing_changes_without_the_counter);
    tcase_add_loop_test(tests, no_more_is_read_than_is_needed, 0, ROWS(plans));
    tcase_add_test(tests, days_of_keys_are_looked_up_key_by_key_whoever_asks);
}

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, parameters_mean_what_row_says, 0, ROWS(good));
    tcase_add_loop_test(tests, parameters_that_are_wrong_are_refused_by_row, 0, ROWS(bad));
    tcase_add_test(tests, libpq_is_told_how_long_it_may_connect);
    tcase_add_test(tests, how_long_it_may_connect_is_taken_from_the_parameters);
    if (suite_on("pgsql")) {
        add_database(tests);
    }
}

int main(void)
{
    return unit_run("store_pgsql", add);
}
