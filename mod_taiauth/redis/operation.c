#include "operation.h"

#include <string.h>
#include <apr_strings.h>
#include "core/limiter.h"

/* Of each script, numbers that an item is told and says, and whether one stands in front of them. */
static const struct {
    int told, says, headed;
} forms[TAI_REDIS_SCRIPT_COUNT] = {
    [TAI_REDIS_CHARGE] = {2, 4, 1},
    [TAI_REDIS_REFUND] = {3, 4, 0},
    [TAI_REDIS_FAILURES] = {3, 2, 0},
    [TAI_REDIS_LOGIN] = {4, 1, 1},
};

tai_redis_operation_t tai_redis_operation(tai_redis_client_t *client, tai_redis_script_e script,
                                          const char *verb, int n, apr_pool_t *p,
                                          const char **error)
{
    return (tai_redis_operation_t){
        .client = client,
        .script = script,
        .verb = verb,
        .items = apr_pcalloc(p, (apr_size_t)n * sizeof(tai_redis_item_t)),
        .deadline = tai_redis_client_deadline(client),
        .p = p,
        .error = error,
    };
}

tai_redis_item_t *tai_redis_operation_add(tai_redis_operation_t *op, tai_redis_kind_e kind,
                                          const tai_id_t *tag, const tai_id_t *id)
{
    tai_redis_item_t *item = &op->items[op->n++];

    item->key =
        tai_redis_key(tai_redis_client_prefix(op->client), kind, tag, id, &item->slot, op->p);
    return item;
}

/* Everything is one group, unless there has to be one for each slot. */
static void group(tai_redis_operation_t *op)
{
    const int cluster = tai_redis_client_is_cluster(op->client);
    int i, j;

    op->groups = 0;
    for (i = 0; i < op->n; i++) {
        j = 0;
        while (j < i && cluster && op->items[j].slot != op->items[i].slot) {
            j++;
        }
        op->items[i].group = j < i ? op->items[j].group : op->groups++;
    }
}

static void add_arguments(tai_redis_call_t *call, const tai_redis_item_t *item, int told)
{
    int i;

    APR_ARRAY_PUSH(call->keys, const char *) = item->key;
    for (i = 0; i < told; i++) {
        APR_ARRAY_PUSH(call->args, const char *) =
            apr_off_t_toa(call->args->pool, (apr_off_t)item->args[i]);
    }
}

static apr_status_t call_group(tai_redis_operation_t *op, int number)
{
    const int told = forms[op->script].told, says = forms[op->script].says;
    tai_redis_call_t call = {.script = op->script, .answers = forms[op->script].headed};
    const apr_int64_t *answer;
    apr_status_t rv;
    int i;

    call.keys = apr_array_make(op->p, op->n, sizeof(const char *));
    call.args = apr_array_make(op->p, 1 + op->n * told, sizeof(const char *));
    if (op->verb != NULL) {
        APR_ARRAY_PUSH(call.args, const char *) = op->verb;
    }
    for (i = 0; i < op->n; i++) {
        if (op->items[i].group == number) {
            call.slot = op->items[i].slot;
            call.answers += says;
            add_arguments(&call, &op->items[i], told);
        }
    }
    rv = tai_redis_call(op->client, &call, op->deadline, op->p, op->error);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    answer = call.numbers;
    op->head = forms[op->script].headed ? *answer++ : 0;
    for (i = 0; i < op->n; i++) {
        if (op->items[i].group == number) {
            memcpy(op->items[i].out, answer, (apr_size_t)says * sizeof(*answer));
            answer += says;
        }
    }
    return APR_SUCCESS;
}

/* The first of several calls; here it comes out that there have to be several. */
static apr_status_t call_first(tai_redis_operation_t *op)
{
    apr_status_t rv;

    group(op);
    rv = call_group(op, 0);
    if (rv == TAI_REDIS_CROSSSLOT) {
        group(op);
        rv = call_group(op, 0);
    }
    return rv;
}

apr_status_t tai_redis_operation_run(tai_redis_operation_t *op)
{
    apr_status_t rv = op->n > 0 ? call_first(op) : APR_SUCCESS;
    int i;

    for (i = 1; i < op->groups && rv == APR_SUCCESS && !(op->enough && op->enough(op)); i++) {
        rv = call_group(op, i);
    }
    return rv;
}

apr_status_t tai_redis_operation_all(tai_redis_operation_t *op, const tai_redis_all_t *how,
                                     apr_int64_t *said)
{
    apr_status_t rv = call_first(op);
    int i = 0; /* the group that was asked last */

    while (rv == APR_SUCCESS && op->head == how->yes && i + 1 < op->groups) {
        rv = call_group(op, ++i);
    }
    *said = op->head;
    if (rv == APR_SUCCESS && op->head == how->yes) {
        return APR_SUCCESS;
    }
    if (i > 0) {
        how->undo(op, i);
    }
    op->verb = how->test;
    while (rv == APR_SUCCESS && i + 1 < op->groups) {
        rv = call_group(op, ++i);
        *said = op->head != how->yes && op->head > *said ? op->head : *said;
    }
    return rv;
}

tai_redis_operation_t tai_redis_operation_undo(const tai_redis_operation_t *op, int below,
                                               tai_redis_script_e script, const char *verb,
                                               tai_redis_item_t ***undone)
{
    /* what has failed is told by the first failure */
    const char **unheard = apr_pcalloc(op->p, sizeof(*unheard));
    tai_redis_operation_t back =
        tai_redis_operation(op->client, script, verb, op->n, op->p, unheard);
    int i;

    back.deadline = op->deadline;
    *undone = apr_pcalloc(op->p, (apr_size_t)op->n * sizeof(**undone));
    for (i = 0; i < op->n; i++) {
        if (op->items[i].group < below && op->items[i].args[0] != 0) {
            (*undone)[back.n] = &op->items[i];
            back.items[back.n++] = op->items[i];
        }
    }
    return back;
}

apr_status_t tai_redis_wrong_reply(const char **error)
{
    *error = "Redis answered with numbers that no script of ours gives";
    return TAI_LIMITER_UNABLE;
}
