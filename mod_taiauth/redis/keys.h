#ifndef TAI_REDIS_KEYS_H
#define TAI_REDIS_KEYS_H

#include "core/table.h"
#include <apr_pools.h>

/*
 * Names of keys: what the configuration says, a colon, a kind, {tag}, and the identity, both in
 * base64url without padding:
 *
 *   taiauth:w{AAAAAAAAAAE}AAAAAAAAAAEAAAAAAAAAAE
 *
 *   w   a rolling window
 *   f   failures of a principal, and the lock
 *   l   tries of log-ins, and the lock
 *   i   of the tries of one user name: which counts they are in
 *
 * What has one tag lies in one slot of a cluster. Half of the tag is enough for that.
 */
typedef enum {
    TAI_REDIS_WINDOW = 'w',
    TAI_REDIS_FAILURE = 'f',
    TAI_REDIS_TRY = 'l',
    TAI_REDIS_LIST = 'i'
} tai_redis_kind_e;

#define TAI_REDIS_TAG_LENGTH 11 /* 64 bits */

/**
 * @param prefix  without the colon
 * @param slot    set to its slot in a cluster
 * @param p       the name lives here
 */
const char *tai_redis_key(const char *prefix, tai_redis_kind_e kind, const tai_id_t *tag,
                          const tai_id_t *id, unsigned *slot, apr_pool_t *p);

/**
 * @return 1: the name is of that kind, and has prefix and tag of the other
 */
int tai_redis_key_is_of(const char *key, tai_redis_kind_e kind, const char *other);

/**
 * An identity that is the same on every host; needs tai_digest_init.
 * @param data  two different things differ in these bytes
 */
tai_id_t tai_redis_identify(void *unused, const void *data, apr_size_t len);

#endif
