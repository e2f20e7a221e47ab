/*
 * mod_taiauth_redis: the limiter "redis" for TaiAuthLimiter. A module of its own, so that
 * mod_taiauth needs no hiredis.
 */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <ap_provider.h>
#include "core/digest.h"
#include "limiter.h"

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
    ap_register_provider(p, TAI_LIMITER_GROUP, "redis", TAI_LIMITER_VERSION, &tai_redis_provider);
}

AP_DECLARE_MODULE(taiauth_redis) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL,
                                    register_hooks,
#if defined(AP_MODULE_HAS_FLAGS)
                                    AP_MODULE_FLAG_NONE
#endif
};
