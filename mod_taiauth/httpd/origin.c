/*
 * A browser sends cookies and remembered passwords along with what other sites have it send. It
 * says so in Sec-Fetch-Site (W3C Fetch Metadata) or in Origin (RFC 6454), which no page can set.
 */

#include "api.h"

static const char *default_port(const char *scheme)
{
    return strcmp(scheme, "https") ? ":80" : ":443";
}

/* The length of host[:port] without the port that goes without saying. */
static apr_size_t host_length(const char *host, const char *port)
{
    apr_size_t len = strlen(host);
    apr_size_t end = strlen(port);

    return len > end && !strcmp(host + len - end, port) ? len - end : len;
}

/* Is it scheme://host[:port] of this server, as the client itself names it? */
static int is_own(request_rec *r, const char *origin)
{
    const char *scheme = ap_http_scheme(r);
    const char *host = apr_table_get(r->headers_in, "Host");
    apr_size_t len = strlen(scheme);

    if (!host || ap_cstr_casecmpn(origin, scheme, len) || strncmp(origin + len, "://", 3)) {
        return 0;
    }
    origin += len + 3;
    len = host_length(host, default_port(scheme));
    return len == host_length(origin, default_port(scheme)) && !ap_cstr_casecmpn(origin, host, len);
}

int taiauth_origin_check(request_rec *r, int by_cookie)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    const char *origin = apr_table_get(r->headers_in, "Origin");
    int own = !by_cookie; /* no browser has sent it, where neither is there */

    if (site) {
        own = !strcmp(site, "same-origin");
    }
    else if (origin) {
        own = is_own(r, origin);
    }
    return own ? OK : taiauth_refuse(r, TAI_CROSS_SITE, NULL, 0, NULL);
}
