/*
 * Is this the password? A check takes a good part of a second of a processor, and who guesses sends
 * many: so nobody waits for one, and the few that run at a time are counted before they begin.
 */

#include "api.h"
#include "limiter.h"

#include <ap_provider.h>
#include <openssl/crypto.h>
#include "../core/background.h"
#include "../core/clock.h"
#include "../core/name.h"
#include "../core/password.h"
#include "../core/text.h"
#include "../core/when.h"

#define OWN_PROVIDER "taiauth"
#define BUSY_S       1 /* a slot is free again in less */

/* Where TaiAuthLockout is not set: passwords can be guessed, keys cannot. */
static const tai_lockout_t usual_lockout = {{5, 5 * 60 * 1000}, 15 * 60 * 1000};

/* One log-in under way. */
typedef struct login_t {
    request_rec *r;
    const apr_array_header_t *providers; /* of taiauth_provider_t */
    const tai_lockout_t *lockout;        /* failures.max 0: off */
    const char *username;                /* any bytes of a client's */
    const char *password;
    tai_principal_t *principal; /* NULL: there is no such user */
    taiauth_tries_t tries;
    apr_uint32_t retry_after; /* seconds, of a refusal */
} login_t;

static tai_reason_e later(login_t *login, tai_reason_e reason, apr_uint32_t seconds)
{
    login->retry_after = seconds;
    return reason;
}

static tai_reason_e undecided(login_t *login, tai_reason_e reason)
{
    return later(login, reason, TAIAUTH_UNDECIDED_S);
}

static tai_reason_e no_database(login_t *login, const char *error)
{
    taiauth_database_complain(login->r, error);
    return undecided(login, TAI_DATABASE);
}

/* ---- providers ---------------------------------------------------------------------------- */

static authn_status check_password(request_rec *r, const char *username, const char *password);

static const authn_provider own = {check_password, NULL};

static const apr_array_header_t *own_alone(void)
{
    static taiauth_provider_t row[] = {{OWN_PROVIDER, &own}};
    static const apr_array_header_t list = {NULL, sizeof(row[0]), 1, 1, (char *)row};

    return &list;
}

typedef struct check_t {
    const char *password;
    const char *hash; /* NULL: nobody's */
    int right;
} check_t;

static void run_check(void *data)
{
    check_t *check = data;

    check->right = tai_password_is(check->password, check->hash);
}

/* All of the work of a log-in is here: it goes where requests with keys need not wait for it. */
static int is_password(const login_t *login, const char *hash)
{
    check_t check = {login->password, hash, 0};

    tai_background_run(run_check, &check);
    return check.right;
}

/* The table of users. Who is not in it, or cannot log in, takes as long as who is. */
static authn_status ask_own(const login_t *login)
{
    const tai_principal_t *principal = login->principal;
    const char *hash = principal && principal->active ? principal->password_hash : NULL;

    if (hash && !tai_password_usable(hash)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, login->r->server,
                     "taiauth: the password of user %s is stored as something else than bcrypt of "
                     "cost %d to %d; set it anew with taictl user passwd",
                     tai_text_line(principal->username, 200, login->r->pool), TAI_PASSWORD_COST_MIN,
                     TAI_PASSWORD_COST_MAX);
    }
    if (is_password(login, hash)) {
        return AUTH_GRANTED;
    }
    return hash ? AUTH_DENIED : AUTH_USER_NOT_FOUND;
}

/* mod_auth_basic leaves the note for providers that several names stand for. */
static authn_status ask(const login_t *login, const taiauth_provider_t *one)
{
    request_rec *r = login->r;
    authn_status status;

    if (one->provider == &own) {
        return ask_own(login);
    }
    apr_table_setn(r->notes, AUTHN_PROVIDER_NAME_NOTE, one->name);
    status = one->provider->check_password(r, login->username, login->password);
    apr_table_unset(r->notes, AUTHN_PROVIDER_NAME_NOTE);
    return status;
}

/* What can be nobody's password or name is shown to no other module. */
static int is_possible(const login_t *login)
{
    apr_size_t len = strlen(login->password);

    return len > 0 && len <= TAI_PASSWORD_MAX &&
           !tai_name_check("user name", login->username, TAI_NAME_MAX, login->r->pool);
}

/* The first that knows the user has the say. */
static authn_status ask_all(const login_t *login)
{
    authn_status status = AUTH_USER_NOT_FOUND;
    int i;

    if (!is_possible(login)) {
        is_password(login, NULL);
        return AUTH_DENIED;
    }
    for (i = 0; i < login->providers->nelts && status == AUTH_USER_NOT_FOUND; i++) {
        status = ask(login, &APR_ARRAY_IDX(login->providers, i, taiauth_provider_t));
    }
    return status;
}

/* Whoever knows the password, whose account it is stands in the table of users. */
static tai_reason_e evaluate(login_t *login)
{
    const char *error = "no database is configured";

    if (!taiauth_store || tai_store_find_principal(taiauth_store, login->username, login->r->pool,
                                                   &login->principal, &error) != APR_SUCCESS) {
        return no_database(login, error);
    }
    switch (ask_all(login)) {
    case AUTH_GRANTED:
        return login->principal && login->principal->active ? TAI_ADMITTED : TAI_LOGIN_FAILED;
    case AUTH_DENIED:
    case AUTH_USER_NOT_FOUND:
        return TAI_LOGIN_FAILED;
    default:
        return undecided(login, TAI_LOGIN_PROVIDER); /* it has logged why */
    }
}

/* ---- what is written of a failure --------------------------------------------------------- */

/* A user name as it may be shown: that of nobody may be anything, a key too. */
static const char *shown_name(const login_t *login)
{
    return login->principal ? login->principal->username
                            : tai_text_line(login->username, TAI_NAME_MAX, login->r->pool);
}

static const char *why(const login_t *login)
{
    if (!login->principal) {
        return "unknown user";
    }
    return login->principal->active ? "wrong password" : "disabled user";
}

/* The same statement whether or not there is such a user. 1: it is written */
static int audit(const login_t *login, tai_action_e action, const char *detail)
{
    request_rec *r = login->r;
    const tai_principal_t *principal = login->principal;
    const tai_actor_t actor = {shown_name(login), taiauth_caller_client(r)};
    const char *error;

    if (tai_store_audit_event(taiauth_store, &actor, principal ? principal->account_id : NULL,
                              action, principal ? principal->user_id : NULL, detail, tai_when_now(),
                              r->pool, &error) == TAI_CHANGE_DONE) {
        return 1;
    }
    taiauth_database_complain(r, error);
    return 0;
}

/* Not as a line about the request: httpd would add its Referer. */
static void log_failure(const login_t *login, int level, const char *what)
{
    request_rec *r = login->r;

    ap_log_error(APLOG_MARK, level, 0, r->server, "taiauth: log-in of \"%s\" from %s: %s",
                 tai_text_line(login->username, 200, r->pool), r->useragent_ip, what);
}

static int tell_lock(const login_t *login, tai_login_count_e count)
{
    const char *what = apr_psprintf(login->r->pool, "%s, for %u seconds",
                                    tai_login_count_name(count), login->lockout->lock_ms / 1000);

    tai_metrics_add(&tai_segment_metrics(taiauth_segment)->locks_started);
    log_failure(login, APLOG_NOTICE, apr_pstrcat(login->r->pool, "locked by ", what, NULL));
    return audit(login, TAI_ACTION_LOGIN_LOCKED, what);
}

static int tell_failure(const login_t *login, unsigned started)
{
    int written = audit(login, TAI_ACTION_LOGIN_FAILED, why(login));
    int i;

    log_failure(login, APLOG_INFO, why(login));
    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        if (started & 1u << i) {
            written &= tell_lock(login, (tai_login_count_e)i);
        }
    }
    return written;
}

/* ---- counts ------------------------------------------------------------------------------- */

static int is_counted(const login_t *login)
{
    return login->lockout->failures.max != 0;
}

/* A failure that cannot be written down is one that nobody would ever see. */
static tai_reason_e settle_failure(login_t *login)
{
    unsigned started = 0;
    tai_reason_e counted = TAI_ADMITTED;

    if (is_counted(login)) {
        counted =
            taiauth_limiter_login_fail(&login->tries, tai_clock_ms(), login->r->pool, &started);
    }
    if (counted != TAI_ADMITTED) {
        return undecided(login, counted);
    }
    return tell_failure(login, started) ? TAI_LOGIN_FAILED : undecided(login, TAI_DATABASE);
}

static tai_reason_e settle(login_t *login, tai_reason_e reason)
{
    if (reason == TAI_LOGIN_FAILED) {
        return settle_failure(login);
    }
    if (is_counted(login)) {
        const tai_reason_e counted = taiauth_limiter_login_end(
            &login->tries, tai_clock_ms(), login->r->pool, reason == TAI_ADMITTED);

        return counted == TAI_ADMITTED ? reason : undecided(login, counted);
    }
    return reason;
}

static tai_reason_e begin(login_t *login, const unsigned char *prefix, apr_size_t prefix_len)
{
    apr_uint64_t left_ms = 0;
    tai_reason_e counted;

    if (!is_counted(login)) {
        return TAI_ADMITTED;
    }
    taiauth_limiter_login_make(&login->tries.login, login->username, prefix, prefix_len,
                               login->lockout);
    counted = taiauth_limiter_login_begin(&login->tries, tai_clock_ms(), login->r->pool, &left_ms);
    if (counted != TAI_ADMITTED) {
        return undecided(login, counted);
    }
    return left_ms ? later(login, TAI_LOGIN_LOCKED, (apr_uint32_t)((left_ms + 999) / 1000))
                   : TAI_ADMITTED;
}

/* ---- the whole of it ---------------------------------------------------------------------- */

/* TAI_ADMITTED, or why not */
static tai_reason_e log_in(login_t *login)
{
    unsigned char prefix[9];
    apr_size_t prefix_len = taiauth_client_prefix(login->r, prefix);
    tai_reason_e reason;
    apr_status_t rv;
    int slot;

    if (!taiauth_segment) {
        return undecided(login, TAI_SHARED_MEMORY);
    }
    rv = tai_slots_take(tai_segment_slots(taiauth_segment),
                        tai_segment_id(taiauth_segment, prefix, prefix_len), &slot);
    if (rv != APR_SUCCESS) {
        return rv == APR_EBUSY ? later(login, TAI_LOGIN_BUSY, BUSY_S)
                               : undecided(login, TAI_SHARED_MEMORY);
    }
    reason = begin(login, prefix, prefix_len);
    if (reason == TAI_ADMITTED) {
        reason = settle(login, evaluate(login));
    }
    tai_slots_leave(tai_segment_slots(taiauth_segment), slot);
    return reason;
}

static login_t make(request_rec *r, const taiauth_dir_t *conf, const char *username,
                    const char *password)
{
    return (login_t){
        .r = r,
        .providers = conf->providers ? conf->providers : own_alone(),
        .lockout = conf->lockout ? conf->lockout : &usual_lockout,
        .username = username,
        .password = password,
    };
}

int taiauth_login(request_rec *r, const taiauth_dir_t *conf, const char *username, char *password,
                  tai_principal_t **principal)
{
    login_t login = make(r, conf, username, password);
    tai_reason_e reason = log_in(&login);

    OPENSSL_cleanse(password, strlen(password));
    *principal = login.principal;
    if (reason == TAI_ADMITTED) {
        taiauth_caller_known(r, login.principal);
        return OK;
    }
    return taiauth_refuse(
        r, reason, reason == TAI_LOGIN_FAILED ? "The user name or the password is wrong." : NULL,
        login.retry_after, NULL);
}

/* What was typed there, whatever else is wrong with the body. */
static void wipe(json_t *text)
{
    if (json_is_string(text)) {
        OPENSSL_cleanse((char *)json_string_value(text), json_string_length(text));
    }
}

typedef struct sent_t {
    const char *username;
    const char *password;
} sent_t;

int taiauth_login_body(request_rec *r, const taiauth_dir_t *conf, json_t *body,
                       tai_principal_t **principal)
{
    static const tai_input_field_t fields[] = {
        {"username", TAI_INPUT_TEXT, 1, 0, offsetof(sent_t, username)},
        {"password", TAI_INPUT_TEXT, 1, 0, offsetof(sent_t, password)},
        {NULL, TAI_INPUT_TEXT, 0, 0, 0},
    };
    sent_t sent = {NULL, NULL};
    const char *error = tai_input_read(body, fields, &sent, r->pool);

    if (!error) {
        return taiauth_login(r, conf, sent.username, (char *)sent.password, principal);
    }
    wipe(json_object_get(body, "password"));
    return taiauth_refuse(r, TAI_BAD_REQUEST, error, 0, NULL);
}

/* AuthBasicProvider taiauth: the same locks, the same slots. */
static authn_status check_password(request_rec *r, const char *username, const char *password)
{
    login_t login = make(r, taiauth_dir(r), username, password);

    login.providers = own_alone();
    switch (log_in(&login)) {
    case TAI_ADMITTED:
        return AUTH_GRANTED;
    case TAI_LOGIN_FAILED:
    case TAI_LOGIN_LOCKED:
        return AUTH_DENIED;
    default:
        return AUTH_GENERAL_ERROR;
    }
}

void taiauth_login_register(apr_pool_t *p)
{
    ap_register_provider(p, AUTHN_PROVIDER_GROUP, OWN_PROVIDER, AUTHN_PROVIDER_VERSION, &own);
}
