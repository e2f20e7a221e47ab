#include "output.h"
#include "password.h"
#include "prompt.h"
#include "store_users.h"
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
    return taictl_print_done(run,
                             json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", user->id, "account",
                                       user->account, "username", user->username, "role",
                                       user->role, "status", user->status),
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

int taictl_user_disable(taictl_t *run)
{
    tai_store_t *store = taictl_store(run);
    const char *text;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_disable_user(store, run->args[0], taictl_actor(run), tai_when_now(), run->pool,
                               &text) != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    return taictl_print_done(
        run, json_pack("{s:s, s:s}", "username", run->args[0], "status", "disabled"),
        apr_psprintf(run->pool, "user %s: status disabled", run->args[0]));
}
