#ifndef TAI_STORE_DATABASE_H
#define TAI_STORE_DATABASE_H

#include <apr_dbd.h>
#include <apr_file_info.h>
#include "store_socket.h"

typedef struct tai_driver_t tai_driver_t; /* store_driver.h */

/* Where a database is: what DBDriver and DBDParams, or the options of taictl, come down to. */
typedef struct tai_database_t {
    const tai_driver_t *driver;
    const apr_dbd_driver_t *dbd; /* the same for apr_dbd */
    const char *name;            /* what texts call it: its path, or its parameters but no secret */
    const char *path;            /* of its file, as it was given; NULL: it is a server's */
    const char *params;          /* what is opened: a file is never created */
    apr_uint32_t connect_ms; /* its parameters say how long a connection may take; 0: they do not */
    tai_peer_t peer;         /* where its server listens, if its driver knows no time-outs */
    const char *options;     /* of taictl, which lead to it, without what is secret */
} tai_database_t;

/* Which file stands behind a path now. */
typedef struct tai_identity_t {
    apr_dev_t device;
    apr_ino_t inode;
} tai_identity_t;

/**
 * @param driver  as in DBDriver
 * @param params  as in DBDParams; NULL or empty: none were given
 * @param p       everything lives here
 * @param out     set on success
 * @param error   set to a sentence on failure
 * @return APR_SUCCESS, or APR_EGENERAL
 */
apr_status_t tai_database_resolve(const char *driver, const char *params, apr_pool_t *p,
                                  const tai_database_t **out, const char **error);

/**
 * Ask the file system for the file of a database that has one, following links.
 * @param size   set to bytes; NULL: not wanted
 * @param error  set to a sentence on failure
 * @return APR_SUCCESS; APR_ENOENT: there is no such file; APR_EGENERAL: it cannot be seen, or is
 *         no file
 */
apr_status_t tai_database_identity(const tai_database_t *database, apr_pool_t *p,
                                   tai_identity_t *identity, apr_off_t *size, const char **error);

/**
 * The sentence for a database that is not there yet.
 */
const char *tai_database_absent_text(const tai_database_t *database, apr_pool_t *p);

#endif
