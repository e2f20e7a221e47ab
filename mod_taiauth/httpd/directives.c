/*
 * The directives: each value is checked here, so that a wrong one is refused by httpd -t with the
 * value and what is allowed. What depends on several directives is checked in database.c.
 */

#include "taiauth.h"

#include <apr_lib.h>
#include "../core/scope.h"
#include "../core/table.h"

#define MEMORY_MAX ((apr_uint64_t)1 << 40)

/* ---- helpers ------------------------------------------------------------------------------ */

/* A word and what it stands for; the last row has no word. */
typedef struct choice_t {
    const char *word;
    int value;
} choice_t;

static const choice_t on_off[] = {{"on", 1}, {"off", 0}, {NULL, 0}};

static const char *wrong(cmd_parms *cmd, const char *value, const char *allowed)
{
    return apr_psprintf(cmd->pool, "%s: \"%s\" is wrong; allowed: %s", cmd->cmd->name, value,
                        allowed);
}

static const char *choices_text(apr_pool_t *p, const choice_t *choices)
{
    const char *text = choices->word;

    while ((++choices)->word) {
        text = apr_pstrcat(p, text, ", ", choices->word, NULL);
    }
    return text;
}

static const char *choose(cmd_parms *cmd, const choice_t *choices, const char *word, int *out)
{
    const choice_t *c;

    for (c = choices; c->word; c++) {
        if (!ap_cstr_casecmp(c->word, word)) {
            *out = c->value;
            return NULL;
        }
    }
    return wrong(cmd, word, choices_text(cmd->pool, choices));
}

static int in_htaccess(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_HTACCESS) != NULL;
}

/* The member of the directory configuration that cmd->info points out. */
static int *member(cmd_parms *cmd, void *dir)
{
    return (int *)((char *)dir + (apr_size_t)cmd->info);
}

#define MEMBER(name) ((void *)offsetof(taiauth_dir_t, name))

/* ---- whole server ------------------------------------------------------------------------- */

static const char *set_shared_memory(cmd_parms *cmd, void *dir, const char *value)
{
    static const char allowed[] = "4M to 1024G, such as 128M";
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    char *end;
    apr_int64_t number;
    int shift = 0;

    (void)dir;
    if (error) {
        return error;
    }
    number = apr_strtoi64(value, &end, 10);
    switch (apr_toupper(*end)) {
    case 'G':
        shift = 30;
        break;
    case 'M':
        shift = 20;
        break;
    case 'K':
        shift = 10;
        break;
    default:
        break;
    }
    end += shift ? 1 : 0;
    if (!apr_isdigit(*value) || *end || number <= 0
        || (apr_uint64_t)number > (MEMORY_MAX >> shift)
        || ((apr_uint64_t)number << shift) < TAI_SEGMENT_MIN_BYTES) {
        return wrong(cmd, value, allowed);
    }
    taiauth_server(cmd->server)->shared_memory = (apr_size_t)number << shift;
    return NULL;
}

static const char *set_limiter(cmd_parms *cmd, void *dir, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    if (error) {
        return error;
    }
    return ap_cstr_casecmp(value, "shm") ? wrong(cmd, value, "shm") : NULL;
}

/* mod_dbd keeps its parameters to itself: note them on their way to it. */
static const char *note_dbd(cmd_parms *cmd, void *dir, const char *value)
{
    char *conf = (char *)taiauth_server(cmd->server);

    (void)dir;
    *(const char **)(conf + (apr_size_t)cmd->info) = value;
    return DECLINE_CMD;
}

/* ---- server or virtual host --------------------------------------------------------------- */

static const char *set_key_format(cmd_parms *cmd, void *dir, const char *value)
{
    static const choice_t choices[] = {
        {"strict", TAIAUTH_KEYS_STRICT}, {"any", TAIAUTH_KEYS_ANY}, {NULL, 0}};
    const char *error = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);

    (void)dir;
    return error ? error
                 : choose(cmd, choices, value, &taiauth_server(cmd->server)->key_format);
}

static const char *set_realm(cmd_parms *cmd, void *dir, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);
    const char *c;

    (void)dir;
    if (error) {
        return error;
    }
    for (c = value; *c; c++) {
        if (apr_iscntrl(*c)) {
            return wrong(cmd, value, "text without control characters");
        }
    }
    taiauth_server(cmd->server)->realm = value;
    return NULL;
}

static const char *set_headers_style(cmd_parms *cmd, void *dir, const char *value)
{
    static const choice_t choices[] = {{"draft", TAIAUTH_HEADERS_DRAFT},
                                       {"legacy", TAIAUTH_HEADERS_LEGACY},
                                       {"both", TAIAUTH_HEADERS_DRAFT | TAIAUTH_HEADERS_LEGACY},
                                       {"off", 0},
                                       {NULL, 0}};
    const char *error = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);

    (void)dir;
    return error ? error : choose(cmd, choices, value, &taiauth_server(cmd->server)->headers);
}

/* ---- per directory: who gets in ----------------------------------------------------------- */

static void note_credential(cmd_parms *cmd, const char *name)
{
    if (!in_htaccess(cmd)) {
        apr_table_setn(taiauth_server(cmd->server)->credentials, name, "");
    }
}

static const char *set_mode(cmd_parms *cmd, void *dir, const char *value)
{
    static const choice_t choices[] = {
        {"on", TAIAUTH_ON}, {"off", TAIAUTH_OFF}, {"optional", TAIAUTH_OPTIONAL}, {NULL, 0}};
    static const choice_t htaccess[] = {{"on", TAIAUTH_ON}, {NULL, 0}};
    taiauth_dir_t *conf = dir;
    const char *error =
        choose(cmd, in_htaccess(cmd) ? htaccess : choices, value, &conf->mode);

    if (!error && conf->mode != TAIAUTH_OFF && !in_htaccess(cmd)) {
        taiauth_server(cmd->server)->used = 1;
        note_credential(cmd, "X-API-Key");
    }
    return error;
}

/* Names that cannot carry a key, and why. */
static const struct {
    const char *name, *why;
} unfit[] = {
    {"Authorization", "say TaiAuthBearer On for keys in Authorization: Bearer"},
    {"Proxy-Authorization", "it belongs to the proxy"},
    {"Connection", "it belongs to the connection"},
    {"Host", "it names the host"},
    {"Cookie", "keys in cookies are never read"},
    {"Content-Length", "it belongs to the body"},
    {"Transfer-Encoding", "it belongs to the body"},
    {"Vary", "it belongs to responses"},
};

static const char *check_header(cmd_parms *cmd, const char *name)
{
    const char *c;
    apr_size_t i;

    for (c = name; *c; c++) {
        if (!apr_isalnum(*c) && *c != '-') {
            return wrong(cmd, name, "the name of a header: letters, digits and -");
        }
    }
    if (!*name || !ap_cstr_casecmpn(name, "X-Tai-", 6)) {
        return wrong(cmd, name, "the name of a header that does not begin with X-Tai-");
    }
    for (i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
        if (!ap_cstr_casecmp(unfit[i].name, name)) {
            return apr_psprintf(cmd->pool, "%s: \"%s\" cannot carry a credential: %s",
                                cmd->cmd->name, name, unfit[i].why);
        }
    }
    return NULL;
}

static const char *same_header(cmd_parms *cmd, const taiauth_dir_t *conf)
{
    const apr_array_header_t *names = taiauth_key_headers(conf);
    const char *token = taiauth_token_header(conf);
    int i;

    for (i = 0; token && i < names->nelts; i++) {
        if (!ap_cstr_casecmp(APR_ARRAY_IDX(names, i, const char *), token)) {
            return apr_psprintf(cmd->pool, "%s: key and token cannot share the header \"%s\"",
                                cmd->cmd->name, token);
        }
    }
    return NULL;
}

static const char *set_key_header(cmd_parms *cmd, void *dir, const char *first, const char *second)
{
    taiauth_dir_t *conf = dir;
    const char *const names[] = {first, second};
    apr_array_header_t *headers = apr_array_make(cmd->pool, 2, sizeof(char *));
    int i;

    for (i = 0; i < 2 && names[i]; i++) {
        const char *error = check_header(cmd, names[i]);

        if (error) {
            return error;
        }
        APR_ARRAY_PUSH(headers, const char *) = names[i];
        note_credential(cmd, names[i]);
    }
    conf->key_headers = headers;
    return conf->token_header ? same_header(cmd, conf) : NULL;
}

static const char *set_token_header(cmd_parms *cmd, void *dir, const char *name)
{
    taiauth_dir_t *conf = dir;
    const char *error;

    if (!ap_cstr_casecmp(name, "none")) {
        conf->token_header = "";
        return NULL;
    }
    error = check_header(cmd, name);
    if (error) {
        return error;
    }
    note_credential(cmd, name);
    conf->token_header = name;
    return same_header(cmd, conf);
}

static const char *set_bearer(cmd_parms *cmd, void *dir, const char *value)
{
    note_credential(cmd, "Authorization");
    return choose(cmd, on_off, value, member(cmd, dir));
}

/* ---- per directory: scopes ---------------------------------------------------------------- */

static int is_methods(const char *word)
{
    return apr_isupper(*word);
}

static const char *parse_methods(cmd_parms *cmd, const char *word,
                                 const apr_array_header_t **out)
{
    apr_array_header_t *methods = apr_array_make(cmd->pool, 4, sizeof(char *));
    char *state;
    char *name = apr_strtok(apr_pstrdup(cmd->pool, word), ",", &state);

    for (; name; name = apr_strtok(NULL, ",", &state)) {
        if (ap_method_number_of(name) == M_INVALID || !strcmp(name, "TRACE")) {
            return wrong(cmd, name, "methods that httpd knows, such as GET,POST, except TRACE");
        }
        APR_ARRAY_PUSH(methods, const char *) = strcmp(name, "HEAD") ? name : "GET";
    }
    *out = methods;
    return NULL;
}

static const char *add_scope_line(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    taiauth_dir_t *conf = dir;
    apr_array_header_t **lines = in_htaccess(cmd) ? &conf->scopes_added : &conf->scopes;
    apr_array_header_t *scopes = apr_array_make(cmd->pool, 2, sizeof(char *));
    taiauth_scope_line_t line = {NULL, scopes};
    int i = 0;

    if (argc && is_methods(argv[0])) {
        const char *error = parse_methods(cmd, argv[i++], &line.methods);

        if (error) {
            return error;
        }
    }
    if (i == argc) {
        return apr_psprintf(cmd->pool, "%s: [METHOD,...] SCOPE [SCOPE...]: no scope is named",
                            cmd->cmd->name);
    }
    for (; i < argc; i++) {
        if (!tai_scope_valid(argv[i])) {
            return wrong(cmd, argv[i], "scopes such as programs:read (lower-case letters, digits "
                                       "and _.- in parts joined by colons)");
        }
        APR_ARRAY_PUSH(scopes, const char *) = argv[i];
    }
    if (!*lines) {
        *lines = apr_array_make(cmd->pool, 2, sizeof(taiauth_scope_line_t));
    }
    APR_ARRAY_PUSH(*lines, taiauth_scope_line_t) = line;
    return NULL;
}

/* ---- per directory: limits ---------------------------------------------------------------- */

static const char *const per_names[] = {"key", "account", "address"};

static int is_name(const char *text)
{
    apr_size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_.-");

    return len > 0 && len <= 64 && !text[len];
}

static const char *parse_per(cmd_parms *cmd, const char *value, taiauth_limit_line_t *line)
{
    static const choice_t choices[] = {{"key", TAIAUTH_PER_KEY},
                                       {"account", TAIAUTH_PER_ACCOUNT},
                                       {"address", TAIAUTH_PER_ADDRESS},
                                       {NULL, 0}};
    int per = TAIAUTH_PER_KEY;
    const char *error = choose(cmd, choices, value, &per);

    line->per = (taiauth_per_e)per;
    return error;
}

static const char *parse_option(cmd_parms *cmd, const char *word, taiauth_limit_line_t *line)
{
    const char *value = ap_strchr_c(word, '=');
    const char **target = NULL;

    if (!strncmp(word, "per=", 4)) {
        return parse_per(cmd, word + 4, line);
    }
    if (!strncmp(word, "plan=", 5)) {
        target = &line->plan;
    }
    else if (!strncmp(word, "name=", 5)) {
        target = &line->name;
    }
    if (!target || !is_name(value + 1)) {
        return wrong(cmd, word, "plan=NAME, name=NAME, per=key, per=account, per=address (names: "
                                "1 to 64 letters, digits and _.-)");
    }
    *target = value + 1;
    return NULL;
}

static void identify(apr_pool_t *p, taiauth_limit_line_t *line)
{
    const char *per = per_names[line->per];

    if (line->name) {
        line->policy = apr_psprintf(p, "name %s %s", line->name, per);
        line->shown = line->name;
        return;
    }
    line->policy = apr_psprintf(p, "%u/%u %s", line->limit.max, line->limit.window_ms, per);
    line->shown = line->per == TAIAUTH_PER_KEY ? "default" : per;
}

static int same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* Two lines that would both claim the same place leave it open which holds. */
static int collides(const taiauth_limit_line_t *a, const taiauth_limit_line_t *b)
{
    return a->per == b->per && same_text(a->plan, b->plan) && same_text(a->name, b->name)
           && (!a->name || a->limit.window_ms == b->limit.window_ms);
}

static const char *push_limit(cmd_parms *cmd, taiauth_dir_t *conf,
                              const taiauth_limit_line_t *line)
{
    int i;

    for (i = 0; i < conf->limits->nelts; i++) {
        if (collides(&APR_ARRAY_IDX(conf->limits, i, taiauth_limit_line_t), line)) {
            return apr_psprintf(cmd->pool,
                                "%s: a second %s line for the same plan and per=%s here; give one "
                                "of them a name of its own (name=NAME)",
                                cmd->cmd->name, line->name ? line->name : "unnamed",
                                per_names[line->per]);
        }
    }
    if (conf->limits->nelts == TAI_TABLE_LOCK_MAX) {
        return apr_psprintf(cmd->pool, "%s: at most %d lines in one place", cmd->cmd->name,
                            TAI_TABLE_LOCK_MAX);
    }
    APR_ARRAY_PUSH(conf->limits, taiauth_limit_line_t) = *line;
    return NULL;
}

static const char *add_limit(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    taiauth_dir_t *conf = dir;
    taiauth_limit_line_t line = {{0, 0}, NULL, NULL, TAIAUTH_PER_KEY, NULL, NULL};
    int was_off = conf->limits && !conf->limits->nelts;
    int off = argc == 1 && !ap_cstr_casecmp(argv[0], "off");
    const char *error;
    int i;

    if (was_off || (off && conf->limits)) {
        return apr_psprintf(cmd->pool, "%s: off and a limit in one place", cmd->cmd->name);
    }
    if (!conf->limits) {
        conf->limits = apr_array_make(cmd->pool, 2, sizeof(taiauth_limit_line_t));
    }
    if (off) {
        return NULL;
    }
    error = argc ? tai_limit_parse(argv[0], &line.limit) : "N/WINDOW";
    if (error) {
        return wrong(cmd, argc ? argv[0] : "", apr_pstrcat(cmd->pool, "off, or ", error, NULL));
    }
    for (i = 1; !error && i < argc; i++) {
        error = parse_option(cmd, argv[i], &line);
    }
    if (error) {
        return error;
    }
    identify(cmd->pool, &line);
    return push_limit(cmd, conf, &line);
}

static const char *set_lockout(cmd_parms *cmd, void *dir, const char *limit, const char *duration)
{
    taiauth_dir_t *conf = dir;
    tai_lockout_t *lockout = apr_pcalloc(cmd->pool, sizeof(*lockout));
    const char *error;

    conf->lockout = lockout;
    if (!duration && !ap_cstr_casecmp(limit, "off")) {
        return NULL;
    }
    error = tai_limit_parse(limit, &lockout->failures);
    if (error) {
        return wrong(cmd, limit, apr_pstrcat(cmd->pool, "off, or ", error, NULL));
    }
    error = tai_duration_parse(duration ? duration : "", TAI_WINDOW_MIN_MS, TAI_WINDOW_MAX_MS,
                               &lockout->lock_ms);
    return error ? wrong(cmd, duration ? duration : "",
                         apr_pstrcat(cmd->pool, "N/WINDOW DURATION, such as 5/300s 900s: ", error,
                                     NULL))
                 : NULL;
}

/* ---- per directory: answers --------------------------------------------------------------- */

static const char *set_flag(cmd_parms *cmd, void *dir, const char *value)
{
    return choose(cmd, on_off, value, member(cmd, dir));
}

static const char *set_error_format(cmd_parms *cmd, void *dir, const char *value)
{
    static const choice_t choices[] = {{"json", TAI_FORMAT_JSON},
                                       {"envelope", TAI_FORMAT_ENVELOPE},
                                       {"problem", TAI_FORMAT_PROBLEM},
                                       {NULL, 0}};

    return choose(cmd, choices, value, member(cmd, dir));
}

static const char *set_preflight(cmd_parms *cmd, void *dir, const char *value)
{
    static const choice_t choices[] = {{"require", TAIAUTH_PREFLIGHT_REQUIRE},
                                       {"pass", TAIAUTH_PREFLIGHT_PASS},
                                       {NULL, 0}};

    return choose(cmd, choices, value, member(cmd, dir));
}

static const char *set_dry_run(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    static const choice_t choices[] = {{"scope", TAIAUTH_DRY_SCOPE},
                                       {"limit", TAIAUTH_DRY_LIMIT},
                                       {"lockout", TAIAUTH_DRY_LOCKOUT},
                                       {"off", 0},
                                       {NULL, 0}};
    int *dry_run = member(cmd, dir);
    int i;

    if (!argc) {
        return wrong(cmd, "", choices_text(cmd->pool, choices));
    }
    *dry_run = 0;
    for (i = 0; i < argc; i++) {
        int bit = 0;
        const char *error = choose(cmd, choices, argv[i], &bit);

        if (error) {
            return error;
        }
        if (!bit && argc > 1) {
            return wrong(cmd, argv[i], "off stands by itself");
        }
        *dry_run |= bit;
    }
    return NULL;
}

/* A handler's base is the path of the plain Location it stands in. */
static const char *set_metrics(cmd_parms *cmd, void *dir, const char *value)
{
    taiauth_dir_t *conf = dir;
    const ap_directive_t *parent = cmd->directive->parent;
    int on = 0;
    const char *error = choose(cmd, on_off, value, &on);

    if (error) {
        return error;
    }
    if (!parent || ap_cstr_casecmp(parent->directive, "<Location") || *parent->args == '~'
        || !cmd->path || *cmd->path != '/') {
        return apr_psprintf(cmd->pool, "%s: allowed in a plain <Location /path> alone",
                            cmd->cmd->name);
    }
    conf->metrics = on ? cmd->path : "";
    return NULL;
}

/* ---- the table ---------------------------------------------------------------------------- */

#define ANYWHERE (RSRC_CONF | ACCESS_CONF)
#define NOTED(name) ((void *)offsetof(taiauth_server_t, name))

const command_rec taiauth_directives[] = {
    AP_INIT_TAKE1("DBDriver", note_dbd, NOTED(dbd_driver), RSRC_CONF, "noted for the key database"),
    AP_INIT_TAKE1("DBDParams", note_dbd, NOTED(dbd_params), RSRC_CONF,
                  "noted for the key database"),
    AP_INIT_TAKE1("DBDMax", note_dbd, NOTED(dbd_max), RSRC_CONF, "noted for the key database"),

    AP_INIT_TAKE1("TaiAuthSharedMemory", set_shared_memory, NULL, RSRC_CONF,
                  "bytes of shared memory, such as 128M"),
    AP_INIT_TAKE1("TaiAuthLimiter", set_limiter, NULL, RSRC_CONF, "where windows are kept: shm"),

    AP_INIT_TAKE1("TaiAuthKeyFormat", set_key_format, NULL, RSRC_CONF, "strict or any"),
    AP_INIT_TAKE1("TaiAuthRealm", set_realm, NULL, RSRC_CONF, "realm named in challenges"),
    AP_INIT_TAKE1("TaiAuthRateLimitHeaders", set_headers_style, NULL, RSRC_CONF,
                  "draft, legacy, both or off"),

    AP_INIT_TAKE1("TaiAuth", set_mode, NULL, ANYWHERE | OR_AUTHCFG, "On, Off or Optional"),
    AP_INIT_TAKE12("TaiAuthKeyHeader", set_key_header, NULL, ANYWHERE,
                   "header of the key, and perhaps a second one"),
    AP_INIT_TAKE1("TaiAuthTokenHeader", set_token_header, NULL, ANYWHERE,
                  "header of the token, or none"),
    AP_INIT_TAKE1("TaiAuthBearer", set_bearer, MEMBER(bearer), ANYWHERE,
                  "On: keys in Authorization: Bearer too"),
    AP_INIT_TAKE_ARGV("TaiAuthScope", add_scope_line, NULL, ANYWHERE | OR_AUTHCFG,
                      "[METHOD,...] SCOPE [SCOPE...]"),
    AP_INIT_TAKE_ARGV("TaiAuthRateLimit", add_limit, NULL, ANYWHERE,
                      "N/WINDOW [plan=P] [name=X] [per=key|account|address], or off"),
    AP_INIT_TAKE12("TaiAuthLockout", set_lockout, NULL, ANYWHERE, "N/WINDOW DURATION, or off"),
    AP_INIT_TAKE1("TaiAuthErrorFormat", set_error_format, MEMBER(format), ANYWHERE | OR_AUTHCFG,
                  "json, envelope or problem"),
    AP_INIT_TAKE1("TaiAuthForwardIdentity", set_flag, MEMBER(forward_identity), ANYWHERE,
                  "On: tell proxied applications who is asking"),
    AP_INIT_TAKE1("TaiAuthForwardKey", set_flag, MEMBER(forward_key), ANYWHERE,
                  "On: leave the credential in the request"),
    AP_INIT_TAKE1("TaiAuthEnvironment", set_flag, MEMBER(environment), ANYWHERE,
                  "Off: set no TAIAUTH_ variables"),
    AP_INIT_TAKE1("TaiAuthPreflight", set_preflight, MEMBER(preflight), ANYWHERE,
                  "require or pass"),
    AP_INIT_TAKE_ARGV("TaiAuthDryRun", set_dry_run, MEMBER(dry_run), ANYWHERE,
                      "verdicts to log and not to enforce: scope, limit, lockout; or off"),
    AP_INIT_TAKE1("TaiAuthMetrics", set_metrics, NULL, ACCESS_CONF, "On: metrics at this Location"),
    {NULL},
};
