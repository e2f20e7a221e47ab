/*
 * POST /auth/token: a user name and a password for a key with a token.
 */

#include "api.h"

#include <openssl/crypto.h>
#include "../core/when.h"

#define KEY_NAME "auth/token"

static int check_caller(request_rec *r, const taiauth_dir_t *conf, const tai_principal_t *principal)
{
    if (!principal->primary_admin) {
        return taiauth_refuse(r, TAI_NOT_PRIMARY_ADMIN, NULL, 0, NULL);
    }
    if (principal->standing != TAI_STANDING_ACTIVE) {
        return taiauth_refuse(r, TAI_CALLER_SUSPENDED, NULL, 0, NULL);
    }
    return taiauth_limits_charge_user(r, taiauth_request(r), conf, principal);
}

/*
 * In the place of the key that this user got here before; that one ends on every node before the new
 * one is shown.
 */
static int make_key(request_rec *r, const tai_key_order_t *order, tai_key_issue_t *issue)
{
    const tai_actor_t actor = {order->principal->username, taiauth_caller_client(r)};
    tai_told_t told;
    const char *text;
    tai_change_e outcome =
        tai_store_create_key(taiauth_store, order, &actor, tai_when_now(), r->pool, issue, &text);

    if (outcome == TAI_CHANGE_KEY) {
        return taiauth_turn_refuse(r, APR_EBUSY);
    }
    if (outcome != TAI_CHANGE_DONE) {
        return taiauth_api_refuse_change(r, outcome, text);
    }
    return issue->ended ? taiauth_tell(r, &told,
                                       "The key that you got here before is revoked; asking again "
                                       "is safe.")
                        : OK;
}

static int issue_key(request_rec *r, const taiauth_dir_t *conf, const tai_principal_t *principal)
{
    int turn, in_turn = taiauth_turn_take(&turn) == APR_SUCCESS;
    const tai_key_order_t order = {
        .user_id = principal->user_id,
        .principal = principal,
        .origin = "token",
        .name = KEY_NAME,
        .expires_at = TAI_NEVER,
        .with_token = 1,
        .ends_none = !in_turn,
    };
    tai_key_issue_t issue;
    int status = make_key(r, &order, &issue);

    if (in_turn) {
        taiauth_turn_leave(turn);
    }
    if (status != OK) {
        OPENSSL_cleanse(&issue, sizeof(issue));
        return status;
    }
    return taiauth_issue_answer(r,
                                json_pack("{s:s, s:s, s:o}", "apikey", issue.key, "token",
                                          issue.token, "headers",
                                          taiauth_issue_headers(conf, &issue)),
                                &issue);
}

static int check_request(request_rec *r)
{
    if (strcmp(r->method, "POST")) {
        return taiauth_refuse_method(r, "POST");
    }
    if (r->args && *r->args) {
        return taiauth_refuse(r, TAI_BAD_REQUEST, "This call has no parameters.", 0, NULL);
    }
    return taiauth_origin_check(r, 0);
}

int taiauth_token_handler(request_rec *r)
{
    const taiauth_dir_t *conf = taiauth_dir(r);
    tai_principal_t *principal;
    json_t *body;
    int status;

    if (!taiauth_is_at(r, conf->token_endpoint)) {
        return DECLINED;
    }
    if (r->main) {
        return HTTP_FORBIDDEN; /* no page takes this in */
    }
    taiauth_response_keep_out_of_cache(r);
    status = check_request(r);
    if (status == OK) {
        status = taiauth_body_read(r, &body);
    }
    if (status == OK) {
        status = taiauth_login_body(r, conf, body, &principal);
    }
    if (status == OK) {
        status = check_caller(r, conf, principal);
    }
    return status == OK ? issue_key(r, conf, principal) : status;
}
