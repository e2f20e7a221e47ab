#include "nodes.h"
#include "describe.h"
#include "output.h"
#include "store_nodes.h"
#include "tell.h"
#include "when.h"

#include <apr_strings.h>

/*
 * Of a node that follows, the row says so every few seconds: one that says nothing for longer than
 * its lease, and this, is silent.
 */
#define SLACK_S 2

/* A node with what its row comes to at this moment. */
typedef struct state_t {
    const tai_node_row_t *row;
    apr_int64_t applied, of; /* changes */
    apr_int64_t ago;         /* seconds since the row last said that it syncs */
    apr_int64_t wait_ms;     /* for which a revocation would wait for it; 0: it follows */
} state_t;

static state_t state_of(const tai_node_row_t *row, apr_int64_t counter, apr_int64_t now)
{
    const apr_int64_t heard = row->synced_at >= 0 ? row->synced_at : row->registered_at;
    state_t state = {.row = row, .of = counter};

    /* one of nonsense has applied nothing; one may have come further since the counter was read */
    state.applied = row->applied_seq > 0 ? row->applied_seq : 0;
    state.ago = now > heard ? now - heard : 0;
    if (state.ago * 1000 > (apr_int64_t)row->lease_ms + SLACK_S * 1000) {
        state.wait_ms = (apr_int64_t)tai_node_outlast(row->lease_ms);
    }
    return state;
}

apr_status_t taictl_count_nodes(tai_store_t *store, apr_pool_t *p, int *count, int *silent,
                                const char **text)
{
    apr_array_header_t *nodes;
    apr_int64_t ignored;
    apr_status_t rv = tai_store_nodes(store, 0, p, &nodes, &ignored, text);

    *count = rv == APR_SUCCESS ? nodes->nelts : 0;
    *silent = 0;
    for (int i = 0; i < *count; i++) {
        const state_t state = state_of(&APR_ARRAY_IDX(nodes, i, tai_node_row_t), 0, tai_when_now());

        *silent += state.wait_ms > 0;
    }
    return rv;
}

static json_t *node_json(const state_t *state, apr_pool_t *p)
{
    const tai_node_row_t *row = state->row;
    const apr_int64_t behind = state->of > state->applied ? state->of - state->applied : 0;

    return json_pack("{s:o, s:o, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "id",
                     tai_describe_text(row->id, p), "name", tai_describe_text(row->name, p),
                     "state", state->wait_ms > 0 ? "silent" : "following", "synced_at",
                     tai_describe_time(row->synced_at), "synced_ago", (json_int_t)state->ago,
                     "applied", (json_int_t)state->applied, "of", (json_int_t)state->of, "behind",
                     (json_int_t)behind, "lease_ms", (json_int_t)row->lease_ms, "wait_ms",
                     (json_int_t)state->wait_ms, "registered_at",
                     tai_describe_time(row->registered_at));
}

/* As roughly as it matters: "3 s", "5 min", "30 h", "12 d". */
static const char *span_text(apr_int64_t seconds, apr_pool_t *p)
{
    static const struct {
        const char *name;
        apr_int64_t seconds;
    } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    int i = 0;

    while (units[i].seconds > 1 && seconds < 2 * units[i].seconds) {
        i++;
    }
    return apr_psprintf(p, "%" APR_INT64_T_FMT " %s", seconds / units[i].seconds, units[i].name);
}

static json_t *time_text(apr_int64_t at, apr_int64_t ago, apr_pool_t *p)
{
    char text[TAI_WHEN_LEN + 1];

    return tai_when_text(at, text)
               ? json_string(apr_pstrcat(p, text, ", ", span_text(ago, p), " ago", NULL))
               : json_null();
}

/* The same for people. */
static json_t *node_line(const state_t *state, apr_pool_t *p)
{
    const tai_node_row_t *row = state->row;

    return json_pack(
        "{s:o, s:s, s:o, s:s, s:s, s:o, s:o}", "name", tai_describe_text(row->name, p), "state",
        state->wait_ms > 0
            ? apr_psprintf(p, "silent: would be waited for, %.3g s", (double)state->wait_ms / 1000)
            : "following",
        "synced", time_text(row->synced_at, state->ago, p), "applied",
        apr_psprintf(p, "%" APR_INT64_T_FMT " of %" APR_INT64_T_FMT, state->applied, state->of),
        "lease", apr_psprintf(p, "%.3g s", (double)row->lease_ms / 1000), "registered",
        tai_describe_time(row->registered_at), "id", tai_describe_text(row->id, p));
}

int taictl_nodes(taictl_t *run)
{
    static const taictl_field_t fields[] = {
        {"NAME", "name"},       {"STATE", "state"}, {"LAST SYNC", "synced"},
        {"APPLIED", "applied"}, {"LEASE", "lease"}, {"REGISTERED", "registered"},
        {"ID", "id"},           {NULL, NULL}};
    json_t *(*describe)(const state_t *, apr_pool_t *) =
        run->option[OPTION_JSON] != NULL ? node_json : node_line;
    tai_store_t *store = taictl_store(run);
    apr_array_header_t *nodes;
    apr_int64_t counter;
    const char *text;
    json_t *list;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_nodes(store, 0, run->pool, &nodes, &counter, &text) != APR_SUCCESS) {
        return taictl_fail(text);
    }
    list = json_array();
    for (int i = 0; i < nodes->nelts; i++) {
        const state_t state =
            state_of(&APR_ARRAY_IDX(nodes, i, tai_node_row_t), counter, tai_when_now());

        json_array_append_new(list, describe(&state, run->pool));
    }
    return taictl_print_list(run, list, fields);
}

static int print_cleared(const taictl_t *run, int cleared, int registered)
{
    return taictl_print_done(run,
                             json_pack("{s:i, s:i}", "cleared", cleared, "registered", registered),
                             apr_psprintf(run->pool, "cleared %d node%s; registered now: %d",
                                          cleared, cleared == 1 ? "" : "s", registered));
}

/*
 * Its row gone, a node registers anew. But not at this moment, and what it remembers until then may
 * be wrong: whoever revokes meanwhile has to wait for it, and so does this. Hence the rows become
 * those of nodes that there are not, and stay until their leases are over for certain.
 */
int taictl_nodes_clear(taictl_t *run)
{
    tai_store_t *store = taictl_store(run);
    apr_array_header_t *nodes;
    tai_told_t told;
    apr_int64_t ignored;
    const char *text;
    int cleared;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_disown_nodes(store, run->pool, &cleared, &text) != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    text = taictl_tell(run, store, &told);
    if (text != NULL ||
        tai_store_nodes(store, 0, run->pool, &nodes, &ignored, &text) != APR_SUCCESS) {
        return taictl_fail(text);
    }
    return print_cleared(run, cleared, nodes->nelts);
}
