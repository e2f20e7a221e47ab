/*
 * The cookie of a session: where it may be sent, and what a request carries of it.
 */

#include "api.h"

#include <apr_lib.h>
#include "../core/digest.h"

/*
 * The prefix has a browser take it over TLS alone, from this host alone and for all of its paths
 * (RFC 6265bis, 4.1.3.2): no neighbour can plant one.
 */
#define COOKIE_OF_TLS   "__Host-taiauth"
#define COOKIE_OF_LOCAL "taiauth"

/* ---- which one ---------------------------------------------------------------------------- */

static int is_loopback(const apr_sockaddr_t *address)
{
    char *ip = NULL;

    /* APR writes an IPv4 address in IPv6 as one of IPv4 */
    return address && apr_sockaddr_ip_get(&ip, (apr_sockaddr_t *)address) == APR_SUCCESS &&
           (!strncmp(ip, "127.", 4) || !strcmp(ip, "::1"));
}

static int is_tls(request_rec *r)
{
    return !strcmp(ap_http_scheme(r), "https");
}

/* NULL: none can be sent here and stay a secret */
static const char *cookie_name(request_rec *r)
{
    if (is_tls(r)) {
        return COOKIE_OF_TLS;
    }
    return is_loopback(r->connection->client_addr) && is_loopback(r->useragent_addr)
               ? COOKIE_OF_LOCAL
               : NULL;
}

int taiauth_cookie_check_tls(request_rec *r)
{
    return cookie_name(r) ? OK : taiauth_refuse(r, TAI_TLS_REQUIRED, NULL, 0, NULL);
}

void taiauth_cookie_set(request_rec *r, const char *value)
{
    const char *name = cookie_name(r);

    if (name) {
        apr_table_addn(r->err_headers_out, "Set-Cookie",
                       apr_pstrcat(r->pool, name, "=", value ? value : "",
                                   "; Path=/; HttpOnly; SameSite=Strict",
                                   is_tls(r) ? "; Secure" : "", value ? "" : "; Max-Age=0", NULL));
    }
}

/* ---- taking it out of the request --------------------------------------------------------- */

static const char *trim(const char *text, apr_size_t len, apr_pool_t *p)
{
    while (len && apr_isspace(*text)) {
        text++;
        len--;
    }
    while (len && apr_isspace(text[len - 1])) {
        len--;
    }
    return apr_pstrmemdup(p, text, len);
}

static void note(request_rec *r, const char *name, const char *value)
{
    taiauth_request_t *ctx = taiauth_request(r);

    if (!ctx->cookies) {
        ctx->cookies = apr_table_make(r->pool, 1);
    }
    /* of two that differ, one is not ours: nobody can tell which */
    apr_table_setn(ctx->cookies, name, apr_table_get(ctx->cookies, name) ? "" : value);
}

/* 1: this name=value is one of ours, and was noted */
static int note_if_ours(request_rec *r, const char *cookie, apr_size_t len)
{
    static const char *const names[] = {COOKIE_OF_TLS, COOKIE_OF_LOCAL};
    const char *equals = memchr(cookie, '=', len);
    const char *name;
    apr_size_t i;

    if (!equals) {
        return 0;
    }
    name = trim(cookie, (apr_size_t)(equals - cookie), r->pool);
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(names[i], name)) {
            note(r, names[i], trim(equals + 1, len - (apr_size_t)(equals + 1 - cookie), r->pool));
            return 1;
        }
    }
    return 0;
}

/*
 * Cookies are parted by semicolons, and several Cookie fields by the comma that httpd joins them
 * with. A comma in the value of another's cookie parts nothing, and stays as it is.
 */
void taiauth_cookie_withhold(request_rec *r)
{
    const char *cookie = apr_table_get(r->headers_in, "Cookie");
    char *kept, *end;
    char before = '\0'; /* what parts it from the cookie before */

    if (!cookie || !strstr(cookie, COOKIE_OF_LOCAL)) {
        return;
    }
    kept = end = apr_palloc(r->pool, strlen(cookie) + 1);
    for (;;) {
        apr_size_t len = strcspn(cookie, ";,");

        if (!note_if_ours(r, cookie, len)) {
            if (end > kept) {
                *end++ = before;
            }
            memcpy(end, cookie, len);
            end += len;
        }
        before = cookie[len];
        if (!before) {
            break;
        }
        cookie += len + 1;
    }
    *end = '\0';
    if (end > kept) {
        apr_table_setn(r->headers_in, "Cookie", kept + strspn(kept, " \t"));
    }
    else {
        apr_table_unset(r->headers_in, "Cookie");
    }
}

const char *taiauth_cookie_hash(request_rec *r)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);
    const char *name = cookie_name(r);
    const char *id = ctx && ctx->cookies && name ? apr_table_get(ctx->cookies, name) : NULL;
    char *hash;

    if (!id || strspn(id, "0123456789abcdef") != TAIAUTH_COOKIE_LEN || id[TAIAUTH_COOKIE_LEN]) {
        return NULL;
    }
    hash = apr_palloc(r->pool, TAI_DIGEST_HEX + 1);
    return tai_digest_hex(id, hash) == APR_SUCCESS ? hash : NULL;
}
