#ifndef TAI_MUTEX_H
#define TAI_MUTEX_H

#include <pthread.h>
#include <apr_errno.h>

/*
 * A mutex in memory that processes share. It is robust: one whose holder has died, process or
 * thread, goes to whoever asks for it next.
 */

/**
 * @param mutex  in zeroed shared memory
 * @return APR_SUCCESS, or why it could not be made
 */
apr_status_t tai_mutex_init(pthread_mutex_t *mutex);

/**
 * Wait for it; only for what is held for a moment.
 * @param inherited  set to 1: its holder died, what it guards is as he left it; else 0
 * @return APR_SUCCESS; else it is not held
 */
apr_status_t tai_mutex_lock(pthread_mutex_t *mutex, int *inherited);

/**
 * Take it if nobody has it. Does not wait.
 * @return APR_SUCCESS, also where its holder died; APR_EBUSY: somebody has it; else it is not held
 */
apr_status_t tai_mutex_try(pthread_mutex_t *mutex);

/**
 * Wait for what may be held for long.
 * @param wait_ms  how long at the most, milliseconds; 0: not at all
 * @return APR_SUCCESS, also where its holder died; APR_TIMEUP: somebody has it; else it is not held
 */
apr_status_t tai_mutex_wait(pthread_mutex_t *mutex, apr_uint32_t wait_ms);

/**
 * Let it go, in the thread that took it.
 */
void tai_mutex_unlock(pthread_mutex_t *mutex);

#endif
