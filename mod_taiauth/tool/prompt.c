#include "prompt.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

/* A NUL would end the line early, and what follows it would be no part of the secret. */
static int read_stdin(char line[TAICTL_LINE_MAX], const char **error)
{
    size_t len = 0;
    int c;

    while ((c = getchar()) != EOF && c != '\n') {
        if (c == '\0' || len == TAICTL_LINE_MAX - 1) {
            OPENSSL_cleanse(line, TAICTL_LINE_MAX);
            *error = "the line on standard input is too long, or holds a NUL";
            return 0;
        }
        line[len++] = (char)c;
    }
    line[len] = '\0';
    return 1;
}

static int ask(const char *what, const char *how, char line[TAICTL_LINE_MAX])
{
    char prompt[64];
    apr_size_t size = TAICTL_LINE_MAX;

    apr_snprintf(prompt, sizeof(prompt), "%s%s: ", what, how);
    return apr_password_get(prompt, line, &size) == APR_SUCCESS;
}

int taictl_read_optional(const char *what, char line[TAICTL_LINE_MAX], const char **error)
{
    if (!isatty(STDIN_FILENO)) {
        return read_stdin(line, error);
    }
    *error = "what was typed is too long";
    return ask(what, "", line);
}

int taictl_read_line(const char *what, char line[TAICTL_LINE_MAX], const char **error)
{
    if (!taictl_read_optional(what, line, error)) {
        return 0;
    }
    *error = "no line on standard input";
    return line[0] != '\0';
}

int taictl_read_secret(const char *what, char line[TAICTL_LINE_MAX], const char **error)
{
    char again[TAICTL_LINE_MAX];
    int same;

    if (!isatty(STDIN_FILENO)) {
        return taictl_read_line(what, line, error);
    }
    same = ask(what, "", line) && ask(what, " again", again) && strcmp(line, again) == 0;
    OPENSSL_cleanse(again, sizeof(again));
    if (!same) {
        OPENSSL_cleanse(line, TAICTL_LINE_MAX);
        *error = "the two were not the same";
    }
    return same;
}

int taictl_confirm(const char *question)
{
    char line[TAICTL_LINE_MAX];
    const char *ignored;

    fprintf(stderr, "%s Type yes to do it: ", question);
    return read_stdin(line, &ignored) && strcmp(line, "yes") == 0;
}
