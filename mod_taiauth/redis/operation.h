#ifndef TAI_REDIS_OPERATION_H
#define TAI_REDIS_OPERATION_H

#include "client.h"
#include "keys.h"

/*
 * One operation of the limiter: a script and the keys it is for. On a plain Redis that is one call;
 * on a cluster one for each slot that its keys belong to, one after the other, within one deadline.
 */

/* What a script is told of one key, and what it says of it: up to this many numbers. */
#define TAI_REDIS_NUMBERS 4

typedef struct tai_redis_item_t {
    const char *key;
    unsigned slot;
    int group; /* which of the calls */
    apr_uint64_t args[TAI_REDIS_NUMBERS];
    apr_int64_t out[TAI_REDIS_NUMBERS];
} tai_redis_item_t;

typedef struct tai_redis_operation_t {
    tai_redis_client_t *client;
    tai_redis_script_e script;
    const char *verb; /* first argument; NULL: none */
    tai_redis_item_t *items;
    int n;
    int groups;
    /* 1: after what was answered so far, the calls that are left are not to be made; NULL: all are */
    int (*enough)(const struct tai_redis_operation_t *op);
    apr_int64_t head; /* what the last call has said in front of the numbers of its items */
    apr_uint64_t deadline;
    apr_pool_t *p;
    const char **error;
} tai_redis_operation_t;

/**
 * @param script  its numbers are those of the table in operation.c
 * @param n       how many items there will be at the most
 * @param p       everything lives here, the error too
 * @param error   set where a call is not answered with APR_SUCCESS
 */
tai_redis_operation_t tai_redis_operation(tai_redis_client_t *client, tai_redis_script_e script,
                                          const char *verb, int n, apr_pool_t *p,
                                          const char **error);

/**
 * One more item, whose args are for the caller to set.
 */
tai_redis_item_t *tai_redis_operation_add(tai_redis_operation_t *op, tai_redis_kind_e kind,
                                          const tai_id_t *tag, const tai_id_t *id);

/**
 * Run it. Fills in out of each item.
 * @return APR_SUCCESS; else nobody knows which of its calls were run
 */
apr_status_t tai_redis_operation_run(tai_redis_operation_t *op);

/* How something is done in all groups or in none. */
typedef struct tai_redis_all_t {
    apr_int64_t yes;  /* the head that lets it go on */
    const char *test; /* verb that asks, and does nothing */
    /* Takes back what the groups below this one have done, as far as that is possible, by an
     * operation of its own on what tai_redis_operation_undo gives. */
    void (*undo)(tai_redis_operation_t *op, int below);
} tai_redis_all_t;

/**
 * Run it group by group while each says yes; if one does not, what was done is taken back, and the
 * others are asked without doing anything.
 * @param said  set to yes, or to the largest of the heads that were not
 * @return APR_SUCCESS; else nobody knows what was done
 */
apr_status_t tai_redis_operation_all(tai_redis_operation_t *op, const tai_redis_all_t *how,
                                     apr_int64_t *said);

/**
 * What takes back: another script within the same time, on copies of the items of the groups below
 * one, but those whose first argument is 0, which are no counts.
 * @param undone  set to where the items came from
 */
tai_redis_operation_t tai_redis_operation_undo(const tai_redis_operation_t *op, int below,
                                               tai_redis_script_e script, const char *verb,
                                               tai_redis_item_t ***undone);

/**
 * The answer is right by its form, and says what cannot be.
 */
apr_status_t tai_redis_wrong_reply(const char **error);

#endif
