#include "digest.h"

#include <pthread.h>
#include <string.h>
#include <apr_escape.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

/* One context a thread: to make and to free one costs as much as a third of the digest. */
static pthread_key_t contexts;
static EVP_MD *sha256; /* NULL: there are no contexts either */

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

/* A static build keeps this variable across a restart, so it must not outlive what it points to. */
static apr_status_t give_back(void *unused)
{
    (void)unused;
    free_context(pthread_getspecific(contexts));
    pthread_key_delete(contexts);
    EVP_MD_free(sha256);
    sha256 = NULL;
    return APR_SUCCESS;
}

apr_status_t tai_digest_init(apr_pool_t *p)
{
    EVP_MD *found = EVP_MD_fetch(NULL, "SHA256", NULL);

    if (found == NULL || pthread_key_create(&contexts, free_context) != 0) {
        EVP_MD_free(found);
        return APR_EGENERAL;
    }
    sha256 = found;
    apr_pool_cleanup_register(p, NULL, give_back, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

/* This thread's context, ready for a text; NULL: there is none. */
static EVP_MD_CTX *begin(void)
{
    EVP_MD_CTX *context = sha256 != NULL ? pthread_getspecific(contexts) : NULL;

    if (context != NULL) {
        /* the algorithm is the one that it has */
        return EVP_DigestInit_ex(context, NULL, NULL) ? context : NULL;
    }
    context = sha256 != NULL ? EVP_MD_CTX_new() : NULL;
    if (context != NULL && EVP_DigestInit_ex(context, sha256, NULL) &&
        pthread_setspecific(contexts, context) == 0) {
        return context;
    }
    EVP_MD_CTX_free(context);
    return NULL;
}

apr_status_t tai_digest_bytes(const void *bytes, apr_size_t len, tai_digest_t *digest)
{
    EVP_MD_CTX *context = begin();

    return context != NULL && EVP_DigestUpdate(context, bytes, len) &&
                   EVP_DigestFinal_ex(context, digest->bytes, NULL)
               ? APR_SUCCESS
               : APR_EGENERAL;
}

apr_status_t tai_digest(const char *text, tai_digest_t *digest)
{
    return tai_digest_bytes(text, strlen(text), digest);
}

void tai_digest_to_hex(const tai_digest_t *digest, char hex[TAI_DIGEST_HEX + 1])
{
    apr_escape_hex(hex, digest->bytes, sizeof(digest->bytes), 0, NULL);
}

int tai_digest_from_hex(const char *hex, tai_digest_t *digest)
{
    return strlen(hex) == TAI_DIGEST_HEX &&
           apr_unescape_hex(digest->bytes, hex, TAI_DIGEST_HEX, 0, NULL) == APR_SUCCESS;
}

apr_status_t tai_digest_hex(const char *text, char hex[TAI_DIGEST_HEX + 1])
{
    tai_digest_t digest;

    hex[0] = '\0';
    if (tai_digest(text, &digest) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    tai_digest_to_hex(&digest, hex);
    return APR_SUCCESS;
}

int tai_digest_same(const tai_digest_t *a, const tai_digest_t *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, TAI_DIGEST_BYTES) == 0;
}
