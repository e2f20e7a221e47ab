/*
 * Lift the locks of a client, of a user name at log-in, or of a key with a client.
 */

#include "limiter.h"
#include "order.h"

#include "../core/store_audit.h"
#include "../core/text.h"
#include "../core/when.h"

/* What was unlocked, for the answer and for the audit log. */
typedef struct unlocked_t {
    int locks;
    const char *account_id; /* NULL: nobody's */
    const char *subject;    /* id of the key or user; NULL: none */
    const char *name;       /* "client 10.1.2.3" */
} unlocked_t;

/*
 * Under each policy of the configuration, as failures are counted. record: of a key with the client;
 * NULL: of the client
 */
static const char *lift(request_rec *r, const tai_record_t *record, unlocked_t *done)
{
    const apr_array_header_t *lockouts = taiauth_server(r->server)->lockouts;
    tai_count_t *counts = apr_pcalloc(r->pool, (apr_size_t)lockouts->nelts * sizeof(*counts));
    int i;

    for (i = 0; i < lockouts->nelts; i++) {
        counts[i] = taiauth_failures_count(r, APR_ARRAY_IDX(lockouts, i, const tai_lockout_t *),
                                           record ? &record->key : NULL);
        if (record) {
            taiauth_failures_tag(&counts[i], record);
        }
    }
    return taiauth_limiter_unlock(counts, lockouts->nelts, r->pool, &done->locks);
}

/* What is counted of log-ins is counted under all policies together. */
static const char *lift_logins(request_rec *r, const char *username, tai_login_count_e which,
                               unlocked_t *done)
{
    static const tai_lockout_t any;
    unsigned char prefix[9];
    tai_login_t login;

    taiauth_limiter_login_make(&login, username, prefix, taiauth_client_prefix(r, prefix), &any);
    return taiauth_limiter_login_unlock(&login, which, r->pool, &done->locks);
}

static const char *unlock_client(request_rec *r, const taiauth_order_t *order, unlocked_t *done)
{
    const char *error = lift_logins(r, "", TAI_LOGIN_CLIENT, done);

    done->name = apr_pstrcat(r->pool, "client ", order->client, NULL);
    return error ? error : lift(r, NULL, done);
}

static const char *unlock_user(request_rec *r, const taiauth_order_t *order, unlocked_t *done)
{
    tai_principal_t *principal;
    const char *error;

    if (tai_store_find_principal(taiauth_store, order->user, r->pool, &principal, &error) !=
        APR_SUCCESS) {
        return error;
    }
    if (principal) {
        done->account_id = principal->account_id;
        done->subject = principal->user_id;
    }
    done->name = apr_pstrcat(r->pool, "user name ", tai_text_line(order->user, 100, r->pool), NULL);
    return lift_logins(r, order->user, TAI_LOGIN_USERNAME, done);
}

static const char *unlock_key(request_rec *r, const taiauth_order_t *order, unlocked_t *done)
{
    tai_record_t *record;
    const char *error;

    if (tai_store_find_key_by_id(taiauth_store, order->key_id, r->pool, &record, &error) !=
        APR_SUCCESS) {
        return error;
    }
    if (!record) {
        return apr_psprintf(r->pool, "there is no key with the id \"%s\"",
                            tai_text_line(order->key_id, 100, r->pool));
    }
    done->account_id = record->account_id;
    done->subject = record->id;
    done->name = apr_pstrcat(r->pool, "key ", record->id, ", client ", order->client, NULL);
    return lift(r, record, done);
}

static const char *unlock(request_rec *r, const taiauth_order_t *order, unlocked_t *done)
{
    if (order->user && !order->key_id && !order->client) {
        return unlock_user(r, order, done);
    }
    if (order->client && !order->user) {
        return order->key_id ? unlock_key(r, order, done) : unlock_client(r, order, done);
    }
    return "unlock needs a client, a user name, or the id of a key and a client";
}

static const char *record(request_rec *r, const taiauth_order_t *order, const unlocked_t *done)
{
    const tai_actor_t actor = {order->actor, "local"};
    const char *text;

    if (tai_store_audit_event(taiauth_store, &actor, done->account_id, TAI_ACTION_UNLOCK,
                              done->subject,
                              apr_psprintf(r->pool, "%s: %d %s", done->name, done->locks,
                                           done->locks == 1 ? "lock" : "locks"),
                              tai_when_now(), r->pool, &text) == TAI_CHANGE_DONE) {
        return NULL;
    }
    return apr_psprintf(r->pool, "%s: %d locks lifted, and this is not in the audit log: %s",
                        done->name, done->locks, text);
}

json_t *taiauth_unlock_run(request_rec *r, taiauth_request_t *ctx, const char **error)
{
    unlocked_t done = {0, NULL, NULL, NULL};

    *error = unlock(r, ctx->order, &done);
    if (!*error) {
        *error = record(r, ctx->order, &done);
    }
    return *error ? NULL : json_pack("{s:i}", "locks", done.locks);
}
