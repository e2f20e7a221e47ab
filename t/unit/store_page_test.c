#include "acme.h"

/* The keys of an account, page by page, and what is shown of each. */

#define LIMIT 7

/* Keys made with the store would be too many for the plan. */
static void make_keys(const char *account, int first, int last, const char *created_at)
{
    const char *id = "'key_' || a.name || SUBSTR('0000', 1, 5 - LENGTH('' || i)) || i";
    const char *hash = by_driver("LOWER(HEX(RANDOMBLOB(32)))", "MD5(a.id || i) || MD5(i || a.id)",
                                 "MD5(a.id || i) || MD5(i || a.id)");

    raw_run(path, apr_psprintf(
                      pool,
                      "INSERT INTO api_keys (id, line, account_id, user_id, name,"
                      " prefix, key_hash, scopes, created_at)"
                      " WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n"
                      " WHERE i < %d) SELECT %s, %s, a.id, u.id, 'k', 'tai_00000000', %s,"
                      " 'programs:read', %s FROM n, accounts a JOIN users u ON u.account_id = a.id"
                      " WHERE a.name = '%s'",
                      first, last, id, id, hash, created_at, account));
}

static const char *acme_id(void)
{
    return id_of("accounts", "name", "acme");
}

/* The next page; its last id becomes *after, and each id gets into seen. */
static int next_page(const char **after, apr_array_header_t *seen)
{
    apr_array_header_t *keys;
    int more;

    must(tai_store_page_keys(store, acme_id(), *after, LIMIT, NOW, pool, &keys, &more, &text));
    for (int i = 0; i < keys->nelts; i++) {
        *after = APR_ARRAY_IDX(keys, i, const tai_key_info_t *)->id;
        APR_ARRAY_PUSH(seen, const char *) = *after;
    }
    ck_assert_int_le(keys->nelts, LIMIT);
    ck_assert(!more || keys->nelts == LIMIT);
    return more;
}

static apr_array_header_t *all_pages(void)
{
    apr_array_header_t *seen = apr_array_make(pool, 100, sizeof(const char *));
    const char *after = NULL;

    while (next_page(&after, seen)) {
    }
    return seen;
}

/* As the database says, by itself. */
static const char *in_order(void)
{
    apr_array_header_t *ids =
        raw_rows(path, "SELECT k.id FROM api_keys k JOIN accounts a ON a.id = k.account_id"
                       " WHERE a.name = 'acme' ORDER BY k.created_at DESC, k.id");

    return apr_array_pstrcat(pool, ids, ' ');
}

/* How many keys there are, and when each was made. */
static const struct {
    int count;
    const char *created_at;
} crowds[] = {
    {1, "100"},     {LIMIT - 1, "i"}, {LIMIT, "i"},        {LIMIT + 1, "i"},
    {50, "1000-i"}, {50, "100"},      {50, "100 + i / 9"}, {2 * LIMIT, "7"},
};

START_TEST(pages_hold_each_key_once_for_row)
{
    tai_account_t *bolt;
    tai_user_t *bob;

    must(tai_store_add_account(store, "bolt", "pro", &actor, NOW, pool, &bolt, &text));
    must(tai_store_add_user(store, "bolt", "bob", NULL, NULL, &actor, NOW, pool, &bob, &text));
    make_keys("acme", 1, crowds[_i].count, crowds[_i].created_at);
    make_keys("bolt", 1, 20, "100");
    ck_assert_str_eq(join(all_pages()), in_order());
}
END_TEST

START_TEST(an_account_without_keys_has_one_empty_page)
{
    ck_assert_int_eq(all_pages()->nelts, 0);
}
END_TEST

/* Whatever is made between pages, with any time. */
static const char *const later[] = {"1000", "100", "1", "100 + i / 9"};

START_TEST(keys_made_between_pages_move_none_for_row)
{
    apr_array_header_t *seen = apr_array_make(pool, 100, sizeof(const char *));
    const char *after = NULL, *before;
    int made = 100, more;

    make_keys("acme", 1, 50, "100 + i / 9");
    before = in_order();
    do {
        more = next_page(&after, seen);
        make_keys("acme", made, made + 3, later[_i]);
        made += 10;
        ck_assert_int_lt(made, 1000);
    } while (more && made < 200);
    for (char *id = strtok(apr_pstrdup(pool, before), " "); id; id = strtok(NULL, " ")) {
        int times = 0;

        for (int i = 0; i < seen->nelts; i++) {
            times += strcmp(APR_ARRAY_IDX(seen, i, const char *), id) == 0;
        }
        ck_assert_msg(times == 1, "%s: %d times", id, times);
    }
    for (int i = 0; i < seen->nelts; i++) {
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(APR_ARRAY_IDX(seen, i, const char *),
                             APR_ARRAY_IDX(seen, j, const char *));
        }
    }
}
END_TEST

START_TEST(a_page_begins_behind_a_key_of_this_account)
{
    apr_array_header_t *keys;
    tai_account_t *bolt;
    int more;

    make_keys("acme", 1, 3, "100");
    must(tai_store_add_account(store, "bolt", "pro", &actor, NOW, pool, &bolt, &text));
    ck_assert_int_eq(
        tai_store_page_keys(store, acme_id(), "key_nobody", LIMIT, NOW, pool, &keys, &more, &text),
        TAI_CHANGE_INVALID);
    ck_assert_ptr_nonnull(strstr(text, "key_nobody"));
    ck_assert_int_eq(tai_store_page_keys(store, bolt->id, "key_acme00001", LIMIT, NOW, pool, &keys,
                                         &more, &text),
                     TAI_CHANGE_INVALID);
    ck_assert_int_eq(more, 0);
}
END_TEST

/* ---- what is shown ------------------------------------------------------------------------- */

START_TEST(a_key_shows_what_it_was_used_for_in_thirty_days)
{
    const char *id = created(usual).info->id;
    const tai_key_info_t *info = shown(id);
    apr_array_header_t *keys;
    int more;

    ck_assert_int_eq(info->admitted, 0);
    ck_assert_int_eq(info->refused, 0);
    raw_run(path, apr_psprintf(pool,
                               "INSERT INTO key_usage (key_id, day, admitted, refused) VALUES"
                               " ('%s', '%s', 5000000000, 1), ('%s', '%s', 20, 2),"
                               " ('%s', '%s', 400, 4), ('key_other', '%s', 8000, 8)",
                               id, day_of(NOW), id, day_of(NOW - 29 * DAY_S), id,
                               day_of(NOW - 30 * DAY_S), day_of(NOW)));
    info = shown(id);
    ck_assert_int_eq(info->admitted, 5000000020);
    ck_assert_int_eq(info->refused, 3);
    must(tai_store_page_keys(store, info->account_id, NULL, 1, NOW, pool, &keys, &more, &text));
    ck_assert_int_eq(APR_ARRAY_IDX(keys, 0, const tai_key_info_t *)->admitted, 5000000020);
    must(tai_store_list_keys(store, "acme", NOW, pool, &keys, &text));
    ck_assert_int_eq(APR_ARRAY_IDX(keys, 0, const tai_key_info_t *)->refused, 3);
}
END_TEST

/* Found by a prefix that keys of two plans share: each has the scopes of its own. */
START_TEST(each_key_is_cut_down_by_its_own_plan)
{
    apr_array_header_t *keys;
    tai_account_t *bolt;
    tai_user_t *bob;
    const char *const accounts[] = {"acme", "bolt"};
    const char *const effective[] = {"", "analytics:read"};

    must(tai_store_add_account(store, "bolt", "pro", &actor, NOW, pool, &bolt, &text));
    must(tai_store_add_user(store, "bolt", "bob", NULL, NULL, &actor, NOW, pool, &bob, &text));
    make_keys("acme", 1, 1, "100");
    make_keys("bolt", 1, 1, "100");
    raw_unhook("api_keys_fixed", "api_keys");
    raw_run(path, "UPDATE api_keys SET scopes = 'analytics:read'");
    for (int i = 0; i < ROWS(accounts); i++) {
        must(tai_store_list_keys(store, accounts[i], NOW, pool, &keys, &text));
        ck_assert_str_eq(join(APR_ARRAY_IDX(keys, 0, const tai_key_info_t *)->effective),
                         effective[i]);
    }
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_loop_test(tests, pages_hold_each_key_once_for_row, 0, ROWS(crowds));
    tcase_add_test(tests, an_account_without_keys_has_one_empty_page);
    tcase_add_loop_test(tests, keys_made_between_pages_move_none_for_row, 0, ROWS(later));
    tcase_add_test(tests, a_page_begins_behind_a_key_of_this_account);
    tcase_add_test(tests, a_key_shows_what_it_was_used_for_in_thirty_days);
    tcase_add_test(tests, each_key_is_cut_down_by_its_own_plan);
}

int main(void)
{
    return unit_run("store_page", add);
}
