#include "spelling.h"

static char folded(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c | 0x20);
    }
    return c == '_' || c == '.' ? '-' : c;
}

int taiauth_spelling_same(const char *name, const char *wanted, int prefix)
{
    while (*wanted && folded(*name) == folded(*wanted)) {
        name++;
        wanted++;
    }
    return !*wanted && (prefix || !*name);
}

int taiauth_spelling_unset(apr_table_t *headers, const char *wanted, int prefix)
{
    const apr_array_header_t *fields = apr_table_elts(headers);
    int gone = 0;
    int i = 0;

    while (i < fields->nelts) {
        const char *name = APR_ARRAY_IDX(fields, i, apr_table_entry_t).key;

        if (name && taiauth_spelling_same(name, wanted, prefix)) {
            apr_table_unset(headers, name); /* closes the gap: look at i again */
            gone++;
        }
        else {
            i++;
        }
    }
    return gone;
}
