#ifndef ACME_H
#define ACME_H

#include <time.h>
#include "database.h"
#include "core/scope.h"
#include "core/store_accounts.h"
#include "core/store_keys.h"
#include "core/store_users.h"

/* A store with the account acme on plan free, whose primary administrator is ann. */

#define NOW 1800000000

static tai_store_t *store; /* of the running test */

static const char *text; /* what the store said last */

static const tai_actor_t actor = {"operator:joe", "local"};

static const tai_key_order_t usual = {
    .account = "acme", .origin = "operator", .name = "a key", .expires_at = TAI_NEVER};

static void must(tai_change_e outcome)
{
    ck_assert_msg(outcome == TAI_CHANGE_DONE, "%d: %s", (int)outcome, text);
}

/* No connection is open when a test forks. */
static void make_acme(void)
{
    apr_pool_t *whole = pool;
    tai_account_t *account;
    tai_user_t *user;

    init_database(path);
    apr_pool_create(&pool, whole);
    store = open_store(path, 1);
    must(tai_store_add_account(store, "acme", "free", &actor, NOW, pool, &account, &text));
    must(tai_store_add_user(store, "acme", "ann", NULL, NULL, &actor, NOW, pool, &user, &text));
    apr_pool_destroy(pool);
    pool = whole;
    store = open_store(path, 1);
}

static void with_acme(TCase *tests)
{
    with_dir(tests);
    tcase_add_checked_fixture(tests, make_acme, NULL);
    tcase_set_timeout(tests, 120);
}

static inline tai_key_issue_t created(tai_key_order_t order)
{
    tai_key_issue_t issue;

    must(tai_store_create_key(store, &order, &actor, NOW, pool, &issue, &text));
    return issue;
}

static inline void revoked(const char *id, apr_int64_t now)
{
    const tai_key_info_t *info;
    int again;

    must(tai_store_revoke_key(store, &(tai_key_name_t){.text = id}, &actor, now, pool, &info,
                              &again, &text));
}

static inline const tai_key_info_t *shown(const char *id)
{
    const tai_key_info_t *info;

    must(tai_store_show_key(store, &(tai_key_name_t){.text = id}, NOW, pool, &info, &text));
    return info;
}

#define DAY_S 86400 /* seconds */

/* The UTC date of a time, as key_usage has it. */
static inline const char *day_of(time_t seconds)
{
    char *day = apr_palloc(pool, sizeof("2026-01-31"));

    strftime(day, sizeof("2026-01-31"), "%Y-%m-%d", gmtime(&seconds));
    return day;
}

/* The first column of the first row of the running test's database, as a number. */
static inline int counted(const char *sql)
{
    return atoi(raw_value(path, sql));
}

static inline const char *id_of(const char *table, const char *column, const char *name)
{
    return raw_value(path,
                     apr_psprintf(pool, "SELECT id FROM %s WHERE %s = '%s'", table, column, name));
}

static inline const char *join(const apr_array_header_t *list)
{
    return apr_array_pstrcat(pool, list, ' ');
}

static inline const char *digest_of(const char *secret)
{
    char *hex = apr_palloc(pool, TAI_DIGEST_HEX + 1);

    ck_assert_int_eq(tai_digest_hex(secret, hex), APR_SUCCESS);
    return hex;
}

#endif
