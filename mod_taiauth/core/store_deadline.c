#include "store_deadline.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include "clock.h"

/* How often a socket that is not there yet is looked for again, milliseconds. */
#define SEARCH_MS 100

/* How long who is in a hurry waits for the mutex, milliseconds. */
#define LOCK_MS 500

struct tai_keeper_t {
    const apr_port_t *own_ports;
    pthread_mutex_t opening;   /* held by the one who opens a connection */
    pthread_mutex_t mutex;     /* guards what follows */
    pthread_cond_t earlier;    /* there is something to be done before wakes_at */
    pthread_cond_t looked;     /* sought has become NULL */
    apr_uint64_t wakes_at;     /* milliseconds of tai_clock_ms */
    const tai_watch_t *sought; /* whose sockets are being looked for, without the mutex */
    tai_watch_t *watches;
    pthread_t thread;
    int runs;
    int ends;
    apr_uint64_t hurry; /* when everything takes too long; TAI_CLOCK_NEVER */
};

/* ---- its thread ---------------------------------------------------------------------------- */

/* One that is being opened: there may be another socket then, or none yet. */
static void strike(tai_watch_t *watch, apr_uint64_t now)
{
    watch->struck = 1;
    if (watch->socket >= 0) {
        shutdown(watch->socket, SHUT_RDWR);
    }
    watch->due = watch->socket >= 0 ? TAI_CLOCK_NEVER : now + SEARCH_MS;
}

/* Sets sought, of which there is one at a time. Returns when there is something to do again. */
static apr_uint64_t strike_late(tai_keeper_t *keeper)
{
    const apr_uint64_t now = tai_clock_ms();
    apr_uint64_t next = TAI_CLOCK_NEVER;

    for (tai_watch_t *watch = keeper->watches; watch; watch = watch->next) {
        if (now >= watch->due) {
            strike(watch, now);
            keeper->sought = watch->peer ? watch : keeper->sought;
        }
        next = watch->due < next ? watch->due : next;
    }
    return next;
}

/* Where there are thousands of sockets this takes its time: nobody else waits for it. */
static void seek(tai_keeper_t *keeper)
{
    const tai_watch_t *sought = keeper->sought;

    pthread_mutex_unlock(&keeper->mutex);
    tai_socket_strike(sought->peer, sought->before, keeper->own_ports);
    pthread_mutex_lock(&keeper->mutex);
    keeper->sought = NULL;
    pthread_cond_broadcast(&keeper->looked);
}

static void *keep(void *data)
{
    tai_keeper_t *keeper = data;

    pthread_mutex_lock(&keeper->mutex);
    while (!keeper->ends) {
        keeper->wakes_at = strike_late(keeper);
        if (keeper->sought) {
            seek(keeper);
        }
        else if (keeper->wakes_at == TAI_CLOCK_NEVER) {
            pthread_cond_wait(&keeper->earlier, &keeper->mutex);
        }
        else {
            tai_clock_wait(&keeper->earlier, &keeper->mutex, keeper->wakes_at);
        }
    }
    pthread_mutex_unlock(&keeper->mutex);
    return NULL;
}

/* Under the mutex. Signals are for the other threads. */
static apr_status_t start(tai_keeper_t *keeper)
{
    sigset_t all, before;
    int error;

    if (keeper->runs) {
        return APR_SUCCESS;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&keeper->thread, NULL, keep, keeper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    keeper->runs = !error;
    return error;
}

static apr_status_t end(void *data)
{
    tai_keeper_t *keeper = data;

    pthread_mutex_lock(&keeper->mutex);
    keeper->ends = 1;
    pthread_cond_signal(&keeper->earlier);
    pthread_mutex_unlock(&keeper->mutex);
    if (keeper->runs) {
        pthread_join(keeper->thread, NULL);
    }
    return APR_SUCCESS;
}

void tai_keeper_create(tai_keeper_t **out, const apr_port_t *own_ports, apr_pool_t *p)
{
    tai_keeper_t *keeper = apr_pcalloc(p, sizeof(*keeper));

    keeper->own_ports = own_ports;
    pthread_mutex_init(&keeper->opening, NULL); /* with no attributes it cannot fail */
    pthread_mutex_init(&keeper->mutex, NULL);
    tai_clock_condition(&keeper->earlier);
    pthread_cond_init(&keeper->looked, NULL);
    keeper->wakes_at = TAI_CLOCK_NEVER;
    keeper->hurry = TAI_CLOCK_NEVER;
    apr_pool_pre_cleanup_register(p, keeper, end);
    *out = keeper;
}

/* ---- those that it watches ------------------------------------------------------------------ */

static apr_uint64_t earlier(apr_uint64_t a, apr_uint64_t b)
{
    return a < b ? a : b;
}

static apr_status_t add(tai_keeper_t *keeper, tai_watch_t *watch)
{
    apr_status_t rv;

    watch->struck = 0;
    pthread_mutex_lock(&keeper->mutex);
    rv = start(keeper);
    if (rv == APR_SUCCESS) {
        watch->due = earlier(watch->due, keeper->hurry);
        watch->next = keeper->watches;
        keeper->watches = watch;
        if (watch->due < keeper->wakes_at) {
            keeper->wakes_at = watch->due;
            pthread_cond_signal(&keeper->earlier);
        }
    }
    pthread_mutex_unlock(&keeper->mutex);
    return rv;
}

apr_status_t tai_keeper_begin(tai_keeper_t *keeper, tai_watch_t *watch, int socket,
                              apr_uint64_t due)
{
    *watch = (tai_watch_t){.socket = socket, .due = due};
    return add(keeper, watch);
}

apr_status_t tai_keeper_begin_opening(tai_keeper_t *keeper, tai_watch_t *watch,
                                      const tai_peer_t *peer, apr_uint64_t due, apr_pool_t *p)
{
    apr_status_t rv = tai_clock_lock(&keeper->opening, due);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *watch = (tai_watch_t){.socket = -1, .due = due, .peer = peer};
    rv = tai_socket_list(p, &watch->before);
    if (rv == APR_SUCCESS) {
        rv = add(keeper, watch);
    }
    if (rv != APR_SUCCESS) {
        pthread_mutex_unlock(&keeper->opening);
    }
    return rv;
}

int tai_keeper_end(tai_keeper_t *keeper, tai_watch_t *watch)
{
    tai_watch_t **at = &keeper->watches;

    pthread_mutex_lock(&keeper->mutex);
    while (*at != watch) {
        at = &(*at)->next;
    }
    *at = watch->next;
    while (keeper->sought == watch) { /* the next socket that is opened is not meant */
        pthread_cond_wait(&keeper->looked, &keeper->mutex);
    }
    pthread_mutex_unlock(&keeper->mutex);
    if (watch->peer) {
        pthread_mutex_unlock(&keeper->opening);
    }
    return watch->struck;
}

/* Nobody holds the mutex for long, but for one who was interrupted by the signal that calls for this. */
void tai_keeper_hurry(tai_keeper_t *keeper, apr_uint64_t by)
{
    if (tai_clock_lock(&keeper->mutex, tai_clock_ms() + LOCK_MS) != APR_SUCCESS) {
        return;
    }
    keeper->hurry = by;
    for (tai_watch_t *watch = keeper->watches; watch; watch = watch->next) {
        watch->due = watch->struck ? watch->due : earlier(watch->due, by);
    }
    pthread_cond_signal(&keeper->earlier);
    pthread_mutex_unlock(&keeper->mutex);
}
