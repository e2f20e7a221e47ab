#include "store_nodes.h"
#include "store_private.h"

#include <apr_escape.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>

/* A number that this program has written; anything else is TAI_MALFORMED. */
static apr_int64_t number(const char *text)
{
    apr_int64_t value = tai_store_seconds(text);

    return value >= 0 ? value : TAI_MALFORMED;
}

/* One of nonsense is behind every change, and its lease is the longest there is. */
static tai_node_row_t read_node(const char *id, const char *lease_ms, const char *applied_seq)
{
    const apr_int64_t lease = number(lease_ms);

    return (tai_node_row_t){
        .id = id,
        .lease_ms =
            lease >= 0 && lease <= TAI_LEASE_MAX_MS ? (apr_uint32_t)lease : TAI_LEASE_MAX_MS,
        .applied_seq = number(applied_seq),
    };
}

/* One statement that changes rows. */
typedef struct order_t {
    tai_statement_e statement;
    const char **args;
    int count; /* rows that it has changed */
} order_t;

static tai_change_e carry_out(tai_connection_t *connection, void *data, apr_pool_t *p,
                              const char **text)
{
    order_t *order = data;

    return tai_connection_change(connection, order->statement, order->args, p, &order->count,
                                 text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

/* ---- what a node asks for itself ----------------------------------------------------------- */

static apr_status_t attend(tai_store_t *store, tai_change_fn *what, void *data, apr_pool_t *p,
                           const char **error)
{
    return tai_store_attend(store, what, data, p, error) == TAI_CHANGE_DONE ? APR_SUCCESS
                                                                            : APR_EGENERAL;
}

typedef struct question_t {
    const char *id;
    tai_news_t *news;
} question_t;

/* The columns of NEWS; where there is no such node or no change, theirs are NULL. */
enum { NEWS_COUNTER, NEWS_LEASE, NEWS_APPLIED, NEWS_SEQ, NEWS_KEY, NEWS_ACCOUNT };

/* A digest that is none stands for any key. */
static tai_key_change_t read_change(tai_row_t row)
{
    tai_key_change_t change = {.seq = number(row[NEWS_SEQ]), .concerns = TAI_CONCERNS_ALL};

    if (row[NEWS_KEY] && tai_digest_from_hex(row[NEWS_KEY], &change.key)) {
        change.concerns = TAI_CONCERNS_KEY;
    }
    else if (!row[NEWS_KEY] && row[NEWS_ACCOUNT]) {
        change.concerns = TAI_CONCERNS_ACCOUNT;
        change.account_id = row[NEWS_ACCOUNT];
    }
    return change;
}

/* Up to the counter: where it was asked for before, one may have come behind it, and without another. */
static apr_array_header_t *read_changes(const apr_array_header_t *rows, apr_int64_t counter,
                                        apr_pool_t *p)
{
    apr_array_header_t *changes = apr_array_make(p, rows->nelts, sizeof(tai_key_change_t));

    for (int i = 0; i < rows->nelts; i++) {
        tai_row_t row = APR_ARRAY_IDX(rows, i, tai_row_t);

        if (row[NEWS_SEQ] && number(row[NEWS_SEQ]) <= counter) {
            APR_ARRAY_PUSH(changes, tai_key_change_t) = read_change(row);
        }
    }
    return changes;
}

/* NULL: it has no row. */
static tai_node_row_t *read_own(const apr_array_header_t *rows, const char *id, apr_pool_t *p)
{
    tai_row_t row = rows->nelts ? APR_ARRAY_IDX(rows, 0, tai_row_t) : NULL;
    tai_node_row_t *own;

    if (!row || !row[NEWS_APPLIED]) {
        return NULL;
    }
    own = apr_palloc(p, sizeof(*own));
    *own = read_node(id, row[NEWS_LEASE], row[NEWS_APPLIED]);
    return own;
}

static tai_change_e read_news(tai_connection_t *connection, void *data, apr_pool_t *p,
                              const char **text)
{
    const question_t *question = data;
    tai_news_t *news = question->news;
    apr_array_header_t *before, *rows;
    tai_change_e outcome;

    if (tai_connection_select(connection, TAI_SQL_COUNTER_BEFORE, NULL, p, &before, text) !=
            APR_SUCCESS ||
        tai_connection_select(connection, TAI_SQL_NEWS, TAI_ARGS(question->id), p, &rows, text) !=
            APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    outcome = tai_store_read_counter(before->nelts ? before : rows, p, &news->seq, text);
    news->own = read_own(rows, question->id, p);
    news->changes = read_changes(rows, news->seq, p);
    return outcome;
}

apr_status_t tai_store_read_news(tai_store_t *store, const char *id, apr_pool_t *p,
                                 tai_news_t *news, const char **error)
{
    question_t question = {.id = id, .news = news};

    return attend(store, read_news, &question, p, error);
}

static apr_status_t new_id(apr_pool_t *p, const char **id, const char **text)
{
    unsigned char bits[TAI_NODE_ID_BITS / 8];
    char reason[256];
    apr_status_t rv = apr_generate_random_bytes(bits, sizeof(bits));

    if (rv != APR_SUCCESS) {
        *text = apr_psprintf(p, "no random bytes: %s", apr_strerror(rv, reason, sizeof(reason)));
        return rv;
    }
    *id = apr_pescape_hex(p, bits, sizeof(bits), 0);
    return APR_SUCCESS;
}

/* Under a new name each time that it is tried: the row of a try that failed may be there. */
static tai_change_e add_node(tai_connection_t *connection, void *data, apr_pool_t *p,
                             const char **text)
{
    tai_node_row_t *node = data;
    const char *lease = tai_store_number(node->lease_ms, p);
    const char *now = tai_store_number(apr_time_sec(apr_time_now()), p);
    apr_array_header_t *rows;

    if (new_id(p, &node->id, text) != APR_SUCCESS ||
        tai_connection_change(connection, TAI_SQL_ADD_NODE,
                              TAI_ARGS(node->id, node->name, lease, now, now), p, NULL,
                              text) != APR_SUCCESS ||
        tai_connection_select(connection, TAI_SQL_NODE, TAI_ARGS(node->id), p, &rows, text) !=
            APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return tai_store_read_counter(rows, p, &node->applied_seq, text);
}

apr_status_t tai_store_add_node(tai_store_t *store, tai_node_row_t *node, apr_pool_t *p,
                                const char **error)
{
    return attend(store, add_node, node, p, error);
}

apr_status_t tai_store_acknowledge(tai_store_t *store, const char *id, apr_int64_t seq,
                                   apr_pool_t *p, int *there, const char **error)
{
    const char *now = tai_store_number(apr_time_sec(apr_time_now()), p);
    order_t order = {TAI_SQL_ACKNOWLEDGE, TAI_ARGS(tai_store_number(seq, p), now, id), 0};
    apr_status_t rv = attend(store, carry_out, &order, p, error);

    *there = order.count > 0;
    return rv;
}

apr_status_t tai_store_note_sync(tai_store_t *store, const tai_node_row_t *node, apr_pool_t *p,
                                 const char **error)
{
    const char *synced_at = tai_store_number(node->synced_at, p);
    order_t order = {TAI_SQL_NOTE_SYNC, TAI_ARGS(node->name, synced_at, node->id), 0};

    return tai_store_note(store, carry_out, &order, p, error) == TAI_CHANGE_DONE ? APR_SUCCESS
                                                                                 : APR_EGENERAL;
}

apr_status_t tai_store_remove_node(tai_store_t *store, const char *id, apr_pool_t *p,
                                   const char **error)
{
    order_t order = {TAI_SQL_REMOVE_NODE, TAI_ARGS(id), 0};

    return attend(store, carry_out, &order, p, error);
}

/* ---- what a revoker asks ------------------------------------------------------------------- */

/* The columns of NODES; where there is no node, all but the counter are NULL. */
enum { NODES_COUNTER, NODE_ID, NODE_LEASE, NODE_APPLIED, NODE_REGISTERED, NODE_NAME, NODE_SYNCED };

static apr_array_header_t *read_nodes(const apr_array_header_t *rows, apr_pool_t *p)
{
    apr_array_header_t *nodes = apr_array_make(p, rows->nelts, sizeof(tai_node_row_t));

    for (int i = 0; i < rows->nelts; i++) {
        tai_row_t row = APR_ARRAY_IDX(rows, i, tai_row_t);
        tai_node_row_t node = read_node(row[NODE_ID], row[NODE_LEASE], row[NODE_APPLIED]);

        if (node.id != NULL) {
            node.registered_at = tai_store_seconds(row[NODE_REGISTERED]);
            node.name = row[NODE_NAME];
            node.synced_at = tai_store_seconds(row[NODE_SYNCED]);
            APR_ARRAY_PUSH(nodes, tai_node_row_t) = node;
        }
    }
    return nodes;
}

typedef struct roll_call_t {
    apr_int64_t least; /* change that the database must know of */
    apr_int64_t seq;
    apr_array_header_t *nodes;
} roll_call_t;

/* A connection to a server that does not know of the change is of no use for anything else either. */
static tai_change_e call_roll(tai_connection_t *connection, void *data, apr_pool_t *p,
                              const char **text)
{
    roll_call_t *call = data;
    apr_array_header_t *rows;

    if (tai_connection_select(connection, TAI_SQL_NODES, NULL, p, &rows, text) != APR_SUCCESS ||
        tai_store_read_counter(rows, p, &call->seq, text) != TAI_CHANGE_DONE) {
        return TAI_CHANGE_UNKNOWN;
    }
    call->nodes = read_nodes(rows, p);
    if (call->seq >= call->least) {
        return TAI_CHANGE_DONE;
    }
    *text = apr_psprintf(p,
                         "the database has %" APR_INT64_T_FMT " changes, and not the one that was "
                         "made here as number %" APR_INT64_T_FMT ": it is another one, or has lost "
                         "what was committed",
                         call->seq, call->least);
    tai_connection_reject(connection);
    return TAI_CHANGE_UNKNOWN;
}

apr_status_t tai_store_nodes(tai_store_t *store, apr_int64_t least, apr_pool_t *p,
                             apr_array_header_t **nodes, apr_int64_t *seq, const char **error)
{
    roll_call_t call = {.least = least};

    if (tai_store_view(store, call_roll, &call, p, error) != TAI_CHANGE_DONE) {
        return APR_EGENERAL;
    }
    *nodes = call.nodes;
    *seq = call.seq;
    return APR_SUCCESS;
}

tai_change_e tai_store_strike_node(tai_store_t *store, const char *id, apr_int64_t seq,
                                   apr_pool_t *p, int *struck, const char **text)
{
    order_t order = {TAI_SQL_STRIKE_NODE, TAI_ARGS(id, tai_store_number(seq, p)), 0};
    tai_change_e outcome = tai_store_change_aside(store, carry_out, &order, p, text);

    *struck = order.count > 0;
    return outcome;
}

tai_change_e tai_store_disown_nodes(tai_store_t *store, apr_pool_t *p, int *count,
                                    const char **text)
{
    order_t order = {TAI_SQL_DISOWN_NODES, NULL, 0};
    tai_change_e outcome = tai_store_change(store, carry_out, &order, p, text);

    *count = order.count;
    return outcome;
}

tai_change_e tai_store_forget_changes(tai_store_t *store, apr_int64_t seq, apr_pool_t *p,
                                      const char **text)
{
    return tai_store_delete_slices(store, TAI_SQL_FORGET_CHANGES, tai_store_number(seq, p), p,
                                   text);
}
