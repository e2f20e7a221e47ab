#include "acme.h"

#include "core/store_health.h"

/* What a database says of itself. */

static tai_health_t health;

static void ask(void)
{
    text = NULL;
    ck_assert_msg(tai_store_health(store, pool, &health, &text) == APR_SUCCESS, "%s", text);
}

START_TEST(one_that_is_well)
{
    const char *log = raw_value(path, "SELECT seq FROM change_counter");

    ask();
    ck_assert_ptr_nonnull(strstr(health.server, by_driver("SQLite 3.", "PostgreSQL ", "MariaDB")));
    ck_assert_int_le(llabs(health.ahead_s), 2); /* on this host */
    ck_assert_ptr_null(health.unwritable);
    ck_assert_str_eq(raw_value(path, "SELECT seq FROM change_counter"), log);
}
END_TEST

START_TEST(one_that_cannot_be_written_to)
{
    raw_run(path, "ALTER TABLE api_keys RENAME TO away");
    ask();
    ck_assert_ptr_nonnull(health.server);
    ck_assert_ptr_nonnull(strstr(health.unwritable, "api_keys"));
}
END_TEST

START_TEST(one_that_does_not_answer)
{
    raw_run(path, "DROP TABLE schema_version");
    store = open_store(path, 1);
    ck_assert_int_eq(tai_store_health(store, pool, &health, &text), APR_EGENERAL);
    ck_assert_ptr_nonnull(strstr(text, called));
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, one_that_is_well);
    tcase_add_test(tests, one_that_cannot_be_written_to);
    tcase_add_test(tests, one_that_does_not_answer);
}

int main(void)
{
    return unit_run("store_health", add);
}
