/*
 * TaiAuthLimiter
 */

#include "directive.h"
#include "limiter.h"

#define TIMEOUT_MIN_MS     5u
#define TIMEOUT_MAX_MS     5000u
#define TIMEOUT_DEFAULT_MS 50u

#define FIRST_WORD                                                               \
    "shm, or redis://HOST:PORT/DB, behind which there may be timeout=DURATION, " \
    "on-error=local|deny|allow and other NAME=VALUE"

/* What a line has said so far. */
typedef struct said_t {
    int timeout;
    int on_error;
} said_t;

static const char *twice(cmd_parms *cmd, const char *name)
{
    return apr_psprintf(cmd->pool, "%s: %s= twice", cmd->cmd->name, name);
}

static const char *set_timeout(cmd_parms *cmd, taiauth_limiter_t *limiter, const char *value,
                               said_t *said)
{
    if (said->timeout++) {
        return twice(cmd, "timeout");
    }
    return tai_duration_parse(value, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, &limiter->timeout_ms)
               ? taiauth_wrong(cmd, apr_pstrcat(cmd->pool, "timeout=", value, NULL),
                               "timeout=5ms to timeout=5s, such as timeout=50ms")
               : NULL;
}

static const char *set_on_error(cmd_parms *cmd, taiauth_limiter_t *limiter, const char *value,
                                said_t *said)
{
    static const taiauth_choice_t choices[] = {{"local", TAIAUTH_ERROR_LOCAL},
                                               {"deny", TAIAUTH_ERROR_DENY},
                                               {"allow", TAIAUTH_ERROR_ALLOW},
                                               {NULL, 0}};

    return said->on_error++ ? twice(cmd, "on-error")
                            : taiauth_choose(cmd, choices, value, &limiter->on_error);
}

/* A word of the provider's own may be a password: no message shows it. */
static const char *set_option(taiauth_limiter_t *limiter, const char *name, const char *value)
{
    APR_ARRAY_PUSH(limiter->options, tai_limiter_option_t) = (tai_limiter_option_t){name, value};
    return NULL;
}

/* NAME=VALUE */
static const char *set_word(cmd_parms *cmd, taiauth_limiter_t *limiter, const char *word,
                            said_t *said)
{
    const char *equals = ap_strchr_c(word, '=');
    const char *name;

    if (!equals || equals == word) {
        return apr_psprintf(cmd->pool,
                            "%s: what follows the address must be timeout=DURATION, "
                            "on-error=local|deny|allow or another NAME=VALUE",
                            cmd->cmd->name);
    }
    name = apr_pstrmemdup(cmd->pool, word, (apr_size_t)(equals - word));
    if (!strcmp(name, "timeout")) {
        return set_timeout(cmd, limiter, equals + 1, said);
    }
    return !strcmp(name, "on-error") ? set_on_error(cmd, limiter, equals + 1, said)
                                     : set_option(limiter, name, equals + 1);
}

/* "redis" of "redis://..."; NULL: it is no address */
static const char *scheme_of(const char *address, apr_pool_t *p)
{
    apr_size_t len = strspn(address, "abcdefghijklmnopqrstuvwxyz0123456789+.-");

    return len && !strncmp(address + len, "://", 3) ? apr_pstrmemdup(p, address, len) : NULL;
}

/* Words that are shown as they stand; of the others that have a name, the name. */
static const char *const open_words[] = {"timeout=", "on-error=", "prefix=", "ca=", NULL};
static const char *const closed_words[] = {"password=", "user=", NULL};

static const char *begins(const char *const *list, const char *word)
{
    for (; *list; list++) {
        if (!strncmp(word, *list, strlen(*list))) {
            return *list;
        }
    }
    return NULL;
}

/* @return 1: nothing, or ?db=N */
static int is_database(const char *query)
{
    return !*query || (!strncmp(query, "?db=", 4) && !query[4 + strspn(query + 4, "0123456789")]);
}

/* The address without what stands before its @, and without what may have been meant to. */
static const char *without_user(const char *address, const char *scheme, apr_pool_t *p)
{
    const char *at = ap_strrchr_c(address, '@');
    const char *shown = at ? apr_psprintf(p, "%s://...%s", scheme, at) : address;
    const apr_size_t len = strcspn(shown, "?#");

    return is_database(shown + len) ? shown : apr_psprintf(p, "%.*s...", (int)len, shown);
}

/* A word that nobody knows may be a password by itself, or a piece of one. */
static const char *without_secrets(const char *word, apr_pool_t *p)
{
    const char *scheme = scheme_of(word, p), *name = begins(closed_words, word);

    if (scheme) {
        return without_user(word, scheme, p);
    }
    if (name) {
        return apr_pstrcat(p, name, "...", NULL);
    }
    return begins(open_words, word) || !ap_cstr_casecmp(word, "shm") ? word : "...";
}

/* What mod_info shows of the configuration, as a page and by -D DUMP_CONFIG, is what httpd keeps of it. */
static void hide_secrets(cmd_parms *cmd, int argc, char *const argv[])
{
    const char *shown = "";
    int i;

    for (i = 0; i < argc; i++) {
        shown =
            apr_pstrcat(cmd->pool, shown, i ? " " : "", without_secrets(argv[i], cmd->pool), NULL);
    }
    cmd->directive->args = shown;
}

static const char *set_shm(cmd_parms *cmd, int argc)
{
    taiauth_server(cmd->server)->limiter = NULL;
    return argc > 1 ? apr_psprintf(cmd->pool, "%s: shm stands by itself", cmd->cmd->name) : NULL;
}

const char *taiauth_set_limiter(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    taiauth_limiter_t *limiter = apr_pcalloc(cmd->pool, sizeof(*limiter));
    said_t said = {0, 0};
    int i;

    (void)dir;
    hide_secrets(cmd, argc, argv);
    if (error) {
        return error;
    }
    if (argc && !ap_cstr_casecmp(argv[0], "shm")) {
        return set_shm(cmd, argc);
    }
    limiter->scheme = argc ? scheme_of(argv[0], cmd->pool) : NULL;
    if (!limiter->scheme) {
        return apr_psprintf(cmd->pool, "%s: the first word must be " FIRST_WORD, cmd->cmd->name);
    }
    limiter->address = argv[0];
    limiter->timeout_ms = TIMEOUT_DEFAULT_MS;
    limiter->on_error = TAIAUTH_ERROR_LOCAL;
    limiter->options = apr_array_make(cmd->pool, 2, sizeof(tai_limiter_option_t));
    for (i = 1; i < argc && !error; i++) {
        error = set_word(cmd, limiter, argv[i], &said);
    }
    taiauth_server(cmd->server)->limiter = limiter;
    return error;
}
