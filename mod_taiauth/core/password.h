#ifndef TAI_PASSWORD_H
#define TAI_PASSWORD_H

#include <apr_errno.h>

#define TAI_PASSWORD_MIN 12
#define TAI_PASSWORD_MAX 72 /* bcrypt reads no further */

/* Each step doubles the time: 12 is about a quarter of a second. */
#define TAI_PASSWORD_COST 12

/* What a stored hash may have cost. */
#define TAI_PASSWORD_COST_MIN 10
#define TAI_PASSWORD_COST_MAX 14 /* about a second: a check must end */

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

/**
 * Is this a hash that tai_password_is can check: bcrypt ($2a$ or $2y$) of a cost that is allowed?
 * @param hash  NULL is none
 */
int tai_password_usable(const char *hash);

/**
 * Is this the password? Takes the time of one bcrypt, whatever it is given: of the cost of the hash,
 * or of TAI_PASSWORD_COST where there is none that can be checked.
 * @param password  NUL-terminated; longer than TAI_PASSWORD_MAX, it is nobody's
 * @param hash      as stored; NULL: there is no such user, or he cannot log in
 * @return 1: it is
 */
int tai_password_is(const char *password, const char *hash);

#endif
