#include "users.h"
#include "describe.h"
#include "output.h"
#include "password.h"
#include "prompt.h"
#include "tell.h"
#include "when.h"

#include <apr_strings.h>
#include <openssl/crypto.h>

/* Ask for a new password. Only its hash leaves this function. */
static int read_hash(taictl_t *run, char hash[TAI_PASSWORD_HASH_LEN + 1])
{
    char password[TAICTL_LINE_MAX], reason[256];
    const char *error;
    apr_status_t rv;

    if (!taictl_read_secret("New password", password, &error)) {
        return taictl_fail(error);
    }
    error = tai_password_check(password);
    if (error == NULL) {
        rv = tai_password_hash(password, hash);
        if (rv != APR_SUCCESS) {
            error = apr_pstrdup(run->pool, apr_strerror(rv, reason, sizeof(reason)));
        }
    }
    OPENSSL_cleanse(password, sizeof(password));
    return error != NULL ? taictl_fail(error) : TAICTL_DONE;
}

json_t *taictl_user_json(const tai_user_t *user, apr_pool_t *p)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "id", tai_describe_text(user->id, p),
                     "account", tai_describe_text(user->account, p), "username",
                     tai_describe_text(user->username, p), "role", tai_describe_text(user->role, p),
                     "status", tai_describe_text(user->status, p), "created_at",
                     tai_describe_time(user->created_at));
}

int taictl_user_add(taictl_t *run)
{
    int no_password = run->option[OPTION_NO_PASSWORD] != NULL;
    char hash[TAI_PASSWORD_HASH_LEN + 1];
    tai_store_t *store = taictl_store(run);
    tai_user_t *user;
    const char *text;

    if (store == NULL || (!no_password && read_hash(run, hash) != TAICTL_DONE)) {
        return TAICTL_FAILED;
    }
    if (tai_store_add_user(store, run->args[0], run->args[1], run->option[OPTION_ROLE],
                           no_password ? NULL : hash, taictl_actor(run), tai_when_now(), run->pool,
                           &user, &text) != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    return taictl_print_done(run, taictl_user_json(user, run->pool),
                             apr_psprintf(run->pool, "user %s of account %s, %s: %s",
                                          user->username, user->account, user->role, user->id));
}

int taictl_user_passwd(taictl_t *run)
{
    char hash[TAI_PASSWORD_HASH_LEN + 1];
    tai_store_t *store = taictl_store(run);
    const char *text;

    if (store == NULL || read_hash(run, hash) != TAICTL_DONE) {
        return TAICTL_FAILED;
    }
    if (tai_store_set_password(store, run->args[0], hash, taictl_actor(run), tai_when_now(),
                               run->pool, &text) != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    return taictl_print_done(run, json_pack("{s:s}", "username", run->args[0]),
                             apr_psprintf(run->pool, "user %s: password set", run->args[0]));
}

static int report_status(const taictl_t *run, tai_store_t *store, tai_change_e outcome,
                         const char *status, const char *text)
{
    if (outcome != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    return taictl_print_told(run, store,
                             json_pack("{s:s, s:s}", "username", run->args[0], "status", status),
                             apr_psprintf(run->pool, "user %s: status %s", run->args[0], status));
}

int taictl_user_disable(taictl_t *run)
{
    tai_store_t *store = taictl_store(run);
    const char *text = NULL;
    tai_change_e outcome;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    outcome = tai_store_disable_user(store, run->args[0], taictl_actor(run), tai_when_now(),
                                     run->pool, &text);
    return report_status(run, store, outcome, "disabled", text);
}

int taictl_user_enable(taictl_t *run)
{
    tai_store_t *store = taictl_store(run);
    const char *text = NULL;
    tai_change_e outcome;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    outcome = tai_store_enable_user(store, run->args[0], taictl_actor(run), tai_when_now(),
                                    run->pool, &text);
    return report_status(run, store, outcome, "active", text);
}

int taictl_user_list(taictl_t *run)
{
    static const taictl_field_t fields[] = {
        {"USERNAME", "username"},  {"ROLE", "role"}, {"STATUS", "status"},
        {"CREATED", "created_at"}, {"ID", "id"},     {NULL, NULL}};
    tai_store_t *store = taictl_store(run);
    apr_array_header_t *users;
    const char *text;
    json_t *list;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_list_users(store, run->args[0], run->pool, &users, &text) != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    list = json_array();
    for (int i = 0; i < users->nelts; i++) {
        json_array_append_new(
            list, taictl_user_json(APR_ARRAY_IDX(users, i, const tai_user_t *), run->pool));
    }
    return taictl_print_list(run, list, fields);
}
