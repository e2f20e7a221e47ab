#include "acme.h"
#include "core/store_usage.h"

#define DAY INT64_C(86400)

static tai_change_e write_one(const char *key_id, apr_int64_t at, apr_uint64_t admitted,
                              apr_uint64_t refused, apr_int64_t now)
{
    apr_array_header_t *used = apr_array_make(pool, 1, sizeof(tai_used_t));

    APR_ARRAY_PUSH(used, tai_used_t) = (tai_used_t){key_id, at, admitted, refused};
    return tai_store_write_usage(store, used, now, pool, &text);
}

/* By the id of each key. */
static apr_hash_t *days_of_keys(const char *account_id, const apr_array_header_t *ids,
                                apr_int64_t now)
{
    apr_hash_t *days;

    must(tai_store_usage_days(store, account_id, ids, now, pool, &days, &text));
    return days;
}

/* Of one key; none: an empty array. */
static const apr_array_header_t *days_of(const char *account_id, const char *key_id,
                                         apr_int64_t now)
{
    apr_array_header_t *ids = apr_array_make(pool, 1, sizeof(const char *));
    const apr_array_header_t *days;

    APR_ARRAY_PUSH(ids, const char *) = key_id;
    days = apr_hash_get(days_of_keys(account_id, ids, now), key_id, APR_HASH_KEY_STRING);
    return days ? days : apr_array_make(pool, 1, sizeof(tai_usage_day_t));
}

static const char *acme_id(void)
{
    return id_of("accounts", "name", "acme");
}

/* What is known of a key, as "last use; day admitted/refused, ..., the latest first". */
static const char *known(const char *key_id, apr_int64_t now)
{
    const apr_array_header_t *days = days_of(acme_id(), key_id, now);
    const char *all = raw_value(
        path, apr_psprintf(pool, "SELECT last_used_at FROM api_keys WHERE id = '%s'", key_id));

    all = apr_pstrcat(pool, all ? all : "-", ";", NULL);
    for (int i = 0; i < days->nelts; i++) {
        const tai_usage_day_t *day = &APR_ARRAY_IDX(days, i, tai_usage_day_t);

        all =
            apr_psprintf(pool, "%s %s %d/%d", all, day->day, (int)day->admitted, (int)day->refused);
    }
    return all;
}

START_TEST(counts_of_a_day_add_up)
{
    const char *id = created(usual).info->id;

    ck_assert_str_eq(known(id, NOW), "-;");
    must(write_one(id, NOW - 3, 5, 1, NOW));
    ck_assert_str_eq(known(id, NOW), "1799999997; 2027-01-15 5/1");
    must(write_one(id, NOW, 2, 0, NOW));
    ck_assert_str_eq(known(id, NOW), "1800000000; 2027-01-15 7/1");
    must(write_one(id, NOW + DAY, 1, 4, NOW + DAY));
    ck_assert_str_eq(known(id, NOW + DAY), "1800086400; 2027-01-16 1/4 2027-01-15 7/1");
}
END_TEST

START_TEST(the_last_use_goes_forward_alone)
{
    const char *id = created(usual).info->id;

    must(write_one(id, NOW, 1, 0, NOW));
    must(write_one(id, NOW - 1, 1, 0, NOW));
    must(write_one(id, 0, 0, 1, NOW));
    ck_assert_str_eq(known(id, NOW), "1800000000; 2027-01-15 2/1");
}
END_TEST

START_TEST(refused_alone_is_no_use)
{
    const char *id = created(usual).info->id;

    must(write_one(id, 0, 0, 3, NOW));
    ck_assert_str_eq(known(id, NOW), "-; 2027-01-15 0/3");
}
END_TEST

START_TEST(thirty_days_are_shown)
{
    const char *id = created(usual).info->id;
    const apr_array_header_t *days;

    /* a node whose clock is ahead has tomorrow */
    for (int i = -1; i < TAI_USAGE_DAYS + 3; i++) {
        must(write_one(id, 0, 0, 1, NOW - i * DAY));
    }
    days = days_of(acme_id(), id, NOW);
    ck_assert_int_eq(days->nelts, TAI_USAGE_DAYS);
    ck_assert_str_eq(APR_ARRAY_IDX(days, 0, tai_usage_day_t).day, "2027-01-15");
    ck_assert_str_eq(APR_ARRAY_IDX(days, TAI_USAGE_DAYS - 1, tai_usage_day_t).day, "2026-12-17");
}
END_TEST

START_TEST(the_usage_of_another_account_is_none)
{
    const char *id = created(usual).info->id;

    must(write_one(id, NOW, 1, 0, NOW));
    ck_assert_int_eq(days_of(acme_id(), id, NOW)->nelts, 1);
    ck_assert_int_eq(days_of("acc_other", id, NOW)->nelts, 0);
}
END_TEST

/* As many as a page has, all asked for at once. Key i was used on the last i days, i times on each. */
START_TEST(each_key_has_its_own_days)
{
    apr_array_header_t *ids = apr_array_make(pool, 100, sizeof(const char *));
    apr_hash_t *days;

    for (int i = 0; i < 5; i++) {
        APR_ARRAY_PUSH(ids, const char *) = created(usual).info->id;
        for (int j = 0; j < i; j++) {
            must(write_one(APR_ARRAY_IDX(ids, i, const char *), 0, 0, (apr_uint64_t)i,
                           NOW - j * DAY));
        }
    }
    while (ids->nelts < 100) {
        APR_ARRAY_PUSH(ids, const char *) = apr_psprintf(pool, "key_%d", ids->nelts);
    }
    days = days_of_keys(acme_id(), ids, NOW);
    ck_assert_int_eq(apr_hash_count(days), 4);
    for (int i = 1; i < 5; i++) {
        const apr_array_header_t *its =
            apr_hash_get(days, APR_ARRAY_IDX(ids, i, const char *), APR_HASH_KEY_STRING);

        ck_assert_int_eq(its->nelts, i);
        for (int j = 0; j < i; j++) {
            ck_assert_str_eq(APR_ARRAY_IDX(its, j, tai_usage_day_t).day, day_of(NOW - j * DAY));
            ck_assert_int_eq(APR_ARRAY_IDX(its, j, tai_usage_day_t).refused, i);
        }
    }
}
END_TEST

START_TEST(no_keys_have_no_days)
{
    apr_array_header_t *none = apr_array_make(pool, 1, sizeof(const char *));

    must(write_one(created(usual).info->id, NOW, 1, 0, NOW));
    ck_assert_int_eq(apr_hash_count(days_of_keys(acme_id(), none, NOW)), 0);
}
END_TEST

START_TEST(no_answer_is_no_usage)
{
    apr_array_header_t *ids = apr_array_make(pool, 1, sizeof(const char *));
    apr_hash_t *days;

    raw_run(path, "ALTER TABLE key_usage RENAME TO lost");
    ck_assert_int_eq(tai_store_usage_days(store, "acc_none", ids, NOW, pool, &days, &text),
                     TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(text);
}
END_TEST

/* Ids that a column may hold and a text in JSON has to survive; none of them is a key here. */
static const char *const strangers[] = {"key_gone", "", "\"], [\"", "'; DROP TABLE api_keys; --",
                                        "\xff"};

START_TEST(a_key_that_is_gone_is_left_out)
{
    const char *id = created(usual).info->id;
    apr_array_header_t *used = apr_array_make(pool, 2, sizeof(tai_used_t));

    APR_ARRAY_PUSH(used, tai_used_t) = (tai_used_t){strangers[_i], NOW, 1, 1};
    APR_ARRAY_PUSH(used, tai_used_t) = (tai_used_t){id, NOW, 1, 1};
    must(tai_store_write_usage(store, used, NOW, pool, &text));
    ck_assert_str_eq(known(id, NOW), "1800000000; 2027-01-15 1/1");
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_usage"), 1);
    ck_assert_int_eq(days_of(acme_id(), strangers[_i], NOW)->nelts, 0);
}
END_TEST

START_TEST(nothing_is_written_of_nothing)
{
    apr_array_header_t *none = apr_array_make(pool, 1, sizeof(tai_used_t));

    must(tai_store_write_usage(store, none, NOW, pool, &text));
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_usage"), 0);
}
END_TEST

/* Neither a key that was revoked, nor what other servers may know of it. */
START_TEST(usage_alters_nothing_that_a_key_may_do)
{
    static const char keys[] =
        "SELECT id, scopes, key_hash, revoked_at, expires_at FROM api_keys ORDER BY id";
    const char *revoked_id = created(usual).info->id, *id = created(usual).info->id, *before;
    int changes;

    revoked(revoked_id, NOW);
    before = raw_list(path, keys);
    changes = counted("SELECT MAX(seq) FROM key_changes");
    must(write_one(revoked_id, NOW + 5, 3, 4, NOW + 5));
    must(write_one(id, NOW + 5, 3, 4, NOW + 5));
    ck_assert_str_eq(raw_list(path, keys), before);
    ck_assert_int_eq(counted("SELECT MAX(seq) FROM key_changes"), changes);
    ck_assert_int_eq(counted("SELECT seq FROM change_counter"), changes);
    ck_assert_str_eq(known(revoked_id, NOW), "1800000005; 2027-01-15 3/4");
    ck_assert_str_eq(tai_key_status(shown(revoked_id), NOW + 5), "revoked");
}
END_TEST

/* Both statements or neither. */
START_TEST(half_of_it_is_never_written)
{
    const char *id = created(usual).info->id;

    raw_forbid("INSERT", "key_usage");
    ck_assert_int_eq(write_one(id, NOW, 1, 0, NOW), TAI_CHANGE_UNKNOWN);
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(known(id, NOW), "-;");
}
END_TEST

static const char *numbered(int i)
{
    return apr_psprintf(pool, "key_%d", i);
}

/* As many as there may be, of which one in two exists. */
START_TEST(a_whole_batch_is_written)
{
    apr_array_header_t *used = apr_array_make(pool, TAI_USAGE_BATCH, sizeof(tai_used_t));

    created(usual);
    raw_run(path, apr_psprintf(pool,
                               "INSERT INTO api_keys (id, line, account_id,"
                               " user_id, name, prefix, key_hash, scopes, created_at)"
                               " WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 2 FROM n"
                               " WHERE i < %d)"
                               " SELECT 'key_' || i, 'key_' || i, k.account_id, k.user_id, 'x',"
                               " 'tai_', SUBSTR(%s, 1, 64 - LENGTH('' || i)) || i, 'a', 1"
                               " FROM n, api_keys k",
                               TAI_USAGE_BATCH - 2, raw_digits(64)));
    for (int round = 1; round <= 2; round++) {
        apr_array_clear(used);
        for (int i = 0; i < TAI_USAGE_BATCH; i++) {
            APR_ARRAY_PUSH(used, tai_used_t) =
                (tai_used_t){numbered(i), NOW + i, (apr_uint64_t)i, 1};
        }
        must(tai_store_write_usage(store, used, NOW, pool, &text));
        ck_assert_int_eq(counted("SELECT COUNT(*) FROM key_usage"), TAI_USAGE_BATCH / 2);
        ck_assert_int_eq(counted("SELECT SUM(admitted) FROM key_usage"),
                         round * (TAI_USAGE_BATCH / 2) * (TAI_USAGE_BATCH / 2 - 1));
    }
    ck_assert_int_eq(counted("SELECT COUNT(*) FROM api_keys k JOIN key_usage g ON g.key_id = k.id"
                             " WHERE k.id = 'key_' || (k.last_used_at - 1800000000)"
                             " AND g.admitted = 2 * (k.last_used_at - 1800000000)"),
                     TAI_USAGE_BATCH / 2);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, counts_of_a_day_add_up);
    tcase_add_test(tests, the_last_use_goes_forward_alone);
    tcase_add_test(tests, refused_alone_is_no_use);
    tcase_add_test(tests, thirty_days_are_shown);
    tcase_add_test(tests, the_usage_of_another_account_is_none);
    tcase_add_test(tests, each_key_has_its_own_days);
    tcase_add_test(tests, no_keys_have_no_days);
    tcase_add_test(tests, no_answer_is_no_usage);
    tcase_add_loop_test(tests, a_key_that_is_gone_is_left_out, 0, ROWS(strangers));
    tcase_add_test(tests, nothing_is_written_of_nothing);
    tcase_add_test(tests, usage_alters_nothing_that_a_key_may_do);
    tcase_add_test(tests, half_of_it_is_never_written);
    tcase_add_test(tests, a_whole_batch_is_written);
}

int main(void)
{
    return unit_run("usage in the database", add);
}
