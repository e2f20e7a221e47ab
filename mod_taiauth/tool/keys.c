#include "output.h"
#include "describe.h"
#include "digest.h"
#include "prompt.h"
#include "scope.h"
#include "store_keys.h"
#include "when.h"

#include <stdio.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

/* An operator sees whose it is besides. */
static json_t *key_json(const tai_key_info_t *info, apr_pool_t *p)
{
    json_t *object = tai_describe_key(info, tai_when_now(), p);

    json_object_set_new(object, "account", tai_describe_text(info->account, p));
    json_object_set_new(object, "plan", tai_describe_text(info->plan, p));
    return object;
}

/* Either option, or none of them. */
static const char *read_expiry(const taictl_t *run, apr_int64_t now, apr_int64_t *expires_at)
{
    const char *at = run->option[OPTION_EXPIRES], *in = run->option[OPTION_EXPIRES_IN];
    const char *text = NULL;
    apr_int64_t span = 0;

    *expires_at = TAI_NEVER;
    if (at != NULL && in != NULL) {
        return "give --expires or --expires-in, not both";
    }
    if (at != NULL) {
        text = tai_when_parse(at, expires_at);
    }
    if (in != NULL) {
        text = tai_span_parse(in, &span);
        *expires_at = now + span;
    }
    return text;
}

static int print_issue(const taictl_t *run, const tai_key_issue_t *issue)
{
    json_t *object;

    if (run->option[OPTION_JSON] != NULL) {
        object = key_json(issue->info, run->pool);
        json_object_set_new(object, "key", json_string(issue->key));
        if (issue->token[0] != '\0') {
            json_object_set_new(object, "token", json_string(issue->token));
        }
        return taictl_print_done(run, object, "");
    }
    printf("key    %s\n", issue->key);
    if (issue->token[0] != '\0') {
        printf("token  %s\n", issue->token);
    }
    printf("id     %s\nscopes %s\n\nKeep it now: it is not stored and not shown again.\n\n",
           issue->info->id, apr_array_pstrcat(run->pool, issue->info->scopes, ' '));
    if (issue->token[0] != '\0') {
        printf("  curl -H 'apikey: %s' -H 'x-ts-authorization: %s' URL\n", issue->key,
               issue->token);
    }
    else {
        printf("  curl -H 'X-API-Key: %s' URL\n", issue->key);
    }
    return TAICTL_DONE;
}

int taictl_key_create(taictl_t *run)
{
    const char *scopes = run->option[OPTION_SCOPES];
    apr_int64_t now = tai_when_now();
    tai_key_order_t order = {.account = run->args[0],
                             .origin = "operator",
                             .name = run->option[OPTION_NAME],
                             .scopes = scopes ? tai_scope_split(scopes, run->pool) : NULL,
                             .rate_limit = run->option[OPTION_RATE_LIMIT],
                             .with_token = run->option[OPTION_TOKEN] != NULL};
    tai_key_issue_t issue;
    tai_store_t *store;
    const char *text;

    if (order.name == NULL) {
        return taictl_misuse(run, "key create needs --name NAME");
    }
    text = read_expiry(run, now, &order.expires_at);
    if (text != NULL) {
        return taictl_fail(text);
    }
    store = taictl_store(run);
    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_create_key(store, &order, taictl_actor(run), now, run->pool, &issue, &text) !=
        TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    print_issue(run, &issue);
    OPENSSL_cleanse(&issue, sizeof(issue));
    return TAICTL_DONE;
}

int taictl_key_list(taictl_t *run)
{
    static const taictl_field_t fields[] = {
        {"ID", "id"},         {"PREFIX", "prefix"},      {"STATUS", "status"}, {"NAME", "name"},
        {"SCOPES", "scopes"}, {"EXPIRES", "expires_at"}, {NULL, NULL}};
    tai_store_t *store = taictl_store(run);
    apr_array_header_t *keys;
    const char *text;
    json_t *list;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_list_keys(store, run->args[0], tai_when_now(), run->pool, &keys, &text) !=
        TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    list = json_array();
    for (int i = 0; i < keys->nelts; i++) {
        json_array_append_new(list,
                              key_json(APR_ARRAY_IDX(keys, i, const tai_key_info_t *), run->pool));
    }
    return taictl_print_list(run, list, fields);
}

static int is_whole_key(const char *text)
{
    tai_shape_e shape = tai_key_shape(TAI_KIND_KEY, text);

    return shape == TAI_SHAPE_OURS || shape == TAI_SHAPE_CHECKSUM;
}

/* A whole key comes through standard input: an argument is seen by every user of the host. */
static int read_name(const taictl_t *run, tai_key_name_t *name)
{
    char line[TAICTL_LINE_MAX];
    char *hash = apr_palloc(run->pool, TAI_DIGEST_HEX + 1);
    const char *error;
    apr_status_t rv;

    *name = (tai_key_name_t){.text = run->arg_count > 0 ? run->args[0] : NULL};
    if ((name->text == NULL) == (run->option[OPTION_STDIN] == NULL)) {
        return taictl_misuse(run, "give an id, a prefix, or --stdin");
    }
    if (name->text != NULL) {
        return is_whole_key(name->text)
                   ? taictl_misuse(run, "a whole key on the command line can be seen by others: "
                                        "give its id, its prefix, or --stdin")
                   : TAICTL_DONE;
    }
    if (!taictl_read_line(line, &error)) {
        return taictl_fail(error);
    }
    rv = tai_digest_hex(line, hash);
    OPENSSL_cleanse(line, sizeof(line));
    name->hash = hash;
    return rv == APR_SUCCESS ? TAICTL_DONE : taictl_fail("SHA-256 failed");
}

int taictl_key_show(taictl_t *run)
{
    static const taictl_field_t fields[] = {{"id", "id"},
                                            {"name", "name"},
                                            {"prefix", "prefix"},
                                            {"status", "status"},
                                            {"account", "account"},
                                            {"user", "created_by"},
                                            {"plan", "plan"},
                                            {"scopes", "scopes"},
                                            {"effective", "effective_scopes"},
                                            {"has token", "has_token"},
                                            {"rate limit", "rate_limit"},
                                            {"created", "created_at"},
                                            {"expires", "expires_at"},
                                            {"revoked", "revoked_at"},
                                            {"last used", "last_used_at"},
                                            {NULL, NULL}};
    const tai_key_info_t *info;
    tai_key_name_t name;
    tai_store_t *store;
    const char *text;
    int status = read_name(run, &name);

    if (status != TAICTL_DONE) {
        return status;
    }
    store = taictl_store(run);
    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_show_key(store, &name, tai_when_now(), run->pool, &info, &text) !=
        TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    return taictl_print_record(run, key_json(info, run->pool), fields);
}

int taictl_key_revoke(taictl_t *run)
{
    const tai_key_info_t *info;
    tai_key_name_t name;
    tai_store_t *store;
    const char *text;
    json_t *at;
    int again, status = read_name(run, &name);

    if (status != TAICTL_DONE) {
        return status;
    }
    store = taictl_store(run);
    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_revoke_key(store, &name, taictl_actor(run), tai_when_now(), run->pool, &info,
                             &again, &text) != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    at = tai_describe_time(info->revoked_at);
    text = apr_psprintf(run->pool, "key %s (%s...) %s %s", info->id, info->prefix,
                        again ? "was revoked already at" : "revoked at",
                        json_is_string(at) ? json_string_value(at) : "an unknown time");
    return taictl_print_done(
        run,
        json_pack("{s:o, s:o, s:o, s:b}", "id", tai_describe_text(info->id, run->pool), "prefix",
                  tai_describe_text(info->prefix, run->pool), "revoked_at", at, "again", again),
        text);
}
