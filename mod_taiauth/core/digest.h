#ifndef TAI_DIGEST_H
#define TAI_DIGEST_H

#include <apr_errno.h>
#include <apr_pools.h>

#define TAI_DIGEST_BYTES 32
#define TAI_DIGEST_HEX   64

typedef struct tai_digest_t {
    unsigned char bytes[TAI_DIGEST_BYTES];
} tai_digest_t;

/**
 * Fetch SHA-256 once: OpenSSL 3 looks the algorithm up at every use of EVP_sha256(), which costs
 * about as much as the digest itself. Call before any thread is started.
 * @param p  the algorithm is given back when this pool is destroyed
 * @return APR_SUCCESS, or APR_EGENERAL
 */
apr_status_t tai_digest_init(apr_pool_t *p);

/**
 * SHA-256 of a text (FIPS 180-4).
 * @param text    NUL-terminated
 * @param digest  set on success
 * @return APR_SUCCESS, or APR_EGENERAL
 */
apr_status_t tai_digest(const char *text, tai_digest_t *digest);

/**
 * The same of any bytes.
 */
apr_status_t tai_digest_bytes(const void *bytes, apr_size_t len, tai_digest_t *digest);

/**
 * @param hex  64 digits and a NUL, lower-case
 */
void tai_digest_to_hex(const tai_digest_t *digest, char hex[TAI_DIGEST_HEX + 1]);

/**
 * @param hex     any text
 * @param digest  set on success
 * @return 1; 0: these are not 64 hex digits
 */
int tai_digest_from_hex(const char *hex, tai_digest_t *digest);

/**
 * SHA-256 of a text as lower-case hex.
 * @param text  NUL-terminated
 * @param hex   64 digits and a NUL
 * @return APR_SUCCESS, or APR_EGENERAL
 */
apr_status_t tai_digest_hex(const char *text, char hex[TAI_DIGEST_HEX + 1]);

/**
 * Compare two digests in a time that does not depend on where they differ.
 * @return 1: equal
 */
int tai_digest_same(const tai_digest_t *a, const tai_digest_t *b);

#endif
