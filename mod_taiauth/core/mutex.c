#include "mutex.h"

#include <errno.h>
#include <time.h>

#define NS_PER_SECOND    1000000000
#define LONGEST_SLEEP_NS 100000000

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

/*
 * Nobody sleeps for long at a time. A waiter that is killed between being woken and taking the mutex
 * takes the wake-up with it, and if somebody else has got in meanwhile, the mutex no longer says
 * that others wait: they would sleep until the next contention, which may never come. Seen with
 * glibc 2.36 on Linux 6.18, about once in a thousand kills under contention.
 */
apr_status_t tai_mutex_lock(pthread_mutex_t *mutex, int *inherited)
{
    struct timespec until;
    int rv;

    /* no trylock before it: glibc's leaves a mutex locked that is not recoverable */
    do {
        clock_gettime(CLOCK_MONOTONIC_COARSE, &until);
        until.tv_nsec += LONGEST_SLEEP_NS;
        until.tv_sec += until.tv_nsec / NS_PER_SECOND;
        until.tv_nsec %= NS_PER_SECOND;
        rv = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
    } while (rv == ETIMEDOUT);
    *inherited = rv == EOWNERDEAD;
    return *inherited ? inherit(mutex) : rv;
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
