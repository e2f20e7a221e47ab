#include "tls.h"

#include <hiredis.h>

#ifdef HAVE_HIREDIS_SSL

#include <poll.h>
#include <string.h>
#include <hiredis_ssl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static SSL_CTX *make(const char *ca)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL) {
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (ca != NULL ? !SSL_CTX_load_verify_file(ctx, ca) : !SSL_CTX_set_default_verify_paths(ctx)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

const char *tai_redis_tls_check(const char *ca)
{
    SSL_CTX *ctx = make(ca);

    if (ctx == NULL) {
        return ca != NULL ? "ca= names no readable file of certificates in PEM"
                          : "TLS cannot be set up: the authorities of the system cannot be read";
    }
    SSL_CTX_free(ctx);
    return NULL;
}

static apr_status_t give_back(void *ctx)
{
    SSL_CTX_free(ctx);
    return APR_SUCCESS;
}

tai_redis_tls_t *tai_redis_tls_new(const char *ca, apr_pool_t *p)
{
    SSL_CTX *ctx = make(ca);

    if (ctx != NULL) {
        apr_pool_cleanup_register(p, ctx, give_back, apr_pool_cleanup_null);
    }
    return (tai_redis_tls_t *)ctx;
}

/* An address has to stand in the certificate as an address, and is not sent as a name. */
static int expect(SSL *session, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(session);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host)) {
        return 1;
    }
    return SSL_set1_host(session, host) && SSL_set_tlsext_host_name(session, host);
}

const char *tai_redis_tls_error(const struct ssl_st *session)
{
    const long result = SSL_get_verify_result(session);

    return result != X509_V_OK ? X509_verify_cert_error_string(result) : NULL;
}

struct ssl_st *tai_redis_tls_begin(tai_redis_tls_t *tls, struct redisContext *context,
                                   const char *host, const char **error)
{
    SSL *session = SSL_new((SSL_CTX *)tls);

    *error = "TLS cannot be set up";
    if (session != NULL && expect(session, host)) {
        if (redisInitiateSSL(context, session) == REDIS_OK) {
            return session; /* hiredis frees it */
        }
        *error = tai_redis_tls_error(session);
        if (*error == NULL) {
            *error = "there was no TLS handshake";
        }
    }
    SSL_free(session);
    return NULL;
}

short tai_redis_tls_events(struct ssl_st *session, short events)
{
    switch (SSL_want(session)) {
    case SSL_READING:
        return POLLIN;
    case SSL_WRITING:
        return POLLOUT;
    default:
        return events == POLLIN && SSL_pending(session) > 0 ? 0 : events;
    }
}

#else

#define TEXT(number)  TEXT_(number)
#define TEXT_(number) #number
#define HIREDIS       TEXT(HIREDIS_MAJOR) "." TEXT(HIREDIS_MINOR) "." TEXT(HIREDIS_PATCH)

const char *tai_redis_tls_check(const char *ca)
{
    (void)ca;
    return "rediss:// needs a hiredis with TLS, and hiredis " HIREDIS
           ", which this module was built with, has none: use redis:// through a tunnel, such as "
           "stunnel";
}

tai_redis_tls_t *tai_redis_tls_new(const char *ca, apr_pool_t *p)
{
    (void)ca;
    (void)p;
    return NULL;
}

struct ssl_st *tai_redis_tls_begin(tai_redis_tls_t *tls, struct redisContext *context,
                                   const char *host, const char **error)
{
    (void)tls;
    (void)context;
    (void)host;
    *error = "there is no TLS";
    return NULL;
}

const char *tai_redis_tls_error(const struct ssl_st *session)
{
    (void)session;
    return NULL;
}

short tai_redis_tls_events(struct ssl_st *session, short events)
{
    (void)session;
    return events;
}

#endif
