#include "acme.h"

/* Accounts and their users. */

static tai_account_t *account_of(const char *name)
{
    tai_account_t *account;

    must(tai_store_show_account(store, name, NOW, pool, &account, &text));
    return account;
}

START_TEST(an_account_shows_its_counts)
{
    tai_key_order_t brief = usual;
    const char *old = created(usual).info->id;
    tai_key_issue_t issue;
    tai_account_t *account;
    tai_user_t *user;

    must(tai_store_add_user(store, "acme", "bob", NULL, NULL, &actor, NOW, pool, &user, &text));
    must(tai_store_disable_user(store, "bob", &actor, NOW, pool, &text));
    must(tai_store_roll_key(store, &(tai_key_name_t){.text = old}, 60, NULL, &actor, NOW, pool,
                            &issue, &text));
    brief.expires_at = NOW + 10;
    created(brief);
    revoked(created(usual).info->id, NOW);
    account = account_of("acme");
    ck_assert_str_eq(account->name, "acme");
    ck_assert_str_eq(account->plan, "free");
    ck_assert_str_eq(account->status, "active");
    ck_assert_int_eq(account->created_at, NOW);
    ck_assert_int_eq(account->users, 1);
    ck_assert_int_eq(account->active_keys, 2); /* the pair, and the one that ends soon */
    ck_assert_int_eq(account->max_keys, 10);
    must(tai_store_account_by_id(store, account->id, NOW + 10, pool, &account, &text));
    ck_assert_str_eq(account->name, "acme");
    ck_assert_int_eq(account->active_keys, 1);
}
END_TEST

/* As an import leaves them, with what is true of the others. */
static void plant_keys(int count)
{
    raw_run(
        path,
        apr_psprintf(
            pool,
            "INSERT INTO api_keys (id, line, account_id, user_id, name, prefix, key_hash,"
            " scopes, origin, created_at)"
            " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
            " SELECT 'key_' || i, 'key_' || i, u.account_id, u.id, 'many', 'many', %s,"
            " 'programs:read', 'import', 1 FROM n, users u",
            count,
            by_driver("PRINTF('%064d', i)", "LPAD(CAST(i AS TEXT), 64, '0')", "LPAD(i, 64, '0')")));
}

START_TEST(very_many_keys_are_not_counted_each_time)
{
    const char *id = account_of("acme")->id;
    tai_account_t *account;
    tai_key_issue_t issue;

    plant_keys(TAI_KEYS_COUNTED + 1);
    ck_assert_int_eq(account_of("acme")->active_keys, TAI_KEYS_COUNTED + 1);
    must(tai_store_account_by_id(store, id, NOW, pool, &account, &text));
    ck_assert_int_eq(account->active_keys, TAI_KEYS_COUNTED);
    ck_assert_int_eq(tai_store_create_key(store, &usual, &actor, NOW, pool, &issue, &text),
                     TAI_CHANGE_FULL);

    /* the plan's own limit is kept exactly, however many it allows */
    raw_run(path, apr_psprintf(pool, "UPDATE plans SET max_keys = %d", TAI_KEYS_COUNTED + 2));
    created(usual);
    ck_assert_int_eq(tai_store_create_key(store, &usual, &actor, NOW, pool, &issue, &text),
                     TAI_CHANGE_FULL);
    must(tai_store_account_by_id(store, id, NOW, pool, &account, &text));
    ck_assert_int_eq(account->active_keys, TAI_KEYS_COUNTED + 2);
}
END_TEST

START_TEST(an_unknown_account_is_not_found)
{
    const char *id = account_of("acme")->id;
    tai_account_t *account;
    apr_array_header_t *users;

    ck_assert_int_eq(tai_store_show_account(store, "acne", NOW, pool, &account, &text),
                     TAI_CHANGE_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(text, "acne"));
    ck_assert_int_eq(tai_store_show_account(store, id, NOW, pool, &account, &text),
                     TAI_CHANGE_NOT_FOUND);
    ck_assert_int_eq(tai_store_account_by_id(store, "acme", NOW, pool, &account, &text),
                     TAI_CHANGE_NOT_FOUND);
    ck_assert_int_eq(tai_store_list_users(store, "acne", pool, &users, &text),
                     TAI_CHANGE_NOT_FOUND);
    ck_assert_int_eq(tai_store_close_account(store, "acne", &actor, NOW, pool, &text),
                     TAI_CHANGE_NOT_FOUND);
}
END_TEST

START_TEST(a_closed_account_stays_closed)
{
    must(tai_store_set_suspended(store, "acme", 1, &actor, NOW, pool, &text));
    must(tai_store_close_account(store, "acme", &actor, NOW, pool, &text));
    must(tai_store_close_account(store, "acme", &actor, NOW, pool, &text));
    for (int suspended = 0; suspended <= 1; suspended++) {
        ck_assert_int_eq(
            tai_store_set_suspended(store, "acme", suspended, &actor, NOW, pool, &text),
            TAI_CHANGE_INACTIVE);
    }
    ck_assert_str_eq(account_of("acme")->status, "closed");
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log WHERE action = 'account.close'"), 1);
}
END_TEST

/* A plan without a name, put there by hand, stands in nobody's way. */
START_TEST(an_account_comes_off_a_plan_that_is_none)
{
    raw_run(path, by_driver("INSERT INTO plans VALUES (x'', 'None', 9, NULL, 1);"
                            " UPDATE accounts SET plan = x''",
                            "INSERT INTO plans VALUES ('', 'None', 9, NULL, 1);"
                            " UPDATE accounts SET plan = ''",
                            "INSERT INTO plans VALUES ('', 'None', 9, NULL, 1);"
                            " UPDATE accounts SET plan = ''"));
    must(tai_store_set_plan(store, "acme", "pro", &actor, NOW, pool, &text));
    ck_assert_str_eq(account_of("acme")->plan, "pro");
    ck_assert_int_eq(tai_store_set_plan(store, "acme", "gold", &actor, NOW, pool, &text),
                     TAI_CHANGE_INVALID);
}
END_TEST

START_TEST(users_are_listed_by_name)
{
    apr_array_header_t *users;
    const tai_user_t *user;
    tai_account_t *bolt;
    tai_user_t *added;

    must(tai_store_add_account(store, "bolt", "pro", &actor, NOW, pool, &bolt, &text));
    must(tai_store_add_user(store, "bolt", "amy", NULL, NULL, &actor, NOW, pool, &added, &text));
    must(tai_store_add_user(store, "acme", "abe", NULL, "$2y$", &actor, NOW + 1, pool, &added,
                            &text));
    must(tai_store_disable_user(store, "abe", &actor, NOW, pool, &text));
    must(tai_store_list_users(store, "acme", pool, &users, &text));
    ck_assert_int_eq(users->nelts, 2);
    user = APR_ARRAY_IDX(users, 0, const tai_user_t *);
    ck_assert_str_eq(user->id, added->id);
    ck_assert_str_eq(user->username, "abe");
    ck_assert_str_eq(user->account, "acme");
    ck_assert_str_eq(user->account_id, account_of("acme")->id);
    ck_assert_str_eq(user->role, "member");
    ck_assert_str_eq(user->status, "disabled");
    ck_assert_int_eq(user->created_at, NOW + 1);
    ck_assert_str_eq(APR_ARRAY_IDX(users, 1, const tai_user_t *)->username, "ann");
}
END_TEST

START_TEST(a_user_comes_back_as_what_he_was)
{
    tai_user_t *user;

    must(tai_store_disable_user(store, "ann", &actor, NOW, pool, &text));
    must(tai_store_enable_user(store, "ann", &actor, NOW, pool, &text));
    must(tai_store_enable_user(store, "ann", &actor, NOW, pool, &text));
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM audit_log WHERE action = 'user.enable'"), 1);
    must(tai_store_disable_user(store, "ann", &actor, NOW, pool, &text));
    must(tai_store_add_user(store, "acme", "eve", NULL, NULL, &actor, NOW, pool, &user, &text));
    ck_assert_str_eq(user->role, "primary_admin");
    ck_assert_int_eq(tai_store_enable_user(store, "ann", &actor, NOW, pool, &text),
                     TAI_CHANGE_TAKEN);
    ck_assert_ptr_nonnull(strstr(text, "eve"));
    ck_assert_str_eq(raw_value(path, "SELECT status FROM users WHERE username = 'ann'"),
                     "disabled");
    must(tai_store_disable_user(store, "eve", &actor, NOW, pool, &text));
    must(tai_store_enable_user(store, "ann", &actor, NOW, pool, &text));
    ck_assert_int_eq(tai_store_enable_user(store, "eve", &actor, NOW, pool, &text),
                     TAI_CHANGE_TAKEN);
    ck_assert_int_eq(tai_store_enable_user(store, "nobody", &actor, NOW, pool, &text),
                     TAI_CHANGE_NOT_FOUND);
}
END_TEST

START_TEST(a_member_comes_back_beside_any_administrator)
{
    tai_user_t *user;

    must(tai_store_add_user(store, "acme", "bob", NULL, NULL, &actor, NOW, pool, &user, &text));
    must(tai_store_disable_user(store, "bob", &actor, NOW, pool, &text));
    must(tai_store_enable_user(store, "bob", &actor, NOW, pool, &text));
    ck_assert_str_eq(raw_value(path, "SELECT status FROM users WHERE username = 'bob'"), "active");
}
END_TEST

START_TEST(an_account_has_one_active_primary_administrator)
{
    tai_user_t *user;

    must(tai_store_add_user(store, "acme", "bob", NULL, NULL, &actor, NOW, pool, &user, &text));
    ck_assert_str_eq(user->role, "member");
    ck_assert_int_eq(tai_store_add_user(store, "acme", "eve", "primary_admin", NULL, &actor, NOW,
                                        pool, &user, &text),
                     TAI_CHANGE_TAKEN);
    ck_assert_ptr_nonnull(strstr(text, "ann"));
    must(tai_store_disable_user(store, "ann", &actor, NOW, pool, &text));
    must(tai_store_add_user(store, "acme", "eve", NULL, NULL, &actor, NOW, pool, &user, &text));
    ck_assert_str_eq(user->role, "primary_admin");
}
END_TEST

START_TEST(names_are_unique)
{
    tai_account_t *account;
    tai_user_t *user;

    ck_assert_int_eq(
        tai_store_add_account(store, "acme", "free", &actor, NOW, pool, &account, &text),
        TAI_CHANGE_TAKEN);
    must(tai_store_add_account(store, "bolt", "free", &actor, NOW, pool, &account, &text));
    ck_assert_int_eq(
        tai_store_add_user(store, "bolt", "ann", NULL, NULL, &actor, NOW, pool, &user, &text),
        TAI_CHANGE_TAKEN);
    ck_assert_int_eq(
        tai_store_add_account(store, "gold", "gold", &actor, NOW, pool, &account, &text),
        TAI_CHANGE_INVALID);
    ck_assert_ptr_nonnull(strstr(text, "free, claimed, pro"));
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, an_account_shows_its_counts);
    tcase_add_test(tests, very_many_keys_are_not_counted_each_time);
    tcase_add_test(tests, an_unknown_account_is_not_found);
    tcase_add_test(tests, a_closed_account_stays_closed);
    tcase_add_test(tests, an_account_comes_off_a_plan_that_is_none);
    tcase_add_test(tests, users_are_listed_by_name);
    tcase_add_test(tests, a_user_comes_back_as_what_he_was);
    tcase_add_test(tests, a_member_comes_back_beside_any_administrator);
    tcase_add_test(tests, an_account_has_one_active_primary_administrator);
    tcase_add_test(tests, names_are_unique);
}

int main(void)
{
    return unit_run("store_accounts", add);
}
