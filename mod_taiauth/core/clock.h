#ifndef TAI_CLOCK_H
#define TAI_CLOCK_H

#include <pthread.h>
#include <time.h>
#include <apr.h>
#include <apr_errno.h>

/**
 * The time that windows and locks are measured on: monotonic, the same for all processes of the
 * host, and running while the machine is suspended (CLOCK_BOOTTIME), so that neither a step of the
 * wall clock nor a night's sleep opens or closes anything.
 * @return milliseconds since an arbitrary start, never 0
 */
apr_uint64_t tai_clock_ms(void);

/**
 * The same clock, for measuring how long something took.
 * @return microseconds
 */
apr_uint64_t tai_clock_us(void);

/* Later than any. */
#define TAI_CLOCK_NEVER APR_UINT64_MAX

/**
 * A condition that is waited for by tai_clock_wait.
 */
void tai_clock_condition(pthread_cond_t *condition);

/**
 * Wait for a condition, but no longer than so many milliseconds.
 * @param until_ms  of tai_clock_ms
 * @return 0: that time has come; 1: it may have become true
 */
int tai_clock_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, apr_uint64_t until_ms);

/**
 * Lock a mutex of this process alone, but wait no longer than so many milliseconds.
 * @param until_ms  of tai_clock_ms
 * @return APR_SUCCESS, or APR_TIMEUP
 */
apr_status_t tai_clock_lock(pthread_mutex_t *mutex, apr_uint64_t until_ms);

#endif
