#ifndef TAI_STORE_AUDIT_H
#define TAI_STORE_AUDIT_H

#include <apr_tables.h>
#include "store.h"
#include "store_change.h"

/* Every action that is recorded: name in code, name in the log. */
#define TAI_ACTIONS(X)                        \
    X(ACCOUNT_CREATE, "account.create")       \
    X(ACCOUNT_PLAN, "account.plan")           \
    X(ACCOUNT_SUSPEND, "account.suspend")     \
    X(ACCOUNT_REINSTATE, "account.reinstate") \
    X(ACCOUNT_CLOSE, "account.close")         \
    X(USER_CREATE, "user.create")             \
    X(USER_PASSWORD, "user.password")         \
    X(USER_DISABLE, "user.disable")           \
    X(USER_ENABLE, "user.enable")             \
    X(KEY_CREATE, "key.create")               \
    X(KEY_RENAME, "key.rename")               \
    X(KEY_ROLL, "key.roll")                   \
    X(KEY_REVOKE, "key.revoke")               \
    X(KEY_IMPORT, "key.import")               \
    X(TOKEN_ISSUE, "token.issue")             \
    X(SESSION_CREATE, "session.create")       \
    X(SESSION_END, "session.end")             \
    X(LOGIN_FAILED, "login.failed")           \
    X(LOGIN_LOCKED, "login.locked")           \
    X(UNLOCK, "unlock")

typedef enum {
#define X(name, text) TAI_ACTION_##name,
    TAI_ACTIONS(X)
#undef X
        TAI_ACTION_COUNT
} tai_action_e;

/* Who changes something, and from where. */
typedef struct tai_actor_t {
    const char *name;   /* user name, or "operator:" and the login name of who runs taictl */
    const char *client; /* address, or "local" */
} tai_actor_t;

/* One line of the log. Strings live in the pool that the reader was given. */
typedef struct tai_audit_t {
    apr_int64_t seq;     /* greater is later */
    apr_int64_t at;      /* UTC seconds */
    const char *account; /* its name; NULL: nobody's, or one that is gone */
    const char *actor;
    const char *client;
    const char *action;  /* "key.revoke" */
    const char *subject; /* id of the key, user or account; NULL: none */
    const char *detail;  /* "name: old -> new"; never a secret; NULL: none */
} tai_audit_t;

/**
 * @return the name of an action in the log; static
 */
const char *tai_action_name(tai_action_e action);

/**
 * The log, the latest first.
 * @param account_id  whose; NULL: of all, with what concerns no account
 * @param before      lines with a smaller seq alone; 0: from the latest on
 * @param limit       how many at the most
 * @param p           lines and text live here
 * @param lines       set to an array of const tai_audit_t *
 * @param text        set to a sentence unless done
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_list_audit(tai_store_t *store, const char *account_id, apr_int64_t before,
                                  int limit, apr_pool_t *p, apr_array_header_t **lines,
                                  const char **text);

/**
 * Record what was no change of anything: a log-in that failed.
 * @param account_id  NULL: of no account
 * @param subject     id of the user; NULL: none of that name
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_audit_event(tai_store_t *store, const tai_actor_t *actor,
                                   const char *account_id, tai_action_e action, const char *subject,
                                   const char *detail, apr_int64_t now, apr_pool_t *p,
                                   const char **text);

#endif
