#include "address.h"
#include "order.h"
#include "output.h"

#include <stdio.h>
#include <string.h>
#include <apr_lib.h>
#include <apr_strings.h>

#define METHOD_MAX 32 /* characters */

static int is_method(const char *text)
{
    const apr_size_t len =
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    return len > 0 && len <= METHOD_MAX && text[len] == '\0';
}

/* As it stands in the first line of a request. */
static int is_path(const char *text)
{
    const char *c = text;

    while (apr_isgraph(*c) && *c != '#') {
        c++;
    }
    return *text == '/' && *c == '\0';
}

static const char *check(const taictl_t *run)
{
    const char *client = run->option[OPTION_CLIENT];

    if (run->option[OPTION_KEY_ID] == NULL) {
        return "explain needs --key-id ID";
    }
    if (!is_method(run->args[0])) {
        return "METHOD must be a method of HTTP, such as GET";
    }
    if (strcmp(run->args[0], "TRACE") == 0) {
        return "TRACE is refused everywhere, with 405: there is nothing to explain";
    }
    if (!is_path(run->args[1])) {
        return "PATH must begin with a slash, and be written as a client sends it: visible ASCII, "
               "anything else as %XX";
    }
    if (client != NULL && !tai_address_valid(client)) {
        return "--client must be an address of IPv4 or IPv6, such as 10.1.2.3 or 2001:db8::1";
    }
    return NULL;
}

/* "-": it has none */
static const char *text_of(const taictl_t *run, const json_t *verdict, const char *member)
{
    const char *text = json_string_value(json_object_get(verdict, member));

    return text != NULL ? taictl_printable(text, run->pool) : "-";
}

/* The last line: what a client would get. */
static void print_verdict(const taictl_t *run, const json_t *verdict, int admitted)
{
    const char *text = text_of(run, verdict, "text");

    if (admitted) {
        printf("\nadmitted: %s\n", text);
        return;
    }
    printf("\nrefused: %d %s (%s): %s\n",
           (int)json_integer_value(json_object_get(verdict, "status")),
           text_of(run, verdict, "code"), text_of(run, verdict, "reason"), text);
}

int taictl_explain(taictl_t *run)
{
    static const taictl_field_t fields[] = {
        {"step", "step"}, {"result", "result"}, {"detail", "detail"}, {NULL, NULL}};
    const char *error = check(run);
    json_t *answer;
    int status, admitted;

    if (error != NULL) {
        return taictl_misuse(run, error);
    }
    status = taictl_order(run,
                          json_pack("{s:s, s:s, s:s, s:s*}", "order", "explain", "method",
                                    run->args[0], "key_id", run->option[OPTION_KEY_ID], "client",
                                    run->option[OPTION_CLIENT]),
                          run->args[1], &answer);
    if (status != TAICTL_DONE) {
        return status;
    }
    admitted = json_is_true(json_object_get(json_object_get(answer, "verdict"), "admitted"));
    if (run->option[OPTION_JSON] != NULL) {
        taictl_print_record(run, answer, fields);
    }
    else {
        taictl_print_list(run, json_incref(json_object_get(answer, "steps")), fields);
        print_verdict(run, json_object_get(answer, "verdict"), admitted);
        json_decref(answer);
    }
    return admitted ? TAICTL_DONE : TAICTL_FAILED;
}
