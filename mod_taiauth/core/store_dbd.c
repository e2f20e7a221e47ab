#include "store_private.h"
#include "clock.h"
#include "pool.h"
#include "scope.h"
#include "store_nodes.h"
#include "store_turns.h"

#include <string.h>
#include <apr_strings.h>

/* How long nobody asks a server that gave no answer, milliseconds. */
#define REST_MS 1000

/* Who waits for a seat does so for this part of the time, but milliseconds at the most. */
#define BRIEFLY    4
#define BRIEFLY_MS 500

/* How often he looks, milliseconds. */
#define LOOK_MS 20

/* How long one waits who changes something in a file, while others do, milliseconds. */
#define FILE_CHANGE_WAIT_MS 10000

#define S  1000
#define MN 60000

/* A dead server does not keep anybody for ever; a row that is locked is not waited for that long. */
const tai_store_limits_t tai_store_patient = {
    .connect_ms = 10 * S, .statement_ms = 10 * MN, .change_ms = 60 * MN};

/*
 * Whoever writes waits for his turn, for seconds where somebody else keeps the database: with a
 * connection of those that keys are looked up with, a few of them would have every key refused.
 * One of them can write at a time anyway.
 */
struct tai_store_t {
    apr_pool_t *pool; /* nobody's but ours, so that it need not be destroyed */
    int abandoned;
    const tai_database_t *database;
    tai_store_limits_t limits;
    tai_times_t reading, changing, own; /* own: the node's */
    unsigned failures;                  /* see tai_connection_doubt */
    apr_uint64_t full_until; /* nobody opens a connection before, milliseconds of tai_clock_ms */
    apr_int64_t written;     /* the counter of changes, behind the last one made with this store */
    apr_uint32_t brief_ms;
    tai_turns_t *readers;
    tai_turns_t *writer; /* the connection that changes are made with */
    tai_turns_t *aside;  /* ... that need not wait behind them; of a file the same */
    tai_turns_t *node;   /* the one that the node syncs with */
};

static apr_status_t close_store(void *data)
{
    tai_store_t *store = data;

    if (!store->abandoned) {
        apr_pool_destroy(store->pool);
    }
    return APR_SUCCESS;
}

static apr_uint32_t at_most(apr_uint32_t ms, apr_uint32_t max_ms)
{
    return max_ms && ms > max_ms ? max_ms : ms;
}

static apr_status_t fill(tai_store_t *store, int max)
{
    const tai_store_limits_t *limits = &store->limits;
    apr_pool_t *p = store->pool;
    apr_status_t rv;

    tai_keeper_create(&store->reading.keeper, limits->own_ports, p);
    store->reading.connect_ms = limits->connect_ms;
    store->reading.statement_ms = limits->statement_ms;
    store->reading.failures = &store->failures;
    store->reading.full_until = &store->full_until;
    store->changing = store->reading;
    store->changing.statement_ms = limits->change_ms;
    store->own = store->reading;
    store->own.connect_ms = at_most(limits->connect_ms, limits->node_ms);
    store->own.statement_ms = at_most(limits->statement_ms, limits->node_ms);
    store->brief_ms = at_most(limits->statement_ms / BRIEFLY, BRIEFLY_MS);
    rv = tai_turns_create(&store->readers, store->database, &store->reading, max, p);
    if (rv == APR_SUCCESS) {
        rv = tai_turns_create(&store->writer, store->database, &store->changing, 1, p);
    }
    store->aside = store->writer;
    if (rv == APR_SUCCESS && !store->database->path) {
        rv = tai_turns_create(&store->aside, store->database, &store->changing, 1, p);
    }
    if (rv == APR_SUCCESS) {
        rv = tai_turns_create(&store->node, store->database, &store->own, 1, p);
    }
    return rv;
}

apr_status_t tai_store_create(tai_store_t **out, const char *driver, const char *params, int max,
                              const tai_store_limits_t *limits, apr_pool_t *p)
{
    tai_store_t *store;
    apr_pool_t *pool;
    const char *error;
    apr_status_t rv;

    rv = tai_pool_create(&pool); /* connections are made by whichever thread needs one */
    if (rv != APR_SUCCESS) {
        return rv;
    }
    store = apr_pcalloc(pool, sizeof(*store));
    store->pool = pool;
    store->limits = *limits;
    rv = tai_database_resolve(driver, params, pool, &store->database, &error);
    if (rv == APR_SUCCESS) {
        if (store->database->connect_ms) {
            store->limits.connect_ms = store->database->connect_ms;
        }
        rv = fill(store, max);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return rv;
    }
    apr_pool_cleanup_register(p, store, close_store, apr_pool_cleanup_null);
    *out = store;
    return APR_SUCCESS;
}

void tai_store_abandon(tai_store_t *store)
{
    store->abandoned = 1;
}

/* Who was to hurry before may have more time now: all begins with what was given. */
void tai_store_hurry(tai_store_t *store, apr_uint32_t ms)
{
    const apr_uint64_t by = tai_clock_ms() + ms;
    const apr_uint32_t connect_ms = at_most(store->limits.connect_ms, ms ? ms : 1);
    tai_turns_t *const turns[] = {store->readers, store->writer, store->aside, store->node};

    store->reading.connect_ms = connect_ms;
    store->changing.connect_ms = connect_ms;
    store->own.connect_ms = at_most(connect_ms, store->limits.node_ms);
    tai_keeper_hurry(store->reading.keeper, by);
    for (apr_size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        tai_turns_hurry(turns[i], by);
    }
}

/*
 * In a file nothing is slow but the lock of who writes. It keeps no look-up waiting, so these need no
 * seat, however many come at once; all else may wait for it, and has the half that look-ups leave.
 */
static int take_seat(const tai_store_t *store, tai_seat_e kind, tai_seat_t *seat)
{
    if (store->database->path) {
        if (kind == TAI_SEAT_LOOKUP) {
            *seat = (tai_seat_t){NULL, 0};
            return 1;
        }
        if (kind == TAI_SEAT_OTHER) {
            kind = TAI_SEAT_LOOKUP;
        }
    }
    return tai_seat_take(store->limits.seats, store->limits.threads, kind, tai_clock_ms(), seat);
}

apr_uint32_t tai_store_join(tai_store_t *store, apr_uint32_t patience_ms, tai_seat_t *seat)
{
    if (take_seat(store, TAI_SEAT_LOOKUP, seat)) {
        return patience_ms;
    }
    return take_seat(store, TAI_SEAT_BRIEF, seat) ? at_most(patience_ms, store->brief_ms) : 0;
}

int tai_store_rests(const tai_store_t *store)
{
    return store->limits.breaker && tai_breaker_rests(store->limits.breaker, tai_clock_ms());
}

/* He may have to wait for a connection, find that it broke, and open it again. */
apr_uint32_t tai_store_patience(const tai_store_t *store)
{
    return store->limits.connect_ms + 4 * store->limits.statement_ms;
}

/* ---- connections, and the breaker before them ------------------------------------------------ */

static int may_ask(const tai_store_t *store)
{
    const tai_store_limits_t *limits = &store->limits;

    return !limits->breaker || tai_breaker_pass(limits->breaker, tai_clock_ms(),
                                                limits->connect_ms + 2 * limits->statement_ms);
}

const char tai_store_left_alone[] = "the database gave no answer a moment ago, and is left alone";

static apr_status_t leave_alone(const char **error)
{
    *error = tai_store_left_alone;
    return APR_EGENERAL;
}

/* What is held between acquire and release. */
typedef struct hold_t {
    tai_turns_t *turns; /* whose connection it is to be */
    tai_seat_e kind;    /* of the seat; the node needs none, in each process one at a time syncs */
    tai_connection_t *connection;
    tai_seat_t seat;
} hold_t;

static int await_seat(const tai_store_t *store, hold_t *hold)
{
    const apr_uint64_t until = tai_clock_ms() + store->brief_ms;
    tai_seat_t brief;
    int is_had = 0;

    if (!take_seat(store, TAI_SEAT_BRIEF, &brief)) {
        return 0;
    }
    while (!is_had && tai_clock_ms() < until) {
        apr_sleep(apr_time_from_msec(LOOK_MS));
        is_had = take_seat(store, hold->kind, &hold->seat);
    }
    tai_seat_leave(&brief);
    return is_had;
}

static int find_seat(const tai_store_t *store, hold_t *hold)
{
    return hold->turns == store->node || take_seat(store, hold->kind, &hold->seat) ||
           await_seat(store, hold);
}

static void give(const hold_t *hold)
{
    tai_turns_give(hold->turns, hold->connection);
    tai_seat_leave(&hold->seat);
}

/*
 * Who reads for something else than a look-up is as patient as who changes something: he may have to
 * wait behind many look-ups. A file that is locked has always been waited for by SQLite itself.
 */
static apr_uint32_t turn_ms(const tai_store_t *store, const hold_t *hold)
{
    if (hold->turns == store->node || hold->kind == TAI_SEAT_LOOKUP) {
        return store->limits.statement_ms;
    }
    return store->database->path ? FILE_CHANGE_WAIT_MS : store->limits.change_ms;
}

static int is_full(const tai_store_t *store)
{
    return tai_clock_ms() < __atomic_load_n(&store->full_until, __ATOMIC_RELAXED);
}

static apr_status_t take(tai_store_t *store, hold_t *hold, apr_pool_t *p, const char **error)
{
    const char *name = store->database->name;

    if (!find_seat(store, hold)) {
        *error = apr_psprintf(p, "database %s: as many wait for it as may", name);
        return APR_EGENERAL;
    }
    hold->connection = tai_turns_take(hold->turns, turn_ms(store, hold));
    if (!hold->connection) {
        tai_seat_leave(&hold->seat);
        *error = apr_psprintf(p, "database %s: %s", name,
                              is_full(store) ? "a moment ago it had no room for another connection"
                                             : "no connection became free in time");
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

/*
 * Where a server gives no answer, nobody waits for others to find that out, too. One who syncs with
 * a connection that is open asks in any case: he keeps nobody waiting, and finds out that a server
 * is back, or that it is well and only has too many connections for another one.
 */
static apr_status_t acquire(tai_store_t *store, hold_t *hold, apr_pool_t *p, const char **error)
{
    const int is_node = hold->turns == store->node;

    if (!is_node && tai_store_rests(store)) {
        return leave_alone(error);
    }
    if (take(store, hold, p, error) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    if (!(is_node && tai_connection_is_open(hold->connection)) && !may_ask(store)) {
        give(hold);
        return leave_alone(error);
    }
    return APR_SUCCESS;
}

static void report(tai_breaker_t *breaker, tai_ending_e ending)
{
    if (ending == TAI_UNASKED) {
        tai_breaker_untried(breaker, tai_clock_ms(), REST_MS);
    }
    else {
        tai_breaker_report(breaker, ending != TAI_LATE && ending != TAI_LOST, tai_clock_ms(),
                           REST_MS);
    }
}

static void release(tai_store_t *store, const hold_t *hold)
{
    const tai_ending_e ending = tai_connection_ending(hold->connection);

    if (store->limits.breaker) {
        report(store->limits.breaker, ending);
    }
    if (ending == TAI_FULL) {
        __atomic_store_n(&store->full_until, tai_clock_ms() + REST_MS, __ATOMIC_RELAXED);
    }
    give(hold);
}

/*
 * A connection that is opened anew may lead to another database: one that was restored, or one
 * with another schema, at which a running server was restarted. One that is open may lead to a server
 * that has become read-only.
 */
static apr_status_t make_ready(tai_store_t *store, tai_connection_t *connection, apr_pool_t *p,
                               int *reused, const char **error)
{
    apr_status_t rv;

    *reused = tai_connection_current(connection, p);
    if (*reused && !tai_connection_doubt(connection)) {
        return APR_SUCCESS;
    }
    rv = tai_store_check_schema(connection, store->database, p, error);
    tai_connection_settled(connection);
    return rv;
}

/* On a new connection it may go better; not what took too long, for whatever reason. */
static int may_try_again(const tai_connection_t *connection, int reused)
{
    const tai_ending_e ending = tai_connection_ending(connection);

    return reused && (ending == TAI_ANSWERED || ending == TAI_LOST);
}

static apr_status_t select_once(tai_store_t *store, tai_connection_t *connection,
                                tai_statement_e statement, const char **args, apr_pool_t *p,
                                apr_array_header_t **rows, int *reused, const char **error)
{
    apr_status_t rv = make_ready(store, connection, p, reused, error);

    return rv == APR_SUCCESS ? tai_connection_select(connection, statement, args, p, rows, error)
                             : rv;
}

static apr_status_t select_as(tai_store_t *store, tai_seat_e kind, tai_statement_e statement,
                              const char **args, apr_pool_t *p, apr_array_header_t **rows,
                              const char **error)
{
    hold_t hold = {.turns = store->readers, .kind = kind};
    apr_status_t rv = acquire(store, &hold, p, error);
    int reused;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = select_once(store, hold.connection, statement, args, p, rows, &reused, error);
    if (rv != APR_SUCCESS && may_try_again(hold.connection, reused)) {
        rv = select_once(store, hold.connection, statement, args, p, rows, &reused, error);
    }
    release(store, &hold);
    return rv;
}

apr_status_t tai_store_select(tai_store_t *store, tai_statement_e statement, const char **args,
                              apr_pool_t *p, apr_array_header_t **rows, const char **error)
{
    return select_as(store, TAI_SEAT_OTHER, statement, args, p, rows, error);
}

/*
 * Its number, before it is committed: read later, by another connection, the counter may be that of
 * another server.
 */
static tai_change_e read_number(tai_connection_t *connection, apr_pool_t *p, apr_int64_t *number,
                                const char **text)
{
    apr_array_header_t *rows;

    if (tai_connection_select(connection, TAI_SQL_CHANGE_COUNTER, NULL, p, &rows, text) !=
        APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return tai_store_read_counter(rows, p, number, text);
}

/* How a change goes. */
typedef struct kind_t {
    tai_statement_e lock; /* that it begins with */
    int counted;          /* nodes are to hear of it: its number is noted */
    int aside;            /* it does not stand behind those that are */
} kind_t;

/* Whatever its outcome is, in the transaction that is open. */
static tai_change_e commit(tai_store_t *store, tai_connection_t *connection, int counted,
                           apr_pool_t *p, const char **text)
{
    apr_int64_t number = 0;

    if ((counted && read_number(connection, p, &number, text) != TAI_CHANGE_DONE) ||
        tai_connection_end(connection, 1, p, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    if (counted) {
        __atomic_store_n(&store->written, number, __ATOMIC_RELEASE);
    }
    return TAI_CHANGE_DONE;
}

apr_int64_t tai_store_written(const tai_store_t *store)
{
    return __atomic_load_n(&store->written, __ATOMIC_ACQUIRE);
}

/*
 * again: it failed before it came to a commit, and would not fail in the same way again: on a
 * connection opened earlier, which a server may have closed, or amid its statements, where somebody
 * who does not lock in our order may have been preferred. A file that is locked has been waited for.
 */
static tai_change_e change_once(tai_store_t *store, tai_connection_t *connection,
                                const kind_t *kind, tai_change_fn *change, void *data,
                                apr_pool_t *p, int *again, const char **text)
{
    tai_change_e outcome;
    const char *ignored;
    int reused;

    *again = 0;
    if (make_ready(store, connection, p, &reused, text) != APR_SUCCESS) {
        *again = may_try_again(connection, reused);
        return TAI_CHANGE_UNKNOWN;
    }
    if (tai_connection_begin(connection, kind->lock, p, text) != APR_SUCCESS) {
        *again = may_try_again(connection, reused) && !store->database->path;
        return TAI_CHANGE_UNKNOWN;
    }
    outcome = change(connection, data, p, text);
    if (outcome == TAI_CHANGE_DONE) {
        return commit(store, connection, kind->counted, p, text);
    }
    tai_connection_end(connection, 0, p, &ignored);
    *again = may_try_again(connection, reused || !store->database->path) &&
             outcome == TAI_CHANGE_UNKNOWN;
    return outcome;
}

static void note_changing(const tai_store_t *store, int under_way)
{
    if (store->limits.changing) {
        store->limits.changing(under_way);
    }
}

static tai_change_e change_with(tai_store_t *store, const kind_t *kind, tai_change_fn *change,
                                void *data, apr_pool_t *p, const char **text)
{
    hold_t hold = {.turns = kind->aside ? store->aside : store->writer, .kind = TAI_SEAT_OTHER};
    tai_change_e outcome;
    int again;

    if (acquire(store, &hold, p, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    note_changing(store, 1);
    outcome = change_once(store, hold.connection, kind, change, data, p, &again, text);
    if (again) {
        outcome = change_once(store, hold.connection, kind, change, data, p, &again, text);
    }
    note_changing(store, 0);
    release(store, &hold);
    return outcome;
}

tai_change_e tai_store_change(tai_store_t *store, tai_change_fn *change, void *data, apr_pool_t *p,
                              const char **text)
{
    static const kind_t kind = {.lock = TAI_SQL_LOCK_CHANGES, .counted = 1};

    return change_with(store, &kind, change, data, p, text);
}

tai_change_e tai_store_change_late(tai_store_t *store, tai_change_fn *change, void *data,
                                   apr_pool_t *p, const char **text)
{
    static const kind_t kind = {.lock = TAI_SQL_LOCK_LATER, .counted = 1};

    return change_with(store, &kind, change, data, p, text);
}

tai_change_e tai_store_change_aside(tai_store_t *store, tai_change_fn *change, void *data,
                                    apr_pool_t *p, const char **text)
{
    static const kind_t kind = {.lock = TAI_SQL_LOCK_LATER, .aside = 1};

    return change_with(store, &kind, change, data, p, text);
}

static tai_change_e view_once(tai_store_t *store, tai_connection_t *connection, tai_change_fn *view,
                              void *data, apr_pool_t *p, int *reused, const char **text)
{
    return make_ready(store, connection, p, reused, text) == APR_SUCCESS
               ? view(connection, data, p, text)
               : TAI_CHANGE_UNKNOWN;
}

/*
 * Of the node's connection it is known at once whether it alone was lost, in a firewall say: a new one
 * is tried, for while this one was waited for, a good part of the lease has gone.
 */
static int may_view_again(const tai_store_t *store, const hold_t *hold, int reused)
{
    return may_try_again(hold->connection, reused) ||
           (reused && hold->turns == store->node &&
            tai_connection_ending(hold->connection) == TAI_LATE);
}

static tai_change_e view_with(tai_store_t *store, tai_turns_t *turns, tai_seat_e kind,
                              tai_change_fn *view, void *data, apr_pool_t *p, const char **text)
{
    hold_t hold = {.turns = turns, .kind = kind};
    tai_change_e outcome;
    int reused;

    if (acquire(store, &hold, p, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    outcome = view_once(store, hold.connection, view, data, p, &reused, text);
    if (outcome == TAI_CHANGE_UNKNOWN && may_view_again(store, &hold, reused)) {
        outcome = view_once(store, hold.connection, view, data, p, &reused, text);
    }
    release(store, &hold);
    return outcome;
}

tai_change_e tai_store_view(tai_store_t *store, tai_change_fn *view, void *data, apr_pool_t *p,
                            const char **text)
{
    return view_with(store, store->readers, TAI_SEAT_OTHER, view, data, p, text);
}

tai_change_e tai_store_attend(tai_store_t *store, tai_change_fn *what, void *data, apr_pool_t *p,
                              const char **text)
{
    return view_with(store, store->node, TAI_SEAT_OTHER, what, data, p, text);
}

tai_change_e tai_store_note(tai_store_t *store, tai_change_fn *what, void *data, apr_pool_t *p,
                            const char **text)
{
    return view_with(store, store->aside, TAI_SEAT_OTHER, what, data, p, text);
}

/* The columns of FIND_KEY and FIND_KEY_BY_ID; where there is no such key, all but COUNTER are NULL. */
enum {
    COUNTER,
    KEY_ID,
    KEY_LINE,
    KEY_PREFIX,
    KEY_HASH,
    KEY_TOKEN_HASH,
    KEY_RATE_LIMIT,
    KEY_SCOPES,
    KEY_EXPIRES_AT,
    KEY_REVOKED_AT,
    ACCOUNT_ID,
    ACCOUNT_NAME,
    ACCOUNT_STATUS,
    USER_ID,
    USER_NAME,
    USER_STATUS,
    PLAN_NAME,
    PLAN_RATE_LIMIT,
    PLAN_SCOPE
};

/* A revocation that cannot be read is one all the same. */
static apr_int64_t revocation(const char *text)
{
    apr_int64_t at = tai_store_seconds(text);

    return at == TAI_MALFORMED ? 0 : at;
}

static int grants(const apr_array_header_t *rows, const char *scope)
{
    int i = 0;

    while (i < rows->nelts) {
        const char *granted = APR_ARRAY_IDX(rows, i, tai_row_t)[PLAN_SCOPE];

        if (granted && !strcmp(granted, scope)) {
            return 1;
        }
        i++;
    }
    return 0;
}

/* Of all the scopes of a key those that its plan grants: one row for each. */
static void read_scopes(const apr_array_header_t *rows, apr_pool_t *p, tai_record_t *record)
{
    apr_array_header_t *all = tai_scope_split(APR_ARRAY_IDX(rows, 0, tai_row_t)[KEY_SCOPES], p);
    apr_array_header_t *effective = apr_array_make(p, all->nelts + 1, sizeof(const char *));
    int i;

    for (i = 0; i < all->nelts; i++) {
        const char *scope = APR_ARRAY_IDX(all, i, const char *);

        if (grants(rows, scope)) {
            APR_ARRAY_PUSH(effective, const char *) = scope;
        }
    }
    record->scopes = apr_array_pstrcat(p, all, ' ');
    record->effective = apr_array_pstrcat(p, effective, ' ');
}

/* The driver reads an empty blob as NULL, also where the schema says NOT NULL. */
static int is_complete(tai_row_t row)
{
    static const int needed[] = {KEY_ID,       KEY_LINE, KEY_PREFIX, KEY_HASH, ACCOUNT_ID,
                                 ACCOUNT_NAME, USER_ID,  USER_NAME,  PLAN_NAME};
    apr_size_t i = 0;

    while (i < sizeof(needed) / sizeof(needed[0]) && row[needed[i]]) {
        i++;
    }
    return i == sizeof(needed) / sizeof(needed[0]);
}

/* NULL: the row is none that this program has written. */
static tai_record_t *make_record(const apr_array_header_t *rows, apr_pool_t *p)
{
    tai_row_t row = APR_ARRAY_IDX(rows, 0, tai_row_t);
    tai_record_t *record = apr_pcalloc(p, sizeof(*record));

    record->has_token = row[KEY_TOKEN_HASH] != NULL;
    if (!is_complete(row) || !tai_digest_from_hex(row[KEY_HASH], &record->key) ||
        (record->has_token && !tai_digest_from_hex(row[KEY_TOKEN_HASH], &record->token))) {
        return NULL;
    }
    record->id = row[KEY_ID];
    record->line = row[KEY_LINE];
    record->prefix = row[KEY_PREFIX];
    record->rate_limit = row[KEY_RATE_LIMIT];
    record->account_id = row[ACCOUNT_ID];
    record->account = row[ACCOUNT_NAME];
    record->user = row[USER_NAME];
    record->plan = row[PLAN_NAME];
    record->plan_rate_limit = row[PLAN_RATE_LIMIT];
    read_scopes(rows, p, record);
    record->expires_at = tai_store_seconds(row[KEY_EXPIRES_AT]);
    record->revoked_at = revocation(row[KEY_REVOKED_AT]);
    record->account_standing = tai_store_standing(row[ACCOUNT_STATUS]);
    record->user_standing = tai_store_standing(row[USER_STATUS]);
    return record;
}

/* Is there a key at all? */
static int is_found(tai_row_t row)
{
    int column = KEY_ID;

    while (column < PLAN_SCOPE && !row[column]) {
        column++;
    }
    return column < PLAN_SCOPE;
}

/* What find_record asks a connection for. */
typedef struct look_t {
    tai_statement_e by; /* FIND_KEY or FIND_KEY_BY_ID */
    const char *value;
    apr_array_header_t *counter; /* of COUNTER_BEFORE */
    apr_array_header_t *rows;
} look_t;

static tai_change_e look(tai_connection_t *connection, void *data, apr_pool_t *p, const char **text)
{
    look_t *what = data;
    apr_status_t rv =
        tai_connection_select(connection, TAI_SQL_COUNTER_BEFORE, NULL, p, &what->counter, text);

    if (rv == APR_SUCCESS) {
        rv = tai_connection_select(connection, what->by, TAI_ARGS(what->value), p, &what->rows,
                                   text);
    }
    return rv == APR_SUCCESS ? TAI_CHANGE_DONE : TAI_CHANGE_UNKNOWN;
}

static apr_status_t find_record(tai_store_t *store, tai_statement_e by, const char *value,
                                apr_pool_t *p, tai_record_t **record, apr_int64_t *seq,
                                const char **error)
{
    look_t what = {by, value, NULL, NULL};
    const apr_array_header_t *rows;
    const char *counter;

    *record = NULL;
    *error = NULL;
    if (view_with(store, store->readers, TAI_SEAT_LOOKUP, look, &what, p, error) !=
        TAI_CHANGE_DONE) {
        return APR_EGENERAL;
    }
    rows = what.rows;
    counter = tai_store_counter(what.counter, rows);
    *seq = counter ? tai_store_seconds(counter) : -1;
    if (*seq < 0 || !rows->nelts) {
        *error =
            apr_psprintf(p, "database %s: change_counter holds no number", store->database->name);
        return APR_EGENERAL;
    }
    *error = NULL; /* a first try may have failed */
    if (!is_found(APR_ARRAY_IDX(rows, 0, tai_row_t))) {
        return APR_SUCCESS;
    }
    *record = make_record(rows, p);
    if (!*record) {
        *error =
            apr_psprintf(p, "database %s: the row of a key is incomplete", store->database->name);
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

apr_status_t tai_store_find_key(tai_store_t *store, const tai_digest_t *key, apr_pool_t *p,
                                tai_record_t **record, apr_int64_t *seq, const char **error)
{
    char hex[TAI_DIGEST_HEX + 1];

    tai_digest_to_hex(key, hex);
    return find_record(store, TAI_SQL_FIND_KEY, hex, p, record, seq, error);
}

apr_status_t tai_store_find_key_by_id(tai_store_t *store, const char *id, apr_pool_t *p,
                                      tai_record_t **record, const char **error)
{
    apr_int64_t seq;

    return find_record(store, TAI_SQL_FIND_KEY_BY_ID, id, p, record, &seq, error);
}

apr_status_t tai_store_scope_plans(tai_store_t *store, const char *scope, apr_pool_t *p,
                                   apr_array_header_t **titles)
{
    apr_array_header_t *rows;
    const char *error;
    apr_status_t rv;
    int i;

    rv = select_as(store, TAI_SEAT_LOOKUP, TAI_SQL_SCOPE_PLANS, TAI_ARGS(scope), p, &rows, &error);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *titles = apr_array_make(p, rows->nelts, sizeof(const char *));
    for (i = 0; i < rows->nelts; i++) {
        const char *title = APR_ARRAY_IDX(rows, i, tai_row_t)[0];

        if (title) {
            APR_ARRAY_PUSH(*titles, const char *) = title;
        }
    }
    return APR_SUCCESS;
}
