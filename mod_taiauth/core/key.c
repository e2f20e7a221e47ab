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

/* What a character may stand in; one bit each. */
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
    int common = class;

#pragma GCC unroll 8
    for (apr_size_t i = 0; i < len; i++) {
        common &= classes[(unsigned char)text[i]];
    }
    return common != 0;
}

int tai_key_digit(char c)
{
    return (classes[(unsigned char)c] & BASE62) != 0;
}

/*
 * The reflected CRC-32 of zlib and IEEE 802.3, polynomial 0xedb88320, of whole words: eight nibbles
 * side by side (Kounavis and Berry 2005), for one after the other each waits for the one before.
 * Row i has what becomes of the i-th nibble of a word, from the low end, until its last has passed.
 */
static apr_uint32_t crc32(const char *bytes, apr_size_t len)
{
    static const apr_uint32_t table[8][16] = {
        {0x00000000, 0xb8bc6765, 0xaa09c88b, 0x12b5afee, 0x8f629757, 0x37def032, 0x256b5fdc,
         0x9dd738b9, 0xc5b428ef, 0x7d084f8a, 0x6fbde064, 0xd7018701, 0x4ad6bfb8, 0xf26ad8dd,
         0xe0df7733, 0x58631056},
        {0x00000000, 0x5019579f, 0xa032af3e, 0xf02bf8a1, 0x9b14583d, 0xcb0d0fa2, 0x3b26f703,
         0x6b3fa09c, 0xed59b63b, 0xbd40e1a4, 0x4d6b1905, 0x1d724e9a, 0x764dee06, 0x2654b999,
         0xd67f4138, 0x866616a7},
        {0x00000000, 0x01c26a37, 0x0384d46e, 0x0246be59, 0x0709a8dc, 0x06cbc2eb, 0x048d7cb2,
         0x054f1685, 0x0e1351b8, 0x0fd13b8f, 0x0d9785d6, 0x0c55efe1, 0x091af964, 0x08d89353,
         0x0a9e2d0a, 0x0b5c473d},
        {0x00000000, 0x1c26a370, 0x384d46e0, 0x246be590, 0x709a8dc0, 0x6cbc2eb0, 0x48d7cb20,
         0x54f16850, 0xe1351b80, 0xfd13b8f0, 0xd9785d60, 0xc55efe10, 0x91af9640, 0x8d893530,
         0xa9e2d0a0, 0xb5c473d0},
        {0x00000000, 0x191b3141, 0x32366282, 0x2b2d53c3, 0x646cc504, 0x7d77f445, 0x565aa786,
         0x4f4196c7, 0xc8d98a08, 0xd1c2bb49, 0xfaefe88a, 0xe3f4d9cb, 0xacb54f0c, 0xb5ae7e4d,
         0x9e832d8e, 0x87981ccf},
        {0x00000000, 0x4ac21251, 0x958424a2, 0xdf4636f3, 0xf0794f05, 0xbabb5d54, 0x65fd6ba7,
         0x2f3f79f6, 0x3b83984b, 0x71418a1a, 0xae07bce9, 0xe4c5aeb8, 0xcbfad74e, 0x8138c51f,
         0x5e7ef3ec, 0x14bce1bd},
        {0x00000000, 0x77073096, 0xee0e612c, 0x990951ba, 0x076dc419, 0x706af48f, 0xe963a535,
         0x9e6495a3, 0x0edb8832, 0x79dcb8a4, 0xe0d5e91e, 0x97d2d988, 0x09b64c2b, 0x7eb17cbd,
         0xe7b82d07, 0x90bf1d91},
        {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158,
         0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4,
         0xa00ae278, 0xbdbdf21c},
    };
    const unsigned char *b = (const unsigned char *)bytes;
    apr_uint32_t crc = 0xffffffff;

    for (apr_size_t i = 0; i < len; i += 4) {
        const apr_uint32_t word =
            crc ^ (b[i] | (apr_uint32_t)b[i + 1] << 8 | (apr_uint32_t)b[i + 2] << 16 |
                   (apr_uint32_t)b[i + 3] << 24);

        crc = 0;
#pragma GCC unroll 8
        for (int nibble = 0; nibble < 8; nibble++) {
            crc ^= table[nibble][word >> 4 * nibble & 15];
        }
    }
    return ~crc;
}

_Static_assert(SIGNED_LEN % 4 == 0, "a checksum is of whole words");

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

    if (!ours(kind, text, len)) {
        if (memchr(text, ',', len) != NULL) {
            return TAI_SHAPE_REPEATED;
        }
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
