#ifndef TAI_DIGEST_H
#define TAI_DIGEST_H

#include <apr_errno.h>
#include <apr_pools.h>

#define TAI_DIGEST_HEX 64

/**
 * Fetch SHA-256 once: OpenSSL 3 looks the algorithm up at every use of EVP_sha256(), which costs
 * about as much as the digest itself. Call before any thread is started.
 * @param p  the algorithm is given back when this pool is destroyed
 * @return APR_SUCCESS, or APR_EGENERAL
 */
apr_status_t tai_digest_init(apr_pool_t *p);

/**
 * SHA-256 of a text (FIPS 180-4) as lower-case hex.
 * @param text  NUL-terminated
 * @param hex   64 digits and a NUL
 * @return APR_SUCCESS, or APR_EGENERAL
 */
apr_status_t tai_digest_hex(const char *text, char hex[TAI_DIGEST_HEX + 1]);

/**
 * Compare two digests in a time that does not depend on where they differ.
 * @param a, b  hex digests; NULL or another length never equals anything
 * @return 1: equal
 */
int tai_digest_equal(const char *a, const char *b);

#endif
