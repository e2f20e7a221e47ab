/*
 * What is done from time to time, beside all requests: in one child at a time, which mod_watchdog
 * chooses. At its end every child writes what is left, for the last one there is nobody behind it.
 */

#include "limiter.h"

#include <ap_mpm.h>
#include <pthread.h>
#include <signal.h>
#include <mod_watchdog.h>
#include "../core/clock.h"
#include "../core/store_principals.h"
#include "../core/when.h"

#define TICK_S 1

/* How long the end of a child waits for a server: httpd kills those that need some ten seconds. */
#define LAST_MS 2000

/* How much longer for the watchdog's thread, whose statements end by then. */
#define LEFT_MS 500

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
    static tai_tidying_t tidying;
    tai_told_t told;
    const char *text;

    if (tai_node_tidy(taiauth_store, &tidying, p, &told, &text) != TAI_CHANGE_DONE) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "taiauth: the log of changes cannot be tidied: %s", text);
    }
    taiauth_node_silent(s, &told, p);
}

static struct {
    apr_uint64_t every_ms;
    void (*run)(server_rec *s, apr_pool_t *p);
    apr_uint64_t due; /* milliseconds of tai_clock_ms */
} jobs[] = {
    {1000, taiauth_memory_watch, 0},
    {1000, taiauth_node_note_sync, 0},
    {1000, taiauth_limiter_look, 0},
    {10000, taiauth_usage_write, 0},
    {60000, sweep, 0},
    {60000, tidy, 0},
};

static void run_jobs(server_rec *s, apr_pool_t *p)
{
    apr_uint64_t now = tai_clock_ms();

    for (apr_size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (now >= jobs[i].due) {
            jobs[i].run(s, p);
            jobs[i].due = now + jobs[i].every_ms;
        }
    }
}

/* ---- when --------------------------------------------------------------------------------- */

/*
 * Its thread starts before a child is ready, and httpd takes a child's pools apart without waiting
 * for it. So the two agree on when there is something to work with.
 */
static pthread_mutex_t at_work = PTHREAD_MUTEX_INITIALIZER;
static int ready; /* under at_work */

/* In a pool of its own: the one that is handed in may be another thread's. */
static void with_pool(void (*work)(server_rec *s, apr_pool_t *p), server_rec *s)
{
    apr_pool_t *p;

    if (apr_pool_create(&p, NULL) == APR_SUCCESS) {
        work(s, p);
        apr_pool_destroy(p);
    }
}

static apr_status_t tick(int state, void *s, apr_pool_t *p)
{
    (void)p;
    if (state != AP_WATCHDOG_STATE_RUNNING) {
        return APR_SUCCESS;
    }
    tai_seat_apart();
    pthread_mutex_lock(&at_work);
    if (ready) {
        with_pool(run_jobs, s);
    }
    pthread_mutex_unlock(&at_work);
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

/* All threads that answer requests have ended, but under prefork the one that this runs in. */
static apr_status_t end_child(void *s)
{
    int alone = taiauth_thread_end();

    tai_seat_apart();

    tai_store_hurry(taiauth_store, LAST_MS); /* what is cut short is done by somebody else */
    if (tai_clock_lock(&at_work, tai_clock_ms() + LAST_MS + LEFT_MS) != APR_SUCCESS) {
        tai_store_abandon(taiauth_store); /* it waits for what the signal has interrupted, here */
        return APR_SUCCESS;
    }
    if (amid_request || !alone) { /* others that end, or the next generation, write what is left */
        tai_store_abandon(taiauth_store);
    }
    else {
        with_pool(taiauth_usage_write, s);
    }
    ready = 0;
    pthread_mutex_unlock(&at_work);
    return APR_SUCCESS;
}

void taiauth_watchdog_child_init(apr_pool_t *p, server_rec *s)
{
    if (!taiauth_store || !taiauth_segment) {
        return;
    }
    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    apr_pool_pre_cleanup_register(p, s, end_child);
    pthread_mutex_lock(&at_work);
    ready = 1;
    pthread_mutex_unlock(&at_work);
    taiauth_thread_start(s);
}

void taiauth_watchdog_open(server_rec *s, apr_pool_t *pconf)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *call =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *watchdog;
    int watched = get && call && get(&watchdog, "taiauth", 0, 1, pconf) == APR_SUCCESS &&
                  call(watchdog, apr_time_from_sec(TICK_S), s, tick) == APR_SUCCESS;

    if (!watched) {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, s,
            "taiauth: no mod_watchdog: what keys are used for is written when a child ends "
            "alone, sessions that are over are not swept, the log of changes is not tidied, "
            "taictl nodes does not know when this node has last synced, and nobody says that a "
            "shared table is full; LoadModule watchdog_module");
    }
}
