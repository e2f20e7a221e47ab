#include "usage.h"

#include <string.h>
#include <apr_strings.h>
#include "fault.h"

#define STORE(target, value) __atomic_store_n(&(target), (value), __ATOMIC_RELEASE)

/* Later than any process lives; what was noted longer ago still makes room first. Milliseconds. */
#define UNWRITTEN_MS (APR_UINT64_C(1) << 40)

typedef struct entry_t {
    char key_id[TAI_USAGE_ID_MAX + 8]; /* with a NUL; means nothing while both counts are 0 */
    apr_int64_t at;                    /* UTC seconds of the latest admission; 0: none */
    apr_uint64_t admitted, refused;
} entry_t;

apr_size_t tai_usage_entry_size(void)
{
    return sizeof(entry_t);
}

static int is_empty(const entry_t *entry)
{
    return entry->admitted == 0 && entry->refused == 0;
}

/* An entry with room for more. Whoever dies in here leaves one that is empty, or as it was. */
static apr_status_t open_entry(tai_table_t *table, tai_id_t id, const char *key_id,
                               apr_uint64_t now, tai_place_t *place)
{
    const apr_size_t len = strlen(key_id);
    apr_status_t rv;
    entry_t *entry;

    if (len == 0 || len > TAI_USAGE_ID_MAX) {
        return APR_EINVAL;
    }
    rv = tai_table_lock(&table, &id, 1, place);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    tai_table_insert(place, id, now);
    entry = place->entry;
    if (is_empty(entry)) {
        memcpy(entry->key_id, key_id, len + 1);
        entry->at = 0;
    }
    /* before the counts: an entry must not be given away while it means something */
    tai_table_set_due(place, now + UNWRITTEN_MS);
    return APR_SUCCESS;
}

apr_status_t tai_usage_add(tai_table_t *table, tai_id_t id, const tai_used_t *used,
                           apr_uint64_t now)
{
    tai_place_t place;
    apr_status_t rv = open_entry(table, id, used->key_id, now, &place);
    entry_t *entry;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    entry = place.entry;
    if (used->at > entry->at) {
        STORE(entry->at, used->at);
    }
    TAI_FAULT("usage.add");
    STORE(entry->admitted, entry->admitted + used->admitted);
    STORE(entry->refused, entry->refused + used->refused);
    tai_table_unlock(&place, 1);
    return APR_SUCCESS;
}

apr_status_t tai_usage_refuse(tai_table_t *table, tai_id_t id, const char *key_id, apr_uint64_t now)
{
    tai_place_t place;
    apr_status_t rv = open_entry(table, id, key_id, now, &place);
    entry_t *entry;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    entry = place.entry;
    STORE(entry->refused, entry->refused + 1);
    if (entry->admitted > 0) {
        STORE(entry->admitted, entry->admitted - 1);
    }
    if (entry->admitted == 0) {
        STORE(entry->at, 0);
    }
    tai_table_unlock(&place, 1);
    return APR_SUCCESS;
}

/* What is taken out of one set: under its lock there is time for copying, not for more. */
typedef struct taken_t {
    apr_uint64_t now;
    int n;
    entry_t entry[TAI_TABLE_WAYS];
} taken_t;

static void take(const tai_place_t *place, void *data)
{
    taken_t *taken = data;
    entry_t *entry = place->entry;

    if (!is_empty(entry)) {
        taken->entry[taken->n++] = *entry;
    }
    STORE(entry->admitted, 0);
    STORE(entry->refused, 0);
    tai_table_set_due(place, taken->now);
}

int tai_usage_collect(tai_table_t *table, apr_uint32_t *set, apr_uint64_t now, int max,
                      apr_pool_t *p, apr_array_header_t *used)
{
    const apr_uint32_t sets = tai_table_set_count(table);
    taken_t taken;

    taken.now = now;
    for (; *set < sets && used->nelts + TAI_TABLE_WAYS <= max; ++*set) {
        taken.n = 0;
        /* what cannot be locked cannot be added to either */
        (void)tai_table_visit(table, *set, now, take, &taken);
        for (int i = 0; i < taken.n; i++) {
            const entry_t *entry = &taken.entry[i];

            APR_ARRAY_PUSH(used, tai_used_t) = (tai_used_t){
                apr_pstrdup(p, entry->key_id), entry->at, entry->admitted, entry->refused};
        }
    }
    return *set < sets;
}
