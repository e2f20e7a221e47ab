#include "acme.h"

/* The log of who did what. */

static const tai_actor_t ann = {"ann", "192.0.2.1"};

/* The lines behind the two that made acme, as "action subject detail; ..." */
static const char *logged(void)
{
    apr_array_header_t *lines =
        raw_rows(path, "SELECT action, subject, detail FROM audit_log WHERE seq > 2 ORDER BY seq");
    const char *all = "";

    for (int i = 0; i < lines->nelts; i++) {
        all =
            apr_pstrcat(pool, all, i > 0 ? "; " : "", APR_ARRAY_IDX(lines, i, const char *), NULL);
    }
    return all;
}

static const char *line(const char *action, const char *subject, const char *detail)
{
    return apr_pstrcat(pool, action, " ", subject, " ", detail, NULL);
}

START_TEST(an_account_is_recorded_from_its_making_to_its_end)
{
    tai_account_t *bolt;

    must(tai_store_add_account(store, "bolt", "pro", &actor, NOW, pool, &bolt, &text));
    must(tai_store_set_plan(store, "bolt", "free", &actor, NOW, pool, &text));
    must(tai_store_set_suspended(store, "bolt", 1, &actor, NOW, pool, &text));
    must(tai_store_set_suspended(store, "bolt", 0, &actor, NOW, pool, &text));
    must(tai_store_close_account(store, "bolt", &actor, NOW, pool, &text));
    ck_assert_str_eq(logged(),
                     apr_pstrcat(pool, line("account.create", bolt->id, "plan: pro"), "; ",
                                 line("account.plan", bolt->id, "plan: pro -> free"), "; ",
                                 line("account.suspend", bolt->id, "-"), "; ",
                                 line("account.reinstate", bolt->id, "-"), "; ",
                                 line("account.close", bolt->id, "-"), NULL));
}
END_TEST

START_TEST(a_user_is_recorded)
{
    tai_user_t *bob;

    must(tai_store_add_user(store, "acme", "bob", NULL, NULL, &actor, NOW, pool, &bob, &text));
    must(tai_store_set_password(store, "bob", "$2y$secret", &actor, NOW, pool, &text));
    must(tai_store_disable_user(store, "bob", &actor, NOW, pool, &text));
    must(tai_store_enable_user(store, "bob", &actor, NOW, pool, &text));
    ck_assert_str_eq(logged(),
                     apr_pstrcat(pool, line("user.create", bob->id, "username: bob, role: member"),
                                 "; ", line("user.password", bob->id, "-"), "; ",
                                 line("user.disable", bob->id, "-"), "; ",
                                 line("user.enable", bob->id, "-"), NULL));
}
END_TEST

START_TEST(a_key_is_recorded)
{
    const char *id = created(usual).info->id, *next;
    const tai_key_info_t *info;
    tai_key_issue_t issue;

    must(tai_store_rename_key(store, &(tai_key_name_t){.text = id}, "other", &ann, NOW, pool, &info,
                              &text));
    must(tai_store_roll_key(store, &(tai_key_name_t){.text = id}, 60, NULL, &actor, NOW, pool,
                            &issue, &text));
    next = issue.info->id;
    revoked(next, NOW);
    ck_assert_str_eq(
        logged(),
        apr_pstrcat(pool, line("key.create", id, "name: a key"), "; ",
                    line("key.rename", id, "name: a key -> other"), "; ",
                    line("key.roll", id, apr_pstrcat(pool, "new: ", next, ", grace: 60 s", NULL)),
                    "; ", line("key.revoke", next, "-"), NULL));
}
END_TEST

/* As many characters of four bytes each. */
static const char *wide(int length)
{
    const char *name = "";

    for (int i = 0; i < length; i++) {
        name = apr_pstrcat(pool, name, "\360\237\224\221", NULL);
    }
    return name;
}

/* A name that somebody put there by hand begins no line of its own and fits the column. */
START_TEST(an_odd_old_name_is_escaped)
{
    const tai_key_name_t name = {.text = created(usual).info->id};
    const tai_key_info_t *info;

    raw_run(path, by_driver("UPDATE api_keys SET name = 'a' || CHAR(10) || CAST(x'ff' AS TEXT)",
                            "UPDATE api_keys SET name = 'a\n\303\277'",
                            "UPDATE api_keys SET name = 'a\n\303\277'"));
    must(tai_store_rename_key(store, &name, "b", &actor, NOW, pool, &info, &text));
    ck_assert_ptr_nonnull(
        strstr(logged(), on("sqlite3") ? "name: a\\x0a\\xff -> b" : "name: a\\x0a\\xc3\\xbf -> b"));
    raw_run(path, on("sqlite3") ? "UPDATE api_keys SET name = HEX(ZEROBLOB(500))"
                                : apr_psprintf(pool, "UPDATE api_keys SET name = '%s'", wide(100)));
    must(tai_store_rename_key(store, &name, "c", &actor, NOW, pool, &info, &text));
    ck_assert_int_le(counted("SELECT MAX(LENGTH(detail)) FROM audit_log"), 255);
}
END_TEST

/* Every column of one line. */
START_TEST(a_line_says_who_when_and_from_where)
{
    const tai_audit_t *latest;
    apr_array_header_t *lines;
    const tai_key_info_t *info = created(usual).info;
    int again;

    must(tai_store_revoke_key(store, &(tai_key_name_t){.text = info->id}, &ann, NOW + 7, pool,
                              &info, &again, &text));
    must(tai_store_list_audit(store, info->account_id, 0, 1, pool, &lines, &text));
    ck_assert_int_eq(lines->nelts, 1);
    latest = APR_ARRAY_IDX(lines, 0, const tai_audit_t *);
    ck_assert_int_eq(latest->seq, 4);
    ck_assert_int_eq(latest->at, NOW + 7);
    ck_assert_str_eq(latest->account, "acme");
    ck_assert_str_eq(latest->actor, "ann");
    ck_assert_str_eq(latest->client, "192.0.2.1");
    ck_assert_str_eq(latest->action, "key.revoke");
    ck_assert_str_eq(latest->subject, info->id);
    ck_assert_ptr_null(latest->detail);
}
END_TEST

START_TEST(what_changed_nothing_is_not_recorded)
{
    const tai_key_name_t name = {.text = created(usual).info->id};
    const tai_key_info_t *info;
    const char *before;
    int again;

    must(tai_store_set_suspended(store, "acme", 1, &actor, NOW, pool, &text));
    must(tai_store_disable_user(store, "ann", &actor, NOW, pool, &text));
    revoked(name.text, NOW);
    before = logged();
    must(tai_store_set_plan(store, "acme", "free", &actor, NOW, pool, &text));
    must(tai_store_set_suspended(store, "acme", 1, &actor, NOW, pool, &text));
    must(tai_store_disable_user(store, "ann", &actor, NOW, pool, &text));
    must(tai_store_rename_key(store, &name, "a key", &actor, NOW, pool, &info, &text));
    must(tai_store_revoke_key(store, &name, &actor, NOW, pool, &info, &again, &text));
    ck_assert_int_eq(again, 1);
    ck_assert_str_eq(logged(), before);
}
END_TEST

/* ---- each change and its line are one --------------------------------------------------------- */

/* Of a key that was not made nothing is given out. */
static tai_change_e made(tai_change_e outcome, const tai_key_issue_t *issue)
{
    static const tai_key_issue_t empty;

    if (outcome != TAI_CHANGE_DONE) {
        ck_assert_mem_eq(issue, &empty, sizeof(empty));
    }
    return outcome;
}

static tai_change_e change_account(const char *id)
{
    tai_account_t *account;

    (void)id;
    return tai_store_add_account(store, "bolt", "pro", &actor, NOW, pool, &account, &text);
}

static tai_change_e change_plan(const char *id)
{
    (void)id;
    return tai_store_set_plan(store, "acme", "pro", &actor, NOW, pool, &text);
}

static tai_change_e change_standing(const char *id)
{
    (void)id;
    return tai_store_set_suspended(store, "acme", 1, &actor, NOW, pool, &text);
}

static tai_change_e change_user(const char *id)
{
    tai_user_t *user;

    (void)id;
    return tai_store_add_user(store, "acme", "bob", NULL, NULL, &actor, NOW, pool, &user, &text);
}

static tai_change_e change_password(const char *id)
{
    (void)id;
    return tai_store_set_password(store, "ann", "$2y$", &actor, NOW, pool, &text);
}

static tai_change_e change_user_status(const char *id)
{
    (void)id;
    return tai_store_disable_user(store, "ann", &actor, NOW, pool, &text);
}

static tai_change_e change_keys(const char *id)
{
    tai_key_issue_t issue;

    (void)id;
    return made(tai_store_create_key(store, &usual, &actor, NOW, pool, &issue, &text), &issue);
}

static tai_change_e change_name(const char *id)
{
    const tai_key_info_t *info;

    return tai_store_rename_key(store, &(tai_key_name_t){.text = id}, "other", &actor, NOW, pool,
                                &info, &text);
}

static tai_change_e change_line(const char *id)
{
    tai_key_issue_t issue;

    return made(tai_store_roll_key(store, &(tai_key_name_t){.text = id}, 60, NULL, &actor, NOW,
                                   pool, &issue, &text),
                &issue);
}

static tai_change_e change_revocation(const char *id)
{
    const tai_key_info_t *info;
    int again;

    return tai_store_revoke_key(store, &(tai_key_name_t){.text = id}, &actor, NOW, pool, &info,
                                &again, &text);
}

static tai_change_e (*const changes[])(const char *id) = {
    change_account,     change_plan, change_standing, change_user, change_password,
    change_user_status, change_keys, change_name,     change_line, change_revocation,
};

/* Everything that a change could have left. */
static const char *whole(void)
{
    static const char *const parts[] = {
        "SELECT name, plan, status FROM accounts ORDER BY id",
        "SELECT username, password_hash, status FROM users ORDER BY id",
        "SELECT id, name, expires_at, revoked_at FROM api_keys ORDER BY id",
        "SELECT seq FROM change_counter",
        "SELECT COUNT(*) FROM audit_log",
    };
    const char *all = "";

    for (int i = 0; i < ROWS(parts); i++) {
        all = apr_pstrcat(pool, all, raw_list(path, parts[i]), "\n", NULL);
    }
    return all;
}

START_TEST(a_line_that_cannot_be_written_undoes_change_of_row)
{
    const char *id = created(usual).info->id, *before;

    raw_forbid("INSERT", "audit_log");
    before = whole();
    ck_assert_int_eq(changes[_i](id), TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, "not now"));
    ck_assert_str_eq(whole(), before);
    raw_allow("INSERT", "audit_log");
    must(changes[_i](id));
    ck_assert_str_ne(whole(), before);
}
END_TEST

/* ---- reading it ------------------------------------------------------------------------------- */

static const char *seqs(const char *account_id, apr_int64_t before, int limit)
{
    apr_array_header_t *lines;
    const char *list = "";

    must(tai_store_list_audit(store, account_id, before, limit, pool, &lines, &text));
    for (int i = 0; i < lines->nelts; i++) {
        list = apr_psprintf(pool, "%s%s%d", list, i > 0 ? " " : "",
                            (int)APR_ARRAY_IDX(lines, i, const tai_audit_t *)->seq);
    }
    return list;
}

START_TEST(the_latest_come_first_page_by_page)
{
    const char *acme = id_of("accounts", "name", "acme");
    tai_account_t *bolt;

    must(tai_store_add_account(store, "bolt", "pro", &actor, NOW, pool, &bolt, &text)); /* 3 */
    created(usual);                                                                     /* 4 */
    must(tai_store_audit_event(store, &ann, NULL, TAI_ACTION_LOGIN_FAILED, NULL, NULL, NOW, pool,
                               &text)); /* 5 */
    must(tai_store_audit_event(store, &ann, acme, TAI_ACTION_LOGIN_FAILED, "usr_x", "username: x",
                               NOW, pool, &text)); /* 6 */
    ck_assert_str_eq(seqs(NULL, 0, 100), "6 5 4 3 2 1");
    ck_assert_str_eq(seqs(NULL, 0, 2), "6 5");
    ck_assert_str_eq(seqs(NULL, 5, 2), "4 3");
    ck_assert_str_eq(seqs(NULL, 1, 2), "");
    ck_assert_str_eq(seqs(acme, 0, 100), "6 4 2 1");
    ck_assert_str_eq(seqs(acme, 6, 2), "4 2");
    ck_assert_str_eq(seqs(bolt->id, 0, 100), "3");
    ck_assert_str_eq(seqs("acc_nobody", 0, 100), "");
}
END_TEST

START_TEST(a_line_of_no_account_names_none)
{
    const tai_audit_t *latest;
    apr_array_header_t *lines;

    must(tai_store_audit_event(store, &ann, NULL, TAI_ACTION_LOGIN_FAILED, NULL, "username: x", NOW,
                               pool, &text));
    must(tai_store_list_audit(store, NULL, 0, 1, pool, &lines, &text));
    latest = APR_ARRAY_IDX(lines, 0, const tai_audit_t *);
    ck_assert_ptr_null(latest->account);
    ck_assert_ptr_null(latest->subject);
    ck_assert_str_eq(latest->action, "login.failed");
    ck_assert_str_eq(latest->detail, "username: x");
}
END_TEST

START_TEST(every_action_has_its_name)
{
    for (int i = 0; i < TAI_ACTION_COUNT; i++) {
        const char *name = tai_action_name((tai_action_e)i);

        ck_assert_uint_le(strlen(name), 32);
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(name, tai_action_name((tai_action_e)j));
        }
    }
    ck_assert_str_eq(tai_action_name(TAI_ACTION_UNLOCK), "unlock");
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, an_account_is_recorded_from_its_making_to_its_end);
    tcase_add_test(tests, a_user_is_recorded);
    tcase_add_test(tests, a_key_is_recorded);
    tcase_add_test(tests, an_odd_old_name_is_escaped);
    tcase_add_test(tests, a_line_says_who_when_and_from_where);
    tcase_add_test(tests, what_changed_nothing_is_not_recorded);
    tcase_add_loop_test(tests, a_line_that_cannot_be_written_undoes_change_of_row, 0,
                        ROWS(changes));
    tcase_add_test(tests, the_latest_come_first_page_by_page);
    tcase_add_test(tests, a_line_of_no_account_names_none);
    tcase_add_test(tests, every_action_has_its_name);
}

int main(void)
{
    return unit_run("store_audit", add);
}
