/*
 * The directives: each value is checked here, so that a wrong one is refused by httpd -t with the
 * value and what is allowed. What depends on several directives is checked in database.c.
 */

#include "taiauth.h"

#include <apr_lib.h>
#include "directive.h"

#define MEMORY_MIN  ((apr_uint64_t)4 << 20)
#define MEMORY_MAX  ((apr_uint64_t)1 << 40)
#define KEYS_MAX    100000000
#define SYNC_MIN_MS 100u
#define SYNC_MAX_MS 10000u

#define DATABASE_MIN_MS 100u
#define DATABASE_MAX_MS 60000u
#define CONNECT_MIN_MS  2000u

/* ---- helpers ------------------------------------------------------------------------------ */

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
    if (!apr_isdigit(*value) || *end || number <= 0 ||
        (apr_uint64_t)number > (MEMORY_MAX >> shift) ||
        ((apr_uint64_t)number << shift) < MEMORY_MIN) {
        return taiauth_wrong(cmd, value, allowed);
    }
    taiauth_server(cmd->server)->shared_memory = (apr_size_t)number << shift;
    return NULL;
}

static const char *set_key_cache(cmd_parms *cmd, void *dir, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    taiauth_server_t *conf = taiauth_server(cmd->server);
    char *end;

    (void)dir;
    if (error) {
        return error;
    }
    if (!ap_cstr_casecmp(value, "off")) {
        conf->key_cache = 0;
        return NULL;
    }
    conf->key_cache = apr_strtoi64(value, &end, 10);
    if (!apr_isdigit(*value) || *end || conf->key_cache < 1 || conf->key_cache > KEYS_MAX) {
        return taiauth_wrong(cmd, value, "1 to 100000000 keys, or off");
    }
    return NULL;
}

static const char *set_sync_interval(cmd_parms *cmd, void *dir, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    if (!error && tai_duration_parse(value, SYNC_MIN_MS, SYNC_MAX_MS,
                                     &taiauth_server(cmd->server)->sync_interval)) {
        error = taiauth_wrong(cmd, value, "100ms to 10s, such as 250ms");
    }
    return error;
}

/* Of PostgreSQL, nobody can wait shorter for a connection than two seconds. */
static const char *set_database_timeout(cmd_parms *cmd, void *dir, const char *value,
                                        const char *connect)
{
    static const char name[] = "connect=";
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    taiauth_server_t *conf = taiauth_server(cmd->server);

    (void)dir;
    if (error) {
        return error;
    }
    if (tai_duration_parse(value, DATABASE_MIN_MS, DATABASE_MAX_MS, &conf->database_timeout)) {
        return taiauth_wrong(cmd, value, "100ms to 60s, such as 2s");
    }
    if (connect && (strncmp(connect, name, sizeof(name) - 1) ||
                    tai_duration_parse(connect + sizeof(name) - 1, CONNECT_MIN_MS, DATABASE_MAX_MS,
                                       &conf->database_connect))) {
        return taiauth_wrong(cmd, connect, "connect=2s to connect=60s");
    }
    return NULL;
}

static const char *set_lease(cmd_parms *cmd, void *dir, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    if (!error && tai_duration_parse(value, TAI_LEASE_MIN_MS, TAI_LEASE_MAX_MS,
                                     &taiauth_server(cmd->server)->lease)) {
        error = taiauth_wrong(cmd, value, "1s to 60s, such as 10s");
    }
    return error;
}

/* mod_dbd keeps its parameters to itself: note them on their way to it. */
static const char *note_dbd(cmd_parms *cmd, void *dir, const char *value)
{
    char *conf = (char *)taiauth_server(cmd->server);

    (void)dir;
    *(const char **)(conf + (apr_size_t)cmd->info) = value;
    return DECLINE_CMD;
}

/* The core's own directive: noted where it comes from, and left to it. */
static const char *note_error_document(cmd_parms *cmd, void *dir, const char *value)
{
    (void)value;
    ((taiauth_dir_t *)dir)->documents_added |= taiauth_in_htaccess(cmd);
    return DECLINE_CMD;
}

/* ---- server or virtual host --------------------------------------------------------------- */

static const char *set_key_format(cmd_parms *cmd, void *dir, const char *value)
{
    static const taiauth_choice_t choices[] = {
        {"strict", TAIAUTH_KEYS_STRICT}, {"any", TAIAUTH_KEYS_ANY}, {NULL, 0}};
    const char *error = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);

    (void)dir;
    return error ? error
                 : taiauth_choose(cmd, choices, value, &taiauth_server(cmd->server)->key_format);
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
            return taiauth_wrong(cmd, value, "text without control characters");
        }
    }
    taiauth_server(cmd->server)->realm = value;
    return NULL;
}

static const char *set_headers_style(cmd_parms *cmd, void *dir, const char *value)
{
    static const taiauth_choice_t choices[] = {
        {"draft", TAIAUTH_HEADERS_DRAFT},
        {"legacy", TAIAUTH_HEADERS_LEGACY},
        {"both", TAIAUTH_HEADERS_DRAFT | TAIAUTH_HEADERS_LEGACY},
        {"off", 0},
        {NULL, 0}};
    const char *error = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);

    (void)dir;
    return error ? error
                 : taiauth_choose(cmd, choices, value, &taiauth_server(cmd->server)->headers);
}

/* ---- per directory: who gets in ----------------------------------------------------------- */

static void note_credential(cmd_parms *cmd, const char *name)
{
    if (!taiauth_in_htaccess(cmd)) {
        apr_table_setn(taiauth_server(cmd->server)->credentials, name, "");
    }
}

static const char *set_mode(cmd_parms *cmd, void *dir, const char *value)
{
    static const taiauth_choice_t choices[] = {
        {"on", TAIAUTH_ON}, {"off", TAIAUTH_OFF}, {"optional", TAIAUTH_OPTIONAL}, {NULL, 0}};
    static const taiauth_choice_t htaccess[] = {{"on", TAIAUTH_ON}, {NULL, 0}};
    taiauth_dir_t *conf = dir;
    const char *error =
        taiauth_choose(cmd, taiauth_in_htaccess(cmd) ? htaccess : choices, value, &conf->mode);

    if (!error && conf->mode != TAIAUTH_OFF && !taiauth_in_htaccess(cmd)) {
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
    const char *error = taiauth_in_limit(cmd);
    const char *c;
    apr_size_t i;

    if (error) {
        return error;
    }
    for (c = name; *c; c++) {
        if (!apr_isalnum(*c) && *c != '-') {
            return taiauth_wrong(cmd, name, "the name of a header: letters, digits and -");
        }
    }
    if (!*name || !ap_cstr_casecmpn(name, "X-Tai-", 6)) {
        return taiauth_wrong(cmd, name, "the name of a header that does not begin with X-Tai-");
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
    return taiauth_choose(cmd, taiauth_on_off, value, member(cmd, dir));
}

/* ---- per directory: answers --------------------------------------------------------------- */

static const char *set_flag(cmd_parms *cmd, void *dir, const char *value)
{
    return taiauth_choose(cmd, taiauth_on_off, value, member(cmd, dir));
}

static const char *set_error_format(cmd_parms *cmd, void *dir, const char *value)
{
    static const taiauth_choice_t choices[] = {{"json", TAI_FORMAT_JSON},
                                               {"envelope", TAI_FORMAT_ENVELOPE},
                                               {"problem", TAI_FORMAT_PROBLEM},
                                               {NULL, 0}};

    return taiauth_choose(cmd, choices, value, member(cmd, dir));
}

static const char *set_preflight(cmd_parms *cmd, void *dir, const char *value)
{
    static const taiauth_choice_t choices[] = {
        {"require", TAIAUTH_PREFLIGHT_REQUIRE}, {"pass", TAIAUTH_PREFLIGHT_PASS}, {NULL, 0}};

    return taiauth_choose(cmd, choices, value, member(cmd, dir));
}

static const char *set_dry_run(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    static const taiauth_choice_t choices[] = {{"scope", TAIAUTH_DRY_SCOPE},
                                               {"limit", TAIAUTH_DRY_LIMIT},
                                               {"lockout", TAIAUTH_DRY_LOCKOUT},
                                               {"off", 0},
                                               {NULL, 0}};
    int *dry_run = member(cmd, dir);
    int i;

    if (!argc) {
        return taiauth_wrong(cmd, "", taiauth_choices(cmd->pool, choices));
    }
    *dry_run = 0;
    for (i = 0; i < argc; i++) {
        int bit = 0;
        const char *error = taiauth_choose(cmd, choices, argv[i], &bit);

        if (error) {
            return error;
        }
        if (!bit && argc > 1) {
            return taiauth_wrong(cmd, argv[i], "off stands by itself");
        }
        *dry_run |= bit;
    }
    return NULL;
}

/* A handler's base is the path of the plain Location it stands in. */
static const char *set_path(cmd_parms *cmd, void *dir, const char *value)
{
    const char **path = (const char **)((char *)dir + (apr_size_t)cmd->info);
    const ap_directive_t *parent = cmd->directive->parent;
    int on = 0;
    const char *error = taiauth_choose(cmd, taiauth_on_off, value, &on);

    if (error) {
        return error;
    }
    if (!parent || ap_cstr_casecmp(parent->directive, "<Location") || *parent->args == '~' ||
        !cmd->path || *cmd->path != '/') {
        return apr_psprintf(cmd->pool, "%s: allowed in a plain <Location /path> alone",
                            cmd->cmd->name);
    }
    *path = on ? cmd->path : "";
    return NULL;
}

/* The same, of what cannot do without the database. */
static const char *set_endpoint(cmd_parms *cmd, void *dir, const char *value)
{
    const char *error = set_path(cmd, dir, value);

    if (!error && **(const char **)((char *)dir + (apr_size_t)cmd->info)) {
        taiauth_server(cmd->server)->used = 1;
    }
    return error;
}

/* ---- the table ---------------------------------------------------------------------------- */

#define ANYWHERE    (RSRC_CONF | ACCESS_CONF)
#define NOTED(name) ((void *)offsetof(taiauth_server_t, name))

const command_rec taiauth_directives[] = {
    AP_INIT_TAKE1("DBDriver", note_dbd, NOTED(dbd_driver), RSRC_CONF, "noted for the key database"),
    AP_INIT_TAKE1("DBDParams", note_dbd, NOTED(dbd_params), RSRC_CONF,
                  "noted for the key database"),
    AP_INIT_TAKE1("DBDMax", note_dbd, NOTED(dbd_max), RSRC_CONF, "noted for the key database"),

    AP_INIT_RAW_ARGS("ErrorDocument", note_error_document, NULL, OR_FILEINFO, "noted for refusals"),

    AP_INIT_TAKE1("TaiAuthSharedMemory", set_shared_memory, NULL, RSRC_CONF,
                  "bytes of shared memory, such as 128M"),
    AP_INIT_TAKE1("TaiAuthKeyCache", set_key_cache, NULL, RSRC_CONF,
                  "how many keys to remember, or Off"),
    AP_INIT_TAKE1("TaiAuthSyncInterval", set_sync_interval, NULL, RSRC_CONF,
                  "how often the database is asked what has changed, such as 250ms"),
    AP_INIT_TAKE1("TaiAuthLease", set_lease, NULL, RSRC_CONF,
                  "how long keys are answered for without the database, such as 10s"),
    AP_INIT_TAKE12("TaiAuthDatabaseTimeout", set_database_timeout, NULL, RSRC_CONF,
                   "how long the database is waited for, such as 2s, and connect=DURATION"),
    AP_INIT_TAKE_ARGV("TaiAuthLimiter", taiauth_set_limiter, NULL, RSRC_CONF,
                      "where windows and lockouts are counted: shm, or an address and what to do "
                      "while it does not answer"),

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
    AP_INIT_TAKE_ARGV("TaiAuthScope", taiauth_add_scope_line, NULL, ANYWHERE | OR_AUTHCFG,
                      "[METHOD,...] SCOPE [SCOPE...]"),
    AP_INIT_TAKE_ARGV("TaiAuthRateLimit", taiauth_add_limit, NULL, ANYWHERE,
                      "N/WINDOW [plan=P] [name=X] [per=key|account|address], or off"),
    AP_INIT_TAKE12("TaiAuthLockout", taiauth_set_lockout, NULL, ANYWHERE,
                   "N/WINDOW DURATION, or off"),
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
    AP_INIT_TAKE1("TaiAuthMetrics", set_path, MEMBER(metrics), ACCESS_CONF,
                  "On: metrics at this Location"),
    AP_INIT_TAKE1("TaiAuthAPI", set_endpoint, MEMBER(api), ACCESS_CONF,
                  "On: the management API at and below this Location"),
    AP_INIT_TAKE1("TaiAuthTokenEndpoint", set_endpoint, MEMBER(token_endpoint), ACCESS_CONF,
                  "On: a user name and password give key and token at this Location"),
    AP_INIT_TAKE_ARGV("TaiAuthPasswordProvider", taiauth_set_password_providers, NULL, ANYWHERE,
                      "NAME [NAME...], as AuthBasicProvider"),
    {NULL},
};
