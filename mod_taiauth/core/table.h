#ifndef TAI_TABLE_H
#define TAI_TABLE_H

#include <pthread.h>
#include <apr.h>
#include <apr_errno.h>

/*
 * A table of fixed size in shared memory: 128-bit identity -> entry of fixed size.
 *
 *   tai_table_t | set 0 | set 1 | ... | set n-1
 *
 *   set:  mutex, held (128 bits) | tag[128] (16 bits) | due[128] (64 bits) | id[128] (128 bits) |
 *         entry[128]
 *
 * An identity belongs to one set, chosen by its high half; inside the set it may stand in any of
 * the 128 places. tag is a piece of the identity, so that a look-up touches four cache lines of
 * tags and then the one entry. due says when the entry stops meaning anything, in milliseconds of
 * tai_clock_ms; 0 is a place never used. The place that a new identity takes is the one with the
 * least due: an unused one, else an expired one, else - counted as a loss - the one closest to its
 * end. An entry that is pinned (TAI_DUE_PINNED set in due) goes only after all that are not, until
 * its time has come. held marks the places in the hands of who holds the mutex: an identity that
 * is inserted never takes the place of another of the same call. All addresses are offsets: the
 * block may be mapped anywhere.
 *
 * The mutex of a set is robust and shared between processes. A process killed while it held one
 * leaves it to the next, which makes it consistent and goes on: writers order their stores so that
 * every prefix of them is a valid state (the tag of a new entry is written last).
 */
#define TAI_TABLE_WAYS 128
#define TAI_DUE_PINNED (APR_UINT64_C(1) << 63)

typedef struct tai_id_t {
    apr_uint64_t hi;
    apr_uint64_t lo;
} tai_id_t;

typedef struct tai_table_t tai_table_t;

/* How full a table is, and what it has lost. */
typedef struct tai_table_usage_t {
    apr_uint64_t bytes;     /* its size */
    apr_uint64_t places;    /* how many entries it can hold */
    apr_uint64_t live;      /* entries whose time has not come */
    apr_uint64_t pinned;    /* of them, pinned */
    apr_uint64_t lost;      /* live entries that had to go since the start */
    apr_uint64_t recovered; /* mutexes taken over from a dead process */
} tai_table_usage_t;

/**
 * @param entry_size  bytes an entry, a multiple of 8
 * @param bytes       bytes that may be used
 * @return how many sets fit into them; 0: not even one
 */
apr_uint32_t tai_table_sets(apr_size_t entry_size, apr_size_t bytes);

/**
 * @return bytes that a table of that many sets takes, a multiple of 64
 */
apr_size_t tai_table_bytes(apr_size_t entry_size, apr_uint32_t sets);

/**
 * Lay out a new table in zeroed memory.
 * @param block       64-byte aligned; of tai_table_bytes(entry_size, sets)
 * @param entry_size  bytes an entry, a multiple of 8
 * @param sets        at least 1
 * @return APR_SUCCESS, or why a mutex could not be made
 */
apr_status_t tai_table_format(tai_table_t *block, apr_size_t entry_size, apr_uint32_t sets);

/**
 * One identity's place, held under its set's lock.
 */
typedef struct tai_place_t {
    tai_table_t *table;
    apr_uint32_t set;
    apr_uint32_t way;
    void *entry; /* NULL: the identity is not in the table */
} tai_place_t;

/**
 * Lock the sets of n identities, in an order that cannot deadlock; each set once.
 * @param tables  the table of each; of several tables all in one block
 * @param ids     the identity of each
 * @param n       1 to TAI_TABLE_LOCK_MAX
 * @param places  one each; entry is found, or NULL
 * @return APR_SUCCESS; else nothing is locked and the caller cannot decide
 */
#define TAI_TABLE_LOCK_MAX 16
apr_status_t tai_table_lock(tai_table_t *const *tables, const tai_id_t *ids, int n,
                            tai_place_t *places);

/**
 * Unlock what tai_table_lock locked.
 */
void tai_table_unlock(const tai_place_t *places, int n);

/**
 * Give a locked identity a place if it has none: zeroed, due now.
 * @param place  from tai_table_lock; entry is set
 * @param id     the identity it was locked with
 * @param now    milliseconds of tai_clock_ms
 */
void tai_table_insert(tai_place_t *place, tai_id_t id, apr_uint64_t now);

/**
 * @param place  has an entry
 * @return whose it is
 */
tai_id_t tai_table_id(const tai_place_t *place);

/**
 * Say when a locked entry stops meaning anything.
 * @param due  milliseconds, with TAI_DUE_PINNED where it must not be pushed out before
 */
void tai_table_set_due(const tai_place_t *place, apr_uint64_t due);

/**
 * @return how many sets there are
 */
apr_uint32_t tai_table_set_count(const tai_table_t *table);

/**
 * What is done with an entry whose time has not come, under the lock of its set.
 * @param place  where it stands; not to be unlocked
 * @param data   what the caller of tai_table_visit gave
 */
typedef void tai_table_visit_fn(const tai_place_t *place, void *data);

/**
 * Go through one set.
 * @param set    less than tai_table_set_count
 * @param now    milliseconds of tai_clock_ms
 * @param visit  called for each entry whose time has not come
 * @return APR_SUCCESS; else the lock could not be had, and nothing was visited
 */
apr_status_t tai_table_visit(tai_table_t *table, apr_uint32_t set, apr_uint64_t now,
                             tai_table_visit_fn *visit, void *data);

/**
 * @return live entries that had to go since the start
 */
apr_uint64_t tai_table_lost(const tai_table_t *table);

/**
 * Walk all sets. Takes each lock for a moment: for the metrics page, not for the request path.
 * @param now  milliseconds of tai_clock_ms
 */
void tai_table_usage(tai_table_t *table, apr_uint64_t now, tai_table_usage_t *usage);

#endif
