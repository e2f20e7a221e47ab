#ifndef TAI_WHEN_H
#define TAI_WHEN_H

#include <apr.h>

#define TAI_WHEN_LEN 20 /* "2026-01-31T23:59:59Z" */

/**
 * @return the wall clock, UTC seconds
 */
apr_int64_t tai_when_now(void);

/**
 * @param seconds  UTC
 * @param text     set to "2026-01-31T23:59:59Z"
 * @return 1; 0: there is no such time between the years 1970 and 9999
 */
int tai_when_text(apr_int64_t seconds, char text[TAI_WHEN_LEN + 1]);

/**
 * Read a point of time.
 * @param text     the whole text must be one, such as 2026-01-31T23:59:59Z
 * @param seconds  set to UTC seconds on success
 * @return NULL, or a static text saying what one looks like
 */
const char *tai_when_parse(const char *text, apr_int64_t *seconds);

/**
 * Read how long something lasts.
 * @param text     the whole text must be a number and s, m, h or d, such as 30d
 * @param seconds  set to 1 second to ten years on success
 * @return NULL, or a static text saying what is allowed
 */
const char *tai_span_parse(const char *text, apr_int64_t *seconds);

#endif
