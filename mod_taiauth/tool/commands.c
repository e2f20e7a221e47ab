#include "commands.h"

#include <string.h>

#define BIT(option) (APR_UINT64_C(1) << (option))

/* What those understand that ask the running server. */
#define SERVER (BIT(OPTION_URL) | BIT(OPTION_HOST) | BIT(OPTION_INSECURE))

/* What every command understands. */
#define COMMON                                                                           \
    (BIT(OPTION_DRIVER) | BIT(OPTION_DATABASE) | BIT(OPTION_CONFIG) | BIT(OPTION_JSON) | \
     BIT(OPTION_HELP))

static const taictl_command_t commands[] = {
    {"db", "init", "[--owner USER]", "Make the database.", 0, 0, BIT(OPTION_OWNER), taictl_db_init},
    {"db", "status", "", "Say whether the database is there, and of which schema version.", 0, 0, 0,
     taictl_db_status},
    {"db", "migrate", "", "Bring the schema up to the version that is needed.", 0, 0, 0,
     taictl_db_migrate},

    {"account", "add", "NAME [--plan PLAN]", "Make an account.", 1, 1, BIT(OPTION_PLAN),
     taictl_account_add},
    {"account", "list", "", "All accounts.", 0, 0, 0, taictl_account_list},
    {"account", "show", "NAME", "One account.", 1, 1, 0, taictl_account_show},
    {"account", "set-plan", "NAME PLAN", "Put an account on another plan.", 2, 2, 0,
     taictl_account_set_plan},
    {"account", "suspend", "NAME", "Refuse all keys of an account.", 1, 1, 0,
     taictl_account_suspend},
    {"account", "reinstate", "NAME", "Take a suspension back.", 1, 1, 0, taictl_account_reinstate},
    {"account", "close", "NAME [--yes]", "Refuse all keys of an account, for ever.", 1, 1,
     BIT(OPTION_YES), taictl_account_close},

    {"user", "add", "ACCOUNT USERNAME [--role primary_admin|member] [--no-password]",
     "Add a user to an account.", 2, 2, BIT(OPTION_ROLE) | BIT(OPTION_NO_PASSWORD),
     taictl_user_add},
    {"user", "list", "ACCOUNT", "All users of an account.", 1, 1, 0, taictl_user_list},
    {"user", "passwd", "USERNAME", "Set another password.", 1, 1, 0, taictl_user_passwd},
    {"user", "disable", "USERNAME", "Refuse all keys that a user owns, and end his sessions.", 1, 1,
     0, taictl_user_disable},
    {"user", "enable", "USERNAME", "Let a user and the keys that he owns in again.", 1, 1, 0,
     taictl_user_enable},

    {"key", "create",
     "ACCOUNT --name NAME [--scopes A,B] [--expires TIME | --expires-in SPAN]\n"
     "                    [--token] [--rate-limit N/WINDOW]",
     "Make a key and show it, this once.", 1, 1,
     BIT(OPTION_NAME) | BIT(OPTION_SCOPES) | BIT(OPTION_EXPIRES) | BIT(OPTION_EXPIRES_IN) |
         BIT(OPTION_TOKEN) | BIT(OPTION_RATE_LIMIT),
     taictl_key_create},
    {"key", "list", "ACCOUNT", "All keys of an account, the newest first.", 1, 1, 0,
     taictl_key_list},
    {"key", "show", "ID|PREFIX|--stdin", "One key: never its text.", 0, 1, BIT(OPTION_STDIN),
     taictl_key_show},
    {"key", "rename", "ID|PREFIX NAME", "Give a key another name.", 2, 2, 0, taictl_key_rename},
    {"key", "roll", "ID|PREFIX|--stdin --grace SPAN",
     "Make the key that follows another one, which ends after the grace.", 0, 1,
     BIT(OPTION_STDIN) | BIT(OPTION_GRACE), taictl_key_roll},
    {"key", "revoke", "ID|PREFIX|--stdin", "Revoke a key, for ever.", 0, 1, BIT(OPTION_STDIN),
     taictl_key_revoke},
    {"key", "verify", "[--scopes A,B]",
     "What is the key on standard input, and may it? A token is its second line.", 0, 0,
     BIT(OPTION_SCOPES), taictl_key_verify},

    {"scope", "list", "", "All scopes, with the plans that grant them.", 0, 0, 0,
     taictl_scope_list},

    {"audit", NULL, "[ACCOUNT] [--limit N] [--before SEQ]", "Who did what, the latest first.", 0, 1,
     BIT(OPTION_LIMIT) | BIT(OPTION_BEFORE), taictl_audit},
    {"export", NULL, "[ACCOUNT]", "Accounts, users and keys as JSON lines, without any secret.", 0,
     1, 0, taictl_export},
    {"import", NULL,
     "ACCOUNT FILE|- [--format csv|jsonl] [--hashed none|hex|base64]\n"
     "                    [--scopes A,B] [--skip-bad] [--dry-run]",
     "Take keys of another system into an account.", 2, 2,
     BIT(OPTION_FORMAT) | BIT(OPTION_HASHED) | BIT(OPTION_SCOPES) | BIT(OPTION_SKIP_BAD) |
         BIT(OPTION_DRY_RUN),
     taictl_import},

    {"nodes", "clear", "",
     "Have every node register anew and forget what it remembers of keys: after a restore.", 0, 0,
     0, taictl_nodes_clear},
    {"nodes", NULL, "", "The servers that answer from this database, and how far each has come.", 0,
     0, 0, taictl_nodes},

    {"explain", NULL,
     "METHOD PATH --key-id ID [--client ADDRESS]\n"
     "                    [--url URL] [--host NAME] [--insecure]",
     "What the running server decides about a request, step by step.", 2, 2,
     BIT(OPTION_KEY_ID) | BIT(OPTION_CLIENT) | SERVER, taictl_explain},

    {"unlock", "client", "ADDRESS [--url URL] [--host NAME] [--insecure]",
     "Lift the locks of a client on the running server.", 1, 1, SERVER, taictl_unlock_client},
    {"unlock", "user", "USERNAME [--url URL] [--host NAME] [--insecure]",
     "Lift the log-in locks of a user name.", 1, 1, SERVER, taictl_unlock_user},
    {"unlock", "key", "ID ADDRESS [--url URL] [--host NAME] [--insecure]",
     "Lift the locks of a key with a token for a client.", 2, 2, SERVER, taictl_unlock_key},

    {NULL, NULL, NULL, NULL, 0, 0, 0, NULL}};

/* In the order of their numbers; the value is NULL where an option has none. */
static const struct {
    const char *name;
    const char *value;
    const char *what;
} options[OPTION_COUNT] = {
#define X(name, text, value, what) {text, value, what},
    TAICTL_OPTIONS(X)
#undef X
};

const taictl_command_t *taictl_find_command(const taictl_t *run, int *words)
{
    const taictl_command_t *command;

    for (command = commands; command->noun != NULL; command++) {
        *words = command->verb != NULL ? 2 : 1;
        if (run->arg_count >= *words && strcmp(command->noun, run->args[0]) == 0 &&
            (command->verb == NULL || strcmp(command->verb, run->args[1]) == 0)) {
            return command;
        }
    }
    return NULL;
}

const char *taictl_stray_option(const taictl_t *run, const taictl_command_t *command)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (run->option[i] != NULL && !(BIT(i) & (command->options | COMMON))) {
            return options[i].name;
        }
    }
    return NULL;
}

void taictl_print_command(FILE *out, const taictl_command_t *command)
{
    const char *words[] = {command->noun, command->verb, command->usage};

    for (int i = 0; i < 3; i++) {
        if (words[i] != NULL && *words[i] != '\0') {
            fprintf(out, "%s%s", i > 0 ? " " : "", words[i]);
        }
    }
    putc('\n', out);
}

int taictl_print_commands(FILE *out, const char *noun)
{
    const taictl_command_t *command;
    int count = 0;

    for (command = commands; command->noun != NULL; command++) {
        if (noun == NULL || strcmp(noun, command->noun) == 0) {
            fputs("  ", out);
            taictl_print_command(out, command);
            count++;
        }
    }
    return count;
}

void taictl_print_options(FILE *out, const taictl_command_t *command)
{
    const apr_uint64_t understood = COMMON | (command != NULL ? command->options : 0);

    for (int i = 0; i < OPTION_COUNT; i++) {
        if (BIT(i) & understood) {
            int width = fprintf(out, "  --%s %s", options[i].name,
                                options[i].value != NULL ? options[i].value : "");

            fprintf(out, "%*s%s\n", width < 24 ? 24 - width : 1, "", options[i].what);
        }
    }
}
