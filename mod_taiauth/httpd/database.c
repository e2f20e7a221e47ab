/*
 * Whether the database will do, and the connections of a child.
 */

#include "taiauth.h"

#include <ap_listen.h>
#include <ap_mpm.h>
#include <unistd.h>
#include "../core/clock.h"

#define DEFAULT_CONNECTIONS 10 /* DBDMax's own default */
#define DEFAULT_TIMEOUT_MS  2000
#define CHANGE_FACTOR       5 /* so much longer a change may wait for others */
#define NODE_SHARE          4 /* of the lease: a connection that was lost must not cost it */
#define TELL_MS             60000

tai_store_t *taiauth_store;
tai_lookup_t *taiauth_lookup;

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
        if (text) {
            ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s, "taiauth: %s", text);
        }
        return 1;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, s,
                 "taiauth: %s; until then every request with a key gets 503", text);
    return state == TAI_STORE_UNREACHABLE;
}

/* ---- how long, and how many --------------------------------------------------------------- */

/* Of all children that there may be. */
static int count_threads(void)
{
    int children = 0, threads = 0;

    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    return children * (threads > 1 ? threads : 1);
}

/* The ports of whatever httpd accepts connections at, 0 at the end. */
static const apr_port_t *own_ports(apr_pool_t *p)
{
    apr_array_header_t *ports = apr_array_make(p, 4, sizeof(apr_port_t));

    for (const ap_listen_rec *l = ap_listeners; l; l = l->next) {
        if (l->bind_addr && l->bind_addr->port) {
            APR_ARRAY_PUSH(ports, apr_port_t) = l->bind_addr->port;
        }
    }
    APR_ARRAY_PUSH(ports, apr_port_t) = 0;
    return (const apr_port_t *)ports->elts;
}

void taiauth_database_limits(const taiauth_server_t *conf, apr_pool_t *p,
                             tai_store_limits_t *limits)
{
    const apr_uint32_t statement_ms =
        conf->database_timeout ? conf->database_timeout : DEFAULT_TIMEOUT_MS;

    *limits = (tai_store_limits_t){
        .statement_ms = statement_ms,
        .change_ms = CHANGE_FACTOR * statement_ms,
        .connect_ms = conf->database_connect ? conf->database_connect : DEFAULT_TIMEOUT_MS,
        .node_ms = taiauth_lease(conf) / NODE_SHARE,
        .seats = taiauth_segment ? tai_segment_seats(taiauth_segment) : NULL,
        .threads = count_threads(),
        .own_ports = own_ports(p),
        .breaker =
            taiauth_segment ? tai_segment_breaker(taiauth_segment, TAI_BREAKER_DATABASE) : NULL,
    };
}

/* ---- a child ------------------------------------------------------------------------------ */

/*
 * The check at the start ran as root, perhaps; what counts is what the user of the children may do
 * with the file. A server does not know them apart, and must not keep a child from its beginning.
 */
static void check_as_child(server_rec *s, apr_pool_t *p)
{
    const taiauth_server_t *conf = taiauth_server(s);
    const char *text = NULL;

    if (taiauth_config_used(s) && tai_store_is_file(conf->dbd_driver) &&
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
    tai_store_limits_t limits;
    apr_status_t rv;

    taiauth_store = NULL;
    taiauth_lookup = NULL;
    if (tai_store_check_params(conf->dbd_driver, conf->dbd_params, p)) {
        return; /* not ours, and nothing that needs it has passed the check of the configuration */
    }
    check_as_child(s, p);
    taiauth_database_limits(conf, p, &limits);
    rv = tai_store_create(&taiauth_store, conf->dbd_driver, conf->dbd_params, max > 0 ? max : 1,
                          &limits, p);
    if (rv == APR_SUCCESS && taiauth_segment) {
        rv = tai_lookup_create(&taiauth_lookup, taiauth_segment, taiauth_store,
                               taiauth_memory_keeps(conf), p);
    }
    if (rv != APR_SUCCESS) {
        taiauth_store = NULL;
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     "taiauth: no connections to the database: every key will get 503");
    }
}

/* ---- the log ------------------------------------------------------------------------------ */

static tai_breaker_t *breaker(void)
{
    return tai_segment_breaker(taiauth_segment, TAI_BREAKER_DATABASE);
}

/* Who has waited in vain says it; those who are spared the wait do not. */
static int may_complain(const char *error, apr_uint64_t now)
{
    static apr_uint64_t last; /* second of the last line of this process */

    if (error && !strcmp(error, tai_store_left_alone)) {
        return 0;
    }
    if (taiauth_segment && tai_metrics_read(&breaker()->retry_at)) {
        return tai_breaker_tell(breaker(), now, TELL_MS);
    }
    return __atomic_exchange_n(&last, now / 1000, __ATOMIC_RELAXED) != now / 1000;
}

void taiauth_database_complain(request_rec *r, const char *error)
{
    if (may_complain(error, tai_clock_ms())) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, r->server, "taiauth: %s",
                     error ? error : "no answer");
    }
}

void taiauth_database_look(server_rec *s)
{
    if (!tai_metrics_read(&breaker()->retry_at) && tai_breaker_over(breaker())) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "taiauth: the database answers again");
    }
}
