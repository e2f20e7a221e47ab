#ifndef TAI_REDIS_LOGIN_H
#define TAI_REDIS_LOGIN_H

#include "core/limiter.h"

/* Tries of log-ins: of tai_limiter_ops_t. */

apr_status_t tai_redis_login_begin(void *self, tai_login_t *login, apr_uint64_t now,
                                   apr_uint64_t *left_ms, apr_pool_t *p, const char **error);
apr_status_t tai_redis_login_fail(void *self, const tai_login_t *login, apr_uint64_t now,
                                  unsigned *started, apr_pool_t *p, const char **error);
apr_status_t tai_redis_login_end(void *self, const tai_login_t *login, apr_uint64_t now, int right,
                                 apr_pool_t *p, const char **error);
apr_status_t tai_redis_login_unlock(void *self, const tai_login_t *login, tai_login_count_e which,
                                    apr_uint64_t now, int *lifted, apr_pool_t *p,
                                    const char **error);

#endif
