#ifndef TAI_REDIS_CONFIG_H
#define TAI_REDIS_CONFIG_H

#include <apr_network_io.h>
#include <apr_tables.h>
#include "heard.h"
#include "names.h"

/* Which Redis, and as whom: what TaiAuthLimiter says. */
typedef struct tai_redis_config_t {
    const char *host; /* name or address; NULL: a socket */
    apr_port_t port;
    const char *path; /* of a socket; NULL: a host */
    unsigned db;
    const char *user;     /* NULL: Redis's default user */
    const char *password; /* NULL: none is asked for; "": tai_redis_find has to ask the program */
    const char *program;  /* that says the password; NULL: none */
    const char *ca;       /* of TLS: file of the authorities trusted; NULL: those of the system */
    int tls;
    const char *prefix; /* of its keys */
    const char *shown;  /* for logs: without user and password */
    apr_uint32_t timeout_ms;
    tai_redis_addresses_t addresses; /* of host, as far as tai_redis_find has found them */
    tai_redis_heard_t *heard;        /* NULL: each process finds out by itself who is there */
} tai_redis_config_t;

#define TAI_REDIS_PREFIX "taiauth" /* where nothing else is said */

/**
 * Read the words, and nothing else: what has to be asked somewhere, found.h asks.
 * @param address  redis://[user[:password]@]host[:port][/db], rediss:// the same over TLS,
 *                 unix://[user[:password]@]/path[?db=N], as redis-py and go-redis have it;
 *                 redis+unix:// is the same
 * @param options  array of tai_limiter_option_t: password, user, ca, prefix
 * @param p        config lives here
 * @return NULL, or a sentence that names what was wrong and what is allowed, without a secret
 */
const char *tai_redis_config_parse(const char *address, const apr_array_header_t *options,
                                   apr_uint32_t timeout_ms, apr_pool_t *p,
                                   tai_redis_config_t **config);

#endif
