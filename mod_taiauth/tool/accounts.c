#include "accounts.h"
#include "describe.h"
#include "output.h"
#include "prompt.h"
#include "tell.h"
#include "when.h"

#include <unistd.h>
#include <apr_strings.h>

static json_t *account_json(const tai_account_t *account, apr_pool_t *p)
{
    return json_pack("{s:o, s:o, s:o, s:s, s:o}", "id", tai_describe_text(account->id, p), "name",
                     tai_describe_text(account->name, p), "plan",
                     tai_describe_text(account->plan, p), "status", account->status, "created_at",
                     tai_describe_time(account->created_at));
}

json_t *taictl_account_json(const tai_account_t *account, apr_pool_t *p)
{
    json_t *object = account_json(account, p);

    json_object_set_new(object, "users", json_integer(account->users));
    json_object_set_new(object, "active_keys", json_integer(account->active_keys));
    json_object_set_new(object, "max_keys", json_integer(account->max_keys));
    return object;
}

int taictl_account_add(taictl_t *run)
{
    const char *plan = run->option[OPTION_PLAN] ? run->option[OPTION_PLAN] : "free";
    tai_store_t *store = taictl_store(run);
    tai_account_t *account;
    const char *text;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_add_account(store, run->args[0], plan, taictl_actor(run), tai_when_now(),
                              run->pool, &account, &text) != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    return taictl_print_done(run, account_json(account, run->pool),
                             apr_psprintf(run->pool, "account %s, plan %s: %s", account->name,
                                          account->plan, account->id));
}

int taictl_account_list(taictl_t *run)
{
    static const taictl_field_t fields[] = {
        {"NAME", "name"},        {"PLAN", "plan"},    {"STATUS", "status"}, {"USERS", "users"},
        {"KEYS", "active_keys"}, {"MAX", "max_keys"}, {"ID", "id"},         {NULL, NULL}};
    tai_store_t *store = taictl_store(run);
    apr_array_header_t *accounts;
    const char *text;
    json_t *list;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_list_accounts(store, tai_when_now(), run->pool, &accounts, &text) !=
        APR_SUCCESS) {
        return taictl_fail(text);
    }
    list = json_array();
    for (int i = 0; i < accounts->nelts; i++) {
        json_array_append_new(
            list,
            taictl_account_json(APR_ARRAY_IDX(accounts, i, const tai_account_t *), run->pool));
    }
    return taictl_print_list(run, list, fields);
}

int taictl_account_show(taictl_t *run)
{
    static const taictl_field_t fields[] = {{"name", "name"},
                                            {"id", "id"},
                                            {"plan", "plan"},
                                            {"plan's limit", "plan_rate_limit"},
                                            {"status", "status"},
                                            {"users", "users"},
                                            {"active keys", "active_keys"},
                                            {"at most", "max_keys"},
                                            {"created", "created_at"},
                                            {NULL, NULL}};
    tai_store_t *store = taictl_store(run);
    tai_account_t *account;
    const char *text;
    json_t *object;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (tai_store_show_account(store, run->args[0], tai_when_now(), run->pool, &account, &text) !=
        TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    object = taictl_account_json(account, run->pool);
    json_object_set_new(object, "plan_rate_limit",
                        tai_describe_text(account->plan_rate_limit, run->pool));
    return taictl_print_record(run, object, fields);
}

/* What changed, in the words of the command line. */
static int report(const taictl_t *run, tai_store_t *store, tai_change_e outcome, const char *member,
                  const char *value, const char *text)
{
    if (outcome != TAI_CHANGE_DONE) {
        return taictl_fail(text);
    }
    return taictl_print_told(
        run, store, json_pack("{s:s, s:s}", "name", run->args[0], member, value),
        apr_psprintf(run->pool, "account %s: %s %s", run->args[0], member, value));
}

int taictl_account_set_plan(taictl_t *run)
{
    tai_store_t *store = taictl_store(run);
    const char *text = NULL;
    tai_change_e outcome;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    outcome = tai_store_set_plan(store, run->args[0], run->args[1], taictl_actor(run),
                                 tai_when_now(), run->pool, &text);
    return report(run, store, outcome, "plan", run->args[1], text);
}

static int set_suspended(taictl_t *run, int suspended)
{
    tai_store_t *store = taictl_store(run);
    const char *text = NULL;
    tai_change_e outcome;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    outcome = tai_store_set_suspended(store, run->args[0], suspended, taictl_actor(run),
                                      tai_when_now(), run->pool, &text);
    return report(run, store, outcome, "status", suspended ? "suspended" : "active", text);
}

int taictl_account_suspend(taictl_t *run)
{
    return set_suspended(run, 1);
}

int taictl_account_reinstate(taictl_t *run)
{
    return set_suspended(run, 0);
}

/* It cannot be undone: one who types is asked, a script says that it knows. */
static int may_close(const taictl_t *run)
{
    if (run->option[OPTION_YES] != NULL) {
        return TAICTL_DONE;
    }
    if (!isatty(STDIN_FILENO)) {
        return taictl_misuse(run, "an account is closed for ever: where standard input is no "
                                  "terminal to ask, give --yes");
    }
    return taictl_confirm(apr_psprintf(run->pool, "Account %s will be closed for ever.",
                                       taictl_printable(run->args[0], run->pool)))
               ? TAICTL_DONE
               : taictl_fail("nothing was changed");
}

int taictl_account_close(taictl_t *run)
{
    int status = may_close(run);
    tai_store_t *store;
    const char *text = NULL;
    tai_change_e outcome;

    if (status != TAICTL_DONE) {
        return status;
    }
    store = taictl_store(run);
    if (store == NULL) {
        return TAICTL_FAILED;
    }
    outcome = tai_store_close_account(store, run->args[0], taictl_actor(run), tai_when_now(),
                                      run->pool, &text);
    return report(run, store, outcome, "status", "closed", text);
}
