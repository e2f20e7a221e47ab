#ifndef TAI_REFUSAL_H
#define TAI_REFUSAL_H

#include <apr_pools.h>
#include <apr_tables.h>
#include "verdict.h"

typedef enum { TAI_FORMAT_JSON, TAI_FORMAT_ENVELOPE, TAI_FORMAT_PROBLEM } tai_format_e;

/* A refusal before it becomes bytes. */
typedef struct tai_refusal_t {
    tai_reason_e reason;
    const char *text;         /* what the client reads, UTF-8 */
    apr_uint32_t retry_after; /* seconds; 0: none */
    const char *scope;        /* the missing scope, for the challenge; NULL: none */
    int caller_known;         /* of the management API: it knew who was asking */
} tai_refusal_t;

/**
 * The status that the client gets. The envelope answers an authenticated request with 200 and says
 * in the body what was wrong: a 403 about a key becomes 200, and so does whatever the management API
 * tells a caller whom it knows, save 401, 405, 429 and 503.
 */
int tai_refusal_status(const tai_refusal_t *refusal, tai_format_e format);

/**
 * @return the Content-Type; static
 */
const char *tai_refusal_type(tai_format_e format);

/**
 * The body.
 *   json      {"error": "text", "code": "CODE"}, with "retry_after" on 429
 *   envelope  {"errors": ["text"], "data": []}
 *   problem   RFC 9457: type, title, status, detail; code, error (and retry_after on 429) as
 *             extension members
 * @param p  the body lives here
 * @return valid UTF-8 JSON, NUL-terminated, ending in a newline; never NULL (a text that is not
 *         UTF-8 is replaced by the text of its code)
 */
const char *tai_refusal_body(const tai_refusal_t *refusal, tai_format_e format, apr_pool_t *p);

/**
 * The sentence for a scope that the key does not hold.
 */
const char *tai_refusal_scope_text(const char *scope, apr_pool_t *p);

/**
 * The sentence for a scope that the key holds and its plan does not:
 * The "programs:write" scope requires a Claimed or Pro plan.
 * @param titles  array of const char *: plans that grant it, by rank; empty or NULL: no plan is named
 */
const char *tai_refusal_plan_text(const char *scope, const apr_array_header_t *titles,
                                  apr_pool_t *p);

#endif
