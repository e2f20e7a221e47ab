/*
 * Which database, whether it will do, and the connections of a child.
 */

#include "taiauth.h"

#include <unistd.h>
#include "../core/clock.h"

#define DEFAULT_CONNECTIONS 10 /* DBDMax's own default */

tai_store_t *taiauth_store;

/* ---- httpd -t ----------------------------------------------------------------------------- */

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
static int check_trailers(server_rec *s, apr_pool_t *p)
{
    const core_server_config *core = ap_get_core_module_config(s->module_config);

    if (core->merge_trailers != AP_MERGE_TRAILERS_ENABLE) {
        return OK;
    }
    return complain(s, apr_psprintf(p,
                                    "MergeTrailers On for the server at %s:%u: a client could put "
                                    "X-Tai- fields behind the body, where nothing removes them; "
                                    "take it out",
                                    s->defn_name ? s->defn_name : "-", s->defn_line_number));
}

int taiauth_database_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                                  server_rec *main_server)
{
    const taiauth_server_t *global = taiauth_server(main_server);
    server_rec *s;
    const char *error;

    (void)pconf;
    (void)plog;
    for (s = main_server; s; s = s->next) {
        int status = check_virtual_host(s, global, ptemp);

        if (status != OK) {
            return status;
        }
    }
    if (!taiauth_config_used(main_server)) {
        return OK;
    }
    if (!global->dbd_driver || !global->dbd_params) {
        return complain(main_server, "TaiAuth needs a database: set DBDriver (sqlite3) and "
                                     "DBDParams (file:/path/keys.db?mode=rw) in the main server");
    }
    for (s = main_server; s; s = s->next) {
        int status = check_trailers(s, ptemp);

        if (status != OK) {
            return status;
        }
    }
    error = tai_store_driver_check(global->dbd_driver, ptemp);
    return error ? complain(main_server, error) : OK;
}

/* ---- start -------------------------------------------------------------------------------- */

/* A database server that is away may be back in a moment; a file that is not there will not be. */
int taiauth_database_check(server_rec *s, apr_pool_t *ptemp)
{
    const taiauth_server_t *conf = taiauth_server(s);
    const char *text = NULL;
    tai_store_state_e state;

    if (!taiauth_config_used(s)) {
        return 1;
    }
    state = tai_store_check(conf->dbd_driver, conf->dbd_params, ptemp, &text);
    if (state == TAI_STORE_READY) {
        return 1;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, s,
                 "taiauth: %s; until then every request with a key gets 503", text);
    return state == TAI_STORE_UNREACHABLE;
}

/* ---- a child ------------------------------------------------------------------------------ */

/* The check at the start ran as root, perhaps; what counts is what the user of the children may do. */
static void check_as_child(server_rec *s, apr_pool_t *p)
{
    const taiauth_server_t *conf = taiauth_server(s);
    const char *text = NULL;

    if (taiauth_config_used(s) &&
        tai_store_check(conf->dbd_driver, conf->dbd_params, p, &text) != TAI_STORE_READY) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "taiauth: as the user of this child (uid %ld): %s; until then every request "
                     "with a key gets 503",
                     (long)getuid(), text);
    }
}

void taiauth_database_child_init(apr_pool_t *p, server_rec *s)
{
    const taiauth_server_t *conf = taiauth_server(s);
    int max = conf->dbd_max ? atoi(conf->dbd_max) : DEFAULT_CONNECTIONS;
    apr_status_t rv;

    taiauth_store = NULL;
    if (!conf->dbd_driver || !conf->dbd_params || tai_store_driver_check(conf->dbd_driver, p)) {
        return; /* not ours, and nothing that needs it has passed the check of the configuration */
    }
    check_as_child(s, p);
    rv = tai_store_create(&taiauth_store, conf->dbd_driver, conf->dbd_params, max > 0 ? max : 1, p);
    if (rv != APR_SUCCESS) {
        taiauth_store = NULL;
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     "taiauth: no connections to the database: every key will get 503");
    }
}

void taiauth_database_complain(request_rec *r, const char *error)
{
    static apr_uint64_t last; /* second of the last line of this process */
    apr_uint64_t now = tai_clock_ms() / 1000;

    if (__atomic_exchange_n(&last, now, __ATOMIC_RELAXED) != now) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, r->server, "taiauth: %s",
                     error ? error : "no answer");
    }
}
