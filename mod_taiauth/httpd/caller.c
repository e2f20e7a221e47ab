#include "api.h"

#include "../core/when.h"

const char *taiauth_caller_client(request_rec *r)
{
    return r->useragent_ip;
}

/*
 * A key never speaks for the user who made it, else who has stolen one could make more. What an
 * internal redirect carries along from a place with keys may have lost its type.
 */
static int is_of_key(request_rec *r)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);

    return r->ap_auth_type ? !strcmp(r->ap_auth_type, TAIAUTH_TYPE) : ctx && ctx->judgements;
}

static int undecided(request_rec *r, const char *error)
{
    taiauth_database_complain(r, error);
    return taiauth_refuse(r, TAI_DATABASE, NULL, TAIAUTH_UNDECIDED_S, NULL);
}

/* OK, and *principal NULL: no session, or one that is over */
static int find_by_session(request_rec *r, const char *hash, tai_principal_t **principal)
{
    const char *error;

    if (!hash || tai_store_find_session(taiauth_store, hash, tai_when_now(), r->pool, principal,
                                        &error) == APR_SUCCESS) {
        return OK;
    }
    return undecided(r, error);
}

/* OK, and *principal NULL: httpd knows nobody, or nobody of ours who is active */
static int find_by_httpd(request_rec *r, tai_principal_t **principal)
{
    const char *error;

    if (tai_store_find_principal(taiauth_store, r->user, r->pool, principal, &error) !=
        APR_SUCCESS) {
        return undecided(r, error);
    }
    if (*principal && !(*principal)->active) {
        *principal = NULL;
    }
    return OK;
}

void taiauth_caller_known(request_rec *r, const tai_principal_t *principal)
{
    taiauth_request(r)->caller = apr_pstrdup(taiauth_initial(r)->pool, principal->username);
}

static const taiauth_caller_t *make(request_rec *r, const tai_principal_t *principal,
                                    const char *session_hash)
{
    taiauth_caller_t *caller = apr_palloc(r->pool, sizeof(*caller));

    caller->principal = principal;
    caller->actor = (tai_actor_t){principal->username, taiauth_caller_client(r)};
    caller->session_hash = session_hash;
    taiauth_caller_known(r, principal);
    return caller;
}

const char *taiauth_caller_role(const tai_principal_t *principal)
{
    return principal->primary_admin ? "primary_admin" : "member";
}

int taiauth_caller_find(request_rec *r, const taiauth_caller_t **caller)
{
    const char *hash = taiauth_cookie_hash(r);
    int by_httpd = r->user && !is_of_key(r);
    tai_principal_t *of_session = NULL;
    tai_principal_t *of_httpd = NULL;
    int status = find_by_session(r, hash, &of_session);

    *caller = NULL;
    if (status == OK && by_httpd) {
        status = find_by_httpd(r, &of_httpd);
    }
    if (status != OK) {
        return status;
    }
    if (of_session && by_httpd && (!of_httpd || strcmp(of_httpd->user_id, of_session->user_id))) {
        return taiauth_refuse(r, TAI_CALLER_DISAGREES,
                              "You are logged in as somebody else. Log out first.", 0, NULL);
    }
    if (of_httpd || of_session) {
        *caller = make(r, of_httpd ? of_httpd : of_session, of_httpd ? NULL : hash);
    }
    return OK;
}
