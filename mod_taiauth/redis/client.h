#ifndef TAI_REDIS_CLIENT_H
#define TAI_REDIS_CLIENT_H

#include <apr_tables.h>
#include "config.h"
#include "scripts.h"

/*
 * Runs scripts in a Redis, or in a cluster of them, for all threads of a process. Connections are
 * made when they are needed and kept; one on which anything went wrong is closed. A script is sent
 * once: again only where Redis has said that it did not run it (NOSCRIPT, MOVED, ASK).
 *
 * That it is a cluster is found out from what it answers, or from what it has answered others (heard.h).
 * What is known then of which node has which
 * slot is what these answers said; of a node that gives no answer, or serves nobody, everything is
 * forgotten, and another one is asked.
 */
typedef struct tai_redis_client_t tai_redis_client_t;

/* A script to be run once. */
typedef struct tai_redis_call_t {
    tai_redis_script_e script;
    unsigned slot;             /* of all its keys; only where it is a cluster */
    apr_array_header_t *keys;  /* const char * */
    apr_array_header_t *args;  /* const char * */
    int answers;               /* how many numbers it returns, each 0 to 2^53; -1: texts */
    apr_int64_t *numbers;      /* out */
    apr_array_header_t *texts; /* out: const char * */
} tai_redis_call_t;

/* The keys of a call belong to several slots: it is a cluster, and nothing was done. */
#define TAI_REDIS_CROSSSLOT (APR_OS_START_USERERR + 1)

/**
 * @param config       outlives it
 * @param connections  how many threads may use it at once: as many are kept, of each node
 * @param time         tai_redis_time; tests have another one
 * @param p            everything goes with it
 * @return APR_SUCCESS, or why not
 */
apr_status_t tai_redis_client_new(const tai_redis_config_t *config, int connections,
                                  const char *time, apr_pool_t *p, tai_redis_client_t **out);

/**
 * @return 1: keys of one call have to have one slot
 */
int tai_redis_client_is_cluster(tai_redis_client_t *client);

/**
 * @return what its keys begin with, without the colon
 */
const char *tai_redis_client_prefix(const tai_redis_client_t *client);

/**
 * @return by when an operation that begins now has to be done, microseconds of tai_clock_us
 */
apr_uint64_t tai_redis_client_deadline(const tai_redis_client_t *client);

/**
 * @param deadline  microseconds of tai_clock_us; for all of it
 * @param p         what comes out lives here, and the error
 * @param error     a sentence for the log, without any secret
 * @return APR_SUCCESS; TAI_REDIS_CROSSSLOT; else nobody knows whether it was run, with the meaning
 *         that core/limiter.h gives it: of a cluster what one node does not answer is
 *         TAI_LIMITER_PART, and TAI_LIMITER_CLOSED where all that are known rest
 */
apr_status_t tai_redis_call(tai_redis_client_t *client, tai_redis_call_t *call,
                            apr_uint64_t deadline, apr_pool_t *p, const char **error);

#endif
