#ifndef TAIAUTH_DIRECTIVE_H
#define TAIAUTH_DIRECTIVE_H

/*
 * What the directives are parsed with. Each parser returns NULL, or a text that names the
 * directive, the value and what is allowed; it lives as long as the configuration.
 */

#include "taiauth.h"

/* A word and what it stands for; the last row has no word. */
typedef struct taiauth_choice_t {
    const char *word;
    int value;
} taiauth_choice_t;

extern const taiauth_choice_t taiauth_on_off[];

/* the text for a value that is not allowed */
const char *taiauth_wrong(cmd_parms *cmd, const char *value, const char *allowed);
/* the words of a table, separated by commas */
const char *taiauth_choices(apr_pool_t *p, const taiauth_choice_t *choices);
/*
 * NULL, or the text for a directive inside Limit or LimitExcept: these restrict Require alone, and a
 * TaiAuth Off that was meant for one method would hold for all.
 */
const char *taiauth_in_limit(cmd_parms *cmd);
/* look a word up, whatever its case; refuses what taiauth_in_limit does */
const char *taiauth_choose(cmd_parms *cmd, const taiauth_choice_t *choices, const char *word,
                           int *out);
/* 1: the directive stands in a .htaccess file, so it is read at request time */
int taiauth_in_htaccess(cmd_parms *cmd);

/* directive_scope.c */
const char *taiauth_add_scope_line(cmd_parms *cmd, void *dir, int argc, char *const argv[]);

/* directive_limit.c */
const char *taiauth_add_limit(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *taiauth_set_lockout(cmd_parms *cmd, void *dir, const char *limit, const char *duration);

/* directive_limiter.c */
const char *taiauth_set_limiter(cmd_parms *cmd, void *dir, int argc, char *const argv[]);

/* directive_provider.c */
const char *taiauth_set_password_providers(cmd_parms *cmd, void *dir, int argc, char *const argv[]);

#endif
