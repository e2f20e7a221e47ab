/*
 * mod_taiauth: API keys in front of an API.
 *
 * The way of a request, phase by phase:
 *
 *   post_read_request  what a client sent under our names goes; TRACE goes     identity.c
 *   quick handler      an operator's order                                     ticket.c
 *   access checker     credential, key, scopes                                 access.c, verify.c
 *   authn, authz       Require tai-scope and its kin                           require.c
 *   fixups, first      identity for the application; rate limits               access.c, ratelimit.c
 *   handler, first     scopes again where another method or file is at hand    access.c
 *                      is the key still good? for what leaves the filters      look.c
 *   handler            the management API                                      api.c
 *   output filters     is the key still good? headers of an answer; the body   look.c, response.c,
 *                      of a refusal                                            refuse.c
 *   from then on       is it still? for what takes its time                    long_response.c
 */

#define TAIAUTH_MODULE_FILE
#include "api.h"
#include "limiter.h"

#include <ap_mpm.h>
#include <scoreboard.h>
#include "../core/digest.h"

/*
 * Only the first start may be stopped: a post_config that fails at a restart ends a server that was
 * running well a moment ago. From then on the requests say it, with 503.
 */
static int end_post_config(int well)
{
    int generation = 0;

    ap_mpm_query(AP_MPMQ_GENERATION, &generation);
    return well || generation ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    taiauth_server_t *conf = taiauth_server(s);
    apr_status_t rv;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    taiauth_config_settle(s, pconf);
    if (!taiauth_config_used(s) && !conf->dbd_params) {
        return OK; /* loaded, and not asked for anything */
    }
    rv = tai_digest_init(pconf);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s, "taiauth: OpenSSL offers no SHA-256");
    }
    taiauth_watchdog_open(s, pconf);
    if (rv == APR_SUCCESS) {
        rv = taiauth_memory_open(s);
    }
    taiauth_node_open(s, pconf);
    return end_post_config(rv == APR_SUCCESS && taiauth_database_check(s, ptemp));
}

/* httpd calls it where no child of before lives: not at a graceful restart. */
static int pre_mpm(apr_pool_t *p, ap_scoreboard_e type)
{
    (void)p;
    (void)type;
    taiauth_memory_begin();
    return OK;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    taiauth_limiter_child_init(p, s);
    taiauth_database_child_init(p, s);
    taiauth_watchdog_child_init(p, s);
}

static void register_hooks(apr_pool_t *p)
{
    /* r->user and the environment must stand before anyone in the same phase looks at them */
    static const char *const after_us[] = {"mod_rewrite.c", "mod_headers.c", "mod_env.c",
                                           "mod_dir.c", NULL};
    static const char *const mod_info[] = {"mod_info.c", NULL};

    ap_hook_check_config(taiauth_conceal, NULL, mod_info, APR_HOOK_REALLY_FIRST);
    ap_hook_check_config(taiauth_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_pre_mpm(pre_mpm, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);

    ap_hook_post_read_request(taiauth_identity_strip, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_quick_handler(taiauth_ticket_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_access(taiauth_access_check, NULL, NULL, APR_HOOK_MIDDLE,
                         AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_access_ex(taiauth_access_check_ex, NULL, NULL, APR_HOOK_FIRST,
                            AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authn(taiauth_authn_check, NULL, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authz(taiauth_authz_check, NULL, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_fixups(taiauth_fixups, NULL, after_us, APR_HOOK_FIRST);
    ap_hook_insert_filter(taiauth_response_insert_filter, NULL, NULL, APR_HOOK_LAST);
    ap_hook_insert_error_filter(taiauth_refuse_insert_filter, NULL, NULL, APR_HOOK_LAST);
    ap_hook_handler(taiauth_handler_check, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(taiauth_api_handler, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(taiauth_token_handler, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(taiauth_metrics_handler, NULL, NULL, APR_HOOK_FIRST);

    taiauth_login_register(p);
    taiauth_require_register(p);
    taiauth_refuse_register(p);
    taiauth_response_register(p);
    taiauth_status_register(p);
}

AP_DECLARE_MODULE(taiauth) = {STANDARD20_MODULE_STUFF, taiauth_dir_create,   taiauth_dir_merge,
                              taiauth_server_create,   taiauth_server_merge, taiauth_directives,
                              register_hooks,
#if defined(AP_MODULE_HAS_FLAGS)
                              AP_MODULE_FLAG_NONE
#endif
};
