#include "refusal.h"

#include <stdlib.h>
#include <string.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <jansson.h>

#define PROBLEM_TYPE "urn:taiauth:problem:"

static const tai_code_t *code_of(const tai_refusal_t *refusal)
{
    return tai_code(tai_reason_code(refusal->reason));
}

/* Lower-case, as URNs are usually written. Part of the contract: clients compare it. */
static const char *problem_type(const tai_code_t *code, apr_pool_t *p)
{
    char *type = apr_pstrcat(p, PROBLEM_TYPE, code->name, NULL);

    for (char *c = type + strlen(PROBLEM_TYPE); *c != '\0'; c++) {
        *c = (char)apr_tolower(*c);
    }
    return type;
}

/* The refusal's own text; where Jansson cannot take that, what the code has to say. */
static json_t *text_of(const tai_refusal_t *refusal)
{
    const tai_code_t *code = code_of(refusal);
    json_t *text = json_string(refusal->text);

    if (text == NULL) {
        text = json_string(code->text != NULL ? code->text : code->title);
    }
    return text;
}

/* NULL, which json_pack leaves out at "o*": no such member. */
static json_t *retry_after_of(const tai_refusal_t *refusal)
{
    if (code_of(refusal)->status != 429 || refusal->retry_after == 0) {
        return NULL;
    }
    return json_integer(refusal->retry_after);
}

static json_t *as_json(const tai_refusal_t *refusal, apr_pool_t *p)
{
    (void)p;
    return json_pack("{s:o, s:s, s:o*}", "error", text_of(refusal), "code", code_of(refusal)->name,
                     "retry_after", retry_after_of(refusal));
}

static json_t *as_envelope(const tai_refusal_t *refusal, apr_pool_t *p)
{
    (void)p;
    return json_pack("{s:[o], s:[]}", "errors", text_of(refusal), "data");
}

static json_t *as_problem(const tai_refusal_t *refusal, apr_pool_t *p)
{
    const tai_code_t *code = code_of(refusal);

    return json_pack("{s:s, s:s, s:i, s:o, s:s, s:o, s:o*}", "type", problem_type(code, p), "title",
                     code->title, "status", code->status, "detail", text_of(refusal), "code",
                     code->name, "error", text_of(refusal), "retry_after", retry_after_of(refusal));
}

static const struct {
    const char *type;
    json_t *(*make)(const tai_refusal_t *refusal, apr_pool_t *p);
} formats[] = {
    [TAI_FORMAT_JSON] = {"application/json", as_json},
    [TAI_FORMAT_ENVELOPE] = {"application/json", as_envelope},
    [TAI_FORMAT_PROBLEM] = {"application/problem+json", as_problem},
};

/* Who is asking is not known, or how to ask again matters more than the dialect. */
static int keeps_status(int status)
{
    return status == 401 || status == 405 || status == 429 || status == 503;
}

int tai_refusal_status(const tai_refusal_t *refusal, tai_format_e format)
{
    int status = code_of(refusal)->status;
    int about_key = refusal->reason < TAI_MANAGED;

    if (format != TAI_FORMAT_ENVELOPE || keeps_status(status)) {
        return status;
    }
    return about_key || refusal->caller_known ? 200 : status;
}

const char *tai_refusal_type(tai_format_e format)
{
    return formats[format].type;
}

const char *tai_refusal_body(const tai_refusal_t *refusal, tai_format_e format, apr_pool_t *p)
{
    json_t *json = formats[format].make(refusal, p);
    char *dump = json_dumps(json, 0);
    const char *body = "{}\n"; /* out of memory: still JSON */

    if (dump != NULL) {
        body = apr_pstrcat(p, dump, "\n", NULL);
    }
    free(dump);
    json_decref(json);
    return body;
}

const char *tai_refusal_scope_text(const char *scope, apr_pool_t *p)
{
    return apr_psprintf(p, "This action requires the \"%s\" scope.", scope);
}

/* "Free, Claimed or Pro" */
static const char *enumerate(const apr_array_header_t *titles, apr_pool_t *p)
{
    const char *list = APR_ARRAY_IDX(titles, 0, const char *);

    for (int i = 1; i < titles->nelts; i++) {
        const char *separator = i == titles->nelts - 1 ? " or " : ", ";

        list = apr_pstrcat(p, list, separator, APR_ARRAY_IDX(titles, i, const char *), NULL);
    }
    return list;
}

const char *tai_refusal_plan_text(const char *scope, const apr_array_header_t *titles,
                                  apr_pool_t *p)
{
    const char *list;

    if (titles == NULL || titles->nelts == 0) {
        return apr_psprintf(p, "The \"%s\" scope is not part of any plan.", scope);
    }
    list = enumerate(titles, p);
    return apr_psprintf(p, "The \"%s\" scope requires %s %s plan.", scope,
                        *list != '\0' && strchr("AEIOUaeiou", *list) != NULL ? "an" : "a", list);
}
