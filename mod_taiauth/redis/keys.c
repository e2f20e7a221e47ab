#include "keys.h"

#include <string.h>
#include "core/digest.h"
#include "slots.h"

/* 64 bits as 11 characters; returns where they end. */
static char *put_base64(char *at, apr_uint64_t bits)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int i;

    for (i = 0; i < TAI_REDIS_TAG_LENGTH; i++) {
        *at++ = digits[bits >> 58];
        bits <<= 6;
    }
    return at;
}

const char *tai_redis_key(const char *prefix, tai_redis_kind_e kind, const tai_id_t *tag,
                          const tai_id_t *id, unsigned *slot, apr_pool_t *p)
{
    const apr_size_t len = strlen(prefix);
    char *key = apr_palloc(p, len + sizeof(":k{}") + 3 * TAI_REDIS_TAG_LENGTH), *at = key + len;

    memcpy(key, prefix, len);
    *at++ = ':';
    *at++ = (char)kind;
    *at++ = '{';
    put_base64(at, tag->lo);
    *slot = tai_redis_slot(at, TAI_REDIS_TAG_LENGTH);
    at += TAI_REDIS_TAG_LENGTH;
    *at++ = '}';
    at = put_base64(put_base64(at, id->hi), id->lo);
    *at = '\0';
    return key;
}

int tai_redis_key_is_of(const char *key, tai_redis_kind_e kind, const char *other)
{
    const apr_size_t len = strlen(other), kind_at = strcspn(other, ":") + 1;

    return strlen(key) == len && strncmp(key, other, kind_at) == 0 && key[kind_at] == (char)kind &&
           strncmp(key + kind_at + 1, other + kind_at + 1, TAI_REDIS_TAG_LENGTH + 2) == 0;
}

/*
 * Without a secret, for all hosts are to come to the same. SHA-256, cut to 128 bits, and not a
 * faster hash with a key that everybody knows: log-ins fold user names that a stranger chooses. Two
 * that he made collide (2^64 tries) would share their counts, which leaves both with fewer tries.
 */
tai_id_t tai_redis_identify(void *unused, const void *data, apr_size_t len)
{
    tai_digest_t digest;
    tai_id_t id = {0, 0};
    int i;

    (void)unused;
    /* without memory all share one identity, which is stricter than their own */
    if (tai_digest_bytes(data, len, &digest) == APR_SUCCESS) {
        for (i = 0; i < 8; i++) {
            id.hi = id.hi << 8 | digest.bytes[i];
            id.lo = id.lo << 8 | digest.bytes[8 + i];
        }
    }
    return id;
}
