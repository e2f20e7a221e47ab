#ifndef TAI_NODE_H
#define TAI_NODE_H

#include <pthread.h>
#include <apr.h>
#include <apr_errno.h>

/* A node's name is so many random bits, new at each registration; written in hex. */
#define TAI_NODE_ID_BITS 128
#define TAI_NODE_ID_LEN  (TAI_NODE_ID_BITS / 4)

/* What an operator knows a node by, "web1.example.org:443": bytes, as long as nodes.name takes. */
#define TAI_NODE_NAME_MAX 255

/* How long a sync may be good for, milliseconds. */
#define TAI_LEASE_MIN_MS 1000
#define TAI_LEASE_MAX_MS 60000

/* What a segment knows of itself as a node. In shared memory; its members are revocation.c's. */
typedef struct tai_node_t {
    pthread_mutex_t table;   /* guards the key table and the unknown keys against other writers */
    pthread_mutex_t syncing; /* one at a time */
    char id[TAI_NODE_ID_LEN + 1];     /* "": not registered. Under table */
    char name[TAI_NODE_NAME_MAX + 1]; /* "": it has none. Under table */
    apr_uint32_t lease_ms;            /* as configured by the newest generation */
    apr_uint32_t interval_ms;
    /* read by every request */
    _Alignas(64) apr_uint64_t lease_end; /* milliseconds of tai_clock_ms; 0: none runs */
    apr_uint64_t registration;           /* counts registrations; goes with id */
    apr_int64_t applied_seq;             /* changes up to this one are applied */
    apr_uint64_t overdue_at;             /* a request that finds it later than this syncs */
    apr_uint64_t epoch;                  /* of the unknown keys */
    /* of the last sync, milliseconds of tai_clock_ms */
    _Alignas(64) apr_uint64_t begun_at; /* 0: there was none */
    apr_uint64_t failed_at;             /* when it failed; 0: it did not */
    apr_uint64_t noted_at;              /* when the row was last told when that was */
    /* since the start, for the metrics */
    apr_uint64_t syncs;
    apr_uint64_t sync_failures;
    apr_uint64_t registrations;
    apr_uint64_t changes;   /* that were applied */
    apr_uint64_t synced_at; /* when the last good sync began, milliseconds; 0: never */
} tai_node_t;

/**
 * @param node  in zeroed shared memory
 * @return APR_SUCCESS, or why a mutex could not be made
 */
apr_status_t tai_node_format(tai_node_t *node);

#endif
