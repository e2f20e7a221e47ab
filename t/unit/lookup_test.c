#include "acme.h"
#include "shared.h"
#include "core/clock.h"
#include "core/lookup.h"

#include <apr_thread_proc.h>

#define KEYS     1000
#define INTERVAL 60000 /* milliseconds: nothing syncs by itself here */
#define LEASE    60000

static tai_segment_t *segment; /* of the running test */

static void make_segment(void)
{
    const apr_size_t bytes = tai_segment_needs(KEYS);

    ck_assert_int_eq(tai_segment_format(shared_block(bytes), bytes, KEYS, &segment), APR_SUCCESS);
    tai_node_configure(segment, INTERVAL, LEASE, "");
}

static tai_lookup_t *lookup_on(tai_store_t *on, int keep)
{
    tai_lookup_t *lookup;

    ck_assert_int_eq(tai_lookup_create(&lookup, segment, on, keep, pool), APR_SUCCESS);
    return lookup;
}

static tai_digest_t digest(const char *secret)
{
    tai_digest_t key;

    ck_assert_int_eq(tai_digest(secret, &key), APR_SUCCESS);
    return key;
}

static tai_lookup_e recall(tai_lookup_t *lookup, const char *secret, tai_known_key_t *known)
{
    const tai_digest_t key = digest(secret);

    return tai_lookup_recall(lookup, &key, tai_clock_ms(), pool, known, &text);
}

static tai_lookup_e ask(tai_lookup_t *lookup, const char *secret, tai_known_key_t *known)
{
    const tai_digest_t key = digest(secret);

    return tai_lookup_ask(lookup, &key, tai_clock_ms(), pool, known, &text);
}

static apr_uint64_t selects(void)
{
    return tai_metrics_read(&tai_segment_metrics(segment)->lookups);
}

static void sync_now(void)
{
    ck_assert_msg(tai_node_sync(segment, store, pool, &text) == APR_SUCCESS, "%s", text);
}

static void is_the_key(const tai_record_t *record, const tai_key_issue_t *issue)
{
    const tai_digest_t key = digest(issue->key);

    ck_assert_int_eq(tai_digest_same(&record->key, &key), 1);
    ck_assert_str_eq(record->id, issue->info->id);
    ck_assert_str_eq(record->line, issue->info->id);
    ck_assert_str_eq(record->prefix, issue->info->prefix);
    ck_assert_str_eq(record->account, "acme");
    ck_assert_str_eq(record->user, "ann");
    ck_assert_str_eq(record->plan, "free");
    ck_assert_ptr_null(record->rate_limit);
    ck_assert_str_eq(record->scopes,
                     "categories:read organizations:read programs:read reviews:read");
    ck_assert_str_eq(record->effective, record->scopes);
    ck_assert_int_eq(record->expires_at, TAI_NEVER);
    ck_assert_int_eq(record->revoked_at, TAI_NEVER);
}

START_TEST(a_key_is_asked_for_once)
{
    const tai_key_issue_t issue = created(usual);
    tai_lookup_t *lookup = lookup_on(store, 1);
    tai_known_key_t known;

    ck_assert_int_eq(recall(lookup, issue.key, &known), TAI_LOOKUP_ABSENT);
    ck_assert_int_eq(ask(lookup, issue.key, &known), TAI_LOOKUP_FOUND);
    is_the_key(known.record, &issue);
    ck_assert_int_eq(tai_node_holds(segment, known.version), 1);
    ck_assert_int_eq(recall(lookup, issue.key, &known), TAI_LOOKUP_FOUND);
    is_the_key(known.record, &issue);
    ck_assert_int_eq(tai_node_holds(segment, known.version), 1);
    ck_assert_uint_eq(selects(), 1);
}
END_TEST

/* Somebody else may have asked since the caller looked. */
START_TEST(what_is_remembered_is_not_asked_for)
{
    const tai_key_issue_t issue = created(usual);
    tai_lookup_t *lookup = lookup_on(store, 1);
    tai_known_key_t known;

    ck_assert_int_eq(ask(lookup, issue.key, &known), TAI_LOOKUP_FOUND);
    ck_assert_int_eq(ask(lookup, issue.key, &known), TAI_LOOKUP_FOUND);
    is_the_key(known.record, &issue);
    ck_assert_uint_eq(selects(), 1);
}
END_TEST

START_TEST(an_unknown_key_is_asked_for_once)
{
    tai_lookup_t *lookup = lookup_on(store, 1);
    tai_known_key_t known;

    ck_assert_int_eq(recall(lookup, "nobody's", &known), TAI_LOOKUP_ABSENT);
    ck_assert_int_eq(ask(lookup, "nobody's", &known), TAI_LOOKUP_UNKNOWN);
    ck_assert_ptr_null(known.record);
    ck_assert_int_eq(recall(lookup, "nobody's", &known), TAI_LOOKUP_UNKNOWN);
    ck_assert_ptr_null(known.record);
    ck_assert_uint_eq(selects(), 1);
}
END_TEST

START_TEST(a_key_that_is_made_is_unknown_no_more)
{
    tai_lookup_t *lookup = lookup_on(store, 1);
    tai_known_key_t known;

    ck_assert_int_eq(ask(lookup, "tomorrow's key, of some length", &known), TAI_LOOKUP_UNKNOWN);
    raw_run(path, apr_pstrcat(pool,
                              "INSERT INTO api_keys (id, line, account_id, user_id, name, prefix,"
                              " key_hash, scopes, created_at) SELECT 'key_1', 'key_1', account_id,"
                              " id, 'n', 'tomo', '",
                              digest_of("tomorrow's key, of some length"),
                              "', 'programs:read', 1 FROM users", NULL));
    sync_now();
    ck_assert_int_eq(recall(lookup, "tomorrow's key, of some length", &known), TAI_LOOKUP_ABSENT);
    ck_assert_int_eq(ask(lookup, "tomorrow's key, of some length", &known), TAI_LOOKUP_FOUND);
}
END_TEST

START_TEST(a_change_ends_what_is_remembered)
{
    const tai_key_issue_t issue = created(usual);
    tai_lookup_t *lookup = lookup_on(store, 1);
    tai_known_key_t before, after;

    ck_assert_int_eq(ask(lookup, issue.key, &before), TAI_LOOKUP_FOUND);
    raw_run(path, "UPDATE api_keys SET revoked_at = 5");
    sync_now();
    ck_assert_int_eq(tai_node_holds(segment, before.version), 0);
    ck_assert_int_eq(recall(lookup, issue.key, &after), TAI_LOOKUP_ABSENT);
    ck_assert_int_eq(ask(lookup, issue.key, &after), TAI_LOOKUP_FOUND);
    ck_assert_int_eq(after.record->revoked_at, 5);
    ck_assert_int_eq(before.record->revoked_at, TAI_NEVER); /* a copy of its own */
    ck_assert_int_eq(tai_node_holds(segment, after.version), 1);
}
END_TEST

START_TEST(off_remembers_nothing)
{
    const tai_key_issue_t issue = created(usual);
    tai_lookup_t *lookup = lookup_on(store, 0);
    tai_known_key_t known;
    int i;

    for (i = 1; i <= 3; i++) {
        ck_assert_int_eq(recall(lookup, issue.key, &known), TAI_LOOKUP_ABSENT);
        ck_assert_int_eq(ask(lookup, issue.key, &known), TAI_LOOKUP_FOUND);
        is_the_key(known.record, &issue);
        ck_assert_int_eq(tai_node_holds(segment, known.version), 1);
        ck_assert_int_eq(ask(lookup, "nobody's", &known), TAI_LOOKUP_UNKNOWN);
        ck_assert_uint_eq(selects(), 2 * i);
    }
}
END_TEST

START_TEST(without_a_database_nothing_is_answered)
{
    tai_lookup_t *lookup = lookup_on(NULL, 1);
    tai_known_key_t known = {.failure = TAI_ADMITTED};

    ck_assert_int_eq(recall(lookup, "any", &known), TAI_LOOKUP_FAILED);
    ck_assert_int_eq(known.failure, TAI_DATABASE);
    ck_assert_str_eq(text, "no database is configured");
    ck_assert_int_eq(ask(lookup, "any", &known), TAI_LOOKUP_FAILED);
    ck_assert_str_eq(text, "no database is configured");
}
END_TEST

START_TEST(a_database_that_is_away_is_no_answer)
{
    const tai_key_issue_t first = created(usual), second = created(usual);
    tai_lookup_t *lookup = lookup_on(store, 1);
    tai_known_key_t known;

    ck_assert_int_eq(ask(lookup, first.key, &known), TAI_LOOKUP_FOUND);
    take_away();
    ck_assert_int_eq(recall(lookup, first.key, &known), TAI_LOOKUP_FOUND); /* the lease runs */
    ck_assert_int_eq(recall(lookup, second.key, &known), TAI_LOOKUP_ABSENT);
    ck_assert_int_eq(ask(lookup, second.key, &known), TAI_LOOKUP_FAILED);
    ck_assert_int_eq(known.failure, TAI_DATABASE);
    ck_assert_ptr_null(known.record);
    ck_assert_ptr_nonnull(strstr(text, called));
    ck_assert_uint_eq(tai_metrics_read(&tai_segment_metrics(segment)->lookup_failures), 1);
}
END_TEST

START_TEST(without_a_lease_nothing_is_answered)
{
    tai_lookup_t *lookup = lookup_on(store, 1);
    tai_known_key_t known;

    take_away();
    ck_assert_int_eq(recall(lookup, "any", &known), TAI_LOOKUP_FAILED);
    ck_assert_int_eq(known.failure, TAI_DATABASE);
    ck_assert_ptr_nonnull(strstr(text, called));
    ck_assert_int_eq(ask(lookup, "any", &known), TAI_LOOKUP_FAILED);
    ck_assert_int_eq(known.failure, TAI_DATABASE);
    ck_assert_uint_eq(selects(), 0);
}
END_TEST

/* What is too long for the table is looked up each time. */
START_TEST(a_record_too_long_is_answered_all_the_same)
{
    const tai_key_issue_t issue = created(usual);
    tai_lookup_t *lookup = lookup_on(store, 1);
    tai_known_key_t known;
    int i;

    raw_run(path, "UPDATE accounts SET name = HEX(ZEROBLOB(1000))");
    for (i = 0; i < 2; i++) {
        ck_assert_int_eq(recall(lookup, issue.key, &known), TAI_LOOKUP_ABSENT);
        ck_assert_int_eq(ask(lookup, issue.key, &known), TAI_LOOKUP_FOUND);
        ck_assert_uint_eq(strlen(known.record->account), 2000);
    }
    ck_assert_uint_eq(selects(), 2);
}
END_TEST

/* ---- many at once ------------------------------------------------------------------------- */

#define THREADS 32

typedef struct crowd_t {
    tai_lookup_t *lookup;
    const char *secret;
    int arrived;
} crowd_t;

/* One look-up as a request does it. Ends with what it came to. */
static void *look_up(apr_thread_t *thread, void *data)
{
    crowd_t *crowd = data;
    const tai_digest_t key = digest(crowd->secret);
    tai_known_key_t known;
    const char *error;
    tai_lookup_e found;
    apr_pool_t *p;

    apr_pool_create_unmanaged_ex(&p, NULL, NULL);
    meet(&crowd->arrived, THREADS);
    found = tai_lookup_recall(crowd->lookup, &key, tai_clock_ms(), p, &known, &error);
    if (found == TAI_LOOKUP_ABSENT) {
        found = tai_lookup_ask(crowd->lookup, &key, tai_clock_ms(), p, &known, &error);
    }
    if ((found == TAI_LOOKUP_FOUND && memcmp(&known.record->key, &key, sizeof(key)) != 0) ||
        (found == TAI_LOOKUP_FAILED && (known.failure != TAI_DATABASE || *error == '\0'))) {
        found = (tai_lookup_e)-1;
    }
    apr_pool_destroy(p);
    apr_thread_exit(thread, (apr_status_t)found);
    return NULL;
}

/* All of them look for one key; each comes to this. */
static void crowd_finds(tai_lookup_t *lookup, const char *secret, tai_lookup_e what)
{
    crowd_t crowd = {lookup, secret, 0};
    apr_thread_t *threads[THREADS];
    apr_status_t rv;
    int i;

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(apr_thread_create(&threads[i], NULL, look_up, &crowd, pool), APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(apr_thread_join(&rv, threads[i]), APR_SUCCESS);
        ck_assert_int_eq(rv, (apr_status_t)what);
    }
}

START_TEST(a_crowd_asks_once)
{
    tai_key_order_t order = usual;
    tai_lookup_t *lookup = lookup_on(store, 1);
    int i;

    for (i = 1; i <= 5; i++) {
        const tai_key_issue_t issue = created(order);

        sync_now();
        crowd_finds(lookup, issue.key, TAI_LOOKUP_FOUND);
        ck_assert_uint_eq(selects(), 2 * i - 1);
        crowd_finds(lookup, apr_psprintf(pool, "nobody's %d", i), TAI_LOOKUP_UNKNOWN);
        ck_assert_uint_eq(selects(), 2 * i);
    }
}
END_TEST

START_TEST(a_crowd_fails_together)
{
    const tai_key_issue_t issue = created(usual);
    tai_lookup_t *lookup = lookup_on(store, 1);

    sync_now();
    take_away();
    crowd_finds(lookup, issue.key, TAI_LOOKUP_FAILED);
    ck_assert_uint_eq(tai_metrics_read(&tai_segment_metrics(segment)->lookup_failures), selects());
}
END_TEST

START_TEST(a_crowd_gets_what_cannot_be_kept)
{
    const tai_key_issue_t issue = created(usual);

    raw_run(path, "UPDATE accounts SET name = HEX(ZEROBLOB(1000))");
    sync_now();
    crowd_finds(lookup_on(store, 1), issue.key, TAI_LOOKUP_FOUND);
    ck_assert_uint_eq(selects(), THREADS);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_checked_fixture(tests, make_segment, NULL);
    tcase_add_test(tests, a_key_is_asked_for_once);
    tcase_add_test(tests, what_is_remembered_is_not_asked_for);
    tcase_add_test(tests, an_unknown_key_is_asked_for_once);
    tcase_add_test(tests, a_key_that_is_made_is_unknown_no_more);
    tcase_add_test(tests, a_change_ends_what_is_remembered);
    tcase_add_test(tests, off_remembers_nothing);
    tcase_add_test(tests, without_a_database_nothing_is_answered);
    tcase_add_test(tests, a_database_that_is_away_is_no_answer);
    tcase_add_test(tests, without_a_lease_nothing_is_answered);
    if (suite_on("sqlite3")) { /* elsewhere columns have an end */
        tcase_add_test(tests, a_record_too_long_is_answered_all_the_same);
    }
    tcase_add_test(tests, a_crowd_asks_once);
    tcase_add_test(tests, a_crowd_fails_together);
    if (suite_on("sqlite3")) { /* elsewhere columns have an end */
        tcase_add_test(tests, a_crowd_gets_what_cannot_be_kept);
    }
}

int main(void)
{
    return unit_run("lookup", add);
}
