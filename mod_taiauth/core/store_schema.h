#ifndef TAI_STORE_SCHEMA_H
#define TAI_STORE_SCHEMA_H

#include <apr_user.h>
#include "store.h"

/**
 * Which schema version a database has.
 * @param version  set to it; 0: there is no schema of ours, or no file
 * @param text     set to a sentence on failure
 * @return APR_SUCCESS, or APR_EGENERAL: it could not be asked
 */
apr_status_t tai_schema_version(const char *driver, const char *params, apr_pool_t *p, int *version,
                                const char **text);

/**
 * Make a database that is not there yet, readable and writable by its owner alone. An empty file
 * that is there already is used as it is, unless others than its owner and group may use it.
 * @param text  set to a sentence on failure
 * @return APR_SUCCESS; APR_EEXIST: there is a database already, and it was left alone; or
 *         APR_EGENERAL, and no new file is left behind
 */
apr_status_t tai_schema_init(const char *driver, const char *params, apr_pool_t *p,
                             const char **text);

/**
 * Give the file of a database to a user; never what a link leads to.
 * @param text  set to a sentence on failure
 * @return APR_SUCCESS, or why it could not be done
 */
apr_status_t tai_schema_give(const char *driver, const char *params, apr_uid_t user,
                             apr_gid_t group, apr_pool_t *p, const char **text);

/**
 * Apply the migrations that a database lacks, each in a transaction of its own.
 * @param from  set to the version it had
 * @param text  set to a sentence on failure
 * @return APR_SUCCESS, or APR_EGENERAL; the migrations before the one that failed are in force
 */
apr_status_t tai_schema_migrate(const char *driver, const char *params, apr_pool_t *p, int *from,
                                const char **text);

#endif
