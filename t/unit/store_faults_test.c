#include "chance.h"
#include "acme.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A change is there as a whole or not at all, whatever becomes of the disk and of who makes it. */

/* What one creation leaves: the key, its line in the audit log and its row in the log of changes. */
static void check_whole(void)
{
    if (on("sqlite3")) {
        ck_assert_str_eq(raw_value(path, "PRAGMA integrity_check"), "ok");
    }
    ck_assert_str_eq(
        raw_value(path, "SELECT COUNT(*) FROM api_keys k WHERE NOT EXISTS"
                        " (SELECT 1 FROM audit_log WHERE action = 'key.create' AND subject = k.id)"
                        " OR NOT EXISTS (SELECT 1 FROM key_changes WHERE key_hash = k.key_hash)"),
        "0");
    ck_assert_str_eq(raw_value(path, "SELECT CASE WHEN (SELECT COUNT(*) FROM api_keys) ="
                                     " (SELECT COUNT(*) FROM audit_log WHERE subject LIKE 'key%')"
                                     " AND (SELECT COUNT(*) FROM api_keys) ="
                                     " (SELECT COUNT(*) FROM key_changes WHERE key_hash LIKE '%')"
                                     " THEN 1 ELSE 0 END"),
                     "1");
}

/* Returns the sentence. */
static const char *unknown(void)
{
    static const tai_key_issue_t empty;
    tai_key_issue_t issue;

    ck_assert_int_eq(tai_store_create_key(store, &usual, &actor, NOW, pool, &issue, &text),
                     TAI_CHANGE_UNKNOWN);
    ck_assert_mem_eq(&issue, &empty, sizeof(empty));
    ck_assert_ptr_nonnull(strstr(text, called));
    return text;
}

/* Root may write to everything: he becomes somebody else for a while. */
#define NOBODY 65534

static void write_protect(int on)
{
    const char *const files[] = {path, apr_pstrcat(pool, path, "-wal", NULL),
                                 apr_pstrcat(pool, path, "-shm", NULL)};

    ck_assert(on || geteuid() == getuid() || seteuid(getuid()) == 0);
    for (int i = 0; i < ROWS(files); i++) {
        chmod(files[i], on ? 0444 : 0600); /* the last two are there or not */
    }
    ck_assert_int_eq(chmod(dir, on ? 0555 : 0700), 0);
    ck_assert(!on || getuid() != 0 || seteuid(NOBODY) == 0);
}

START_TEST(a_database_that_is_read_only_takes_nothing)
{
    created(usual);
    store = open_store(path, 1);
    write_protect(1);
    ck_assert_msg(strstr(unknown(), "readonly") || strstr(text, "unable to open"), "%s", text);
    write_protect(0);
    check_whole();
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys"), 1);
    created(usual);
}
END_TEST

/* As much as a full disk: no file can grow. */
static void bound_files(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(a_disk_that_is_full_takes_nothing)
{
    created(usual);
    bound_files(1000);
    ck_assert_msg(strstr(unknown(), "disk"), "%s", text);
    bound_files(RLIM_INFINITY);
    check_whole();
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys"), 1);
    created(usual);
}
END_TEST

#define KILLS 20

/* Until he is killed; tells of each key that he was told is made. */
static void create_for_ever(int out)
{
    tai_key_issue_t issue;

    while (tai_store_create_key(store, &usual, &actor, NOW, pool, &issue, &text) ==
               TAI_CHANGE_DONE &&
           write(out, issue.key, TAI_KEY_LEN) == TAI_KEY_LEN) {
    }
    _exit(1);
}

/* The keys that were told of before the kill, and those that were still under way in the pipe. */
static void read_keys(int in, apr_array_header_t *keys)
{
    char key[TAI_KEY_LEN + 1] = "";

    while (read(in, key, TAI_KEY_LEN) == TAI_KEY_LEN) {
        APR_ARRAY_PUSH(keys, const char *) = apr_pstrdup(pool, key);
    }
}

static void kill_one(apr_uint64_t *chance, apr_array_header_t *keys)
{
    char key[TAI_KEY_LEN + 1] = "";
    int pipe_of_keys[2];
    apr_uint64_t after = chance_between(chance, 1, 20);
    pid_t child;

    ck_assert_int_eq(pipe(pipe_of_keys), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        create_for_ever(pipe_of_keys[1]);
    }
    close(pipe_of_keys[1]);
    for (; after > 0; after--) {
        ck_assert_int_eq(read(pipe_of_keys[0], key, TAI_KEY_LEN), TAI_KEY_LEN);
        APR_ARRAY_PUSH(keys, const char *) = apr_pstrdup(pool, key);
    }
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    read_keys(pipe_of_keys[0], keys);
    close(pipe_of_keys[0]);
}

START_TEST(who_is_killed_leaves_whole_keys)
{
    apr_array_header_t *keys = apr_array_make(pool, 400, sizeof(const char *));
    apr_uint64_t chance = chance_seed(0);
    tai_record_t *record;
    const char *error;

    raw_run(path, "UPDATE plans SET max_keys = 1000000");
    for (int i = 0; i < KILLS; i++) {
        kill_one(&chance, keys);
        check_whole();
    }
    for (int i = 0; i < keys->nelts; i++) {
        ck_assert_int_eq(
            find_key(store, digest_of(APR_ARRAY_IDX(keys, i, const char *)), &record, &error),
            APR_SUCCESS);
        ck_assert_ptr_nonnull(record);
    }
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    if (suite_on("sqlite3")) { /* by the permissions of a file, and by its size */
        tcase_add_test(tests, a_database_that_is_read_only_takes_nothing);
        tcase_add_test(tests, a_disk_that_is_full_takes_nothing);
    }
    tcase_add_test(tests, who_is_killed_leaves_whole_keys);
}

int main(void)
{
    return unit_run("store_faults", add);
}
