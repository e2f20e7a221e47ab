/*
 * Sessions: for people who use the API with a browser. A cookie holds a random id; the database
 * holds its SHA-256, so that who reads the database can be nobody.
 */

#include "api.h"

#include <apr_lib.h>
#include <openssl/crypto.h>
#include <stddef.h>
#include "../core/describe.h"
#include "../core/digest.h"
#include "../core/when.h"

#define ID_BYTES 32

/*
 * The prefix has a browser take it over TLS alone, from this host alone and for all of its paths
 * (RFC 6265bis, 4.1.3.2): no neighbour can plant one.
 */
#define COOKIE_OF_TLS   "__Host-taiauth"
#define COOKIE_OF_LOCAL "taiauth"

/* ---- which cookie ------------------------------------------------------------------------- */

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

/* value NULL: the browser is to forget it */
static void set_cookie(request_rec *r, const char *value)
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
void taiauth_session_withhold(request_rec *r)
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

const char *taiauth_session_hash(request_rec *r)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);
    const char *name = cookie_name(r);
    const char *id = ctx && ctx->cookies && name ? apr_table_get(ctx->cookies, name) : NULL;
    char *hash;

    if (!id || strspn(id, "0123456789abcdef") != ID_BYTES * 2 || id[ID_BYTES * 2]) {
        return NULL;
    }
    hash = apr_palloc(r->pool, TAI_DIGEST_HEX + 1);
    return tai_digest_hex(id, hash) == APR_SUCCESS ? hash : NULL;
}

/* ---- log-out ------------------------------------------------------------------------------ */

/* End what the request's cookie stands for, if anything: OK, or the status of a refusal. */
static int end_session(taiauth_call_t *call, int *ended)
{
    request_rec *r = call->r;
    const char *hash = taiauth_session_hash(r);
    tai_principal_t *principal = NULL;
    tai_change_e outcome;
    const char *text;

    *ended = 0;
    if (!hash) {
        return OK;
    }
    if (tai_store_find_session(taiauth_store, hash, call->now, r->pool, &principal, &text) !=
        APR_SUCCESS) {
        return taiauth_api_refuse_change(r, TAI_CHANGE_UNKNOWN, text);
    }
    if (!principal) {
        return OK;
    }
    outcome = tai_store_end_session(taiauth_store, principal, hash, taiauth_caller_client(r),
                                    call->now, r->pool, &text);
    *ended = outcome == TAI_CHANGE_DONE;
    return *ended ? OK : taiauth_api_refuse_change(r, outcome, text);
}

int taiauth_session_end(taiauth_call_t *call)
{
    int ended;
    int status = end_session(call, &ended);

    if (status != OK) {
        return status;
    }
    set_cookie(call->r, NULL);
    return taiauth_answer(call->r, HTTP_OK, json_pack("{s:b}", "ended", ended));
}

/* ---- log-in ------------------------------------------------------------------------------- */

int taiauth_session_check_tls(request_rec *r)
{
    return cookie_name(r) ? OK : taiauth_refuse(r, TAI_TLS_REQUIRED, NULL, 0, NULL);
}

typedef struct login_body_t {
    const char *username;
    const char *password;
} login_body_t;

static int read_login(taiauth_call_t *call, login_body_t *body)
{
    static const tai_input_field_t fields[] = {
        {"username", TAI_INPUT_TEXT, 1, 0, offsetof(login_body_t, username)},
        {"password", TAI_INPUT_TEXT, 1, 0, offsetof(login_body_t, password)},
        {NULL, TAI_INPUT_TEXT, 0, 0, 0},
    };
    const char *text = tai_input_read(call->body, fields, body, call->r->pool);

    return text ? taiauth_refuse(call->r, TAI_BAD_REQUEST, text, 0, NULL) : OK;
}

/* A new random id and what is stored of it; 0: there is none to be had. */
static int make_id(char id[ID_BYTES * 2 + 1], char hash[TAI_DIGEST_HEX + 1])
{
    unsigned char random[ID_BYTES];
    int well = apr_generate_random_bytes(random, sizeof(random)) == APR_SUCCESS;

    ap_bin2hex(random, sizeof(random), id);
    OPENSSL_cleanse(random, sizeof(random));
    return well && tai_digest_hex(id, hash) == APR_SUCCESS;
}

static int begin_session(taiauth_call_t *call, const tai_principal_t *principal)
{
    request_rec *r = call->r;
    char *id = apr_palloc(r->pool, ID_BYTES * 2 + 1);
    char hash[TAI_DIGEST_HEX + 1];
    tai_change_e outcome;
    const char *text;

    if (!make_id(id, hash)) {
        return taiauth_refuse(r, TAI_DIGEST, NULL, TAIAUTH_UNDECIDED_S, NULL);
    }
    outcome = tai_store_begin_session(taiauth_store, principal, hash, taiauth_caller_client(r),
                                      call->now, r->pool, &text);
    if (outcome != TAI_CHANGE_DONE) {
        return taiauth_api_refuse_change(r, outcome, text);
    }
    set_cookie(r, id);
    return OK;
}

static json_t *session_json(const taiauth_call_t *call, const tai_principal_t *principal)
{
    apr_pool_t *p = call->r->pool;

    return json_pack(
        "{s:o, s:o, s:s, s:o, s:i}", "username", tai_describe_text(principal->username, p),
        "account", tai_describe_text(principal->account, p), "role", taiauth_caller_role(principal),
        "expires_at", tai_describe_time(call->now + TAI_SESSION_ABSOLUTE_S), "idle_seconds",
        TAI_SESSION_IDLE_S);
}

/* What the browser had before is ended: no id that somebody planted lives on as this user's. */
int taiauth_session_begin(taiauth_call_t *call)
{
    login_body_t body = {NULL, NULL};
    tai_principal_t *principal;
    int ended;
    int status = read_login(call, &body);

    if (status == OK) {
        status =
            taiauth_login(call->r, call->conf, body.username, (char *)body.password, &principal);
    }
    if (status != OK) {
        return status;
    }
    taiauth_caller_known(call->r, principal);
    if (principal->standing == TAI_STANDING_CLOSED) {
        return taiauth_refuse(call->r, TAI_CALLER_SUSPENDED, NULL, 0, NULL);
    }
    status = end_session(call, &ended);
    if (status == OK) {
        status = begin_session(call, principal);
    }
    return status == OK ? taiauth_answer(call->r, HTTP_CREATED, session_json(call, principal))
                        : status;
}
