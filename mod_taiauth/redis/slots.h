#ifndef TAI_REDIS_SLOTS_H
#define TAI_REDIS_SLOTS_H

#include <apr.h>
#include <apr_network_io.h>
#include <apr_pools.h>

/* Hash slots of a Redis Cluster, as its specification says. */
#define TAI_REDIS_SLOTS 16384

/**
 * @param tag  what stands between { and } in a key
 * @return its slot: CRC-16 (polynomial 0x1021, from 0, most significant bit first) of the tag
 */
unsigned tai_redis_slot(const char *tag, apr_size_t len);

/* "MOVED 3999 127.0.0.1:6381", "ASK 3999 [...]": the slot is with somebody else. */
typedef struct tai_redis_redirect_t {
    int ask; /* 1: only for this call */
    unsigned slot;
    const char *host; /* "": the one that was asked */
    apr_port_t port;
} tai_redis_redirect_t;

/**
 * @param error     what Redis said
 * @param redirect  filled in
 * @param p         host lives here
 * @return 1; 0: that is something else
 */
int tai_redis_redirect_parse(const char *error, tai_redis_redirect_t *redirect, apr_pool_t *p);

#endif
