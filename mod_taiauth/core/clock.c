#include "clock.h"

static apr_uint64_t boot_time(apr_uint64_t per_second)
{
    struct timespec t;

    /* fails only for a clock that the kernel does not have, and Linux has had it since 2.6.39 */
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (apr_uint64_t)t.tv_sec * per_second +
           (apr_uint64_t)t.tv_nsec / (APR_UINT64_C(1000000000) / per_second);
}

apr_uint64_t tai_clock_ms(void)
{
    /* 0 stands for "never" in the tables */
    return boot_time(1000) + 1;
}

apr_uint64_t tai_clock_us(void)
{
    return boot_time(1000000);
}

/* With nothing but a clock that there is, none of these can fail. */
void tai_clock_condition(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/*
 * Nothing can be waited for by CLOCK_BOOTTIME: after a suspension these end a little late.
 * Returns how many milliseconds are left.
 */
static apr_uint64_t deadline(apr_uint64_t until_ms, struct timespec *at)
{
    const apr_uint64_t now = tai_clock_ms(), left = until_ms > now ? until_ms - now : 0;

    clock_gettime(CLOCK_MONOTONIC, at);
    at->tv_sec += (time_t)(left / 1000);
    at->tv_nsec += (long)(left % 1000) * 1000000;
    if (at->tv_nsec >= 1000000000) {
        at->tv_sec++;
        at->tv_nsec -= 1000000000;
    }
    return left;
}

int tai_clock_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, apr_uint64_t until_ms)
{
    struct timespec at;

    return deadline(until_ms, &at) > 0 && pthread_cond_timedwait(condition, mutex, &at) == 0;
}

apr_status_t tai_clock_lock(pthread_mutex_t *mutex, apr_uint64_t until_ms)
{
    struct timespec at;

    deadline(until_ms, &at);
    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &at) == 0 ? APR_SUCCESS : APR_TIMEUP;
}
