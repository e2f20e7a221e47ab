#include "acme.h"

#include <sys/wait.h>

/* Refused for this reason; returns the sentence. */
static const char *refused(tai_key_order_t order, tai_change_e reason)
{
    static const tai_key_issue_t empty;
    tai_key_issue_t issue;

    text = NULL;
    ck_assert_int_eq(tai_store_create_key(store, &order, &actor, NOW, pool, &issue, &text), reason);
    ck_assert_ptr_nonnull(text);
    ck_assert_mem_eq(&issue, &empty, sizeof(empty));
    ck_assert_str_eq(raw_value(path, "SELECT COUNT(*) FROM api_keys WHERE name = 'refused'"), "0");
    return text;
}

static const apr_array_header_t *list_of(const char *names)
{
    return tai_scope_split(names, pool);
}

START_TEST(a_new_key_is_found_by_its_digest)
{
    tai_key_order_t order = usual;
    tai_key_issue_t issue;
    tai_record_t *record;
    const char *error;

    order.with_token = 1;
    order.rate_limit = "5/60s";
    order.expires_at = NOW + 1;
    issue = created(order);
    ck_assert_int_eq(tai_key_shape(TAI_KIND_KEY, issue.key), TAI_SHAPE_OURS);
    ck_assert_int_eq(tai_key_shape(TAI_KIND_TOKEN, issue.token), TAI_SHAPE_OURS);
    ck_assert_int_eq(find_key(store, digest_of(issue.key), &record, &error), APR_SUCCESS);
    ck_assert_ptr_nonnull(record);
    ck_assert_str_eq(record->id, issue.info->id);
    ck_assert_str_eq(record->line, issue.info->id);
    ck_assert_int_eq(record->has_token, 1);
    ck_assert_str_eq(hex_of(&record->token), digest_of(issue.token));
    ck_assert_str_eq(record->rate_limit, "5/60s");
    ck_assert_str_eq(record->user, "ann");
    ck_assert_int_eq(strncmp(record->prefix, issue.key, TAI_KEY_PREFIX_LEN), 0);
    ck_assert_int_eq(record->expires_at, NOW + 1);
    ck_assert_str_eq(record->scopes,
                     "categories:read organizations:read programs:read reviews:read");
}
END_TEST

START_TEST(a_key_without_a_token_has_none)
{
    tai_key_issue_t issue = created(usual);

    ck_assert_str_eq(issue.token, "");
    ck_assert_int_eq(issue.info->has_token, 0);
    ck_assert_ptr_null(raw_value(path, "SELECT token_hash FROM api_keys"));
}
END_TEST

/* Only what the plan grants can be asked for, each scope once, in the order it was asked. */
static const struct {
    const char *plan;
    const char *asked;
    tai_change_e outcome;
    const char *says; /* the scopes, or a part of the sentence */
} scopes[] = {
    {"free", "reviews:read", TAI_CHANGE_DONE, "reviews:read"},
    {"free", "reviews:read,programs:read,reviews:read", TAI_CHANGE_DONE,
     "reviews:read programs:read"},
    {"claimed", "programs:write", TAI_CHANGE_DONE, "programs:write"},
    {"pro", "webhooks:manage", TAI_CHANGE_DONE, "webhooks:manage"},
    {"free", "", TAI_CHANGE_INVALID, "at least one"},
    {"free", "programs:rite", TAI_CHANGE_INVALID, "programs:write"},
    {"free", "Programs:read", TAI_CHANGE_INVALID, "programs:read"},
    {"free", "programs:read programs:write", TAI_CHANGE_PLAN, "requires a Claimed or Pro plan."},
    {"claimed", "analytics:read", TAI_CHANGE_PLAN, "requires a Pro plan."},
};

START_TEST(scopes_of_row)
{
    tai_key_order_t order = usual;

    must(tai_store_set_plan(store, "acme", scopes[_i].plan, &actor, NOW, pool, &text));
    order.scopes = list_of(scopes[_i].asked);
    if (scopes[_i].outcome == TAI_CHANGE_DONE) {
        ck_assert_str_eq(join(created(order).info->scopes), scopes[_i].says);
        return;
    }
    order.name = "refused";
    refused(order, scopes[_i].outcome);
    ck_assert_msg(strstr(text, scopes[_i].says) != NULL, "%s", text);
}
END_TEST

START_TEST(default_scopes_are_those_that_the_plan_grants)
{
    raw_run(path, "DELETE FROM plan_scopes WHERE plan = 'free' AND scope <> 'reviews:read'");
    ck_assert_str_eq(join(created(usual).info->scopes), "reviews:read");
    raw_run(path, "DELETE FROM plan_scopes WHERE plan = 'free'");
    refused(usual, TAI_CHANGE_INVALID);
}
END_TEST

static const struct {
    const char *field;
    tai_key_order_t order;
    tai_change_e reason;
} wrong[] = {
    {"name",
     {.account = "acme", .origin = "operator", .name = "", .expires_at = TAI_NEVER},
     TAI_CHANGE_INVALID},
    {"name",
     {.account = "acme", .origin = "operator", .name = "a\nb", .expires_at = TAI_NEVER},
     TAI_CHANGE_INVALID},
    {"limit",
     {.account = "acme",
      .origin = "operator",
      .name = "refused",
      .rate_limit = "5",
      .expires_at = TAI_NEVER},
     TAI_CHANGE_INVALID},
    {"future",
     {.account = "acme", .origin = "operator", .name = "refused", .expires_at = NOW},
     TAI_CHANGE_INVALID},
    {"future",
     {.account = "acme", .origin = "operator", .name = "refused", .expires_at = TAI_MALFORMED},
     TAI_CHANGE_INVALID},
    {"acne",
     {.account = "acne", .origin = "operator", .name = "refused", .expires_at = TAI_NEVER},
     TAI_CHANGE_NOT_FOUND},
};

START_TEST(wrong_order_of_row)
{
    refused(wrong[_i].order, wrong[_i].reason);
    ck_assert_msg(strstr(text, wrong[_i].field) != NULL, "%s", text);
}
END_TEST

START_TEST(only_an_active_owner_gets_a_key)
{

    must(tai_store_set_suspended(store, "acme", 1, &actor, NOW, pool, &text));
    ck_assert_ptr_nonnull(strstr(refused(usual, TAI_CHANGE_INACTIVE), "suspended"));
    must(tai_store_set_suspended(store, "acme", 0, &actor, NOW, pool, &text));
    created(usual);
    must(tai_store_disable_user(store, "ann", &actor, NOW, pool, &text));
    ck_assert_ptr_nonnull(strstr(refused(usual, TAI_CHANGE_INACTIVE), "primary administrator"));
}
END_TEST

START_TEST(revoked_and_expired_keys_leave_room)
{
    tai_key_order_t brief = usual;
    tai_key_issue_t issue;

    brief.expires_at = NOW + 10;
    created(brief);
    for (int i = 0; i < 9; i++) {
        issue = created(usual);
    }
    ck_assert_ptr_nonnull(strstr(refused(usual, TAI_CHANGE_FULL), "10"));
    revoked(issue.info->id, NOW);
    created(usual);
    refused(usual, TAI_CHANGE_FULL);
    must(tai_store_create_key(store, &usual, &actor, NOW + 10, pool, &issue, &text));
}
END_TEST

#define CHILDREN 50

/* Exits with the outcome. All wait for the pipe to close, so that they start at once. */
static void create_in_child(const int start[2])
{
    tai_key_issue_t issue;
    tai_change_e outcome;
    char byte;

    close(start[1]);
    if (read(start[0], &byte, 1) != 0) {
        _exit(99);
    }
    outcome = tai_store_create_key(store, &usual, &actor, NOW, pool, &issue, &text);
    apr_pool_destroy(pool);
    _exit((int)outcome);
}

START_TEST(parallel_creations_leave_exactly_what_the_plan_allows)
{
    int outcomes[TAI_CHANGE_UNKNOWN + 1] = {0};
    int start[2], status;

    ck_assert_int_eq(pipe(start), 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();

        ck_assert_int_ge(child, 0);
        if (child == 0) {
            create_in_child(start);
        }
    }
    close(start[0]);
    close(start[1]);
    for (int i = 0; i < CHILDREN; i++) {
        ck_assert_int_gt(wait(&status), 0);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) <= TAI_CHANGE_UNKNOWN);
        outcomes[WEXITSTATUS(status)]++;
    }
    ck_assert_int_eq(outcomes[TAI_CHANGE_DONE], 10);
    ck_assert_int_eq(outcomes[TAI_CHANGE_FULL], CHILDREN - 10);
    ck_assert_str_eq(raw_value(path, "SELECT COUNT(*) FROM api_keys"), "10");
}
END_TEST

START_TEST(a_revocation_keeps_its_first_time)
{
    tai_key_issue_t issue = created(usual);
    const tai_key_name_t names[] = {{.text = issue.info->id},
                                    {.text = issue.info->prefix},
                                    {.text = apr_pstrcat(pool, issue.info->prefix, "...", NULL)},
                                    {.hash = digest_of(issue.key)}};
    const tai_key_info_t *info;
    int again;

    for (int i = 0; i < ROWS(names); i++) {
        must(tai_store_revoke_key(store, &names[i], &actor, NOW + i, pool, &info, &again, &text));
        ck_assert_int_eq(again, i > 0);
        ck_assert_int_eq(info->revoked_at, NOW);
        ck_assert_str_eq(info->id, issue.info->id);
        ck_assert_str_eq(tai_key_status(info, NOW), "revoked");
    }
}
END_TEST

START_TEST(a_shared_prefix_names_no_key)
{
    const char *first = created(usual).info->id, *second = created(usual).info->id;
    const tai_key_info_t *info;
    int again;

    raw_run(path, "UPDATE api_keys SET prefix = 'tai_same0000'");
    ck_assert_int_eq(tai_store_revoke_key(store, &(tai_key_name_t){.text = "tai_same0000"}, &actor,
                                          NOW, pool, &info, &again, &text),
                     TAI_CHANGE_INVALID);
    ck_assert_ptr_nonnull(strstr(text, first));
    ck_assert_ptr_nonnull(strstr(text, second));
    ck_assert_str_eq(raw_value(path, "SELECT COUNT(revoked_at) FROM api_keys"), "0");
    ck_assert_int_eq(tai_store_revoke_key(store, &(tai_key_name_t){.text = "tai_other"}, &actor,
                                          NOW, pool, &info, &again, &text),
                     TAI_CHANGE_NOT_FOUND);
}
END_TEST

START_TEST(effective_scopes_follow_the_plan)
{
    tai_key_order_t order = usual;
    const tai_key_info_t *info;
    apr_array_header_t *keys;

    must(tai_store_set_plan(store, "acme", "pro", &actor, NOW, pool, &text));
    order.scopes = list_of("analytics:read programs:write programs:read");
    created(order);
    must(tai_store_set_plan(store, "acme", "claimed", &actor, NOW, pool, &text));
    must(tai_store_list_keys(store, "acme", NOW, pool, &keys, &text));
    ck_assert_int_eq(keys->nelts, 1);
    info = APR_ARRAY_IDX(keys, 0, const tai_key_info_t *);
    ck_assert_str_eq(join(info->scopes), "analytics:read programs:write programs:read");
    ck_assert_str_eq(join(info->effective), "programs:read programs:write");
}
END_TEST

/* A look-up holds them once for each scope of the plan: without a bound that is all of memory. */
START_TEST(scopes_have_a_greatest_length)
{
    tai_key_order_t order = usual;
    tai_key_issue_t issue;

    raw_run(path, "INSERT INTO scopes"
                  " WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 59)"
                  " SELECT 'a-scope-with-a-name-of-nearly-as-many-characters-as-may-be-' || i,"
                  " 'x', 1 FROM n; INSERT INTO plan_scopes SELECT 'free', name FROM scopes"
                  " WHERE name LIKE 'a-scope%'");
    order.scopes = NULL;
    ck_assert_int_eq(tai_store_create_key(store, &order, &actor, NOW, pool, &issue, &text),
                     TAI_CHANGE_INVALID);
    ck_assert_ptr_nonnull(strstr(text, "2000"));
}
END_TEST

/* The rules that stand in the database itself. */
static const char *const forbidden[] = {
    "UPDATE api_keys SET scopes = 'programs:write'",
    "UPDATE api_keys SET key_hash = token_hash",
    "UPDATE api_keys SET token_hash = NULL",
    "UPDATE api_keys SET token_hash = key_hash",
    "UPDATE api_keys SET account_id = 'acc_2'",
    "UPDATE api_keys SET user_id = 'usr_2'",
    "UPDATE api_keys SET line = 'key_2'",
    "UPDATE api_keys SET id = 'key_2'",
    "UPDATE OR REPLACE api_keys SET scopes = 'programs:write'",
    "INSERT OR REPLACE INTO api_keys SELECT id, line, account_id, user_id, name, prefix, key_hash,"
    " token_hash, 'programs:write', rate_limit, created_at, expires_at, revoked_at, last_used_at,"
    " origin FROM api_keys",
    "INSERT OR REPLACE INTO api_keys SELECT 'key_2', line, account_id, user_id, name, prefix,"
    " key_hash, token_hash, 'programs:write', rate_limit, created_at, expires_at, NULL,"
    " last_used_at, origin FROM api_keys",
    "INSERT INTO api_keys SELECT 'key_2', line, account_id, user_id, name, prefix, token_hash, "
    "NULL,"
    " REPLACE(REPLACE(REPLACE('xxxxxxxxxxxxx', 'x', 'yyyyyyyyyyyyy'), 'y', 'zzzzzzzzzzzz'), 'z',"
    " 'a '), NULL, 1, NULL, NULL, NULL, origin FROM api_keys",
    "UPDATE api_keys SET revoked_at = 1; UPDATE api_keys SET revoked_at = NULL",
    "UPDATE api_keys SET revoked_at = 1; UPDATE api_keys SET revoked_at = 2",
    "UPDATE accounts SET status = 'golden'",
    "UPDATE users SET status = 'suspended'",
    "UPDATE users SET role = 'owner'",
    "UPDATE plans SET max_keys = -1",
    "INSERT INTO users VALUES ('usr_3', (SELECT id FROM accounts), 'eve', NULL, 'primary_admin',"
    " 'active', 1)",
    "INSERT INTO users VALUES ('usr_3', (SELECT id FROM accounts), 'ann', NULL, 'member',"
    " 'active', 1)",
    "INSERT INTO accounts VALUES ('acc_3', 'acme', 'free', 'active', 1)",
    "PRAGMA foreign_keys = ON; DELETE FROM accounts",
    "PRAGMA foreign_keys = ON; DELETE FROM plans",
    "PRAGMA foreign_keys = ON; UPDATE accounts SET plan = 'gold'",
};

START_TEST(the_database_refuses_row)
{
    tai_key_order_t order = usual;

    order.with_token = 1;
    created(order);
    ck_assert_msg(raw_try(path, forbidden[_i]) != NULL, "%s", forbidden[_i]);
}
END_TEST

static const char *const allowed[] = {
    "UPDATE api_keys SET name = 'other'",
    "UPDATE api_keys SET last_used_at = 5",
    "UPDATE api_keys SET expires_at = 5",
    "UPDATE api_keys SET revoked_at = 5",
    "UPDATE api_keys SET revoked_at = 5; UPDATE api_keys SET last_used_at = 6",
    "UPDATE api_keys SET scopes = scopes, key_hash = key_hash",
};

START_TEST(the_database_allows_row)
{
    created(usual);
    raw_run(path, allowed[_i]);
}
END_TEST

/* Nothing of a change is left where its database went away in the middle of the day. */
START_TEST(a_change_without_a_database_is_unknown)
{
    tai_key_issue_t issue;

    created(usual);
    take_away();
    ck_assert_int_eq(tai_store_create_key(store, &usual, &actor, NOW, pool, &issue, &text),
                     TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, called));
    ck_assert_int_eq(access(path, F_OK), -1);
    bring_back();
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys"), 1);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, a_new_key_is_found_by_its_digest);
    tcase_add_test(tests, a_key_without_a_token_has_none);
    tcase_add_loop_test(tests, scopes_of_row, 0, ROWS(scopes));
    tcase_add_test(tests, default_scopes_are_those_that_the_plan_grants);
    tcase_add_loop_test(tests, wrong_order_of_row, 0, ROWS(wrong));
    tcase_add_test(tests, only_an_active_owner_gets_a_key);
    tcase_add_test(tests, revoked_and_expired_keys_leave_room);
    tcase_add_test(tests, parallel_creations_leave_exactly_what_the_plan_allows);
    tcase_add_test(tests, a_revocation_keeps_its_first_time);
    tcase_add_test(tests, a_shared_prefix_names_no_key);
    tcase_add_test(tests, effective_scopes_follow_the_plan);
    tcase_add_test(tests, scopes_have_a_greatest_length);
    tcase_add_loop_test(tests, the_database_refuses_row, 0, ROWS(forbidden));
    tcase_add_loop_test(tests, the_database_allows_row, 0, ROWS(allowed));
    tcase_add_test(tests, a_change_without_a_database_is_unknown);
}

int main(void)
{
    return unit_run("store_keys", add);
}
