#ifndef TAI_STORE_ACCOUNTS_H
#define TAI_STORE_ACCOUNTS_H

#include "store.h"
#include "store_audit.h"
#include "store_change.h"

/* An account as its operator sees it. Strings live in the pool that the reader was given. */
typedef struct tai_account_t {
    const char *id; /* random text, "acc_..." */
    const char *name;
    const char *plan;
    const char *status;     /* active, suspended or closed */
    apr_int64_t created_at; /* UTC seconds */
    int users;              /* that are not disabled */
    int active_keys; /* neither revoked nor expired; with those rolled from it a key is one */
    int max_keys;    /* of the plan */
    const char *plan_title;
    const char *plan_rate_limit; /* "N/WINDOW"; NULL: none */
} tai_account_t;

/**
 * Make an account, in good standing.
 * @param name     see name.h; unique
 * @param plan     name of a plan
 * @param actor    for the audit log
 * @param now      UTC seconds
 * @param p        account and text live here
 * @param account  set when done
 * @param text     set to a sentence unless done
 * @return DONE, INVALID (name, plan), TAKEN or UNKNOWN
 */
tai_change_e tai_store_add_account(tai_store_t *store, const char *name, const char *plan,
                                   const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                   tai_account_t **account, const char **text);

/**
 * One account, by name, with its counts.
 * @param now      UTC seconds, for what has expired
 * @param account  set when done
 * @return DONE, NOT_FOUND or UNKNOWN
 */
tai_change_e tai_store_show_account(tai_store_t *store, const char *name, apr_int64_t now,
                                    apr_pool_t *p, tai_account_t **account, const char **text);

/**
 * The same by its id, for who asks often: of its keys at most TAI_KEYS_COUNTED are counted, or as many
 * as it takes to tell whether the plan allows one more.
 */
#define TAI_KEYS_COUNTED 10000
tai_change_e tai_store_account_by_id(tai_store_t *store, const char *id, apr_int64_t now,
                                     apr_pool_t *p, tai_account_t **account, const char **text);

/**
 * All accounts, by name.
 * @param now       UTC seconds, for what has expired
 * @param accounts  set to an array of const tai_account_t *
 * @param error     set to a sentence on failure
 * @return APR_SUCCESS, or APR_EGENERAL
 */
apr_status_t tai_store_list_accounts(tai_store_t *store, apr_int64_t now, apr_pool_t *p,
                                     apr_array_header_t **accounts, const char **error);

/**
 * Put an account on another plan. Its keys keep their scopes; which of them count is up to the
 * plan from now on.
 * @return DONE (also where it was on it already), NOT_FOUND (account), INVALID (plan) or UNKNOWN
 */
tai_change_e tai_store_set_plan(tai_store_t *store, const char *name, const char *plan,
                                const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                const char **text);

/**
 * Suspend an account or take it back. A closed account stays closed.
 * @param suspended  1: its keys are refused from now on; 0: they count again
 * @return DONE (also where it was so already), NOT_FOUND, INACTIVE (closed) or UNKNOWN
 */
tai_change_e tai_store_set_suspended(tai_store_t *store, const char *name, int suspended,
                                     const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                     const char **text);

/**
 * Close an account for ever: its keys are refused from now on.
 * @return DONE (also where it was closed already), NOT_FOUND or UNKNOWN
 */
tai_change_e tai_store_close_account(tai_store_t *store, const char *name, const tai_actor_t *actor,
                                     apr_int64_t now, apr_pool_t *p, const char **text);

#endif
