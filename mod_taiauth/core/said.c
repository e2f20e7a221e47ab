#include "said.h"

/* Of a window. It fits into the place of one. */
typedef struct full_t {
    apr_uint64_t said_at;  /* milliseconds of tai_clock_ms, as the next two */
    apr_uint64_t until;    /* there is room for one more */
    apr_uint64_t reset_at; /* the oldest of what is counted leaves */
    apr_uint32_t max;      /* N that it was asked with: another one has another answer */
    apr_uint32_t counted;
} full_t;

_Static_assert(sizeof(full_t) <= sizeof(tai_window_t), "an entry of a table of windows");

/* Of a lock it is a tai_failures_t without failures: newest says when, locked_until the rest. */

/* ---- identities ------------------------------------------------------------------------------ */

static tai_id_t speaker; /* of this process: children of two configurations may run at once */

void tai_said_by(const tai_segment_t *segment, const void *limiter, apr_size_t len)
{
    speaker = tai_segment_id(segment, limiter, len);
}

static tai_id_t fold(const tai_segment_t *segment, tai_id_t id)
{
    const struct {
        tai_id_t id, by;
        char said[8];
    } name = {id, speaker, "said of"};

    return tai_segment_id(segment, &name, sizeof(name));
}

/* As limiter_local.c does it: by the low half those of one user name are found. */
static tai_id_t fold_login(const tai_segment_t *segment, tai_id_t id)
{
    return (tai_id_t){.hi = fold(segment, id).hi,
                      .lo = fold(segment, (tai_id_t){.hi = 0, .lo = id.lo}).lo};
}

/* ---- windows --------------------------------------------------------------------------------- */

static apr_status_t lock_all(const tai_segment_t *segment, const tai_charge_t *charges, int n,
                             tai_id_t *ids, tai_place_t *places)
{
    tai_table_t *tables[TAI_TABLE_LOCK_MAX];
    int i;

    if (n < 1 || n > TAI_TABLE_LOCK_MAX) {
        return APR_EINVAL;
    }
    for (i = 0; i < n; i++) {
        tables[i] = charges[i].table;
        ids[i] = fold(segment, charges[i].id);
    }
    return tai_table_lock(tables, ids, n, places);
}

static apr_uint64_t left(apr_uint64_t until, apr_uint64_t now)
{
    return until > now ? until - now : 0;
}

static int is_trusted(apr_uint64_t said_at, apr_uint64_t now, apr_uint64_t trust_ms)
{
    return now < said_at + trust_ms;
}

/* It fills in the view, or says nothing. */
static tai_said_e recall_one(const full_t *f, tai_charge_t *charge, apr_uint64_t now,
                             apr_uint64_t trust_ms)
{
    if (!f || !f->said_at) {
        return TAI_SAID_NOTHING;
    }
    if ((f->counted && f->until <= now && f->reset_at <= now) || f->max != charge->limit.max ||
        !is_trusted(f->said_at, now, trust_ms)) {
        return TAI_SAID_OLD;
    }
    charge->view.counted = f->counted;
    charge->view.wait_ms = left(f->until, now);
    charge->view.reset_ms = left(f->reset_at > now ? f->reset_at : f->until, now);
    return charge->view.wait_ms ? TAI_SAID_NO : TAI_SAID_YES;
}

tai_said_e tai_said_full(tai_segment_t *segment, tai_charge_t *charges, int n, apr_uint64_t now,
                         apr_uint64_t trust_ms)
{
    int seen[TAI_SAID_NO + 1] = {0}, i;
    tai_place_t places[TAI_TABLE_LOCK_MAX];
    tai_id_t ids[TAI_TABLE_LOCK_MAX];

    if (lock_all(segment, charges, n, ids, places) != APR_SUCCESS) {
        return TAI_SAID_NOTHING;
    }
    for (i = 0; i < n; i++) {
        seen[recall_one(places[i].entry, &charges[i], now, trust_ms)]++;
    }
    tai_table_unlock(places, n);
    if (seen[TAI_SAID_NO] &&
        (trust_ms == TAI_SAID_TO_THE_END || seen[TAI_SAID_NO] + seen[TAI_SAID_YES] == n)) {
        return TAI_SAID_NO;
    }
    return seen[TAI_SAID_NOTHING] == n ? TAI_SAID_NOTHING : TAI_SAID_OLD;
}

/* Before the rest is written, and it says something again behind it: he who writes may be killed. */
static void say_nothing(full_t *f)
{
    __atomic_store_n(&f->said_at, 0, __ATOMIC_SEQ_CST);
}

static void note_one(tai_place_t *place, tai_id_t id, const tai_charge_t *charge, apr_uint64_t now)
{
    const tai_window_view_t *view = &charge->view;
    full_t *f;

    tai_table_insert(place, id, now);
    tai_table_set_due(place,
                      now + (view->wait_ms > view->reset_ms ? view->wait_ms : view->reset_ms));
    f = place->entry;
    say_nothing(f);
    f->until = now + view->wait_ms;
    f->reset_at = now + view->reset_ms;
    f->max = charge->limit.max;
    f->counted = view->counted;
    __atomic_store_n(&f->said_at, now, __ATOMIC_RELEASE);
}

static void forget_one(const tai_place_t *place, apr_uint64_t now)
{
    if (place->entry) {
        say_nothing(place->entry);
        tai_table_set_due(place, now);
    }
}

void tai_said_note_full(tai_segment_t *segment, const tai_charge_t *charges, int n, int admitted,
                        apr_uint64_t now)
{
    tai_place_t places[TAI_TABLE_LOCK_MAX];
    tai_id_t ids[TAI_TABLE_LOCK_MAX];
    int i;

    if (lock_all(segment, charges, n, ids, places) != APR_SUCCESS) {
        return;
    }
    for (i = 0; i < n; i++) {
        if (admitted) {
            forget_one(&places[i], now);
        }
        else {
            note_one(&places[i], ids[i], &charges[i], now);
        }
    }
    tai_table_unlock(places, n);
}

/* ---- locks ----------------------------------------------------------------------------------- */

static tai_said_e recall_lock(tai_table_t *table, tai_id_t id, apr_uint64_t now,
                              apr_uint64_t trust_ms, apr_uint64_t *left_ms)
{
    tai_said_e said = TAI_SAID_NOTHING;
    const tai_failures_t *f;
    tai_place_t place;

    *left_ms = 0;
    if (tai_table_lock(&table, &id, 1, &place) != APR_SUCCESS) {
        return said;
    }
    f = place.entry;
    if (f) {
        said = !is_trusted(f->window.newest, now, trust_ms) ? TAI_SAID_OLD
               : tai_failures_left(f, now)                  ? TAI_SAID_NO
                                                            : TAI_SAID_YES;
    }
    if (said == TAI_SAID_NO) {
        *left_ms = tai_failures_left(f, now);
    }
    tai_table_unlock(&place, 1);
    return said;
}

/*
 * Who asked before it was known that it runs, and reads his answer only now, has no news of it; that it
 * was lifted is known behind the trust at the latest.
 */
static int is_held(const tai_failures_t *f, apr_uint64_t now)
{
    return tai_failures_left(f, now) && is_trusted(f->window.newest, now, TAI_SAID_TRUST_MS);
}

/* left_ms 0: it does not run, which is noted where there is an entry, or where there is to be one */
static void note_lock(tai_table_t *table, tai_id_t id, apr_uint64_t left_ms, int insert,
                      apr_uint64_t now)
{
    tai_failures_t *f;
    tai_place_t place;

    if (tai_table_lock(&table, &id, 1, &place) != APR_SUCCESS) {
        return;
    }
    if (left_ms || insert) {
        tai_table_insert(&place, id, now);
    }
    f = place.entry;
    if (f && (left_ms || !is_held(f, now))) {
        tai_table_set_due(&place,
                          left_ms ? (now + left_ms) | TAI_DUE_PINNED : now + TAI_SAID_TRUST_MS);
        __atomic_store_n(&f->locked_until, left_ms ? now + left_ms : 0, __ATOMIC_RELEASE);
        __atomic_store_n(&f->window.newest, now, __ATOMIC_RELEASE);
    }
    tai_table_unlock(&place, 1);
}

tai_said_e tai_said_locked(tai_segment_t *segment, tai_count_t *count, apr_uint64_t now,
                           apr_uint64_t trust_ms)
{
    return recall_lock(tai_segment_table(segment, count->table), fold(segment, count->id), now,
                       trust_ms, &count->left_ms);
}

void tai_said_note_locked(tai_segment_t *segment, const tai_count_t *count, int beside,
                          apr_uint64_t now)
{
    note_lock(tai_segment_table(segment, count->table), fold(segment, count->id),
              count->started ? count->lockout->lock_ms : count->left_ms, beside, now);
}

apr_status_t tai_said_unlock(tai_segment_t *segment, const tai_count_t *counts, int n,
                             apr_uint64_t now)
{
    apr_status_t rv = APR_SUCCESS;
    int i, locked;

    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        rv = tai_failures_clear(tai_segment_table(segment, counts[i].table),
                                fold(segment, counts[i].id), now, &locked);
    }
    return rv;
}

/* ---- log-ins --------------------------------------------------------------------------------- */

tai_said_e tai_said_login(tai_segment_t *segment, const tai_login_t *login, apr_uint64_t now,
                          apr_uint64_t trust_ms, apr_uint64_t *left_ms)
{
    apr_uint64_t one;
    int i;

    *left_ms = 0;
    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        (void)recall_lock(login->tables[i], fold_login(segment, login->ids[i]), now, trust_ms,
                          &one);
        *left_ms = one > *left_ms ? one : *left_ms;
    }
    return *left_ms ? TAI_SAID_NO : TAI_SAID_NOTHING;
}

void tai_said_note_login(tai_segment_t *segment, const tai_login_t *login, unsigned started,
                         apr_uint64_t now)
{
    int i;

    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        const int starts = started >> i & 1;

        if (!started || starts) {
            note_lock(login->tables[i], fold_login(segment, login->ids[i]),
                      starts ? login->lockouts[i].lock_ms : login->locked_ms[i], 0, now);
        }
    }
}

apr_status_t tai_said_login_unlock(tai_segment_t *segment, const tai_login_t *login,
                                   tai_login_count_e which, apr_uint64_t now)
{
    tai_login_t folded = *login;
    int i, lifted;

    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        folded.ids[i] = fold_login(segment, login->ids[i]);
    }
    return tai_login_unlock(&folded, which, now, &lifted);
}
