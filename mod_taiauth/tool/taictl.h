#ifndef TAICTL_H
#define TAICTL_H

#include <apr_pools.h>
#include <jansson.h>
#include "store.h"
#include "store_change.h"

#define TAICTL_DONE   0 /* exit status: it was done */
#define TAICTL_FAILED 1 /* it was refused, or it failed */
#define TAICTL_USAGE  2 /* the command line makes no sense */

/* Every option: name, 1 if it has a value. */
#define TAICTL_OPTIONS(X)            \
    X(DRIVER, "driver", 1)           \
    X(DATABASE, "database", 1)       \
    X(JSON, "json", 0)               \
    X(HELP, "help", 0)               \
    X(OWNER, "owner", 1)             \
    X(PLAN, "plan", 1)               \
    X(ROLE, "role", 1)               \
    X(NO_PASSWORD, "no-password", 0) \
    X(NAME, "name", 1)               \
    X(SCOPES, "scopes", 1)           \
    X(EXPIRES, "expires", 1)         \
    X(EXPIRES_IN, "expires-in", 1)   \
    X(TOKEN, "token", 0)             \
    X(RATE_LIMIT, "rate-limit", 1)   \
    X(STDIN, "stdin", 0)

typedef enum {
#define X(name, text, has_value) OPTION_##name,
    TAICTL_OPTIONS(X)
#undef X
        OPTION_COUNT
} taictl_option_e;

/* One run of the program. */
typedef struct taictl_t {
    apr_pool_t *pool;
    const char *driver;
    const char *database;
    const char *option[OPTION_COUNT]; /* NULL: not given; "": given, and has no value */
    const char *const *args;          /* what follows the command */
    int arg_count;
    const char *usage; /* of the command; NULL: none was found yet */
} taictl_t;

/**
 * A command. It says what was wrong by itself, on stderr.
 * @return an exit status
 */
typedef int taictl_command_fn(taictl_t *run);

taictl_command_fn taictl_db_init, taictl_db_status, taictl_db_migrate;
taictl_command_fn taictl_account_add, taictl_account_list, taictl_account_set_plan,
    taictl_account_suspend, taictl_account_reinstate;
taictl_command_fn taictl_user_add, taictl_user_passwd, taictl_user_disable;
taictl_command_fn taictl_key_create, taictl_key_list, taictl_key_show, taictl_key_revoke;
taictl_command_fn taictl_scope_list;

/**
 * Say on stderr what was wrong.
 * @return TAICTL_FAILED
 */
int taictl_fail(const char *text);

/**
 * Say on stderr what is wrong with the command line, and what it should look like.
 * @return TAICTL_USAGE
 */
int taictl_misuse(const taictl_t *run, const char *text);

/**
 * The store of this run, after a look at its schema; says what is wrong with it.
 * @return NULL: it cannot be used
 */
tai_store_t *taictl_store(taictl_t *run);

#endif
