#ifndef TAI_REDIS_CONFIG_H
#define TAI_REDIS_CONFIG_H

#include <apr_network_io.h>
#include <apr_tables.h>
#include "names.h"

/* Which Redis, and as whom: what TaiAuthLimiter says. */
typedef struct tai_redis_config_t {
    const char *host; /* name or address; NULL: a socket */
    apr_port_t port;
    const char *path; /* of a socket; NULL: a host */
    unsigned db;
    const char *user;     /* NULL: Redis's default user */
    const char *password; /* NULL: none is asked for */
    const char *ca;       /* of TLS: file of the authorities trusted; NULL: those of the system */
    int tls;
    const char *shown; /* for logs: without user and password */
    apr_uint32_t timeout_ms;
    tai_redis_addresses_t addresses; /* of host, as far as it could be found */
} tai_redis_config_t;

/**
 * @param address  redis://[user[:password]@]host[:port][/db], rediss:// the same over TLS,
 *                 unix://[user[:password]@]/path[?db=N], as redis-py and go-redis have it;
 *                 redis+unix:// is the same
 * @param options  array of tai_limiter_option_t: password, user, ca
 * @param p        config lives here
 * @return NULL, or a sentence that names what was wrong and what is allowed, without a secret
 */
const char *tai_redis_config_parse(const char *address, const apr_array_header_t *options,
                                   apr_uint32_t timeout_ms, apr_pool_t *p,
                                   tai_redis_config_t **config);

#endif
