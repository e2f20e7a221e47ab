#include "acme.h"

#include <sys/wait.h>

/* By the operator, unless the test says otherwise; a minute of grace. */
#define GRACE 60

static tai_key_issue_t rolled(const char *id, apr_int64_t grace, apr_int64_t now)
{
    tai_key_issue_t issue;

    must(tai_store_roll_key(store, &(tai_key_name_t){.text = id}, grace, NULL, &actor, now, pool,
                            &issue, &text));
    return issue;
}

/* Refused for this reason, and nothing is left of it; returns the sentence. */
static const char *not_rolled(tai_key_name_t name, const char *user_id, apr_int64_t grace,
                              apr_int64_t now, tai_change_e reason)
{
    static const tai_key_issue_t empty;
    const int keys = counted("SELECT COUNT(*) FROM api_keys");
    const int lines = counted("SELECT COUNT(*) FROM audit_log");
    tai_key_issue_t issue;

    text = NULL;
    ck_assert_int_eq(
        tai_store_roll_key(store, &name, grace, user_id, &actor, now, pool, &issue, &text), reason);
    ck_assert_ptr_nonnull(text);
    ck_assert_mem_eq(&issue, &empty, sizeof(empty));
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys"), keys);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log"), lines);
    return text;
}

static tai_key_name_t named(const char *id)
{
    return (tai_key_name_t){.text = id};
}

START_TEST(a_rolled_key_is_followed_by_its_like)
{
    tai_key_order_t order = usual;
    tai_key_issue_t issue;
    const tai_key_info_t *old;

    order.with_token = 1;
    order.rate_limit = "5/60s";
    order.expires_at = NOW + 1000;
    old = created(order).info;
    issue = rolled(old->id, GRACE, NOW);
    ck_assert_str_ne(issue.info->id, old->id);
    ck_assert_str_ne(issue.info->prefix, old->prefix);
    ck_assert_str_eq(issue.info->line, old->id);
    ck_assert_str_eq(issue.info->name, old->name);
    ck_assert_str_eq(issue.info->user_id, old->user_id);
    ck_assert_str_eq(issue.info->rate_limit, "5/60s");
    ck_assert_str_eq(join(issue.info->scopes), join(old->scopes));
    ck_assert_int_eq(issue.info->expires_at, NOW + 1000);
    ck_assert_int_eq(issue.info->created_at, NOW);
    ck_assert_int_eq(tai_key_shape(TAI_KIND_KEY, issue.key), TAI_SHAPE_OURS);
    ck_assert_int_eq(tai_key_shape(TAI_KIND_TOKEN, issue.token), TAI_SHAPE_OURS);
    ck_assert_str_eq(raw_value(path, apr_psprintf(pool,
                                                  "SELECT key_hash, token_hash FROM api_keys"
                                                  " WHERE id = '%s'",
                                                  issue.info->id)),
                     apr_pstrcat(pool, digest_of(issue.key), " ", digest_of(issue.token), NULL));
    ck_assert_int_eq(issue.old_ends_at, NOW + GRACE);
    ck_assert_int_eq(shown(old->id)->expires_at, NOW + GRACE);
    ck_assert_int_eq(shown(old->id)->revoked_at, TAI_NEVER);
}
END_TEST

START_TEST(a_key_without_a_token_is_followed_by_one_without)
{
    tai_key_issue_t issue = rolled(created(usual).info->id, GRACE, NOW);

    ck_assert_str_eq(issue.token, "");
    ck_assert_int_eq(issue.info->has_token, 0);
    ck_assert_int_eq(issue.info->expires_at, TAI_NEVER);
}
END_TEST

/* The old one ends after the grace, and never later than it would have. */
static const struct {
    apr_int64_t expires_at, grace, ends_at;
} ends[] = {
    {TAI_NEVER, 1, NOW + 1},     {TAI_NEVER, TAI_GRACE_MAX, NOW + TAI_GRACE_MAX},
    {NOW + 100, 99, NOW + 99},   {NOW + 100, 100, NOW + 100},
    {NOW + 100, 101, NOW + 100}, {NOW + 1, TAI_GRACE_MAX, NOW + 1},
};

START_TEST(end_of_row)
{
    tai_key_order_t order = usual;
    tai_key_issue_t issue;
    const char *old;

    order.expires_at = ends[_i].expires_at;
    old = created(order).info->id;
    issue = rolled(old, ends[_i].grace, NOW);
    ck_assert_int_eq(issue.old_ends_at, ends[_i].ends_at);
    ck_assert_int_eq(shown(old)->expires_at, ends[_i].ends_at);
    ck_assert_int_eq(shown(old)->revoked_at, TAI_NEVER);
    ck_assert_int_eq(issue.info->expires_at, ends[_i].expires_at);
}
END_TEST

START_TEST(without_a_grace_the_old_one_is_revoked)
{
    tai_key_order_t order = usual;
    tai_key_issue_t issue;
    const char *old;

    order.expires_at = NOW + 100;
    old = created(order).info->id;
    issue = rolled(old, 0, NOW);
    ck_assert_int_eq(shown(old)->revoked_at, NOW);
    ck_assert_int_eq(shown(old)->expires_at, NOW + 100);
    ck_assert_int_eq(issue.old_ends_at, NOW);
    rolled(issue.info->id, 0, NOW);
}
END_TEST

START_TEST(a_grace_is_bounded)
{
    const tai_key_name_t name = named(created(usual).info->id);

    ck_assert_ptr_nonnull(
        strstr(not_rolled(name, NULL, TAI_GRACE_MAX + 1, NOW, TAI_CHANGE_INVALID), "604800"));
    not_rolled(name, NULL, -1, NOW, TAI_CHANGE_INVALID);
}
END_TEST

/* Neither of the two can be rolled while both are active; then the newer one can. */
START_TEST(a_grace_that_runs_keeps_both_from_being_rolled)
{
    const char *old = created(usual).info->id;
    const char *new = rolled(old, GRACE, NOW).info->id;

    ck_assert_ptr_nonnull(
        strstr(not_rolled(named(old), NULL, GRACE, NOW + GRACE - 1, TAI_CHANGE_KEY), new));
    ck_assert_ptr_nonnull(
        strstr(not_rolled(named(new), NULL, GRACE, NOW + GRACE - 1, TAI_CHANGE_KEY), old));
    not_rolled(named(old), NULL, GRACE, NOW + GRACE, TAI_CHANGE_KEY);
    ck_assert_str_eq(rolled(new, GRACE, NOW + GRACE).info->line, old);
}
END_TEST

START_TEST(what_is_not_active_is_not_rolled)
{
    tai_key_order_t order = usual;
    const char *gone = created(usual).info->id, *brief;

    revoked(gone, NOW);
    ck_assert_ptr_nonnull(
        strstr(not_rolled(named(gone), NULL, GRACE, NOW, TAI_CHANGE_KEY), "revoked"));
    order.expires_at = NOW + 10;
    brief = created(order).info->id;
    ck_assert_ptr_nonnull(
        strstr(not_rolled(named(brief), NULL, GRACE, NOW + 10, TAI_CHANGE_KEY), "expired"));
    rolled(brief, GRACE, NOW + 9);
    raw_run(path, apr_psprintf(pool, "UPDATE api_keys SET expires_at = %s WHERE id = '%s'",
                               on("sqlite3") ? "'soon'" : "-1", brief));
    not_rolled(named(brief), NULL, GRACE, NOW, TAI_CHANGE_KEY);
    not_rolled(named("key_nobody"), NULL, GRACE, NOW, TAI_CHANGE_NOT_FOUND);
}
END_TEST

START_TEST(a_rolled_pair_counts_once)
{
    const char *ids[10];
    tai_key_issue_t issue;

    for (int i = 0; i < ROWS(ids); i++) {
        ids[i] = created(usual).info->id;
    }
    for (int i = 0; i < ROWS(ids); i++) {
        rolled(ids[i], GRACE, NOW);
    }
    ck_assert_int_eq(tai_store_create_key(store, &usual, &actor, NOW, pool, &issue, &text),
                     TAI_CHANGE_FULL);
    ck_assert_ptr_nonnull(strstr(text, "10 active keys"));
    revoked(ids[0], NOW); /* the pair still has one */
    ck_assert_int_eq(tai_store_create_key(store, &usual, &actor, NOW, pool, &issue, &text),
                     TAI_CHANGE_FULL);
}
END_TEST

START_TEST(a_maximum_that_was_lowered_keeps_no_key_from_being_rolled)
{
    const char *old = created(usual).info->id;

    created(usual);
    raw_run(path, "UPDATE plans SET max_keys = 1");
    rolled(old, GRACE, NOW);
}
END_TEST

/* They are cut at each request: what the plan grants again, the key has again. */
START_TEST(scopes_are_kept_that_the_plan_no_longer_grants)
{
    tai_key_order_t order = usual;
    tai_key_issue_t issue;

    must(tai_store_set_plan(store, "acme", "pro", &actor, NOW, pool, &text));
    order.scopes = tai_scope_split("analytics:read programs:read", pool);
    issue = created(order);
    must(tai_store_set_plan(store, "acme", "free", &actor, NOW, pool, &text));
    issue = rolled(issue.info->id, GRACE, NOW);
    ck_assert_str_eq(join(issue.info->scopes), "analytics:read programs:read");
    ck_assert_str_eq(join(issue.info->effective), "programs:read");
}
END_TEST

START_TEST(an_imported_key_is_followed_by_one_of_ours)
{
    const char *old = created(usual).info->id;
    tai_key_issue_t issue;

    raw_run(path, "UPDATE api_keys SET origin = 'import', prefix = 'sk_l'");
    issue = rolled(old, GRACE, NOW);
    ck_assert_int_eq(tai_key_shape(TAI_KIND_KEY, issue.key), TAI_SHAPE_OURS);
    ck_assert_uint_eq(strlen(issue.info->prefix), TAI_KEY_PREFIX_LEN);
    ck_assert_str_eq(issue.info->origin, "operator");
    ck_assert_int_eq(
        counted(apr_psprintf(pool, "SELECT COUNT(*) FROM key_changes WHERE key_hash = '%s'",
                             digest_of(issue.key))),
        1);
}
END_TEST

/* Of the key, of who rolls it. */
static const struct {
    const char *old;
    int by_user;
    const char *new;
} origins[] = {
    {"operator", 0, "operator"}, {"operator", 1, "api"}, {"api", 0, "operator"},
    {"api", 1, "api"},           {"token", 0, "token"},  {"token", 1, "token"},
    {"import", 0, "operator"},   {"import", 1, "api"},
};

START_TEST(origin_of_row)
{
    const char *old = created(usual).info->id;
    const char *ann = origins[_i].by_user ? id_of("users", "username", "ann") : NULL;
    const tai_key_name_t name = named(old);
    tai_key_issue_t issue;

    raw_run(path, apr_psprintf(pool, "UPDATE api_keys SET origin = '%s'", origins[_i].old));
    must(tai_store_roll_key(store, &name, GRACE, ann, &actor, NOW, pool, &issue, &text));
    ck_assert_str_eq(issue.info->origin, origins[_i].new);
}
END_TEST

/* What the former administrator got from the token endpoint is not what his successor gets there. */
START_TEST(the_successor_of_an_administrator_owns_what_he_rolls)
{
    tai_key_order_t order = usual;
    tai_key_issue_t issue;
    tai_user_t *bob;
    const char *old;

    order.origin = "token";
    old = created(order).info->id;
    must(tai_store_disable_user(store, "ann", &actor, NOW, pool, &text));
    ck_assert_ptr_nonnull(strstr(not_rolled(named(old), NULL, GRACE, NOW, TAI_CHANGE_INACTIVE),
                                 "primary administrator"));
    must(tai_store_add_user(store, "acme", "bob", NULL, NULL, &actor, NOW, pool, &bob, &text));
    issue = rolled(old, GRACE, NOW);
    ck_assert_str_eq(issue.info->user, "bob");
    ck_assert_str_eq(issue.info->origin, "operator");
}
END_TEST

START_TEST(only_an_administrator_in_good_standing_rolls)
{
    const tai_key_name_t name = named(created(usual).info->id);
    const char *ann = id_of("users", "username", "ann");
    tai_user_t *bob;

    must(tai_store_add_user(store, "acme", "bob", NULL, NULL, &actor, NOW, pool, &bob, &text));
    not_rolled(name, bob->id, GRACE, NOW, TAI_CHANGE_ROLE);
    not_rolled(name, "usr_nobody", GRACE, NOW, TAI_CHANGE_NOT_FOUND);
    must(tai_store_disable_user(store, "ann", &actor, NOW, pool, &text));
    not_rolled(name, ann, GRACE, NOW, TAI_CHANGE_INACTIVE);
    must(tai_store_enable_user(store, "ann", &actor, NOW, pool, &text));
    must(tai_store_set_suspended(store, "acme", 1, &actor, NOW, pool, &text));
    not_rolled(name, ann, GRACE, NOW, TAI_CHANGE_INACTIVE);
    not_rolled(name, NULL, GRACE, NOW, TAI_CHANGE_INACTIVE);
    must(tai_store_set_suspended(store, "acme", 0, &actor, NOW, pool, &text));
    rolled(name.text, GRACE, NOW);
}
END_TEST

START_TEST(a_key_of_another_account_is_unknown)
{
    const tai_key_info_t *info = created(usual).info;
    tai_account_t *bolt;
    tai_user_t *bob;

    must(tai_store_add_account(store, "bolt", "pro", &actor, NOW, pool, &bolt, &text));
    must(tai_store_add_user(store, "bolt", "bob", NULL, NULL, &actor, NOW, pool, &bob, &text));
    not_rolled(named(info->id), bob->id, GRACE, NOW, TAI_CHANGE_NOT_FOUND);
    not_rolled((tai_key_name_t){.text = info->id, .account_id = info->account_id}, bob->id, GRACE,
               NOW, TAI_CHANGE_NOT_FOUND);
    /* nor by its prefix, which is not its id */
    not_rolled(named(info->prefix), info->user_id, GRACE, NOW, TAI_CHANGE_NOT_FOUND);
    rolled(info->prefix, GRACE, NOW);
}
END_TEST

#define CHILDREN 8

static void roll_in_child(const int start[2], const char *id)
{
    tai_key_issue_t issue;
    tai_change_e outcome;
    char byte;

    close(start[1]);
    if (read(start[0], &byte, 1) != 0) {
        _exit(99);
    }
    outcome = tai_store_roll_key(store, &(tai_key_name_t){.text = id}, GRACE, NULL, &actor, NOW,
                                 pool, &issue, &text);
    apr_pool_destroy(pool);
    _exit((int)outcome);
}

/* Without a connection that is open when the test forks. */
static const char *created_apart(void)
{
    apr_pool_t *whole = pool;
    tai_store_t *closed = store;
    const char *id;

    apr_pool_create(&pool, whole);
    store = open_store(path, 1);
    id = apr_pstrdup(whole, created(usual).info->id);
    apr_pool_destroy(pool);
    pool = whole;
    store = closed;
    return id;
}

START_TEST(of_parallel_rolls_one_wins)
{
    int outcomes[TAI_CHANGE_UNKNOWN + 1] = {0};
    const char *id = created_apart();
    int start[2], status;

    ck_assert_int_eq(pipe(start), 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();

        ck_assert_int_ge(child, 0);
        if (child == 0) {
            roll_in_child(start, id);
        }
    }
    close(start[0]);
    close(start[1]);
    for (int i = 0; i < CHILDREN; i++) {
        ck_assert_int_gt(wait(&status), 0);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) <= TAI_CHANGE_UNKNOWN);
        outcomes[WEXITSTATUS(status)]++;
    }
    ck_assert_int_eq(outcomes[TAI_CHANGE_DONE], 1);
    ck_assert_int_eq(outcomes[TAI_CHANGE_KEY], CHILDREN - 1);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys"), 2);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log WHERE action = 'key.roll'"), 1);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, a_rolled_key_is_followed_by_its_like);
    tcase_add_test(tests, a_key_without_a_token_is_followed_by_one_without);
    tcase_add_loop_test(tests, end_of_row, 0, ROWS(ends));
    tcase_add_test(tests, without_a_grace_the_old_one_is_revoked);
    tcase_add_test(tests, a_grace_is_bounded);
    tcase_add_test(tests, a_grace_that_runs_keeps_both_from_being_rolled);
    tcase_add_test(tests, what_is_not_active_is_not_rolled);
    tcase_add_test(tests, a_rolled_pair_counts_once);
    tcase_add_test(tests, a_maximum_that_was_lowered_keeps_no_key_from_being_rolled);
    tcase_add_test(tests, scopes_are_kept_that_the_plan_no_longer_grants);
    tcase_add_test(tests, an_imported_key_is_followed_by_one_of_ours);
    tcase_add_loop_test(tests, origin_of_row, 0, ROWS(origins));
    tcase_add_test(tests, the_successor_of_an_administrator_owns_what_he_rolls);
    tcase_add_test(tests, only_an_administrator_in_good_standing_rolls);
    tcase_add_test(tests, a_key_of_another_account_is_unknown);
    tcase_add_test(tests, of_parallel_rolls_one_wins);
}

int main(void)
{
    return unit_run("store_roll", add);
}
