/*
 * What httpd -t refuses that no directive can see by itself.
 */

#include "limiter.h"

static int differs(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

static int complain(server_rec *s, const char *text)
{
    ap_log_error(APLOG_MARK, APLOG_EMERG | APLOG_STARTUP, 0, s, "taiauth: %s", text);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int check_virtual_host(server_rec *s, const taiauth_server_t *global, apr_pool_t *p)
{
    const taiauth_server_t *conf = taiauth_server(s);

    if (!conf->used || (!differs(conf->dbd_driver, global->dbd_driver) &&
                        !differs(conf->dbd_params, global->dbd_params))) {
        return OK;
    }
    return complain(s, apr_psprintf(p,
                                    "the virtual host at %s:%u has DBDriver or DBDParams of its "
                                    "own; keys are kept in one database, that of the main server",
                                    s->defn_name ? s->defn_name : "-", s->defn_line_number));
}

/* Trailers come after everything that we do: a client would say in them who is asking. */
static int check_trailers(server_rec *s, const taiauth_server_t *global, apr_pool_t *p)
{
    const core_server_config *core = ap_get_core_module_config(s->module_config);

    (void)global;
    if (core->merge_trailers != AP_MERGE_TRAILERS_ENABLE) {
        return OK;
    }
    return complain(s, apr_psprintf(p,
                                    "MergeTrailers On for the server at %s:%u: a client could put "
                                    "X-Tai- fields behind the body, where nothing removes them; "
                                    "take it out",
                                    s->defn_name ? s->defn_name : "-", s->defn_line_number));
}

static int check_database(server_rec *s, const taiauth_server_t *global, apr_pool_t *p)
{
    const char *error;

    if (!global->dbd_driver || !global->dbd_params) {
        return complain(s, "TaiAuth needs a database: set DBDriver (sqlite3) and "
                           "DBDParams (file:/path/keys.db?mode=rw) in the main server");
    }
    error = tai_store_check_params(global->dbd_driver, global->dbd_params, p);
    return error ? complain(s, error) : OK;
}

/* Also where nothing but a .htaccess file asks for keys. */
static int check_memory(server_rec *s, apr_pool_t *p)
{
    const taiauth_server_t *conf = taiauth_server(s);
    const apr_uint64_t keys = taiauth_memory_keys(conf);
    const apr_size_t needs = tai_segment_needs(keys);

    if (needs <= taiauth_memory_bytes(conf)) {
        return OK;
    }
    return complain(s,
                    apr_psprintf(p,
                                 "TaiAuthKeyCache %" APR_UINT64_T_FMT
                                 " needs TaiAuthSharedMemory of at least %" APR_SIZE_T_FMT
                                 "K; it is %" APR_SIZE_T_FMT "K",
                                 keys, (needs + 1023) / 1024, taiauth_memory_bytes(conf) / 1024));
}

/* A sync or two may fail, and take its time, before anybody notices. */
#define SYNCS_OF_LEASE 4

static int check_lease(server_rec *s, apr_pool_t *p)
{
    const taiauth_server_t *conf = taiauth_server(s);
    const apr_uint32_t needs = SYNCS_OF_LEASE * taiauth_sync_interval(conf);

    if (needs <= taiauth_lease(conf)) {
        return OK;
    }
    return complain(s, apr_psprintf(p,
                                    "TaiAuthLease must be at least %d times TaiAuthSyncInterval, "
                                    "%ums; it is %ums",
                                    SYNCS_OF_LEASE, needs, taiauth_lease(conf)));
}

static int check_limiter(server_rec *s, apr_pool_t *pconf)
{
    taiauth_limiter_t *limiter = taiauth_server(s)->limiter;
    const char *error = limiter ? taiauth_limiter_check(limiter, pconf) : NULL;

    return error ? complain(s, error) : OK;
}

/* Each is asked of each server, where some location of any of them asks for keys. */
static int (*const checks[])(server_rec *s, const taiauth_server_t *global, apr_pool_t *p) = {
    check_virtual_host,
    check_database,
    check_trailers,
};

int taiauth_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                         server_rec *main_server)
{
    const taiauth_server_t *global = taiauth_server(main_server);
    int status = check_memory(main_server, ptemp);
    apr_size_t i;
    server_rec *s;

    (void)plog;
    if (status == OK) {
        status = check_lease(main_server, ptemp);
    }
    if (status == OK) {
        status = check_limiter(main_server, pconf);
    }
    if (status != OK || !taiauth_config_used(main_server)) {
        return status;
    }
    for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        for (s = main_server; s; s = s->next) {
            status = checks[i](s, global, ptemp);
            if (status != OK) {
                return status;
            }
        }
    }
    return OK;
}
