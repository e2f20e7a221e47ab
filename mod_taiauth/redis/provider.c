#include "config.h"
#include "limiter.h"
#include "scripts.h"

static const char *configure(const char *address, const apr_array_header_t *options,
                             apr_uint32_t timeout_ms, apr_pool_t *p, void **config)
{
    return tai_redis_config_parse(address, options, timeout_ms, p, (tai_redis_config_t **)config);
}

static const char *describe(const void *config)
{
    return ((const tai_redis_config_t *)config)->shown;
}

static apr_status_t open_limiter(const void *config, int connections, apr_pool_t *p,
                                 tai_limiter_t *limiter)
{
    return tai_redis_limiter_open(config, connections, tai_redis_time, p, limiter);
}

const tai_limiter_provider_t tai_redis_provider = {
    .configure = configure, .describe = describe, .open = open_limiter};
