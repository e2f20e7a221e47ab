/*
 * The node in httpd: what the configuration says of it, its sync, its end.
 */

#include "taiauth.h"

#include <sys/types.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>
#include <apr_lib.h>
#include <ap_listen.h>
#include "../core/clock.h"
#include "../core/describe.h"

#define LEAVE_MS      2000 /* how long the end of httpd waits for the database */
#define LEAVE_STEP_MS 10

/* ---- its sync ------------------------------------------------------------------------------ */

apr_uint64_t taiauth_node_lease_left(void)
{
    apr_uint64_t end =
        __atomic_load_n(&tai_segment_node(taiauth_segment)->lease_end, __ATOMIC_ACQUIRE);
    apr_uint64_t now = tai_clock_ms();

    return end > now ? end - now : 0;
}

static void complain(server_rec *s, const char *error)
{
    apr_uint64_t left = taiauth_node_lease_left();

    if (!tai_segment_unsynced(taiauth_segment, tai_clock_ms())) {
        return;
    }
    if (left) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "taiauth: what has changed of keys cannot be read: %s; keys are answered for "
                     "as before for %" APR_UINT64_T_FMT " ms more (TaiAuthLease), then every "
                     "request with a key gets 503",
                     error ? error : "no answer", left);
    }
    else {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "taiauth: what has changed of keys cannot be read: %s; the lease has ended "
                     "(TaiAuthLease): until the database answers every request with a key gets 503",
                     error ? error : "no answer");
    }
}

void taiauth_node_sync(server_rec *s, apr_pool_t *p)
{
    const char *error = NULL;
    apr_status_t rv;

    if (!tai_node_due(taiauth_segment, tai_clock_ms())) {
        return;
    }
    rv = tai_node_sync(taiauth_segment, taiauth_store, p, &error);
    if (rv == APR_SUCCESS) {
        if (tai_segment_synced(taiauth_segment)) {
            ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                         "taiauth: what has changed of keys can be read again");
        }
    }
    else if (!APR_STATUS_IS_EBUSY(rv)) {
        complain(s, error);
    }
}

/* It is for people alone; but where it fails, revocations and all other changes do so as well. */
void taiauth_node_note_sync(server_rec *s, apr_pool_t *p)
{
    static apr_uint64_t not_before; /* of this process: one child has the watchdog */
    const apr_uint64_t now = tai_clock_ms();
    const char *error;

    if (tai_node_note_sync(taiauth_segment, taiauth_store, p, &error) != APR_SUCCESS &&
        now >= not_before) {
        not_before = now + TAI_SEGMENT_COMPLAIN_MS;
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "taiauth: that this node syncs could not be written to the database: %s; "
                     "%staictl nodes does not know of it, and what makes or revokes keys here may "
                     "fail as well",
                     error, taiauth_node_lease_left() ? "keys are answered for; " : "");
    }
}

void taiauth_node_silent(server_rec *s, const tai_told_t *told, apr_pool_t *p)
{
    if (told->silent) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, "taiauth: node %s",
                     tai_describe_silent(told, p));
    }
}

/* ---- its end ------------------------------------------------------------------------------- */

static pid_t parent; /* of all processes that have these pools, the one that started the others */

/* In the process that is made for it: connections of its own, gone with it. */
static void leave(server_rec *s)
{
    const taiauth_server_t *conf = taiauth_server(s);
    tai_store_limits_t limits;
    apr_pool_t *p;
    tai_store_t *store;
    const char *text;

    if (apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return;
    }
    tai_seat_apart();
    taiauth_database_limits(conf, p, &limits);
    if (tai_store_create(&store, conf->dbd_driver, conf->dbd_params, 1, &limits, p) ==
            APR_SUCCESS &&
        tai_node_leave(taiauth_segment, store, p, &text) != TAI_CHANGE_DONE) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "taiauth: this node cannot be signed off, the next revocation waits for its "
                     "lease: %s",
                     text);
    }
}

/* 1: it has ended by itself */
static int ended_in_time(pid_t pid)
{
    int waited;

    for (waited = 0; waited < LEAVE_MS; waited += LEAVE_STEP_MS) {
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            return 1;
        }
        apr_sleep(apr_time_from_msec(LEAVE_STEP_MS));
    }
    return 0;
}

/*
 * httpd ends, and all its children have: no revocation need wait for this node any more. That takes
 * a process of its own, since a database that is locked or away would hold up the end for long.
 */
static apr_status_t leave_in_time(void *data)
{
    server_rec *s = data;
    pid_t pid;

    if (getpid() != parent) {
        return APR_SUCCESS; /* a child has a copy of the pool that this stands in */
    }
    pid = fork();
    if (pid == 0) {
        leave(s);
        _exit(0);
    }
    if (pid > 0 && !ended_in_time(pid)) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "taiauth: this node cannot be signed off, the next revocation waits for its "
                     "lease: the database gave no answer within %d ms",
                     LEAVE_MS);
    }
    return APR_SUCCESS;
}

/* A restart unloads this code: what is to be called at the end of httpd is said anew behind it. */
static apr_status_t take_back(void *data)
{
    server_rec *s = data;

    apr_pool_cleanup_kill(s->process->pool, s, leave_in_time);
    return APR_SUCCESS;
}

/* ---- its name ------------------------------------------------------------------------------ */

/*
 * The lowest port: of several there is no first one, as each reload turns the list of listeners
 * round.
 */
static apr_port_t listens_on(void)
{
    apr_port_t port = 0;

    for (const ap_listen_rec *l = ap_listeners; l; l = l->next) {
        if (l->bind_addr && (!port || l->bind_addr->port < port)) {
            port = l->bind_addr->port;
        }
    }
    return port;
}

/* The name of a host may be any bytes: it stands in logs and on terminals. */
static const char *host_name(apr_pool_t *p)
{
    char *name = apr_pcalloc(p, APRMAXHOSTLEN + 1);

    if (apr_gethostname(name, APRMAXHOSTLEN, p) != APR_SUCCESS) {
        return "";
    }
    for (char *c = name; *c; c++) {
        *c = apr_isalnum(*c) || strchr("-._", *c) ? *c : '?';
    }
    return name;
}

/* Not ServerName: nodes behind one address have the same. */
static const char *node_name(apr_pool_t *p)
{
    const char *host = host_name(p);
    const apr_port_t port = listens_on();

    return port ? apr_psprintf(p, "%s:%u", host, port) : host;
}

/* ---- its beginning ------------------------------------------------------------------------- */

void taiauth_node_open(server_rec *s, apr_pool_t *pconf)
{
    const taiauth_server_t *conf = taiauth_server(s);

    if (!taiauth_segment || tai_store_check_params(conf->dbd_driver, conf->dbd_params, pconf)) {
        return;
    }
    tai_node_configure(taiauth_segment, taiauth_sync_interval(conf), taiauth_lease(conf),
                       node_name(pconf));
    parent = getpid();
    apr_pool_pre_cleanup_register(s->process->pool, s, leave_in_time);
    apr_pool_cleanup_register(pconf, s, take_back, apr_pool_cleanup_null);
}
