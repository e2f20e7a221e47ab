#include "store_turns.h"

#include <pthread.h>
#include <string.h>
#include "clock.h"

/*
 * Mutex and condition are never destroyed: they hold nothing but their memory, and a signal may end
 * the process while somebody waits.
 */
struct tai_turns_t {
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t given;
    int idle_count;
    tai_connection_t *idle[];
};

apr_status_t tai_turns_create(tai_turns_t **out, const tai_database_t *database,
                              const tai_times_t *times, int max, apr_pool_t *p)
{
    tai_turns_t *turns = apr_palloc(p, sizeof(*turns) + (apr_size_t)max * sizeof(turns->idle[0]));
    apr_status_t rv = APR_SUCCESS;

    pthread_mutex_init(&turns->mutex, NULL); /* with no attributes it cannot fail */
    tai_clock_condition(&turns->given);
    for (turns->idle_count = 0; rv == APR_SUCCESS && turns->idle_count < max; turns->idle_count++) {
        rv = tai_connection_create(&turns->idle[turns->idle_count], database, times, p);
    }
    *out = turns;
    return rv;
}

/* Under the mutex. */
static void await_turn(tai_turns_t *turns, apr_uint32_t wait_ms)
{
    const apr_uint64_t until = tai_clock_ms() + wait_ms;

    while (turns->idle_count == 0 && tai_clock_wait(&turns->given, &turns->mutex, until)) {
    }
}

tai_connection_t *tai_turns_take(tai_turns_t *turns, apr_uint32_t wait_ms)
{
    tai_connection_t *connection = NULL;

    pthread_mutex_lock(&turns->mutex);
    if (turns->idle_count == 0) {
        await_turn(turns, wait_ms);
    }
    if (turns->idle_count > 0) {
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
    pthread_cond_signal(&turns->given);
    pthread_mutex_unlock(&turns->mutex);
}
