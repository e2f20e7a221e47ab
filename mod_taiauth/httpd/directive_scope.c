/*
 * TaiAuthScope
 */

#include "directive.h"

#include <apr_lib.h>
#include "../core/scope.h"

static int is_methods(const char *word)
{
    return apr_isupper(*word);
}

static const char *parse_methods(cmd_parms *cmd, const char *word, const apr_array_header_t **out)
{
    apr_array_header_t *methods = apr_array_make(cmd->pool, 4, sizeof(char *));
    const char *comma;

    do {
        const char *name;

        comma = ap_strchr_c(word, ',');
        name = comma ? apr_pstrmemdup(cmd->pool, word, (apr_size_t)(comma - word)) : word;
        if (ap_method_number_of(name) == M_INVALID || !strcmp(name, "TRACE")) {
            return taiauth_wrong(cmd, name,
                                 "methods that httpd knows, such as GET,POST, except TRACE");
        }
        APR_ARRAY_PUSH(methods, const char *) = strcmp(name, "HEAD") ? name : "GET";
        word = comma ? comma + 1 : NULL;
    } while (word);
    *out = methods;
    return NULL;
}

const char *taiauth_add_scope_line(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    taiauth_dir_t *conf = dir;
    apr_array_header_t **lines = taiauth_in_htaccess(cmd) ? &conf->scopes_added : &conf->scopes;
    apr_array_header_t *scopes = apr_array_make(cmd->pool, 2, sizeof(char *));
    taiauth_scope_line_t line = {NULL, scopes};
    const char *error = taiauth_in_limit(cmd);
    int i = 0;

    if (error) {
        return error;
    }
    if (argc && is_methods(argv[0])) {
        error = parse_methods(cmd, argv[i++], &line.methods);
        if (error) {
            return error;
        }
    }
    if (i == argc) {
        return apr_psprintf(cmd->pool, "%s: [METHOD,...] SCOPE [SCOPE...]: no scope is named",
                            cmd->cmd->name);
    }
    for (; i < argc; i++) {
        if (!tai_scope_valid(argv[i])) {
            return taiauth_wrong(cmd, argv[i],
                                 "scopes such as programs:read (lower-case letters, digits "
                                 "and _.- in parts joined by colons)");
        }
        APR_ARRAY_PUSH(scopes, const char *) = argv[i];
    }
    if (!*lines) {
        *lines = apr_array_make(cmd->pool, 2, sizeof(taiauth_scope_line_t));
    }
    APR_ARRAY_PUSH(*lines, taiauth_scope_line_t) = line;
    return NULL;
}
