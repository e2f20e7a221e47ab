#include <string.h>
#include <apr_general.h>
#include <apr_siphash.h>
#include "failures.h"
#include "known.h"
#include "segment.h"
#include "unknown.h"
#include "usage.h"
#include "windows.h"

#define MAGIC      APR_UINT64_C(0x7461696175746873) /* "taiauths" */
#define CACHE_LINE 64
#define SIXTEENTHS 16

/*
 * What has to be the same for one build to read what another has laid out. A change of meaning at
 * the same sizes needs a new TAI_SEGMENT_LAYOUT.
 */
typedef struct tai_shape_t {
    apr_uint64_t layout;
    apr_uint64_t bytes;
    apr_uint64_t records_size;
    apr_uint64_t header_size;
    apr_uint64_t mutex_size;
    apr_uint64_t set_size[TAI_TABLE_COUNT];
} tai_shape_t;

struct tai_segment_t {
    apr_uint64_t magic; /* written last */
    tai_shape_t shape;
    apr_uint64_t keys; /* for how many there is to be a key table; 0: none */
    unsigned char secret[2][APR_SIPHASH_KSIZE];
    apr_uint64_t table[TAI_TABLE_COUNT]; /* offsets from the start of the segment, bytes */
    _Alignas(CACHE_LINE) tai_node_t node;
    _Alignas(CACHE_LINE) tai_metrics_t metrics;
    _Alignas(CACHE_LINE) tai_slots_t slots;
    _Alignas(CACHE_LINE) tai_slots_t revocations;
    _Alignas(CACHE_LINE) tai_breaker_t breakers[TAI_BREAKER_COUNT];
    _Alignas(CACHE_LINE) tai_seats_t seats;
    _Alignas(CACHE_LINE) apr_uint64_t complain_at; /* not before, milliseconds of tai_clock_ms */
    apr_uint64_t complained_of[TAI_TABLE_COUNT];   /* losses that have been told */
    apr_uint64_t unwritten_at; /* usage that cannot be written: not before, as complain_at */
    apr_uint64_t unsynced_at;  /* changes that cannot be read: the same */
    int unsynced;              /* that was said, and not yet that they can */
};

/* The tables in their order, and how many sixteenths of what the key table leaves each takes. */
static const struct {
    const char *name;
    unsigned share;
    apr_size_t (*entry_size)(void);
    int cheap; /* what it loses costs a SELECT and nothing else */
} tables[TAI_TABLE_COUNT] = {
    [TAI_TABLE_KNOWN] = {"known", 1, tai_known_entry_size, 0},
    [TAI_TABLE_UNKNOWN] = {"unknown", 1, tai_unknown_entry_size, 1},
    [TAI_TABLE_WINDOWS] = {"windows", 8, tai_windows_entry_size, 0},
    [TAI_TABLE_ADDRESSES] = {"addresses", 2, tai_windows_entry_size, 0},
    [TAI_TABLE_CLIENTS] = {"clients", 1, tai_failures_entry_size, 0},
    [TAI_TABLE_PAIRS] = {"pairs", 1, tai_failures_entry_size, 0},
    [TAI_TABLE_USERNAMES] = {"usernames", 1, tai_failures_entry_size, 0},
    [TAI_TABLE_USAGE] = {"usage", 1, tai_usage_entry_size, 0},
};

static tai_shape_t shape_of(apr_size_t bytes, apr_uint64_t keys)
{
    tai_shape_t shape = {
        .layout = TAI_SEGMENT_LAYOUT,
        .bytes = bytes,
        .records_size = tai_records_bytes(keys),
        .header_size = sizeof(tai_segment_t),
        .mutex_size = sizeof(pthread_mutex_t),
    };
    int i;

    for (i = 0; i < TAI_TABLE_COUNT; i++) {
        shape.set_size[i] = tai_table_bytes(tables[i].entry_size(), 1);
    }
    return shape;
}

static apr_status_t format_tables(tai_segment_t *segment, apr_size_t bytes, apr_size_t offset)
{
    const apr_size_t share = (bytes - offset) / SIXTEENTHS;
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < TAI_TABLE_COUNT && rv == APR_SUCCESS; i++) {
        const apr_size_t entry_size = tables[i].entry_size();
        const apr_uint32_t sets = tai_table_sets(entry_size, tables[i].share * share);

        segment->table[i] = offset;
        rv = tai_table_format(tai_segment_table(segment, i), entry_size, sets);
        offset += tai_table_bytes(entry_size, sets);
    }
    return rv;
}

apr_size_t tai_segment_needs(apr_uint64_t keys)
{
    return TAI_SEGMENT_MIN_BYTES + tai_records_bytes(keys);
}

apr_status_t tai_segment_format(void *block, apr_size_t bytes, apr_uint64_t keys,
                                tai_segment_t **out)
{
    tai_segment_t *segment = block;
    apr_status_t rv;

    if (bytes < tai_segment_needs(keys)) {
        return APR_EINVAL;
    }
    segment->shape = shape_of(bytes, keys);
    segment->keys = keys;
    if (keys > 0) {
        tai_records_format(tai_segment_records(segment), keys);
    }
    rv = apr_generate_random_bytes(segment->secret[0], sizeof(segment->secret));
    if (rv == APR_SUCCESS) {
        rv = tai_slots_format(&segment->slots, TAI_PASSWORD_SLOTS);
    }
    if (rv == APR_SUCCESS) {
        rv = tai_slots_format(&segment->revocations, TAI_REVOCATION_SLOTS);
    }
    if (rv == APR_SUCCESS) {
        rv = tai_node_format(&segment->node);
    }
    if (rv == APR_SUCCESS) {
        rv = format_tables(segment, bytes, sizeof(*segment) + tai_records_bytes(keys));
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    __atomic_store_n(&segment->magic, MAGIC, __ATOMIC_RELEASE);
    *out = segment;
    return APR_SUCCESS;
}

tai_segment_t *tai_segment_attach(void *block, apr_size_t bytes)
{
    tai_segment_t *segment = block;
    tai_shape_t shape;

    if (bytes < sizeof(*segment) || __atomic_load_n(&segment->magic, __ATOMIC_ACQUIRE) != MAGIC) {
        return NULL;
    }
    shape = shape_of(bytes, segment->keys);
    return memcmp(&segment->shape, &shape, sizeof(shape)) == 0 ? segment : NULL;
}

apr_uint64_t tai_segment_keys(const tai_segment_t *segment)
{
    return segment->keys;
}

tai_records_t *tai_segment_records(tai_segment_t *segment)
{
    return segment->keys > 0 ? (tai_records_t *)(segment + 1) : NULL;
}

tai_node_t *tai_segment_node(tai_segment_t *segment)
{
    return &segment->node;
}

tai_table_t *tai_segment_table(tai_segment_t *segment, tai_table_e which)
{
    return (tai_table_t *)((unsigned char *)segment + segment->table[which]);
}

const char *tai_segment_table_name(tai_table_e which)
{
    return tables[which].name;
}

tai_metrics_t *tai_segment_metrics(tai_segment_t *segment)
{
    return &segment->metrics;
}

tai_slots_t *tai_segment_slots(tai_segment_t *segment)
{
    return &segment->slots;
}

tai_slots_t *tai_segment_revocations(tai_segment_t *segment)
{
    return &segment->revocations;
}

tai_breaker_t *tai_segment_breaker(tai_segment_t *segment, tai_breaker_of_e of)
{
    return &segment->breakers[of];
}

tai_seats_t *tai_segment_seats(tai_segment_t *segment)
{
    return &segment->seats;
}

/* One caller wins the right to speak until the next time. */
static int may_complain(apr_uint64_t *not_before, apr_uint64_t now)
{
    apr_uint64_t at = __atomic_load_n(not_before, __ATOMIC_RELAXED);

    return now >= at && __atomic_compare_exchange_n(not_before, &at, now + TAI_SEGMENT_COMPLAIN_MS,
                                                    0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static apr_uint64_t untold(tai_segment_t *segment, tai_table_e which)
{
    if (tables[which].cheap) {
        return 0;
    }
    return tai_table_lost(tai_segment_table(segment, which)) -
           __atomic_load_n(&segment->complained_of[which], __ATOMIC_RELAXED);
}

int tai_segment_pressure(tai_segment_t *segment, apr_uint64_t now,
                         apr_uint64_t lost[TAI_TABLE_COUNT])
{
    int i, any = 0;

    for (i = 0; i < TAI_TABLE_COUNT; i++) {
        lost[i] = untold(segment, i);
        any |= lost[i] != 0;
    }
    if (!any || !may_complain(&segment->complain_at, now)) {
        return 0;
    }
    for (i = 0; i < TAI_TABLE_COUNT; i++) {
        __atomic_fetch_add(&segment->complained_of[i], lost[i], __ATOMIC_RELAXED);
    }
    return 1;
}

int tai_segment_unwritten(tai_segment_t *segment, apr_uint64_t now)
{
    return may_complain(&segment->unwritten_at, now);
}

int tai_segment_unsynced(tai_segment_t *segment, apr_uint64_t now)
{
    int mine = may_complain(&segment->unsynced_at, now);

    if (mine) {
        __atomic_store_n(&segment->unsynced, 1, __ATOMIC_RELAXED);
    }
    return mine;
}

int tai_segment_synced(tai_segment_t *segment)
{
    return __atomic_load_n(&segment->unsynced, __ATOMIC_RELAXED) &&
           __atomic_exchange_n(&segment->unsynced, 0, __ATOMIC_RELAXED);
}

tai_id_t tai_segment_id(const tai_segment_t *segment, const void *data, apr_size_t len)
{
    return (tai_id_t){
        .hi = apr_siphash24(data, len, segment->secret[0]),
        .lo = apr_siphash24(data, len, segment->secret[1]),
    };
}
