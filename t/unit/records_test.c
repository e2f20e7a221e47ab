#include "core/phrases.h"
#include "made_record.h"
#include "shared.h"
#include "unit.h"

#define ONE_SET 170 /* keys that a table of one set is for */

static tai_records_t *table;
static tai_record_copy_t copy;

static void make_table(apr_uint64_t keys)
{
    table = shared_block(tai_records_bytes(keys));
    tai_records_format(table, keys);
}

static int put(apr_uint64_t key, apr_uint64_t version)
{
    made_record_t made;

    made_record(&made, key, version);
    return tai_records_put(table, &made.record);
}

static int find(apr_uint64_t key)
{
    const tai_digest_t digest = made_digest(key);

    return tai_records_find(table, &digest, &copy);
}

static void strike(apr_uint64_t key)
{
    const tai_digest_t digest = made_digest(key);

    tai_records_strike(table, &digest);
}

static void strike_account(apr_uint64_t account)
{
    char id[40];

    made_account_id(account, id, sizeof(id));
    tai_records_strike_account(table, id);
}

static tai_records_usage_t usage_of(void)
{
    tai_records_usage_t usage;

    tai_records_usage(table, &usage);
    ck_assert_uint_le(usage.used, usage.bytes);
    return usage;
}

/* ---- one record --------------------------------------------------------------------------- */

/* Each version has other members that are NULL, equal, common to many, long or not there at all. */
START_TEST(a_record_comes_out_as_it_went_in)
{
    make_table(ONE_SET);
    ck_assert_int_eq(find(5), 0);
    ck_assert_int_eq(put(5, (apr_uint64_t)_i), 1);
    ck_assert_int_eq(find(5), 1);
    ck_assert(made_is_whole(&copy.record, 5));
    ck_assert_int_eq(copy.record.expires_at == TAI_NEVER, _i == 0);
    ck_assert_int_eq(find(6), 0);
    ck_assert_uint_le(copy.length, sizeof(copy.text));
    ck_assert_uint_eq(tai_records_check(table), 0);
}
END_TEST

START_TEST(the_newer_record_takes_the_place_of_the_older)
{
    make_table(ONE_SET);
    put(5, 9);
    put(6, 2);
    ck_assert_int_eq(put(5, 10), 1);
    ck_assert_int_eq(find(5), 1);
    ck_assert_int_eq(copy.record.expires_at, 10);
    ck_assert_uint_eq(usage_of().live, 2);
    ck_assert_uint_eq(usage_of().evicted, 0);
    ck_assert_uint_eq(tai_records_check(table), 0);
}
END_TEST

/* A record with texts of so many bytes together, NULs included. */
static tai_record_t long_record(apr_size_t length, char *room)
{
    made_record_t made;
    static made_record_t kept;

    made_record(&made, 5, 0);
    kept = made;
    made_texts(&kept, 5, 0);
    kept.record.key = made.record.key;
    kept.record.expires_at = kept.record.revoked_at = TAI_NEVER;
    kept.record.user = room;
    length -=
        strlen(kept.id) + strlen(kept.prefix) + strlen(kept.account_id) + strlen(kept.account) + 5;
    memset(room, 'u', length);
    room[length] = '\0';
    return kept.record;
}

START_TEST(texts_have_a_longest_length)
{
    char user[2 * TAI_RECORD_TEXT_MAX];
    tai_record_t record = long_record(TAI_RECORD_TEXT_MAX, user);

    make_table(ONE_SET);
    ck_assert_int_eq(tai_records_put(table, &record), 1);
    ck_assert_int_eq(find(5), 1);
    ck_assert(made_same(&copy.record, &record));
    ck_assert_uint_eq(copy.length, TAI_RECORD_TEXT_MAX);

    record = long_record(TAI_RECORD_TEXT_MAX + 1, user);
    ck_assert_int_eq(tai_records_put(table, &record), 0);
    ck_assert_msg(!find(5), "the older record of a key whose newer one is too long");
    ck_assert_uint_eq(usage_of().live, 0);
    ck_assert_uint_eq(tai_records_check(table), 0);
}
END_TEST

START_TEST(malformed_expiry_is_kept_as_such)
{
    made_record_t made;

    make_table(ONE_SET);
    made_record(&made, 5, 1);
    made.record.expires_at = TAI_MALFORMED;
    tai_records_put(table, &made.record);
    ck_assert_int_eq(find(5), 1);
    ck_assert_int_eq(copy.record.expires_at, TAI_MALFORMED);
}
END_TEST

START_TEST(an_account_is_its_whole_id)
{
    make_table(ONE_SET);
    put(3, 1);
    tai_records_strike_account(table, "account-");
    tai_records_strike_account(table, "account-000000000000000000033");
    tai_records_strike_account(table, "");
    ck_assert_int_eq(find(3), 1);
    strike_account(3);
    ck_assert_int_eq(find(3), 0);
}
END_TEST

/* ---- against a plain model ---------------------------------------------------------------- */

#define KEYS     500
#define VERSIONS 60
#define ABSENT   -1

typedef struct model_t {
    int version[KEYS];
    apr_uint64_t new_ones; /* put, and not there before */
    apr_uint64_t struck;
    int forgets; /* 1: the table may have given up records */
} model_t;

static void model_remove(model_t *model, apr_uint64_t key)
{
    const tai_digest_t digest = made_digest(key);

    /* before it is struck from the table itself */
    model->struck += (apr_uint64_t)tai_records_find(table, &digest, &copy);
    model->version[key] = ABSENT;
}

static void model_put(model_t *model, apr_uint64_t key, apr_uint64_t version)
{
    model->new_ones += !find(key);
    ck_assert_int_eq(put(key, version), 1);
    model->version[key] = (int)version;
}

static void model_strike_account(model_t *model, apr_uint64_t account)
{
    apr_uint64_t key;

    for (key = account; key < KEYS; key += MADE_ACCOUNTS) {
        model_remove(model, key);
    }
    strike_account(account);
}

static void model_empty(model_t *model)
{
    apr_uint64_t key;

    for (key = 0; key < KEYS; key++) {
        model_remove(model, key);
    }
    tai_records_empty(table);
    ck_assert_uint_eq(usage_of().live, 0);
}

static void model_step(model_t *model, apr_uint64_t *chance)
{
    const apr_uint64_t what = chance_below(chance, 1000), key = chance_below(chance, KEYS);

    if (what < 700) {
        model_put(model, key, chance_below(chance, VERSIONS));
    }
    else if (what < 990) {
        model_remove(model, key);
        strike(key);
    }
    else if (what < 999) {
        model_strike_account(model, chance_below(chance, MADE_ACCOUNTS));
    }
    else {
        model_empty(model);
    }
}

static void model_compare(const model_t *model)
{
    const tai_records_usage_t usage = usage_of();
    apr_uint64_t found = 0, key;

    for (key = 0; key < KEYS; key++) {
        const int there = find(key);

        ck_assert(there || model->version[key] == ABSENT || model->forgets);
        if (there) {
            ck_assert_int_eq(copy.record.expires_at == TAI_NEVER ? 0 : copy.record.expires_at,
                             model->version[key]);
            ck_assert(made_is_whole(&copy.record, key));
            found++;
        }
    }
    ck_assert_uint_eq(usage.live, found);
    ck_assert_uint_eq(usage.live, model->new_ones - model->struck - usage.evicted);
    ck_assert_uint_eq(usage.torn, 0);
    ck_assert_uint_eq(tai_records_check(table), 0);
}

static void run_model(apr_uint64_t keys, apr_uint64_t seed, int forgets)
{
    model_t model = {.forgets = forgets};
    const int steps = chance_steps(20000);
    int i;

    make_table(keys);
    for (i = 0; i < KEYS; i++) {
        model.version[i] = ABSENT;
    }
    for (i = 0; i < steps; i++) {
        model_step(&model, &seed);
        if (i % 100 == 0) {
            model_compare(&model);
        }
    }
    ck_assert_int_eq(usage_of().evicted > 0, forgets);
}

START_TEST(a_table_with_room_is_a_map)
{
    run_model(4 * KEYS, chance_seed(_i), 0);
}
END_TEST

START_TEST(a_full_table_forgets_and_says_nothing_wrong)
{
    run_model(1, chance_seed(_i), 1);
}
END_TEST

/* ---- who goes first ----------------------------------------------------------------------- */

#define HOT   40
#define CROWD 5000

START_TEST(what_is_read_stays)
{
    apr_uint64_t key, hot, lost = 0;

    make_table(1);
    for (key = 0; key < CROWD; key++) {
        put(HOT + key, 2);
        for (hot = 0; hot < HOT && key % 20 == 0; hot++) {
            if (!find(hot)) {
                lost += key > 0;
                put(hot, 2);
            }
        }
    }
    ck_assert_uint_eq(lost, 0);
    ck_assert_uint_gt(usage_of().evicted, CROWD / 2);
    ck_assert_uint_eq(tai_records_check(table), 0);
}
END_TEST

/* Without a reader, the newest are there, and the oldest went. */
START_TEST(unread_the_oldest_go_first)
{
    apr_uint64_t key, live;

    make_table(1);
    for (key = 0; key < CROWD; key++) {
        put(key, 2);
    }
    live = usage_of().live;
    ck_assert_uint_gt(live, ONE_SET * 2 / 3);
    for (key = CROWD - live / 3; key < CROWD; key++) {
        ck_assert_int_eq(find(key), 1);
    }
    for (key = 0; key < CROWD - 3 * live; key++) {
        ck_assert_int_eq(find(key), 0);
    }
}
END_TEST

/* ---- what many have in common ------------------------------------------------------------- */

START_TEST(phrases_are_kept_once)
{
    tai_phrases_t *phrases = shared_block(sizeof(*phrases));
    const apr_uint16_t first = tai_phrases_number(phrases, "programs:read");
    const apr_uint16_t empty = tai_phrases_number(phrases, "");

    ck_assert_uint_ne(first, 0);
    ck_assert_uint_ne(empty, 0);
    ck_assert_uint_ne(empty, first);
    ck_assert_uint_eq(tai_phrases_number(phrases, "programs:read"), first);
    ck_assert_str_eq(tai_phrases_text(phrases, first), "programs:read");
    ck_assert_str_eq(tai_phrases_text(phrases, empty), "");
}
END_TEST

static const char *phrase(char *text, apr_size_t size, int i, int length)
{
    snprintf(text, size, "%0*d", length, i);
    return text;
}

/* Full of long ones, and full of many: what is in there stays right, and nothing is added. */
START_TEST(phrases_have_an_end)
{
    tai_phrases_t *phrases = shared_block(sizeof(*phrases));
    static const int lengths[] = {200, 5};
    static apr_uint16_t numbers[TAI_PHRASES_UNITS];
    const int length = lengths[_i];
    char text[256];
    int n = 0, i;

    while ((numbers[n] = tai_phrases_number(phrases, phrase(text, sizeof(text), n, length)))) {
        n++;
    }
    ck_assert_int_gt(n, 300);
    ck_assert_uint_eq(tai_phrases_number(phrases, phrase(text, sizeof(text), n, length)), 0);
    for (i = 0; i < n; i++) {
        phrase(text, sizeof(text), i, length);
        ck_assert_uint_eq(tai_phrases_number(phrases, text), numbers[i]);
        ck_assert_str_eq(tai_phrases_text(phrases, numbers[i]), text);
    }
}
END_TEST

START_TEST(without_room_for_phrases_the_texts_stand_in_the_records)
{
    made_record_t made;
    char text[256];
    int i;

    make_table(ONE_SET);
    made_record(&made, 3, 5);
    for (i = 0; i < TAI_PHRASES_UNITS; i++) {
        made.record.scopes = phrase(text, sizeof(text), i, 200);
        tai_records_put(table, &made.record);
    }
    for (i = 0; i < 60; i++) {
        ck_assert_int_eq(put((apr_uint64_t)i, 11), 1);
    }
    for (i = 0; i < 60; i++) {
        ck_assert_int_eq(find((apr_uint64_t)i), 1);
        ck_assert(made_is_whole(&copy.record, (apr_uint64_t)i));
    }
    ck_assert_uint_eq(tai_records_check(table), 0);
}
END_TEST

/* ---- how much it holds -------------------------------------------------------------------- */

START_TEST(bytes_are_for_keys)
{
    apr_uint64_t keys;

    ck_assert_uint_eq(tai_records_bytes(0), 0);
    ck_assert_uint_eq(tai_records_keys(0), 0);
    ck_assert_uint_eq(tai_records_keys(64), 0);
    for (keys = 1; keys < 2000000; keys += 1 + keys / 2) {
        const apr_size_t bytes = tai_records_bytes(keys);

        ck_assert_uint_eq(bytes % 64, 0);
        ck_assert_uint_ge(tai_records_keys(bytes), keys);
        ck_assert_uint_lt(tai_records_keys(bytes - 1), keys);
    }
}
END_TEST

#define TYPICAL 100000

/* Names of ten characters, the usual scopes, ids of 26; every second one expires. */
static void put_typical(apr_uint64_t key)
{
    char id[27], account_id[27], account[11], user[11];
    static const char scopes[] = "programs:read categories:read reviews:read organizations:read";
    const unsigned long long k = key;
    tai_record_t record = {
        .id = id,
        .line = id,
        .prefix = "tai_8f3a2b1c",
        .account_id = account_id,
        .account = account,
        .user = user,
        .plan = "free",
        .plan_rate_limit = "1000/1h",
        .scopes = scopes,
        .effective = scopes,
        .expires_at = key % 2 ? 1800000000 : TAI_NEVER,
        .revoked_at = TAI_NEVER,
    };

    snprintf(id, sizeof(id), "%026llu", k);
    snprintf(account_id, sizeof(account_id), "%026llu", k / 3);
    snprintf(account, sizeof(account), "acme%06llu", k / 3);
    snprintf(user, sizeof(user), "jane%06llu", k / 2);
    record.key = made_digest(key);
    ck_assert_int_eq(tai_records_put(table, &record), 1);
}

START_TEST(a_table_for_so_many_keys_holds_them)
{
    apr_uint64_t key, found = 0;
    tai_records_usage_t usage;

    make_table(TYPICAL);
    for (key = 0; key < TYPICAL; key++) {
        put_typical(key);
    }
    for (key = 0; key < TYPICAL; key++) {
        found += (apr_uint64_t)find(key);
    }
    usage = usage_of();
    printf("# %d keys: %.2f %% are kept; %.1f bytes a record with its slot, %.1f of the table\n",
           TYPICAL, 100.0 * (double)found / TYPICAL, (double)usage.used / (double)usage.live,
           (double)usage.bytes / TYPICAL);
    ck_assert_uint_ge(found, TYPICAL * 995 / 1000);
    ck_assert_uint_eq(usage.live, found);
    ck_assert_uint_le(usage.bytes, TYPICAL * TAI_RECORDS_KEY_BYTES + (110 << 10));
    ck_assert_uint_eq(tai_records_check(table), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_record_comes_out_as_it_went_in, 0, VERSIONS);
    tcase_add_test(tests, the_newer_record_takes_the_place_of_the_older);
    tcase_add_test(tests, texts_have_a_longest_length);
    tcase_add_test(tests, malformed_expiry_is_kept_as_such);
    tcase_add_test(tests, an_account_is_its_whole_id);
    tcase_add_loop_test(tests, a_table_with_room_is_a_map, 0, chance_seeds());
    tcase_add_loop_test(tests, a_full_table_forgets_and_says_nothing_wrong, 0, chance_seeds());
    tcase_add_test(tests, what_is_read_stays);
    tcase_add_test(tests, unread_the_oldest_go_first);
    tcase_add_test(tests, phrases_are_kept_once);
    tcase_add_loop_test(tests, phrases_have_an_end, 0, 2);
    tcase_add_test(tests, without_room_for_phrases_the_texts_stand_in_the_records);
    tcase_add_test(tests, bytes_are_for_keys);
    tcase_add_test(tests, a_table_for_so_many_keys_holds_them);
}

int main(void)
{
    return unit_run("records", add);
}
