/*
 * What is done from time to time, beside all requests: some of it in one child at a time, which
 * mod_watchdog chooses; the sync of the node, and the look after long responses, in every child. At
 * its end every child writes what is left, for the last one there is nobody behind it.
 */

#include "taiauth.h"

#include <ap_mpm.h>
#include <pthread.h>
#include <signal.h>
#include <mod_watchdog.h>
#include "../core/clock.h"
#include "../core/store_principals.h"
#include "../core/when.h"

/* ---- what is done ------------------------------------------------------------------------- */

static void sweep(server_rec *s, apr_pool_t *p)
{
    const char *text;

    if (tai_store_sweep(taiauth_store, tai_when_now(), p, &text) != TAI_CHANGE_DONE) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "taiauth: sessions that are over cannot be swept: %s", text);
    }
}

static void tidy(server_rec *s, apr_pool_t *p)
{
    const char *text;

    if (tai_node_tidy(taiauth_segment, taiauth_store, p, &text) != TAI_CHANGE_DONE) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "taiauth: the log of changes cannot be tidied: %s", text);
    }
}

typedef struct job_t {
    apr_uint64_t first_ms, every_ms;
    void (*run)(server_rec *s, apr_pool_t *p);
    apr_uint64_t due; /* milliseconds of tai_clock_ms; 0: first_ms from now on */
} job_t;

/* Tidying waits for the lease of who was killed: at a start he may be the one before. */
static job_t jobs_of_host[] = {{0, 10000, taiauth_usage_write, 0},
                               {0, 60000, sweep, 0},
                               {60000, 60000, tidy, 0},
                               {0, 0, NULL, 0}};
static job_t jobs_of_child[] = {
    {0, 0, taiauth_node_sync, 0}, {0, 0, taiauth_long_responses_look, 0}, {0, 0, NULL, 0}};

/* ---- when --------------------------------------------------------------------------------- */

/*
 * A thread of mod_watchdog's and its jobs. It starts before a child is ready, and httpd takes a
 * child's pools apart without waiting for it. So the two agree on when there is something to work
 * with. Each has a mutex of its own: what waits for the database a while must not keep the other
 * from noticing a revocation.
 */
typedef struct worker_t {
    const char *name;
    int singleton;
    apr_interval_time_t tick;
    job_t *jobs;
    pthread_mutex_t at_work;
    int ready; /* under at_work */
    server_rec *s;
} worker_t;

static worker_t workers[] = {
    {"taiauth", 1, APR_USEC_PER_SEC, jobs_of_host, PTHREAD_MUTEX_INITIALIZER, 0, NULL},
    {"taiauth-child", 0, AP_WD_TM_SLICE, jobs_of_child, PTHREAD_MUTEX_INITIALIZER, 0, NULL},
};

#define WORKERS (sizeof(workers) / sizeof(workers[0]))

static void run_jobs(worker_t *worker, apr_pool_t *p)
{
    apr_uint64_t now = tai_clock_ms();
    job_t *job;

    for (job = worker->jobs; job->run; job++) {
        job->due = job->due ? job->due : now + job->first_ms;
        if (now >= job->due) {
            job->run(worker->s, p);
            job->due = now + job->every_ms;
        }
    }
}

/* In a pool of its own: the one that is handed in may be another thread's. */
static apr_status_t tick(int state, void *data, apr_pool_t *ignored)
{
    worker_t *worker = data;
    apr_pool_t *p;

    (void)ignored;
    pthread_mutex_lock(&worker->at_work);
    if (worker->ready && state == AP_WATCHDOG_STATE_RUNNING &&
        apr_pool_create(&p, NULL) == APR_SUCCESS) {
        run_jobs(worker, p);
        apr_pool_destroy(p);
    }
    pthread_mutex_unlock(&worker->at_work);
    return APR_SUCCESS;
}

/*
 * Under prefork a stop is a signal that ends the child out of whatever it does. The request that it
 * was amid may hold a lock of SQLite's or one in shared memory: whoever waits for it there waits
 * until httpd kills him, ten seconds later.
 */
static int threaded;
static volatile sig_atomic_t amid_request;

static apr_status_t end_request(void *ignored)
{
    (void)ignored;
    amid_request = 0;
    return APR_SUCCESS;
}

void taiauth_watchdog_begin_request(request_rec *r)
{
    if (!threaded) {
        amid_request = 1;
        apr_pool_cleanup_register(r->pool, NULL, end_request, apr_pool_cleanup_null);
    }
}

static void write_what_is_left(server_rec *s)
{
    apr_pool_t *p;

    if (apr_pool_create(&p, NULL) == APR_SUCCESS) {
        taiauth_usage_write(s, p);
        apr_pool_destroy(p);
    }
}

/* Behind this no thread of ours works, nor will. */
static void set_ready(int ready)
{
    apr_size_t i;

    for (i = 0; i < WORKERS; i++) {
        pthread_mutex_lock(&workers[i].at_work);
        workers[i].ready = ready;
        pthread_mutex_unlock(&workers[i].at_work);
    }
}

/* All threads that answer requests have ended, but under prefork the one that this runs in. */
static apr_status_t end_child(void *s)
{
    set_ready(0);
    if (amid_request) { /* others that end, or the next generation, write what is left */
        tai_store_abandon(taiauth_store);
    }
    else {
        write_what_is_left(s);
    }
    return APR_SUCCESS;
}

void taiauth_watchdog_child_init(apr_pool_t *p, server_rec *s)
{
    if (!taiauth_store || !taiauth_segment) {
        return;
    }
    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    apr_pool_pre_cleanup_register(p, s, end_child);
    set_ready(1);
}

static int watch(worker_t *worker, server_rec *s, apr_pool_t *pconf)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *call =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *watchdog;

    worker->s = s;
    return get && call &&
           get(&watchdog, worker->name, 0, worker->singleton, pconf) == APR_SUCCESS &&
           call(watchdog, worker->tick, worker, tick) == APR_SUCCESS;
}

void taiauth_watchdog_open(server_rec *s, apr_pool_t *pconf)
{
    int watched = 1;
    apr_size_t i;

    for (i = 0; i < WORKERS; i++) {
        watched &= watch(&workers[i], s, pconf);
    }
    if (!watched) {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, s,
            "taiauth: no mod_watchdog: a revocation waits for the lease (TaiAuthLease) of a server "
            "that has no requests, and does not end responses that have begun; what keys are used "
            "for is written when a child ends alone, and sessions that are over are not swept; "
            "LoadModule watchdog_module");
    }
}
