#include "accounts.h"
#include "keys.h"
#include "users.h"
#include "when.h"

#include <stdio.h>
#include <apr_strings.h>

#define KEYS_AT_ONCE 1000 /* so many are in memory */

/* One line; what it is comes first. */
static void print_line(const char *type, json_t *object)
{
    json_t *line = json_pack("{s:s}", "type", type);

    json_object_update(line, object);
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
    json_decref(object);
}

static tai_change_e export_users(tai_store_t *store, const tai_account_t *account, apr_pool_t *p,
                                 const char **text)
{
    apr_array_header_t *users;
    tai_change_e outcome = tai_store_list_users(store, account->name, p, &users, text);

    for (int i = 0; outcome == TAI_CHANGE_DONE && i < users->nelts; i++) {
        print_line("user", taictl_user_json(APR_ARRAY_IDX(users, i, const tai_user_t *), p));
    }
    return outcome;
}

static tai_change_e export_keys(tai_store_t *store, const tai_account_t *account, apr_pool_t *p,
                                const char **text)
{
    tai_change_e outcome = TAI_CHANGE_DONE;
    const char *after = NULL;
    apr_array_header_t *keys;
    apr_pool_t *page;
    int more = 1;

    apr_pool_create(&page, p);
    while (outcome == TAI_CHANGE_DONE && more) {
        apr_pool_clear(page);
        outcome = tai_store_page_keys(store, account->id, after, KEYS_AT_ONCE, tai_when_now(), page,
                                      &keys, &more, text);
        for (int i = 0; outcome == TAI_CHANGE_DONE && i < keys->nelts; i++) {
            const tai_key_info_t *info = APR_ARRAY_IDX(keys, i, const tai_key_info_t *);

            print_line("key", taictl_key_json(info, page));
            after = i == keys->nelts - 1 ? apr_pstrdup(p, info->id) : after;
        }
    }
    return outcome;
}

static tai_change_e export_account(tai_store_t *store, const tai_account_t *account, apr_pool_t *p,
                                   const char **text)
{
    tai_change_e outcome;

    print_line("account", taictl_account_json(account, p));
    outcome = export_users(store, account, p, text);
    return outcome == TAI_CHANGE_DONE ? export_keys(store, account, p, text) : outcome;
}

static tai_change_e export_all(tai_store_t *store, apr_pool_t *p, const char **text)
{
    tai_change_e outcome = TAI_CHANGE_DONE;
    apr_array_header_t *accounts;

    if (tai_store_list_accounts(store, tai_when_now(), p, &accounts, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    for (int i = 0; outcome == TAI_CHANGE_DONE && i < accounts->nelts; i++) {
        outcome = export_account(store, APR_ARRAY_IDX(accounts, i, const tai_account_t *), p, text);
    }
    return outcome;
}

/* Line by line as it is read: it may be more than fits into memory. */
int taictl_export(taictl_t *run)
{
    tai_store_t *store = taictl_store(run);
    tai_account_t *account;
    tai_change_e outcome;
    const char *text;

    if (store == NULL) {
        return TAICTL_FAILED;
    }
    if (run->arg_count == 0) {
        outcome = export_all(store, run->pool, &text);
    }
    else {
        outcome =
            tai_store_show_account(store, run->args[0], tai_when_now(), run->pool, &account, &text);
        if (outcome == TAI_CHANGE_DONE) {
            outcome = export_account(store, account, run->pool, &text);
        }
    }
    return outcome == TAI_CHANGE_DONE ? TAICTL_DONE : taictl_fail(text);
}
