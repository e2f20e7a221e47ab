#ifndef TAI_REDIS_CONNECTION_H
#define TAI_REDIS_CONNECTION_H

#include <hiredis.h>
#include "config.h"
#include "tls.h"

/*
 * One connection to Redis. Everything that it does ends by a deadline, in microseconds of
 * tai_clock_us: the socket does not block, and each byte that comes late finds the same deadline.
 * Who has called in vain hangs up: the answer may come later, and would be taken for that to the
 * next question. Writing to a connection that was closed raises SIGPIPE, which httpd ignores.
 */
typedef struct tai_redis_connection_t {
    redisContext *context;
    redisReplyObjectFunctions whole;     /* those of hiredis ... */
    redisReplyObjectFunctions bounded;   /* ... and ours: no more than TAI_REDIS_REPLY_PARTS */
    struct ssl_st *session;              /* of TLS; NULL: none */
    struct tai_redis_connection_t *next; /* of those that are idle */
} tai_redis_connection_t;

/* How much of one answer is read, and how many parts it has: all of ours are far smaller. */
#define TAI_REDIS_REPLY_BYTES 16384
#define TAI_REDIS_REPLY_PARTS 256

/**
 * Connect, and say who we are and which database is meant.
 * @param config    of the limiter; its host and addresses may be others than those
 * @param tls       NULL: none
 * @param host      for TLS
 * @param address   where to
 * @param deadline  microseconds of tai_clock_us
 * @param p         for the error
 * @param out       set where the answer is APR_SUCCESS
 * @param error     a sentence for the log, without any secret
 * @return APR_SUCCESS; APR_EACCES: Redis was there, and would not have us; APR_TIMEUP; else there
 *         was no connection
 */
apr_status_t tai_redis_connect(const tai_redis_config_t *config, tai_redis_tls_t *tls,
                               const char *host, const tai_redis_address_t *address,
                               apr_uint64_t deadline, apr_pool_t *p, tai_redis_connection_t **out,
                               const char **error);

/**
 * Put a command in front of the next tai_redis_ask.
 * @return APR_SUCCESS, or APR_ENOMEM
 */
apr_status_t tai_redis_append(tai_redis_connection_t *connection, int argc, const char **argv);

/**
 * Send what was appended, and read as many replies.
 * @param n        how many were appended
 * @param replies  set where the answer is APR_SUCCESS; the caller frees them
 * @param p        for the error
 * @param error    a sentence for the log
 * @return APR_SUCCESS, also where Redis says an error; APR_TIMEUP; else the connection broke or
 *         what came was no reply
 */
apr_status_t tai_redis_ask(tai_redis_connection_t *connection, int n, redisReply **replies,
                           apr_uint64_t deadline, apr_pool_t *p, const char **error);

/**
 * @return 1: it is still open, and nothing has come unasked
 */
int tai_redis_is_quiet(const tai_redis_connection_t *connection);

void tai_redis_hang_up(tai_redis_connection_t *connection);

#endif
