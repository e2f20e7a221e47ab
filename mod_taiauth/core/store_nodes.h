#ifndef TAI_STORE_NODES_H
#define TAI_STORE_NODES_H

#include <apr_tables.h>
#include "node.h"
#include "store.h"
#include "store_change.h"

/*
 * Nodes and the log of changes in the database. What it is for stands in revocation.c.
 *
 * What a node asks for itself has a connection of its own: it waits neither for those who create
 * keys nor for look-ups. On SQLite its SELECT never waits for who writes, as the journal is WAL; a
 * statement that writes waits for its turn, some seconds at the most.
 */

/* A node, as its row says. */
typedef struct tai_node_row_t {
    const char *id;          /* 32 hex digits */
    const char *name;        /* what an operator knows it by; NULL: it has none */
    apr_uint32_t lease_ms;   /* how long a sync is good for */
    apr_int64_t applied_seq; /* changes up to this one are in force on it */
    /* by the node's own clock, UTC seconds; set by tai_store_nodes alone */
    apr_int64_t registered_at;
    apr_int64_t synced_at; /* when it last said so; TAI_NEVER: it did not */
} tai_node_row_t;

typedef enum { TAI_CONCERNS_KEY, TAI_CONCERNS_ACCOUNT, TAI_CONCERNS_ALL } tai_concerns_e;

/* Something that alters what keys may do. */
typedef struct tai_key_change_t {
    apr_int64_t seq;
    tai_concerns_e concerns;
    tai_digest_t key;       /* of TAI_CONCERNS_KEY */
    const char *account_id; /* of TAI_CONCERNS_ACCOUNT */
} tai_key_change_t;

/* What a node is told. At most 10,000 changes: one that is further behind has no use for them. */
typedef struct tai_news_t {
    apr_int64_t seq;             /* the counter: of the last change there is */
    tai_node_row_t *own;         /* the node's row; NULL: it is gone */
    apr_array_header_t *changes; /* of tai_key_change_t, after own->applied_seq, ascending */
} tai_news_t;

/**
 * Read what has changed, by one statement: a node's row and the changes after it are of one moment,
 * and so is the counter, or it is of one before.
 * @param id     of the node
 * @param p      the news live here
 * @param error  set to a sentence for the log on failure
 * @return APR_SUCCESS, or APR_EGENERAL: the database gave no answer
 */
apr_status_t tai_store_read_news(tai_store_t *store, const char *id, apr_pool_t *p,
                                 tai_news_t *news, const char **error);

/**
 * Add a node that has applied all that there is.
 * @param node  lease_ms and name are given; id is set to a new one, applied_seq to the counter
 * @param p     the id lives here
 * @return APR_SUCCESS; APR_EGENERAL: the database gave no answer, and the row may be there or not
 */
apr_status_t tai_store_add_node(tai_store_t *store, tai_node_row_t *node, apr_pool_t *p,
                                const char **error);

/**
 * A node has applied changes, at this moment.
 * @param seq    up to this one
 * @param there  set to 0: it has no row any more
 * @return APR_SUCCESS, or APR_EGENERAL: the database gave no answer
 */
apr_status_t tai_store_acknowledge(tai_store_t *store, const char *id, apr_int64_t seq,
                                   apr_pool_t *p, int *there, const char **error);

/**
 * Say when a node has last synced, and its name, with the connection of those who change something.
 * Nothing else in the row is touched, and it is no error if there is none.
 * @param node  its id, name and synced_at
 * @return APR_SUCCESS, or APR_EGENERAL: the database gave no answer
 */
apr_status_t tai_store_note_sync(tai_store_t *store, const tai_node_row_t *node, apr_pool_t *p,
                                 const char **error);

/**
 * Remove a node's row, whatever it says. It is no error if there is none.
 * @return APR_SUCCESS, or APR_EGENERAL: the database gave no answer
 */
apr_status_t tai_store_remove_node(tai_store_t *store, const char *id, apr_pool_t *p,
                                   const char **error);

/**
 * @return the counter of changes behind the last one that tai_store_change has made with this store;
 *         0: it has made none
 */
apr_int64_t tai_store_written(const tai_store_t *store);

/**
 * The nodes, and by the same statement the counter of changes.
 * @param least  a change that the database has to know of, or its nodes tell nothing; 0: none
 * @param nodes  set to an array of tai_node_row_t
 * @param seq    set to the counter: of the last change that is committed
 * @return APR_SUCCESS, or APR_EGENERAL: the database gave no answer, or does not know of that change
 */
apr_status_t tai_store_nodes(tai_store_t *store, apr_int64_t least, apr_pool_t *p,
                             apr_array_header_t **nodes, apr_int64_t *seq, const char **error);

/**
 * Strike off a node that has not applied a change yet.
 * @param seq     of the change
 * @param struck  set to 0: it has applied it meanwhile, or it is gone
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_strike_node(tai_store_t *store, const char *id, apr_int64_t seq,
                                   apr_pool_t *p, int *struck, const char **text);

/**
 * Make every row that of a node that there is not, and that has applied nothing: who has lost his has
 * to register anew, and who revokes waits for it until its lease is over.
 * @param count  set to how many
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_disown_nodes(tai_store_t *store, apr_pool_t *p, int *count,
                                    const char **text);

/**
 * Remove changes from the log, or as many of them as one may at a time.
 * @param seq  up to this one: every node has applied it
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_forget_changes(tai_store_t *store, apr_int64_t seq, apr_pool_t *p,
                                      const char **text);

#endif
