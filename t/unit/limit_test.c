#include "core/limit.h"
#include "unit.h"

#include <string.h>

#define UNSET 12345u

static const struct {
    const char *text;
    apr_uint32_t min_ms;
    apr_uint32_t max_ms;
    apr_uint32_t ms; /* UNSET: refused */
} durations[] = {
    {"250ms", 0, APR_UINT32_MAX, 250},
    {"60s", 0, APR_UINT32_MAX, 60000},
    {"5m", 0, APR_UINT32_MAX, 300000},
    {"1h", 0, APR_UINT32_MAX, 3600000},
    {"7d", 0, APR_UINT32_MAX, 604800000},
    {"60", 0, APR_UINT32_MAX, 60000},
    {"0", 0, APR_UINT32_MAX, 0},
    {"007s", 0, APR_UINT32_MAX, 7000},
    /* ends of the range */
    {"100ms", 100, 1000, 100},
    {"99ms", 100, 1000, UNSET},
    {"1000ms", 100, 1000, 1000},
    {"1001ms", 100, 1000, UNSET},
    {"1s", 100, 1000, 1000},
    {"2", 100, 1000, UNSET},
    {"30d", TAI_WINDOW_MIN_MS, TAI_WINDOW_MAX_MS, TAI_WINDOW_MAX_MS},
    {"31d", TAI_WINDOW_MIN_MS, TAI_WINDOW_MAX_MS, UNSET},
    {"2592000001ms", TAI_WINDOW_MIN_MS, TAI_WINDOW_MAX_MS, UNSET},
    /* ends of 32 and 64 bits, and products that come round to a small number */
    {"4294967295ms", 0, APR_UINT32_MAX, APR_UINT32_MAX},
    {"4294967296ms", 0, APR_UINT32_MAX, UNSET},
    {"4294967297ms", 0, APR_UINT32_MAX, UNSET},
    {"4294968s", 0, APR_UINT32_MAX, UNSET},
    {"18446744073709551616ms", 0, APR_UINT32_MAX, UNSET},
    {"18446744073709551621s", 0, APR_UINT32_MAX, UNSET},
    {"213503982335d", 0, APR_UINT32_MAX, UNSET},
    {"99999999999999999999999999999999999999d", 0, APR_UINT32_MAX, UNSET},
    /* no duration */
    {"", 0, APR_UINT32_MAX, UNSET},
    {"s", 0, APR_UINT32_MAX, UNSET},
    {"ms", 0, APR_UINT32_MAX, UNSET},
    {"-1s", 0, APR_UINT32_MAX, UNSET},
    {"+1s", 0, APR_UINT32_MAX, UNSET},
    {" 1s", 0, APR_UINT32_MAX, UNSET},
    {"1 s", 0, APR_UINT32_MAX, UNSET},
    {"1s ", 0, APR_UINT32_MAX, UNSET},
    {"1.5s", 0, APR_UINT32_MAX, UNSET},
    {"1e3", 0, APR_UINT32_MAX, UNSET},
    {"0x10", 0, APR_UINT32_MAX, UNSET},
    {"1S", 0, APR_UINT32_MAX, UNSET},
    {"1sec", 0, APR_UINT32_MAX, UNSET},
    {"1msx", 0, APR_UINT32_MAX, UNSET},
    {"1w", 0, APR_UINT32_MAX, UNSET},
    {"1m30s", 0, APR_UINT32_MAX, UNSET},
};

START_TEST(duration_of_row)
{
    apr_uint32_t ms = UNSET;
    const char *error =
        tai_duration_parse(durations[_i].text, durations[_i].min_ms, durations[_i].max_ms, &ms);

    ck_assert_msg(ms == durations[_i].ms, "\"%s\": %u ms", durations[_i].text, ms);
    ck_assert_msg((error != NULL) == (ms == UNSET), "\"%s\": %s", durations[_i].text,
                  error != NULL ? error : "no error");
}
END_TEST

START_TEST(errors_tell_form_from_range)
{
    apr_uint32_t ms;

    ck_assert_ptr_nonnull(strstr(tai_duration_parse("x", 0, 1000, &ms), "60s"));
    ck_assert_ptr_nonnull(strstr(tai_duration_parse("2s", 0, 1000, &ms), "range"));
}
END_TEST

static const struct {
    const char *text;
    tai_limit_t limit; /* max UNSET: refused */
} limits[] = {
    {"5/60s", {5, 60000}},
    {"5/60", {5, 60000}},
    {"1/1s", {1, 1000}},
    {"100/1500ms", {100, 1500}},
    {"1000000000/30d", {1000000000, TAI_WINDOW_MAX_MS}},
    {"1000000001/30d", {UNSET, 0}},
    {"4294967297/60s", {UNSET, 0}},
    {"18446744073709551617/60s", {UNSET, 0}},
    {"0/60s", {UNSET, 0}},
    {"5/999ms", {UNSET, 0}},
    {"5/0", {UNSET, 0}},
    {"5/31d", {UNSET, 0}},
    {"5", {UNSET, 0}},
    {"5/", {UNSET, 0}},
    {"/60s", {UNSET, 0}},
    {"/", {UNSET, 0}},
    {"", {UNSET, 0}},
    {"5//60s", {UNSET, 0}},
    {"5/60s/", {UNSET, 0}},
    {"-5/60s", {UNSET, 0}},
    {"5/-60s", {UNSET, 0}},
    {" 5/60s", {UNSET, 0}},
    {"5 /60s", {UNSET, 0}},
    {"5/ 60s", {UNSET, 0}},
    {"5/60s ", {UNSET, 0}},
    {"5.0/60s", {UNSET, 0}},
    {"off", {UNSET, 0}},
};

START_TEST(limit_of_row)
{
    tai_limit_t limit = {UNSET, 0};
    const char *error = tai_limit_parse(limits[_i].text, &limit);

    ck_assert_msg(limit.max == limits[_i].limit.max &&
                      limit.window_ms == limits[_i].limit.window_ms,
                  "\"%s\": %u per %u ms", limits[_i].text, limit.max, limit.window_ms);
    ck_assert_msg((error != NULL) == (limit.max == UNSET), "\"%s\": %s", limits[_i].text,
                  error != NULL ? error : "no error");
}
END_TEST

START_TEST(error_says_what_is_allowed)
{
    tai_limit_t limit;
    const char *error = tai_limit_parse("5", &limit);

    ck_assert_ptr_nonnull(strstr(error, "5/60s"));
    ck_assert_ptr_nonnull(strstr(error, "1000000000"));
    ck_assert_ptr_nonnull(strstr(error, "30d"));
    ck_assert_uint_eq(TAI_LIMIT_MAX, 1000000000);
    ck_assert_uint_eq(TAI_WINDOW_MAX_MS, 30u * 86400 * 1000);
}
END_TEST

static const struct {
    tai_limit_t limit;
    const char *text;
} texts[] = {
    {{5, 60000}, "5 requests per 60 seconds"},
    {{1, 1000}, "1 request per 1 second"},
    {{2, 1000}, "2 requests per 1 second"},
    {{1, 2000}, "1 request per 2 seconds"},
    {{10, 1500}, "10 requests per 1.5 seconds"},
    {{10, 1250}, "10 requests per 1.25 seconds"},
    {{10, 1001}, "10 requests per 1.001 seconds"},
    {{10, 1010}, "10 requests per 1.01 seconds"},
    {{10, 10000}, "10 requests per 10 seconds"},
    {{TAI_LIMIT_MAX, TAI_WINDOW_MAX_MS}, "1000000000 requests per 2592000 seconds"},
    {{APR_UINT32_MAX, APR_UINT32_MAX}, "4294967295 requests per 4294967.295 seconds"},
};

START_TEST(text_of_row)
{
    ck_assert_str_eq(tai_limit_text(&texts[_i].limit, pool), texts[_i].text);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, duration_of_row, 0, ROWS(durations));
    tcase_add_test(tests, errors_tell_form_from_range);
    tcase_add_loop_test(tests, limit_of_row, 0, ROWS(limits));
    tcase_add_test(tests, error_says_what_is_allowed);
    tcase_add_loop_test(tests, text_of_row, 0, ROWS(texts));
}

int main(void)
{
    return unit_run("limit", add);
}
