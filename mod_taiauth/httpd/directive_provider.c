/*
 * TaiAuthPasswordProvider
 */

#include "directive.h"

#include <ap_provider.h>

static const authn_provider *find(const char *name)
{
    const authn_provider *provider =
        ap_lookup_provider(AUTHN_PROVIDER_GROUP, name, AUTHN_PROVIDER_VERSION);

    return provider && provider->check_password ? provider : NULL;
}

/* Those that the loaded modules have, for the text of a refusal. */
static const char *known(apr_pool_t *p)
{
    const apr_array_header_t *names =
        ap_list_provider_names(p, AUTHN_PROVIDER_GROUP, AUTHN_PROVIDER_VERSION);
    const char *text = NULL;
    int i;

    for (i = 0; i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, ap_list_provider_names_t).provider_name;

        if (find(name)) {
            text = text ? apr_pstrcat(p, text, ", ", name, NULL) : name;
        }
    }
    return text;
}

const char *taiauth_set_password_providers(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    taiauth_dir_t *conf = dir;
    apr_array_header_t *providers = apr_array_make(cmd->pool, argc, sizeof(taiauth_provider_t));
    const char *error = taiauth_in_limit(cmd);
    int i;

    if (error) {
        return error;
    }
    for (i = 0; i < argc; i++) {
        const taiauth_provider_t one = {argv[i], find(argv[i])};

        if (!one.provider) {
            return taiauth_wrong(cmd, one.name, known(cmd->pool));
        }
        APR_ARRAY_PUSH(providers, taiauth_provider_t) = one;
    }
    if (!argc) {
        return taiauth_wrong(cmd, "", known(cmd->pool));
    }
    conf->providers = providers;
    return NULL;
}
