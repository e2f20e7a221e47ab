#include "commands.h"
#include "configuration.h"
#include "digest.h"
#include "store_database.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <apr_general.h>
#include <apr_getopt.h>
#include <apr_strings.h>

#define DEFAULT_DRIVER   "sqlite3"
#define DEFAULT_DATABASE "/var/lib/taiauth/keys.db"

/* apr_getopt_long tells options apart by a number above those of characters. */
#define FIRST_NUMBER 256

static const apr_getopt_option_t options[] = {
#define X(name, text, value, what) {text, FIRST_NUMBER + OPTION_##name, (value) != NULL, NULL},
    TAICTL_OPTIONS(X)
#undef X
        {NULL, 0, 0, NULL}};

static void print_usage(FILE *out)
{
    fputs("usage: taictl COMMAND, one of:\n\n", out);
    taictl_print_commands(out, NULL);
    fputs("\nEvery command understands, and says more with --help:\n\n", out);
    taictl_print_options(out, NULL);
    fprintf(out,
            "\n"
            "Without --config and --database: $TAIAUTH_DATABASE, else %s.\n"
            "Without --config and --driver: $TAIAUTH_DBDRIVER, else %s.\n"
            "Without --url: $TAIAUTH_URL, else %s.\n",
            DEFAULT_DATABASE, DEFAULT_DRIVER, TAICTL_DEFAULT_URL);
}

int taictl_fail(const char *text)
{
    fprintf(stderr, "taictl: %s\n", text);
    return TAICTL_FAILED;
}

int taictl_misuse(const taictl_t *run, const char *text)
{
    fprintf(stderr, "taictl: %s\n", text);
    if (run->command != NULL) {
        fputs("usage: taictl ", stderr);
        taictl_print_command(stderr, run->command);
    }
    else {
        print_usage(stderr);
    }
    return TAICTL_USAGE;
}

#define S 1000 /* milliseconds */

/* How long a change may be under way before a word is said, seconds. */
#define CHANGE_S 3

static void say_changing(int signal_number)
{
    static const char text[] =
        "taictl: still waiting for the database: somebody else is changing something there, or has "
        "left a transaction open; on a server pg_stat_activity or SHOW PROCESSLIST shows who\n";

    (void)signal_number;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
        return; /* nobody reads it, then */
    }
}

static void watch_change(int under_way)
{
    struct sigaction action = {.sa_handler = say_changing, .sa_flags = SA_RESTART};

    alarm(under_way && sigaction(SIGALRM, &action, NULL) == 0 ? CHANGE_S : 0);
}

/* A change waits for somebody's lock half of that time: a key that has leaked must not wait longer. */
static const tai_store_limits_t usual = {
    .connect_ms = 10 * S, .statement_ms = 600 * S, .change_ms = 120 * S, .changing = watch_change};

tai_store_t *taictl_store(taictl_t *run)
{
    return taictl_store_within(run, &usual);
}

tai_store_t *taictl_store_within(taictl_t *run, const tai_store_limits_t *limits)
{
    const char *text;
    tai_store_t *store;

    if (tai_store_check(run->driver, run->database, run->pool, &text) != TAI_STORE_READY) {
        taictl_fail(text);
        return NULL;
    }
    if (tai_store_create(&store, run->driver, run->database, 1, limits, run->pool) != APR_SUCCESS) {
        taictl_fail("the database cannot be used");
        return NULL;
    }
    return store;
}

const char *taictl_database_name(const taictl_t *run)
{
    const tai_database_t *database;
    const char *text;

    return tai_database_resolve(run->driver, run->database, run->pool, &database, &text) ==
                   APR_SUCCESS
               ? database->name
               : "-";
}

const char *taictl_setting(const char *option, const char *variable, const char *otherwise)
{
    const char *value = option != NULL ? option : getenv(variable);

    return value != NULL && *value != '\0' ? value : otherwise;
}

/*
 * Others on the host see what a program was called with. They have had a moment to; from here on the
 * password is not to be seen there.
 */
static void hide_argument(const char *argument)
{
    memset((char *)argument, 'x', strlen(argument));
}

static void warn_exposed(const taictl_t *run)
{
    fprintf(stderr,
            "taictl: warning: everybody on this host may read %s, and the password in it: let "
            "nobody but its owner, and its group perhaps\n",
            run->option[OPTION_CONFIG]);
}

/* Which database is meant. Returns NULL, or why it is not known. */
static const char *choose_by_config(taictl_t *run)
{
    taictl_configuration_t config;
    const char *text = taictl_configuration(run->option[OPTION_CONFIG], run->pool, &config);

    if (text == NULL) {
        run->driver = config.driver;
        run->database = config.params;
        if (config.exposed) {
            warn_exposed(run);
        }
    }
    return text;
}

static void choose_by_options(taictl_t *run)
{
    const char *database = run->option[OPTION_DATABASE];

    run->driver = taictl_setting(run->option[OPTION_DRIVER], "TAIAUTH_DBDRIVER", DEFAULT_DRIVER);
    run->database =
        apr_pstrdup(run->pool, taictl_setting(database, "TAIAUTH_DATABASE", DEFAULT_DATABASE));
    if (database != NULL && taictl_may_hold_password(database)) {
        hide_argument(database);
    }
}

/* apr_getopt_long takes a bare "-" for an option without a name: this stands in for it meanwhile. */
static const char stand_in[] = "";

static const char *const *hide_dashes(apr_pool_t *p, int argc, const char *const *argv)
{
    const char **copy = apr_palloc(p, sizeof(*copy) * (apr_size_t)(argc + 1));

    for (int i = 0; i <= argc; i++) {
        copy[i] = argv[i] != NULL && strcmp(argv[i], "-") == 0 ? stand_in : argv[i];
    }
    return copy;
}

static const char *show_dash(const char *text)
{
    return text == stand_in ? "-" : text;
}

/* Options may stand anywhere; what is none of them ends up in args. */
static apr_status_t read_options(taictl_t *run, int argc, const char *const *argv)
{
    apr_getopt_t *state;
    const char *value;
    apr_status_t rv;
    int number;

    apr_getopt_init(&state, run->pool, argc, hide_dashes(run->pool, argc, argv));
    state->interleave = 1;
    while ((rv = apr_getopt_long(state, options, &number, &value)) == APR_SUCCESS) {
        run->option[number - FIRST_NUMBER] = value != NULL ? show_dash(value) : "";
    }
    for (int i = state->ind; i < argc; i++) {
        state->argv[i] = show_dash(state->argv[i]);
    }
    run->args = state->argv + state->ind;
    run->arg_count = argc - state->ind;
    return rv == APR_EOF ? APR_SUCCESS : rv;
}

static int no_command(const taictl_t *run)
{
    return taictl_misuse(run, run->arg_count > 0 ? "there is no such command" : "no command given");
}

static int run_command(taictl_t *run)
{
    const char *stray, *text = NULL;
    int words;
    const taictl_command_t *command = taictl_find_command(run, &words);

    if (command == NULL) {
        return no_command(run);
    }
    run->command = command;
    run->args += words;
    run->arg_count -= words;
    stray = taictl_stray_option(run, command);
    if (stray != NULL) {
        return taictl_misuse(run, apr_psprintf(run->pool, "this command has no --%s", stray));
    }
    if (run->option[OPTION_CONFIG] != NULL &&
        (run->option[OPTION_DRIVER] != NULL || run->option[OPTION_DATABASE] != NULL)) {
        return taictl_misuse(run, "--config says which database is meant, so --driver and "
                                  "--database do not");
    }
    if (run->arg_count < command->min_args || run->arg_count > command->max_args) {
        return taictl_misuse(run, "too few or too many arguments");
    }
    if (run->option[OPTION_CONFIG] == NULL) {
        choose_by_options(run);
    }
    else {
        text = choose_by_config(run);
    }
    return text == NULL ? command->run(run) : taictl_fail(text);
}

/* Of one command, of those that begin with the same word, or of all. */
static int help(const taictl_t *run)
{
    int words;
    const taictl_command_t *command = taictl_find_command(run, &words);

    if (run->arg_count == 0) {
        print_usage(stdout);
    }
    else if (command != NULL) {
        fputs("usage: taictl ", stdout);
        taictl_print_command(stdout, command);
        printf("\n%s\n\n", command->what);
        taictl_print_options(stdout, command);
    }
    else if (run->arg_count > 1 || taictl_print_commands(stdout, run->args[0]) == 0) {
        return no_command(run);
    }
    return TAICTL_DONE;
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
        return flush_output(help(&run));
    }
    return flush_output(run_command(&run));
}
