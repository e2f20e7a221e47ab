#ifndef TAI_REDIS_LIMITER_H
#define TAI_REDIS_LIMITER_H

#include "core/limiter.h"
#include "config.h"

/*
 * What core/limiter.h asks for, counted in Redis. On a plain Redis each operation is one call; on a
 * cluster one for each slot that its tags belong to. There a charge goes slot by slot, and what was
 * charged is given back where a later one refuses: no window ever has more than its limit, but for
 * that moment it may have one admission that nobody had.
 *
 * The time is Redis's own; that of the caller is not used.
 */

/**
 * @param config       outlives it
 * @param connections  how many threads may use it at once
 * @param time         tai_redis_time; tests have another one
 * @param p            everything goes with it
 * @param limiter      filled in
 * @return APR_SUCCESS, or why not
 */
apr_status_t tai_redis_limiter_open(const tai_redis_config_t *config, int connections,
                                    const char *time, apr_pool_t *p, tai_limiter_t *limiter);

#endif
