#ifndef TAI_TEXT_H
#define TAI_TEXT_H

#include <apr_pools.h>

/**
 * Bytes of a client as one harmless line for a log: every byte outside visible ASCII and blank
 * becomes \xHH, a quote or backslash is escaped, whatever looks like a key, token or ticket
 * of ours (tai_, tat_ or tao_ and at least nine base62 characters) is cut behind its eighth and marked "...",
 * and the whole is cut at max characters, marked "...".
 * @param bytes  NUL-terminated; NULL gives "-"
 * @param max    most characters of the result, at least 16
 * @param p      the line lives here
 */
const char *tai_text_line(const char *bytes, apr_size_t max, apr_pool_t *p);

/**
 * Is it UTF-8, as RFC 3629 has it?
 */
int tai_text_is_utf8(const char *bytes);

#endif
