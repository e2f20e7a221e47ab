#include "keys.h"
#include "describe.h"
#include "digest.h"
#include "judge.h"
#include "output.h"
#include "prompt.h"
#include "refusal.h"
#include "scope.h"
#include "when.h"

#include <stdio.h>
#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

/* What was presented, without the secrets themselves. */
typedef struct credential_t {
    tai_shape_e shape;
    tai_token_e token; /* a place asks for one if one was given */
    tai_digest_t key;
    tai_digest_t presented; /* of the token */
} credential_t;

/* What is said of it. */
typedef struct finding_t {
    tai_reason_e reason; /* of the key, then of the first scope that is refused */
    const tai_record_t *record;
    const tai_key_info_t *info;
    json_t *scopes; /* one object for each that was asked for */
} finding_t;

static tai_token_e judge_form(const char *token)
{
    tai_shape_e shape = tai_key_shape(TAI_KIND_TOKEN, token);

    if (*token == '\0') {
        return TAI_TOKEN_NOT_ASKED;
    }
    return shape == TAI_SHAPE_OURS ? TAI_TOKEN_GIVEN : TAI_TOKEN_MALFORMED;
}

/* A line with the key; if the key has a token, a second one with that. */
static const char *read_credential(credential_t *credential)
{
    char key[TAICTL_LINE_MAX], token[TAICTL_LINE_MAX] = "";
    const char *error = NULL;

    if (taictl_read_line("Key", key, &error) &&
        taictl_read_optional("Token, if it has one", token, &error)) {
        credential->shape = tai_key_shape(TAI_KIND_KEY, key);
        credential->token = judge_form(token);
        error = tai_digest(key, &credential->key) == APR_SUCCESS &&
                        tai_digest(token, &credential->presented) == APR_SUCCESS
                    ? NULL
                    : "SHA-256 failed";
    }
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(token, sizeof(token));
    return error;
}

/* Before the database is asked, as the server does where keys of any form are taken. */
static tai_reason_e judge_shape(tai_shape_e shape)
{
    switch (shape) {
    case TAI_SHAPE_REPEATED:
        return TAI_KEY_REPEATED;
    case TAI_SHAPE_NONE:
        return TAI_KEY_MALFORMED;
    default:
        return TAI_ADMITTED;
    }
}

static const char *find(tai_store_t *store, const credential_t *credential, finding_t *finding,
                        apr_pool_t *p)
{
    char hash[TAI_DIGEST_HEX + 1];
    const tai_key_name_t name = {.hash = hash};
    tai_record_t *record = NULL;
    const char *error = NULL;
    apr_int64_t seq;

    finding->reason = judge_shape(credential->shape);
    if (finding->reason != TAI_ADMITTED) {
        return NULL;
    }
    if (tai_store_find_key(store, &credential->key, p, &record, &seq, &error) != APR_SUCCESS) {
        return error;
    }
    if (record == NULL) {
        finding->reason =
            credential->shape == TAI_SHAPE_CHECKSUM ? TAI_KEY_CHECKSUM : TAI_KEY_UNKNOWN;
        return NULL;
    }
    finding->record = record;
    tai_digest_to_hex(&record->key, hash);
    finding->reason =
        tai_judge_key(record, credential->token, &credential->presented, tai_when_now());
    return tai_store_show_key(store, &name, tai_when_now(), p, &finding->info, &error) ==
                   TAI_CHANGE_DONE
               ? NULL
               : error;
}

static const char *scope_text(tai_store_t *store, const char *scope, tai_reason_e reason,
                              apr_pool_t *p)
{
    apr_array_header_t *titles;

    switch (reason) {
    case TAI_ADMITTED:
        return "held";
    case TAI_SCOPE_NOT_IN_PLAN:
        return tai_store_scope_plans(store, scope, p, &titles) == APR_SUCCESS
                   ? tai_refusal_plan_text(scope, titles, p)
                   : "the plan does not grant it";
    default:
        return "the key does not hold it";
    }
}

static void judge_scopes(const taictl_t *run, tai_store_t *store, finding_t *finding)
{
    const apr_array_header_t *asked = tai_scope_split(run->option[OPTION_SCOPES], run->pool);

    finding->scopes = json_array();
    for (int i = 0; finding->record != NULL && i < asked->nelts; i++) {
        const char *scope = APR_ARRAY_IDX(asked, i, const char *);
        tai_reason_e reason = tai_judge_scope(finding->record, scope);

        json_array_append_new(
            finding->scopes,
            json_pack("{s:o, s:b, s:o}", "scope", tai_describe_text(scope, run->pool), "admitted",
                      reason == TAI_ADMITTED, "text",
                      tai_describe_text(scope_text(store, scope, reason, run->pool), run->pool)));
        if (finding->reason == TAI_ADMITTED) {
            finding->reason = reason;
        }
    }
}

static void print_finding(const taictl_t *run, finding_t *finding, const credential_t *credential)
{
    static const taictl_field_t scope_fields[] = {
        {"SCOPE", "scope"}, {"VERDICT", "text"}, {NULL, NULL}};

    if (finding->info != NULL) {
        taictl_print_record(run, taictl_key_json(finding->info, run->pool), taictl_key_fields);
    }
    if (json_array_size(finding->scopes) > 0) {
        putchar('\n');
        taictl_print_list(run, json_incref(finding->scopes), scope_fields);
    }
    printf("%s%s: %s%s\n", finding->info != NULL ? "\n" : "",
           finding->reason == TAI_ADMITTED ? "admitted" : "refused",
           tai_reason_name(finding->reason),
           credential->shape == TAI_SHAPE_OURS || finding->info == NULL
               ? ""
               : "; of a form that needs TaiAuthKeyFormat any");
}

static json_t *finding_json(const taictl_t *run, const finding_t *finding,
                            const credential_t *credential)
{
    json_t *key = finding->info != NULL ? taictl_key_json(finding->info, run->pool) : json_null();

    return json_pack("{s:b, s:s, s:s, s:O, s:o}", "admitted", finding->reason == TAI_ADMITTED,
                     "reason", tai_reason_name(finding->reason), "key_format",
                     credential->shape == TAI_SHAPE_OURS ? "strict" : "any", "scopes",
                     finding->scopes, "key", key);
}

int taictl_key_verify(taictl_t *run)
{
    credential_t credential = {0};
    finding_t finding = {0};
    tai_store_t *store = taictl_store(run);
    const char *error;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    error = read_credential(&credential);
    if (error == NULL) {
        error = find(store, &credential, &finding, run->pool);
    }
    if (error != NULL) {
        return taictl_fail(error);
    }
    judge_scopes(run, store, &finding);
    if (run->option[OPTION_JSON] != NULL) {
        taictl_print_done(run, finding_json(run, &finding, &credential), "");
    }
    else {
        print_finding(run, &finding, &credential);
    }
    json_decref(finding.scopes);
    return finding.reason == TAI_ADMITTED ? TAICTL_DONE : TAICTL_FAILED;
}
