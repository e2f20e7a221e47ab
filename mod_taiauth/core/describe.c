#include "describe.h"
#include "text.h"
#include "when.h"

#include <string.h>
#include <apr_strings.h>

#define ESCAPED_MAX 4  /* what becomes of one byte, at most */
#define LINE_MIN    16 /* the least that tai_text_line takes as its most */

json_t *tai_describe_text(const char *text, apr_pool_t *p)
{
    json_t *string = text != NULL ? json_string(text) : json_null();

    return string != NULL
               ? string
               : json_string(tai_text_line(text, LINE_MIN + ESCAPED_MAX * strlen(text), p));
}

json_t *tai_describe_names(const apr_array_header_t *list, apr_pool_t *p)
{
    json_t *array = json_array();

    for (int i = 0; i < list->nelts; i++) {
        json_array_append_new(array, tai_describe_text(APR_ARRAY_IDX(list, i, const char *), p));
    }
    return array;
}

json_t *tai_describe_time(apr_int64_t seconds)
{
    char text[TAI_WHEN_LEN + 1];

    return tai_when_text(seconds, text) ? json_string(text) : json_null();
}

json_t *tai_describe_usage(apr_int64_t admitted, apr_int64_t refused)
{
    return json_pack("{s:I, s:I}", "admitted", (json_int_t)admitted, "refused",
                     (json_int_t)refused);
}

json_t *tai_describe_told(const tai_told_t *told)
{
    return json_pack("{s:i, s:i, s:i}", "applied", told->applied, "of", told->of, "silent",
                     told->silent);
}

const char *tai_describe_silent(const tai_told_t *told, apr_pool_t *p)
{
    const char *names = "";

    for (int i = 0; i < told->silent_nodes->nelts; i++) {
        const char *name = APR_ARRAY_IDX(told->silent_nodes, i, const char *);

        names = apr_pstrcat(p, names, i > 0 ? ", " : "",
                            tai_text_line(name, ESCAPED_MAX * TAI_NODE_NAME_MAX, p), NULL);
    }
    return apr_psprintf(p, "%s did not answer; %s", names,
                        told->silent == 1 ? "it stopped honouring keys when its lease ended"
                                          : "they stopped honouring keys when their leases ended");
}

json_t *tai_describe_key(const tai_key_info_t *info, apr_int64_t now, apr_pool_t *p)
{
    json_t *key = json_object();

    json_object_set_new(key, "id", tai_describe_text(info->id, p));
    json_object_set_new(key, "name", tai_describe_text(info->name, p));
    json_object_set_new(key, "prefix", tai_describe_text(info->prefix, p));
    json_object_set_new(key, "status", json_string(tai_key_status(info, now)));
    json_object_set_new(key, "scopes", tai_describe_names(info->scopes, p));
    json_object_set_new(key, "effective_scopes", tai_describe_names(info->effective, p));
    json_object_set_new(key, "created_at", tai_describe_time(info->created_at));
    json_object_set_new(key, "expires_at", tai_describe_time(info->expires_at));
    json_object_set_new(key, "revoked_at", tai_describe_time(info->revoked_at));
    json_object_set_new(key, "last_used_at", tai_describe_time(info->last_used_at));
    json_object_set_new(key, "has_token", json_boolean(info->has_token));
    json_object_set_new(key, "rate_limit", tai_describe_text(info->rate_limit, p));
    json_object_set_new(key, "origin", tai_describe_text(info->origin, p));
    json_object_set_new(key, "created_by", tai_describe_text(info->user, p));
    json_object_set_new(key, "usage", tai_describe_usage(info->admitted, info->refused));
    return key;
}

json_t *tai_describe_audit(const tai_audit_t *line, apr_pool_t *p)
{
    json_t *object =
        json_pack("{s:I, s:o}", "seq", (json_int_t)line->seq, "at", tai_describe_time(line->at));

    json_object_set_new(object, "actor", tai_describe_text(line->actor, p));
    json_object_set_new(object, "client", tai_describe_text(line->client, p));
    json_object_set_new(object, "action", tai_describe_text(line->action, p));
    json_object_set_new(object, "subject", tai_describe_text(line->subject, p));
    json_object_set_new(object, "detail", tai_describe_text(line->detail, p));
    return object;
}
