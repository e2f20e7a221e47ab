/*
 * From a presented credential to a judgement: form, digest, lock of the pair, key table, throttles,
 * database, record.
 * What fails is counted against the client's prefix and, in the key-and-token dialect, against the
 * pair of apikey and prefix.
 */

#include "limiter.h"
#include "order.h"

#include "../core/clock.h"
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

/* What its failures are counted in; of who is at a locked pair nothing is counted behind it. */
enum { PAIR, CLIENT, COUNTS };

static const tai_reason_e lock_reasons[COUNTS] = {TAI_PAIR_LOCKED, TAI_CLIENT_LOCKED};

/* One request's verification under way. */
typedef struct verification_t {
    request_rec *r;
    apr_pool_t *p;                /* of the initial request: what is found may outlive r */
    const tai_lockout_t *lockout; /* NULL: off */
    int dry;                      /* lockout verdicts are not enforced */
    int supposed;                 /* an operator asks: nothing is counted */
    taiauth_credential_t credential;
    apr_uint64_t now;
    tai_count_t counts[COUNTS]; /* only where there is a lockout; PAIR: and a pair */
    tai_id_t known;             /* only where the database is asked, as what follows */
    int charged;                /* as a look-up of an unknown key */
    tai_charge_t charge;
    taiauth_judgement_t *j;
} verification_t;

static apr_uint32_t in_seconds(apr_uint64_t ms)
{
    return (apr_uint32_t)((ms + 999) / 1000);
}

static tai_reason_e settle(verification_t *v, tai_reason_e reason, apr_uint64_t wait_ms)
{
    v->j->reason = reason;
    v->j->retry_after = in_seconds(wait_ms);
    return reason;
}

/* What an identity is made of: kind | policy | principal; the policy is N/W/D of the lockout. */
typedef struct name_t {
    unsigned char bytes[64];
    apr_size_t len;
} name_t;

static name_t name_of(request_rec *r, const tai_lockout_t *lockout, char kind,
                      const tai_digest_t *digest)
{
    name_t name = {.len = 0};
    apr_uint32_t policy[3] = {0, 0, 0};

    if (lockout) {
        policy[0] = lockout->failures.max;
        policy[1] = lockout->failures.window_ms;
        policy[2] = lockout->lock_ms;
    }
    name.bytes[name.len++] = (unsigned char)kind;
    memcpy(name.bytes + name.len, policy, sizeof(policy));
    name.len += sizeof(policy);
    name.len += taiauth_client_prefix(r, name.bytes + name.len);
    if (digest) {
        memcpy(name.bytes + name.len, digest->bytes, sizeof(digest->bytes));
        name.len += sizeof(digest->bytes);
    }
    return name;
}

tai_count_t taiauth_failures_count(request_rec *r, const tai_lockout_t *lockout,
                                   const tai_digest_t *digest)
{
    const name_t name = name_of(r, lockout, digest ? 'p' : 'c', digest);
    tai_count_t count = {.table = digest ? TAI_TABLE_PAIRS : TAI_TABLE_CLIENTS,
                         .id = taiauth_limiter_id(name.bytes, name.len),
                         .lockout = lockout};

    if (taiauth_limiter_shared && !digest) {
        count.tag = taiauth_limiter_client(r);
    }
    return count;
}

void taiauth_failures_tag(tai_count_t *count, const tai_record_t *record)
{
    if (taiauth_limiter_shared) {
        count->tag = taiauth_limiter_id(record->account_id, strlen(record->account_id));
    }
}

static int is_pair(const verification_t *v)
{
    return v->credential.asked != TAI_TOKEN_NOT_ASKED;
}

/* ---- failures ----------------------------------------------------------------------------- */

/*
 * The lock that ran already; COUNTS: none did. That of the pair comes first: it is all that who has
 * the right token gets to see.
 */
static int lock_that_ran(const verification_t *v, int first)
{
    int i = first;

    while (i < COUNTS && !v->counts[i].left_ms) {
        i++;
    }
    return i;
}

/* An INVALID_API_KEY answer: counted, and answered as a lock where one runs. */
static tai_reason_e fail(verification_t *v, tai_reason_e reason, int apikey_exists)
{
    const int first = apikey_exists && is_pair(v) ? PAIR : CLIENT;
    tai_reason_e counted;
    int lock;

    if (!v->lockout) {
        return settle(v, reason, 0);
    }
    counted = (v->supposed ? taiauth_limiter_locked : taiauth_limiter_fail)(
        v->counts + first, COUNTS - first, v->now, v->r->pool);
    if (counted != TAI_ADMITTED) {
        return settle(v, counted, UNDECIDED_MS);
    }
    lock = lock_that_ran(v, first);
    if (lock != COUNTS && !v->dry) {
        return settle(v, lock_reasons[lock], v->counts[lock].left_ms);
    }
    if (lock != COUNTS) {
        taiauth_refuse_dry(v->r, lock_reasons[lock]);
    }
    return settle(v, reason, 0);
}

/* ---- locks and throttles ------------------------------------------------------------------ */

tai_reason_e taiauth_lock_settle(request_rec *r, taiauth_judgement_t *j, tai_reason_e reason)
{
    const taiauth_lock_t *lock = j->lock;

    j->lock = NULL;
    if (reason == TAI_ADMITTED && lock->count.left_ms && lock->dry) {
        taiauth_refuse_dry(r, TAI_PAIR_LOCKED);
    }
    else if (reason == TAI_ADMITTED && lock->count.left_ms) {
        reason = TAI_PAIR_LOCKED;
        j->retry_after = in_seconds(lock->count.left_ms);
    }
    else if (reason != TAI_ADMITTED) {
        j->retry_after = TAIAUTH_UNDECIDED_S;
    }
    if (reason != TAI_ADMITTED) {
        j->reason = reason;
    }
    return reason;
}

tai_reason_e taiauth_lock_ask(request_rec *r, taiauth_judgement_t *j)
{
    return j && j->lock
               ? taiauth_lock_settle(
                     r, j, taiauth_limiter_locked(&j->lock->count, 1, tai_clock_ms(), r->pool))
               : TAI_ADMITTED;
}

/* A locked pair is refused, the right token included. */
static tai_reason_e check_pair_lock(verification_t *v)
{
    const tai_count_t *pair = &v->counts[PAIR];
    tai_reason_e reason;

    if (!v->lockout || !is_pair(v)) {
        return TAI_ADMITTED;
    }
    reason = taiauth_limiter_locked(&v->counts[PAIR], 1, v->now, v->r->pool);
    if (reason != TAI_ADMITTED) {
        return settle(v, reason, UNDECIDED_MS);
    }
    if (pair->left_ms && v->dry) {
        taiauth_refuse_dry(v->r, TAI_PAIR_LOCKED);
        return TAI_ADMITTED;
    }
    return pair->left_ms ? settle(v, TAI_PAIR_LOCKED, pair->left_ms) : TAI_ADMITTED;
}

/*
 * What several hosts share is asked once a request: by the charge, or by the first that would give
 * away that the pair is right. A failure asks by itself.
 */
static void leave_lock_open(verification_t *v)
{
    if (v->lockout && is_pair(v)) {
        v->j->lock = apr_palloc(v->p, sizeof(*v->j->lock));
        *v->j->lock = (taiauth_lock_t){v->counts[PAIR], v->dry};
    }
}

/* Of one client. What protects this host is counted on this host. */
static apr_status_t charge_client(name_t name, const tai_limit_t *limit, apr_uint64_t now,
                                  int *admitted)
{
    tai_charge_t charge = {.table = tai_segment_table(taiauth_segment, TAI_TABLE_ADDRESSES),
                           .id = tai_segment_id(taiauth_segment, name.bytes, name.len),
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
           charge_client(name_of(r, NULL, 't', NULL), &client_tickets, now, &admitted) ==
               APR_SUCCESS &&
           admitted && charge_node(&charge, now, &admitted) == APR_SUCCESS && admitted;
}

/* The look-ups of a locked prefix are few, so that a lock is one for the database too. */
static tai_reason_e throttle_client(verification_t *v)
{
    tai_reason_e reason;
    int admitted = 1;

    if (!v->lockout || v->dry) {
        return TAI_ADMITTED;
    }
    reason = taiauth_limiter_locked(&v->counts[CLIENT], 1, v->now, v->r->pool);
    if (reason == TAI_ADMITTED && v->counts[CLIENT].left_ms &&
        charge_client(name_of(v->r, v->lockout, 'l', NULL), &client_lookups, v->now, &admitted) !=
            APR_SUCCESS) {
        reason = TAI_SHARED_MEMORY;
    }
    if (reason != TAI_ADMITTED) {
        return settle(v, reason, UNDECIDED_MS);
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
        (void)tai_windows_refund(&v->charge, 1, tai_clock_ms());
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
    if (v->lockout && is_pair(v)) {
        taiauth_failures_tag(&v->counts[PAIR], record);
    }
    reason = tai_judge_key(record, v->credential.asked, &v->j->token,
                           record->expires_at == TAI_NEVER ? 0 : tai_when_now());
    taiauth_explain_judged(v->r, record, v->credential.asked, reason);
    if (tai_reason_code(reason) == TAI_CODE_INVALID_API_KEY) {
        return fail(v, reason, 1);
    }
    confirm(v);
    if (taiauth_limiter_shared && !v->supposed) {
        leave_lock_open(v);
    }
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
        v->counts[CLIENT] = taiauth_failures_count(v->r, v->lockout, NULL);
    }
    if (v->lockout && is_pair(v)) {
        v->counts[PAIR] = taiauth_failures_count(v->r, v->lockout, &v->j->key);
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
    else if ((taiauth_limiter_shared || check_pair_lock(v) == TAI_ADMITTED) &&
             look_up(v) == TAI_ADMITTED) {
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
    taiauth_failures_tag(&v->counts[PAIR], record);
    taiauth_explain_step(v->r, "key", "%s, %s...: account %s, user %s, plan %s", record->id,
                         record->prefix, record->account, record->user, record->plan);
    return form == TAI_ADMITTED ? form : fail(v, form, 0);
}

/* off: TaiAuthLockout holds nothing here */
static void explain_lockout(verification_t *v, int off)
{
    const tai_count_t *client = &v->counts[CLIENT];
    const char *text = "not locked";

    if (!v->lockout) {
        taiauth_explain_step(v->r, "lockout",
                             off ? "TaiAuthLockout is off here"
                                 : "depends on the client: name one by --client");
        taiauth_explain_mark(taiauth_request(v->r), off ? "ok" : "not tested", NULL);
        return;
    }
    if (taiauth_limiter_locked(&v->counts[CLIENT], 1, v->now, v->r->pool) != TAI_ADMITTED) {
        text = "nobody knows whether it is locked: what fails gets 503";
    }
    else if (client->left_ms) {
        text = apr_psprintf(v->p, "locked for another %u s: what fails gets 429, a good key passes",
                            in_seconds(client->left_ms));
    }
    taiauth_explain_step(v->r, "lockout", "client %s: %s", v->r->useragent_ip, text);
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
    taiauth_limiter_explain(v->r);
    explain_lockout(v, off);
    if (check_pair_lock(v) == TAI_ADMITTED) {
        judge_record(v);
    }
}

/* Of a line of keys that begins with this one there may be no other: most keys are never rolled. */
static int begins_line(const tai_record_t *record)
{
    return !strcmp(record->line, record->id);
}

static void identify_record(taiauth_judgement_t *j)
{
    const tai_record_t *record = j->record;

    j->id = tai_segment_id(taiauth_segment, record->id, strlen(record->id));
    j->line = begins_line(record) && !taiauth_limiter_shared
                  ? j->id
                  : taiauth_limiter_id(record->line, strlen(record->line));
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
