#include "limiter.h"

#include <string.h>
#include <apr_strings.h>
#include "client.h"
#include "core/clock.h"
#include "core/digest.h"
#include "slots.h"

typedef struct self_t {
    tai_redis_client_t *client;
    apr_uint32_t timeout_ms;
} self_t;

/* What a script is told of one key, and what it says of it: up to this many numbers. */
#define NUMBERS 4

typedef struct item_t {
    const char *key;
    unsigned slot;
    int group;
    apr_uint64_t args[NUMBERS];
    apr_int64_t out[NUMBERS];
} item_t;

/* One operation under way: its items, and in how many calls they go. */
typedef struct operation_t {
    const self_t *self;
    tai_redis_script_e script;
    const char *verb; /* first argument; NULL: none */
    int told, says;   /* numbers of an item: arguments, answers */
    int headed;       /* 1: a number stands in front of those of the items */
    apr_int64_t head; /* of the last call */
    item_t *items;
    int n;
    int groups;
    apr_uint64_t deadline;
    apr_pool_t *p;
    const char **error;
} operation_t;

/* ---- keys ----------------------------------------------------------------------------------- */

#define TAG_LENGTH 11 /* 64 bits in base64 */
#define KEY_PREFIX "taiauth:"

/* 64 bits as 11 characters; returns where they end. */
static char *put_base64(char *at, apr_uint64_t bits)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int i;

    for (i = 0; i < TAG_LENGTH; i++) {
        *at++ = digits[bits >> 58];
        bits <<= 6;
    }
    return at;
}

/* Half of the tag is enough: two that agree in it only share a slot. */
static void name_key(item_t *item, char kind, const tai_id_t *tag, const tai_id_t *id,
                     apr_pool_t *p)
{
    char *key = apr_palloc(p, sizeof(KEY_PREFIX) + 3 + 3 * TAG_LENGTH), *at = key;

    memcpy(at, KEY_PREFIX, sizeof(KEY_PREFIX) - 1);
    at += sizeof(KEY_PREFIX) - 1;
    *at++ = kind;
    *at++ = '{';
    at = put_base64(at, tag->lo);
    item->slot = tai_redis_slot(at - TAG_LENGTH, TAG_LENGTH);
    *at++ = '}';
    at = put_base64(put_base64(at, id->hi), id->lo);
    *at = '\0';
    item->key = key;
}

/*
 * The same on every host, so without a secret. SHA-256, cut to 128 bits, and not a faster hash with
 * a key that everybody knows: log-ins fold user names that a stranger chooses. Two that he made
 * collide (2^64 tries) would share their counts, which makes both of them poorer.
 */
static tai_id_t identify(void *self, const void *data, apr_size_t len)
{
    tai_digest_t digest;
    tai_id_t id = {0, 0};
    int i;

    (void)self;
    /* without memory all share one identity, which is stricter than theirs */
    if (tai_digest_bytes(data, len, &digest) == APR_SUCCESS) {
        for (i = 0; i < 8; i++) {
            id.hi = id.hi << 8 | digest.bytes[i];
            id.lo = id.lo << 8 | digest.bytes[8 + i];
        }
    }
    return id;
}

/* ---- operations ----------------------------------------------------------------------------- */

/* What each script takes and returns, as it says itself. */
static const struct {
    int told, says, headed;
} forms[TAI_REDIS_SCRIPT_COUNT] = {
    [TAI_REDIS_CHARGE] = {2, 4, 1},
    [TAI_REDIS_REFUND] = {3, 4, 0},
    [TAI_REDIS_FAILURES] = {3, 2, 0},
    [TAI_REDIS_LOGIN] = {4, 1, 1},
};

/* n: how many items there will be at the most */
static operation_t prepare(const self_t *self, tai_redis_script_e script, const char *verb, int n,
                           apr_pool_t *p, const char **error)
{
    return (operation_t){.self = self,
                         .script = script,
                         .verb = verb,
                         .told = forms[script].told,
                         .says = forms[script].says,
                         .headed = forms[script].headed,
                         .items = apr_pcalloc(p, (apr_size_t)n * sizeof(item_t)),
                         .deadline = tai_clock_us() + (apr_uint64_t)self->timeout_ms * 1000,
                         .p = p,
                         .error = error};
}

/* The same items by another script, within the same time; its answers stay apart. */
static operation_t again(const operation_t *op, tai_redis_script_e script, const char *verb,
                         const char **error)
{
    operation_t other = prepare(op->self, script, verb, op->n, op->p, error);

    other.deadline = op->deadline;
    return other;
}

static item_t *add_item(operation_t *op, char kind, const tai_id_t *tag, const tai_id_t *id)
{
    item_t *item = &op->items[op->n++];

    name_key(item, kind, tag, id, op->p);
    return item;
}

/* Everything is one group, unless it has to be one for each slot. */
static void group(operation_t *op)
{
    const int cluster = tai_redis_client_is_cluster(op->self->client);
    int i, j;

    op->groups = 0;
    for (i = 0; i < op->n; i++) {
        for (j = 0; j < i && cluster && op->items[j].slot != op->items[i].slot; j++) {
        }
        op->items[i].group = j < i ? op->items[j].group : i > 0 && !cluster ? 0 : op->groups++;
    }
}

static void add_number(apr_array_header_t *texts, apr_uint64_t number)
{
    APR_ARRAY_PUSH(texts, const char *) = apr_off_t_toa(texts->pool, (apr_off_t)number);
}

/* Say to a script what there is of one group, and note what it answers. */
static apr_status_t call_group(operation_t *op, int number)
{
    tai_redis_call_t call = {.script = op->script, .answers = op->headed};
    const apr_int64_t *answer;
    apr_status_t rv;
    int i;

    call.keys = apr_array_make(op->p, op->n, sizeof(const char *));
    call.args = apr_array_make(op->p, 1 + op->n * op->told, sizeof(const char *));
    if (op->verb != NULL) {
        APR_ARRAY_PUSH(call.args, const char *) = op->verb;
    }
    for (i = 0; i < op->n; i++) {
        const item_t *item = &op->items[i];
        int j;

        if (item->group != number) {
            continue;
        }
        call.slot = item->slot;
        call.answers += op->says;
        APR_ARRAY_PUSH(call.keys, const char *) = item->key;
        for (j = 0; j < op->told; j++) {
            add_number(call.args, item->args[j]);
        }
    }
    rv = tai_redis_call(op->self->client, &call, op->deadline, op->p, op->error);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    answer = call.numbers;
    op->head = op->headed ? *answer++ : 0;
    for (i = 0; i < op->n; i++) {
        if (op->items[i].group == number) {
            memcpy(op->items[i].out, answer, (apr_size_t)op->says * sizeof(*answer));
            answer += op->says;
        }
    }
    return APR_SUCCESS;
}

/* The first of several calls; here it comes out that there have to be several. */
static apr_status_t call_first(operation_t *op)
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

static apr_status_t call_all(operation_t *op)
{
    apr_status_t rv = call_first(op);
    int i;

    for (i = 1; i < op->groups && rv == APR_SUCCESS; i++) {
        rv = call_group(op, i);
    }
    return rv;
}

/* How something is done in all groups or in none. */
typedef struct all_or_none_t {
    apr_int64_t yes;  /* the head that lets it go on */
    const char *test; /* verb: asks, and does nothing */
    /* Takes back what the first groups have done, as far as that is possible. */
    void (*undo)(operation_t *op, int groups);
} all_or_none_t;

/*
 * @param most  set to the largest of all heads that were not yes; else to yes
 * @return APR_SUCCESS; else nobody knows what was done
 */
static apr_status_t do_all_or_none(operation_t *op, const all_or_none_t *how, apr_int64_t *most)
{
    apr_status_t rv = call_first(op);
    int done = 0, i;

    *most = how->yes;
    for (i = 1; i < op->groups && rv == APR_SUCCESS && op->head == how->yes; i++) {
        done = i;
        rv = call_group(op, i);
    }
    if (rv == APR_SUCCESS && op->head == how->yes) {
        return APR_SUCCESS;
    }
    if (done > 0) {
        how->undo(op, done);
    }
    *most = op->head;
    op->verb = how->test;
    for (; i < op->groups && rv == APR_SUCCESS; i++) {
        rv = call_group(op, i);
        *most = op->head != how->yes && op->head > *most ? op->head : *most;
    }
    return rv;
}

static apr_status_t wrong_reply(const char **error)
{
    *error = "Redis answered with numbers that no script of ours gives";
    return APR_EGENERAL;
}

/* ---- windows -------------------------------------------------------------------------------- */

static void add_charge(operation_t *op, const tai_charge_t *charge)
{
    item_t *item = add_item(op, 'w', &charge->tag, &charge->id);

    item->args[0] = charge->limit.max;
    item->args[1] = charge->limit.window_ms;
    item->args[2] = charge->at;
}

/* @return 0: out of range */
static int read_view(const item_t *item, tai_charge_t *charge)
{
    charge->view.counted = (apr_uint32_t)item->out[0];
    charge->view.wait_ms = (apr_uint64_t)item->out[1];
    charge->view.reset_ms = (apr_uint64_t)item->out[2];
    charge->at = (apr_uint64_t)item->out[3];
    return item->out[0] <= APR_UINT32_MAX && item->out[1] <= APR_UINT32_MAX * 2LL &&
           item->out[2] <= APR_UINT32_MAX * 2LL;
}

/* Their views are then as if they had only been tested. */
static void uncharge(operation_t *op, int groups)
{
    const char *error;
    operation_t back = again(op, TAI_REDIS_REFUND, NULL, &error);
    int i, j;

    for (i = 0; i < op->n; i++) {
        if (op->items[i].group < groups && op->items[i].args[0] != 0) {
            back.items[back.n] = op->items[i];
            back.items[back.n++].args[2] = (apr_uint64_t)op->items[i].out[3];
        }
    }
    if (back.n == 0 || call_all(&back) != APR_SUCCESS) {
        return;
    }
    for (i = 0, j = 0; i < op->n; i++) {
        if (op->items[i].group < groups && op->items[i].args[0] != 0) {
            memcpy(op->items[i].out, back.items[j++].out, sizeof(back.items[0].out));
        }
    }
}

static apr_status_t charge_or_test(self_t *self, const char *verb, tai_charge_t *charges, int n,
                                   tai_count_t *lock, int *admitted, apr_pool_t *p,
                                   const char **error)
{
    static const all_or_none_t how = {.yes = 1, .test = "test", .undo = uncharge};
    operation_t op = prepare(self, TAI_REDIS_CHARGE, verb, n + 1, p, error);
    apr_int64_t head;
    apr_status_t rv;
    int i, first = lock != NULL;

    *admitted = 0;
    if (lock != NULL) {
        add_item(&op, 'f', &lock->tag, &lock->id);
    }
    for (i = 0; i < n; i++) {
        add_charge(&op, &charges[i]);
    }
    if (op.n == 0) {
        *admitted = 1;
        return APR_SUCCESS;
    }
    rv = do_all_or_none(&op, &how, &head);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (lock != NULL) {
        lock->left_ms = (apr_uint64_t)op.items[0].out[0];
    }
    for (i = 0; i < n; i++) {
        if (!read_view(&op.items[first + i], &charges[i])) {
            return wrong_reply(error);
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

static apr_status_t refund(void *self, const tai_charge_t *charges, int n, apr_pool_t *p,
                           const char **error)
{
    operation_t op = prepare(self, TAI_REDIS_REFUND, NULL, n, p, error);
    int i;

    for (i = 0; i < n; i++) {
        add_charge(&op, &charges[i]);
    }
    return n > 0 ? call_all(&op) : APR_SUCCESS;
}

/* ---- failures ------------------------------------------------------------------------------- */

static apr_status_t count(self_t *self, const char *verb, tai_count_t *counts, int n, apr_pool_t *p,
                          const char **error)
{
    operation_t op = prepare(self, TAI_REDIS_FAILURES, verb, n, p, error);
    apr_status_t rv;
    int i;

    for (i = 0; i < n; i++) {
        item_t *item = add_item(&op, 'f', &counts[i].tag, &counts[i].id);

        item->args[0] = counts[i].lockout->failures.max;
        item->args[1] = counts[i].lockout->failures.window_ms;
        item->args[2] = counts[i].lockout->lock_ms;
    }
    rv = n > 0 ? call_all(&op) : APR_SUCCESS;
    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        counts[i].left_ms = (apr_uint64_t)op.items[i].out[0];
        counts[i].started = op.items[i].out[1] != 0;
    }
    return rv;
}

static apr_status_t locked(void *self, tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p,
                           const char **error)
{
    (void)now;
    return count(self, "locked", counts, n, p, error);
}

static apr_status_t fail(void *self, tai_count_t *counts, int n, apr_uint64_t now, apr_pool_t *p,
                         const char **error)
{
    (void)now;
    return count(self, "fail", counts, n, p, error);
}

/* What is cleared is cleared whatever its limits: these only say that it is no list. */
static item_t *any_limits(item_t *item)
{
    item->args[0] = 1;
    item->args[1] = 1;
    return item;
}

/* lifted: how many locks there were is added */
static apr_status_t clear(operation_t *op, int *lifted)
{
    const apr_status_t rv = call_all(op);
    int i;

    for (i = 0; i < op->n && rv == APR_SUCCESS; i++) {
        *lifted += op->items[i].out[0] > 0;
    }
    return rv;
}

static apr_status_t unlock(void *self, const tai_count_t *counts, int n, apr_uint64_t now,
                           int *locks, apr_pool_t *p, const char **error)
{
    operation_t op = prepare(self, TAI_REDIS_FAILURES, "clear", n, p, error);
    int i;

    (void)now;
    *locks = 0;
    for (i = 0; i < n; i++) {
        any_limits(add_item(&op, 'f', &counts[i].tag, &counts[i].id));
    }
    return n > 0 ? clear(&op, locks) : APR_SUCCESS;
}

/* ---- log-ins -------------------------------------------------------------------------------- */

#define LIST      TAI_LOGIN_COUNT /* item of login_items that is no count */
#define LIST_PAGE 64              /* how many members are asked for at a time */

/* What the identities of a user name have in common, logins.h: its counts lie together. */
static tai_id_t tag_of(const tai_login_t *login, int which)
{
    return which == TAI_LOGIN_CLIENT ? login->ids[which]
                                     : (tai_id_t){0, login->ids[TAI_LOGIN_USERNAME].lo};
}

static item_t *add_login_item(operation_t *op, const tai_login_t *login, int which)
{
    const tai_id_t tag = tag_of(login, which);

    return which == LIST ? add_item(op, 'i', &tag, &tag)
                         : add_item(op, 'l', &tag, &login->ids[which]);
}

/* All counts, and behind them the list of those of the user name. */
static operation_t login_operation(self_t *self, const char *verb, const tai_login_t *login,
                                   apr_pool_t *p, const char **error)
{
    operation_t op = prepare(self, TAI_REDIS_LOGIN, verb, TAI_LOGIN_COUNT + 1, p, error);
    int i;

    for (i = 0; i <= LIST; i++) {
        item_t *item = add_login_item(&op, login, i);

        if (i != LIST) {
            item->args[0] = login->lockouts[i].failures.max;
            item->args[1] = login->lockouts[i].failures.window_ms;
            item->args[2] = login->lockouts[i].lock_ms;
            item->args[3] = login->at[i];
        }
    }
    return op;
}

static void unbegin(operation_t *op, int groups)
{
    const char *error;
    operation_t back = again(op, TAI_REDIS_LOGIN, "end", &error);
    int i;

    for (i = 0; i < op->n; i++) {
        if (op->items[i].group < groups && op->items[i].args[0] != 0) {
            back.items[back.n] = op->items[i];
            back.items[back.n++].args[3] = (apr_uint64_t)op->items[i].out[0];
        }
    }
    (void)call_all(&back);
}

static apr_status_t login_begin(void *self, tai_login_t *login, apr_uint64_t now,
                                apr_uint64_t *left_ms, apr_pool_t *p, const char **error)
{
    static const all_or_none_t how = {.yes = 0, .test = "test", .undo = unbegin};
    operation_t op = login_operation(self, "begin", login, p, error);
    apr_int64_t left = 0;
    const apr_status_t rv = do_all_or_none(&op, &how, &left);
    int i;

    (void)now;
    *left_ms = (apr_uint64_t)left;
    for (i = 0; i < TAI_LOGIN_COUNT && rv == APR_SUCCESS; i++) {
        login->at[i] = (apr_uint64_t)op.items[i].out[0];
    }
    return rv;
}

static apr_status_t login_fail(void *self, const tai_login_t *login, apr_uint64_t now,
                               unsigned *started, apr_pool_t *p, const char **error)
{
    operation_t op = login_operation(self, "fail", login, p, error);
    const apr_status_t rv = call_all(&op);
    int i;

    (void)now;
    *started = 0;
    for (i = 0; i < TAI_LOGIN_COUNT && rv == APR_SUCCESS; i++) {
        *started |= op.items[i].out[0] != 0 ? 1u << i : 0;
    }
    return rv;
}

static apr_status_t login_end(void *self, const tai_login_t *login, apr_uint64_t now, int right,
                              apr_pool_t *p, const char **error)
{
    operation_t op = login_operation(self, "end", login, p, error);
    int i;

    (void)now;
    for (i = 0; i < TAI_LOGIN_COUNT; i++) {
        if (right && i != TAI_LOGIN_CLIENT) {
            op.items[i].args[3] = 0; /* all of it */
        }
    }
    return call_all(&op);
}

/* ---- unlocking of log-ins ------------------------------------------------------------------- */

/* What stands on a list may be anybody's: only counts of log-ins with its very tag are touched. */
static int is_member(const char *key, const char *list)
{
    const apr_size_t kind = sizeof(KEY_PREFIX) - 1, tag = kind + 1, end = tag + TAG_LENGTH + 2;

    return strlen(key) == strlen(list) && strncmp(key, KEY_PREFIX "l", tag) == 0 &&
           strncmp(key + tag, list + tag, end - tag) == 0;
}

/* Some of the members of a list. */
static apr_status_t ask_members(const operation_t *op, const item_t *list,
                                apr_array_header_t **members)
{
    tai_redis_call_t call = {.script = TAI_REDIS_MEMBERS, .slot = list->slot, .answers = -1};
    apr_status_t rv;
    int i;

    call.keys = apr_array_make(op->p, 1, sizeof(const char *));
    call.args = apr_array_make(op->p, 1, sizeof(const char *));
    APR_ARRAY_PUSH(call.keys, const char *) = list->key;
    add_number(call.args, LIST_PAGE);
    rv = tai_redis_call(op->self->client, &call, op->deadline, op->p, op->error);
    *members = call.texts;
    if (rv == APR_SUCCESS && call.texts->nelts > LIST_PAGE) {
        return wrong_reply(op->error);
    }
    for (i = 0; rv == APR_SUCCESS && i < call.texts->nelts; i++) {
        if (!is_member(APR_ARRAY_IDX(call.texts, i, const char *), list->key)) {
            return wrong_reply(op->error);
        }
    }
    return rv;
}

/*
 * The count of the user name, and page by page those that the list names. A page that was cleared
 * is off the list: if the time is not enough, who tries again goes on from there.
 */
static apr_status_t unlock_username(self_t *self, const tai_login_t *login, int *lifted,
                                    apr_pool_t *p, const char **error)
{
    operation_t op = prepare(self, TAI_REDIS_FAILURES, "clear", LIST_PAGE + 2, p, error);
    apr_array_header_t *members;
    item_t list;
    apr_status_t rv;
    int i;

    list = *add_login_item(&op, login, LIST);
    do {
        rv = ask_members(&op, &list, &members);
        if (rv != APR_SUCCESS) {
            break;
        }
        op.n = 0;
        any_limits(add_login_item(&op, login, TAI_LOGIN_USERNAME));
        for (i = 0; i < members->nelts; i++) {
            item_t *item = any_limits(&op.items[op.n++]);

            item->key = APR_ARRAY_IDX(members, i, const char *);
            item->slot = list.slot;
        }
        op.items[op.n++] = list;
        rv = clear(&op, lifted);
    } while (rv == APR_SUCCESS && members->nelts == LIST_PAGE);
    return rv;
}

static apr_status_t login_unlock(void *self, const tai_login_t *login, tai_login_count_e which,
                                 apr_uint64_t now, int *lifted, apr_pool_t *p, const char **error)
{
    operation_t op = prepare(self, TAI_REDIS_FAILURES, "clear", 1, p, error);

    (void)now;
    *lifted = 0;
    if (which == TAI_LOGIN_USERNAME) {
        return unlock_username(self, login, lifted, p, error);
    }
    any_limits(add_login_item(&op, login, which));
    return clear(&op, lifted);
}

/* ---- its life ------------------------------------------------------------------------------- */

static const tai_limiter_ops_t ops = {
    .name = "redis",
    .identify = identify,
    .charge = charge,
    .test = test,
    .refund = refund,
    .locked = locked,
    .fail = fail,
    .unlock = unlock,
    .login_begin = login_begin,
    .login_fail = login_fail,
    .login_end = login_end,
    .login_unlock = login_unlock,
};

apr_status_t tai_redis_limiter_open(const tai_redis_config_t *config, int connections,
                                    const char *time, apr_pool_t *p, tai_limiter_t *limiter)
{
    self_t *self = apr_pcalloc(p, sizeof(*self));

    self->timeout_ms = config->timeout_ms;
    *limiter = (tai_limiter_t){.ops = &ops, .self = self};
    return tai_redis_client_new(config, connections, time, p, &self->client);
}

static const char *configure(const char *address, const apr_array_header_t *options,
                             apr_uint32_t timeout_ms, apr_pool_t *p, void **config)
{
    return tai_redis_config_parse(address, options, timeout_ms, p, (tai_redis_config_t **)config);
}

static const char *describe(const void *config)
{
    return ((const tai_redis_config_t *)config)->shown;
}

static apr_status_t open_limiter(const void *config, int connections, apr_pool_t *p,
                                 tai_limiter_t *limiter)
{
    return tai_redis_limiter_open(config, connections, tai_redis_time, p, limiter);
}

const tai_limiter_provider_t tai_redis_provider = {
    .configure = configure, .describe = describe, .open = open_limiter};
