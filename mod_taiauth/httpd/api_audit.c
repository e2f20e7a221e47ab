/*
 * The audit log of the caller's account.
 */

#include "api.h"

#include "../core/describe.h"

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
        json_array_append_new(list, tai_describe_audit(line, p));
    }
    return taiauth_answer_list(call->r, "audit", list, columns, 1,
                               more ? apr_psprintf(p, "%" APR_INT64_T_FMT, line->seq) : NULL);
}
