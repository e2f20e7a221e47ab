#ifndef TAICTL_H
#define TAICTL_H

#include <apr_pools.h>
#include <jansson.h>
#include "store.h"
#include "store_audit.h"
#include "store_change.h"

#define TAICTL_DONE   0 /* exit status: it was done */
#define TAICTL_FAILED 1 /* it was refused, or it failed */
#define TAICTL_USAGE  2 /* the command line makes no sense */

#define TAICTL_DEFAULT_URL "http://127.0.0.1/" /* of the running server */

/*
 * Every option: name in code, on the command line, of its value (NULL: it has none; lower-case words
 * are the values that there are), what it says.
 */
#define TAICTL_OPTIONS(X)                                                               \
    X(OWNER, "owner", "USER", "whose file it becomes")                                  \
    X(PLAN, "plan", "PLAN", "free unless another is named")                             \
    X(ROLE, "role", "primary_admin|member", "of the user")                              \
    X(NO_PASSWORD, "no-password", NULL, "the user cannot log in")                       \
    X(NAME, "name", "NAME", "of the key, for people")                                   \
    X(SCOPES, "scopes", "SCOPE,...", "scopes, separated by commas")                     \
    X(EXPIRES, "expires", "TIME", "when it ends, such as 2026-01-31T23:59:59Z")         \
    X(EXPIRES_IN, "expires-in", "SPAN", "after which it ends, such as 30d")             \
    X(TOKEN, "token", NULL, "make a token as well")                                     \
    X(RATE_LIMIT, "rate-limit", "N/WINDOW", "its own rate limit, such as 5/60s")        \
    X(STDIN, "stdin", NULL, "read the whole key from standard input")                   \
    X(YES, "yes", NULL, "do not ask")                                                   \
    X(GRACE, "grace", "SPAN", "how long the old key stays good: 0, or such as 1h")      \
    X(LIMIT, "limit", "N", "so many lines at the most")                                 \
    X(BEFORE, "before", "SEQ", "lines with a smaller SEQ alone")                        \
    X(FORMAT, "format", "csv|jsonl", "of the file, if its name does not tell")          \
    X(HASHED, "hashed", "none|hex|base64", "what stands in it: keys, or their SHA-256") \
    X(SKIP_BAD, "skip-bad", NULL, "leave refused rows out, import the others")          \
    X(DRY_RUN, "dry-run", NULL, "do everything, and undo it")                           \
    X(KEY_ID, "key-id", "ID", "which key")                                              \
    X(CLIENT, "client", "ADDRESS", "where the request comes from")                      \
    X(URL, "url", "URL", "the server, http[s]://HOST[:PORT]")                           \
    X(HOST, "host", "NAME", "its virtual host, where the URL has another name")         \
    X(INSECURE, "insecure", NULL, "whatever certificate it shows")                      \
    X(DRIVER, "driver", "DRIVER", "as in DBDriver")                                     \
    X(DATABASE, "database", "FILE|PARAMS", "as in DBDParams; a password in it is seen") \
    X(CONFIG, "config", "FILE", "of httpd: its DBDriver and DBDParams")                 \
    X(JSON, "json", NULL, "print JSON")                                                 \
    X(HELP, "help", NULL, "print this")

typedef enum {
#define X(name, text, value, what) OPTION_##name,
    TAICTL_OPTIONS(X)
#undef X
        OPTION_COUNT
} taictl_option_e;

/* One run of the program. */
typedef struct taictl_t {
    apr_pool_t *pool;
    const char *driver;
    const char *database;             /* its parameters, with a password, if there is one */
    const char *option[OPTION_COUNT]; /* NULL: not given; "": given, and has no value */
    const char *const *args;          /* what follows the command */
    int arg_count;
    const struct taictl_command_t *command; /* NULL: none was found yet */
} taictl_t;

/**
 * A command. It says what was wrong by itself, on stderr.
 * @return an exit status
 */
typedef int taictl_command_fn(taictl_t *run);

taictl_command_fn taictl_db_init, taictl_db_status, taictl_db_migrate;
taictl_command_fn taictl_account_add, taictl_account_list, taictl_account_show,
    taictl_account_set_plan, taictl_account_suspend, taictl_account_reinstate, taictl_account_close;
taictl_command_fn taictl_user_add, taictl_user_list, taictl_user_passwd, taictl_user_disable,
    taictl_user_enable;
taictl_command_fn taictl_key_create, taictl_key_list, taictl_key_show, taictl_key_rename,
    taictl_key_roll, taictl_key_revoke, taictl_key_verify;
taictl_command_fn taictl_scope_list, taictl_audit, taictl_import, taictl_export;
taictl_command_fn taictl_nodes, taictl_nodes_clear;

taictl_command_fn taictl_explain;
taictl_command_fn taictl_unlock_client, taictl_unlock_user, taictl_unlock_key;

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
 * Who runs this, for the audit log: operator and his login name, also where he came by sudo.
 */
const tai_actor_t *taictl_actor(const taictl_t *run);

/**
 * @param option     value of an option; NULL or "": not given
 * @param variable   of the environment; holds where the option is not given
 * @param otherwise  holds where neither is
 */
const char *taictl_setting(const char *option, const char *variable, const char *otherwise);

/**
 * What texts call the database: its file, or its parameters without a password.
 * @return "-": the parameters are none, which is said where they are used
 */
const char *taictl_database_name(const taictl_t *run);

/**
 * The store of this run, after a look at its schema; says what is wrong with it. A change that waits
 * for somebody's lock says so after some seconds, and gives up after a minute.
 * @return NULL: it cannot be used
 */
tai_store_t *taictl_store(taictl_t *run);

/**
 * The same with other limits.
 */
tai_store_t *taictl_store_within(taictl_t *run, const tai_store_limits_t *limits);

#endif
