#ifndef TAI_LIMIT_H
#define TAI_LIMIT_H

#include <apr.h>
#include <apr_pools.h>

/* N admissions in any interval of window_ms milliseconds. */
typedef struct tai_limit_t {
    apr_uint32_t max;       /* N, 1 to TAI_LIMIT_MAX */
    apr_uint32_t window_ms; /* W, TAI_WINDOW_MIN_MS to TAI_WINDOW_MAX_MS */
} tai_limit_t;

/* N failures within window_ms lock for lock_ms milliseconds. */
typedef struct tai_lockout_t {
    tai_limit_t failures;
    apr_uint32_t lock_ms;
} tai_lockout_t;

#define TAI_LIMIT_MAX     1000000000u
#define TAI_WINDOW_MIN_MS 1000u
#define TAI_WINDOW_MAX_MS 2592000000u /* 30 days: an age in ms must fit in 32 bits */

/**
 * Read a duration such as 250ms, 60s, 5m, 1h, 7d; a bare number is seconds.
 * @param text     the whole text must be the duration
 * @param min_ms   least value allowed, milliseconds
 * @param max_ms   largest value allowed, milliseconds
 * @param out      set to milliseconds on success
 * @return NULL, or a static text saying what a duration looks like or that it is out of range
 */
const char *tai_duration_parse(const char *text, apr_uint32_t min_ms, apr_uint32_t max_ms,
                               apr_uint32_t *out);

/**
 * Read "N/WINDOW", for example 5/60s.
 * @param text  the whole text must be the limit
 * @param out   set on success
 * @return NULL, or a static text saying what is allowed
 */
const char *tai_limit_parse(const char *text, tai_limit_t *out);

/**
 * The limit as the refusal says it: "5 requests per 60 seconds", "1 request per 1 second".
 * A window that is no whole number of seconds is given with up to three decimals.
 * @param limit  what to say
 * @param p      the text lives here
 */
const char *tai_limit_text(const tai_limit_t *limit, apr_pool_t *p);

#endif
