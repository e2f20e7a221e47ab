#include "core/describe.h"
#include "core/record.h"
#include "unit.h"

#include <string.h>
#include <apr_strings.h>

#define NOW APR_INT64_C(1800000000) /* 2027-01-15T08:00:00Z */

/* JSON with its members in alphabetical order. */
static const char *dumped(json_t *json)
{
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);
    const char *copy;

    ck_assert_ptr_nonnull(text);
    copy = apr_pstrdup(pool, text);
    free(text);
    json_decref(json);
    return copy;
}

static const apr_array_header_t *names(const char *a, const char *b)
{
    apr_array_header_t *list = apr_array_make(pool, 2, sizeof(const char *));

    if (a != NULL) {
        APR_ARRAY_PUSH(list, const char *) = a;
    }
    if (b != NULL) {
        APR_ARRAY_PUSH(list, const char *) = b;
    }
    return list;
}

static tai_key_info_t key(void)
{
    return (tai_key_info_t){.id = "key_1",
                            .line = "key_0",
                            .account = "acme",
                            .user = "ann",
                            .name = "first \"one\"",
                            .prefix = "tai_8f3a2b1c",
                            .plan = "pro",
                            .rate_limit = NULL,
                            .scopes = names("programs:read", "programs:write"),
                            .effective = names("programs:read", NULL),
                            .origin = "api",
                            .has_token = 1,
                            .admitted = 3,
                            .refused = 1,
                            .created_at = NOW - 10,
                            .expires_at = NOW,
                            .revoked_at = TAI_NEVER,
                            .last_used_at = TAI_NEVER};
}

static const struct {
    const char *text, *json;
} texts[] = {
    {NULL, "null"},
    {"", "\"\""},
    {"\303\251", "\"\303\251\""},
    {"a\nb", "\"a\\nb\""},
    {"\351", "\"\\\\xe9\""},            /* Latin-1 */
    {"\300\257", "\"\\\\xc0\\\\xaf\""}, /* overlong */
};

START_TEST(text_of_row)
{
    ck_assert_str_eq(dumped(tai_describe_text(texts[_i].text, pool)), texts[_i].json);
}
END_TEST

static const struct {
    apr_int64_t seconds;
    const char *json;
} times[] = {
    {0, "\"1970-01-01T00:00:00Z\""},
    {NOW, "\"2027-01-15T08:00:00Z\""},
    {APR_INT64_C(253402300799), "\"9999-12-31T23:59:59Z\""},
    {APR_INT64_C(253402300800), "null"},
    {TAI_NEVER, "null"},
    {TAI_MALFORMED, "null"},
};

START_TEST(time_of_row)
{
    ck_assert_str_eq(dumped(tai_describe_time(times[_i].seconds)), times[_i].json);
}
END_TEST

START_TEST(names_in_their_order)
{
    ck_assert_str_eq(dumped(tai_describe_names(names(NULL, NULL), pool)), "[]");
    ck_assert_str_eq(dumped(tai_describe_names(names("b", "a"), pool)), "[\"b\",\"a\"]");
}
END_TEST

static const struct {
    const char *nodes[2];
    const char *sentence;
} silent[] = {
    {{"web2:443", NULL}, "web2:443 did not answer; it stopped honouring keys when its lease ended"},
    {{"web2:443", "web3:443"},
     "web2:443, web3:443 did not answer; they stopped honouring keys when their leases ended"},
    {{"a\n\033[2J\"", NULL},
     "a\\x0a\\x1b[2J\\\" did not answer; it stopped honouring keys when its lease ended"},
};

START_TEST(silent_as_in_row)
{
    apr_array_header_t *nodes =
        apr_array_copy(pool, names(silent[_i].nodes[0], silent[_i].nodes[1]));
    tai_told_t told = {.silent = nodes->nelts, .silent_nodes = nodes};

    ck_assert_str_eq(tai_describe_silent(&told, pool), silent[_i].sentence);
    ck_assert_str_eq(dumped(tai_describe_told(&told)),
                     apr_psprintf(pool, "{\"applied\":0,\"of\":0,\"silent\":%d}", nodes->nelts));
}
END_TEST

START_TEST(key_in_full)
{
    tai_key_info_t info = key();

    ck_assert_str_eq(dumped(tai_describe_key(&info, NOW - 1, pool)),
                     "{\"created_at\":\"2027-01-15T07:59:50Z\",\"created_by\":\"ann\","
                     "\"effective_scopes\":[\"programs:read\"],"
                     "\"expires_at\":\"2027-01-15T08:00:00Z\",\"has_token\":true,\"id\":\"key_1\","
                     "\"last_used_at\":null,\"name\":\"first \\\"one\\\"\",\"origin\":\"api\","
                     "\"prefix\":\"tai_8f3a2b1c\",\"rate_limit\":null,\"revoked_at\":null,"
                     "\"scopes\":[\"programs:read\",\"programs:write\"],\"status\":\"active\","
                     "\"usage\":{\"admitted\":3,\"refused\":1}}");
}
END_TEST

START_TEST(status_of_the_moment)
{
    tai_key_info_t info = key();
    json_t *object = tai_describe_key(&info, NOW, pool);

    ck_assert_str_eq(json_string_value(json_object_get(object, "status")), "expired");
    json_decref(object);
    info.revoked_at = NOW;
    object = tai_describe_key(&info, NOW, pool);
    ck_assert_str_eq(json_string_value(json_object_get(object, "status")), "revoked");
    json_decref(object);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, text_of_row, 0, ROWS(texts));
    tcase_add_loop_test(tests, time_of_row, 0, ROWS(times));
    tcase_add_test(tests, names_in_their_order);
    tcase_add_loop_test(tests, silent_as_in_row, 0, ROWS(silent));
    tcase_add_test(tests, key_in_full);
    tcase_add_test(tests, status_of_the_moment);
}

int main(void)
{
    return unit_run("describe", add);
}
