/*
 * From a presented credential to a judgement: form, digest, lock of the pair, key table, throttles,
 * database, record.
 * What fails is counted against the client's prefix and, in the key-and-token dialect, against the
 * pair of apikey and prefix.
 */

#include "order.h"

#include "../core/clock.h"
#include "../core/failures.h"
#include "../core/key.h"
#include "../core/known.h"
#include "../core/when.h"
#include "../core/windows.h"

#define UNDECIDED_MS (TAIAUTH_UNDECIDED_S * 1000)

/* A locked prefix may have this many keys looked up that are not known to be real ... */
static const tai_limit_t client_lookups = {10, 1000};
/* ... any prefix this many tickets: more than an operator's script sends ... */
static const tai_limit_t client_tickets = {100, 1000};
/* ... and all clients of the node together this many. */
static const tai_limit_t node_lookups = {500, 1000};

/* One request's verification under way. */
typedef struct verification_t {
    request_rec *r;
    apr_pool_t *p;                /* of the initial request: what is found may outlive r */
    const tai_lockout_t *lockout; /* NULL: off */
    int dry;                      /* lockout verdicts are not enforced */
    int supposed;                 /* an operator asks: nothing is counted */
    taiauth_credential_t credential;
    apr_uint64_t now;
    tai_id_t client; /* both only where there is a lockout */
    tai_id_t pair;
    tai_id_t known; /* only where the database is asked, as what follows */
    int charged;    /* as a look-up of an unknown key */
    tai_charge_t charge;
    taiauth_judgement_t *j;
} verification_t;

static tai_reason_e settle(verification_t *v, tai_reason_e reason, apr_uint64_t wait_ms)
{
    v->j->reason = reason;
    v->j->retry_after = (apr_uint32_t)((wait_ms + 999) / 1000);
    return reason;
}

/* kind | policy | principal, folded; the policy is N/W/D of the lockout */
static tai_id_t identify(request_rec *r, const tai_lockout_t *lockout, char kind,
                         const tai_digest_t *digest)
{
    unsigned char bytes[64];
    apr_size_t len = 0;
    apr_uint32_t policy[3] = {0, 0, 0};

    if (lockout) {
        policy[0] = lockout->failures.max;
        policy[1] = lockout->failures.window_ms;
        policy[2] = lockout->lock_ms;
    }
    bytes[len++] = (unsigned char)kind;
    memcpy(bytes + len, policy, sizeof(policy));
    len += sizeof(policy);
    len += taiauth_client_prefix(r, bytes + len);
    if (digest) {
        memcpy(bytes + len, digest->bytes, sizeof(digest->bytes));
        len += sizeof(digest->bytes);
    }
    return tai_segment_id(taiauth_segment, bytes, len);
}

tai_id_t taiauth_failures_id(request_rec *r, const tai_lockout_t *lockout,
                             const tai_digest_t *digest)
{
    return identify(r, lockout, digest ? 'p' : 'c', digest);
}

static int is_pair(const verification_t *v)
{
    return v->credential.asked != TAI_TOKEN_NOT_ASKED;
}

/* ---- failures ----------------------------------------------------------------------------- */

/* Count one failure; TAI_ADMITTED: it was counted, else the lock that ran already. */
static tai_reason_e record_failure(verification_t *v, tai_table_e which, tai_id_t id,
                                   tai_reason_e locked, apr_uint64_t *left)
{
    tai_table_t *table = tai_segment_table(taiauth_segment, which);
    int started = 0;
    apr_status_t rv = v->supposed
                          ? tai_failures_locked(table, id, v->now, left)
                          : tai_failures_record(table, id, v->lockout, v->now, left, &started);

    if (rv != APR_SUCCESS) {
        return TAI_SHARED_MEMORY;
    }
    if (started) {
        tai_metrics_add(&tai_segment_metrics(taiauth_segment)->locks_started);
    }
    return *left ? locked : TAI_ADMITTED;
}

/* An INVALID_API_KEY answer: counted, and answered as a lock where one runs. */
static tai_reason_e fail(verification_t *v, tai_reason_e reason, int apikey_exists)
{
    tai_reason_e lock = TAI_ADMITTED;
    apr_uint64_t left = 0;

    if (!v->lockout) {
        return settle(v, reason, 0);
    }
    lock = record_failure(v, TAI_TABLE_CLIENTS, v->client, TAI_CLIENT_LOCKED, &left);
    if (apikey_exists && is_pair(v) && lock != TAI_SHARED_MEMORY) {
        apr_uint64_t pair_left = 0;
        tai_reason_e pair =
            record_failure(v, TAI_TABLE_PAIRS, v->pair, TAI_PAIR_LOCKED, &pair_left);

        if (pair == TAI_SHARED_MEMORY || pair_left > left) {
            lock = pair;
            left = pair_left;
        }
    }
    if (lock == TAI_SHARED_MEMORY) {
        return settle(v, TAI_SHARED_MEMORY, UNDECIDED_MS);
    }
    if (lock != TAI_ADMITTED && v->dry) {
        taiauth_refuse_dry(v->r, lock);
        lock = TAI_ADMITTED;
    }
    return lock == TAI_ADMITTED ? settle(v, reason, 0) : settle(v, lock, left);
}

/* ---- locks and throttles ------------------------------------------------------------------ */

/* A locked pair is refused, the right token included. */
static tai_reason_e check_pair_lock(verification_t *v)
{
    apr_uint64_t left = 0;

    if (!v->lockout || !is_pair(v)) {
        return TAI_ADMITTED;
    }
    if (tai_failures_locked(tai_segment_table(taiauth_segment, TAI_TABLE_PAIRS), v->pair, v->now,
                            &left) != APR_SUCCESS) {
        return settle(v, TAI_SHARED_MEMORY, UNDECIDED_MS);
    }
    if (left && v->dry) {
        taiauth_refuse_dry(v->r, TAI_PAIR_LOCKED);
        left = 0;
    }
    return left ? settle(v, TAI_PAIR_LOCKED, left) : TAI_ADMITTED;
}

/* Of one client. */
static apr_status_t charge_client(tai_id_t id, const tai_limit_t *limit, apr_uint64_t now,
                                  int *admitted)
{
    tai_charge_t charge = {.table = tai_segment_table(taiauth_segment, TAI_TABLE_ADDRESSES),
                           .id = id,
                           .limit = *limit};

    return tai_windows_charge(&charge, 1, now, admitted);
}

static apr_status_t charge_node(tai_charge_t *charge, apr_uint64_t now, int *admitted)
{
    static const char node[] = "node look-ups";

    charge->table = tai_segment_table(taiauth_segment, TAI_TABLE_WINDOWS);
    charge->id = tai_segment_id(taiauth_segment, node, sizeof(node));
    charge->limit = node_lookups;
    return tai_windows_charge(charge, 1, now, admitted);
}

/* No lock stops who makes tickets up: from one address they must not use up what keys need. */
int taiauth_may_look_ticket_up(request_rec *r)
{
    apr_uint64_t now = tai_clock_ms();
    tai_charge_t charge = {0};
    int admitted = 0;

    return taiauth_segment &&
           charge_client(identify(r, NULL, 't', NULL), &client_tickets, now, &admitted) ==
               APR_SUCCESS &&
           admitted && charge_node(&charge, now, &admitted) == APR_SUCCESS && admitted;
}

/* The look-ups of a locked prefix are few, so that a lock is one for the database too. */
static tai_reason_e throttle_client(verification_t *v)
{
    apr_uint64_t left = 0;
    int admitted = 1;
    apr_status_t rv = APR_SUCCESS;

    if (!v->lockout || v->dry) {
        return TAI_ADMITTED;
    }
    rv = tai_failures_locked(tai_segment_table(taiauth_segment, TAI_TABLE_CLIENTS), v->client,
                             v->now, &left);
    if (rv == APR_SUCCESS && left) {
        rv = charge_client(identify(v->r, v->lockout, 'l', NULL), &client_lookups, v->now,
                           &admitted);
    }
    if (rv != APR_SUCCESS) {
        return settle(v, TAI_SHARED_MEMORY, UNDECIDED_MS);
    }
    return admitted ? TAI_ADMITTED : settle(v, TAI_CLIENT_LOOKUPS, 1000);
}

/* The throttles do not concern a key that the database has lately confirmed. */
static tai_reason_e throttle(verification_t *v)
{
    int seen = 0;
    int admitted = 0;
    apr_status_t rv;

    v->known = tai_segment_id(taiauth_segment, v->j->key.bytes, sizeof(v->j->key.bytes));
    rv = tai_known_seen(tai_segment_table(taiauth_segment, TAI_TABLE_KNOWN), v->known, v->now,
                        &seen);
    if (rv == APR_SUCCESS && seen) {
        return TAI_ADMITTED;
    }
    if (rv == APR_SUCCESS && throttle_client(v) != TAI_ADMITTED) {
        return v->j->reason;
    }
    if (rv == APR_SUCCESS) {
        rv = charge_node(&v->charge, v->now, &admitted);
    }
    if (rv != APR_SUCCESS) {
        return settle(v, TAI_SHARED_MEMORY, UNDECIDED_MS);
    }
    v->charged = admitted;
    return admitted ? TAI_ADMITTED : settle(v, TAI_NODE_LOOKUPS, 1000);
}

/* It was no look-up of an unknown key: many real ones at once, after a start, hold nobody back. */
static void confirm(verification_t *v)
{
    if (v->charged) {
        /* failing in either costs the key no more than a throttled look-up later */
        (void)tai_windows_refund(&v->charge, 1);
        (void)tai_known_confirm(tai_segment_table(taiauth_segment, TAI_TABLE_KNOWN), v->known,
                                v->now);
    }
}

/* ---- key table and database ----------------------------------------------------------------- */

static tai_reason_e look_up(verification_t *v)
{
    const char *error = "no database is configured";
    tai_known_key_t known = {.failure = TAI_DATABASE};
    tai_lookup_e found = TAI_LOOKUP_FAILED;

    if (taiauth_lookup) {
        found = tai_lookup_recall(taiauth_lookup, &v->j->key, v->now, v->p, &known, &error);
    }
    if (found == TAI_LOOKUP_ABSENT) {
        if (throttle(v) != TAI_ADMITTED) {
            return v->j->reason;
        }
        found = tai_lookup_ask(taiauth_lookup, &v->j->key, v->now, v->p, &known, &error);
    }
    if (found == TAI_LOOKUP_FAILED) {
        taiauth_database_complain(v->r, error);
        return settle(v, known.failure, UNDECIDED_MS);
    }
    v->j->record = known.record;
    v->j->version = known.version;
    return TAI_ADMITTED;
}

static void admit(verification_t *v)
{
    taiauth_judgement_t *j = v->j;

    j->user = is_pair(v) ? j->record->user : j->record->account;
    settle(v, TAI_ADMITTED, 0);
}

static tai_reason_e judge_record(verification_t *v)
{
    const tai_record_t *record = v->j->record;
    tai_reason_e reason;

    if (!record) {
        return fail(v, TAI_KEY_UNKNOWN, 0);
    }
    reason = tai_judge_key(record, v->credential.asked, &v->j->token,
                           record->expires_at == TAI_NEVER ? 0 : tai_when_now());
    taiauth_explain_judged(v->r, record, v->credential.asked, reason);
    if (tai_reason_code(reason) == TAI_CODE_INVALID_API_KEY) {
        return fail(v, reason, 1);
    }
    confirm(v);
    if (reason != TAI_ADMITTED) {
        return settle(v, reason, 0);
    }
    admit(v);
    return TAI_ADMITTED;
}

/* ---- the whole of it ---------------------------------------------------------------------- */

static int digest_credential(verification_t *v)
{
    taiauth_judgement_t *j = v->j;

    j->asked = v->credential.asked;
    return tai_digest(v->credential.key, &j->key) == APR_SUCCESS &&
           (j->asked != TAI_TOKEN_GIVEN ||
            tai_digest(v->credential.token, &j->token) == APR_SUCCESS);
}

/* What failures will be counted against. */
static void identify_failures(verification_t *v)
{
    if (v->lockout) {
        v->client = taiauth_failures_id(v->r, v->lockout, NULL);
    }
    if (v->lockout && is_pair(v)) {
        v->pair = taiauth_failures_id(v->r, v->lockout, &v->j->key);
    }
}

static void verify(verification_t *v)
{
    int digested = v->credential.reason != TAI_ADMITTED || digest_credential(v);

    identify_failures(v);
    if (v->credential.reason != TAI_ADMITTED) {
        fail(v, v->credential.reason, 0);
    }
    else if (!digested) {
        settle(v, TAI_DIGEST, UNDECIDED_MS);
    }
    else if (check_pair_lock(v) == TAI_ADMITTED && look_up(v) == TAI_ADMITTED) {
        judge_record(v);
    }
}

/* ---- what an operator asks about ----------------------------------------------------------- */

/* The record of a key in the place of a key. */
static tai_reason_e look_up_by_id(verification_t *v, const char *id)
{
    const char *error = NULL;

    if (tai_store_find_key_by_id(taiauth_store, id, v->p, &v->j->record, &error) != APR_SUCCESS) {
        taiauth_explain_step(v->r, "key", "%s: the database gave no answer", id);
        taiauth_database_complain(v->r, error);
        return settle(v, TAI_DATABASE, UNDECIDED_MS);
    }
    if (!v->j->record) {
        taiauth_explain_step(v->r, "key", "%s: there is no key with this id", id);
        return fail(v, TAI_KEY_UNKNOWN, 0);
    }
    return TAI_ADMITTED;
}

/* The right key is taken to be there, and the right token. */
static tai_reason_e suppose_credential(verification_t *v, const taiauth_dir_t *conf)
{
    const tai_record_t *record = v->j->record;
    tai_reason_e form = taiauth_key_reason(tai_key_prefix_shape(record->prefix),
                                           TAIAUTH_GET(taiauth_server(v->r->server), key_format));

    v->credential.asked = taiauth_token_header(conf) ? TAI_TOKEN_GIVEN : TAI_TOKEN_NOT_ASKED;
    v->j->asked = v->credential.asked;
    v->j->key = record->key;
    v->j->token = record->token;
    identify_failures(v);
    taiauth_explain_step(v->r, "key", "%s, %s...: account %s, user %s, plan %s", record->id,
                         record->prefix, record->account, record->user, record->plan);
    return form == TAI_ADMITTED ? form : fail(v, form, 0);
}

/* off: TaiAuthLockout holds nothing here */
static void explain_lockout(verification_t *v, int off)
{
    apr_uint64_t left = 0;

    if (!v->lockout) {
        taiauth_explain_step(v->r, "lockout",
                             off ? "TaiAuthLockout is off here"
                                 : "depends on the client: name one by --client");
        taiauth_explain_mark(taiauth_request(v->r), off ? "ok" : "not tested", NULL);
        return;
    }
    (void)tai_failures_locked(tai_segment_table(taiauth_segment, TAI_TABLE_CLIENTS), v->client,
                              v->now, &left);
    taiauth_explain_step(v->r, "lockout", "client %s: %s", v->r->useragent_ip,
                         left ? apr_psprintf(v->p,
                                             "locked for another %d s: what fails gets 429, a good "
                                             "key passes",
                                             (int)((left + 999) / 1000))
                              : "not locked");
}

static void verify_supposed(verification_t *v, const taiauth_order_t *order,
                            const taiauth_dir_t *conf)
{
    int off = !v->lockout;

    v->supposed = 1;
    if (!order->client) {
        v->lockout = NULL; /* the locks of nobody in particular */
    }
    identify_failures(v); /* one that is not there counts against the client too */
    if (look_up_by_id(v, order->key_id) != TAI_ADMITTED ||
        suppose_credential(v, conf) != TAI_ADMITTED) {
        return;
    }
    explain_lockout(v, off);
    if (check_pair_lock(v) == TAI_ADMITTED) {
        judge_record(v);
    }
}

/* Of a line of keys that begins with this one there may be no other: most keys are never rolled. */
static void identify_record(taiauth_judgement_t *j)
{
    const tai_record_t *record = j->record;

    j->id = tai_segment_id(taiauth_segment, record->id, strlen(record->id));
    j->line = strcmp(record->line, record->id)
                  ? tai_segment_id(taiauth_segment, record->line, strlen(record->line))
                  : j->id;
}

static void note_prefix(taiauth_judgement_t *j, const taiauth_credential_t *credential)
{
    if (credential->shape == TAI_SHAPE_OURS || credential->shape == TAI_SHAPE_CHECKSUM) {
        memcpy(j->prefix, credential->key, TAI_KEY_PREFIX_LEN);
        memcpy(j->prefix + TAI_KEY_PREFIX_LEN, "...", sizeof("..."));
    }
}

taiauth_judgement_t *taiauth_verify(request_rec *r, taiauth_request_t *ctx,
                                    const taiauth_dir_t *conf)
{
    verification_t v = {0};

    v.r = r;
    v.p = taiauth_initial(r)->pool;
    v.lockout = conf->lockout && conf->lockout->failures.max ? conf->lockout : NULL;
    v.dry = TAIAUTH_GET(conf, dry_run) & TAIAUTH_DRY_LOCKOUT;
    v.now = ctx->now = tai_clock_ms();
    v.j = apr_pcalloc(v.p, sizeof(*v.j));
    /* that of a subrequest goes with its pool; what it points to is of the configuration itself */
    v.j->conf = apr_pmemdup(v.p, conf, sizeof(*conf));
    taiauth_credential_read(r, ctx, conf, &v.credential);
    note_prefix(v.j, &v.credential);
    if (ctx->explanation) {
        verify_supposed(&v, ctx->order, conf);
    }
    else if (tai_reason_code(v.credential.reason) == TAI_CODE_MISSING_API_KEY) {
        settle(&v, v.credential.reason, 0);
    }
    else if (!taiauth_segment) {
        settle(&v, TAI_SHARED_MEMORY, UNDECIDED_MS);
    }
    else {
        verify(&v);
    }
    if (v.j->record && taiauth_segment) {
        identify_record(v.j);
    }
    v.j->next = ctx->judgements;
    ctx->judgements = v.j;
    return v.j;
}
