#ifndef TAI_REDIS_TLS_H
#define TAI_REDIS_TLS_H

#include <apr_pools.h>

/*
 * TLS to Redis, where hiredis was built with it (HAVE_HIREDIS_SSL). The server's certificate has to
 * be issued by an authority that is trusted, for the host's name or address.
 */

struct redisContext;
struct ssl_st;

typedef struct tai_redis_tls_t tai_redis_tls_t;

/**
 * While the configuration is read.
 * @param ca  file of the authorities trusted; NULL: those of the system
 * @return NULL, or a sentence: why there can be no TLS
 */
const char *tai_redis_tls_check(const char *ca);

/**
 * @param ca   as above
 * @param p    it lives as long
 * @return NULL: there can be no TLS
 */
tai_redis_tls_t *tai_redis_tls_new(const char *ca, apr_pool_t *p);

/**
 * Begin on a connection that does not block. What goes over it first completes the handshake.
 * @param host   name or address that the server has to prove
 * @param error  set to why there is no session; static
 * @return the session, which goes with the context; NULL: there is none
 */
struct ssl_st *tai_redis_tls_begin(tai_redis_tls_t *tls, struct redisContext *context,
                                   const char *host, const char **error);

/**
 * @return what is wrong with the server's certificate; NULL: nothing, or nobody knows; static
 */
const char *tai_redis_tls_error(const struct ssl_st *session);

/**
 * What has to be waited for before anything goes on.
 * @param session  of tai_redis_tls_begin
 * @param events   POLLIN or POLLOUT, as if there were no TLS
 * @return POLLIN or POLLOUT; 0: nothing
 */
short tai_redis_tls_events(struct ssl_st *session, short events);

#endif
