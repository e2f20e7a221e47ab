#ifndef TAI_KEY_H
#define TAI_KEY_H

#include <apr_errno.h>
#include <apr_pools.h>

/*
 * The text of a key, token or ticket:
 *
 *   tai_  XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX  CCCCCC      42 characters
 *   |     32 random base62 digits           |
 *   tat_ for a token, tao_ for the          CRC-32 of the first 36 bytes (as in zlib), six base62
 *   ticket of an operator's order           digits, most significant first, alphabet 0-9A-Za-z
 *
 * The shown prefix is the first 12 characters; what remains hidden carries 143 bits.
 */
#define TAI_KEY_LEN        42
#define TAI_KEY_PREFIX_LEN 12

typedef enum { TAI_KIND_KEY, TAI_KIND_TOKEN, TAI_KIND_TICKET, TAI_KIND_COUNT } tai_kind_e;

typedef enum {
    TAI_SHAPE_OURS,     /* right shape, right checksum */
    TAI_SHAPE_CHECKSUM, /* right shape, wrong checksum */
    TAI_SHAPE_IMPORTED, /* not ours, but could be an imported key */
    TAI_SHAPE_REPEATED, /* holds a comma: the header was sent more than once */
    TAI_SHAPE_NONE      /* none of these */
} tai_shape_e;

/**
 * @return 1: c is a base62 digit, 0-9A-Za-z, whatever the locale
 */
int tai_key_digit(char c);

/**
 * Make a new key, token or ticket from the random generator of the operating system.
 * @param kind  which prefix it gets
 * @param out   TAI_KEY_LEN characters and a NUL
 * @return APR_SUCCESS, or why the generator failed; out is then empty
 */
apr_status_t tai_key_generate(tai_kind_e kind, char out[TAI_KEY_LEN + 1]);

/**
 * What a presented text is, by its form alone: before any hashing or look-up.
 * @param kind  what it is presented as
 * @param text  bytes of the client, NUL-terminated; none behind the 257th is looked at
 */
tai_shape_e tai_key_shape(tai_kind_e kind, const char *text);

/**
 * What every text of a kind begins with.
 * @return 4 characters: "tai_", "tat_" or "tao_"; static
 */
const char *tai_kind_prefix(tai_kind_e kind);

/**
 * The part of a key that may be shown.
 * @param text  a key whose shape is OURS, CHECKSUM or IMPORTED
 * @return "tai_8f3a2b1c" of our own, the first 4 characters of an imported one; lives in p
 */
const char *tai_key_prefix(const char *text, apr_pool_t *p);

/**
 * What a key was by its form, as far as its shown part tells.
 * @param prefix  from tai_key_prefix
 * @return OURS, or IMPORTED
 */
tai_shape_e tai_key_prefix_shape(const char *prefix);

#endif
