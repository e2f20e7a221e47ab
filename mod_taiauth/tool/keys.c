#include "keys.h"
#include "describe.h"
#include "digest.h"
#include "output.h"
#include "prompt.h"
#include "tell.h"
#include "when.h"

#include <apr_strings.h>
#include <openssl/crypto.h>

const taictl_field_t taictl_key_fields[] = {{"id", "id"},
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
                                            {"last 30 days", "usage"},
                                            {"origin", "origin"},
                                            {NULL, NULL}};

json_t *taictl_key_json(const tai_key_info_t *info, apr_pool_t *p)
{
    json_t *object = tai_describe_key(info, tai_when_now(), p);

    json_object_set_new(object, "account", tai_describe_text(info->account, p));
    json_object_set_new(object, "plan", tai_describe_text(info->plan, p));
    return object;
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
        json_array_append_new(
            list, taictl_key_json(APR_ARRAY_IDX(keys, i, const tai_key_info_t *), run->pool));
    }
    return taictl_print_list(run, list, fields);
}

static int is_whole_key(const char *text)
{
    tai_shape_e shape = tai_key_shape(TAI_KIND_KEY, text);

    return shape == TAI_SHAPE_OURS || shape == TAI_SHAPE_CHECKSUM;
}

static int misuse_whole_key(const taictl_t *run)
{
    return taictl_misuse(run, "a whole key on the command line can be seen by others: give its id, "
                              "its prefix, or --stdin");
}

/* By the first argument: its id or its shown prefix. */
static int name_by_text(const taictl_t *run, tai_key_name_t *name)
{
    *name = (tai_key_name_t){.text = run->args[0]};
    return !is_whole_key(name->text);
}

int taictl_read_key(const taictl_t *run, tai_key_name_t *name)
{
    char line[TAICTL_LINE_MAX];
    char *hash = apr_palloc(run->pool, TAI_DIGEST_HEX + 1);
    const char *error;
    apr_status_t rv;

    if ((run->arg_count > 0) == (run->option[OPTION_STDIN] != NULL)) {
        return taictl_misuse(run, "give an id, a prefix, or --stdin");
    }
    if (run->arg_count > 0) {
        return name_by_text(run, name) ? TAICTL_DONE : misuse_whole_key(run);
    }
    if (!taictl_read_line("Key", line, &error)) {
        return taictl_fail(error);
    }
    rv = tai_digest_hex(line, hash);
    OPENSSL_cleanse(line, sizeof(line));
    *name = (tai_key_name_t){.hash = hash};
    return rv == APR_SUCCESS ? TAICTL_DONE : taictl_fail("SHA-256 failed");
}

int taictl_key_show(taictl_t *run)
{
    const tai_key_info_t *info;
    tai_key_name_t name;
    tai_store_t *store;
    const char *text;
    int status = taictl_read_key(run, &name);

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
    return taictl_print_record(run, taictl_key_json(info, run->pool), taictl_key_fields);
}

int taictl_key_revoke(taictl_t *run)
{
    const tai_key_info_t *info;
    tai_key_name_t name;
    tai_store_t *store;
    const char *text;
    json_t *at;
    int again, status = taictl_read_key(run, &name);

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
    return taictl_print_told(
        run, store,
        json_pack("{s:o, s:o, s:o, s:b}", "id", tai_describe_text(info->id, run->pool), "prefix",
                  tai_describe_text(info->prefix, run->pool), "revoked_at", at, "again", again),
        text);
}

int taictl_key_rename(taictl_t *run)
{
    const tai_key_info_t *info;
    tai_key_name_t name;
    tai_store_t *store;
    const char *text;

    if (!name_by_text(run, &name)) {
        return misuse_whole_key(run);
    }
    store = taictl_store(run);
    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_rename_key(store, &name, run->args[1], taictl_actor(run), tai_when_now(),
                             run->pool, &info, &text) != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    return taictl_print_done(run, taictl_key_json(info, run->pool),
                             apr_psprintf(run->pool, "key %s: name %s", info->id, info->name));
}
