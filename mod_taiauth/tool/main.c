#include "taictl.h"
#include "digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <apr_general.h>
#include <apr_getopt.h>
#include <apr_strings.h>

#define DEFAULT_DRIVER   "sqlite3"
#define DEFAULT_DATABASE "/var/lib/taiauth/keys.db"

#define BIT(option) (1u << (option))

/* What every command understands. */
#define COMMON (BIT(OPTION_DRIVER) | BIT(OPTION_DATABASE) | BIT(OPTION_JSON) | BIT(OPTION_HELP))

static const struct {
    const char *noun;
    const char *verb;
    const char *usage;
    int min_args, max_args;
    unsigned options; /* that it understands besides the common ones */
    taictl_command_fn *run;
} commands[] = {
    {"db", "init", "[--owner USER]", 0, 0, BIT(OPTION_OWNER), taictl_db_init},
    {"db", "status", "", 0, 0, 0, taictl_db_status},
    {"db", "migrate", "", 0, 0, 0, taictl_db_migrate},
    {"account", "add", "NAME [--plan PLAN]", 1, 1, BIT(OPTION_PLAN), taictl_account_add},
    {"account", "list", "", 0, 0, 0, taictl_account_list},
    {"account", "set-plan", "NAME PLAN", 2, 2, 0, taictl_account_set_plan},
    {"account", "suspend", "NAME", 1, 1, 0, taictl_account_suspend},
    {"account", "reinstate", "NAME", 1, 1, 0, taictl_account_reinstate},
    {"user", "add", "ACCOUNT USERNAME [--role primary_admin|member] [--no-password]", 2, 2,
     BIT(OPTION_ROLE) | BIT(OPTION_NO_PASSWORD), taictl_user_add},
    {"user", "passwd", "USERNAME", 1, 1, 0, taictl_user_passwd},
    {"user", "disable", "USERNAME", 1, 1, 0, taictl_user_disable},
    {"key", "create",
     "ACCOUNT --name NAME [--scopes A,B] [--expires TIME | --expires-in 30d]\n"
     "                    [--token] [--rate-limit N/WINDOW]",
     1, 1,
     BIT(OPTION_NAME) | BIT(OPTION_SCOPES) | BIT(OPTION_EXPIRES) | BIT(OPTION_EXPIRES_IN) |
         BIT(OPTION_TOKEN) | BIT(OPTION_RATE_LIMIT),
     taictl_key_create},
    {"key", "list", "ACCOUNT", 1, 1, 0, taictl_key_list},
    {"key", "show", "ID|PREFIX|--stdin", 0, 1, BIT(OPTION_STDIN), taictl_key_show},
    {"key", "revoke", "ID|PREFIX|--stdin", 0, 1, BIT(OPTION_STDIN), taictl_key_revoke},
    {"scope", "list", "", 0, 0, 0, taictl_scope_list},
};

#define COMMAND_COUNT ((int)(sizeof(commands) / sizeof(commands[0])))

/* apr_getopt_long tells options apart by a number above those of characters. */
#define FIRST_NUMBER 256

static const apr_getopt_option_t options[] = {
#define X(name, text, has_value) {text, FIRST_NUMBER + OPTION_##name, has_value, NULL},
    TAICTL_OPTIONS(X)
#undef X
        {NULL, 0, 0, NULL}};

static void print_usage(FILE *out)
{
    fputs("usage: taictl [--driver DRIVER] [--database FILE] [--json] COMMAND\n\n", out);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        fprintf(out, "  %s %s%s%s\n", commands[i].noun, commands[i].verb,
                *commands[i].usage ? " " : "", commands[i].usage);
    }
    fprintf(out,
            "\nWithout --database: $TAIAUTH_DATABASE, else %s.\n"
            "Without --driver: $TAIAUTH_DBDRIVER, else %s.\n",
            DEFAULT_DATABASE, DEFAULT_DRIVER);
}

int taictl_fail(const char *text)
{
    fprintf(stderr, "taictl: %s\n", text);
    return TAICTL_FAILED;
}

int taictl_misuse(const taictl_t *run, const char *text)
{
    fprintf(stderr, "taictl: %s\n", text);
    if (run->usage != NULL) {
        fprintf(stderr, "usage: taictl %s\n", run->usage);
    }
    else {
        print_usage(stderr);
    }
    return TAICTL_USAGE;
}

tai_store_t *taictl_store(taictl_t *run)
{
    const char *text;
    tai_store_t *store;

    if (tai_store_check(run->driver, run->database, run->pool, &text) != TAI_STORE_READY) {
        taictl_fail(text);
        return NULL;
    }
    if (tai_store_create(&store, run->driver, run->database, 1, run->pool) != APR_SUCCESS) {
        taictl_fail("the database cannot be used");
        return NULL;
    }
    return store;
}

static const char *setting(const char *option, const char *variable, const char *otherwise)
{
    const char *value = option != NULL ? option : getenv(variable);

    return value != NULL && *value != '\0' ? value : otherwise;
}

/* Options may stand anywhere; what is none of them ends up in args. */
static apr_status_t read_options(taictl_t *run, int argc, const char *const *argv)
{
    apr_getopt_t *state;
    const char *value;
    apr_status_t rv;
    int number;

    apr_getopt_init(&state, run->pool, argc, argv);
    state->interleave = 1;
    while ((rv = apr_getopt_long(state, options, &number, &value)) == APR_SUCCESS) {
        run->option[number - FIRST_NUMBER] = value != NULL ? value : "";
    }
    run->args = state->argv + state->ind;
    run->arg_count = argc - state->ind;
    return rv == APR_EOF ? APR_SUCCESS : rv;
}

static int find_command(const taictl_t *run)
{
    int i = 0;

    while (i < COMMAND_COUNT && (strcmp(commands[i].noun, run->args[0]) != 0 ||
                                 strcmp(commands[i].verb, run->args[1]) != 0)) {
        i++;
    }
    return i;
}

/* The first option that was given and that the command does not understand; NULL: none. */
static const char *stray_option(const taictl_t *run, unsigned understood)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (run->option[i] != NULL && !(BIT(i) & understood)) {
            return options[i].name;
        }
    }
    return NULL;
}

static int run_command(taictl_t *run)
{
    const char *stray;
    int i = run->arg_count >= 2 ? find_command(run) : COMMAND_COUNT;

    if (i == COMMAND_COUNT) {
        return taictl_misuse(run,
                             run->arg_count > 0 ? "there is no such command" : "no command given");
    }
    run->usage = apr_pstrcat(run->pool, commands[i].noun, " ", commands[i].verb, " ",
                             commands[i].usage, NULL);
    run->args += 2;
    run->arg_count -= 2;
    stray = stray_option(run, commands[i].options | COMMON);
    if (stray != NULL) {
        return taictl_misuse(run, apr_psprintf(run->pool, "this command has no --%s", stray));
    }
    if (run->arg_count < commands[i].min_args || run->arg_count > commands[i].max_args) {
        return taictl_misuse(run, "too few or too many arguments");
    }
    return commands[i].run(run);
}

/* An answer that nobody got is a failure, a new key above all. */
static int flush_output(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return taictl_fail("the output could not be written");
    }
    return status;
}

int main(int argc, const char *const *argv, const char *const *env)
{
    taictl_t run = {0};

    if (apr_app_initialize(&argc, &argv, &env) != APR_SUCCESS ||
        apr_pool_create(&run.pool, NULL) != APR_SUCCESS ||
        tai_digest_init(run.pool) != APR_SUCCESS) {
        return taictl_fail("cannot start: out of memory, or no SHA-256");
    }
    atexit(apr_terminate);
    if (read_options(&run, argc, argv) != APR_SUCCESS) {
        print_usage(stderr);
        return TAICTL_USAGE;
    }
    if (run.option[OPTION_HELP] != NULL) {
        print_usage(stdout);
        return flush_output(TAICTL_DONE);
    }
    run.driver = setting(run.option[OPTION_DRIVER], "TAIAUTH_DBDRIVER", DEFAULT_DRIVER);
    run.database = setting(run.option[OPTION_DATABASE], "TAIAUTH_DATABASE", DEFAULT_DATABASE);
    return flush_output(run_command(&run));
}
