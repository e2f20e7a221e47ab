#include <signal.h>
#include <apr_hash.h>
#include "acme.h"
#include "shared.h"

/*
 * A server that is killed amid changes, again and again, and starts anew: what was said to be done is
 * done, nothing is done by half, and the programs that change something go on by themselves.
 *
 *   TAI_SERVICE, TAI_SERVER  build/service, and the folder of the server that it has started
 */

#define PROGRAMS 3
#define CRASHES  3
#define BETWEEN  30   /* changes from one crash to the next, at the least */
#define KEYS_MAX 5000 /* of each program */

/* A key that a program was told to be there. */
typedef struct known_t {
    char id[40];
    int revoked; /* it was told that, too */
} known_t;

typedef struct stage_t {
    int arrived;
    int stop;
    int failed;  /* programs that have met what should not be */
    int done;    /* changes that are known to be done */
    int unknown; /* changes of which nothing is known */
    int keys[PROGRAMS];
    known_t known[PROGRAMS][KEYS_MAX];
} stage_t;

typedef struct program_t {
    stage_t *stage;
    int number;
} program_t;

static int read_int(const int *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Returns 1 if it is done, -1 if it should not have come to this. */
static int judge(stage_t *stage, tai_change_e outcome)
{
    if (outcome == TAI_CHANGE_DONE) {
        __atomic_fetch_add(&stage->done, 1, __ATOMIC_RELAXED);
        return 1;
    }
    if (outcome == TAI_CHANGE_UNKNOWN) {
        __atomic_fetch_add(&stage->unknown, 1, __ATOMIC_RELAXED);
        apr_sleep(apr_time_from_msec(10)); /* who is away is not asked all the time */
        return 0;
    }
    fprintf(stderr, "%d: %s\n", (int)outcome, text);
    return -1;
}

/* A key comes and goes. Returns 0, or -1: see judge. */
static int create_and_revoke(program_t *program, apr_pool_t *p)
{
    stage_t *stage = program->stage;
    known_t *known = &stage->known[program->number][stage->keys[program->number]];
    const tai_key_info_t *info;
    tai_key_issue_t issue;
    int again,
        done = judge(stage, tai_store_create_key(store, &usual, &actor, NOW, p, &issue, &text));

    if (done <= 0) {
        return done;
    }
    apr_cpystrn(known->id, issue.info->id, sizeof(known->id));
    stage->keys[program->number]++;
    done = judge(stage, tai_store_revoke_key(store, &(tai_key_name_t){.text = known->id}, &actor,
                                             NOW, p, &info, &again, &text));
    known->revoked = done > 0;
    return done < 0 ? done : 0;
}

static int change(void *data)
{
    program_t *program = data;
    stage_t *stage = program->stage;
    apr_pool_t *p;
    int status = 0;

    store = open_store(path, 1);
    if (apr_pool_create(&p, pool) != APR_SUCCESS) {
        return 1;
    }
    meet(&stage->arrived, PROGRAMS);
    while (status == 0 && !read_int(&stage->stop) && stage->keys[program->number] < KEYS_MAX) {
        status = create_and_revoke(program, p);
        apr_pool_clear(p);
    }
    __atomic_fetch_add(&stage->failed, status != 0, __ATOMIC_RELEASE);
    return status != 0;
}

static void await_changes(const stage_t *stage)
{
    const int from = read_int(&stage->done);

    while (read_int(&stage->done) < from + BETWEEN && !read_int(&stage->failed)) {
        sched_yield();
    }
}

/* A line of what build/service has written. */
static const char *line_of(const char *name)
{
    const char *file = apr_pstrcat(pool, getenv("TAI_SERVER"), "/service", NULL);
    FILE *in = fopen(file, "r");
    char line[512];
    const char *found = NULL;

    ck_assert_msg(in != NULL, "%s", file);
    while (!found && fgets(line, sizeof(line), in)) {
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == '=') {
            found = apr_pstrmemdup(pool, line + strlen(name) + 1,
                                   strcspn(line, "\n") - strlen(name) - 1);
        }
    }
    fclose(in);
    ck_assert_msg(found != NULL, "%s: no %s", file, name);
    return found;
}

static void crash(void)
{
    const char *command = apr_psprintf(pool, "'%s' start %s '%s' >/dev/null", getenv("TAI_SERVICE"),
                                       line_of("kind"), getenv("TAI_SERVER"));

    raw_drop(); /* it has ended with the server */
    ck_assert_int_eq(kill(atoi(line_of("pid")), SIGKILL), 0);
    ck_assert_int_eq(system(command), 0);
}

/* "0" for an id of a key that is good, "1" for one that is revoked. */
static apr_hash_t *all_keys(void)
{
    const apr_array_header_t *rows =
        raw_rows(path, "SELECT id, CASE WHEN revoked_at IS NULL THEN 0 ELSE 1 END FROM api_keys");
    apr_hash_t *keys = apr_hash_make(pool);

    for (int i = 0; i < rows->nelts; i++) {
        char *revoked, *id = apr_strtok(APR_ARRAY_IDX(rows, i, char *), " ", &revoked);

        apr_hash_set(keys, id, APR_HASH_KEY_STRING, revoked);
    }
    return keys;
}

static void check_known(const stage_t *stage)
{
    apr_hash_t *keys = all_keys();

    for (int i = 0; i < PROGRAMS; i++) {
        for (int k = 0; k < stage->keys[i]; k++) {
            const known_t *known = &stage->known[i][k];
            const char *revoked = apr_hash_get(keys, known->id, APR_HASH_KEY_STRING);

            ck_assert_msg(revoked != NULL, "%s was created", known->id);
            ck_assert_msg(!known->revoked || atoi(revoked), "%s was revoked", known->id);
        }
    }
}

/* A change, its line in the audit log and its row in the log of changes are one. */
static void check_whole(int before)
{
    const int keys = counted("SELECT COUNT(*) FROM api_keys");
    const int revoked = counted("SELECT COUNT(*) FROM api_keys WHERE revoked_at IS NOT NULL");

    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log WHERE action = 'key.create'"), keys);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log WHERE action = 'key.revoke'"),
                     revoked);
    ck_assert_int_eq(counted("SELECT seq FROM change_counter"), before + keys + revoked);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_changes"), before + keys + revoked);
    ck_assert_int_eq(counted("SELECT MAX(seq) FROM key_changes"), before + keys + revoked);
}

START_TEST(what_was_done_outlives_a_server_that_is_killed)
{
    stage_t *stage = shared_block(sizeof(*stage));
    pid_t pids[PROGRAMS];
    int before;

    raw_run(path, "UPDATE plans SET max_keys = 1000000 WHERE name = 'free'");
    before = counted("SELECT seq FROM change_counter");
    for (int i = 0; i < PROGRAMS; i++) {
        program_t program = {.stage = stage, .number = i};

        pids[i] = in_child(change, &program);
    }
    for (int i = 0; i < CRASHES; i++) {
        await_changes(stage);
        crash();
    }
    await_changes(stage);
    __atomic_store_n(&stage->stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < PROGRAMS; i++) {
        child_succeeds(pids[i]);
    }
    ck_assert_int_gt(stage->unknown, 0); /* else no crash has hit anybody */
    check_known(stage);
    check_whole(before);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, what_was_done_outlives_a_server_that_is_killed);
}

int main(void)
{
    if (suite_on("sqlite3")) {
        puts("1..0 # SKIP a file has no server: make check-pgsql and check-mysql run it");
        return EXIT_SUCCESS;
    }
    return unit_run("store_crash", add);
}
