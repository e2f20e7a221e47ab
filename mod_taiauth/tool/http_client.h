#ifndef TAICTL_HTTP_CLIENT_H
#define TAICTL_HTTP_CLIENT_H

#include <apr_pools.h>

/* How long a server may take, from the first packet to the last, seconds. */
#define TAICTL_HTTP_TIMEOUT_S 10

/* Which server to ask, and how. Strings live as long as what was parsed. */
typedef struct taictl_server_t {
    const char *url;  /* as it was given */
    const char *host; /* name or address, one of IPv6 in brackets */
    const char *port; /* digits */
    const char *name; /* value of Host; with TLS the name that the certificate must bear */
    int tls;
    int insecure; /* 1: whatever certificate it shows */
} taictl_server_t;

/* What came back. */
typedef struct taictl_answer_t {
    int status;       /* 200 */
    const char *body; /* NUL-terminated; NULL: it did not say how long it is */
} taictl_answer_t;

/**
 * Read http[s]://HOST[:PORT][/].
 * @param host  value of Host, for a virtual host; NULL: the host of the URL
 * @param p     what is found lives here
 * @param out   filled in; verifies certificates
 * @return NULL, or a static sentence that says what is allowed
 */
const char *taictl_server_parse(const char *url, const char *host, apr_pool_t *p,
                                taictl_server_t *out);

/**
 * Send one GET on a connection of its own and read the answer. Nothing is followed, and no proxy
 * asked.
 * @param path    path and query: visible ASCII, beginning with a slash
 * @param field   a line of the header: "Name: value"
 * @param p       answer and text live here
 * @param answer  filled in when done
 * @return NULL, or a sentence
 */
const char *taictl_http_get(const taictl_server_t *server, const char *path, const char *field,
                            apr_pool_t *p, taictl_answer_t *answer);

#endif
