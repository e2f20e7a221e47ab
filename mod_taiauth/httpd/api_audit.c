/*
 * The audit log of the caller's account.
 */

#include "api.h"

#include "../core/describe.h"

static json_t *line_json(const tai_audit_t *line, apr_pool_t *p)
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

static int read_page(request_rec *r, taiauth_page_t *page)
{
    int status = taiauth_page_read(r, "before", page);

    if (status == OK && page->from && page->number < 1) {
        return taiauth_page_refuse(r, page);
    }
    return status;
}

/* One more is asked for than is shown: is there another page? */
int taiauth_api_list_audit(taiauth_call_t *call)
{
    static const char *const columns[] = {"seq",    "at",      "actor",  "client",
                                          "action", "subject", "detail", NULL};
    apr_pool_t *p = call->r->pool;
    const tai_audit_t *line = NULL;
    apr_array_header_t *lines;
    taiauth_page_t page;
    tai_change_e outcome;
    const char *text;
    json_t *list;
    int i, more, status = read_page(call->r, &page);

    if (status != OK) {
        return status;
    }
    outcome = tai_store_list_audit(taiauth_store, call->caller->principal->account_id,
                                   page.from ? page.number : 0, page.limit + 1, p, &lines, &text);
    if (outcome != TAI_CHANGE_DONE) {
        return taiauth_api_refuse_change(call->r, outcome, text);
    }
    more = lines->nelts > page.limit;
    list = json_array();
    for (i = 0; i < lines->nelts - more; i++) {
        line = APR_ARRAY_IDX(lines, i, const tai_audit_t *);
        json_array_append_new(list, line_json(line, p));
    }
    return taiauth_answer_list(call->r, "audit", list, columns, 1,
                               more ? apr_psprintf(p, "%" APR_INT64_T_FMT, line->seq) : NULL);
}
