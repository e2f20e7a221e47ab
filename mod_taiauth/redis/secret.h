#ifndef TAI_REDIS_SECRET_H
#define TAI_REDIS_SECRET_H

#include <apr_pools.h>

/* What a program that says a password may take, seconds, and how long a password may be. */
#define TAI_REDIS_SECRET_S   5
#define TAI_REDIS_SECRET_MAX 512

/**
 * Run a program and take the first line of its output. Waits for its end. Refuses, as suexec does
 * (SSLPassPhraseDialog and piped logs look at nothing), where others than root and this user own the
 * program or its folder, or may write to them.
 * @param path    of the program, absolute; it gets no arguments
 * @param p       for the moment
 * @param secret  set to the line, without its end
 * @return NULL, or a sentence that says what was wrong, without anything of the output
 */
const char *tai_redis_secret(const char *path, apr_pool_t *p, const char **secret);

#endif
