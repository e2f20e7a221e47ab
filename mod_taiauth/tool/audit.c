#include "output.h"
#include "describe.h"
#include "store_accounts.h"
#include "when.h"

#include <string.h>
#include <apr_strings.h>

#define LINES_USUAL 50
#define LINES_MAX   1000
#define DIGITS_MAX  18 /* of a number: they fit into 64 bits */

/* A number that is given as an option, or else the usual one. */
static int read_number(const char *text, apr_int64_t usual, apr_int64_t max, apr_int64_t *number)
{
    size_t digits = text != NULL ? strspn(text, "0123456789") : 0;

    *number = text != NULL ? apr_atoi64(text) : usual;
    return text == NULL || (digits > 0 && digits <= DIGITS_MAX && text[digits] == '\0' &&
                            *number >= 1 && *number <= max);
}

static const char *read_page(const taictl_t *run, apr_int64_t *limit, apr_int64_t *before)
{
    if (!read_number(run->option[OPTION_LIMIT], LINES_USUAL, LINES_MAX, limit)) {
        return "--limit is a number from 1 to 1000";
    }
    return read_number(run->option[OPTION_BEFORE], 0, APR_INT64_MAX, before)
               ? NULL
               : "--before is the SEQ of a line, from 1 on";
}

/* With the account's name: an operator may see those of all. */
static json_t *line_json(const tai_audit_t *line, apr_pool_t *p)
{
    json_t *object = tai_describe_audit(line, p);

    json_object_set_new(object, "account", tai_describe_text(line->account, p));
    return object;
}

/* The id behind the name that was given; NULL: none was, and all are meant. */
static int find_account(const taictl_t *run, tai_store_t *store, const char **id)
{
    tai_account_t *account;
    const char *text;

    *id = NULL;
    if (run->arg_count == 0) {
        return TAICTL_DONE;
    }
    if (tai_store_show_account(store, run->args[0], tai_when_now(), run->pool, &account, &text) !=
        TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    *id = account->id;
    return TAICTL_DONE;
}

int taictl_audit(taictl_t *run)
{
    static const taictl_field_t fields[] = {
        {"SEQ", "seq"},         {"AT", "at"},         {"ACCOUNT", "account"},
        {"ACTOR", "actor"},     {"CLIENT", "client"}, {"ACTION", "action"},
        {"SUBJECT", "subject"}, {"DETAIL", "detail"}, {NULL, NULL}};
    apr_int64_t limit, before;
    apr_array_header_t *lines;
    const char *text = read_page(run, &limit, &before);
    const char *account_id;
    tai_store_t *store;
    json_t *list;

    if (text != NULL) {
        return taictl_misuse(run, text);
    }
    store = taictl_store(run);
    if (store == NULL || find_account(run, store, &account_id) != TAICTL_DONE) {
        return TAICTL_FAILED;
    }
    if (tai_store_list_audit(store, account_id, before, (int)limit, run->pool, &lines, &text) !=
        TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    list = json_array();
    for (int i = 0; i < lines->nelts; i++) {
        json_array_append_new(list,
                              line_json(APR_ARRAY_IDX(lines, i, const tai_audit_t *), run->pool));
    }
    return taictl_print_list(run, list, fields);
}
