/*
 * The limiter in use, and what stands in for it: what a shared one does not decide this server counts
 * by itself, refuses, or lets pass, as TaiAuthLimiter says.
 */

#include "limiter_shared.h"

#include "../core/clock.h"
#include "../core/limiter_local.h"
#include "../core/limiter_shm.h"
#include "../core/said.h"

/* ---- identities --------------------------------------------------------------------------- */

static tai_limiter_t of_segment(const tai_limiter_ops_t *ops)
{
    return (tai_limiter_t){ops, taiauth_segment};
}

tai_id_t taiauth_limiter_id(const void *data, apr_size_t len)
{
    return taiauth_shared.limiter.ops
               ? taiauth_shared.limiter.ops->identify(taiauth_shared.limiter.self, data, len)
               : tai_segment_id(taiauth_segment, data, len);
}

tai_id_t taiauth_limiter_client(request_rec *r)
{
    unsigned char prefix[9];

    return taiauth_limiter_id(prefix, taiauth_client_prefix(r, prefix));
}

void taiauth_limiter_login_make(tai_login_t *login, const char *username, const void *prefix,
                                apr_size_t prefix_len, const tai_lockout_t *lockout)
{
    const tai_limiter_t limiter =
        taiauth_shared.limiter.ops ? taiauth_shared.limiter : of_segment(&tai_limiter_shm);

    tai_login_make(login, taiauth_segment, &limiter, username, strlen(username), prefix, prefix_len,
                   lockout);
}

/* ---- one call ----------------------------------------------------------------------------- */

/* The arguments of an operation, and what it answers. Each uses its own. */
typedef struct call_t {
    apr_pool_t *p;
    apr_uint64_t now;
    apr_uint64_t asked; /* when a shared one was: what it says is noted as of then */
    tai_charge_t *charges;
    int charged; /* how many they are */
    tai_count_t *counts;
    int counted; /* how many they are; of a charge: 1: there is a lock */
    int admitted;
    tai_said_e said; /* of the charges, before it was asked */
    int locks;
    tai_login_t *login;
    tai_login_count_e which;
    int right;
    apr_uint64_t left_ms;
    unsigned started;
} call_t;

static apr_status_t charge(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->charge(l->self, c->charges, c->charged, c->counts, c->now, &c->admitted, c->p,
                          error);
}

static apr_status_t test(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->test(l->self, c->charges, c->charged, c->now, &c->admitted, c->p, error);
}

static apr_status_t refund(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->refund(l->self, c->charges, c->charged, c->now, c->p, error);
}

static apr_status_t locked(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->locked(l->self, c->counts, c->counted, c->now, c->p, error);
}

static apr_status_t fail(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->fail(l->self, c->counts, c->counted, c->now, c->p, error);
}

static apr_status_t unlock(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->unlock(l->self, c->counts, c->counted, c->now, &c->locks, c->p, error);
}

static apr_status_t login_begin(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->login_begin(l->self, c->login, c->now, &c->left_ms, c->p, error);
}

static apr_status_t login_fail(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->login_fail(l->self, c->login, c->now, &c->started, c->p, error);
}

static apr_status_t login_end(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->login_end(l->self, c->login, c->now, c->right, c->p, error);
}

static apr_status_t login_unlock(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    return l->ops->login_unlock(l->self, c->login, c->which, c->now, &c->locks, c->p, error);
}

/* A wrong try whose beginning another limiter has counted: here it is one from beginning to end. */
static apr_status_t login_fail_anew(const tai_limiter_t *l, void *call, const char **error)
{
    call_t *c = call;

    const apr_status_t rv = login_begin(l, call, error);

    return rv == APR_SUCCESS && !c->left_ms ? login_fail(l, call, error) : rv;
}

/* ---- what it has said --------------------------------------------------------------------- */

/*
 * The windows of who shows a token are told from memory only beside his lock: by the one without the
 * other he would learn that the token is right.
 */
static int recall_charge(call_t *c, apr_uint64_t trust_ms)
{
    const tai_said_e lock =
        c->counted ? tai_said_locked(taiauth_segment, c->counts, c->now, trust_ms) : TAI_SAID_YES;

    if (lock == TAI_SAID_NO) {
        return 1;
    }
    c->said = c->charged ? tai_said_full(taiauth_segment, c->charges, c->charged, c->now, trust_ms)
                         : TAI_SAID_NOTHING;
    return c->said == TAI_SAID_NO && (lock == TAI_SAID_YES || trust_ms == TAI_SAID_TO_THE_END);
}

/* An admission counts here, too: this host may come to stand in, if only by a reload amid an outage. */
static void note_charge(call_t *c)
{
    const int is_locked = c->counted && c->counts->left_ms;

    if (c->charged && c->admitted) {
        (void)tai_limiter_local_note(taiauth_segment, c->charges, c->charged, tai_clock_ms());
    }
    if (c->charged && !is_locked && (!c->admitted || c->said != TAI_SAID_NOTHING)) {
        tai_said_note_full(taiauth_segment, c->charges, c->charged, c->admitted, c->asked);
    }
    if (c->counted) {
        tai_said_note_locked(taiauth_segment, c->counts, !c->admitted, c->asked);
    }
}

/*
 * One that runs ends it, as it ends the counting. Where nobody else is to be asked any of them does, and
 * what stands before it is counted here, lest somebody whose lock runs tries tokens for ever.
 */
static int recall_locks(call_t *c, apr_uint64_t trust_ms)
{
    const int n = trust_ms == TAI_SAID_TO_THE_END ? c->counted : 1;
    int i;

    for (i = 0; i < c->counted; i++) {
        c->counts[i].left_ms = 0;
        c->counts[i].started = 0;
    }
    i = 0;
    while (i < n &&
           tai_said_locked(taiauth_segment, &c->counts[i], c->now, trust_ms) != TAI_SAID_NO) {
        i++;
    }
    if (i > 0 && i < n) {
        c->counted = i;
    }
    return i == 0;
}

static void note_locks(call_t *c)
{
    int i;

    for (i = 0; i < c->counted; i++) {
        tai_said_note_locked(taiauth_segment, &c->counts[i], 0, c->asked);
    }
}

/* Up to the first that ran: at what comes behind it nobody has looked. */
static void note_failures(call_t *c)
{
    int i = 0;

    while (i + 1 < c->counted && !c->counts[i].left_ms) {
        i++;
    }
    c->counted = i + 1;
    note_locks(c);
}

static int recall_login(call_t *c, apr_uint64_t trust_ms)
{
    return tai_said_login(taiauth_segment, c->login, c->now, trust_ms, &c->left_ms) == TAI_SAID_NO;
}

static void note_login(call_t *c)
{
    tai_said_note_login(taiauth_segment, c->login, 0, c->asked);
}

/* What is asked, what may be told instead without asking, and what is noted of the answer. */
typedef struct question_t {
    taiauth_operation_fn *run;
    int (*recall)(call_t *c, apr_uint64_t trust_ms); /* 1: it is refused; NULL: always asked */
    void (*note)(call_t *c);
} question_t;

static const question_t to_charge = {charge, recall_charge, note_charge};
static const question_t to_test = {test, NULL, NULL};
static const question_t to_lock = {locked, recall_locks, note_locks};
static const question_t to_fail = {fail, recall_locks, note_failures};
static const question_t to_begin = {login_begin, recall_login, note_login};
static const question_t to_fail_anew = {login_fail_anew, recall_login, NULL};

static int recalls(const question_t *question, call_t *call, apr_uint64_t trust_ms)
{
    if (!question->recall || !question->recall(call, trust_ms)) {
        return 0;
    }
    tai_metrics_add(&tai_segment_metrics(taiauth_segment)->limiter_recalled);
    return 1;
}

/* ---- decisions ---------------------------------------------------------------------------- */

static tai_reason_e ask_segment(const tai_limiter_ops_t *ops, taiauth_operation_fn *operation,
                                call_t *call)
{
    const tai_limiter_t limiter = of_segment(ops);
    const char *error;

    return operation(&limiter, call, &error) == APR_SUCCESS ? TAI_ADMITTED : TAI_SHARED_MEMORY;
}

/* @return 1: the shared one has decided */
static int ask_shared(taiauth_operation_fn *operation, call_t *call)
{
    const char *error;

    call->asked = tai_clock_ms();
    return taiauth_shared_ask(operation, call, &error);
}

/* @return 1: the shared one has decided, now or a moment ago */
static int ask(const question_t *question, call_t *call)
{
    if (recalls(question, call, TAI_SAID_TRUST_MS)) {
        return 1;
    }
    if (!ask_shared(question->run, call)) {
        return 0;
    }
    if (question->note) {
        question->note(call);
    }
    return 1;
}

/* In the place of a shared one that has not decided. */
static tai_reason_e fall_back(const question_t *question, call_t *call, taiauth_counted_e *where)
{
    tai_metrics_add(&tai_segment_metrics(taiauth_segment)->limiter_fallbacks);
    *where = TAIAUTH_COUNTED_LOCALLY;
    if (taiauth_shared.conf->on_error == TAIAUTH_ERROR_DENY) {
        return TAI_LIMITER;
    }
    if (call->said != TAI_SAID_NOTHING) { /* of several, what is not remembered is told as well */
        (void)ask_segment(&tai_limiter_local, test, call);
        call->admitted = 0;
    }
    return recalls(question, call, TAI_SAID_TO_THE_END)
               ? TAI_ADMITTED
               : ask_segment(&tai_limiter_local, question->run, call);
}

static tai_reason_e decide(const question_t *question, call_t *call, taiauth_counted_e *where)
{
    *where = TAIAUTH_COUNTED;
    if (!taiauth_shared.conf) {
        return ask_segment(&tai_limiter_shm, question->run, call);
    }
    return ask(question, call) ? TAI_ADMITTED : fall_back(question, call, where);
}

/* As decide, but no window is counted in the place of a shared one where none is to hold. */
static tai_reason_e decide_limit(const question_t *question, call_t *call, taiauth_counted_e *where)
{
    tai_reason_e reason = TAI_ADMITTED;

    if (!taiauth_shared.conf || taiauth_shared.conf->on_error != TAIAUTH_ERROR_ALLOW) {
        return decide(question, call, where);
    }
    *where = TAIAUTH_COUNTED;
    if (ask(question, call)) {
        return TAI_ADMITTED;
    }
    call->charged = 0;
    call->admitted = 1;
    if (call->counted) {
        call->admitted = 0;
        reason = fall_back(&to_charge, call, where);
    }
    else {
        tai_metrics_add(&tai_segment_metrics(taiauth_segment)->limiter_fallbacks);
    }
    *where = TAIAUTH_COUNTED_NOWHERE;
    return reason;
}

static tai_reason_e charge_shared(tai_charge_t *charges, int n, tai_count_t *lock, apr_uint64_t now,
                                  apr_pool_t *p, int *admitted, taiauth_counted_e *where)
{
    call_t call = {.p = p,
                   .now = now,
                   .charges = charges,
                   .charged = n,
                   .counts = lock,
                   .counted = lock != NULL};
    tai_reason_e reason;
    int i;

    for (i = 0; i < n; i++) {
        charges[i].noted_at = 0;
    }
    reason = decide_limit(&to_charge, &call, where);
    *admitted = reason == TAI_ADMITTED && call.admitted;
    return reason;
}

tai_reason_e taiauth_limiter_charge(tai_charge_t *charges, int n, tai_count_t *lock,
                                    apr_uint64_t now, apr_pool_t *p, int *admitted,
                                    taiauth_counted_e *where)
{
    const char *error;

    if (taiauth_shared.conf) {
        return charge_shared(charges, n, lock, now, p, admitted, where);
    }
    *where = TAIAUTH_COUNTED; /* the way of most requests: nothing is put together for it */
    return tai_limiter_shm.charge(taiauth_segment, charges, n, lock, now, admitted, p, &error) ==
                   APR_SUCCESS
               ? TAI_ADMITTED
               : TAI_SHARED_MEMORY;
}

tai_reason_e taiauth_limiter_test(tai_charge_t *charges, int n, apr_uint64_t now, apr_pool_t *p,
                                  int *admitted, taiauth_counted_e *where)
{
    call_t call = {.p = p, .now = now, .charges = charges, .charged = n};
    const tai_reason_e reason = decide_limit(&to_test, &call, where);

    *admitted = reason == TAI_ADMITTED && call.admitted;
    return reason;
}

void taiauth_limiter_refund(const tai_charge_t *charges, int n, apr_pool_t *p,
                            taiauth_counted_e where)
{
    call_t call = {.p = p, .now = tai_clock_ms(), .charges = (tai_charge_t *)charges, .charged = n};
    int i;

    if (where == TAIAUTH_COUNTED_LOCALLY) {
        (void)ask_segment(&tai_limiter_local, refund, &call);
    }
    else if (taiauth_shared.conf) {
        (void)tai_limiter_local_unnote(taiauth_segment, charges, n, call.now);
        (void)ask_shared(refund, &call);
        /* behind it: who asked before may have noted a refusal meanwhile */
        for (i = 0; i < n; i++) {
            tai_said_note_full(taiauth_segment, &charges[i], 1, 1, call.asked);
        }
    }
    else {
        (void)ask_segment(&tai_limiter_shm, refund, &call);
    }
}

tai_reason_e taiauth_limiter_locked(tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p)
{
    call_t call = {.p = p, .now = now, .counts = counts, .counted = n};
    taiauth_counted_e where;

    return decide(&to_lock, &call, &where);
}

tai_reason_e taiauth_limiter_fail(tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p)
{
    call_t call = {.p = p, .now = now, .counts = counts, .counted = n};
    taiauth_counted_e where;
    const tai_reason_e reason = decide(&to_fail, &call, &where);
    int i;

    for (i = 0; i < n && reason == TAI_ADMITTED; i++) {
        if (counts[i].started) {
            tai_metrics_add(&tai_segment_metrics(taiauth_segment)->locks_started);
        }
    }
    return reason;
}

/* ---- log-ins ------------------------------------------------------------------------------ */

tai_reason_e taiauth_limiter_login_begin(taiauth_tries_t *tries, apr_uint64_t now, apr_pool_t *p,
                                         apr_uint64_t *left_ms)
{
    call_t call = {.p = p, .now = now, .login = &tries->login};
    const tai_reason_e reason = decide(&to_begin, &call, &tries->where);

    *left_ms = call.left_ms;
    return reason;
}

tai_reason_e taiauth_limiter_login_fail(taiauth_tries_t *tries, apr_uint64_t now, apr_pool_t *p,
                                        unsigned *started)
{
    call_t call = {.p = p, .now = now, .login = &tries->login};
    tai_reason_e reason = TAI_ADMITTED;

    if (tries->where == TAIAUTH_COUNTED_LOCALLY) {
        reason = ask_segment(&tai_limiter_local, login_fail, &call);
    }
    else if (!taiauth_shared.conf) {
        reason = ask_segment(&tai_limiter_shm, login_fail, &call);
    }
    else if (!ask_shared(login_fail, &call)) {
        reason = fall_back(&to_fail_anew, &call, &tries->where);
    }
    else if (call.started) {
        tai_said_note_login(taiauth_segment, call.login, call.started, call.asked);
    }
    *started = call.started;
    return reason;
}

/* Where the end of it cannot be told, the try stays counted, which leaves room for one less. */
tai_reason_e taiauth_limiter_login_end(taiauth_tries_t *tries, apr_uint64_t now, apr_pool_t *p,
                                       int right)
{
    call_t call = {.p = p, .now = now, .login = &tries->login, .right = right};

    if (tries->where == TAIAUTH_COUNTED_LOCALLY) {
        return ask_segment(&tai_limiter_local, login_end, &call);
    }
    if (!taiauth_shared.conf) {
        return ask_segment(&tai_limiter_shm, login_end, &call);
    }
    if (ask_shared(login_end, &call)) {
        return TAI_ADMITTED;
    }
    tai_metrics_add(&tai_segment_metrics(taiauth_segment)->limiter_fallbacks);
    return taiauth_shared.conf->on_error == TAIAUTH_ERROR_DENY ? TAI_LIMITER : TAI_ADMITTED;
}

/* ---- an operator's orders ----------------------------------------------------------------- */

/*
 * In what this server has counted in the place of a shared one, there, and in what it remembers of it:
 * that last, for who asked before may have noted a lock meanwhile.
 */
static const char *lift(taiauth_operation_fn *operation, apr_status_t (*forget)(const call_t *c),
                        call_t *call, int *locks)
{
    const tai_limiter_ops_t *ops = taiauth_shared.conf ? &tai_limiter_local : &tai_limiter_shm;
    const char *error = NULL;

    call->now = tai_clock_ms();
    if (ask_segment(ops, operation, call) != TAI_ADMITTED) {
        return "shared memory cannot be used; some locks may stand";
    }
    *locks += call->locks;
    if (!taiauth_shared.conf) {
        return NULL;
    }
    call->locks = 0;
    if (!taiauth_shared_ask(operation, call, &error)) {
        error = apr_psprintf(call->p, "the limiter %s does not answer: %s; locks there may stand",
                             taiauth_shared_address(), error);
    }
    else {
        error = NULL;
    }
    *locks += call->locks;
    return forget(call) == APR_SUCCESS ? error
                                       : "shared memory cannot be used; some locks may stand";
}

static apr_status_t forget_locks(const call_t *c)
{
    return tai_said_unlock(taiauth_segment, c->counts, c->counted, c->now);
}

static apr_status_t forget_login(const call_t *c)
{
    return tai_said_login_unlock(taiauth_segment, c->login, c->which, c->now);
}

const char *taiauth_limiter_unlock(const tai_count_t *counts, int n, apr_pool_t *p, int *locks)
{
    call_t call = {.p = p, .counts = (tai_count_t *)counts, .counted = n};

    return n ? lift(unlock, forget_locks, &call, locks) : NULL;
}

const char *taiauth_limiter_login_unlock(const tai_login_t *login, tai_login_count_e which,
                                         apr_pool_t *p, int *locks)
{
    call_t call = {.p = p, .login = (tai_login_t *)login, .which = which};

    return lift(login_unlock, forget_login, &call, locks);
}
