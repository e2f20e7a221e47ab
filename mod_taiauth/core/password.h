#ifndef TAI_PASSWORD_H
#define TAI_PASSWORD_H

#include <apr_errno.h>

#define TAI_PASSWORD_MIN 12
#define TAI_PASSWORD_MAX 72 /* bcrypt reads no further */

/* Each step doubles the time: 12 is about a quarter of a second. */
#define TAI_PASSWORD_COST 12

#define TAI_PASSWORD_HASH_LEN 60

/**
 * May this be somebody's password?
 * @param password  NUL-terminated
 * @return NULL, or a static text saying what is allowed
 */
const char *tai_password_check(const char *password);

/**
 * bcrypt with a new salt, as apr_password_validate reads it.
 * @param password  one that tai_password_check allows
 * @param hash      TAI_PASSWORD_HASH_LEN characters and a NUL
 * @return APR_SUCCESS, or why it could not be made
 */
apr_status_t tai_password_hash(const char *password, char hash[TAI_PASSWORD_HASH_LEN + 1]);

#endif
