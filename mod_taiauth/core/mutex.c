#include "mutex.h"

#include <errno.h>
#include <time.h>

#define NS_PER_SECOND    1000000000
#define NS_PER_MS        1000000
#define LONGEST_SLEEP_MS 100

apr_status_t tai_mutex_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attr;
    int rv = pthread_mutexattr_init(&attr);

    if (rv != 0) {
        return rv;
    }
    if ((rv = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED)) == 0 &&
        (rv = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST)) == 0) {
        rv = pthread_mutex_init(mutex, &attr);
    }
    pthread_mutexattr_destroy(&attr);
    return rv;
}

/* It is held, and its last holder has died. */
static apr_status_t inherit(pthread_mutex_t *mutex)
{
    const int rv = pthread_mutex_consistent(mutex);

    if (rv != 0) {
        pthread_mutex_unlock(mutex);
    }
    return rv;
}

static int wait_a_while(pthread_mutex_t *mutex, apr_uint32_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &until);
    until.tv_nsec += (long)ms * NS_PER_MS;
    until.tv_sec += until.tv_nsec / NS_PER_SECOND;
    until.tv_nsec %= NS_PER_SECOND;
    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
}

/*
 * Nobody sleeps for long at a time. A waiter that is killed between being woken and taking the mutex
 * takes the wake-up with it, and if somebody else has got in meanwhile, the mutex no longer says
 * that others wait: they would sleep until the next contention, which may never come. Seen with
 * glibc 2.36 on Linux 6.18, about once in a thousand kills under contention.
 */
apr_status_t tai_mutex_lock(pthread_mutex_t *mutex, int *inherited)
{
    int rv;

    /* no trylock before it: glibc's leaves a mutex locked that is not recoverable */
    do {
        rv = wait_a_while(mutex, LONGEST_SLEEP_MS);
    } while (rv == ETIMEDOUT);
    *inherited = rv == EOWNERDEAD;
    return *inherited ? inherit(mutex) : rv;
}

apr_status_t tai_mutex_wait(pthread_mutex_t *mutex, apr_uint32_t wait_ms)
{
    apr_uint32_t left = wait_ms, sleep;
    int rv;

    do {
        sleep = left < LONGEST_SLEEP_MS ? left : LONGEST_SLEEP_MS;
        rv = wait_a_while(mutex, sleep);
        left -= sleep;
    } while (rv == ETIMEDOUT && left > 0);
    if (rv == EOWNERDEAD) {
        return inherit(mutex);
    }
    return rv == ETIMEDOUT ? APR_TIMEUP : rv;
}

apr_status_t tai_mutex_try(pthread_mutex_t *mutex)
{
    const int rv = pthread_mutex_trylock(mutex);

    if (rv == EOWNERDEAD) {
        return inherit(mutex);
    }
    return rv == EBUSY ? APR_EBUSY : rv;
}

void tai_mutex_unlock(pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
}
