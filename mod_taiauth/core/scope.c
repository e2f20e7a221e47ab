#include "scope.h"

#include <string.h>
#include <apr_strings.h>

#define SEPARATORS " \t\r\n,"

static int part_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

int tai_scope_valid(const char *name)
{
    char before = ':'; /* so that a colon can neither open the name nor follow another */
    const char *c;

    for (c = name; *c != '\0'; c++) {
        if (!part_of_name(*c) && (*c != ':' || before == ':')) {
            return 0;
        }
        if (c - name >= TAI_SCOPE_MAX_LEN) {
            return 0;
        }
        before = *c;
    }
    return before != ':';
}

apr_array_header_t *tai_scope_split(const char *text, apr_pool_t *p)
{
    apr_array_header_t *list = apr_array_make(p, 4, sizeof(const char *));
    char *rest = apr_pstrdup(p, text != NULL ? text : "");
    char *state;
    char *name;

    for (name = apr_strtok(rest, SEPARATORS, &state); name != NULL;
         name = apr_strtok(NULL, SEPARATORS, &state)) {
        APR_ARRAY_PUSH(list, const char *) = name;
    }
    return list;
}

int tai_scope_in(const apr_array_header_t *list, const char *name)
{
    for (int i = 0; i < list->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(list, i, const char *), name) == 0) {
            return 1;
        }
    }
    return 0;
}

int tai_scope_listed(const char *list, const char *name)
{
    const char *at = list;

    while (*at != '\0') {
        const char *wanted = name;

        while (*at != '\0' && *at != ' ' && *at == *wanted) {
            at++;
            wanted++;
        }
        if (*wanted == '\0' && wanted != name && (*at == ' ' || *at == '\0')) {
            return 1;
        }
        while (*at != '\0' && *at != ' ') {
            at++;
        }
        while (*at == ' ') {
            at++;
        }
    }
    return 0;
}
