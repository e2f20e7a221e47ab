#include "describe.h"
#include "output.h"
#include "store_nodes.h"
#include "tell.h"

#include <apr_strings.h>

static json_t *node_json(const tai_node_row_t *node, apr_int64_t counter, apr_pool_t *p)
{
    /* one of nonsense has applied nothing; one may have come further since the counter was read */
    const apr_int64_t applied = node->applied_seq > 0 ? node->applied_seq : 0;

    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:o}", "id", tai_describe_text(node->id, p),
                     "lease_ms", (json_int_t)node->lease_ms, "applied", (json_int_t)applied, "of",
                     (json_int_t)counter, "behind",
                     (json_int_t)(counter > applied ? counter - applied : 0), "registered_at",
                     tai_describe_time(node->registered_at));
}

int taictl_nodes(taictl_t *run)
{
    static const taictl_field_t fields[] = {
        {"ID", "id"}, {"LEASE MS", "lease_ms"}, {"APPLIED", "applied"},
        {"OF", "of"}, {"BEHIND", "behind"},     {"REGISTERED", "registered_at"},
        {NULL, NULL}};
    tai_store_t *store = taictl_store(run);
    apr_array_header_t *nodes;
    apr_int64_t counter;
    const char *text;
    json_t *list;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_change_counter(store, run->pool, &counter, &text) != APR_SUCCESS ||
        tai_store_nodes(store, run->pool, &nodes, &text) != APR_SUCCESS) {
        return taictl_fail(text);
    }
    list = json_array();
    for (int i = 0; i < nodes->nelts; i++) {
        json_array_append_new(
            list, node_json(&APR_ARRAY_IDX(nodes, i, tai_node_row_t), counter, run->pool));
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
    const char *text;
    int cleared;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_disown_nodes(store, run->pool, &cleared, &text) != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    text = taictl_tell(run, store, &told);
    if (text != NULL || tai_store_nodes(store, run->pool, &nodes, &text) != APR_SUCCESS) {
        return taictl_fail(text);
    }
    return print_cleared(run, cleared, nodes->nelts);
}
