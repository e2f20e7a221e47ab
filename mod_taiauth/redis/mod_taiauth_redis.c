/*
 * mod_taiauth_redis: the limiter "redis" for TaiAuthLimiter. A module of its own, so that
 * mod_taiauth needs no hiredis.
 */

#include <stdlib.h>
#include <string.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <ap_provider.h>
#include <apr_strings.h>
#include "core/digest.h"
#include "found.h"
#include "limiter.h"
#include "scripts.h"

/* ---- configuration --------------------------------------------------------------------------- */

/* Outlives this module, which httpd loads anew for each reading of the configuration. */
typedef struct retained_t {
    char *words; /* that it was found for */
    tai_redis_found_t found;
    tai_redis_heard_t *heard;
} retained_t;

static const char *words_of(const char *address, const apr_array_header_t *options, apr_pool_t *p)
{
    const char *words = address;
    int i;

    for (i = 0; i < options->nelts; i++) {
        const tai_limiter_option_t *option = &APR_ARRAY_IDX(options, i, tai_limiter_option_t);

        words = apr_pstrcat(p, words, "\n", option->name, "=", option->value, NULL);
    }
    return words;
}

/* What is known for these words; nothing, if it was for others. */
static retained_t *retained_for(const char *words)
{
    static const char key[] = "taiauth_redis";
    retained_t *retained = ap_retained_data_get(key);

    if (!retained) {
        retained = ap_retained_data_create(key, sizeof(*retained));
    }
    if (!retained->words || strcmp(retained->words, words)) {
        free(retained->words);
        tai_redis_heard_free(retained->heard);
        memset(retained, 0, sizeof(*retained));
        retained->words = strdup(words);
        retained->heard = tai_redis_heard_new();
    }
    return retained;
}

static const char *configure(const char *address, const apr_array_header_t *options,
                             apr_uint32_t timeout_ms, apr_pool_t *p, void **out)
{
    tai_redis_config_t *config;
    const char *warning = NULL;
    const char *error = tai_redis_config_parse(address, options, timeout_ms, p, &config);

    if (!error) {
        retained_t *retained = retained_for(words_of(address, options, p));

        config->heard = retained->heard;
        error = tai_redis_find(config, &retained->found, p, &warning);
    }
    if (warning) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, NULL,
                     "taiauth: TaiAuthLimiter: %s; the password that it said before is still used",
                     warning);
    }
    *out = config;
    return error;
}

static const char *describe(const void *config)
{
    return ((const tai_redis_config_t *)config)->shown;
}

/* ---- in a child ------------------------------------------------------------------------------ */

static apr_status_t open_limiter(const void *config, int connections, apr_pool_t *p,
                                 tai_limiter_t *limiter)
{
    return tai_redis_limiter_open(config, connections, tai_redis_time, p, limiter);
}

static const tai_limiter_provider_t provider = {
    .configure = configure, .describe = describe, .open = open_limiter};

/* Identities are made with it. */
static void init_child(apr_pool_t *p, server_rec *s)
{
    if (tai_digest_init(p) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "taiauth_redis: there is no SHA-256: all count as one");
    }
}

static void register_hooks(apr_pool_t *p)
{
    ap_hook_child_init(init_child, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_register_provider(p, TAI_LIMITER_GROUP, "redis", TAI_LIMITER_VERSION, &provider);
}

AP_DECLARE_MODULE(taiauth_redis) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL,
                                    register_hooks,
#if defined(AP_MODULE_HAS_FLAGS)
                                    AP_MODULE_FLAG_NONE
#endif
};
