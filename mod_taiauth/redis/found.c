#include "found.h"

#include <apr_strings.h>
#include "core/clock.h"

#define RESOLVER_US 5000000 /* as long as a program has */

static const char *find_password(tai_redis_config_t *config, tai_redis_found_t *found,
                                 apr_pool_t *p, const char **warning)
{
    const char *secret, *error = tai_redis_secret(config->program, p, &secret);

    if (error == NULL) {
        apr_cpystrn(found->password, secret, sizeof(found->password));
    }
    else if (found->password[0] == '\0') {
        return error;
    }
    *warning = error;
    config->password = apr_pstrdup(p, found->password);
    return NULL;
}

const char *tai_redis_find(tai_redis_config_t *config, tai_redis_found_t *found, apr_pool_t *p,
                           const char **warning)
{
    *warning = NULL;
    if (config->host != NULL) {
        tai_redis_names_ask(config->host, config->port, tai_clock_us() + RESOLVER_US,
                            &found->addresses);
        config->addresses = found->addresses;
    }
    return config->program != NULL ? find_password(config, found, p, warning) : NULL;
}
