#include "limit.h"

#include <string.h>
#include <apr_strings.h>

#define NO_DURATION  "a duration is a number and one of ms, s, m, h, d (none: seconds), such as 60s"
#define OUT_OF_RANGE "the duration is out of range"
#define NO_LIMIT     "a limit is N/WINDOW, such as 5/60s: N from 1 to 1000000000, WINDOW from 1s to 30d"

#define TOO_LARGE (APR_UINT64_C(1) << 32) /* stands for every number that 32 bits cannot hold */

static const struct {
    const char *name;
    apr_uint32_t ms;
} units[] = {
    {"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 86400 * 1000},
};

/* Digits only: strtoul would let blanks and a sign pass. Returns what follows, NULL: no digit. */
static const char *parse_number(const char *text, apr_uint64_t *out)
{
    const char *c;

    *out = 0;
    for (c = text; *c >= '0' && *c <= '9'; c++) {
        *out = *out * 10 + (apr_uint64_t)(*c - '0');
        if (*out > TOO_LARGE) {
            *out = TOO_LARGE;
        }
    }
    return c > text ? c : NULL;
}

/* Milliseconds of a unit; 0: there is none of that name. */
static apr_uint32_t unit_ms(const char *name)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(units[i].name, name) == 0) {
            return units[i].ms;
        }
    }
    return 0;
}

const char *tai_duration_parse(const char *text, apr_uint32_t min_ms, apr_uint32_t max_ms,
                               apr_uint32_t *out)
{
    apr_uint64_t ms;
    const char *unit = parse_number(text, &ms);

    if (unit == NULL || unit_ms(unit) == 0) {
        return NO_DURATION;
    }
    ms *= unit_ms(unit); /* below 2^59: a day has less than 2^27 ms */
    if (ms < min_ms || ms > max_ms) {
        return OUT_OF_RANGE;
    }
    *out = (apr_uint32_t)ms;
    return NULL;
}

const char *tai_limit_parse(const char *text, tai_limit_t *out)
{
    apr_uint64_t max;
    apr_uint32_t window_ms;
    const char *slash = parse_number(text, &max);

    if (slash == NULL || *slash != '/' || max < 1 || max > TAI_LIMIT_MAX) {
        return NO_LIMIT;
    }
    if (tai_duration_parse(slash + 1, TAI_WINDOW_MIN_MS, TAI_WINDOW_MAX_MS, &window_ms) != NULL) {
        return NO_LIMIT;
    }
    *out = (tai_limit_t){.max = (apr_uint32_t)max, .window_ms = window_ms};
    return NULL;
}

const char *tai_limit_text(const tai_limit_t *limit, apr_pool_t *p)
{
    char seconds[sizeof("4294967.295")];
    int len = apr_snprintf(seconds, sizeof(seconds), "%u.%03u", limit->window_ms / 1000,
                           limit->window_ms % 1000);

    while (seconds[len - 1] == '0') {
        seconds[--len] = '\0';
    }
    if (seconds[len - 1] == '.') {
        seconds[--len] = '\0';
    }
    return apr_psprintf(p, "%u request%s per %s second%s", limit->max, limit->max == 1 ? "" : "s",
                        seconds, limit->window_ms == 1000 ? "" : "s");
}
