#include "limiter.h"

#include <string.h>
#include "failures.h"
#include "login.h"
#include "operation.h"

static void add_charge(tai_redis_operation_t *op, const tai_charge_t *charge)
{
    tai_redis_item_t *item =
        tai_redis_operation_add(op, TAI_REDIS_WINDOW, &charge->tag, &charge->id);

    item->args[0] = charge->limit.max;
    item->args[1] = charge->limit.window_ms;
    item->args[2] = charge->at;
}

/* @return 0: out of range */
static int read_view(const tai_redis_item_t *item, tai_charge_t *charge)
{
    charge->view.counted = (apr_uint32_t)item->out[0];
    charge->view.wait_ms = (apr_uint64_t)item->out[1];
    charge->view.reset_ms = (apr_uint64_t)item->out[2];
    charge->at = (apr_uint64_t)item->out[3];
    return item->out[0] <= APR_UINT32_MAX && item->out[1] <= APR_UINT32_MAX * 2LL &&
           item->out[2] <= APR_UINT32_MAX * 2LL;
}

/* Their views are then as if they had only been tested. */
static void uncharge(tai_redis_operation_t *op, int below)
{
    tai_redis_item_t **undone;
    tai_redis_operation_t back =
        tai_redis_operation_undo(op, below, TAI_REDIS_REFUND, NULL, &undone);
    int i;

    for (i = 0; i < back.n; i++) {
        back.items[i].args[2] = (apr_uint64_t)undone[i]->out[3];
    }
    if (tai_redis_operation_run(&back) != APR_SUCCESS) {
        return;
    }
    for (i = 0; i < back.n; i++) {
        memcpy(undone[i]->out, back.items[i].out, sizeof(back.items[i].out));
    }
}

static apr_status_t charge_or_test(tai_redis_client_t *client, const char *verb,
                                   tai_charge_t *charges, int n, tai_count_t *lock, int *admitted,
                                   apr_pool_t *p, const char **error)
{
    static const tai_redis_all_t how = {.yes = 1, .test = "test", .undo = uncharge};
    tai_redis_operation_t op = tai_redis_operation(client, TAI_REDIS_CHARGE, verb, n + 1, p, error);
    apr_int64_t head;
    apr_status_t rv;
    int i, first = lock != NULL;

    *admitted = 0;
    if (lock != NULL) {
        tai_redis_operation_add(&op, TAI_REDIS_FAILURE, &lock->tag, &lock->id);
    }
    for (i = 0; i < n; i++) {
        add_charge(&op, &charges[i]);
    }
    if (op.n == 0) {
        *admitted = 1;
        return APR_SUCCESS;
    }
    rv = tai_redis_operation_all(&op, &how, &head);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (head != 0 && head != 1) {
        return tai_redis_wrong_reply(error);
    }
    if (lock != NULL) {
        lock->left_ms = (apr_uint64_t)op.items[0].out[0];
    }
    for (i = 0; i < n; i++) {
        if (!read_view(&op.items[first + i], &charges[i])) {
            return tai_redis_wrong_reply(error);
        }
    }
    *admitted = head == 1;
    return APR_SUCCESS;
}

static apr_status_t charge(void *self, tai_charge_t *charges, int n, tai_count_t *lock,
                           apr_uint64_t now, int *admitted, apr_pool_t *p, const char **error)
{
    (void)now;
    return charge_or_test(self, "charge", charges, n, lock, admitted, p, error);
}

static apr_status_t test(void *self, tai_charge_t *charges, int n, apr_uint64_t now, int *admitted,
                         apr_pool_t *p, const char **error)
{
    (void)now;
    return charge_or_test(self, "test", charges, n, NULL, admitted, p, error);
}

static apr_status_t refund(void *self, const tai_charge_t *charges, int n, apr_uint64_t now,
                           apr_pool_t *p, const char **error)
{
    tai_redis_operation_t op = tai_redis_operation(self, TAI_REDIS_REFUND, NULL, n, p, error);
    int i;

    (void)now;
    for (i = 0; i < n; i++) {
        add_charge(&op, &charges[i]);
    }
    return tai_redis_operation_run(&op);
}

static const tai_limiter_ops_t ops = {
    .identify = tai_redis_identify,
    .charge = charge,
    .test = test,
    .refund = refund,
    .locked = tai_redis_locked,
    .fail = tai_redis_fail,
    .unlock = tai_redis_unlock,
    .login_begin = tai_redis_login_begin,
    .login_fail = tai_redis_login_fail,
    .login_end = tai_redis_login_end,
    .login_unlock = tai_redis_login_unlock,
};

apr_status_t tai_redis_limiter_open(const tai_redis_config_t *config, int connections,
                                    const char *time, apr_pool_t *p, tai_limiter_t *limiter)
{
    tai_redis_client_t *client = NULL;
    const apr_status_t rv = tai_redis_client_new(config, connections, time, p, &client);

    *limiter = (tai_limiter_t){.ops = &ops, .self = client};
    return rv;
}
