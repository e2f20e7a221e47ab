/*
 * The management API: which call is it, who may make it, and the way of each.
 */

#include "api.h"

#include <apr_lib.h>
#include "../core/when.h"

typedef enum { ANYONE, MEMBER, PRIMARY_ADMIN } who_e;

/* A call. GET covers HEAD; what is not GET or DELETE comes with a body. */
typedef struct route_t {
    const char *method;
    const char *path; /* below the base; {id} stands for one segment */
    who_e who;
    int paged;                      /* it has parameters; no other call has any */
    int (*before)(request_rec *r);  /* what is looked at before the body is read; NULL: nothing */
    int (*call)(taiauth_call_t *c); /* the status for the handler to return */
} route_t;

static const route_t routes[] = {
    {"POST", "/session", ANYONE, 0, taiauth_cookie_check_tls, taiauth_session_begin},
    {"DELETE", "/session", ANYONE, 0, NULL, taiauth_session_end},
    {"GET", "/account", MEMBER, 0, NULL, taiauth_api_show_account},
    {"GET", "/scopes", MEMBER, 0, NULL, taiauth_api_list_scopes},
    {"GET", "/keys", PRIMARY_ADMIN, 1, NULL, taiauth_api_list_keys},
    {"POST", "/keys", PRIMARY_ADMIN, 0, NULL, taiauth_api_create_key},
    {"GET", "/keys/{id}", PRIMARY_ADMIN, 0, NULL, taiauth_api_show_key},
    {"PATCH", "/keys/{id}", PRIMARY_ADMIN, 0, NULL, taiauth_api_rename_key},
    {"DELETE", "/keys/{id}", PRIMARY_ADMIN, 0, NULL, taiauth_api_revoke_key},
    {"POST", "/keys/{id}/roll", PRIMARY_ADMIN, 0, NULL, taiauth_api_roll_key},
    {"GET", "/audit", PRIMARY_ADMIN, 1, NULL, taiauth_api_list_audit},
};

#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* ---- which call --------------------------------------------------------------------------- */

#define ID_MAX 64

const char *taiauth_api_base(const taiauth_dir_t *conf, apr_pool_t *p)
{
    apr_size_t len = strlen(conf->api);

    while (len && conf->api[len - 1] == '/') {
        len--;
    }
    return apr_pstrmemdup(p, conf->api, len);
}

/* What stands behind the base; "" too where something else stands there. */
static const char *path_below(request_rec *r, const taiauth_dir_t *conf)
{
    const char *base = taiauth_api_base(conf, r->pool);
    apr_size_t len = strlen(base);

    return strncmp(r->uri, base, len) ? "" : r->uri + len;
}

/* 1: path is of this pattern; *id is set to what stands for {id}, NULL: it has none */
static int matches(const char *pattern, const char *path, const char **id, apr_pool_t *p)
{
    static const char variable[] = "{id}";
    const char *place = strstr(pattern, variable);
    apr_size_t before = place ? (apr_size_t)(place - pattern) : 0;
    apr_size_t len;

    *id = NULL;
    if (!place) {
        return !strcmp(pattern, path);
    }
    if (strncmp(pattern, path, before)) {
        return 0;
    }
    path += before;
    len = strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    *id = apr_pstrmemdup(p, path, len);
    return len > 0 && len <= ID_MAX && !strcmp(place + strlen(variable), path + len);
}

static int is_reading(const request_rec *r)
{
    return !strcmp(r->method, "GET") || !strcmp(r->method, "HEAD");
}

static int is_method(const route_t *route, const request_rec *r)
{
    return !strcmp(route->method, is_reading(r) ? "GET" : r->method);
}

/* The call; NULL, and *allow the methods that this path has, NULL: there is no such path. */
static const route_t *find_route(taiauth_call_t *call, const char **allow)
{
    request_rec *r = call->r;
    const char *path = path_below(r, call->conf);
    apr_size_t i;

    *allow = NULL;
    for (i = 0; i < ROUTES; i++) {
        const char *method = strcmp(routes[i].method, "GET") ? routes[i].method : "GET, HEAD";

        if (!matches(routes[i].path, path, &call->id, r->pool)) {
            continue;
        }
        if (is_method(&routes[i], r)) {
            return &routes[i];
        }
        *allow = *allow ? apr_pstrcat(r->pool, *allow, ", ", method, NULL) : method;
    }
    return NULL;
}

/* ---- who may make it ---------------------------------------------------------------------- */

static int check_standing(const taiauth_call_t *call)
{
    tai_standing_e standing = call->caller->principal->standing;
    int harmless = is_reading(call->r) || !strcmp(call->r->method, "DELETE");

    return standing == TAI_STANDING_ACTIVE || (standing == TAI_STANDING_SUSPENDED && harmless)
               ? OK
               : taiauth_refuse(call->r, TAI_CALLER_SUSPENDED, NULL, 0, NULL);
}

static int check_role(const taiauth_call_t *call, const route_t *route)
{
    return route->who != PRIMARY_ADMIN || call->caller->principal->primary_admin
               ? OK
               : taiauth_refuse(call->r, TAI_NOT_PRIMARY_ADMIN, NULL, 0, NULL);
}

static int identify(taiauth_call_t *call)
{
    int status = taiauth_caller_find(call->r, &call->caller);

    return status == OK && !call->caller
               ? taiauth_refuse(call->r, TAI_CALLER_UNKNOWN, NULL, 0, NULL)
               : status;
}

/* A cookie is sent by the browser, whether or not its user knows: who else vouches for him? */
static int check_origin(const taiauth_call_t *call)
{
    int by_cookie =
        call->caller ? call->caller->session_hash != NULL : taiauth_cookie_hash(call->r) != NULL;

    return is_reading(call->r) ? OK : taiauth_origin_check(call->r, by_cookie);
}

/* ---- the way of each ---------------------------------------------------------------------- */

static int refuse_unrouted(request_rec *r, const char *allow)
{
    return allow ? taiauth_refuse_method(r, allow)
                 : taiauth_refuse(r, TAI_NOT_FOUND, "There is no such call.", 0, NULL);
}

static int read_request(taiauth_call_t *call, const route_t *route)
{
    request_rec *r = call->r;
    int status = route->before ? route->before(r) : OK;

    if (status == OK && !route->paged && r->args && *r->args) {
        status = taiauth_refuse(r, TAI_BAD_REQUEST, "This call has no parameters.", 0, NULL);
    }
    if (status == OK && strcmp(route->method, "GET") && strcmp(route->method, "DELETE")) {
        status = taiauth_body_read(r, &call->body);
    }
    return status;
}

/* A call that anybody may make. Who guesses passwords here is bounded by their own locks. */
static int serve_anyone(taiauth_call_t *call, const route_t *route)
{
    int status = check_origin(call);

    if (status == OK) {
        status = read_request(call, route);
    }
    return status == OK ? route->call(call) : status;
}

/* Who is not known learns nothing of what there is. */
static int serve_caller(taiauth_call_t *call, const route_t *route, const char *allow)
{
    request_rec *r = call->r;
    int status = identify(call);

    if (status == OK) {
        status = check_origin(call);
    }
    if (status == OK) {
        status =
            taiauth_limits_charge_user(r, taiauth_request(r), call->conf, call->caller->principal);
    }
    if (status == OK && !route) {
        return refuse_unrouted(r, allow);
    }
    if (status == OK) {
        status = check_standing(call);
    }
    if (status == OK) {
        status = check_role(call, route);
    }
    if (status == OK) {
        status = read_request(call, route);
    }
    return status == OK ? route->call(call) : status;
}

int taiauth_api_handler(request_rec *r)
{
    const taiauth_dir_t *conf = taiauth_dir(r);
    taiauth_call_t call = {.r = r, .conf = conf};
    const route_t *route;
    const char *allow;

    if (!conf->api || !*conf->api) {
        return DECLINED;
    }
    if (r->main) {
        return HTTP_FORBIDDEN; /* no page takes this in */
    }
    taiauth_response_keep_out_of_cache(r);
    if (!taiauth_store || !taiauth_segment) {
        return taiauth_refuse(r, taiauth_store ? TAI_SHARED_MEMORY : TAI_DATABASE, NULL,
                              TAIAUTH_UNDECIDED_S, NULL);
    }
    call.now = tai_when_now();
    route = find_route(&call, &allow);
    return route && route->who == ANYONE ? serve_anyone(&call, route)
                                         : serve_caller(&call, route, allow);
}

/* ---- what became of a change -------------------------------------------------------------- */

static const struct {
    tai_reason_e reason;
    int tells; /* the text of the store is for the client too */
} outcomes[] = {
    [TAI_CHANGE_DONE] = {TAI_UNDECIDED, 0}, /* nothing to refuse: never to be told as a success */
    [TAI_CHANGE_NOT_FOUND] = {TAI_NOT_FOUND, 0},
    [TAI_CHANGE_TAKEN] = {TAI_BAD_REQUEST, 1},
    [TAI_CHANGE_INVALID] = {TAI_BAD_REQUEST, 1},
    [TAI_CHANGE_INACTIVE] = {TAI_CALLER_SUSPENDED, 0},
    [TAI_CHANGE_ROLE] = {TAI_NOT_PRIMARY_ADMIN, 0},
    [TAI_CHANGE_KEY] = {TAI_KEY_NOT_ACTIVE, 1},
    [TAI_CHANGE_PLAN] = {TAI_PLAN_REQUIRED, 1},
    [TAI_CHANGE_FULL] = {TAI_KEY_LIMIT_REACHED, 1},
    [TAI_CHANGE_UNKNOWN] = {TAI_DATABASE, 0},
};

/* The store says it as taictl does: without a capital, and mostly without a full stop. */
static const char *sentence(const char *text, apr_pool_t *p)
{
    apr_size_t len = strlen(text);
    char *copy = apr_pstrcat(p, text, len && text[len - 1] == '.' ? "" : ".", NULL);

    *copy = (char)apr_toupper(*copy);
    return copy;
}

int taiauth_api_refuse_change(request_rec *r, tai_change_e outcome, const char *text)
{
    if (outcome != TAI_CHANGE_UNKNOWN) {
        return taiauth_refuse(r, outcomes[outcome].reason,
                              outcomes[outcome].tells ? sentence(text, r->pool) : NULL, 0, NULL);
    }
    taiauth_database_complain(r, text);
    return taiauth_refuse(r, TAI_DATABASE,
                          is_reading(r)
                              ? NULL
                              : "It is not known whether this was done. Asking again is safe, but "
                                "look at your keys before you create or roll one again.",
                          TAIAUTH_UNDECIDED_S, NULL);
}
