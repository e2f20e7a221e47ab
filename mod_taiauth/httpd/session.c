/*
 * Sessions: for people who use the API with a browser. A cookie holds a random id; the database
 * holds its SHA-256, so that who reads the database can be nobody.
 */

#include "api.h"

#include <openssl/crypto.h>
#include "../core/describe.h"
#include "../core/digest.h"
#include "../core/when.h"

#define ID_BYTES (TAIAUTH_COOKIE_LEN / 2)

/* ---- log-out ------------------------------------------------------------------------------ */

/* End what the request's cookie stands for, if anything: OK, or the status of a refusal. */
static int end_session(taiauth_call_t *call, int *ended)
{
    request_rec *r = call->r;
    const char *hash = taiauth_cookie_hash(r);
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
    taiauth_cookie_set(call->r, NULL);
    return taiauth_answer(call->r, HTTP_OK, json_pack("{s:b}", "ended", ended));
}

/* ---- log-in ------------------------------------------------------------------------------- */

/* A new random id and what is stored of it; 0: there is none to be had. */
static int make_id(char id[TAIAUTH_COOKIE_LEN + 1], char hash[TAI_DIGEST_HEX + 1])
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
    char *id = apr_palloc(r->pool, TAIAUTH_COOKIE_LEN + 1);
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
    taiauth_cookie_set(r, id);
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
    tai_principal_t *principal;
    int ended;
    int status = taiauth_login_body(call->r, call->conf, call->body, &principal);

    if (status != OK) {
        return status;
    }
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
