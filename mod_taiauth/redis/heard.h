#ifndef TAI_REDIS_HEARD_H
#define TAI_REDIS_HEARD_H

#include <apr_errno.h>
#include <apr_network_io.h>

/*
 * Nodes of a cluster that have answered any process of this host, in memory that all of them share: a
 * process that has just begun knows by it that it is a cluster, and whom to ask where the node of the
 * configuration is away.
 */
typedef struct tai_redis_heard_t tai_redis_heard_t;

#define TAI_REDIS_HEARD_NODES 16  /* the newest */
#define TAI_REDIS_HEARD_HOST  256 /* of a name, with its end; a longer one is not kept */

/**
 * @return empty, shared with all processes that this one starts, until tai_redis_heard_free in each;
 *         NULL: there is no memory
 */
tai_redis_heard_t *tai_redis_heard_new(void);

/**
 * @param heard  may be NULL
 */
void tai_redis_heard_free(tai_redis_heard_t *heard);

/**
 * A node has answered.
 * @param heard  may be NULL
 * @param host   its name or address
 */
void tai_redis_heard_add(tai_redis_heard_t *heard, const char *host, apr_port_t port);

/**
 * @param heard  may be NULL
 * @param i      0 to TAI_REDIS_HEARD_NODES - 1
 * @param host   filled in
 * @param port   set
 * @return 0: there is none with this number
 */
int tai_redis_heard_get(tai_redis_heard_t *heard, int i, char host[TAI_REDIS_HEARD_HOST],
                        apr_port_t *port);

#endif
