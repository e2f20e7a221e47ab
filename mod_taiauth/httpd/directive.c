#include "directive.h"

const taiauth_choice_t taiauth_on_off[] = {{"on", 1}, {"off", 0}, {NULL, 0}};

const char *taiauth_wrong(cmd_parms *cmd, const char *value, const char *allowed)
{
    return apr_psprintf(cmd->pool, "%s: \"%s\" is wrong; allowed: %s", cmd->cmd->name, value,
                        allowed);
}

const char *taiauth_choices(apr_pool_t *p, const taiauth_choice_t *choices)
{
    const char *text = choices->word;

    while ((++choices)->word) {
        text = apr_pstrcat(p, text, ", ", choices->word, NULL);
    }
    return text;
}

const char *taiauth_in_limit(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_LIMIT);
}

const char *taiauth_choose(cmd_parms *cmd, const taiauth_choice_t *choices, const char *word,
                           int *out)
{
    const char *error = taiauth_in_limit(cmd);
    const taiauth_choice_t *c;

    if (error) {
        return error;
    }
    for (c = choices; c->word; c++) {
        if (!ap_cstr_casecmp(c->word, word)) {
            *out = c->value;
            return NULL;
        }
    }
    return taiauth_wrong(cmd, word, taiauth_choices(cmd->pool, choices));
}

int taiauth_in_htaccess(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_HTACCESS) != NULL;
}
