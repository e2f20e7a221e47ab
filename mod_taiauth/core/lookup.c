#include "lookup.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <apr_strings.h>
#include "clock.h"
#include "fault.h"
#include "pool.h"
#include "unknown.h"

/* How often one look-up asks when something changes each time that the database is asked. */
#define TRIES 5

/* Lists of look-ups under way; a power of two. Not more threads than a few hundred look up. */
#define LISTS 64

#define ERROR_BYTES 256

/* A key that the database is being asked for, and what came of it. */
typedef struct flight_t {
    tai_digest_t key;
    struct flight_t *next; /* in its list, or in that of the free ones */
    int threads;           /* that have to do with it: who asks, and who waits for him */
    int landed;
    pthread_cond_t landing;
    tai_reason_e failure; /* TAI_ADMITTED: he got an answer */
    char error[ERROR_BYTES];
} flight_t;

/*
 * Mutex and conditions are never destroyed: they hold nothing but their memory, and to destroy a
 * condition waits for who waits for it. A signal may end this process out of such a wait.
 */
struct tai_lookup_t {
    apr_pool_t *pool; /* nobody's but ours */
    tai_segment_t *segment;
    tai_store_t *store;
    int keep;
    pthread_mutex_t mutex; /* guards pool and what follows; nobody holds it while he asks */
    int threads;           /* in all flights */
    flight_t *lists[LISTS];
    flight_t *free;
};

/* A process that a signal ends amid a look-up leaves all where it is: its end frees it. */
static apr_status_t close_lookup(void *data)
{
    tai_lookup_t *lookup = data;

    if (lookup->threads == 0) {
        apr_pool_destroy(lookup->pool);
    }
    return APR_SUCCESS;
}

apr_status_t tai_lookup_create(tai_lookup_t **out, tai_segment_t *segment, tai_store_t *store,
                               int keep, apr_pool_t *p)
{
    tai_lookup_t *lookup;
    apr_pool_t *pool;
    apr_status_t rv = tai_pool_create(&pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    lookup = apr_pcalloc(pool, sizeof(*lookup));
    lookup->pool = pool;
    lookup->segment = segment;
    lookup->store = store;
    lookup->keep = keep && tai_segment_records(segment) != NULL;
    pthread_mutex_init(&lookup->mutex, NULL); /* with no attributes it cannot fail */
    apr_pool_cleanup_register(p, lookup, close_lookup, apr_pool_cleanup_null);
    *out = lookup;
    return APR_SUCCESS;
}

static tai_lookup_e fail(tai_known_key_t *known, tai_reason_e why)
{
    known->record = NULL;
    known->failure = why;
    return TAI_LOOKUP_FAILED;
}

/* Why nothing may be answered, as tai_node_lease says. */
static tai_reason_e no_lease(apr_status_t rv)
{
    return rv == APR_EGENERAL || APR_STATUS_IS_TIMEUP(rv) ? TAI_DATABASE : TAI_SHARED_MEMORY;
}

/* ---- what is remembered ------------------------------------------------------------------- */

/* The texts of a copy lie in it, or else where they stay: those need not be moved. */
static void move_text(const char **text, const tai_record_copy_t *copy, const char *to)
{
    if (*text >= copy->text && *text < copy->text + copy->length) {
        *text = to + (*text - copy->text);
    }
}

static tai_record_t *keep_copy(const tai_record_copy_t *copy, apr_pool_t *p)
{
    tai_record_t *record = apr_palloc(p, sizeof(*record) + copy->length);
    char *text = (char *)(record + 1);

    *record = copy->record;
    memcpy(text, copy->text, copy->length);
#define X(name) move_text(&record->name, copy, text);
    TAI_RECORD_TEXTS(X)
#undef X
    return record;
}

static int is_unknown(const tai_lookup_t *lookup, const tai_digest_t *key, apr_uint64_t now)
{
    tai_id_t id = tai_segment_id(lookup->segment, key->bytes, sizeof(key->bytes));
    apr_uint64_t epoch =
        __atomic_load_n(&tai_segment_node(lookup->segment)->epoch, __ATOMIC_ACQUIRE);
    int seen = 0;

    return tai_unknown_seen(tai_segment_table(lookup->segment, TAI_TABLE_UNKNOWN), id, epoch, now,
                            &seen) == APR_SUCCESS &&
           seen;
}

/* The version is read before the record, which may be newer than it says, and never older. */
static tai_lookup_e remember(const tai_lookup_t *lookup, const tai_digest_t *key, apr_uint64_t now,
                             apr_pool_t *p, tai_known_key_t *known)
{
    tai_record_copy_t copy;

    known->record = NULL;
    if (!lookup->keep) {
        return TAI_LOOKUP_ABSENT;
    }
    known->version = tai_node_version(lookup->segment);
    if (tai_records_find(tai_segment_records(lookup->segment), key, &copy)) {
        TAI_FAULT("lookup.recalled");
        known->record = keep_copy(&copy, p);
        return TAI_LOOKUP_FOUND;
    }
    return is_unknown(lookup, key, now) ? TAI_LOOKUP_UNKNOWN : TAI_LOOKUP_ABSENT;
}

tai_lookup_e tai_lookup_recall(tai_lookup_t *lookup, const tai_digest_t *key, apr_uint64_t now,
                               apr_pool_t *p, tai_known_key_t *known, const char **error)
{
    apr_status_t rv;

    *error = NULL;
    if (lookup->store == NULL) {
        *error = "no database is configured";
        return fail(known, TAI_DATABASE);
    }
    rv = tai_node_lease(lookup->segment, lookup->store, now, p, error);
    if (rv != APR_SUCCESS) {
        return fail(known, no_lease(rv));
    }
    return remember(lookup, key, now, p, known);
}

/* ---- the database ------------------------------------------------------------------------- */

/* One SELECT. ABSENT: something has changed that it did not see. */
static tai_lookup_e select_key(const tai_lookup_t *lookup, const tai_digest_t *key,
                               apr_uint64_t now, apr_pool_t *p, tai_known_key_t *known,
                               const char **error)
{
    apr_uint64_t start = tai_clock_us();
    apr_status_t rv;

    known->version = tai_node_version(lookup->segment);
    rv = tai_store_find_key(lookup->store, key, p, &known->record, &known->version.seq, error);
    tai_metrics_lookup(tai_segment_metrics(lookup->segment), tai_clock_us() - start,
                       rv != APR_SUCCESS);
    if (rv != APR_SUCCESS) {
        return fail(known, TAI_DATABASE);
    }
    TAI_FAULT("lookup.selected");
    rv = tai_node_learn(lookup->segment, known->version, key, known->record, lookup->keep, now);
    if (APR_STATUS_IS_EAGAIN(rv)) {
        return TAI_LOOKUP_ABSENT;
    }
    if (rv != APR_SUCCESS) {
        *error = "shared memory cannot be used";
        return fail(known, TAI_SHARED_MEMORY);
    }
    return known->record != NULL ? TAI_LOOKUP_FOUND : TAI_LOOKUP_UNKNOWN;
}

static tai_lookup_e ask_alone(const tai_lookup_t *lookup, const tai_digest_t *key, apr_uint64_t now,
                              apr_pool_t *p, tai_known_key_t *known, const char **error)
{
    tai_lookup_e found = TAI_LOOKUP_ABSENT;
    int tries;

    for (tries = 0; found == TAI_LOOKUP_ABSENT && tries < TRIES; tries++) {
        apr_status_t rv = tai_node_lease(lookup->segment, lookup->store, now, p, error);

        found = rv == APR_SUCCESS ? select_key(lookup, key, now, p, known, error)
                                  : fail(known, no_lease(rv));
    }
    if (found == TAI_LOOKUP_ABSENT) {
        *error = "keys change faster than one of them can be looked up";
        return fail(known, TAI_DATABASE);
    }
    return found;
}

/* ---- look-ups under way: all of these under the mutex -------------------------------------- */

static flight_t **list_of(tai_lookup_t *lookup, const tai_digest_t *key)
{
    return &lookup->lists[key->bytes[0] & (LISTS - 1)];
}

/* The one of a key, in which the caller is then. leads: it is new, and he is the one who asks. */
static flight_t *board(tai_lookup_t *lookup, const tai_digest_t *key, int *leads)
{
    flight_t **list = list_of(lookup, key);
    flight_t *flight = *list;

    while (flight != NULL && memcmp(&flight->key, key, sizeof(*key)) != 0) {
        flight = flight->next;
    }
    *leads = flight == NULL;
    lookup->threads++;
    if (flight != NULL) {
        flight->threads++;
        return flight;
    }
    flight = lookup->free;
    if (flight != NULL) {
        lookup->free = flight->next;
    }
    else {
        flight = apr_palloc(lookup->pool, sizeof(*flight));
        tai_clock_condition(&flight->landing);
    }
    flight->key = *key;
    flight->threads = 1;
    flight->landed = 0;
    flight->next = *list;
    *list = flight;
    return flight;
}

/* The last one to leave has it used again. */
static void leave(tai_lookup_t *lookup, flight_t *flight)
{
    lookup->threads--;
    if (--flight->threads == 0) {
        flight->next = lookup->free;
        lookup->free = flight;
    }
}

/* Whoever comes from now on begins a new one. */
static void land(tai_lookup_t *lookup, flight_t *flight, tai_reason_e failure, const char *error)
{
    flight_t **at = list_of(lookup, &flight->key);

    while (*at != flight) {
        at = &(*at)->next;
    }
    *at = flight->next;
    flight->landed = 1;
    flight->failure = failure;
    apr_cpystrn(flight->error, error != NULL ? error : "", sizeof(flight->error));
    pthread_cond_broadcast(&flight->landing);
}

/* ---- once for all who ask ----------------------------------------------------------------- */

/* Another one may have been answered since the caller looked. */
static tai_lookup_e lead(tai_lookup_t *lookup, flight_t *flight, apr_uint64_t now, apr_pool_t *p,
                         tai_known_key_t *known, const char **error)
{
    const tai_digest_t *key = &flight->key;
    tai_lookup_e found = remember(lookup, key, now, p, known);

    if (found == TAI_LOOKUP_ABSENT) {
        found = ask_alone(lookup, key, now, p, known, error);
    }
    pthread_mutex_lock(&lookup->mutex);
    land(lookup, flight, found == TAI_LOOKUP_FAILED ? known->failure : TAI_ADMITTED, *error);
    leave(lookup, flight);
    pthread_mutex_unlock(&lookup->mutex);
    return found;
}

/* Under the mutex. */
static void await_landing(tai_lookup_t *lookup, flight_t *flight)
{
    tai_seat_t seat;
    const apr_uint64_t until =
        tai_clock_ms() + tai_store_join(lookup->store, tai_store_patience(lookup->store), &seat);

    while (!flight->landed && tai_clock_wait(&flight->landing, &lookup->mutex, until)) {
    }
    tai_seat_leave(&seat);
}

/* What another one was answered is remembered, unless it could not be. */
static tai_lookup_e follow(tai_lookup_t *lookup, flight_t *flight, apr_uint64_t now, apr_pool_t *p,
                           tai_known_key_t *known, const char **error)
{
    tai_digest_t key = flight->key; /* it may be another one's as soon as we have left */
    tai_reason_e failure;
    tai_lookup_e found;

    pthread_mutex_lock(&lookup->mutex);
    await_landing(lookup, flight);
    failure = flight->landed ? flight->failure : TAI_DATABASE;
    if (failure != TAI_ADMITTED) {
        *error = flight->landed ? apr_pstrdup(p, flight->error)
                                : "others wait for the database to tell of this key already";
    }
    leave(lookup, flight);
    pthread_mutex_unlock(&lookup->mutex);
    if (failure != TAI_ADMITTED) {
        return fail(known, failure);
    }
    found = remember(lookup, &key, now, p, known);
    return found == TAI_LOOKUP_ABSENT ? ask_alone(lookup, &key, now, p, known, error) : found;
}

tai_lookup_e tai_lookup_ask(tai_lookup_t *lookup, const tai_digest_t *key, apr_uint64_t now,
                            apr_pool_t *p, tai_known_key_t *known, const char **error)
{
    flight_t *flight;
    int leads;

    *error = NULL;
    if (lookup->store == NULL) {
        *error = "no database is configured";
        return fail(known, TAI_DATABASE);
    }
    if (!lookup->keep) {
        return ask_alone(lookup, key, now, p, known, error);
    }
    pthread_mutex_lock(&lookup->mutex);
    flight = board(lookup, key, &leads);
    pthread_mutex_unlock(&lookup->mutex);
    return leads ? lead(lookup, flight, now, p, known, error)
                 : follow(lookup, flight, now, p, known, error);
}
