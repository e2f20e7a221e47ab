#ifndef TAI_POOL_H
#define TAI_POOL_H

#include <apr_pools.h>

/**
 * A pool for what several threads allocate, one at a time: it shares its allocator with no other.
 * @param out  nobody's but the caller's, who destroys it
 * @return APR_SUCCESS, or why it could not be made
 */
apr_status_t tai_pool_create(apr_pool_t **out);

#endif
