/*
 * A thread of each child: it syncs the node and looks after long responses. mod_watchdog's threads
 * will not do: they end as soon as a child is to end gracefully, and such a child may be sending a
 * response for hours yet.
 */

#include "taiauth.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define TICK_MS 100

/*
 * How long the end of a child waits for the thread, seconds: longer than for SQLite's patience. After
 * the first part of it what a server is asked is cut short.
 */
#define END_S   5
#define HURRY_S 1

static struct {
    pthread_t id;
    pthread_mutex_t at_work; /* held but while it sleeps */
    pthread_cond_t woken;
    int runs;
    int ends;
    server_rec *s;
} thread;

static void work(void)
{
    apr_pool_t *p;

    if (apr_pool_create(&p, NULL) == APR_SUCCESS) {
        taiauth_node_sync(thread.s, p);
        taiauth_database_look(thread.s);
        taiauth_long_responses_look(thread.s, p);
        apr_pool_destroy(p);
    }
}

static void in_future(clockid_t clock, apr_int64_t ms, struct timespec *at)
{
    clock_gettime(clock, at);
    at->tv_sec += ms / 1000;
    at->tv_nsec += ms % 1000 * 1000000;
    if (at->tv_nsec >= 1000000000) {
        at->tv_sec++;
        at->tv_nsec -= 1000000000;
    }
}

static void *run(void *ignored)
{
    struct timespec until;

    tai_seat_apart();
    pthread_mutex_lock(&thread.at_work);
    while (!thread.ends) {
        work();
        in_future(CLOCK_MONOTONIC, TICK_MS, &until);
        pthread_cond_timedwait(&thread.woken, &thread.at_work, &until);
    }
    pthread_mutex_unlock(&thread.at_work);
    return ignored;
}

/* Signals are for the threads of httpd. */
static int create(void)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread.id, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

void taiauth_thread_start(server_rec *s)
{
    pthread_condattr_t monotonic;
    int error;

    pthread_mutex_init(&thread.at_work, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&thread.woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    thread.s = s;
    thread.ends = 0;
    error = create();
    thread.runs = !error;
    if (error) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, error, s,
                     "taiauth: no thread to notice revocations with: those that have begun are "
                     "sent to their end, and a revocation may wait for the lease (TaiAuthLease)");
    }
}

static int await_end(int seconds)
{
    struct timespec until;

    in_future(CLOCK_MONOTONIC, seconds * 1000, &until);
    return pthread_mutex_clocklock(&thread.at_work, CLOCK_MONOTONIC, &until) == 0;
}

int taiauth_thread_end(void)
{

    if (!thread.runs) {
        return 1;
    }
    if (!await_end(HURRY_S)) {
        tai_store_hurry(taiauth_store, 0);
        if (!await_end(END_S - HURRY_S)) {
            return 0;
        }
    }
    thread.ends = 1;
    pthread_cond_signal(&thread.woken);
    pthread_mutex_unlock(&thread.at_work);
    thread.runs = 0;
    return pthread_join(thread.id, NULL) == 0;
}
