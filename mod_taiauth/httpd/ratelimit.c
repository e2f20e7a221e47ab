/*
 * Rate limits: which windows a request has to pass, the charge, and the headers that tell of it.
 */

#include "limiter.h"

#include <apr_siphash.h>
#include "../core/clock.h"

/* A limit that holds for this request: a line of the configuration, perhaps with other numbers. */
typedef struct held_t {
    const taiauth_limit_line_t *line;
    tai_limit_t limit;
} held_t;

/* All of them: as many as can be charged at once. */
typedef struct held_list_t {
    int n;
    held_t of[TAI_TABLE_LOCK_MAX];
} held_list_t;

/* Who is charged: a key, nobody known, or a user of the management API. */
typedef struct payer_t {
    apr_uint64_t kind;      /* what sets windows of one policy apart */
    tai_id_t id;            /* of the line of keys, or of the user, folded */
    const char *account_id; /* NULL: nobody known, and no id either */
    const char *plan;       /* NULL: nobody known */
    taiauth_judgement_t *j; /* whose lock is asked about; NULL: a user's */
} payer_t;

/* Added to the identity of a window. */
#define OF_KEYS  0
#define OF_USERS (APR_UINT64_C(1) << 32)

/* ---- which limits hold -------------------------------------------------------------------- */

/* Where no unnamed line says otherwise, a limit in the database holds per key under this policy. */
static const taiauth_limit_line_t database_line = {
    .per = TAIAUTH_PER_KEY, .shown = "default", .policy = {0, 1}};

/* What a user may ask of the management API where no line says. */
static const taiauth_limit_line_t user_line = {
    .limit = TAIAUTH_USER_LIMIT, .per = TAIAUTH_PER_KEY, .shown = "default", .policy = {0, 2}};

static int same_group(const taiauth_limit_line_t *a, const taiauth_limit_line_t *b)
{
    if (a->per != b->per || !a->name != !b->name) {
        return 0;
    }
    return !a->name || (!strcmp(a->name, b->name) && a->limit.window_ms == b->limit.window_ms);
}

/* Of the lines of a group the one for the request's plan holds, else the one for all plans. */
static void hold(held_list_t *held, const taiauth_limit_line_t *line, const char *plan)
{
    int i;

    if (line->plan && (!plan || strcmp(line->plan, plan) != 0)) {
        return;
    }
    for (i = 0; i < held->n; i++) {
        held_t *other = &held->of[i];

        if (same_group(other->line, line)) {
            if (line->plan) {
                other->line = line;
                other->limit = line->limit;
            }
            return;
        }
    }
    held->of[held->n++] = (held_t){line, line->limit};
}

/*
 * The key's own limit in the database beats its plan's, which beats the unnamed line. It takes over
 * the line's policy, so that a limit changed in the database judges the admissions already there.
 */
static const char *overrule(held_list_t *held, const tai_record_t *record)
{
    const char *text = record->rate_limit ? record->rate_limit : record->plan_rate_limit;
    held_t *unnamed = NULL;
    int i;

    for (i = 0; i < held->n; i++) {
        held_t *h = &held->of[i];

        if (!h->line->name && h->line->per == TAIAUTH_PER_KEY) {
            unnamed = h;
        }
    }
    if (!text || (unnamed && unnamed->line->plan && !record->rate_limit)) {
        return NULL;
    }
    if (!unnamed) {
        unnamed = &held->of[held->n++];
        unnamed->line = &database_line;
    }
    return tai_limit_parse(text, &unnamed->limit) ? text : NULL;
}

/* ---- windows ------------------------------------------------------------------------------ */

/* As much of a text as there is room for; returns where it ends. */
static char *put(char *at, const char *end, const char *text)
{
    while (*text && at < end) {
        *at++ = *text++;
    }
    return at;
}

static tai_id_t id_of_account(const payer_t *payer)
{
    return taiauth_limiter_id(payer->account_id, strlen(payer->account_id));
}

/*
 * The identity of who is charged is made by the limiter. To that the policy and W are added: of two
 * windows of one payer nobody knows more than how far they are apart.
 */
static void aim(request_rec *r, const payer_t *payer, const held_t *h, tai_charge_t *charge)
{
    int by_client = h->line->per == TAIAUTH_PER_ADDRESS || !payer->account_id;
    tai_id_t who = by_client                         ? taiauth_limiter_client(r)
                   : h->line->per == TAIAUTH_PER_KEY ? payer->id
                                                     : id_of_account(payer);

    charge->table =
        tai_segment_table(taiauth_segment, by_client ? TAI_TABLE_ADDRESSES : TAI_TABLE_WINDOWS);
    charge->id = (tai_id_t){.hi = who.hi + h->line->policy.hi + h->limit.window_ms,
                            .lo = who.lo + h->line->policy.lo + payer->kind};
    charge->limit = h->limit;
    if (taiauth_limiter_shared) {
        charge->tag = by_client || h->line->per != TAIAUTH_PER_KEY || payer->kind == OF_USERS
                          ? who
                          : id_of_account(payer);
    }
}

static int is_among(const apr_array_header_t *charged, tai_id_t id)
{
    int i;

    for (i = 0; charged && i < charged->nelts; i++) {
        tai_id_t other = APR_ARRAY_IDX(charged, i, tai_charge_t).id;

        if (other.hi == id.hi && other.lo == id.lo) {
            return 1;
        }
    }
    return 0;
}

static int is_charged(const taiauth_request_t *ctx, tai_id_t id)
{
    return is_among(ctx->charged[TAIAUTH_COUNTED], id) ||
           is_among(ctx->charged[TAIAUTH_COUNTED_LOCALLY], id);
}

/* ---- headers ------------------------------------------------------------------------------ */

/* Names of draft-ietf-httpapi-ratelimit-headers-11, in one place: a new draft is under way. */
static const struct {
    const char *policy_field, *quota, *window;
    const char *limit_field, *remaining, *reset;
} draft = {"RateLimit-Policy", ";q=", ";w=", "RateLimit", ";r=", ";t="};

static apr_uint32_t seconds(apr_uint64_t ms)
{
    return (apr_uint32_t)((ms + 999) / 1000);
}

static apr_uint32_t remaining(const tai_charge_t *c)
{
    return c->view.counted < c->limit.max ? c->limit.max - c->view.counted : 0;
}

/* What apr_psprintf would do, at a tenth of its cost: these fields go out with every answer. */
static char *put_number(char *at, const char *end, apr_uint32_t number)
{
    char digits[sizeof("4294967295")];
    char *first = digits + sizeof(digits) - 1;

    *first = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return put(at, end, first);
}

/* "name";q=5;w=60 */
static char *put_item(char *at, const char *end, const char *shown, const char *first,
                      apr_uint32_t a, const char *second, apr_uint32_t b)
{
    at = put(put(put(at, end, "\""), end, shown), end, "\"");
    at = put_number(put(at, end, first), end, a);
    return put_number(put(at, end, second), end, b);
}

#define SHOWN_MAX 64 /* characters of a name, as TaiAuthRateLimit takes it */
#define ITEM_MAX  (SHOWN_MAX + sizeof(", \"\";q=4294967295;w=4294967295"))

static char *put_quota(char *at, const char *end, const char *shown, const tai_limit_t *limit)
{
    return put_item(at, end, shown, draft.quota, limit->max, draft.window,
                    seconds(limit->window_ms));
}

static const char *tell_quotas(apr_pool_t *p, const held_t *held, int n)
{
    const apr_size_t room = (apr_size_t)n * ITEM_MAX;
    char *text, *at;
    int i;

    if (n == 1 && held->line->told && held->limit.max == held->line->limit.max &&
        held->limit.window_ms == held->line->limit.window_ms) {
        return held->line->told;
    }
    text = at = apr_palloc(p, room);
    for (i = 0; i < n; i++) {
        at = put(at, text + room - 1, i ? ", " : "");
        at = put_quota(at, text + room - 1, held[i].line->shown, &held[i].limit);
    }
    *at = '\0';
    return text;
}

static const char *tell_what_is_left(apr_pool_t *p, const held_t *held, const tai_charge_t *charges,
                                     int n)
{
    const apr_size_t room = (apr_size_t)n * ITEM_MAX;
    char *const text = apr_palloc(p, room);
    const char *const end = text + room - 1;
    char *at = text;
    int i;

    for (i = 0; i < n; i++) {
        at = put_item(put(at, end, i ? ", " : ""), end, held[i].line->shown, draft.remaining,
                      remaining(&charges[i]), draft.reset, seconds(charges[i].view.reset_ms));
    }
    *at = '\0';
    return text;
}

static void tell_draft(request_rec *r, const held_t *held, const tai_charge_t *charges, int n)
{
    apr_table_setn(r->err_headers_out, draft.policy_field, tell_quotas(r->pool, held, n));
    apr_table_setn(r->err_headers_out, draft.limit_field,
                   tell_what_is_left(r->pool, held, charges, n));
}

/* The keys of these hashes are no secrets: what nobody may foresee is who is charged. */
void taiauth_limit_settle(taiauth_limit_line_t *line, const char *policy, apr_pool_t *p)
{
    static const unsigned char keys[2][APR_SIPHASH_KSIZE] = {"policy, high", "policy, low"};
    char told[ITEM_MAX];

    *put_quota(told, told + sizeof(told) - 1, line->shown, &line->limit) = '\0';
    line->told = apr_pstrdup(p, told);
    line->policy = (tai_id_t){.hi = apr_siphash24(policy, strlen(policy), keys[0]),
                              .lo = apr_siphash24(policy, strlen(policy), keys[1])};
}

/* The old trio has room for one limit: the one that is closest to refusing. */
static void tell_legacy(request_rec *r, const tai_charge_t *charges, int n)
{
    const tai_charge_t *c = &charges[0];
    int i;

    for (i = 1; i < n; i++) {
        if (remaining(&charges[i]) < remaining(c)) {
            c = &charges[i];
        }
    }
    apr_table_setn(r->err_headers_out, "X-RateLimit-Limit",
                   apr_psprintf(r->pool, "%u", c->limit.max));
    apr_table_setn(r->err_headers_out, "X-RateLimit-Remaining",
                   apr_psprintf(r->pool, "%u", remaining(c)));
    apr_table_setn(r->err_headers_out, "X-RateLimit-Reset",
                   apr_psprintf(r->pool, "%u", seconds(c->view.reset_ms)));
}

static void tell(request_rec *r, const held_t *held, const tai_charge_t *charges, int n)
{
    int style = TAIAUTH_GET(taiauth_server(r->server), headers);

    if (style & TAIAUTH_HEADERS_DRAFT) {
        tell_draft(r, held, charges, n);
    }
    if (style & TAIAUTH_HEADERS_LEGACY) {
        tell_legacy(r, charges, n);
    }
}

static void untell(request_rec *r)
{
    static const char *const fields[] = {TAIAUTH_LIMIT_FIELDS};
    apr_size_t i;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        apr_table_unset(r->err_headers_out, fields[i]);
    }
}

/* ---- the charge --------------------------------------------------------------------------- */

static int refuse_limit(request_rec *r, const taiauth_dir_t *conf, const held_t *held,
                        const tai_charge_t *charges, int n)
{
    int longest = 0;
    int i;

    if (TAIAUTH_GET(conf, dry_run) & TAIAUTH_DRY_LIMIT) {
        taiauth_refuse_dry(r, TAI_RATE_LIMITED);
        return OK;
    }
    for (i = 1; i < n; i++) {
        if (charges[i].view.wait_ms > charges[longest].view.wait_ms) {
            longest = i;
        }
    }
    tell(r, held, charges, n);
    return taiauth_refuse(r, TAI_RATE_LIMITED,
                          apr_pstrcat(r->pool, "Rate limit exceeded: ",
                                      tai_limit_text(&charges[longest].limit, r->pool), ".", NULL),
                          seconds(charges[longest].view.wait_ms), NULL);
}

/* Leave out the windows that this client request has paid for already; returns how many remain. */
static int aim_all(request_rec *r, const taiauth_request_t *ctx, const payer_t *payer, held_t *held,
                   int n, tai_charge_t *charges)
{
    int open = 0;
    int i;

    for (i = 0; i < n; i++) {
        aim(r, payer, &held[i], &charges[open]);
        if (!is_charged(ctx, charges[open].id)) {
            held[open++] = held[i];
        }
    }
    return open;
}

static void explain_limits(request_rec *r, const held_t *held, const tai_charge_t *charges, int n)
{
    const char *text = NULL;
    int i;

    for (i = 0; i < n; i++) {
        text = apr_psprintf(r->pool, "%s%s\"%s\", %s: %u left", i ? text : "", i ? "; " : "",
                            held[i].line->shown, tai_limit_text(&charges[i].limit, r->pool),
                            remaining(&charges[i]));
    }
    taiauth_explain_step(r, "limits", "%s", text);
}

/* One charge under way. */
typedef struct charging_t {
    held_t *held;
    tai_charge_t charges[TAI_TABLE_LOCK_MAX];
    int n;
    int admitted;
    taiauth_counted_e where;
} charging_t;

/* What is to be taken back where the client request is refused after all. */
static void note_charged(request_rec *r, taiauth_request_t *ctx, const charging_t *c)
{
    apr_array_header_t **charged;
    int i;

    if (c->where == TAIAUTH_COUNTED_NOWHERE || !c->n) {
        return;
    }
    charged = &ctx->charged[c->where];
    if (!*charged) {
        *charged = apr_array_make(taiauth_initial(r)->pool, c->n, sizeof(tai_charge_t));
    }
    for (i = 0; i < c->n; i++) {
        APR_ARRAY_PUSH(*charged, tai_charge_t) = c->charges[i];
    }
}

/* What an operator asks about is tested alone: it leaves ctx->charged empty. */
static tai_reason_e test(request_rec *r, const taiauth_request_t *ctx, charging_t *c)
{
    const tai_reason_e reason =
        taiauth_limiter_test(c->charges, c->n, ctx->now, r->pool, &c->admitted, &c->where);

    if (reason == TAI_ADMITTED && c->where == TAIAUTH_COUNTED_NOWHERE) {
        taiauth_explain_step(r, "limits", "none holds while the limiter does not answer");
    }
    else if (reason == TAI_ADMITTED) {
        explain_limits(r, c->held, c->charges, c->n);
    }
    return reason;
}

/* j: the lock that it asks about is that of this judgement; NULL: none */
static tai_reason_e charge_all(request_rec *r, taiauth_request_t *ctx, taiauth_judgement_t *j,
                               charging_t *c)
{
    const tai_reason_e reason = taiauth_limiter_charge(c->charges, c->n, j ? &j->lock->count : NULL,
                                                       ctx->now, r->pool, &c->admitted, &c->where);

    if (c->admitted) {
        note_charged(r, ctx, c);
    }
    return j ? taiauth_lock_settle(r, j, reason) : reason;
}

static int refuse_undecided(request_rec *r, tai_reason_e reason, apr_uint32_t retry_after)
{
    return taiauth_refuse(r, reason, NULL, retry_after, NULL);
}

/* held NULL: nothing is charged, but there may be a lock to ask about */
static int charge(request_rec *r, taiauth_request_t *ctx, const taiauth_dir_t *conf,
                  const payer_t *payer, held_t *held, int n)
{
    taiauth_judgement_t *j = payer->j && payer->j->lock ? payer->j : NULL;
    const taiauth_lock_t *lock = j ? j->lock : NULL;
    charging_t c;
    tai_reason_e reason;

    if (!n && !j) {
        return OK;
    }
    if (!taiauth_segment) {
        return refuse_undecided(r, TAI_SHARED_MEMORY, TAIAUTH_UNDECIDED_S);
    }
    ctx->now = tai_clock_ms();
    c.held = held;
    c.n = aim_all(r, ctx, payer, held, n, c.charges);
    if (!c.n && !j) {
        return OK;
    }
    reason = ctx->explanation ? test(r, ctx, &c) : charge_all(r, ctx, j, &c);
    if (reason != TAI_ADMITTED) {
        return refuse_undecided(r, reason, j ? j->retry_after : TAIAUTH_UNDECIDED_S);
    }
    if (lock &&
        lock->count.left_ms) { /* it is not enforced, and has kept the windows from a charge */
        return charge(r, ctx, conf, payer, held, c.n);
    }
    if (!c.admitted) {
        return refuse_limit(r, conf, held, c.charges, c.n);
    }
    if (c.n && c.where != TAIAUTH_COUNTED_NOWHERE) {
        tell(r, held, c.charges, c.n);
    }
    return OK;
}

/* The lines of a place that hold for a plan; NULL: for nobody known. */
static void hold_lines(held_list_t *held, const taiauth_dir_t *conf, const char *plan)
{
    const apr_array_header_t *lines = conf->limits;
    int i;

    held->n = 0;
    for (i = 0; lines && i < lines->nelts; i++) {
        hold(held, &APR_ARRAY_IDX(lines, i, taiauth_limit_line_t), plan);
    }
}

static int is_off(const taiauth_dir_t *conf)
{
    return conf->limits && !conf->limits->nelts;
}

static int apply(request_rec *r, taiauth_request_t *ctx, const taiauth_dir_t *conf,
                 taiauth_judgement_t *j)
{
    const tai_record_t *record = j->reason == TAI_ADMITTED ? j->record : NULL;
    payer_t payer = {OF_KEYS, {0, 0}, NULL, NULL, j};
    held_list_t held;
    const char *malformed;

    if (is_off(conf)) {
        taiauth_explain_step(r, "limits", "TaiAuthRateLimit is off here");
        return charge(r, ctx, conf, &payer, NULL, 0);
    }
    if (record) {
        payer = (payer_t){OF_KEYS, j->line, record->account_id, record->plan, j};
    }
    hold_lines(&held, conf, payer.plan);
    malformed = record ? overrule(&held, record) : NULL;
    if (malformed) {
        taiauth_explain_step(r, "limits", "\"%s\" in the database is no rate limit", malformed);
        taiauth_database_complain(r, apr_psprintf(r->pool,
                                                  "key %s is under the rate limit \"%s\", which is "
                                                  "none; write N/WINDOW, such as 5/60s",
                                                  record->id, malformed));
        return taiauth_refuse(r, TAI_DATABASE, NULL, TAIAUTH_UNDECIDED_S, NULL);
    }
    if (!held.n) {
        taiauth_explain_step(r, "limits", "none holds here");
    }
    return charge(r, ctx, conf, &payer, held.of, held.n);
}

int taiauth_limits_charge_user(request_rec *r, taiauth_request_t *ctx, const taiauth_dir_t *conf,
                               const tai_principal_t *principal)
{
    payer_t payer = {OF_USERS, {0, 0}, principal->account_id, principal->plan, NULL};
    held_list_t held;

    if (is_off(conf)) {
        return OK;
    }
    if (taiauth_segment) {
        payer.id = taiauth_limiter_id(principal->user_id, strlen(principal->user_id));
    }
    hold_lines(&held, conf, payer.plan);
    if (!conf->limits) {
        hold(&held, &user_line, NULL);
    }
    return charge(r, ctx, conf, &payer, held.of, held.n);
}

/*
 * Looked up before the client request itself came to be charged: it will be. Where that one has
 * landed outside of what is protected it never is, and its fragments answer for themselves.
 */
static int is_paid_later(const request_rec *r, const taiauth_request_t *ctx)
{
    return r->main && !ctx->charging && TAIAUTH_GET(taiauth_dir(r->main), mode) != TAIAUTH_OFF;
}

int taiauth_limits_charge(request_rec *r, taiauth_request_t *ctx, const taiauth_dir_t *conf,
                          taiauth_judgement_t *j)
{
    const payer_t nobody = {.j = j};
    int status;

    if (is_paid_later(r, ctx)) {
        return OK;
    }
    ctx->charging = 1;
    if (taiauth_metrics_reads(r, conf) || taiauth_is_any_error_document(r)) {
        return charge(r, ctx, conf, &nobody, NULL, 0);
    }
    status = apply(r, ctx, conf, j);
    if (status == OK) {
        taiauth_metrics_verdict(r, j->reason == TAI_ADMITTED ? TAI_ADMITTED : TAI_ANONYMOUS);
    }
    return status;
}

/*
 * A redirect may lead from a place that admitted the request to one that refuses it. What fails
 * here leaves the key one admission short until the window has rolled on: nothing to refuse for.
 */
static int refund(request_rec *r, apr_array_header_t *charged, taiauth_counted_e where)
{
    if (!charged || !charged->nelts) {
        return 0;
    }
    taiauth_limiter_refund((const tai_charge_t *)charged->elts, charged->nelts, r->pool, where);
    apr_array_clear(charged);
    return 1;
}

void taiauth_limits_refund(request_rec *r, taiauth_request_t *ctx, tai_reason_e reason)
{
    int refunded = refund(r, ctx->charged[TAIAUTH_COUNTED], TAIAUTH_COUNTED);

    refunded |= refund(r, ctx->charged[TAIAUTH_COUNTED_LOCALLY], TAIAUTH_COUNTED_LOCALLY);
    if (refunded && reason != TAI_RATE_LIMITED) {
        untell(r);
    }
}
