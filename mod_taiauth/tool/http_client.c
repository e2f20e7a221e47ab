/*
 * An HTTP client that is just enough to give one order to one server, over OpenSSL's BIO: plain and
 * TLS are the same to all but what makes the connection.
 */

#include "http_client.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_uri.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#define ANSWER_MAX (256 * 1024) /* bytes, head and body */
#define HEAD_END   "\r\n\r\n"
#define NAP_MS     20 /* between looks at a connection that is not ready */

/* ---- which server ------------------------------------------------------------------------- */

static int is_plain(const char *text, const char *allowed)
{
    for (; *text != '\0' && (apr_isalnum(*text) || strchr(allowed, *text) != NULL); text++) {
    }
    return *text == '\0';
}

const char *taictl_server_parse(const char *url, const char *host, apr_pool_t *p,
                                taictl_server_t *out)
{
    static const char allowed[] = "the URL must be http://HOST or https://HOST, perhaps with :PORT";
    apr_uri_t uri;

    if (apr_uri_parse(p, url, &uri) != APR_SUCCESS || uri.scheme == NULL || uri.hostname == NULL ||
        *uri.hostname == '\0' || uri.user != NULL || uri.query != NULL || uri.fragment != NULL ||
        (uri.path != NULL && strcmp(uri.path, "/") != 0) || !is_plain(uri.hostname, "-._:")) {
        return allowed;
    }
    if (strcmp(uri.scheme, "http") != 0 && strcmp(uri.scheme, "https") != 0) {
        return allowed;
    }
    if (host != NULL && (*host == '\0' || !is_plain(host, "-._:[]"))) {
        return "--host must be the name of a host, perhaps with :PORT";
    }
    *out = (taictl_server_t){.url = url, .host = uri.hostname};
    if (strchr(out->host, ':') != NULL) {
        out->host = apr_psprintf(p, "[%s]", out->host);
    }
    out->tls = strcmp(uri.scheme, "https") == 0;
    out->port = uri.port_str != NULL && *uri.port_str != '\0' ? uri.port_str
                : out->tls                                    ? "443"
                                                              : "80";
    out->name = host != NULL ? host : uri.hostinfo;
    return NULL;
}

/* ---- the connection ----------------------------------------------------------------------- */

/* One request under way. */
typedef struct exchange_t {
    const taictl_server_t *server;
    apr_pool_t *p;
    SSL_CTX *tls; /* NULL: none */
    BIO *bio;
    time_t until;
} exchange_t;

static const char *unreachable(const exchange_t *x, const char *why)
{
    return apr_pstrcat(x->p, "no answer from ", x->server->url, ": ", why, NULL);
}

/* What OpenSSL or the system said first: the rest follows from it. */
static const char *reason(const exchange_t *x)
{
    const unsigned long code = ERR_peek_error();
    SSL *ssl = NULL;
    long verified;

    if (x->server->tls && x->bio != NULL && BIO_get_ssl(x->bio, &ssl) == 1 && ssl != NULL &&
        (verified = SSL_get_verify_result(ssl)) != X509_V_OK && !x->server->insecure) {
        return X509_verify_cert_error_string(verified);
    }
    if (code == 0) {
        return "the connection broke off";
    }
    return ERR_SYSTEM_ERROR(code) ? apr_pstrdup(x->p, strerror(ERR_GET_REASON(code)))
                                  : ERR_reason_error_string(code);
}

/* The host part of what may be host:port or [address]:port. */
static const char *bare_name(const char *name, apr_pool_t *p)
{
    const char *colon = strrchr(name, ':');

    if (*name == '[') {
        return apr_pstrmemdup(p, name + 1, strcspn(name + 1, "]"));
    }
    return colon != NULL ? apr_pstrmemdup(p, name, (apr_size_t)(colon - name)) : name;
}

/* @return 1: the handshake will ask for this name, and insist on it */
static int expect_name(SSL *ssl, const char *name, int insecure)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1) {
        return 1; /* an address is not sent as a name */
    }
    return SSL_set_tlsext_host_name(ssl, name) == 1 && (insecure || SSL_set1_host(ssl, name) == 1);
}

static BIO *make_tls(exchange_t *x)
{
    SSL *ssl = NULL;

    x->tls = SSL_CTX_new(TLS_client_method());
    if (x->tls == NULL || SSL_CTX_set_min_proto_version(x->tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_default_verify_paths(x->tls) != 1) {
        return NULL;
    }
    SSL_CTX_set_verify(x->tls, x->server->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(x->tls, SSL_MODE_AUTO_RETRY);
    x->bio = BIO_new_ssl_connect(x->tls);
    if (x->bio == NULL || BIO_get_ssl(x->bio, &ssl) != 1 ||
        !expect_name(ssl, bare_name(x->server->name, x->p), x->server->insecure)) {
        return NULL;
    }
    return x->bio;
}

/* After a step that got nowhere. @return NULL: try again */
static const char *wait_until_ready(exchange_t *x)
{
    if (!BIO_should_retry(x->bio)) {
        return unreachable(x, reason(x));
    }
    return BIO_wait(x->bio, x->until, NAP_MS) == 1 ? NULL : unreachable(x, "it takes too long");
}

static const char *open_connection(exchange_t *x)
{
    const char *error = NULL;

    x->bio = x->server->tls ? make_tls(x) : BIO_new(BIO_s_connect());
    if (x->bio == NULL || BIO_set_conn_hostname(x->bio, x->server->host) != 1 ||
        BIO_set_conn_port(x->bio, x->server->port) != 1 || BIO_set_nbio(x->bio, 1) != 1) {
        return unreachable(x, reason(x));
    }
    while (error == NULL && BIO_do_connect(x->bio) != 1) {
        error = wait_until_ready(x);
    }
    return error;
}

static const char *send_text(exchange_t *x, const char *text)
{
    const char *error = NULL;

    while (error == NULL && *text != '\0') {
        int sent = BIO_write(x->bio, text, (int)strlen(text));

        if (sent > 0) {
            text += sent;
        }
        else {
            error = wait_until_ready(x);
        }
    }
    return error;
}

/* ---- the answer --------------------------------------------------------------------------- */

/* The value of a field; NULL: there is none. Lines of the head end in \r\n. */
static const char *field_of(const char *head, const char *name)
{
    const apr_size_t len = strlen(name);
    const char *line;

    for (line = strchr(head, '\n'); line != NULL; line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            return line + len + 1 + strspn(line + len + 1, " \t");
        }
    }
    return NULL;
}

/* How many bytes follow the head; -1: it does not say. */
static apr_int64_t length_of(const char *head)
{
    const char *value = field_of(head, "Content-Length");

    return value != NULL && apr_isdigit(*value) && field_of(head, "Transfer-Encoding") == NULL
               ? apr_atoi64(value)
               : -1;
}

/* What came is read in place. @return 1: it is whole, or more of it would be of no use */
static int read_answer(char *bytes, apr_size_t len, taictl_answer_t *answer)
{
    char *end = strstr(bytes, HEAD_END);
    apr_int64_t wanted;

    if (end == NULL) {
        return 0;
    }
    *end = '\0';
    wanted = length_of(bytes);
    *end = HEAD_END[0];
    end += strlen(HEAD_END);
    answer->status = strncmp(bytes, "HTTP/1.", 7) == 0 && bytes[8] == ' ' ? atoi(bytes + 9) : 0;
    if (wanted < 0 || wanted > bytes + len - end) {
        return wanted < 0;
    }
    end[wanted] = '\0';
    answer->body = end;
    return 1;
}

static const char *receive(exchange_t *x, taictl_answer_t *answer)
{
    char *bytes = apr_palloc(x->p, ANSWER_MAX + 1);
    apr_size_t len = 0;
    const char *error = NULL;

    *answer = (taictl_answer_t){0};
    bytes[0] = '\0';
    do {
        int got = BIO_read(x->bio, bytes + len, (int)(ANSWER_MAX - len));

        if (got <= 0) {
            error = wait_until_ready(x);
            continue;
        }
        len += (apr_size_t)got;
        bytes[len] = '\0';
    } while (error == NULL && !read_answer(bytes, len, answer) && len < ANSWER_MAX);
    if (error == NULL && answer->status == 0) {
        error = unreachable(x, "this is no HTTP");
    }
    return error;
}

const char *taictl_http_get(const taictl_server_t *server, const char *path, const char *field,
                            apr_pool_t *p, taictl_answer_t *answer)
{
    exchange_t x = {.server = server, .p = p, .until = time(NULL) + TAICTL_HTTP_TIMEOUT_S};
    const char *error;

    /* a server that closes early would end the program */
    signal(SIGPIPE, SIG_IGN);
    error = open_connection(&x);
    if (error == NULL) {
        error = send_text(&x, apr_pstrcat(p, "GET ", path, " HTTP/1.1\r\nHost: ", server->name,
                                          "\r\nUser-Agent: taictl\r\nAccept: application/json\r\n",
                                          field, "\r\nConnection: close\r\n\r\n", NULL));
    }
    if (error == NULL) {
        error = receive(&x, answer);
    }
    BIO_free_all(x.bio);
    SSL_CTX_free(x.tls);
    return error;
}
