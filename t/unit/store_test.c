#include "database.h"
#include "core/store_driver.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <apr_thread_proc.h>

#define HASH_OF_KEY   "1111111111111111111111111111111111111111111111111111111111111111"
#define HASH_OF_TOKEN "2222222222222222222222222222222222222222222222222222222222222222"
#define NO_HASH       "3333333333333333333333333333333333333333333333333333333333333333"

#define UPDATE_KEY "UPDATE api_keys SET "

static void make_database(const char *file)
{
    init_database(file);
    raw_run(file, "INSERT INTO accounts VALUES ('acc_1', 'acme', 'claimed', 'active', 100)");
    raw_run(file, "INSERT INTO users VALUES ('usr_1', 'acc_1', 'ann', NULL, 'primary_admin',"
                  " 'active', 100)");
    raw_run(file, "INSERT INTO api_keys VALUES ('key_1', 'key_0', 'acc_1', 'usr_1', 'first',"
                  " 'tai_8f3a2b1c', '" HASH_OF_KEY "', '" HASH_OF_TOKEN "',"
                  " 'reviews:read analytics:read programs:read', '5/60s', 100, 4000000000, NULL, "
                  "NULL, 'api')");
}

static const tai_record_t *found(tai_store_t *store)
{
    tai_record_t *record;
    const char *error;

    ck_assert_msg(find_key(store, HASH_OF_KEY, &record, &error) == APR_SUCCESS, "%s", error);
    ck_assert_ptr_null(error);
    ck_assert_ptr_nonnull(record);
    return record;
}

/* The database gives no answer; returns what it says in the log. */
static const char *unanswered(tai_store_t *store)
{
    tai_record_t *record;
    const char *error;

    ck_assert_int_eq(find_key(store, HASH_OF_KEY, &record, &error), APR_EGENERAL);
    ck_assert_ptr_null(record);
    ck_assert_ptr_nonnull(strstr(error, called));
    return error;
}

START_TEST(a_record_holds_what_the_database_says)
{
    const tai_record_t *record;

    make_database(path);
    raw_run(path, "UPDATE plans SET rate_limit = '9/1h' WHERE name = 'claimed'");
    record = found(open_store(path, 1));
    ck_assert_str_eq(record->id, "key_1");
    ck_assert_str_eq(record->line, "key_0");
    ck_assert_str_eq(record->prefix, "tai_8f3a2b1c");
    ck_assert_str_eq(hex_of(&record->key), HASH_OF_KEY);
    ck_assert_int_eq(record->has_token, 1);
    ck_assert_str_eq(hex_of(&record->token), HASH_OF_TOKEN);
    ck_assert_str_eq(record->rate_limit, "5/60s");
    ck_assert_str_eq(record->account_id, "acc_1");
    ck_assert_str_eq(record->account, "acme");
    ck_assert_str_eq(record->user, "ann");
    ck_assert_str_eq(record->plan, "claimed");
    ck_assert_str_eq(record->plan_rate_limit, "9/1h");
    ck_assert_str_eq(record->scopes, "reviews:read analytics:read programs:read");
    ck_assert_str_eq(record->effective, "reviews:read programs:read");
    ck_assert_int_eq(record->expires_at, 4000000000);
    ck_assert_int_eq(record->revoked_at, TAI_NEVER);
    ck_assert_int_eq(record->account_standing, TAI_STANDING_ACTIVE);
    ck_assert_int_eq(record->user_standing, TAI_STANDING_ACTIVE);
}
END_TEST

START_TEST(an_operator_finds_a_record_by_its_id)
{
    tai_record_t *record;
    tai_store_t *store;
    const char *error;

    make_database(path);
    store = open_store(path, 1);
    ck_assert_int_eq(tai_store_find_key_by_id(store, "key_1", pool, &record, &error), APR_SUCCESS);
    ck_assert_str_eq(hex_of(&record->key), HASH_OF_KEY);
    ck_assert_str_eq(record->effective, found(store)->effective);
    ck_assert_int_eq(tai_store_find_key_by_id(store, HASH_OF_KEY, pool, &record, &error),
                     APR_SUCCESS);
    ck_assert_ptr_null(record);
    ck_assert_ptr_null(error);
}
END_TEST

/* Somebody who has taken the rules away that are in his way. */
static void by_hand(const char *sql)
{
    static const char *const checked[][2] = {{"api_keys", "scopes"},
                                             {"api_keys", "token_hash"},
                                             {"accounts", "status"},
                                             {"users", "status"}};

    raw_unhook("api_keys_fixed", "api_keys");
    for (int i = 0; on("pgsql") && i < ROWS(checked); i++) {
        raw_run(path, apr_psprintf(pool, "ALTER TABLE %s DROP CONSTRAINT %s_%s_check",
                                   checked[i][0], checked[i][0], checked[i][1]));
    }
    raw_run(path, apr_pstrcat(pool,
                              by_driver("PRAGMA ignore_check_constraints = ON; ", "",
                                        "SET check_constraint_checks = OFF; "),
                              sql, NULL));
}

/* Lists of scopes that somebody has put there by hand. */
static const struct {
    const char *scopes;
    const char *all;
    const char *effective;
} lists[] = {
    {"programs:read", "programs:read", "programs:read"},
    {" programs:read,  analytics:read,", "programs:read analytics:read", "programs:read"},
    {"analytics:read", "analytics:read", ""},
    {"", "", ""},
};

START_TEST(scopes_of_row)
{
    const tai_record_t *record;

    make_database(path);
    by_hand(apr_pstrcat(pool, UPDATE_KEY "scopes = '", lists[_i].scopes, "'", NULL));
    record = found(open_store(path, 1));
    ck_assert_str_eq(record->scopes, lists[_i].all);
    ck_assert_str_eq(record->effective, lists[_i].effective);
}
END_TEST

/* The counter comes with the answer, whatever that is. */
START_TEST(an_answer_says_which_changes_it_has_seen)
{
    static const char *const hashes[] = {HASH_OF_KEY, NO_HASH};
    tai_record_t *record;
    const char *error;
    tai_digest_t key;
    apr_int64_t seq;
    int i;

    make_database(path);
    raw_run(path, "UPDATE change_counter SET seq = 4711");
    for (i = 0; i < ROWS(hashes); i++) {
        key = digest_from(hashes[i]);
        seq = 0;
        ck_assert_int_eq(tai_store_find_key(open_store(path, 1), &key, pool, &record, &seq, &error),
                         APR_SUCCESS);
        ck_assert_int_eq(record != NULL, i == 0);
        ck_assert_int_eq(seq, 4711);
    }
    raw_run(path, "DELETE FROM change_counter");
    ck_assert_ptr_nonnull(strstr(unanswered(open_store(path, 1)), "change_counter"));
}
END_TEST

/* What is no digest is not compared with one. */
static const char *const digests[] = {
    UPDATE_KEY "token_hash = REPLACE(token_hash, '2', 'x')",
    UPDATE_KEY "token_hash = SUBSTR(token_hash, 2)",
};

START_TEST(a_malformed_digest_is_no_answer)
{
    make_database(path);
    by_hand(digests[_i]);
    ck_assert_ptr_nonnull(strstr(unanswered(open_store(path, 1)), "incomplete"));
}
END_TEST

START_TEST(an_unknown_key_is_an_answer)
{
    tai_record_t *record;
    const char *error;

    make_database(path);
    ck_assert_int_eq(find_key(open_store(path, 1), NO_HASH, &record, &error), APR_SUCCESS);
    ck_assert_ptr_null(record);
    ck_assert_ptr_null(error);
}
END_TEST

START_TEST(a_plan_may_grant_nothing)
{
    make_database(path);
    raw_run(path, "INSERT INTO plans VALUES ('bare', 'Bare', 9, NULL, 1)");
    raw_run(path, "UPDATE accounts SET plan = 'bare'");
    ck_assert_str_eq(found(open_store(path, 1))->effective, "");
}
END_TEST

/* What somebody may have put there by hand. Nothing of it may make a key live longer. */
static const struct {
    const char *change;
    apr_int64_t expires_at;
    apr_int64_t revoked_at;
    int loose; /* SQLite alone takes it for a time */
} times[] = {
    {UPDATE_KEY "expires_at = NULL", TAI_NEVER, TAI_NEVER, 0},
    {UPDATE_KEY "expires_at = 0", 0, TAI_NEVER, 0},
    {UPDATE_KEY "expires_at = 999999999999999999", 999999999999999999, TAI_NEVER, 0},
    {UPDATE_KEY "expires_at = 1000000000000000000", TAI_MALFORMED, TAI_NEVER, 0},
    {UPDATE_KEY "expires_at = -1", TAI_MALFORMED, TAI_NEVER, 0},
    {UPDATE_KEY "expires_at = ''", TAI_MALFORMED, TAI_NEVER, 1},
    {UPDATE_KEY "expires_at = 'never'", TAI_MALFORMED, TAI_NEVER, 1},
    {UPDATE_KEY "expires_at = '2030-01-01'", TAI_MALFORMED, TAI_NEVER, 1},
    {UPDATE_KEY "expires_at = 1.5", TAI_MALFORMED, TAI_NEVER, 1},
    {UPDATE_KEY "expires_at = '12 '", 12, TAI_NEVER, 1}, /* a BIGINT by SQLite's rules */
    {UPDATE_KEY "expires_at = '12x'", TAI_MALFORMED, TAI_NEVER, 1},
    {UPDATE_KEY "revoked_at = 7", 4000000000, 7, 0},
    {UPDATE_KEY "revoked_at = 'yes'", 4000000000, 0, 1},
    {UPDATE_KEY "revoked_at = ''", 4000000000, 0, 1},
    {UPDATE_KEY "revoked_at = -1", 4000000000, 0, 0},
};

START_TEST(times_of_row)
{
    const tai_record_t *record;

    if (times[_i].loose && !on("sqlite3")) {
        return;
    }
    make_database(path);
    raw_run(path, times[_i].change);
    record = found(open_store(path, 1));
    ck_assert_msg(record->expires_at == times[_i].expires_at, "%s", times[_i].change);
    ck_assert_msg(record->revoked_at == times[_i].revoked_at, "%s", times[_i].change);
}
END_TEST

/*
 * The driver gives an empty blob as if it were NULL. Where NULL would mean something, the database
 * takes none; where it means nothing, who is asking would be nobody.
 */
static const struct {
    const char *change;
    int taken;
} empty_blobs[] = {
    {UPDATE_KEY "expires_at = x''", 0},
    {UPDATE_KEY "revoked_at = x''", 0},
    {UPDATE_KEY "rate_limit = x''", 0},
    {"UPDATE plans SET rate_limit = x''", 0},
    {UPDATE_KEY "prefix = x''", 1},
    {"DROP TRIGGER api_keys_fixed; " UPDATE_KEY "id = x''", 1},
    {"DROP TRIGGER api_keys_fixed; " UPDATE_KEY "line = x''", 1},
    {"UPDATE accounts SET name = x''", 1},
    {"UPDATE users SET username = x''", 1},
};

START_TEST(an_empty_blob_is_nobody)
{
    const char *error;

    make_database(path);
    error = raw_try(path, empty_blobs[_i].change);
    ck_assert_msg((error == NULL) == empty_blobs[_i].taken, "%s: %s", empty_blobs[_i].change,
                  error ? error : "taken");
    if (error == NULL) {
        ck_assert_ptr_nonnull(strstr(unanswered(open_store(path, 1)), "incomplete"));
    }
}
END_TEST

static const struct {
    const char *change;
    tai_standing_e account;
    tai_standing_e user;
} standings[] = {
    {"UPDATE accounts SET status = 'suspended'", TAI_STANDING_SUSPENDED, TAI_STANDING_ACTIVE},
    {"UPDATE accounts SET status = 'closed'", TAI_STANDING_CLOSED, TAI_STANDING_ACTIVE},
    {"UPDATE accounts SET status = 'ACTIVE'", TAI_STANDING_CLOSED, TAI_STANDING_ACTIVE},
    {"UPDATE accounts SET status = ''", TAI_STANDING_CLOSED, TAI_STANDING_ACTIVE},
    {"UPDATE users SET status = 'disabled'", TAI_STANDING_ACTIVE, TAI_STANDING_SUSPENDED},
    {"UPDATE users SET status = 'active '", TAI_STANDING_ACTIVE, TAI_STANDING_CLOSED},
};

START_TEST(standing_of_row)
{
    const tai_record_t *record;

    make_database(path);
    by_hand(standings[_i].change);
    record = found(open_store(path, 1));
    ck_assert_int_eq(record->account_standing, standings[_i].account);
    ck_assert_int_eq(record->user_standing, standings[_i].user);
}
END_TEST

/* A key whose user belongs to somebody else opens nothing. */
START_TEST(a_user_of_another_account_is_no_owner)
{
    tai_record_t *record;
    const char *error;

    make_database(path);
    raw_run(path, "INSERT INTO accounts VALUES ('acc_2', 'bolt', 'pro', 'active', 100)");
    raw_run(path, "UPDATE users SET account_id = 'acc_2'");
    ck_assert_int_eq(find_key(open_store(path, 1), HASH_OF_KEY, &record, &error), APR_SUCCESS);
    ck_assert_ptr_null(record);
}
END_TEST

static const char *join(const apr_array_header_t *list)
{
    return apr_array_pstrcat(pool, list, ' ');
}

START_TEST(plans_that_grant_a_scope_come_by_rank)
{
    apr_array_header_t *titles;
    tai_store_t *store;

    make_database(path);
    raw_run(path, "UPDATE plans SET rank = 99 WHERE name = 'claimed'");
    store = open_store(path, 1);
    ck_assert_int_eq(tai_store_scope_plans(store, "programs:write", pool, &titles), APR_SUCCESS);
    ck_assert_str_eq(join(titles), "Pro Claimed");
    raw_run(path, by_driver("UPDATE plans SET title = x'' WHERE name = 'pro'",
                            "DELETE FROM plan_scopes WHERE plan = 'pro'",
                            "DELETE FROM plan_scopes WHERE plan = 'pro'"));
    ck_assert_int_eq(tai_store_scope_plans(store, "programs:write", pool, &titles), APR_SUCCESS);
    ck_assert_str_eq(join(titles), "Claimed");
    ck_assert_int_eq(tai_store_scope_plans(store, "programs:rite", pool, &titles), APR_SUCCESS);
    ck_assert_int_eq(titles->nelts, 0);
    raw_run(path, "ALTER TABLE plan_scopes RENAME TO lost");
    ck_assert_int_eq(tai_store_scope_plans(store, "programs:write", pool, &titles), APR_EGENERAL);
}
END_TEST

/* The ways to name a file; NULL: the rest of the name in a plain path. */
static const struct {
    const char *name;
    const char *params;
} names[] = {
    {"keys.db", NULL},
    {"a b.db", NULL},
    {"a?mode=rwc.db", NULL},
    {"a#b.db", NULL},
    {"a%41.db", NULL},
    {"a%3fb%", NULL},
    {"\303\251.db", NULL},
    {"keys.db", "file:%s"},
    {"keys.db", "file:%s?mode=rwc"},
    {"keys.db", "file:%s?mode=memory&cache=shared"},
    {"keys.db", "file:%s#x"},
    {"keys.db", "file://%s?mode=ro"},
    {"keys.db", "file://localhost%s"},
};

static const char *params_of(int row)
{
    const char *file = apr_pstrcat(pool, dir, "/", names[row].name, NULL);

    return names[row].params ? apr_psprintf(pool, names[row].params, file) : file;
}

static int entries(void)
{
    apr_dir_t *open;
    apr_finfo_t info;
    int count = 0;

    ck_assert_int_eq(apr_dir_open(&open, dir, pool), APR_SUCCESS);
    while (apr_dir_read(&info, APR_FINFO_NAME, open) == APR_SUCCESS) {
        count += strcmp(info.name, ".") != 0 && strcmp(info.name, "..") != 0;
    }
    apr_dir_close(open);
    return count;
}

START_TEST(nothing_is_ever_created_for_row)
{
    const char *params = params_of(_i), *text, *error;
    tai_record_t *record;
    tai_store_t *store = open_store(params, 2);

    ck_assert_int_eq(tai_store_check("sqlite3", params, pool, &text), TAI_STORE_ABSENT);
    ck_assert_ptr_nonnull(strstr(text, apr_pstrcat(pool, dir, "/", names[_i].name, NULL)));
    ck_assert_ptr_nonnull(strstr(text, "taictl db init --database "));
    ck_assert_int_eq(find_key(store, HASH_OF_KEY, &record, &error), APR_EGENERAL);
    ck_assert_ptr_nonnull(strstr(error, names[_i].name));
    ck_assert_int_eq(entries(), 0);
}
END_TEST

START_TEST(the_right_file_is_opened_for_row)
{
    const char *text;

    make_database(apr_pstrcat(pool, dir, "/", names[_i].name, NULL));
    ck_assert_int_eq(tai_store_check("sqlite3", params_of(_i), pool, &text), TAI_STORE_READY);
    ck_assert_ptr_null(text);
    ck_assert_str_eq(found(open_store(params_of(_i), 1))->id, "key_1");
}
END_TEST

static void write_file(const char *content)
{
    FILE *file = fopen(path, "w");

    fputs(content, file);
    ck_assert_int_eq(fclose(file), 0);
}

static tai_store_state_e state(const char **text)
{
    return tai_store_check(driver, path, pool, text);
}

START_TEST(a_file_that_is_no_database_is_told_apart)
{
    const char *text;

    write_file("");
    ck_assert_int_eq(state(&text), TAI_STORE_ABSENT);
    ck_assert_ptr_nonnull(strstr(text, "taictl db init"));
    write_file("this is not a database, but long enough to look like the header of one........."
               "...........................................................................");
    ck_assert_int_eq(state(&text), TAI_STORE_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(text, path));
    ck_assert_int_eq(remove(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(state(&text), TAI_STORE_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(text, "not a file"));
}
END_TEST

START_TEST(a_database_without_our_schema_is_absent)
{
    const char *text;

    raw_run(path, "CREATE TABLE other (x INTEGER)");
    ck_assert_int_eq(state(&text), TAI_STORE_ABSENT);
    raw_run(path, "CREATE TABLE schema_version (version INTEGER, applied_at BIGINT)");
    ck_assert_int_eq(state(&text), TAI_STORE_ABSENT);
}
END_TEST

START_TEST(a_newer_schema_asks_for_a_newer_module)
{
    const char *text;

    make_database(path);
    raw_run(path, "INSERT INTO schema_version VALUES (99, 100)");
    ck_assert_int_eq(state(&text), TAI_STORE_OTHER);
    ck_assert_ptr_nonnull(strstr(text, "99"));
    ck_assert_ptr_null(strstr(text, "migrate"));
}
END_TEST

START_TEST(only_known_drivers_are_used)
{
    tai_store_t *store;
    const char *text;

    ck_assert_ptr_null(tai_store_check_params("sqlite3", "a", pool));
    ck_assert_ptr_nonnull(strstr(tai_store_check_params("oracle", "a", pool), "sqlite3"));
    ck_assert_ptr_nonnull(tai_store_check_params(NULL, "a", pool));
    ck_assert_ptr_nonnull(tai_store_check_params("sqlite3", "", pool));
    ck_assert_ptr_nonnull(tai_store_check_params("sqlite3", NULL, pool));
    ck_assert_int_eq(tai_store_check("oracle", path, pool, &text), TAI_STORE_UNREACHABLE);
    ck_assert_int_eq(tai_store_check("sqlite3", NULL, pool, &text), TAI_STORE_UNREACHABLE);
    ck_assert_int_ne(tai_store_create(&store, "oracle", path, 1, &tai_store_patient, pool),
                     APR_SUCCESS);
}
END_TEST

/* SQLite would go on answering from the old file: the key was revoked in the new one. */
START_TEST(a_replaced_file_is_noticed)
{
    const char *restored = apr_pstrcat(pool, dir, "/restored.db", NULL);
    tai_store_t *store;

    make_database(path);
    make_database(restored);
    raw_run(restored, UPDATE_KEY "revoked_at = 500");
    store = open_store(path, 1);
    ck_assert_int_eq(found(store)->revoked_at, TAI_NEVER);
    ck_assert_int_eq(rename(restored, path), 0);
    ck_assert_int_eq(found(store)->revoked_at, 500);
}
END_TEST

START_TEST(a_removed_file_answers_nothing_until_it_is_back)
{
    const char *aside = apr_pstrcat(pool, dir, "/aside.db", NULL);
    tai_store_t *store;

    make_database(path);
    store = open_store(path, 1);
    found(store);
    ck_assert_int_eq(rename(path, aside), 0);
    ck_assert_ptr_nonnull(strstr(unanswered(store), "taictl db init"));
    unanswered(store);
    ck_assert_int_eq(rename(aside, path), 0);
    found(store);
}
END_TEST

START_TEST(a_change_of_the_schema_goes_unnoticed)
{
    tai_store_t *store;

    make_database(path);
    store = open_store(path, 1);
    found(store);
    raw_run(path, "CREATE TABLE added (x INTEGER)");
    found(store);
}
END_TEST

START_TEST(a_failed_statement_is_tried_on_a_new_connection)
{
    tai_store_t *store;

    make_database(path);
    store = open_store(path, 1);
    found(store);
    raw_run(path, "ALTER TABLE plan_scopes RENAME TO lost");
    ck_assert_ptr_nonnull(strstr(unanswered(store), "plan_scopes"));
    raw_run(path, "ALTER TABLE lost RENAME TO plan_scopes");
    found(store);
}
END_TEST

START_TEST(a_new_database_is_private_and_in_wal_mode)
{
    struct stat info;
    const char *text;

    umask(0);
    make_database(path);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0600);
    ck_assert_str_eq(raw_value(path, "PRAGMA journal_mode"), "wal");
    ck_assert_int_eq(tai_schema_init(driver, path, pool, &text), APR_EEXIST);
    ck_assert_ptr_nonnull(strstr(text, path));
    found(open_store(path, 1));
}
END_TEST

START_TEST(a_failed_init_leaves_nothing)
{
    const char *text;

    ck_assert_int_eq(
        tai_schema_init("sqlite3", apr_pstrcat(pool, dir, "/none/keys.db", NULL), pool, &text),
        APR_EGENERAL);
    ck_assert_int_eq(entries(), 0);
}
END_TEST

/* Keeps readers out too, until it is killed. */
static pid_t lock_elsewhere(void)
{
    int ready[2];
    char byte;
    pid_t child;

    ck_assert_int_eq(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        raw_t raw = raw_open(path);
        apr_dbd_results_t *results = NULL;
        int changed;

        apr_dbd_select(raw.driver, pool, raw.handle, &results, "PRAGMA locking_mode = EXCLUSIVE",
                       0);
        apr_dbd_query(raw.driver, raw.handle, &changed, "BEGIN EXCLUSIVE");
        apr_dbd_query(raw.driver, raw.handle, &changed, "UPDATE accounts SET created_at = 1");
        if (write(ready[1], "x", 1) == 1) {
            pause();
        }
        _exit(1);
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

START_TEST(a_locked_database_gives_no_answer)
{
    const char *text;
    tai_store_t *store;
    pid_t child;

    make_database(path);
    store = open_store(path, 1);
    child = lock_elsewhere();
    ck_assert_ptr_nonnull(strstr(unanswered(store), "locked"));
    ck_assert_int_eq(state(&text), TAI_STORE_UNREACHABLE);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    found(store);
}
END_TEST

#define THREADS 8
#define FINDS   50

static void *find_often(apr_thread_t *thread, void *data)
{
    const tai_digest_t key = digest_from(HASH_OF_KEY);
    apr_pool_t *p;
    tai_record_t *record;
    apr_int64_t seq;
    const char *error;
    apr_status_t rv = APR_SUCCESS;

    apr_pool_create_unmanaged_ex(&p, NULL, NULL);
    for (int i = 0; i < FINDS && rv == APR_SUCCESS; i++) {
        rv = tai_store_find_key(data, &key, p, &record, &seq, &error);
        rv = rv == APR_SUCCESS && record == NULL ? APR_NOTFOUND : rv;
        apr_pool_clear(p);
    }
    apr_pool_destroy(p);
    apr_thread_exit(thread, rv);
    return NULL;
}

START_TEST(threads_share_connections)
{
    apr_thread_t *threads[THREADS];
    apr_status_t rv;
    tai_store_t *store;

    make_database(path);
    store = open_store(path, 2);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(apr_thread_create(&threads[i], NULL, find_often, store, pool),
                         APR_SUCCESS);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(apr_thread_join(&rv, threads[i]), APR_SUCCESS);
        ck_assert_int_eq(rv, APR_SUCCESS);
    }
}
END_TEST

/* What is about a file. */
static void add_file(TCase *tests)
{
    tcase_add_loop_test(tests, an_empty_blob_is_nobody, 0, ROWS(empty_blobs));
    tcase_add_loop_test(tests, nothing_is_ever_created_for_row, 0, ROWS(names));
    tcase_add_loop_test(tests, the_right_file_is_opened_for_row, 0, ROWS(names));
    tcase_add_test(tests, a_file_that_is_no_database_is_told_apart);
    tcase_add_test(tests, a_new_database_is_private_and_in_wal_mode);
    tcase_add_test(tests, a_failed_init_leaves_nothing);
    tcase_add_test(tests, a_replaced_file_is_noticed);
    tcase_add_test(tests, a_removed_file_answers_nothing_until_it_is_back);
    tcase_add_test(tests, a_locked_database_gives_no_answer);
}

/* Those that are another one here, and the common ones. */
START_TEST(each_statement_can_be_prepared)
{
    raw_t raw;

    init_database(path);
    raw = raw_open(path);
    for (int i = 0; i < TAI_SQL_COUNT; i++) {
        const char *sql = tai_driver_sql(tai_driver_find(driver), (tai_statement_e)i);
        const char *label = apr_psprintf(pool, "statement_%d", i);
        apr_dbd_prepared_t *prepared = NULL;
        int code = *sql ? apr_dbd_prepare(raw.driver, pool, raw.handle, sql, label, &prepared) : 0;

        ck_assert_msg(code == 0, "%s: %s", sql, apr_dbd_error(raw.driver, raw.handle, code));
    }
    raw_close(&raw);
}
END_TEST

static void add(TCase *tests)
{
    with_dir(tests);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, each_statement_can_be_prepared);
    tcase_add_test(tests, a_record_holds_what_the_database_says);
    tcase_add_test(tests, an_operator_finds_a_record_by_its_id);
    tcase_add_loop_test(tests, scopes_of_row, 0, ROWS(lists));
    tcase_add_test(tests, an_answer_says_which_changes_it_has_seen);
    tcase_add_loop_test(tests, a_malformed_digest_is_no_answer, 0, ROWS(digests));
    tcase_add_test(tests, an_unknown_key_is_an_answer);
    tcase_add_test(tests, a_plan_may_grant_nothing);
    tcase_add_loop_test(tests, times_of_row, 0, ROWS(times));
    tcase_add_loop_test(tests, standing_of_row, 0, ROWS(standings));
    tcase_add_test(tests, a_user_of_another_account_is_no_owner);
    tcase_add_test(tests, plans_that_grant_a_scope_come_by_rank);
    tcase_add_test(tests, a_database_without_our_schema_is_absent);
    tcase_add_test(tests, a_newer_schema_asks_for_a_newer_module);
    tcase_add_test(tests, only_known_drivers_are_used);
    tcase_add_test(tests, a_change_of_the_schema_goes_unnoticed);
    tcase_add_test(tests, a_failed_statement_is_tried_on_a_new_connection);
    tcase_add_test(tests, threads_share_connections);
    if (suite_on("sqlite3")) {
        add_file(tests);
    }
}

int main(void)
{
    return unit_run("store", add);
}
