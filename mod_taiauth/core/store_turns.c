#include "store_turns.h"

#include <pthread.h>
#include <string.h>
#include "clock.h"

/* How long who is in a hurry waits for the mutex, milliseconds: a signal may have interrupted its holder. */
#define LOCK_MS 500

/*
 * Mutex and condition are never destroyed: they hold nothing but their memory, and a signal may end
 * the process while somebody waits.
 */
struct tai_turns_t {
    int max;
    const apr_uint64_t *full_until;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t given;
    apr_uint64_t hurry; /* when everybody has waited for long enough; TAI_CLOCK_NEVER */
    int idle_count;
    tai_connection_t *idle[];
};

apr_status_t tai_turns_create(tai_turns_t **out, const tai_database_t *database,
                              const tai_times_t *times, int max, apr_pool_t *p)
{
    tai_turns_t *turns = apr_palloc(p, sizeof(*turns) + (apr_size_t)max * sizeof(turns->idle[0]));
    apr_status_t rv = APR_SUCCESS;

    turns->max = max;
    turns->full_until = times->full_until;
    turns->hurry = TAI_CLOCK_NEVER;
    pthread_mutex_init(&turns->mutex, NULL); /* with no attributes it cannot fail */
    tai_clock_condition(&turns->given);
    for (turns->idle_count = 0; rv == APR_SUCCESS && turns->idle_count < max; turns->idle_count++) {
        rv = tai_connection_create(&turns->idle[turns->idle_count], database, times, p);
    }
    *out = turns;
    return rv;
}

static apr_uint64_t full_until(const tai_turns_t *turns)
{
    return turns->full_until ? __atomic_load_n(turns->full_until, __ATOMIC_RELAXED) : 0;
}

static apr_uint64_t earlier(apr_uint64_t a, apr_uint64_t b)
{
    return a < b ? a : b;
}

/* Whose server has no room for another connection goes on with those that are open. The last is, if any. */
static int has_one(const tai_turns_t *turns, apr_uint64_t now)
{
    return turns->idle_count > 0 &&
           (tai_connection_is_open(turns->idle[turns->idle_count - 1]) || now >= full_until(turns));
}

/* Under the mutex. Where all are idle, and none is to be had, nobody can give one back. */
static int await_turn(tai_turns_t *turns, apr_uint32_t wait_ms)
{
    const apr_uint64_t until = tai_clock_ms() + wait_ms;
    apr_uint64_t now = tai_clock_ms();

    while (!has_one(turns, now) && turns->idle_count < turns->max &&
           now < earlier(until, turns->hurry)) {
        apr_uint64_t next = earlier(until, turns->hurry);

        next = turns->idle_count ? earlier(next, full_until(turns)) : next;
        tai_clock_wait(&turns->given, &turns->mutex, next);
        now = tai_clock_ms();
    }
    return has_one(turns, now);
}

tai_connection_t *tai_turns_take(tai_turns_t *turns, apr_uint32_t wait_ms)
{
    tai_connection_t *connection = NULL;

    pthread_mutex_lock(&turns->mutex);
    if (await_turn(turns, wait_ms)) {
        connection = turns->idle[--turns->idle_count];
    }
    pthread_mutex_unlock(&turns->mutex);
    return connection;
}

void tai_turns_give(tai_turns_t *turns, tai_connection_t *connection)
{
    pthread_mutex_lock(&turns->mutex);
    if (!tai_connection_is_open(connection)) { /* taken last: it may be that none can be opened */
        memmove(turns->idle + 1, turns->idle,
                (apr_size_t)turns->idle_count * sizeof(turns->idle[0]));
        turns->idle[0] = connection;
        turns->idle_count++;
    }
    else {
        turns->idle[turns->idle_count++] = connection;
    }
    pthread_cond_broadcast(&turns->given); /* one that is not open is not for everybody */
    pthread_mutex_unlock(&turns->mutex);
}

void tai_turns_hurry(tai_turns_t *turns, apr_uint64_t by)
{
    if (tai_clock_lock(&turns->mutex, tai_clock_ms() + LOCK_MS) != APR_SUCCESS) {
        return;
    }
    turns->hurry = by;
    pthread_cond_broadcast(&turns->given);
    pthread_mutex_unlock(&turns->mutex);
}
