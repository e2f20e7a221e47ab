#ifndef TAI_STORE_HEALTH_H
#define TAI_STORE_HEALTH_H

#include "store.h"

/* What an operator asks of a database that does not do what it should. */
typedef struct tai_health_t {
    const char *server;     /* which program it is, and of which version: "PostgreSQL 15.8" */
    apr_int64_t ahead_s;    /* its clock before that of this host, seconds; below 0: behind it */
    const char *unwritable; /* why this user cannot write to it; NULL: he can */
} tai_health_t;

/**
 * Ask a database whose schema is the right one. Changes nothing: it tries to revoke a key that there
 * is not.
 * @param p     texts live here
 * @param text  set to a sentence on failure
 * @return APR_SUCCESS, or APR_EGENERAL: the database gave no answer
 */
apr_status_t tai_store_health(tai_store_t *store, apr_pool_t *p, tai_health_t *health,
                              const char **text);

#endif
