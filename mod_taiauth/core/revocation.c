#include "revocation.h"

#include <string.h>
#include <apr_strings.h>
#include <apr_time.h>
#include "clock.h"
#include "fault.h"
#include "mutex.h"
#include "store_nodes.h"
#include "unknown.h"

/*
 * When a revocation returns, no request with that key passes the look any more, on any node.
 *
 * Rules 1 to 8, each with the fault that it prevents. They hold together: t/model has them as a model
 * with a switch for each fault, and for each switch an execution in which a revoked key passes.
 *
 * Who reads without a lock reads in the order in which nobody writes: whatever is stored here for
 * readers is stored with release, and read with acquire.
 */

/* Of a sync that found something in its way, how often it is tried again at once. */
#define SYNC_TRIES 3

/* How far mod_watchdog may be behind with a sync, milliseconds: it ticks in slices of that. */
#define SYNC_SLACK_MS 100

/* While the database gives no answer, one request asks again each so many milliseconds. */
#define RETRY_MS 100

/* How often the row says when the last sync was, milliseconds: with each, it would be a write. */
#define NOTE_MS 5000

/* How often a revoker looks whether the nodes have followed, microseconds. */
#define POLL_US 15000

/* In how many accounts changes are followed up one by one, each by a walk through the table. */
#define ACCOUNTS_MAX 16

#define GET(member)        __atomic_load_n(&(member), __ATOMIC_ACQUIRE)
#define SET(member, value) __atomic_store_n(&(member), (value), __ATOMIC_RELEASE)
#define COUNT(member)      __atomic_fetch_add(&(member), 1, __ATOMIC_RELAXED)

/* ---- the table's lock ---------------------------------------------------------------------- */

/* Who inherits it mends first what its holder has left half done. */
static apr_status_t lock_table(tai_segment_t *segment)
{
    tai_records_t *records = tai_segment_records(segment);
    int inherited;
    apr_status_t rv = tai_mutex_lock(&tai_segment_node(segment)->table, &inherited);

    if (rv == APR_SUCCESS && inherited && records != NULL) {
        tai_records_mend(records);
    }
    return rv;
}

static void unlock_table(tai_segment_t *segment)
{
    tai_mutex_unlock(&tai_segment_node(segment)->table);
}

static void forget_unknown(tai_segment_t *segment)
{
    tai_node_t *node = tai_segment_node(segment);

    SET(node->epoch, node->epoch + 1);
}

static void forget_all(tai_segment_t *segment)
{
    tai_records_t *records = tai_segment_records(segment);

    if (records != NULL) {
        tai_records_empty(records);
    }
    forget_unknown(segment);
}

static apr_status_t no_lock(apr_status_t rv, apr_pool_t *p, const char **error)
{
    char reason[256];

    *error = apr_psprintf(p, "a lock in shared memory cannot be had: %s",
                          apr_strerror(rv, reason, sizeof(reason)));
    return rv;
}

/*
 * ---- Rule 1. The log ------------------------------------------------------------------------
 *
 * Triggers of the database append to key_changes whatever alters what a key may do, however it was
 * changed; else a change made in SQL would go unnoticed. They number it from one counter whose row
 * they lock first: a sequence gives its numbers in another order than that of the commits, and a
 * node that has seen 8 would never ask for the 7 that is committed after it. A change of an account
 * names the account and lists no keys: one created at the same moment would be missed.
 */

/* A key that was unknown may be there now; one whose entry cannot be removed forgets them all. */
static void apply_to_key(tai_segment_t *segment, const tai_digest_t *key)
{
    tai_records_t *records = tai_segment_records(segment);
    tai_id_t id = tai_segment_id(segment, key->bytes, sizeof(key->bytes));

    if (records != NULL) {
        tai_records_strike(records, key);
    }
    if (tai_unknown_strike(tai_segment_table(segment, TAI_TABLE_UNKNOWN), id) != APR_SUCCESS) {
        forget_unknown(segment);
    }
}

/* What one sync has to apply beside keys. */
typedef struct reach_t {
    const char *accounts[ACCOUNTS_MAX]; /* each once */
    int count;
    int all; /* every key is concerned, or more accounts than are worth a walk each */
} reach_t;

static void add_account(reach_t *reach, const char *account_id)
{
    int i = 0;

    while (i < reach->count && strcmp(reach->accounts[i], account_id) != 0) {
        i++;
    }
    if (i == ACCOUNTS_MAX) {
        reach->all = 1;
    }
    else if (i == reach->count) {
        reach->accounts[reach->count++] = account_id;
    }
}

static void find_reach(const apr_array_header_t *changes, reach_t *reach)
{
    memset(reach, 0, sizeof(*reach));
    for (int i = 0; i < changes->nelts && !reach->all; i++) {
        const tai_key_change_t *change = &APR_ARRAY_IDX(changes, i, tai_key_change_t);

        if (change->concerns == TAI_CONCERNS_ALL) {
            reach->all = 1;
        }
        else if (change->concerns == TAI_CONCERNS_ACCOUNT) {
            add_account(reach, change->account_id);
        }
    }
}

/* Under the table's lock. */
static void apply_changes(tai_segment_t *segment, const apr_array_header_t *changes)
{
    tai_records_t *records = tai_segment_records(segment);
    reach_t reach;

    find_reach(changes, &reach);
    if (reach.all) {
        forget_all(segment);
        return;
    }
    for (int i = 0; i < reach.count && records != NULL; i++) {
        tai_records_strike_account(records, reach.accounts[i]);
    }
    if (reach.count > 0) {
        forget_unknown(segment);
    }
    for (int i = 0; i < changes->nelts; i++) {
        const tai_key_change_t *change = &APR_ARRAY_IDX(changes, i, tai_key_change_t);

        if (change->concerns == TAI_CONCERNS_KEY) {
            apply_to_key(segment, &change->key);
        }
    }
}

/*
 * ---- Rule 2. The node -----------------------------------------------------------------------
 *
 * The clock is noted before the row is there: the lease runs from then, and a revoker who does not
 * see the row yet has begun before. The row is committed before the table is emptied: a change
 * between the two is either after the row's counter, and will be read by the next sync, or it is
 * before, and the table that may know better is emptied. The other way round, a record that was
 * read before that change could be stored in the emptied table, and nobody would strike it.
 * The INSERT takes no lock of changes under way: one that is committed behind the counter it has read,
 * and before the row is there, does not wait for the node; but whatever this answers from is read
 * after that. With the lock, somebody's open transaction would keep a node from starting.
 * The id is new each time: an old row that somebody strikes or restores says nothing of this one.
 */

/* Under the table's lock. Killed at any point of it, it leaves a node that is not registered. */
static void take_up(tai_segment_t *segment, const tai_node_row_t *row, apr_uint64_t begun)
{
    tai_node_t *node = tai_segment_node(segment);

    SET(node->lease_end, 0);
    SET(node->id[0], '\0');
    forget_all(segment);
    SET(node->applied_seq, row->applied_seq);
    SET(node->registration, node->registration + 1);
    memcpy(node->id + 1, row->id + 1, TAI_NODE_ID_LEN);
    SET(node->id[0], row->id[0]);
    SET(node->lease_end, begun + row->lease_ms);
    COUNT(node->registrations);
}

/* NULL: it has none. */
static const char *copy_name(tai_segment_t *segment, apr_pool_t *p)
{
    const char *name = NULL;

    if (lock_table(segment) == APR_SUCCESS) {
        name = apr_pstrdup(p, tai_segment_node(segment)->name);
        unlock_table(segment);
    }
    return name != NULL && *name != '\0' ? name : NULL;
}

/* Only who is syncing registers. */
static apr_status_t register_node(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                                  const char **error)
{
    tai_node_t *node = tai_segment_node(segment);
    const apr_uint64_t begun = tai_clock_ms();
    tai_node_row_t row = {.lease_ms = GET(node->lease_ms), .name = copy_name(segment, p)};
    const char *old, *ignored;
    apr_status_t rv = tai_store_add_node(store, &row, p, error);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    SET(node->noted_at, begun);
    TAI_FAULT("node.registered");
    rv = lock_table(segment);
    if (rv != APR_SUCCESS) {
        return no_lock(rv, p, error);
    }
    old = apr_pstrdup(p, node->id);
    take_up(segment, &row, begun);
    unlock_table(segment);
    /* a row that is left over delays the next revoker, who then strikes it */
    if (*old != '\0') {
        tai_store_remove_node(store, old, p, &ignored);
    }
    return APR_SUCCESS;
}

void tai_node_configure(tai_segment_t *segment, apr_uint32_t interval_ms, apr_uint32_t lease_ms,
                        const char *name)
{
    tai_node_t *node = tai_segment_node(segment);

    SET(node->interval_ms, interval_ms);
    SET(node->lease_ms, lease_ms);
    if (lock_table(segment) == APR_SUCCESS) {
        apr_cpystrn(node->name, name, sizeof(node->name));
        unlock_table(segment);
    }
}

/*
 * ---- Rule 3. Sync ---------------------------------------------------------------------------
 *
 * (a) The clock is noted first: counted from the end of a sync, the lease of a node that is stopped
 *     amid one would outlast what a revoker waits.
 * (b) One statement, so that the own row and the changes are of one moment: of a row read before the
 *     changes, one would not know whether it was there when they were made. The counter is of that
 *     moment, too; on MariaDB, of one before it, by a statement of its own: InnoDB may show a commit
 *     and not the one before, and with a counter that is ahead of the changes a node would take a gap
 *     for what is there. Changes behind it are left for the next sync. The server says in the same
 *     statement whether it can be written to: one that has become read-only, its connections open,
 *     would otherwise go on renewing leases and never tell of a revocation.
 * (c) Without its row nobody waits for the node. A row that says something else is not the one that
 *     revokers and the log's clearance go by: a database restored, or changed by hand. With a gap,
 *     changes are unknown. Another lease than the configured one is told by registering, too.
 * (d) Applied, then published: a reader who sees the number must find the change done.
 * (e) Acknowledged only then: a revoker who reads it returns. No row hit: nobody waits any more.
 * (f) The lease is renewed last: else a revoker could strike the node that has not acknowledged,
 *     and the next one, who waits for nobody, would be back while that lease runs.
 */

/* The state of the segment that a statement was asked with. */
typedef struct asked_t {
    apr_uint64_t begun; /* (a) milliseconds of tai_clock_ms */
    char id[TAI_NODE_ID_LEN + 1];
    tai_version_t version;
    apr_uint32_t lease_ms;
} asked_t;

/* Under the table's lock. */
static tai_version_t read_version(const tai_node_t *node)
{
    return (tai_version_t){.registration = node->registration, .seq = node->applied_seq};
}

static int same_version(const tai_version_t *a, const tai_version_t *b)
{
    return a->registration == b->registration && a->seq == b->seq;
}

static apr_status_t note_state(tai_segment_t *segment, asked_t *asked)
{
    const tai_node_t *node = tai_segment_node(segment);
    apr_status_t rv;

    asked->begun = tai_clock_ms();
    rv = lock_table(segment);
    if (rv == APR_SUCCESS) {
        memcpy(asked->id, node->id, sizeof(asked->id));
        asked->version = read_version(node);
        asked->lease_ms = GET(node->lease_ms);
        unlock_table(segment);
    }
    return rv;
}

static int is_gapless(const tai_news_t *news, apr_int64_t after)
{
    const apr_array_header_t *changes = news->changes;
    int i = 0;

    while (i < changes->nelts && APR_ARRAY_IDX(changes, i, tai_key_change_t).seq == after + 1 + i) {
        i++;
    }
    return i == changes->nelts && news->seq == after + i;
}

/* (c) */
static int is_as_left(const tai_news_t *news, const asked_t *asked)
{
    return news->own != NULL && news->own->applied_seq == asked->version.seq &&
           news->own->lease_ms == asked->lease_ms && is_gapless(news, asked->version.seq);
}

/* (d) APR_EAGAIN: this is not what the answer was for. */
static apr_status_t apply(tai_segment_t *segment, const asked_t *asked, const tai_news_t *news)
{
    tai_node_t *node = tai_segment_node(segment);
    tai_version_t version;
    apr_status_t rv = lock_table(segment);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    version = read_version(node);
    if (same_version(&version, &asked->version)) {
        apply_changes(segment, news->changes);
        TAI_FAULT("sync.applying");
        SET(node->applied_seq, news->seq);
        __atomic_fetch_add(&node->changes, (apr_uint64_t)news->changes->nelts, __ATOMIC_RELAXED);
    }
    else {
        rv = APR_EAGAIN;
    }
    unlock_table(segment);
    return rv;
}

/* (f) Never shortened: another sync may have begun later. */
static apr_status_t renew_lease(tai_segment_t *segment, const asked_t *asked)
{
    tai_node_t *node = tai_segment_node(segment);
    const apr_uint64_t end = asked->begun + asked->lease_ms;
    apr_status_t rv = lock_table(segment);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (node->registration != asked->version.registration) {
        rv = APR_EAGAIN;
    }
    else if (node->lease_end < end) {
        SET(node->lease_end, end);
    }
    unlock_table(segment);
    return rv;
}

/* (e) APR_NOTFOUND: the row is gone. */
static apr_status_t acknowledge(tai_segment_t *segment, tai_store_t *store, const asked_t *asked,
                                apr_int64_t seq, apr_pool_t *p, const char **error)
{
    int there;
    apr_status_t rv = tai_store_acknowledge(store, asked->id, seq, p, &there, error);

    if (rv == APR_SUCCESS) {
        SET(tai_segment_node(segment)->noted_at, asked->begun);
    }
    return rv == APR_SUCCESS && !there ? APR_NOTFOUND : rv;
}

/* (b) to (f). APR_NOTFOUND: the node has to register. */
static apr_status_t follow(tai_segment_t *segment, tai_store_t *store, const asked_t *asked,
                           apr_pool_t *p, const char **error)
{
    tai_news_t news;
    apr_status_t rv = tai_store_read_news(store, asked->id, p, &news, error);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    TAI_FAULT("sync.read");
    if (!is_as_left(&news, asked)) {
        return APR_NOTFOUND;
    }
    rv = apply(segment, asked, &news);
    TAI_FAULT("sync.applied");
    if (rv == APR_SUCCESS && news.seq != asked->version.seq) {
        rv = acknowledge(segment, store, asked, news.seq, p, error);
    }
    TAI_FAULT("sync.acknowledged");
    return rv == APR_SUCCESS ? renew_lease(segment, asked) : rv;
}

static apr_status_t sync_once(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                              const char **error)
{
    asked_t asked;
    apr_status_t rv = note_state(segment, &asked);

    *error = "the node's state in shared memory cannot be had";
    if (rv == APR_SUCCESS) {
        rv = asked.id[0] != '\0' ? follow(segment, store, &asked, p, error) : APR_NOTFOUND;
    }
    return rv == APR_NOTFOUND ? register_node(segment, store, p, error) : rv;
}

static void note_outcome(tai_node_t *node, apr_uint64_t begun, apr_status_t rv)
{
    const apr_uint64_t interval = GET(node->interval_ms), now = tai_clock_ms();

    if (rv == APR_SUCCESS) {
        COUNT(node->syncs);
        SET(node->synced_at, begun);
        SET(node->failed_at, 0);
        SET(node->overdue_at, begun + 2 * interval + SYNC_SLACK_MS);
    }
    else {
        COUNT(node->sync_failures);
        SET(node->failed_at, now);
        SET(node->overdue_at, now + interval);
    }
}

/* To be called with the lock for it. */
static apr_status_t sync_now(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                             const char **error)
{
    tai_node_t *node = tai_segment_node(segment);
    const apr_uint64_t begun = tai_clock_ms();
    apr_status_t rv;
    int tries = 0;

    SET(node->begun_at, begun);
    do {
        rv = sync_once(segment, store, p, error);
    } while (APR_STATUS_IS_EAGAIN(rv) && ++tries < SYNC_TRIES);
    note_outcome(node, begun, rv);
    if (rv == APR_SUCCESS) {
        *error = NULL; /* a first try may have failed */
    }
    return rv;
}

apr_status_t tai_node_sync(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                           const char **error)
{
    tai_node_t *node = tai_segment_node(segment);
    apr_status_t rv = tai_mutex_try(&node->syncing);

    *error = NULL;
    if (rv != APR_SUCCESS) {
        return APR_STATUS_IS_EBUSY(rv) ? rv : no_lock(rv, p, error);
    }
    rv = sync_now(segment, store, p, error);
    tai_mutex_unlock(&node->syncing);
    return rv;
}

int tai_node_due(tai_segment_t *segment, apr_uint64_t now)
{
    tai_node_t *node = tai_segment_node(segment);

    return now >= GET(node->begun_at) + GET(node->interval_ms);
}

/* A sync that succeeded and that the row has not been told of, for long enough. */
static int note_is_due(tai_node_t *node, apr_uint64_t now)
{
    const apr_uint64_t noted_at = GET(node->noted_at), half_lease = GET(node->lease_ms) / 2;

    return GET(node->synced_at) > noted_at &&
           now >= noted_at + (half_lease < NOTE_MS ? half_lease : NOTE_MS);
}

/* The row's id, lease and applied_seq, which the rules go by, stay as they are. */
apr_status_t tai_node_note_sync(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                                const char **error)
{
    tai_node_t *node = tai_segment_node(segment);
    const apr_uint64_t now = tai_clock_ms();
    tai_node_row_t row = {.name = NULL};
    asked_t asked;
    apr_status_t rv;

    *error = NULL;
    if (!note_is_due(node, now)) {
        return APR_SUCCESS;
    }
    row.synced_at = apr_time_sec(apr_time_now()) -
                    ((apr_int64_t)now - (apr_int64_t)GET(node->synced_at)) / 1000;
    SET(node->noted_at, now); /* where it fails, too: in its turn it is tried again */
    rv = note_state(segment, &asked);
    if (rv != APR_SUCCESS) {
        return no_lock(rv, p, error);
    }
    row.id = asked.id;
    row.name = copy_name(segment, p);
    return tai_store_note_sync(store, &row, p, error);
}

/*
 * ---- Rule 4. The lease ----------------------------------------------------------------------
 *
 * Without one nothing is answered, neither from the table nor from a SELECT: a node that is cut off
 * from the database does not hear of a revocation, and a revoker waits for it no longer than its
 * lease lasts. One that was given the SELECT's answer and then stopped is no better off.
 */

static int lease_runs(tai_node_t *node)
{
    const apr_uint64_t end = GET(node->lease_end);

    return tai_clock_ms() < end;
}

/* While the database gives no answer, one asks now and then; the others do not wait for him. */
static int may_ask(tai_node_t *node)
{
    const apr_uint64_t failed_at = GET(node->failed_at);

    return failed_at == 0 || tai_clock_ms() >= failed_at + RETRY_MS;
}

/* With the lock for syncing. */
static apr_status_t sync_for_lease(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                                   const char **error)
{
    tai_node_t *node = tai_segment_node(segment);
    apr_status_t rv = APR_SUCCESS;

    if (!lease_runs(node) && may_ask(node)) {
        rv = sync_now(segment, store, p, error);
    }
    if (rv == APR_SUCCESS && !lease_runs(node)) {
        *error = "the database does not answer in time: what is known of keys is too old";
        rv = APR_TIMEUP;
    }
    return rv;
}

/* Who waits for whoever is at it is one of those who wait for what others hold. */
static apr_status_t await_syncing(tai_node_t *node, tai_store_t *store)
{
    tai_seat_t seat;
    apr_status_t rv;

    if (GET(node->failed_at) != 0) {
        return tai_mutex_wait(&node->syncing, 0);
    }
    rv = tai_mutex_wait(&node->syncing, tai_store_join(store, TAI_LEASE_WAIT_MS, &seat));
    tai_seat_leave(&seat);
    return rv;
}

static apr_status_t regain_lease(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                                 const char **error)
{
    tai_node_t *node = tai_segment_node(segment);
    apr_status_t rv = await_syncing(node, store);

    if (rv == APR_SUCCESS) {
        rv = sync_for_lease(segment, store, p, error);
        tai_mutex_unlock(&node->syncing);
    }
    else if (!APR_STATUS_IS_TIMEUP(rv)) {
        no_lock(rv, p, error);
    }
    else if (lease_runs(node)) {
        rv = APR_SUCCESS;
    }
    else {
        *error = "the database is being asked: what is known of keys is too old";
    }
    return rv;
}

apr_status_t tai_node_lease(tai_segment_t *segment, tai_store_t *store, apr_uint64_t now,
                            apr_pool_t *p, const char **error)
{
    tai_node_t *node = tai_segment_node(segment);
    const int runs = now < GET(node->lease_end);

    *error = NULL;
    if (runs && now < GET(node->overdue_at)) {
        return APR_SUCCESS;
    }
    if (runs && !tai_store_rests(store)) {
        tai_node_sync(segment, store, p, error); /* the lease runs, whatever comes of it */
        *error = NULL;
    }
    return lease_runs(node) ? APR_SUCCESS : regain_lease(segment, store, p, error);
}

/*
 * ---- Rule 5. The revoker --------------------------------------------------------------------
 *
 * He has committed, and waits until every node has applied that: a second revocation of a key that
 * is revoked already waits as well, or it would be back before the first. A node that stays silent
 * for 1.2 times its lease - clocks that are being slewed differ in rate - has none any more; its
 * row is struck off, so that the dead delay nobody twice, but only if it still has not applied the
 * change: struck off all the same, a node that has just acknowledged and renewed its lease would
 * not be waited for by the next revoker while that lease runs. The wait begins when the counter has
 * been read: that may be of a change later than his own, and counted from his own commit, a node
 * would be struck off for the later one while a lease runs that began before it.
 * He knows the number that his change got in its own transaction. A server that does not know of it
 * is not the one that it was written to, and what its nodes have applied says nothing: behind a name
 * that leads elsewhere since, connections to the old one are still open.
 */

/* What a revoker waits for. */
typedef struct wait_t {
    tai_store_t *store;
    apr_uint64_t begun; /* when seq was known to be committed, milliseconds of tai_clock_ms */
    apr_int64_t seq;    /* the change */
    tai_told_t told;
    int behind;              /* nodes that have not applied it */
    apr_uint32_t longest_ms; /* lease of those */
} wait_t;

apr_uint64_t tai_node_outlast(apr_uint32_t lease_ms)
{
    return (apr_uint64_t)lease_ms * 6 / 5;
}

/* Not satisfied by somebody else's sync: it may have begun before the commit. */
static apr_status_t sync_after(tai_segment_t *segment, wait_t *wait, apr_pool_t *p,
                               const char **error)
{
    tai_node_t *node = tai_segment_node(segment);
    const apr_uint64_t until = wait->begun + tai_node_outlast(GET(node->lease_ms));
    apr_status_t rv;

    do {
        apr_uint64_t now = tai_clock_ms();

        rv = tai_mutex_wait(&node->syncing, now < until ? (apr_uint32_t)(until - now) : 0);
        if (rv != APR_SUCCESS) {
            return no_lock(rv, p, error);
        }
        rv = sync_now(segment, wait->store, p, error);
        tai_mutex_unlock(&node->syncing);
        if (rv != APR_SUCCESS) {
            apr_sleep(RETRY_MS * 1000);
        }
    } while (rv != APR_SUCCESS && tai_clock_ms() < until);
    return rv;
}

static void count_nodes(wait_t *wait, const apr_array_header_t *nodes)
{
    wait->told.applied = wait->behind = 0;
    wait->longest_ms = 0;
    for (int i = 0; i < nodes->nelts; i++) {
        const tai_node_row_t *row = &APR_ARRAY_IDX(nodes, i, tai_node_row_t);

        if (row->applied_seq >= wait->seq) {
            wait->told.applied++;
        }
        else {
            wait->behind++;
            wait->longest_ms = row->lease_ms > wait->longest_ms ? row->lease_ms : wait->longest_ms;
        }
    }
}

static tai_told_t nobody_told(apr_pool_t *p)
{
    return (tai_told_t){.silent_nodes = apr_array_make(p, 0, sizeof(const char *))};
}

static void note_silent(tai_told_t *told, const tai_node_row_t *row)
{
    const char *name = row->name != NULL ? row->name : row->id;

    told->silent++;
    APR_ARRAY_PUSH(told->silent_nodes, const char *) = apr_pstrdup(told->silent_nodes->pool, name);
}

/* One that is not hit has applied it meanwhile, or is gone: it is looked at again. */
static tai_change_e strike_silent(wait_t *wait, const apr_array_header_t *nodes, apr_pool_t *p,
                                  const char **text)
{
    tai_change_e outcome = TAI_CHANGE_DONE;

    for (int i = 0; outcome == TAI_CHANGE_DONE && i < nodes->nelts; i++) {
        const tai_node_row_t *row = &APR_ARRAY_IDX(nodes, i, tai_node_row_t);
        int struck = 0;

        if (row->applied_seq < wait->seq) {
            outcome = tai_store_strike_node(wait->store, row->id, wait->seq, p, &struck, text);
            if (struck) {
                note_silent(&wait->told, row);
            }
        }
    }
    return outcome;
}

/* behind is 0 when all is done. */
static tai_change_e look_round(wait_t *wait, apr_pool_t *p, const char **text)
{
    apr_array_header_t *nodes;
    apr_int64_t ignored;

    if (tai_store_nodes(wait->store, wait->seq, p, &nodes, &ignored, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    count_nodes(wait, nodes);
    if (wait->behind == 0) {
        return TAI_CHANGE_DONE;
    }
    if (tai_clock_ms() >= wait->begun + tai_node_outlast(wait->longest_ms)) {
        return strike_silent(wait, nodes, p, text);
    }
    apr_sleep(POLL_US);
    return TAI_CHANGE_DONE;
}

static tai_change_e wait_for_nodes(wait_t *wait, apr_pool_t *p, const char **text)
{
    tai_change_e outcome;
    apr_pool_t *turn;

    if (apr_pool_create(&turn, p) != APR_SUCCESS) {
        *text = "out of memory";
        return TAI_CHANGE_UNKNOWN;
    }
    do {
        apr_pool_clear(turn);
        outcome = look_round(wait, turn, text);
    } while (outcome == TAI_CHANGE_DONE && wait->behind > 0);
    if (outcome != TAI_CHANGE_DONE) {
        *text = apr_pstrdup(p, *text);
    }
    apr_pool_destroy(turn);
    return outcome;
}

tai_change_e tai_node_tell(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                           tai_told_t *told, const char **text)
{
    wait_t wait = {.store = store, .told = nobody_told(p)};
    apr_array_header_t *ignored;
    tai_change_e outcome;

    TAI_FAULT("tell.committed");
    if (tai_store_nodes(store, tai_store_written(store), p, &ignored, &wait.seq, text) !=
        APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    wait.begun = tai_clock_ms();
    if (segment != NULL && sync_after(segment, &wait, p, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    outcome = wait_for_nodes(&wait, p, text);
    if (outcome == TAI_CHANGE_DONE) {
        *told = wait.told;
        told->of = told->applied + told->silent;
    }
    return outcome;
}

/* A node that is silent for long enough is dead; else it is looked at again the next time. */
static tai_change_e strike_dead(wait_t *wait, const apr_array_header_t *nodes,
                                tai_tidying_t *tidying, apr_pool_t *p, const char **text)
{
    tai_change_e outcome = TAI_CHANGE_DONE;

    count_nodes(wait, nodes);
    if (wait->behind > 0 && tai_clock_ms() < wait->begun + tai_node_outlast(wait->longest_ms)) {
        return TAI_CHANGE_DONE;
    }
    if (wait->behind > 0) {
        outcome = strike_silent(wait, nodes, p, text);
    }
    tidying->begun = 0;
    return outcome;
}

/*
 * Up to which change all have come, each at least to least. A node that registers meanwhile finds its
 * counter behind this one.
 */
static apr_int64_t applied_by_all(const apr_array_header_t *nodes, apr_int64_t counter,
                                  apr_int64_t least)
{
    for (int i = 0; i < nodes->nelts; i++) {
        apr_int64_t applied = APR_ARRAY_IDX(nodes, i, tai_node_row_t).applied_seq;

        applied = applied < least ? least : applied;
        counter = applied < counter ? applied : counter;
    }
    return counter;
}

/* Rule 1's rows that every node has applied; a dead one would keep them for ever. */
tai_change_e tai_node_tidy(tai_store_t *store, tai_tidying_t *tidying, apr_pool_t *p,
                           tai_told_t *told, const char **text)
{
    wait_t wait = {.store = store, .told = nobody_told(p)};
    apr_array_header_t *nodes;
    apr_int64_t counter;
    tai_change_e outcome;

    *told = wait.told;
    if (tai_store_nodes(store, 0, p, &nodes, &counter, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (tidying->begun == 0 || counter < tidying->seq) { /* or the database was restored */
        *tidying = (tai_tidying_t){.seq = counter, .begun = tai_clock_ms()};
    }
    wait.seq = tidying->seq;
    wait.begun = tidying->begun;
    outcome = strike_dead(&wait, nodes, tidying, p, text);
    *told = wait.told;
    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    return tai_store_forget_changes(
        store, applied_by_all(nodes, counter, tidying->begun == 0 ? wait.seq : -1), p, text);
}

/* The lease ends before the row goes: from then on nobody waits for the node. */
tai_change_e tai_node_leave(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                            const char **text)
{
    tai_node_t *node = tai_segment_node(segment);
    const char *id;
    apr_status_t rv = lock_table(segment);

    if (rv != APR_SUCCESS) {
        no_lock(rv, p, text);
        return TAI_CHANGE_UNKNOWN;
    }
    id = apr_pstrdup(p, node->id);
    SET(node->lease_end, 0);
    SET(node->registration, node->registration + 1);
    SET(node->id[0], '\0');
    unlock_table(segment);
    return *id == '\0' || tai_store_remove_node(store, id, p, text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

/*
 * ---- Rule 6. The reader ---------------------------------------------------------------------
 *
 * A SELECT that ran before a change may be answered after it was applied; its record, stored then,
 * would stay. So the SELECT reads the counter too, by the same statement or, where that may be ahead
 * of the record (COUNTER_BEFORE), by one before it, and what is older than the segment is not used.
 * A verdict carries the version that it rests on: of what is found in the table, the one read before
 * the record, as the record may be of an older one than that read after.
 */

tai_version_t tai_node_version(tai_segment_t *segment)
{
    tai_node_t *node = tai_segment_node(segment);
    tai_version_t version;

    version.registration = GET(node->registration);
    version.seq = GET(node->applied_seq);
    return version;
}

/* Under the table's lock. */
static void remember(tai_segment_t *segment, const tai_digest_t *key, const tai_record_t *record,
                     apr_uint64_t now)
{
    tai_records_t *records = tai_segment_records(segment);

    if (record == NULL) {
        tai_unknown_note(tai_segment_table(segment, TAI_TABLE_UNKNOWN),
                         tai_segment_id(segment, key->bytes, sizeof(key->bytes)),
                         tai_segment_node(segment)->epoch, now);
    }
    else if (records != NULL) {
        tai_records_put(records, record);
    }
}

apr_status_t tai_node_learn(tai_segment_t *segment, tai_version_t version, const tai_digest_t *key,
                            const tai_record_t *record, int keep, apr_uint64_t now)
{
    const tai_node_t *node = tai_segment_node(segment);
    apr_status_t rv = lock_table(segment);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    TAI_FAULT("learn.locked");
    if (version.registration != node->registration || version.seq < node->applied_seq) {
        rv = APR_EAGAIN;
    }
    else if (keep) {
        remember(segment, key, record, now);
    }
    unlock_table(segment);
    return rv;
}

/*
 * ---- Rule 7. In flight ----------------------------------------------------------------------
 *
 * The look, before the first byte of a response. The lease's end is read first: one read after the
 * version may be that of a later registration or sync, of which that version knows nothing. The
 * clock is read last: who is stopped in between must find that the lease has run out meanwhile.
 */

int tai_node_holds(tai_segment_t *segment, tai_version_t version)
{
    tai_node_t *node = tai_segment_node(segment);
    const apr_uint64_t lease_end = GET(node->lease_end);
    const tai_version_t current = tai_node_version(segment);

    return current.registration == version.registration && current.seq <= version.seq &&
           tai_clock_ms() < lease_end;
}

/*
 * ---- Rule 8. What is assumed ----------------------------------------------------------------
 *
 * The clock runs while the machine is stopped (CLOCK_BOOTTIME); one that its host has paused may
 * answer until its next sync. A database that was restored, or has lost commits in a failover, knows
 * nothing of what its nodes have applied: the operator removes their rows. Nobody reads from a
 * replica. After a crash the first revocation waits for the lease of the dead.
 */
