#include "keys.h"
#include "describe.h"
#include "output.h"
#include "scope.h"
#include "tell.h"
#include "when.h"

#include <stdio.h>
#include <string.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

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

static json_t *issue_json(const taictl_t *run, const tai_key_issue_t *issue, const tai_told_t *told)
{
    json_t *object = taictl_key_json(issue->info, run->pool);

    json_object_set_new(object, "key", json_string(issue->key));
    if (issue->token[0] != '\0') {
        json_object_set_new(object, "token", json_string(issue->token));
    }
    if (issue->old_id != NULL) {
        json_object_set_new(object, "replaces",
                            json_pack("{s:o, s:o}", "id",
                                      tai_describe_text(issue->old_id, run->pool), "ends_at",
                                      tai_describe_time(issue->old_ends_at)));
    }
    if (told != NULL) {
        json_object_set_new(object, "nodes", taictl_told(told, run->pool));
    }
    return object;
}

static void print_old(const taictl_t *run, const tai_key_issue_t *issue, const tai_told_t *told)
{
    char at[TAI_WHEN_LEN + 1];

    if (issue->old_id != NULL && tai_when_text(issue->old_ends_at, at)) {
        printf("ends   %s, the key before it, at %s\n", issue->old_id, at);
    }
    if (told != NULL) {
        printf("nodes  %s\n", taictl_told_text(told, run->pool));
    }
}

/* told: of one that ends another, where it is known; else NULL */
static int print_issue(const taictl_t *run, const tai_key_issue_t *issue, const tai_told_t *told)
{
    if (run->option[OPTION_JSON] != NULL) {
        return taictl_print_done(run, issue_json(run, issue, told), "");
    }
    printf("key    %s\n", issue->key);
    if (issue->token[0] != '\0') {
        printf("token  %s\n", issue->token);
    }
    printf("id     %s\nscopes %s\n", issue->info->id,
           apr_array_pstrcat(run->pool, issue->info->scopes, ' '));
    print_old(run, issue, told);
    puts("\nKeep it now: it is not stored and not shown again.\n");
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
    print_issue(run, &issue, NULL);
    OPENSSL_cleanse(&issue, sizeof(issue));
    return TAICTL_DONE;
}

/* Like any span, but a key may also be replaced at once. */
static const char *read_grace(const taictl_t *run, apr_int64_t *seconds)
{
    const char *text = run->option[OPTION_GRACE];

    *seconds = 0;
    return strcmp(text, "0") == 0 || tai_span_parse(text, seconds) == NULL
               ? NULL
               : "a grace is 0, or a number and s, m, h or d, such as 1h: a week at the most";
}

int taictl_key_roll(taictl_t *run)
{
    tai_key_issue_t issue;
    tai_key_name_t name;
    tai_told_t told;
    tai_store_t *store;
    apr_int64_t grace;
    const char *text;
    int status;

    if (run->option[OPTION_GRACE] == NULL) {
        return taictl_misuse(run, "key roll needs --grace SPAN: how long the old key stays good");
    }
    text = read_grace(run, &grace);
    if (text != NULL) {
        return taictl_fail(text);
    }
    status = taictl_read_key(run, &name);
    if (status != TAICTL_DONE) {
        return status;
    }
    store = taictl_store(run);
    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_roll_key(store, &name, grace, NULL, taictl_actor(run), tai_when_now(), run->pool,
                           &issue, &text) != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    text = taictl_tell(run, store, &told);
    print_issue(run, &issue, text == NULL ? &told : NULL);
    OPENSSL_cleanse(&issue, sizeof(issue));
    return text == NULL
               ? TAICTL_DONE
               : taictl_fail(apr_pstrcat(run->pool,
                                         "it is not known whether every node knows the end of the "
                                         "key before it: ",
                                         text, "; revoke that one to find out", NULL));
}
