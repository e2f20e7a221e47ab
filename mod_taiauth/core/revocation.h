#ifndef TAI_REVOCATION_H
#define TAI_REVOCATION_H

#include "node.h"
#include "records.h"
#include "segment.h"
#include "store.h"
#include "store_change.h"

/*
 * Revocation is immediate:
 *
 *   When a revocation returns, no request with that key passes the look (rule 7) any more, on any
 *   node.
 *
 * The eight rules that this rests on stand in revocation.c, in their order, each with the fault that
 * it prevents. A node is one segment of shared memory with the processes that use it.
 */

/* Which state of the database a verdict rests on. */
typedef struct tai_version_t {
    apr_uint64_t registration;
    apr_int64_t seq;
} tai_version_t;

/* Whom a change has reached. */
typedef struct tai_told_t {
    int applied; /* nodes on which it is in force: those that said so ... */
    int of;      /* ... of so many */
    int silent;  /* the others: their lease has run out, and they were struck off */
    apr_array_header_t *silent_nodes; /* of const char *: the name of each, or else its id */
} tai_told_t;

/**
 * What the configuration says. Another lease takes effect by a new registration.
 * @param interval_ms  how often to sync, milliseconds
 * @param lease_ms     how long a sync is good for, milliseconds, 1000 to 60000
 * @param name         what an operator knows the node by, at most TAI_NODE_NAME_MAX bytes; "": none
 */
void tai_node_configure(tai_segment_t *segment, apr_uint32_t interval_ms, apr_uint32_t lease_ms,
                        const char *name);

/**
 * Rule 3: ask the database what has changed, if nobody else is at it. Registers the node if need be.
 * @param p      for the moment
 * @param error  set to a sentence for the log where the database gave no answer; lives in p
 * @return APR_SUCCESS; APR_EBUSY: somebody else is syncing; else the lease was not renewed
 */
apr_status_t tai_node_sync(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                           const char **error);

/**
 * @param now  milliseconds of tai_clock_ms
 * @return 1: the interval has passed since the last sync began
 */
int tai_node_due(tai_segment_t *segment, apr_uint64_t now);

/**
 * For people alone: have the node's row say when the last sync was, if that is due, each few seconds.
 * No rule goes by it, and it takes neither the lock for syncing nor the node's connection: where
 * somebody else keeps the database from being written to, syncs go on meanwhile.
 * @param p      for the moment
 * @param error  set to a sentence for the log where it could not be written; lives in p
 * @return APR_SUCCESS, also where it was not due; else it will be tried again in its turn
 */
apr_status_t tai_node_note_sync(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                                const char **error);

/**
 * Rule 4: may anything be answered? To be asked before a key is looked up. Where the lease runs this
 * costs a few reads; a sync that is well overdue is done by the way. Where none runs it syncs, or
 * waits for who is syncing, at most TAI_LEASE_WAIT_MS.
 * @param now    milliseconds of tai_clock_ms
 * @param error  as in tai_node_sync
 * @return APR_SUCCESS: a lease runs; else nothing may be answered: APR_EGENERAL or APR_TIMEUP, the
 *         database gave no answer; anything else, a lock could not be had
 */
#define TAI_LEASE_WAIT_MS 2000
apr_status_t tai_node_lease(tai_segment_t *segment, tai_store_t *store, apr_uint64_t now,
                            apr_pool_t *p, const char **error);

/**
 * Rule 6: the version of what is read from the key table behind this call. Also to be taken before a
 * SELECT: its registration is that of the answer, whose seq is the SELECT's own.
 */
tai_version_t tai_node_version(tai_segment_t *segment);

/**
 * Rule 6: may the answer of a SELECT be used? If so, it is kept where wanted.
 * @param version  the registration from before the SELECT, the counter that the SELECT has read
 * @param key      whose answer it is
 * @param record   what was found; NULL: there is no such key
 * @param keep     0: nothing is remembered
 * @param now      milliseconds of tai_clock_ms
 * @return APR_SUCCESS; APR_EAGAIN: something has changed that the SELECT did not see, ask again;
 *         else the lock could not be had, and it must not be used
 */
apr_status_t tai_node_learn(tai_segment_t *segment, tai_version_t version, const tai_digest_t *key,
                            const tai_record_t *record, int keep, apr_uint64_t now);

/**
 * Rule 7: the look. Does a verdict still hold at this moment? Reads the clock itself.
 * @param version  what the verdict rests on
 * @return 1: yes; 0: the key has to be judged again
 */
int tai_node_holds(tai_segment_t *segment, tai_version_t version);

/**
 * Rule 5: wait until everything that is committed by now is in force on every node, and strike off
 * those that stay silent for 1.2 times the longest lease. To be called when the change has been
 * committed.
 * @param segment  the caller's own node, which syncs at once; NULL: he is none (taictl)
 * @param p        told's names live here
 * @param told     set where done
 * @param text     set to a sentence where not
 * @return DONE, or UNKNOWN: the database gave no answer; the change is made, and repeating is safe
 */
tai_change_e tai_node_tell(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                           tai_told_t *told, const char **text);

/**
 * @param lease_ms  of a silent node, milliseconds
 * @return for how long it is waited for, milliseconds
 */
apr_uint64_t tai_node_outlast(apr_uint32_t lease_ms);

/* Which change the silent nodes of a tidying have not applied. All 0: none has begun. */
typedef struct tai_tidying_t {
    apr_int64_t seq;
    apr_uint64_t begun; /* when it was known to be committed, milliseconds of tai_clock_ms */
} tai_tidying_t;

/**
 * Have the log of changes forget what every node has applied, and strike off nodes that have been
 * silent for 1.2 times the longest lease since a former call. From time to time; waits for nobody.
 * @param tidying  the caller's, from one call to the next
 * @param told     set to who was struck off: silent and silent_nodes, which live in p
 * @param text     set to a sentence where not done
 * @return DONE, or UNKNOWN: the database gave no answer
 */
tai_change_e tai_node_tidy(tai_store_t *store, tai_tidying_t *tidying, apr_pool_t *p,
                           tai_told_t *told, const char **text);

/**
 * The node ends, in good order: nobody uses its segment any more. Takes its row out, so that the
 * next revocation need not wait for it.
 * @return as tai_node_tell
 */
tai_change_e tai_node_leave(tai_segment_t *segment, tai_store_t *store, apr_pool_t *p,
                            const char **text);

#endif
