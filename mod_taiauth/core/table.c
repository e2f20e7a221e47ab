#include <string.h>
#include "fault.h"
#include "mutex.h"
#include "table.h"

#define CACHE_LINE 64

#define STORE(target, value) __atomic_store_n(&(target), (value), __ATOMIC_RELEASE)

struct tai_table_t {
    apr_size_t entry_size;
    apr_size_t set_bytes;
    apr_uint32_t sets;
    /* apart from what every request reads */
    _Alignas(CACHE_LINE) apr_uint64_t lost;
    apr_uint64_t recovered;
};

typedef struct tai_set_t {
    pthread_mutex_t mutex;
    apr_uint64_t held[TAI_TABLE_WAYS / 64];
    _Alignas(CACHE_LINE) apr_uint16_t tag[TAI_TABLE_WAYS];
    apr_uint64_t due[TAI_TABLE_WAYS];
    tai_id_t id[TAI_TABLE_WAYS];
    unsigned char entry[];
} tai_set_t;

_Static_assert(sizeof(tai_set_t) % CACHE_LINE == 0, "entries start on a cache line");

static apr_size_t set_bytes(apr_size_t entry_size)
{
    return sizeof(tai_set_t) + TAI_TABLE_WAYS * entry_size;
}

apr_uint32_t tai_table_sets(apr_size_t entry_size, apr_size_t bytes)
{
    apr_size_t sets;

    if (bytes < sizeof(tai_table_t)) {
        return 0;
    }
    sets = (bytes - sizeof(tai_table_t)) / set_bytes(entry_size);
    return sets < APR_UINT32_MAX ? (apr_uint32_t)sets : APR_UINT32_MAX;
}

apr_size_t tai_table_bytes(apr_size_t entry_size, apr_uint32_t sets)
{
    return sizeof(tai_table_t) + sets * set_bytes(entry_size);
}

static tai_set_t *set_at(tai_table_t *table, apr_uint32_t set)
{
    return (tai_set_t *)((unsigned char *)(table + 1) + set * table->set_bytes);
}

static tai_set_t *set_of(const tai_place_t *place)
{
    return set_at(place->table, place->set);
}

/* The upper half of hi, as a fraction of the sets. */
static apr_uint32_t set_index(const tai_table_t *table, tai_id_t id)
{
    return (apr_uint32_t)((id.hi >> 32) * table->sets >> 32);
}

/* 0 is the tag of a place where nobody stands. */
static apr_uint16_t tag_of(tai_id_t id)
{
    const apr_uint16_t tag = (apr_uint16_t)id.lo;

    return tag != 0 ? tag : 1;
}

static apr_uint64_t due_time(apr_uint64_t due)
{
    return due & ~TAI_DUE_PINNED;
}

apr_status_t tai_table_format(tai_table_t *block, apr_size_t entry_size, apr_uint32_t sets)
{
    apr_status_t rv = APR_SUCCESS;
    apr_uint32_t i;

    block->entry_size = entry_size;
    block->set_bytes = set_bytes(entry_size);
    block->sets = sets;
    for (i = 0; i < sets && rv == APR_SUCCESS; i++) {
        rv = tai_mutex_init(&set_at(block, i)->mutex);
    }
    return rv;
}

/* 1: one of the four 16-bit lanes is zero */
static int zero_lane(apr_uint64_t lanes)
{
    return ((lanes - APR_UINT64_C(0x0001000100010001)) & ~lanes &
            APR_UINT64_C(0x8000800080008000)) != 0;
}

/* @return where the identity stands, or TAI_TABLE_WAYS */
static apr_uint32_t find_way(const tai_set_t *set, tai_id_t id)
{
    const apr_uint16_t tag = tag_of(id);
    const apr_uint64_t wanted = tag * APR_UINT64_C(0x0001000100010001);
    apr_uint64_t four;
    apr_uint32_t way, i;

    for (way = 0; way < TAI_TABLE_WAYS; way += 4) {
        memcpy(&four, &set->tag[way], sizeof(four));
        if (!zero_lane(four ^ wanted)) {
            continue;
        }
        for (i = way; i < way + 4; i++) {
            if (set->tag[i] == tag && set->id[i].lo == id.lo && set->id[i].hi == id.hi) {
                return i;
            }
        }
    }
    return TAI_TABLE_WAYS;
}

/* From now on the place is in the hands of who holds the mutex, and is not given to another. */
static void hold(tai_place_t *place, apr_uint32_t way)
{
    tai_set_t *set = set_of(place);

    set->held[way / 64] |= APR_UINT64_C(1) << way % 64;
    place->way = way;
    place->entry = set->entry + way * place->table->entry_size;
}

static int is_held(const tai_set_t *set, apr_uint32_t way)
{
    return (set->held[way / 64] >> way % 64 & 1) != 0;
}

static apr_status_t lock_set(tai_table_t *table, tai_set_t *set)
{
    int inherited;
    const apr_status_t rv = tai_mutex_lock(&set->mutex, &inherited);

    if (rv == APR_SUCCESS && inherited) {
        memset(set->held, 0, sizeof(set->held));
        __atomic_fetch_add(&table->recovered, 1, __ATOMIC_RELAXED);
    }
    return rv;
}

static void unlock_set(tai_set_t *set)
{
    memset(set->held, 0, sizeof(set->held));
    tai_mutex_unlock(&set->mutex);
}

/*
 * The place whose set comes next by address, behind the set of another place (NULL: the first).
 * Going from one to the next visits each set once, however many of the places lie in it.
 */
static const tai_place_t *next_set(const tai_place_t *places, int n, const tai_place_t *behind)
{
    const tai_place_t *next = NULL;
    int i;

    if (n == 1) { /* as nearly always */
        return behind == NULL ? places : NULL;
    }
    for (i = 0; i < n; i++) {
        if ((behind == NULL || set_of(&places[i]) > set_of(behind)) &&
            (next == NULL || set_of(&places[i]) < set_of(next))) {
            next = &places[i];
        }
    }
    return next;
}

static void unlock_until(const tai_place_t *places, int n, const tai_place_t *end)
{
    const tai_place_t *at;

    for (at = next_set(places, n, NULL); at != end; at = next_set(places, n, at)) {
        unlock_set(set_of(at));
    }
}

static apr_status_t lock_sets(const tai_place_t *places, int n)
{
    const tai_place_t *at;
    apr_status_t rv;

    for (at = next_set(places, n, NULL); at != NULL; at = next_set(places, n, at)) {
        rv = lock_set(at->table, set_of(at));
        if (rv != APR_SUCCESS) {
            unlock_until(places, n, at);
            return rv;
        }
    }
    return APR_SUCCESS;
}

apr_status_t tai_table_lock(tai_table_t *const *tables, const tai_id_t *ids, int n,
                            tai_place_t *places)
{
    apr_status_t rv;
    apr_uint32_t way;
    int i;

    if (n < 1 || n > TAI_TABLE_LOCK_MAX) {
        return APR_EINVAL;
    }
    for (i = 0; i < n; i++) {
        places[i] = (tai_place_t){.table = tables[i], .set = set_index(tables[i], ids[i])};
    }
    rv = lock_sets(places, n);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < n; i++) {
        way = find_way(set_of(&places[i]), ids[i]);
        if (way < TAI_TABLE_WAYS) {
            hold(&places[i], way);
        }
    }
    return APR_SUCCESS;
}

void tai_table_unlock(const tai_place_t *places, int n)
{
    unlock_until(places, n, NULL);
}

/* Who goes first: never used (0), expired, live by its end, pinned by its end. */
static apr_uint64_t rank(apr_uint64_t due, apr_uint64_t now)
{
    return due_time(due) > now ? due : due_time(due);
}

/* The place to give away. There always is one: a call holds at most TAI_TABLE_LOCK_MAX. */
static apr_uint32_t least_way(const tai_set_t *set, apr_uint64_t now)
{
    apr_uint64_t least = APR_UINT64_MAX;
    apr_uint32_t way, found = 0;

    for (way = 0; way < TAI_TABLE_WAYS; way++) {
        if (rank(set->due[way], now) < least && !is_held(set, way)) {
            least = rank(set->due[way], now);
            found = way;
        }
    }
    return found;
}

void tai_table_insert(tai_place_t *place, tai_id_t id, apr_uint64_t now)
{
    tai_set_t *set = set_of(place);
    apr_uint32_t way;

    if (place->entry != NULL) {
        return;
    }
    way = least_way(set, now);
    if (due_time(set->due[way]) > now) {
        __atomic_fetch_add(&place->table->lost, 1, __ATOMIC_RELAXED);
    }
    hold(place, way);

    /* Out goes the old one, due first: a place without a tag must not pass for a live one. */
    STORE(set->due[way], 0);
    STORE(set->tag[way], 0);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    TAI_FAULT("table.insert");
    memset(place->entry, 0, place->table->entry_size);
    set->id[way] = id;
    STORE(set->due[way], now);
    STORE(set->tag[way], tag_of(id));
}

tai_id_t tai_table_id(const tai_place_t *place)
{
    return set_of(place)->id[place->way];
}

void tai_table_set_due(const tai_place_t *place, apr_uint64_t due)
{
    STORE(set_of(place)->due[place->way], due);
}

apr_uint32_t tai_table_set_count(const tai_table_t *table)
{
    return table->sets;
}

apr_status_t tai_table_visit(tai_table_t *table, apr_uint32_t set, apr_uint64_t now,
                             tai_table_visit_fn *visit, void *data)
{
    tai_set_t *its = set_at(table, set);
    tai_place_t place = {.table = table, .set = set};
    const apr_status_t rv = lock_set(table, its);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (place.way = 0; place.way < TAI_TABLE_WAYS; place.way++) {
        if (due_time(its->due[place.way]) > now) {
            place.entry = its->entry + place.way * table->entry_size;
            visit(&place, data);
        }
    }
    unlock_set(its);
    return APR_SUCCESS;
}

apr_uint64_t tai_table_lost(const tai_table_t *table)
{
    return __atomic_load_n(&table->lost, __ATOMIC_RELAXED);
}

static void count_set(const tai_set_t *set, apr_uint64_t now, tai_table_usage_t *usage)
{
    apr_uint32_t way;

    for (way = 0; way < TAI_TABLE_WAYS; way++) {
        if (due_time(set->due[way]) > now) {
            usage->live++;
            usage->pinned += set->due[way] >= TAI_DUE_PINNED;
        }
    }
}

void tai_table_usage(tai_table_t *table, apr_uint64_t now, tai_table_usage_t *usage)
{
    apr_uint32_t i;

    *usage = (tai_table_usage_t){.bytes = sizeof(*table) + table->sets * table->set_bytes,
                                 .places = (apr_uint64_t)table->sets * TAI_TABLE_WAYS};
    for (i = 0; i < table->sets; i++) {
        if (lock_set(table, set_at(table, i)) == APR_SUCCESS) {
            count_set(set_at(table, i), now, usage);
            unlock_set(set_at(table, i));
        }
    }
    usage->lost = tai_table_lost(table);
    usage->recovered = __atomic_load_n(&table->recovered, __ATOMIC_RELAXED);
}
