#include "acme.h"

/* Who may make keys, what the token endpoint replaces, and whose keys one sees. */

static const tai_actor_t ann = {"ann", "192.0.2.1"};

/* What a user orders for himself. */
static tai_key_order_t order_of(const char *user_id, const char *origin)
{
    return (tai_key_order_t){
        .user_id = user_id, .origin = origin, .name = "mine", .expires_at = TAI_NEVER};
}

static const char *ann_id(void)
{
    return id_of("users", "username", "ann");
}

static tai_key_issue_t made(tai_key_order_t order, apr_int64_t now)
{
    tai_key_issue_t issue;

    must(tai_store_create_key(store, &order, &ann, now, pool, &issue, &text));
    return issue;
}

static const char *not_made(tai_key_order_t order, tai_change_e reason)
{
    static const tai_key_issue_t empty;
    const int keys = counted("SELECT COUNT(*) FROM api_keys");
    const int lines = counted("SELECT COUNT(*) FROM audit_log");
    tai_key_issue_t issue;

    text = NULL;
    ck_assert_int_eq(tai_store_create_key(store, &order, &ann, NOW, pool, &issue, &text), reason);
    ck_assert_ptr_nonnull(text);
    ck_assert_mem_eq(&issue, &empty, sizeof(empty));
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys"), keys);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log"), lines);
    return text;
}

START_TEST(an_administrator_makes_a_key_for_himself)
{
    const tai_key_info_t *info = made(order_of(ann_id(), "api"), NOW).info;

    ck_assert_str_eq(info->user, "ann");
    ck_assert_str_eq(info->user_id, ann_id());
    ck_assert_str_eq(info->account, "acme");
    ck_assert_str_eq(info->account_id, id_of("accounts", "name", "acme"));
    ck_assert_str_eq(info->origin, "api");
}
END_TEST

START_TEST(nobody_else_does)
{
    const tai_key_order_t order = order_of(ann_id(), "api");
    tai_user_t *bob;

    must(tai_store_add_user(store, "acme", "bob", NULL, NULL, &actor, NOW, pool, &bob, &text));
    ck_assert_ptr_nonnull(strstr(not_made(order_of(bob->id, "api"), TAI_CHANGE_ROLE), "bob"));
    not_made(order_of("usr_nobody", "api"), TAI_CHANGE_NOT_FOUND);
    must(tai_store_disable_user(store, "ann", &actor, NOW, pool, &text));
    ck_assert_ptr_nonnull(strstr(not_made(order, TAI_CHANGE_INACTIVE), "disabled"));
    must(tai_store_enable_user(store, "ann", &actor, NOW, pool, &text));
    must(tai_store_set_suspended(store, "acme", 1, &actor, NOW, pool, &text));
    ck_assert_ptr_nonnull(strstr(not_made(order, TAI_CHANGE_INACTIVE), "suspended"));
    must(tai_store_close_account(store, "acme", &actor, NOW, pool, &text));
    ck_assert_ptr_nonnull(strstr(not_made(order, TAI_CHANGE_INACTIVE), "closed"));
}
END_TEST

START_TEST(an_unknown_origin_makes_no_key)
{
    not_made(order_of(ann_id(), "gift"), TAI_CHANGE_UNKNOWN);
}
END_TEST

/* ---- what the token endpoint gives --------------------------------------------------------- */

START_TEST(asked_again_it_replaces_the_key)
{
    const tai_key_order_t order = order_of(ann_id(), "token");
    const tai_key_info_t *first = made(order, NOW).info;
    const tai_key_info_t *second = made(order, NOW + 5).info;

    ck_assert_str_eq(first->line, first->id);
    ck_assert_str_eq(second->line, first->id);
    ck_assert_int_eq(shown(first->id)->revoked_at, NOW + 5);
    ck_assert_int_eq(shown(second->id)->revoked_at, TAI_NEVER);
    ck_assert_str_eq(raw_list(path, "SELECT action, subject, detail FROM audit_log"
                                    " WHERE actor = 'ann' ORDER BY seq"),
                     apr_pstrcat(pool, "token.issue ", first->id, " name: mine;key.revoke ",
                                 first->id, " replaced by ", second->id, ";token.issue ",
                                 second->id, " name: mine", NULL));
}
END_TEST

/* Who cannot wait until the end of another key is known everywhere may end none. */
START_TEST(one_that_ends_none_replaces_none)
{
    tai_key_order_t order = order_of(ann_id(), "token");
    const char *first;

    order.ends_none = 1;
    first = made(order, NOW).info->id;
    not_made(order, TAI_CHANGE_KEY);
    ck_assert_int_eq(shown(first)->revoked_at, TAI_NEVER);
    order.ends_none = 0;
    ck_assert_int_eq(made(order, NOW).ended, 1);
    revoked(first, NOW);
}
END_TEST

/* What ends a user's access while his password is checked ends the log-in too. */
START_TEST(a_password_that_is_his_no_more_makes_no_key)
{
    tai_principal_t *before;
    tai_key_issue_t issue;
    tai_key_order_t order = {.origin = "token", .name = "a key", .expires_at = TAI_NEVER};

    ck_assert_int_eq(tai_store_find_principal(store, "ann", pool, &before, &text), APR_SUCCESS);
    order.user_id = before->user_id;
    order.principal = before;
    must(tai_store_create_key(store, &order, &actor, NOW, pool, &issue, &text));
    must(tai_store_set_password(store, "ann", "another hash", &actor, NOW, pool, &text));
    ck_assert_int_eq(tai_store_create_key(store, &order, &actor, NOW, pool, &issue, &text),
                     TAI_CHANGE_INACTIVE);
    ck_assert_str_eq(issue.key, "");
}
END_TEST

START_TEST(other_keys_are_not_replaced)
{
    const char *api = made(order_of(ann_id(), "api"), NOW).info->id;
    const char *theirs = created(usual).info->id;

    made(order_of(ann_id(), "token"), NOW);
    made(order_of(ann_id(), "api"), NOW);
    made(order_of(ann_id(), "token"), NOW);
    ck_assert_int_eq(shown(api)->revoked_at, TAI_NEVER);
    ck_assert_int_eq(shown(theirs)->revoked_at, TAI_NEVER);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys WHERE revoked_at IS NULL"), 4);
}
END_TEST

START_TEST(at_the_limit_a_key_can_still_be_replaced)
{
    const tai_key_order_t order = order_of(ann_id(), "token");
    const char *id = made(order, NOW).info->id;

    for (int i = 0; i < 9; i++) {
        created(usual);
    }
    for (int i = 0; i < 3; i++) {
        id = made(order, NOW).info->id;
    }
    not_made(order_of(ann_id(), "api"), TAI_CHANGE_FULL);
    revoked(id, NOW);
    created(usual);
    not_made(order, TAI_CHANGE_FULL); /* none is there to replace */
}
END_TEST

START_TEST(an_expired_key_is_not_replaced_but_followed)
{
    tai_key_order_t order = order_of(ann_id(), "token");
    const tai_key_info_t *first, *second;

    order.expires_at = NOW + 10;
    first = made(order, NOW).info;
    order.expires_at = TAI_NEVER;
    second = made(order, NOW + 10).info;
    ck_assert_str_eq(second->line, second->id);
    ck_assert_int_eq(shown(first->id)->revoked_at, TAI_NEVER);
}
END_TEST

/* In the grace of a roll two of them are active: both go. */
START_TEST(a_rolled_key_is_replaced_with_its_predecessor)
{
    const tai_key_order_t order = order_of(ann_id(), "token");
    const char *first = made(order, NOW).info->id, *second, *third;
    tai_key_issue_t issue;

    must(tai_store_roll_key(store, &(tai_key_name_t){.text = first}, 60, ann_id(), &ann, NOW, pool,
                            &issue, &text));
    second = issue.info->id;
    third = made(order, NOW).info->id;
    ck_assert_int_eq(shown(first)->revoked_at, NOW);
    ck_assert_int_eq(shown(second)->revoked_at, NOW);
    ck_assert_str_eq(shown(third)->line, first);
}
END_TEST

/* ---- whose keys ---------------------------------------------------------------------------- */

/* The key of acme as bolt names it: by what its id, prefix and digest are. */
static tai_key_name_t as_bolt(const char *id)
{
    tai_account_t *bolt;

    must(tai_store_add_account(store, "bolt", "pro", &actor, NOW, pool, &bolt, &text));
    return (tai_key_name_t){.text = id, .account_id = bolt->id};
}

START_TEST(a_key_of_another_account_looks_like_an_unknown_one)
{
    const char *id = created(usual).info->id;
    const tai_key_name_t name = as_bolt(id);
    const tai_key_info_t *info;
    int again;

    ck_assert_int_eq(tai_store_show_key(store, &name, NOW, pool, &info, &text),
                     TAI_CHANGE_NOT_FOUND);
    ck_assert_int_eq(tai_store_rename_key(store, &name, "stolen", &actor, NOW, pool, &info, &text),
                     TAI_CHANGE_NOT_FOUND);
    ck_assert_int_eq(tai_store_revoke_key(store, &name, &actor, NOW, pool, &info, &again, &text),
                     TAI_CHANGE_NOT_FOUND);
    ck_assert_str_eq(shown(id)->name, "a key");
    ck_assert_int_eq(shown(id)->revoked_at, TAI_NEVER);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log WHERE action LIKE 'key.%'"), 1);
}
END_TEST

START_TEST(an_owner_names_a_key_by_its_id_alone)
{
    const tai_key_issue_t issue = created(usual);
    const char *account_id = issue.info->account_id;
    const tai_key_name_t names[] = {
        {.text = issue.info->id, .account_id = account_id},
        {.text = issue.info->prefix, .account_id = account_id},
        {.text = "", .account_id = account_id},
    };
    const tai_key_info_t *info;

    for (int i = 0; i < ROWS(names); i++) {
        ck_assert_int_eq(tai_store_show_key(store, &names[i], NOW, pool, &info, &text),
                         i == 0 ? TAI_CHANGE_DONE : TAI_CHANGE_NOT_FOUND);
    }
}
END_TEST

START_TEST(a_key_gets_another_name)
{
    const char *id = created(usual).info->id;
    const tai_key_name_t name = {.text = id};
    const tai_key_info_t *info;

    must(tai_store_rename_key(store, &name, "b\303\251", &ann, NOW, pool, &info, &text));
    ck_assert_str_eq(info->name, "b\303\251");
    ck_assert_str_eq(shown(id)->name, "b\303\251");
    ck_assert_int_eq(tai_store_rename_key(store, &name, "", &ann, NOW, pool, &info, &text),
                     TAI_CHANGE_INVALID);
    ck_assert_int_eq(tai_store_rename_key(store, &name, "a\nb", &ann, NOW, pool, &info, &text),
                     TAI_CHANGE_INVALID);
    ck_assert_str_eq(shown(id)->name, "b\303\251");
    raw_run(path, by_driver("UPDATE api_keys SET name = x''", "UPDATE api_keys SET name = '\n'",
                            "UPDATE api_keys SET name = '\n'"));
    must(tai_store_rename_key(store, &name, "again", &ann, NOW, pool, &info, &text));
    ck_assert_str_eq(info->name, "again");
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, an_administrator_makes_a_key_for_himself);
    tcase_add_test(tests, nobody_else_does);
    tcase_add_test(tests, an_unknown_origin_makes_no_key);
    tcase_add_test(tests, asked_again_it_replaces_the_key);
    tcase_add_test(tests, one_that_ends_none_replaces_none);
    tcase_add_test(tests, a_password_that_is_his_no_more_makes_no_key);
    tcase_add_test(tests, other_keys_are_not_replaced);
    tcase_add_test(tests, at_the_limit_a_key_can_still_be_replaced);
    tcase_add_test(tests, an_expired_key_is_not_replaced_but_followed);
    tcase_add_test(tests, a_rolled_key_is_replaced_with_its_predecessor);
    tcase_add_test(tests, a_key_of_another_account_looks_like_an_unknown_one);
    tcase_add_test(tests, an_owner_names_a_key_by_its_id_alone);
    tcase_add_test(tests, a_key_gets_another_name);
}

int main(void)
{
    return unit_run("store_owner", add);
}
