#include "acme.h"

#include "core/store_import.h"

/* An import is a list of rows, each with what is expected of it. */
typedef struct expected_t {
    tai_import_row_t row;
    tai_change_e outcome;
    const char *says; /* a part of the sentence; NULL: any */
} expected_t;

typedef struct rows_t {
    const expected_t *expected;
    int count;
    tai_change_e outcome;    /* what add_rows returns */
    void (*meanwhile)(void); /* what others do, once, when the rows are there; NULL: nothing */
    int calls;               /* of add_rows */
} rows_t;

/* What a row of a test does not say is the usual. */
static tai_import_row_t whole(tai_import_row_t row)
{
    row.name = row.name ? row.name : "a key";
    row.prefix = row.prefix ? row.prefix : "sk_l";
    row.created_at = row.created_at ? row.created_at : TAI_NEVER;
    row.expires_at = row.expires_at ? row.expires_at : TAI_NEVER;
    return row;
}

static tai_change_e add_rows(tai_import_t *import, void *data, const char **said)
{
    rows_t *rows = data;

    for (int i = 0; i < rows->count; i++) {
        const expected_t *expected = &rows->expected[i];
        const tai_import_row_t row = whole(expected->row);

        *said = NULL;
        ck_assert_int_eq(tai_import_add(import, &row, pool, said), expected->outcome);
        ck_assert_msg(expected->says == NULL || strstr(*said, expected->says) != NULL, "%s", *said);
    }
    if (rows->calls++ == 0 && rows->meanwhile != NULL) {
        rows->meanwhile();
    }
    *said = "as it was asked";
    return rows->outcome;
}

static tai_change_e import(tai_import_order_t order, const expected_t *expected, int count,
                           tai_change_e outcome)
{
    rows_t rows = {expected, count, outcome, NULL, 0};

    text = NULL;
    order.add_rows = add_rows;
    order.data = &rows;
    return tai_store_import(store, &order, &actor, NOW, pool, &text);
}

/* One row of acme's, and what others do meanwhile. */
static tai_change_e import_while(void (*meanwhile)(void), int calls)
{
    const expected_t one = {{.key_hash = digest_of("one")}, TAI_CHANGE_DONE, NULL};
    rows_t rows = {&one, 1, TAI_CHANGE_DONE, meanwhile, 0};
    const tai_import_order_t order = {.account = "acme", .add_rows = add_rows, .data = &rows};
    tai_change_e outcome = tai_store_import(store, &order, &actor, NOW, pool, &text);

    ck_assert_int_eq(rows.calls, calls);
    return outcome;
}

static const tai_import_order_t for_acme = {.account = "acme"};

static int keys(void)
{
    return counted("SELECT COUNT(*) FROM api_keys");
}

static int changes(void)
{
    return counted("SELECT COUNT(*) FROM key_changes");
}

static int lines(void)
{
    return counted("SELECT COUNT(*) FROM audit_log");
}

static const tai_key_info_t *imported(const char *secret)
{
    const tai_key_info_t *info;

    must(tai_store_show_key(store, &(tai_key_name_t){.hash = digest_of(secret)}, NOW, pool, &info,
                            &text));
    return info;
}

START_TEST(rows_become_keys_with_one_change_and_one_line)
{
    const int had_changes = changes(), had_lines = lines();
    const expected_t rows[] = {
        {{.key_hash = digest_of("one"),
          .rate_limit = "5/60s",
          .created_at = NOW - 5,
          .expires_at = NOW + 5,
          .scopes = tai_scope_split("programs:read", pool)},
         TAI_CHANGE_DONE,
         NULL},
        {{.key_hash = digest_of("two"), .prefix = ""}, TAI_CHANGE_DONE, NULL},
        {{.key_hash = digest_of("one")}, TAI_CHANGE_TAKEN, "already"},
    };
    const tai_key_info_t *info;

    ck_assert_int_eq(import(for_acme, rows, ROWS(rows), TAI_CHANGE_DONE), TAI_CHANGE_DONE);
    ck_assert_int_eq(keys(), 2);
    info = imported("one");
    ck_assert_str_eq(info->user_id, id_of("users", "username", "ann"));
    ck_assert_str_eq(info->origin, "import");
    ck_assert_str_eq(info->line, info->id);
    ck_assert_str_eq(info->prefix, "sk_l");
    ck_assert_str_eq(info->rate_limit, "5/60s");
    ck_assert_str_eq(join(info->scopes), "programs:read");
    ck_assert_int_eq(info->created_at, NOW - 5);
    ck_assert_int_eq(info->expires_at, NOW + 5);
    ck_assert_int_eq(info->has_token, 0);
    info = imported("two");
    ck_assert_str_eq(info->prefix, "");
    ck_assert_int_eq(info->created_at, NOW);
    ck_assert_int_eq(info->scopes->nelts, 4);
    ck_assert_int_eq(changes(), had_changes + 1);
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_changes WHERE key_hash IS NULL"
                             " AND account_id IS NULL AND seq = (SELECT seq FROM change_counter)"),
                     1);
    ck_assert_int_eq(lines(), had_lines + 1);
    ck_assert_str_eq(raw_value(path, "SELECT action, actor, detail"
                                     " FROM audit_log ORDER BY seq DESC"),
                     "key.import operator:joe keys: 2");
}
END_TEST

/* Those of a key that is looked up when a request comes, not only those of the list. */
START_TEST(an_imported_key_is_found_by_its_digest)
{
    const expected_t rows[] = {{{.key_hash = digest_of("one"), .prefix = ""}, 0, NULL}};
    tai_record_t *record;

    ck_assert_int_eq(import(for_acme, rows, 1, TAI_CHANGE_DONE), TAI_CHANGE_DONE);
    ck_assert_int_eq(find_key(store, digest_of("one"), &record, &text), 0);
    ck_assert_ptr_nonnull(record);
    ck_assert_str_eq(record->prefix, "");
    ck_assert_str_eq(record->account, "acme");
    ck_assert_int_eq(record->has_token, 0);
}
END_TEST

START_TEST(a_row_that_is_refused_leaves_the_others_alone)
{
    static const char other[] = "bolt";
    const expected_t of_bolt[] = {{{.key_hash = digest_of("bolt's")}, TAI_CHANGE_DONE, NULL}};
    const expected_t rows[] = {
        {{.key_hash = digest_of("one")}, TAI_CHANGE_DONE, NULL},
        {{.key_hash = digest_of("x"), .name = ""}, TAI_CHANGE_INVALID, "key name"},
        {{.key_hash = digest_of("x"), .rate_limit = "5"}, TAI_CHANGE_INVALID, "N/WINDOW"},
        {{.key_hash = digest_of("x"), .created_at = NOW + 1}, TAI_CHANGE_INVALID, "in the future"},
        {{.key_hash = digest_of("x"), .scopes = tai_scope_split("x:y", pool)},
         TAI_CHANGE_INVALID,
         "there is no scope \"x:y\""},
        {{.key_hash = digest_of("x"), .scopes = tai_scope_split("", pool)},
         TAI_CHANGE_INVALID,
         "at least one scope"},
        {{.key_hash = digest_of("x"), .scopes = tai_scope_split("analytics:read", pool)},
         TAI_CHANGE_PLAN,
         "requires a Pro plan."},
        {{.key_hash = digest_of("bolt's")}, TAI_CHANGE_INVALID, "another account"},
        {{.key_hash = digest_of("two")}, TAI_CHANGE_DONE, NULL},
    };
    tai_account_t *account;
    tai_user_t *user;

    must(tai_store_add_account(store, other, "pro", &actor, NOW, pool, &account, &text));
    must(tai_store_add_user(store, other, "bob", NULL, NULL, &actor, NOW, pool, &user, &text));
    ck_assert_int_eq(import((tai_import_order_t){.account = other}, of_bolt, 1, TAI_CHANGE_DONE),
                     TAI_CHANGE_DONE);
    ck_assert_int_eq(import(for_acme, rows, ROWS(rows), TAI_CHANGE_DONE), TAI_CHANGE_DONE);
    ck_assert_int_eq(keys(), 3);
    ck_assert_str_eq(imported("bolt's")->account, other);
}
END_TEST

START_TEST(rows_without_scopes_get_those_of_the_order)
{
    const expected_t rows[] = {
        {{.key_hash = digest_of("one")}, TAI_CHANGE_DONE, NULL},
        {{.key_hash = digest_of("two"), .scopes = tai_scope_split("programs:read", pool)},
         TAI_CHANGE_DONE,
         NULL}};
    tai_import_order_t order = for_acme;

    order.scopes = tai_scope_split("reviews:read", pool);
    ck_assert_int_eq(import(order, rows, ROWS(rows), TAI_CHANGE_DONE), TAI_CHANGE_DONE);
    ck_assert_str_eq(join(imported("one")->scopes), "reviews:read");
    ck_assert_str_eq(join(imported("two")->scopes), "programs:read");
}
END_TEST

/* More than the plan lets anybody make. */
START_TEST(the_maximum_is_for_keys_that_are_made)
{
    expected_t rows[12];

    for (int i = 0; i < ROWS(rows); i++) {
        rows[i] = (expected_t){{.key_hash = digest_of(apr_itoa(pool, i))}, TAI_CHANGE_DONE, NULL};
    }
    ck_assert_int_eq(import(for_acme, rows, ROWS(rows), TAI_CHANGE_DONE), TAI_CHANGE_DONE);
    ck_assert_int_eq(keys(), 12);
}
END_TEST

/* Whatever the reason, nothing is left of it; and nothing is not worth a change. */
static const struct {
    tai_change_e add_rows, outcome;
    int dry_run, rows;
} undone[] = {
    {TAI_CHANGE_INVALID, TAI_CHANGE_INVALID, 0, 1}, {TAI_CHANGE_UNKNOWN, TAI_CHANGE_UNKNOWN, 0, 1},
    {TAI_CHANGE_DONE, TAI_CHANGE_DONE, 1, 1},       {TAI_CHANGE_INVALID, TAI_CHANGE_INVALID, 1, 1},
    {TAI_CHANGE_DONE, TAI_CHANGE_DONE, 0, 0},
};

START_TEST(what_is_undone_leaves_nothing)
{
    const expected_t rows[] = {{{.key_hash = digest_of("one")}, TAI_CHANGE_DONE, NULL}};
    const int had_changes = changes(), had_lines = lines();
    tai_import_order_t order = for_acme;

    order.dry_run = undone[_i].dry_run;
    ck_assert_int_eq(import(order, rows, undone[_i].rows, undone[_i].add_rows), undone[_i].outcome);
    ck_assert_int_eq(keys(), 0);
    ck_assert_int_eq(changes(), had_changes);
    ck_assert_int_eq(lines(), had_lines);
    if (undone[_i].outcome != TAI_CHANGE_DONE) {
        ck_assert_str_eq(text, "as it was asked");
    }
}
END_TEST

START_TEST(only_an_account_that_may_have_keys_gets_some)
{
    const char *admin = id_of("users", "username", "ann");

    ck_assert_int_eq(import((tai_import_order_t){.account = "acne"}, NULL, 0, TAI_CHANGE_DONE),
                     TAI_CHANGE_NOT_FOUND);
    raw_run(path,
            apr_psprintf(pool, "UPDATE users SET status = 'disabled' WHERE id = '%s'", admin));
    ck_assert_int_eq(import(for_acme, NULL, 0, TAI_CHANGE_DONE), TAI_CHANGE_INACTIVE);
    raw_run(path, apr_psprintf(pool, "UPDATE users SET status = 'active' WHERE id = '%s'", admin));
    ck_assert_int_eq(import(for_acme, NULL, 0, TAI_CHANGE_DONE), TAI_CHANGE_DONE);
    raw_run(path, "UPDATE accounts SET status = 'suspended'");
    ck_assert_int_eq(import(for_acme, NULL, 0, TAI_CHANGE_DONE), TAI_CHANGE_INACTIVE);
    ck_assert_str_eq(text, "account \"acme\" is suspended");
}
END_TEST

/* ---- on servers: others go on -------------------------------------------------------------- */

/* Each of these locks all others out for its moment: it does not wait for the import. */
static void change_acme(void)
{
    tai_store_t *mine = store;

    store = open_store(path, 1);
    revoked(created(usual).info->id, NOW);
    must(tai_store_set_suspended(store, "acme", 1, &actor, NOW, pool, &text));
    must(tai_store_set_suspended(store, "acme", 0, &actor, NOW, pool, &text));
    store = mine;
}

START_TEST(others_change_the_same_account_meanwhile)
{
    ck_assert_int_eq(import_while(change_acme, 1), TAI_CHANGE_DONE);
    ck_assert_int_eq(keys(), 2);
    ck_assert_int_eq(imported("one")->revoked_at, TAI_NEVER);
}
END_TEST

static void suspend_acme(void)
{
    raw_run(path, "UPDATE accounts SET status = 'suspended'");
}

/* What it rests on does not hold any more: nothing of it is left. */
START_TEST(an_account_that_is_suspended_meanwhile_gets_none)
{
    const int had_lines = lines();

    ck_assert_int_eq(import_while(suspend_acme, 1), TAI_CHANGE_INACTIVE);
    ck_assert_str_eq(text, "account \"acme\" is suspended");
    ck_assert_int_eq(keys(), 0);
    ck_assert_int_eq(lines(), had_lines);
}
END_TEST

static void withdraw_scope(void)
{
    raw_run(path, "DELETE FROM plan_scopes WHERE plan = 'free' AND scope = 'programs:read'");
}

START_TEST(where_the_plan_changes_meanwhile_it_begins_anew)
{
    ck_assert_int_eq(import_while(withdraw_scope, 2), TAI_CHANGE_DONE);
    ck_assert_str_eq(join(imported("one")->scopes),
                     "categories:read organizations:read reviews:read");
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, rows_become_keys_with_one_change_and_one_line);
    tcase_add_test(tests, an_imported_key_is_found_by_its_digest);
    tcase_add_test(tests, a_row_that_is_refused_leaves_the_others_alone);
    tcase_add_test(tests, rows_without_scopes_get_those_of_the_order);
    tcase_add_test(tests, the_maximum_is_for_keys_that_are_made);
    tcase_add_loop_test(tests, what_is_undone_leaves_nothing, 0, ROWS(undone));
    tcase_add_test(tests, only_an_account_that_may_have_keys_gets_some);
    if (!suite_on("sqlite3")) {
        tcase_add_test(tests, others_change_the_same_account_meanwhile);
        tcase_add_test(tests, an_account_that_is_suspended_meanwhile_gets_none);
        tcase_add_test(tests, where_the_plan_changes_meanwhile_it_begins_anew);
    }
}

int main(void)
{
    return unit_run("store_import", add);
}
