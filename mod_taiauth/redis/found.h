#ifndef TAI_REDIS_FOUND_H
#define TAI_REDIS_FOUND_H

#include "config.h"
#include "secret.h"

/*
 * What a configuration has to ask others for while it is read: its program for the password, a
 * resolver for the addresses of its host. Neither is waited for without bound, and what was found
 * once stands in where it cannot be found again: a reload must not stop a server that runs.
 */
typedef struct tai_redis_found_t {
    char password[TAI_REDIS_SECRET_MAX + 1]; /* "": none yet */
    tai_redis_addresses_t addresses;         /* n 0: none yet */
} tai_redis_found_t;

/**
 * Complete a configuration.
 * @param config   its password and addresses are set
 * @param found    what an earlier reading of the same words has found, else zeros; brought up to date
 * @param p        config's password lives here
 * @param warning  set to a sentence for the log where the program failed and its earlier password is
 *                 used; else to NULL
 * @return NULL, or a sentence that says what was wrong, without a secret
 */
const char *tai_redis_find(tai_redis_config_t *config, tai_redis_found_t *found, apr_pool_t *p,
                           const char **warning);

#endif
