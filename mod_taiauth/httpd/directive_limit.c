/*
 * TaiAuthRateLimit and TaiAuthLockout
 */

#include "directive.h"

#include "../core/table.h"

/* One of the windows that can be charged at once is for the limit that a key has in the database. */
#define LINES_MAX (TAI_TABLE_LOCK_MAX - 1)

static const char *const per_names[] = {"key", "account", "address"};

static int is_name(const char *text)
{
    apr_size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_.-");

    return len > 0 && len <= 64 && !text[len];
}

static const char *parse_per(cmd_parms *cmd, const char *value, taiauth_limit_line_t *line)
{
    static const taiauth_choice_t choices[] = {{"key", TAIAUTH_PER_KEY},
                                               {"account", TAIAUTH_PER_ACCOUNT},
                                               {"address", TAIAUTH_PER_ADDRESS},
                                               {NULL, 0}};
    int per = TAIAUTH_PER_KEY;
    const char *error = taiauth_choose(cmd, choices, value, &per);

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
        return taiauth_wrong(cmd, word,
                             "plan=NAME, name=NAME, per=key, per=account, per=address (names: "
                             "1 to 64 letters, digits and _.-)");
    }
    *target = value + 1;
    return NULL;
}

static void identify(apr_pool_t *p, taiauth_limit_line_t *line)
{
    const char *per = per_names[line->per];

    if (line->name) {
        line->shown = line->name;
        taiauth_limit_settle(line, apr_psprintf(p, "name %s %s", line->name, per), p);
        return;
    }
    line->shown = line->per == TAIAUTH_PER_KEY ? "default" : per;
    taiauth_limit_settle(
        line, apr_psprintf(p, "%u/%u %s", line->limit.max, line->limit.window_ms, per), p);
}

static int same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* Two lines that would both claim the same place leave it open which holds. */
static int collides(const taiauth_limit_line_t *a, const taiauth_limit_line_t *b)
{
    return a->per == b->per && same_text(a->plan, b->plan) && same_text(a->name, b->name) &&
           (!a->name || a->limit.window_ms == b->limit.window_ms);
}

static const char *push_limit(cmd_parms *cmd, taiauth_dir_t *conf, const taiauth_limit_line_t *line)
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
    if (conf->limits->nelts == LINES_MAX) {
        return apr_psprintf(cmd->pool, "%s: at most %d lines in one place", cmd->cmd->name,
                            LINES_MAX);
    }
    APR_ARRAY_PUSH(conf->limits, taiauth_limit_line_t) = *line;
    return NULL;
}

const char *taiauth_add_limit(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    taiauth_dir_t *conf = dir;
    taiauth_limit_line_t line = {.per = TAIAUTH_PER_KEY};
    int was_off = conf->limits && !conf->limits->nelts;
    int off = argc == 1 && !ap_cstr_casecmp(argv[0], "off");
    const char *error = taiauth_in_limit(cmd);
    int i;

    if (error) {
        return error;
    }
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
        return taiauth_wrong(cmd, argc ? argv[0] : "",
                             apr_pstrcat(cmd->pool, "off, or ", error, NULL));
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

/* A lock is found by its policy: whoever lifts locks has to know them all. */
static void note_lockout(taiauth_server_t *server, apr_pool_t *p, const tai_lockout_t *lockout)
{
    if (!server->lockouts) {
        server->lockouts = apr_array_make(p, 2, sizeof(const tai_lockout_t *));
    }
    APR_ARRAY_PUSH(server->lockouts, const tai_lockout_t *) = lockout;
}

const char *taiauth_set_lockout(cmd_parms *cmd, void *dir, const char *limit, const char *duration)
{
    taiauth_dir_t *conf = dir;
    tai_lockout_t *lockout = apr_pcalloc(cmd->pool, sizeof(*lockout));
    const char *error = taiauth_in_limit(cmd);

    if (error) {
        return error;
    }
    conf->lockout = lockout;
    note_lockout(taiauth_server(cmd->server), cmd->pool, lockout);
    if (!duration && !ap_cstr_casecmp(limit, "off")) {
        return NULL;
    }
    error = tai_limit_parse(limit, &lockout->failures);
    if (error) {
        return taiauth_wrong(cmd, limit, apr_pstrcat(cmd->pool, "off, or ", error, NULL));
    }
    error = tai_duration_parse(duration ? duration : "", TAI_WINDOW_MIN_MS, TAI_WINDOW_MAX_MS,
                               &lockout->lock_ms);
    return error ? taiauth_wrong(cmd, duration ? duration : "",
                                 "N/WINDOW DURATION, such as 5/300s 900s, with a DURATION from 1s "
                                 "to 30d")
                 : NULL;
}
