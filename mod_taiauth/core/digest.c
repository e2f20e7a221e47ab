#include "digest.h"

#include <string.h>
#include <apr_escape.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

static EVP_MD *sha256;

/* A static build keeps this variable across a restart, so it must not outlive what it points to. */
static apr_status_t give_back(void *unused)
{
    (void)unused;
    EVP_MD_free(sha256);
    sha256 = NULL;
    return APR_SUCCESS;
}

apr_status_t tai_digest_init(apr_pool_t *p)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (sha256 == NULL) {
        return APR_EGENERAL;
    }
    apr_pool_cleanup_register(p, NULL, give_back, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

apr_status_t tai_digest_hex(const char *text, char hex[TAI_DIGEST_HEX + 1])
{
    unsigned char digest[TAI_DIGEST_HEX / 2];

    hex[0] = '\0';
    if (sha256 == NULL || !EVP_Digest(text, strlen(text), digest, NULL, sha256, NULL)) {
        return APR_EGENERAL;
    }
    return apr_escape_hex(hex, digest, sizeof(digest), 0, NULL);
}

int tai_digest_equal(const char *a, const char *b)
{
    return a != NULL && b != NULL && strlen(a) == TAI_DIGEST_HEX && strlen(b) == TAI_DIGEST_HEX &&
           CRYPTO_memcmp(a, b, TAI_DIGEST_HEX) == 0;
}
