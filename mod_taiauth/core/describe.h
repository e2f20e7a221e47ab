#ifndef TAI_DESCRIBE_H
#define TAI_DESCRIBE_H

#include <jansson.h>
#include "revocation.h"
#include "store_audit.h"
#include "store_keys.h"

/*
 * What the database says as JSON, for the management API and for taictl alike. Each function
 * returns a new reference. Out of memory it is NULL, which Jansson's own functions pass on.
 */

/**
 * What the database says, whatever it is: JSON takes UTF-8 alone, the rest is escaped.
 * @param text  NULL: null
 * @param p     for the moment
 */
json_t *tai_describe_text(const char *text, apr_pool_t *p);

/**
 * @param list  array of const char *, each as tai_describe_text has it
 * @param p     for the moment
 */
json_t *tai_describe_names(const apr_array_header_t *list, apr_pool_t *p);

/**
 * @param seconds  UTC; TAI_NEVER, or what is no time between the years 1970 and 9999: null
 * @return "2026-01-31T23:59:59Z" (RFC 3339), or null
 */
json_t *tai_describe_time(apr_int64_t seconds);

/**
 * How often something was admitted and refused.
 * @return {"admitted", "refused"}
 */
json_t *tai_describe_usage(apr_int64_t admitted, apr_int64_t refused);

/**
 * {"applied", "of", "silent"}: on how many nodes a change is in force.
 */
json_t *tai_describe_told(const tai_told_t *told);

/**
 * Who was silent, as the end of a sentence for people: "web2:443 did not answer; it stopped honouring
 * keys when its lease ended".
 * @param told  silent is not 0
 * @param p     the text lives here; harmless in a log and on a terminal, whatever the nodes' names
 */
const char *tai_describe_silent(const tai_told_t *told, apr_pool_t *p);

/**
 * A key as its owner and the operator see it.
 * @param now  UTC seconds, for the status
 * @param p    for the moment
 * @return {"id", "name", "prefix" (its shown characters alone), "status", "scopes",
 *         "effective_scopes", "created_at", "expires_at", "revoked_at", "last_used_at",
 *         "has_token", "rate_limit", "origin", "created_by" (user name), "usage" (of the last
 *         TAI_USAGE_DAYS days)}; never a key, token or digest
 */
json_t *tai_describe_key(const tai_key_info_t *info, apr_int64_t now, apr_pool_t *p);

/**
 * A line of the audit log as the owner of its account sees it.
 * @param p  for the moment
 * @return {"seq", "at", "actor", "client", "action", "subject", "detail"}
 */
json_t *tai_describe_audit(const tai_audit_t *line, apr_pool_t *p);

#endif
