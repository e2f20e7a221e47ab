#ifndef TAI_NAME_H
#define TAI_NAME_H

#include <apr_pools.h>

/* Most bytes of a name: what its column holds, and what fits on a line. */
#define TAI_NAME_MAX     64  /* of an account or a user */
#define TAI_KEY_NAME_MAX 100 /* of a key */

/**
 * A name is UTF-8 without control characters (C0, DEL, C1), has something else than blanks, and no key,
 * token or ticket of ours in it.
 * @param what  what is named, for the text: "account name"
 * @param name  the whole name
 * @param max   most bytes
 * @param p     the text lives here
 * @return NULL, or a text saying what is allowed
 */
const char *tai_name_check(const char *what, const char *name, apr_size_t max, apr_pool_t *p);

#endif
