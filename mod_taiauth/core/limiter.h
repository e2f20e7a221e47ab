#ifndef TAI_LIMITER_H
#define TAI_LIMITER_H

#include <apr_tables.h>
#include "logins.h"
#include "windows.h"

/*
 * Where rolling windows and lockouts are counted: in the shared memory of this host (limiter_shm.c),
 * or in something that several hosts share, by a module of its own. All of them count alike: window.h
 * and failures.h say how.
 *
 * Who is counted is an identity that the limiter itself makes (tai_limiter_ops_t.identify): that of
 * shared memory with secrets of the segment, that of something shared the same on every host.
 *
 * An operation that fails has decided nothing, and the caller has no idea whether it was counted. It
 * never takes longer than the limiter was told to wait, and never tries again what may have been done.
 * How it failed says whether others are to ask at all:
 *
 *   TAI_LIMITER_UNABLE  it has answered, at once, that it cannot do this: others may be served
 *   TAI_LIMITER_PART    one part of it has not answered, which says nothing of the others
 *   TAI_LIMITER_CLOSED  it has said that it serves nobody, or nobody is there: asking is in vain
 *   anything else       no answer came
 */
#define TAI_LIMITER_UNABLE (APR_OS_START_USERERR + 100)
#define TAI_LIMITER_CLOSED (APR_OS_START_USERERR + 101)
#define TAI_LIMITER_PART   (APR_OS_START_USERERR + 102)

/* Failures of one principal. */
typedef struct tai_count_t {
    tai_table_e table; /* TAI_TABLE_CLIENTS or TAI_TABLE_PAIRS: its table in shared memory */
    tai_id_t tag;      /* as of tai_charge_t */
    tai_id_t id;       /* client prefix or pair, folded with the policy */
    const tai_lockout_t *lockout;
    apr_uint64_t left_ms; /* out: what was left of a lock that ran before; 0: none ran */
    int started;          /* out: 1: this failure has started a lock */
} tai_count_t;

/* self: of the limiter. now: milliseconds of tai_clock_ms, for who has no clock of his own. p: for
 * the moment, and for the error. error: set to a sentence for the log where the answer is not
 * APR_SUCCESS; without any secret. */
typedef struct tai_limiter_ops_t {
    /* Fold bytes into an identity; two different things must differ in these bytes. */
    tai_id_t (*identify)(void *self, const void *data, apr_size_t len);

    /*
     * Test all limits, and that a lock does not run; then charge all limits, or none.
     * charges, n: as of tai_windows_charge; n may be 0 where there is a lock.
     * lock: NULL: none is asked about; else its left_ms is filled in, and nothing is counted in it.
     * admitted: set to 1: no lock runs and all were charged; 0: none was.
     */
    apr_status_t (*charge)(void *self, tai_charge_t *charges, int n, tai_count_t *lock,
                           apr_uint64_t now, int *admitted, apr_pool_t *p, const char **error);

    /* As tai_windows_test: charges nothing. */
    apr_status_t (*test)(void *self, tai_charge_t *charges, int n, apr_uint64_t now, int *admitted,
                         apr_pool_t *p, const char **error);

    /* As tai_windows_refund. */
    apr_status_t (*refund)(void *self, const tai_charge_t *charges, int n, apr_uint64_t now,
                           apr_pool_t *p, const char **error);

    /* Do locks run? Fills in left_ms of each. */
    apr_status_t (*locked)(void *self, tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p,
                           const char **error);

    /*
     * One failure in each of them, as tai_failures_record, up to the first whose lock runs: behind it
     * nothing is counted or filled in but 0.
     */
    apr_status_t (*fail)(void *self, tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p,
                         const char **error);

    /* As tai_failures_clear, for each; locks: set to how many locks there were. */
    apr_status_t (*unlock)(void *self, const tai_count_t *counts, int n, apr_uint64_t now,
                           int *locks, apr_pool_t *p, const char **error);

    /* Tries of log-ins: as the functions of logins.h, locked_ms included. */
    apr_status_t (*login_begin)(void *self, tai_login_t *login, apr_uint64_t now,
                                apr_uint64_t *left_ms, apr_pool_t *p, const char **error);
    apr_status_t (*login_fail)(void *self, const tai_login_t *login, apr_uint64_t now,
                               unsigned *started, apr_pool_t *p, const char **error);
    apr_status_t (*login_end)(void *self, const tai_login_t *login, apr_uint64_t now, int right,
                              apr_pool_t *p, const char **error);

    /* As tai_login_unlock. */
    apr_status_t (*login_unlock)(void *self, const tai_login_t *login, tai_login_count_e which,
                                 apr_uint64_t now, int *lifted, apr_pool_t *p, const char **error);
} tai_limiter_ops_t;

typedef struct tai_limiter_t {
    const tai_limiter_ops_t *ops;
    void *self;
} tai_limiter_t;

/* ---- limiters of other modules -------------------------------------------------------------- */

/* Looked up with ap_lookup_provider(TAI_LIMITER_GROUP, name, TAI_LIMITER_VERSION). */
#define TAI_LIMITER_GROUP   "taiauth-limiter"
#define TAI_LIMITER_VERSION "0"

/* One of the words behind the address in TaiAuthLimiter that are the provider's own. */
typedef struct tai_limiter_option_t {
    const char *name;  /* "password" */
    const char *value; /* "exec:/usr/local/sbin/redis-password" */
} tai_limiter_option_t;

typedef struct tai_limiter_provider_t {
    /*
     * While the configuration is read.
     * address: "redis://127.0.0.1:6379/0", any scheme that the provider knows
     * options: array of tai_limiter_option_t
     * timeout_ms: what one operation may take, connecting included, milliseconds
     * p: of the configuration; config lives there
     * returns NULL, or a sentence that names what was wrong and what is allowed, without a secret
     */
    const char *(*configure)(const char *address, const apr_array_header_t *options,
                             apr_uint32_t timeout_ms, apr_pool_t *p, void **config);

    /* What it counts in, for logs and status: without user and password. Lives as long as config. */
    const char *(*describe)(const void *config);

    /*
     * In a child. Connects to nothing yet.
     * connections: how many threads may use it at once
     * p: of the child; everything of the limiter goes with it
     */
    apr_status_t (*open)(const void *config, int connections, apr_pool_t *p,
                         tai_limiter_t *limiter);
} tai_limiter_provider_t;

#endif
