#include "failures.h"

/* A lock runs: what comes behind it is not counted. */
static int one_ran(const tai_redis_operation_t *op)
{
    int i = 0;

    while (i < op->n && op->items[i].out[0] == 0) {
        i++;
    }
    return i < op->n;
}

static apr_status_t count(tai_redis_client_t *client, const char *verb,
                          int (*enough)(const tai_redis_operation_t *op), tai_count_t *counts,
                          int n, apr_pool_t *p, const char **error)
{
    tai_redis_operation_t op = tai_redis_operation(client, TAI_REDIS_FAILURES, verb, n, p, error);
    apr_status_t rv;
    int i;

    for (i = 0; i < n; i++) {
        tai_redis_item_t *item =
            tai_redis_operation_add(&op, TAI_REDIS_FAILURE, &counts[i].tag, &counts[i].id);

        item->args[0] = counts[i].lockout->failures.max;
        item->args[1] = counts[i].lockout->failures.window_ms;
        item->args[2] = counts[i].lockout->lock_ms;
    }
    op.enough = enough;
    rv = tai_redis_operation_run(&op);
    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        counts[i].left_ms = (apr_uint64_t)op.items[i].out[0];
        counts[i].started = op.items[i].out[1] != 0;
    }
    return rv;
}

apr_status_t tai_redis_locked(void *self, tai_count_t *counts, int n, apr_uint64_t now,
                              apr_pool_t *p, const char **error)
{
    (void)now;
    return count(self, "locked", NULL, counts, n, p, error);
}

apr_status_t tai_redis_fail(void *self, tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p,
                            const char **error)
{
    (void)now;
    return count(self, "fail", one_ran, counts, n, p, error);
}

tai_redis_item_t *tai_redis_clearing(tai_redis_item_t *item)
{
    item->args[0] = 1;
    item->args[1] = 1;
    return item;
}

apr_status_t tai_redis_clear(tai_redis_operation_t *op, int *lifted)
{
    const apr_status_t rv = tai_redis_operation_run(op);
    int i;

    for (i = 0; i < op->n && rv == APR_SUCCESS; i++) {
        *lifted += op->items[i].out[0] > 0;
    }
    return rv;
}

apr_status_t tai_redis_unlock(void *self, const tai_count_t *counts, int n, apr_uint64_t now,
                              int *locks, apr_pool_t *p, const char **error)
{
    tai_redis_operation_t op = tai_redis_operation(self, TAI_REDIS_FAILURES, "clear", n, p, error);
    int i;

    (void)now;
    *locks = 0;
    for (i = 0; i < n; i++) {
        tai_redis_clearing(
            tai_redis_operation_add(&op, TAI_REDIS_FAILURE, &counts[i].tag, &counts[i].id));
    }
    return tai_redis_clear(&op, locks);
}
