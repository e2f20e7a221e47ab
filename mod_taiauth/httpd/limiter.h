#ifndef TAIAUTH_LIMITER_H
#define TAIAUTH_LIMITER_H

/*
 * The limiter in use: where windows and lockouts are counted, and what happens while that does not
 * answer. Decisions come as reasons: TAI_ADMITTED stands for one that was made, whatever it says;
 * TAI_LIMITER and TAI_SHARED_MEMORY say that there is none.
 */

#include "taiauth.h"

/* What to do while a shared limiter does not answer. Lockouts never follow TAIAUTH_ERROR_ALLOW. */
typedef enum { TAIAUTH_ERROR_LOCAL, TAIAUTH_ERROR_DENY, TAIAUTH_ERROR_ALLOW } taiauth_error_e;

/* TaiAuthLimiter, where it names something shared. */
typedef struct taiauth_limiter_t {
    const char *scheme;          /* "redis" */
    const char *address;         /* as written: it may hold a password */
    apr_array_header_t *options; /* of tai_limiter_option_t: words of the provider's own */
    apr_uint32_t timeout_ms;     /* of one call */
    int on_error;                /* taiauth_error_e */
    const struct tai_limiter_provider_t *provider; /* as the next, once the configuration is read */
    void *config;
} taiauth_limiter_t;

/* Where something was counted, and is to be taken back. */
typedef enum {
    TAIAUTH_COUNTED,         /* by the limiter in use */
    TAIAUTH_COUNTED_LOCALLY, /* by this server alone, in its place */
    TAIAUTH_COUNTED_NOWHERE
} taiauth_counted_e;

/* One try of a log-in. */
typedef struct taiauth_tries_t {
    tai_login_t login;
    taiauth_counted_e where;
} taiauth_tries_t;

/* NULL, or what is wrong with TaiAuthLimiter; p: of the configuration */
const char *taiauth_limiter_check(taiauth_limiter_t *limiter, apr_pool_t *p);
void taiauth_limiter_child_init(apr_pool_t *p, server_rec *s);

/* 1: several hosts share it, so that a call costs time */
extern int taiauth_limiter_shared;
/* fold bytes into an identity; two different things must differ in these bytes */
tai_id_t taiauth_limiter_id(const void *data, apr_size_t len);
/* the client's prefix, folded */
tai_id_t taiauth_limiter_client(request_rec *r);

/* as the operations of tai_limiter_ops_t; now: milliseconds of tai_clock_ms; p: for the moment */
tai_reason_e taiauth_limiter_charge(tai_charge_t *charges, int n, tai_count_t *lock,
                                    apr_uint64_t now, apr_pool_t *p, int *admitted,
                                    taiauth_counted_e *where);
tai_reason_e taiauth_limiter_test(tai_charge_t *charges, int n, apr_uint64_t now, apr_pool_t *p,
                                  int *admitted, taiauth_counted_e *where);
/* where it was charged; what fails stays charged */
void taiauth_limiter_refund(const tai_charge_t *charges, int n, apr_pool_t *p,
                            taiauth_counted_e where);
tai_reason_e taiauth_limiter_locked(tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p);
tai_reason_e taiauth_limiter_fail(tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p);

/* lockout: outlives the try */
void taiauth_limiter_login_make(tai_login_t *login, const char *username, const void *prefix,
                                apr_size_t prefix_len, const tai_lockout_t *lockout);
tai_reason_e taiauth_limiter_login_begin(taiauth_tries_t *tries, apr_uint64_t now, apr_pool_t *p,
                                         apr_uint64_t *left_ms);
tai_reason_e taiauth_limiter_login_fail(taiauth_tries_t *tries, apr_uint64_t now, apr_pool_t *p,
                                        unsigned *started);
tai_reason_e taiauth_limiter_login_end(taiauth_tries_t *tries, apr_uint64_t now, apr_pool_t *p,
                                       int right);

/*
 * Lift locks, those of the limiter in use and those that this server has counted in its place. NULL,
 * or what has failed; locks: added to.
 */
const char *taiauth_limiter_unlock(const tai_count_t *counts, int n, apr_pool_t *p, int *locks);
const char *taiauth_limiter_login_unlock(const tai_login_t *login, tai_login_count_e which,
                                         apr_pool_t *p, int *locks);

/* ask a shared one that has failed whether it answers again; once a second, beside all requests */
void taiauth_limiter_look(server_rec *s, apr_pool_t *p);
/* ask a shared one whether it answers, and note it as a step */
void taiauth_limiter_explain(request_rec *r);

#endif
