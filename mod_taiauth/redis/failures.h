#ifndef TAI_REDIS_FAILURES_H
#define TAI_REDIS_FAILURES_H

#include "core/limiter.h"
#include "operation.h"

/* Failures and their locks: of tai_limiter_ops_t. */

apr_status_t tai_redis_locked(void *self, tai_count_t *counts, int n, apr_uint64_t now,
                              apr_pool_t *p, const char **error);
apr_status_t tai_redis_fail(void *self, tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p,
                            const char **error);
apr_status_t tai_redis_unlock(void *self, const tai_count_t *counts, int n, apr_uint64_t now,
                              int *locks, apr_pool_t *p, const char **error);

/* ---- clearing, by the verb "clear" of the script of failures ---------------------------------- */

/**
 * An item that is to be cleared, whatever its limits: its arguments say no more than that it is a
 * count and no list.
 * @return the item
 */
tai_redis_item_t *tai_redis_clearing(tai_redis_item_t *item);

/**
 * @param op      its items are to be cleared
 * @param lifted  how many locks there were is added
 * @return as tai_redis_operation_run
 */
apr_status_t tai_redis_clear(tai_redis_operation_t *op, int *lifted);

#endif
