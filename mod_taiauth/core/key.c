#include "key.h"

#include <string.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

#define PREFIX_LEN   4
#define CHECKSUM_LEN 6
#define SIGNED_LEN   (TAI_KEY_LEN - CHECKSUM_LEN) /* what the checksum covers */

#define IMPORTED_MIN     22 /* 128 bits as base62 */
#define IMPORTED_MIN_HEX 32 /* 128 bits as hex */
#define IMPORTED_MAX     256
#define IMPORTED_SHOWN   4

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static const char *const prefix[] = {
    [TAI_KIND_KEY] = "tai_",
    [TAI_KIND_TOKEN] = "tat_",
    [TAI_KIND_TICKET] = "tao_",
};

const char *tai_kind_prefix(tai_kind_e kind)
{
    return prefix[kind];
}

/* What a character may stand in. */
#define BASE62  1
#define HEX     2
#define VISIBLE 4

static const unsigned char classes[256] = {
    ['!' ... '/'] = VISIBLE,
    ['0' ... '9'] = VISIBLE | BASE62 | HEX,
    [':' ... '@'] = VISIBLE,
    ['A' ... 'F'] = VISIBLE | BASE62 | HEX,
    ['G' ... 'Z'] = VISIBLE | BASE62,
    ['[' ... '`'] = VISIBLE,
    ['a' ... 'f'] = VISIBLE | BASE62 | HEX,
    ['g' ... 'z'] = VISIBLE | BASE62,
    ['{' ... '~'] = VISIBLE,
};

static int all(int class, const char *text, apr_size_t len)
{
    while (len > 0 && (classes[(unsigned char)text[len - 1]] & class)) {
        len--;
    }
    return len == 0;
}

int tai_key_digit(char c)
{
    return (classes[(unsigned char)c] & BASE62) != 0;
}

/* The reflected CRC-32 of zlib and IEEE 802.3, polynomial 0xedb88320, four bits at a time. */
static apr_uint32_t crc32(const char *bytes, apr_size_t len)
{
    static const apr_uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    apr_uint32_t crc = 0xffffffff;

    for (apr_size_t i = 0; i < len; i++) {
        crc ^= (unsigned char)bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static void write_checksum(const char *text, char out[CHECKSUM_LEN])
{
    apr_uint32_t crc = crc32(text, SIGNED_LEN);

    for (int i = CHECKSUM_LEN - 1; i >= 0; i--) {
        out[i] = digits[crc % 62];
        crc /= 62;
    }
}

/*
 * Bytes from 248 = 4 * 62 on are thrown away: with them the first eight digits would come up more
 * often than the others.
 */
static apr_status_t write_random_digits(char *out, apr_size_t len)
{
    unsigned char random[48];
    apr_size_t done = 0;
    apr_status_t rv = APR_SUCCESS;

    while (done < len && rv == APR_SUCCESS) {
        rv = apr_generate_random_bytes(random, sizeof(random));
        for (apr_size_t i = 0; rv == APR_SUCCESS && i < sizeof(random) && done < len; i++) {
            if (random[i] < 248) {
                out[done++] = digits[random[i] % 62];
            }
        }
    }
    OPENSSL_cleanse(random, sizeof(random));
    return rv;
}

apr_status_t tai_key_generate(tai_kind_e kind, char out[TAI_KEY_LEN + 1])
{
    apr_status_t rv;

    memcpy(out, prefix[kind], PREFIX_LEN);
    rv = write_random_digits(out + PREFIX_LEN, SIGNED_LEN - PREFIX_LEN);
    if (rv != APR_SUCCESS) {
        OPENSSL_cleanse(out, TAI_KEY_LEN + 1);
        return rv;
    }
    write_checksum(out, out + SIGNED_LEN);
    out[TAI_KEY_LEN] = '\0';
    return APR_SUCCESS;
}

static int ours(tai_kind_e kind, const char *text, apr_size_t len)
{
    return len == TAI_KEY_LEN && memcmp(text, prefix[kind], PREFIX_LEN) == 0 &&
           all(BASE62, text + PREFIX_LEN, TAI_KEY_LEN - PREFIX_LEN);
}

static int imported(const char *text, apr_size_t len)
{
    return len >= IMPORTED_MIN && len <= IMPORTED_MAX && all(VISIBLE, text, len) &&
           (len >= IMPORTED_MIN_HEX || !all(HEX, text, len));
}

tai_shape_e tai_key_shape(tai_kind_e kind, const char *text)
{
    apr_size_t len = strnlen(text, IMPORTED_MAX + 1);
    char checksum[CHECKSUM_LEN];

    if (memchr(text, ',', len) != NULL) {
        return TAI_SHAPE_REPEATED;
    }
    if (!ours(kind, text, len)) {
        return imported(text, len) ? TAI_SHAPE_IMPORTED : TAI_SHAPE_NONE;
    }
    write_checksum(text, checksum);
    return memcmp(text + SIGNED_LEN, checksum, CHECKSUM_LEN) == 0 ? TAI_SHAPE_OURS
                                                                  : TAI_SHAPE_CHECKSUM;
}

const char *tai_key_prefix(const char *text, apr_pool_t *p)
{
    int own = ours(TAI_KIND_KEY, text, strnlen(text, TAI_KEY_LEN + 1));

    return apr_pstrndup(p, text, own ? TAI_KEY_PREFIX_LEN : IMPORTED_SHOWN);
}

tai_shape_e tai_key_prefix_shape(const char *shown)
{
    return strlen(shown) == TAI_KEY_PREFIX_LEN &&
                   memcmp(shown, prefix[TAI_KIND_KEY], PREFIX_LEN) == 0
               ? TAI_SHAPE_OURS
               : TAI_SHAPE_IMPORTED;
}
