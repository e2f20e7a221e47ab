#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "database.h"
#include "core/store_driver.h"

/* What is true of MariaDB alone: its parameters, and, where the suite runs on it, its schema. */

/* ---- parameters ---------------------------------------------------------------------------- */

#define FIXED "reconnect=0,flags=CLIENT_FOUND_ROWS"

/* What the driver is given, and what texts call it. */
static const struct {
    const char *given;
    const char *params;
    const char *name;
} good[] = {
    {"dbname=d", "fldsz=8000,host=localhost,port=3306,dbname=d," FIXED, "dbname=d"},
    {"host=h,port=3306,dbname=d,user=u,pass=p",
     "fldsz=8000,host=h,port=3306,dbname=d,user=u,pass=p," FIXED,
     "host=h,port=3306,dbname=d,user=u"},
    {"host=h port=1 dbname=d", "fldsz=8000,host=h,port=1,dbname=d," FIXED,
     "host=h,port=1,dbname=d"},
    {" dbname=d;|\t\r\n, sock=/s ", "fldsz=8000,host=localhost,port=3306,sock=/s,dbname=d," FIXED,
     "sock=/s,dbname=d"},
    {"dbname=d,pass=a=b'\"\\", "fldsz=8000,host=localhost,port=3306,dbname=d,pass=a=b'\"\\," FIXED,
     "dbname=d"},
    {"dbname=d,group=g,reconnect=0,sock=/s",
     "fldsz=8000,host=localhost,port=3306,sock=/s,dbname=d,group=g," FIXED,
     "sock=/s,dbname=d,group=g"},
    {"dbname=d,group=g,host=db,port=3307", "fldsz=8000,host=db,port=3307,dbname=d,group=g," FIXED,
     "host=db,port=3307,dbname=d,group=g"},
    {"dbname=d,flags=CLIENT_FOUND_ROWS", "fldsz=8000,host=localhost,port=3306,dbname=d," FIXED,
     "dbname=d"},
    {"dbname=d,port=65535", "fldsz=8000,host=localhost,port=65535,dbname=d," FIXED,
     "port=65535,dbname=d"},
};

START_TEST(parameters_mean_what_row_says)
{
    tai_database_t database = {0};
    const char *error = tai_driver_mysql.resolve(good[_i].given, pool, &database);

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
    {"", "dbname=NAME"},
    {"host=h,user=u,pass=secret", "dbname=NAME"},
    {"dbname", "word 1 "},
    {"dbname=", "word 1 "},
    {"=d", "word 1 "},
    {"db=d", "word 1 "},
    {"DBNAME=d", "word 1 "},
    {"dbname = d", "word 1 "},
    {"dbname=d,password=secret", "word 2 "},
    {"dbname=d,pass=a secret", "word 3 "},
    {"dbname=d,pass=a;secret=secret", "word 3 "},
    {"dbname=d,fldsz=100000", "word 2 "},
    {"dbname=d,dbname=d", "dbname is twice"},
    {"dbname=d,pass=secret,pass=secret", "pass is twice"},
    {"dbname=d,reconnect=1", "reconnect in"},
    {"dbname=d,reconnect=00", "reconnect in"},
    {"dbname=d,flags=0", "flags in"},
    {"dbname=d,flags=client_found_rows", "flags in"},
    {"dbname=d,port=0", "from 1 to 65535"},
    {"dbname=d,port=65536", "from 1 to 65535"},
    {"dbname=d,port=-1", "from 1 to 65535"},
    {"dbname=d,port=1x", "from 1 to 65535"},
    {"dbname=d,port=99999999999999999999", "from 1 to 65535"},
    {"dbname=d,group=g", "where the server is"},
    {"dbname=d,group=g,port=3306", "where the server is"},
    {"dbname=d,group=g,host=localhost,port=3306", "where the server is"},
    {"dbname=d,group=g,host=db", "where the server is"},
    {"dbname=d,group=g,host=db,sock=/s", "where the server is"},
};

START_TEST(parameters_that_are_wrong_are_refused_by_row)
{
    const char *error = tai_store_check_params("mysql", bad[_i].given, pool);

    ck_assert_msg(error && strstr(error, bad[_i].said), "%s: %s", bad[_i].given, error);
    ck_assert_ptr_null(strstr(error, "secret"));
}
END_TEST

static const struct {
    const char *given;
    const char *host; /* NULL: any */
    int port;
    const char *path;
} peers[] = {
    {"dbname=d", NULL, 3306, NULL},
    {"dbname=d,sock=/s", NULL, 3306, "/s"},
    {"dbname=d,host=db,port=3307", NULL, 3307, NULL},
    {"dbname=d,host=127.0.0.1", "127.0.0.1", 3306, NULL},
    {"dbname=d,host=127.1", NULL, 3306, NULL},
    {"dbname=d,host=2001:DB8:0::1", "2001:db8::1", 3306, NULL},
    {"dbname=d,host=fe80::1%lo", NULL, 3306, NULL},
};

START_TEST(it_is_known_where_row_leads)
{
    tai_database_t database = {0};

    ck_assert_ptr_null(tai_driver_mysql.resolve(peers[_i].given, pool, &database));
    ck_assert_pstr_eq(database.peer.host, peers[_i].host);
    ck_assert_int_eq(database.peer.port, peers[_i].port);
    ck_assert_pstr_eq(database.peer.path, peers[_i].path);
}
END_TEST

START_TEST(the_environment_says_which_socket)
{
    static const struct {
        const char *environment, *given, *path;
    } cases[] = {
        {"/e", "dbname=d", "/e"},         {"/e", "dbname=d,host=localhost", "/e"},
        {"/e", "dbname=d,sock=/s", "/s"}, {"/e", "dbname=d,host=db", NULL},
        {"", "dbname=d", NULL},           {"/e f", "dbname=d", NULL},
    };

    for (apr_size_t i = 0; i < ROWS(cases); i++) {
        tai_database_t database = {0};

        setenv("MYSQL_UNIX_PORT", cases[i].environment, 1);
        ck_assert_ptr_null(tai_driver_mysql.resolve(cases[i].given, pool, &database));
        ck_assert_pstr_eq(database.peer.path, cases[i].path);
        ck_assert_int_eq(strstr(database.params, "sock=") != NULL, cases[i].path != NULL);
    }
    unsetenv("MYSQL_UNIX_PORT");
}
END_TEST

/* A Unix socket whose queue is full: who connects is told so, and does not wait. */
START_TEST(a_socket_that_nobody_accepts_at)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *at = apr_psprintf(pool, "/tmp/store_mysql_test.%ld", (long)getpid());
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0), first = socket(AF_UNIX, SOCK_STREAM, 0);
    const char *said;

    apr_cpystrn(name.sun_path, at, sizeof(name.sun_path));
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(connect(first, (struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(
        tai_store_check("mysql", apr_psprintf(pool, "dbname=d,sock=%s", at), pool, &said),
        TAI_STORE_UNREACHABLE);
    unlink(at);
}
END_TEST

/* ---- the schema ---------------------------------------------------------------------------- */

/* All of it but the order in which it came about. */
static const char *const parts[] = {
    "SELECT table_name, ordinal_position, column_name, column_type, is_nullable,"
    " COALESCE(column_default, '-'), COALESCE(collation_name, '-'), extra,"
    " COALESCE(generation_expression, '-') FROM information_schema.columns"
    " WHERE table_schema = DATABASE() ORDER BY 1, 2",
    "SELECT table_name, index_name, seq_in_index, column_name, collation, non_unique"
    " FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1, 2, 3",
    "SELECT table_name, constraint_name, check_clause FROM information_schema.check_constraints"
    " WHERE constraint_schema = DATABASE() ORDER BY 1, 2",
    "SELECT table_name, column_name, referenced_table_name, referenced_column_name"
    " FROM information_schema.key_column_usage WHERE table_schema = DATABASE()"
    " AND referenced_table_name IS NOT NULL ORDER BY 1, 2",
    "SELECT trigger_name, event_object_table, event_manipulation, action_timing,"
    " action_statement, sql_mode FROM information_schema.triggers"
    " WHERE trigger_schema = DATABASE() ORDER BY 1",
    "SELECT version FROM schema_version ORDER BY version",
    "SELECT * FROM plans ORDER BY name",
    "SELECT * FROM scopes ORDER BY name",
    "SELECT * FROM plan_scopes ORDER BY plan, scope",
    "SELECT COUNT(*) FROM change_counter",
};

static const char *schema_of(const char *database)
{
    const char *text = "";

    for (int i = 0; i < ROWS(parts); i++) {
        text = apr_pstrcat(pool, text, "\n", raw_list(database, parts[i]), NULL);
    }
    return text;
}

static void run_statement(const raw_t *raw, const char *sql)
{
    int changed;
    int code = apr_dbd_query(raw->driver, raw->handle, &changed, sql);

    ck_assert_msg(code == 0, "%s: %s", sql, apr_dbd_error(raw->driver, raw->handle, code));
}

/* Those of all migrations, and after each of these its line in schema_version. */
static apr_array_header_t *all_statements(void)
{
    apr_array_header_t *all = apr_array_make(pool, 100, sizeof(const char *));

    for (int version = 1; version <= TAI_SCHEMA_VERSION; version++) {
        const char *const *statement = tai_driver_mysql.migrations[version - 1];

        for (; *statement; statement++) {
            APR_ARRAY_PUSH(all, const char *) = *statement;
        }
        APR_ARRAY_PUSH(all, const char *) =
            apr_psprintf(pool, "INSERT INTO schema_version VALUES (%d, 1)", version);
    }
    return all;
}

/* With the modes that the store has: triggers keep those that they were made with. */
static void run_first(int count)
{
    const apr_array_header_t *all = all_statements();
    raw_t raw = raw_open(path);

    for (int i = 0; tai_driver_mysql.setup[i]; i++) {
        run_statement(&raw, tai_driver_mysql.setup[i]);
    }
    for (int i = 0; i < count; i++) {
        run_statement(&raw, APR_ARRAY_IDX(all, i, const char *));
    }
    raw_close(&raw);
}

static void go_on(void)
{
    const char *said = "";
    int version;

    ck_assert_int_eq(tai_schema_version(driver, path, pool, &version, &said), APR_SUCCESS);
    if (version == 0) {
        init_database(path);
    }
    else {
        ck_assert_msg(tai_schema_migrate(driver, path, pool, &version, &said) == APR_SUCCESS, "%s",
                      said);
    }
}

/* As it is when a test begins. */
static void empty_database(void)
{
    const char *name = raw_value(path, "SELECT DATABASE()");
    raw_t raw = raw_open(path);

    run_statement(&raw, apr_psprintf(pool, "DROP DATABASE %s", name));
    run_statement(&raw, apr_psprintf(pool, "CREATE DATABASE %s", name));
    raw_close(&raw);
}

#define SHARES 8 /* that the statements are tried in, each with a time-out of its own */

/* MariaDB undoes no CREATE: what broke off behind any of its statements is done once more. */
START_TEST(a_migration_that_broke_off_is_mended)
{
    const int count = all_statements()->nelts;
    const char *whole = new_database("whole"), *schema;

    init_database(whole);
    schema = schema_of(whole);
    for (int done = _i; done <= count; done += SHARES) {
        empty_database();
        run_first(done);
        go_on();
        ck_assert_msg(strcmp(schema_of(path), schema) == 0, "behind statement %d: %s\n\n%s", done,
                      schema_of(path), schema);
    }
}
END_TEST

/* The driver cuts off what is longer than fldsz says, and says nothing. */
START_TEST(no_column_is_longer_than_what_is_read)
{
    tai_database_t database = {0};
    const char *longest;

    init_database(path);
    ck_assert_ptr_null(tai_driver_mysql.resolve(path, pool, &database));
    longest = raw_value(path, "SELECT MAX(character_octet_length) FROM information_schema.columns"
                              " WHERE table_schema = DATABASE()");
    ck_assert_ptr_nonnull(strstr(database.params, apr_psprintf(pool, "fldsz=%s,", longest)));
}
END_TEST

/* Letters that look alike are others, and so is a blank at the end. */
START_TEST(names_are_compared_by_their_bytes)
{
    static const char *const names[] = {"acme", "Acme", "acme ", "ácme", "acm\xc3\xa9", "acme\t"};

    init_database(path);
    for (int i = 0; i < ROWS(names); i++) {
        raw_run(path, apr_psprintf(pool,
                                   "INSERT INTO accounts VALUES ('acc_%d', '%s', 'free',"
                                   " 'active', 1)",
                                   i, names[i]));
    }
    for (int i = 0; i < ROWS(names); i++) {
        ck_assert_str_eq(
            raw_list(path,
                     apr_psprintf(pool, "SELECT id FROM accounts WHERE name = '%s'", names[i])),
            apr_psprintf(pool, "acc_%d", i));
    }
}
END_TEST

#define KEY_COLUMNS                                                                        \
    "api_keys (id, line, account_id, user_id, name, prefix, key_hash, scopes, created_at)" \
    " VALUES ('key_1', 'key_1', 'acc_1', 'usr_1', 'x', 'x', REPEAT('1', 64), 'programs:write', 1)"

/* What goes round a trigger elsewhere; how many changes it adds to the log, -1: it is refused. */
static const struct {
    const char *sql;
    int logged;
} replacing[] = {
    {"REPLACE INTO " KEY_COLUMNS, -1},
    {"INSERT INTO " KEY_COLUMNS " ON DUPLICATE KEY UPDATE scopes = 'programs:write'", -1},
    {"INSERT INTO " KEY_COLUMNS " ON DUPLICATE KEY UPDATE revoked_at = NULL", -1},
    {"INSERT IGNORE INTO " KEY_COLUMNS, -1},
    {"REPLACE INTO accounts VALUES ('acc_1', 'acme', 'pro', 'active', 1)", -1}, /* it has users */
    {"REPLACE INTO accounts VALUES ('acc_2', 'empty', 'pro', 'active', 1)", 2},
    {"INSERT INTO accounts VALUES ('acc_1', 'acme', 'pro', 'active', 1)"
     " ON DUPLICATE KEY UPDATE plan = 'pro'",
     1},
    {"INSERT INTO users VALUES ('usr_1', 'acc_1', 'ann', NULL, 'member', 'active', 1)"
     " ON DUPLICATE KEY UPDATE status = 'disabled'",
     1},
    {"REPLACE INTO plan_scopes VALUES ('free', 'programs:read')", 2},
    {"INSERT INTO plans VALUES ('free', 'Free', 1, '1/60s', 1)"
     " ON DUPLICATE KEY UPDATE rate_limit = '1/60s'",
     1},
};

START_TEST(what_replaces_a_row_is_refused_or_logged)
{
    const char *before, *error;

    init_database(path);
    raw_run(path, "INSERT INTO accounts VALUES ('acc_1', 'acme', 'free', 'active', 1),"
                  " ('acc_2', 'empty', 'free', 'active', 1)");
    raw_run(path,
            "INSERT INTO users VALUES ('usr_1', 'acc_1', 'ann', NULL, 'member', 'active', 1)");
    raw_run(path, "INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash,"
                  " scopes, created_at) VALUES ('key_1', 'key_1', 'acc_1', 'usr_1', 'x', 'x',"
                  " REPEAT('1', 64), 'programs:read', 1)");
    before = raw_value(path, "SELECT seq FROM change_counter");
    error = raw_try(path, replacing[_i].sql);
    ck_assert_msg((error != NULL) == (replacing[_i].logged < 0), "%s: %s", replacing[_i].sql,
                  error);
    ck_assert_int_eq(atoi(raw_value(path, "SELECT seq FROM change_counter")) - atoi(before),
                     replacing[_i].logged > 0 ? replacing[_i].logged : 0);
    ck_assert_str_eq(raw_value(path, "SELECT COUNT(*) FROM key_changes"),
                     raw_value(path, "SELECT seq FROM change_counter"));
    ck_assert_str_eq(raw_value(path, "SELECT scopes FROM api_keys"), "programs:read");
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, parameters_mean_what_row_says, 0, ROWS(good));
    tcase_add_loop_test(tests, parameters_that_are_wrong_are_refused_by_row, 0, ROWS(bad));
    tcase_add_loop_test(tests, it_is_known_where_row_leads, 0, ROWS(peers));
    tcase_add_test(tests, the_environment_says_which_socket);
    if (suite_on("mysql")) {
        tcase_add_test(tests, a_socket_that_nobody_accepts_at);
        with_dir(tests);
        tcase_set_timeout(tests, 120);
        tcase_add_loop_test(tests, a_migration_that_broke_off_is_mended, 0, SHARES);
        tcase_add_loop_test(tests, what_replaces_a_row_is_refused_or_logged, 0, ROWS(replacing));
        tcase_add_test(tests, no_column_is_longer_than_what_is_read);
        tcase_add_test(tests, names_are_compared_by_their_bytes);
    }
}

int main(void)
{
    return unit_run("store_mysql", add);
}
