#include "login.h"

#include <apr_strings.h>
#include "failures.h"

#define LIST      TAI_LOGIN_COUNT /* number of the item that is no count */
#define LIST_PAGE 64              /* how many members are asked for at a time */

/* What the identities of a user name have in common, logins.h: its counts lie together. */
static tai_id_t tag_of(const tai_login_t *login, int which)
{
    return which == TAI_LOGIN_CLIENT ? login->ids[which]
                                     : (tai_id_t){0, login->ids[TAI_LOGIN_USERNAME].lo};
}

static tai_redis_item_t *add_login_item(tai_redis_operation_t *op, const tai_login_t *login,
                                        int which)
{
    const tai_id_t tag = tag_of(login, which);

    return which == LIST ? tai_redis_operation_add(op, TAI_REDIS_LIST, &tag, &tag)
                         : tai_redis_operation_add(op, TAI_REDIS_TRY, &tag, &login->ids[which]);
}

/* All counts, and behind them the list of those of the user name. */
static tai_redis_operation_t login_operation(tai_redis_client_t *client, const char *verb,
                                             const tai_login_t *login, apr_pool_t *p,
                                             const char **error)
{
    tai_redis_operation_t op =
        tai_redis_operation(client, TAI_REDIS_LOGIN, verb, TAI_LOGIN_COUNT + 1, p, error);
    int i;

    for (i = 0; i <= LIST; i++) {
        tai_redis_item_t *item = add_login_item(&op, login, i);

        if (i != LIST) {
            item->args[0] = login->lockouts[i].failures.max;
            item->args[1] = login->lockouts[i].failures.window_ms;
            item->args[2] = login->lockouts[i].lock_ms;
            item->args[3] = login->at[i];
        }
    }
    return op;
}

static void unbegin(tai_redis_operation_t *op, int below)
{
    tai_redis_item_t **undone;
    tai_redis_operation_t back =
        tai_redis_operation_undo(op, below, TAI_REDIS_LOGIN, "end", &undone);
    int i;

    for (i = 0; i < back.n; i++) {
        back.items[i].args[3] = (apr_uint64_t)undone[i]->out[0];
        undone[i]->out[0] = 0; /* no lock runs there */
    }
    (void)tai_redis_operation_run(&back);
}

apr_status_t tai_redis_login_begin(void *self, tai_login_t *login, apr_uint64_t now,
                                   apr_uint64_t *left_ms, apr_pool_t *p, const char **error)
{
    static const tai_redis_all_t how = {.yes = 0, .test = "test", .undo = unbegin};
    tai_redis_operation_t op = login_operation(self, "begin", login, p, error);
    apr_int64_t left = 0;
    const apr_status_t rv = tai_redis_operation_all(&op, &how, &left);
    int i;

    (void)now;
    *left_ms = (apr_uint64_t)left;
    for (i = 0; i < TAI_LOGIN_COUNT && rv == APR_SUCCESS; i++) {
        const apr_uint64_t said = (apr_uint64_t)op.items[i].out[0];

        login->at[i] = left == 0 ? said : 0;
        login->locked_ms[i] = left == 0 ? 0 : said;
    }
    return rv;
}

apr_status_t tai_redis_login_fail(void *self, const tai_login_t *login, apr_uint64_t now,
                                  unsigned *started, apr_pool_t *p, const char **error)
{
    tai_redis_operation_t op = login_operation(self, "fail", login, p, error);
    const apr_status_t rv = tai_redis_operation_run(&op);
    int i;

    (void)now;
    *started = 0;
    for (i = 0; i < TAI_LOGIN_COUNT && rv == APR_SUCCESS; i++) {
        *started |= op.items[i].out[0] != 0 ? 1u << i : 0;
    }
    return rv;
}

apr_status_t tai_redis_login_end(void *self, const tai_login_t *login, apr_uint64_t now, int right,
                                 apr_pool_t *p, const char **error)
{
    tai_redis_operation_t op = login_operation(self, "end", login, p, error);
    int i;

    (void)now;
    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        if (right && i != TAI_LOGIN_CLIENT) {
            op.items[i].args[3] = 0; /* all of it */
        }
    }
    return tai_redis_operation_run(&op);
}

/* ---- unlocking of log-ins ------------------------------------------------------------------- */

/* Some of the members of a list. */
static apr_status_t ask_members(const tai_redis_operation_t *op, const tai_redis_item_t *list,
                                apr_array_header_t **members)
{
    tai_redis_call_t call = {.script = TAI_REDIS_MEMBERS, .slot = list->slot, .answers = -1};
    apr_status_t rv;
    int i;

    call.keys = apr_array_make(op->p, 1, sizeof(const char *));
    call.args = apr_array_make(op->p, 1, sizeof(const char *));
    APR_ARRAY_PUSH(call.keys, const char *) = list->key;
    APR_ARRAY_PUSH(call.args, const char *) = apr_itoa(op->p, LIST_PAGE);
    rv = tai_redis_call(op->client, &call, op->deadline, op->p, op->error);
    *members = call.texts;
    if (rv == APR_SUCCESS && call.texts->nelts > LIST_PAGE) {
        return tai_redis_wrong_reply(op->error);
    }
    for (i = 0; rv == APR_SUCCESS && i < call.texts->nelts; i++) {
        /* what stands on a list may be anybody's: only tries with its very tag are touched */
        if (!tai_redis_key_is_of(APR_ARRAY_IDX(call.texts, i, const char *), TAI_REDIS_TRY,
                                 list->key)) {
            return tai_redis_wrong_reply(op->error);
        }
    }
    return rv;
}

/*
 * The count of the user name, and page by page those that the list names. A page that was cleared
 * is off the list: if the time is not enough, who tries again goes on from there.
 */
static apr_status_t unlock_username(tai_redis_client_t *client, const tai_login_t *login,
                                    int *lifted, apr_pool_t *p, const char **error)
{
    tai_redis_operation_t op =
        tai_redis_operation(client, TAI_REDIS_FAILURES, "clear", LIST_PAGE + 2, p, error);
    apr_array_header_t *members;
    tai_redis_item_t list;
    apr_status_t rv;
    int i;

    list = *add_login_item(&op, login, LIST);
    do {
        rv = ask_members(&op, &list, &members);
        if (rv != APR_SUCCESS) {
            break;
        }
        op.n = 0;
        tai_redis_clearing(add_login_item(&op, login, TAI_LOGIN_USERNAME));
        for (i = 0; i < members->nelts; i++) {
            tai_redis_item_t *item = tai_redis_clearing(&op.items[op.n++]);

            item->key = APR_ARRAY_IDX(members, i, const char *);
            item->slot = list.slot;
        }
        op.items[op.n++] = list;
        rv = tai_redis_clear(&op, lifted);
    } while (rv == APR_SUCCESS && members->nelts == LIST_PAGE);
    return rv;
}

apr_status_t tai_redis_login_unlock(void *self, const tai_login_t *login, tai_login_count_e which,
                                    apr_uint64_t now, int *lifted, apr_pool_t *p,
                                    const char **error)
{
    tai_redis_operation_t op = tai_redis_operation(self, TAI_REDIS_FAILURES, "clear", 1, p, error);

    (void)now;
    *lifted = 0;
    if (which == TAI_LOGIN_USERNAME) {
        return unlock_username(self, login, lifted, p, error);
    }
    tai_redis_clearing(add_login_item(&op, login, which));
    return tai_redis_clear(&op, lifted);
}
