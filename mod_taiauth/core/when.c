#include "when.h"

#include <stdlib.h>
#include <string.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_time.h>

#define SPAN_MAX    (APR_INT64_C(3650) * 86400)
#define SPAN_DIGITS 9 /* ten years in seconds */
#define YEAR_10000  APR_INT64_C(253402300800)

apr_int64_t tai_when_now(void)
{
    return apr_time_sec(apr_time_now());
}

int tai_when_text(apr_int64_t seconds, char text[TAI_WHEN_LEN + 1])
{
    apr_time_exp_t t;

    if (seconds < 0 || seconds >= YEAR_10000 ||
        apr_time_exp_gmt(&t, apr_time_from_sec(seconds)) != APR_SUCCESS) {
        return 0;
    }
    apr_snprintf(text, TAI_WHEN_LEN + 1, "%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900,
                 t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    return 1;
}

/* 9 stands for any digit. */
static int looks_like(const char *text, const char *pattern)
{
    while (*text != '\0' && (*pattern == '9' ? apr_isdigit(*text) : *text == *pattern)) {
        text++;
        pattern++;
    }
    return *text == '\0' && *pattern == '\0';
}

/* Written back, the 30th of February would be another day. */
const char *tai_when_parse(const char *text, apr_int64_t *seconds)
{
    char back[TAI_WHEN_LEN + 1];
    apr_time_exp_t t = {0};
    apr_time_t time;

    if (looks_like(text, "9999-99-99T99:99:99Z")) {
        t.tm_year = atoi(text) - 1900;
        t.tm_mon = atoi(text + 5) - 1;
        t.tm_mday = atoi(text + 8);
        t.tm_hour = atoi(text + 11);
        t.tm_min = atoi(text + 14);
        t.tm_sec = atoi(text + 17);
        if (t.tm_mon >= 0 && t.tm_mon < 12 && apr_time_exp_gmt_get(&time, &t) == APR_SUCCESS &&
            tai_when_text(apr_time_sec(time), back) && strcmp(text, back) == 0) {
            *seconds = apr_time_sec(time);
            return NULL;
        }
    }
    return "a time is UTC, such as 2026-01-31T23:59:59Z";
}

const char *tai_span_parse(const char *text, apr_int64_t *seconds)
{
    static const struct {
        const char *name;
        int seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    size_t digits = strspn(text, "0123456789");
    apr_int64_t number = digits <= SPAN_DIGITS ? apr_atoi64(text) : SPAN_MAX + 1;

    for (size_t i = 0; digits > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text + digits, units[i].name) == 0 && number >= 1 &&
            number <= SPAN_MAX / units[i].seconds) {
            *seconds = number * units[i].seconds;
            return NULL;
        }
    }
    return "a span is a number and s, m, h or d, such as 30d: one second to ten years";
}
