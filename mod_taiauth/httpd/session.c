/*
 * Sessions: for people who use the API with a browser. A cookie holds a random id; the database
 * holds its SHA-256, so that who reads the database can be nobody.
 */

#include "api.h"

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
