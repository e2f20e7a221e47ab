#ifndef TAI_STORE_USERS_H
#define TAI_STORE_USERS_H

#include "store.h"
#include "store_audit.h"
#include "store_change.h"

/* A user as the operator sees it: never a password hash. */
typedef struct tai_user_t {
    const char *id; /* random text, "usr_..." */
    const char *account_id;
    const char *account; /* its name */
    const char *username;
    const char *role;       /* primary_admin or member */
    const char *status;     /* active or disabled */
    apr_int64_t created_at; /* UTC seconds */
} tai_user_t;

/**
 * Add a user to an account, active.
 * @param account        name of the account
 * @param username       see name.h; unique among all accounts
 * @param role           primary_admin or member; NULL: primary_admin if the account has none that is
 *                       active, else member
 * @param password_hash  bcrypt; NULL: the user cannot log in
 * @param actor          for the audit log
 * @param now            UTC seconds
 * @param p              user and text live here
 * @param user           set when done
 * @param text           set to a sentence unless done
 * @return DONE, INVALID (user name, role), NOT_FOUND (account), TAKEN (user name, or the account has
 *         a primary administrator) or UNKNOWN
 */
tai_change_e tai_store_add_user(tai_store_t *store, const char *account, const char *username,
                                const char *role, const char *password_hash,
                                const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                tai_user_t **user, const char **text);

/**
 * The users of an account, by user name.
 * @param account  name of the account
 * @param users    set to an array of const tai_user_t *
 * @return DONE, NOT_FOUND (account) or UNKNOWN
 */
tai_change_e tai_store_list_users(tai_store_t *store, const char *account, apr_pool_t *p,
                                  apr_array_header_t **users, const char **text);

/**
 * Set a password. The sessions of the user end.
 * @param username  whose password it becomes, disabled or not
 * @return DONE, NOT_FOUND or UNKNOWN
 */
tai_change_e tai_store_set_password(tai_store_t *store, const char *username,
                                    const char *password_hash, const tai_actor_t *actor,
                                    apr_int64_t now, apr_pool_t *p, const char **text);

/**
 * Disable a user: keys made by it are refused from now on, and its sessions end.
 * @return DONE (also where it was so already), NOT_FOUND or UNKNOWN
 */
tai_change_e tai_store_disable_user(tai_store_t *store, const char *username,
                                    const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                    const char **text);

/**
 * Enable a user again: the keys made by it count again.
 * @return DONE (also where it was so already), NOT_FOUND, TAKEN (the account has another primary
 *         administrator by now) or UNKNOWN
 */
tai_change_e tai_store_enable_user(tai_store_t *store, const char *username,
                                   const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                   const char **text);

#endif
