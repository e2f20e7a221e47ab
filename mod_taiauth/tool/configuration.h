#ifndef TAICTL_CONFIGURATION_H
#define TAICTL_CONFIGURATION_H

#include <apr_pools.h>

/* What a configuration file of httpd says of the database. */
typedef struct taictl_configuration_t {
    const char *driver; /* of DBDriver */
    const char *params; /* of DBDParams */
    int exposed; /* a password is in it, by its looks, and anybody on this host may read it */
} taictl_configuration_t;

/**
 * @param params  as in DBDParams
 * @return 1: they look as if a password was in them
 */
int taictl_may_hold_password(const char *params);

/**
 * Read the lines DBDriver and DBDParams of a file, wherever in it they stand, as httpd reads lines:
 * continued behind a backslash, words in quotes. ${NAME} is taken from the environment. Neither what
 * the file includes nor Define is looked at.
 * @param p       what is read lives here
 * @param config  set on success
 * @return NULL; or a sentence that says what is wrong, with file and line, and never a value
 */
const char *taictl_configuration(const char *file, apr_pool_t *p, taictl_configuration_t *config);

#endif
