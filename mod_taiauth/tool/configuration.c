#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strcasestr */
#endif
#include "configuration.h"

#include <stdlib.h>
#include <string.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#define FILE_MAX ((apr_off_t)1 << 20) /* bytes; a configuration is not that long */

/* One of the two directives. */
typedef struct directive_t {
    const char *name;
    const char *value; /* NULL: none was found */
    const char *given; /* the same before variables were filled in */
    int line;
} directive_t;

/* ---- lines --------------------------------------------------------------------------------- */

static const char *read_whole(const char *name, apr_file_t *file, apr_pool_t *p, char **text)
{
    apr_size_t size = (apr_size_t)FILE_MAX;
    apr_status_t rv;
    char reason[256];

    *text = apr_pcalloc(p, size + 1);
    rv = apr_file_read_full(file, *text, size, &size);
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return apr_psprintf(p, "%s cannot be read: %s", name,
                            apr_strerror(rv, reason, sizeof(reason)));
    }
    return rv == APR_SUCCESS || strlen(*text) < size
               ? apr_psprintf(p, "%s is no configuration of httpd", name)
               : NULL;
}

static const char *read_file(const char *name, apr_pool_t *p, char **text, int *exposed)
{
    char reason[256];
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv = apr_file_open(&file, name, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, p);
    const char *error;

    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "%s cannot be read: %s", name,
                            apr_strerror(rv, reason, sizeof(reason)));
    }
    *exposed = apr_file_info_get(&info, APR_FINFO_PROT, file) == APR_SUCCESS &&
               (info.protection & APR_FPROT_WREAD);
    error = read_whole(name, file, p, text);
    apr_file_close(file);
    return error;
}

/* The next line, joined with those that it is continued on, in their place. Counts lines. */
static char *next_line(char **rest, int *line)
{
    char *start = *rest, *out = start;
    int more = 1;

    while (more && **rest != '\0') {
        char *in = *rest;
        apr_size_t len = strcspn(in, "\n");

        *rest = in + len + (in[len] == '\n');
        len -= len > 0 && in[len - 1] == '\r';
        more = len > 0 && in[len - 1] == '\\';
        len -= (apr_size_t)more;
        memmove(out, in, len);
        out += len;
        ++*line;
    }
    *out = '\0';
    return start;
}

/* ---- words --------------------------------------------------------------------------------- */

static int is_escape(const char *in, char quote)
{
    return *in == '\\' && (in[1] == '\\' || (quote != '\0' && in[1] == quote));
}

static int is_in_word(const char *in, char quote)
{
    return *in != '\0' && (quote != '\0' ? *in != quote : !apr_isspace(*in));
}

/* In quotes of either kind, a backslash stands before a quote or another backslash. */
static char *next_word(const char **rest, apr_pool_t *p)
{
    const char *in = *rest + strspn(*rest, " \t\v\f\r");
    const char quote = *in == '"' || *in == '\'' ? *in : '\0';
    char *word = apr_palloc(p, strlen(in) + 1), *out = word;

    in += quote != '\0';
    while (is_in_word(in, quote)) {
        in += is_escape(in, quote);
        *out++ = *in++;
    }
    *out = '\0';
    in += quote != '\0' && *in == quote;
    *rest = in + strspn(in, " \t\v\f\r");
    return word;
}

/* Returns NULL, or the name of a variable that there is not. */
static const char *fill_in(const char **word, apr_pool_t *p)
{
    const char *text = *word, *filled = "", *begin;

    while ((begin = strstr(text, "${")) != NULL && strchr(begin, '}') != NULL) {
        const apr_size_t len = strcspn(begin + 2, "}");
        const char *name = apr_pstrmemdup(p, begin + 2, len);
        const char *value = getenv(name);

        if (value == NULL) {
            return name;
        }
        filled = apr_pstrcat(p, filled, apr_pstrmemdup(p, text, (apr_size_t)(begin - text)), value,
                             NULL);
        text = begin + 2 + len + 1;
    }
    *word = apr_pstrcat(p, filled, text, NULL);
    return NULL;
}

/* ---- directives ---------------------------------------------------------------------------- */

static const char *set(const char *file, int line, const char *rest, apr_pool_t *p,
                       directive_t *directive)
{
    const char *missing;

    if (directive->value != NULL) {
        return apr_psprintf(p, "%s: %s stands on line %d and on line %d; which one is meant?", file,
                            directive->name, directive->line, line);
    }
    directive->line = line;
    directive->value = next_word(&rest, p);
    if (*directive->value == '\0' || *rest != '\0') {
        return apr_psprintf(p, "%s, line %d: %s takes one value, in quotes where a blank is in it",
                            file, line, directive->name);
    }
    directive->given = directive->value;
    missing = fill_in(&directive->value, p);
    return missing != NULL
               ? apr_psprintf(p,
                              "%s, line %d: ${%s} of %s is not in the environment, and Define is "
                              "not looked at",
                              file, line, missing, directive->name)
               : NULL;
}

static const char *read_directives(const char *file, char *text, apr_pool_t *p,
                                   directive_t *directives, int count)
{
    const char *error = NULL;
    int line = 0;

    while (error == NULL && *text != '\0') {
        const int begun = line + 1;
        const char *rest = next_line(&text, &line);
        const char *name = next_word(&rest, p);

        for (int i = 0; error == NULL && i < count; i++) {
            if (apr_strnatcasecmp(name, directives[i].name) == 0) {
                error = set(file, begun, rest, p, &directives[i]);
            }
        }
    }
    return error;
}

/* As drivers spell it: pass=, password=, sslpassword=, or postgresql://user:password@host. */
int taictl_may_hold_password(const char *params)
{
    return strcasestr(params, "pass") != NULL || strstr(params, "://") != NULL;
}

const char *taictl_configuration(const char *file, apr_pool_t *p, taictl_configuration_t *config)
{
    directive_t directives[] = {{.name = "DBDriver"}, {.name = "DBDParams"}};
    char *text = NULL;
    const char *error = read_file(file, p, &text, &config->exposed);

    if (error == NULL) {
        error = read_directives(file, text, p, directives, 2);
    }
    for (int i = 0; error == NULL && i < 2; i++) {
        if (directives[i].value == NULL) {
            error = apr_psprintf(p,
                                 "%s has no %s; what it includes is not looked at: name the file "
                                 "that has it",
                                 file, directives[i].name);
        }
    }
    config->driver = directives[0].value;
    config->params = directives[1].value;
    config->exposed =
        config->exposed && error == NULL && taictl_may_hold_password(directives[1].given);
    return error;
}
