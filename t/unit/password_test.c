#include "core/password.h"
#include "unit.h"

#include <string.h>
#include <apr_md5.h>

#define X60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    const char *password;
    int allowed;
} passwords[] = {
    {"", 0},
    {"elevenbytes", 0},
    {"twelve bytes", 1},
    {"\303\251\303\251\303\251\303\251\303\251\303\251", 1}, /* bytes, not characters */
    {X60 "twelve bytes", 1},
    {X60 "thirteen more", 0},
    {"passwordpassword", 0},
    {"PassWordPassWord", 0},
    {"passwordpasswords", 1},
};

START_TEST(password_of_row)
{
    ck_assert_int_eq(tai_password_check(passwords[_i].password) == NULL, passwords[_i].allowed);
}
END_TEST

START_TEST(apr_takes_the_hash)
{
    char hash[TAI_PASSWORD_HASH_LEN + 1], other[TAI_PASSWORD_HASH_LEN + 1];

    ck_assert_int_eq(tai_password_hash("a fine long password", hash), APR_SUCCESS);
    ck_assert_int_eq(tai_password_hash("a fine long password", other), APR_SUCCESS);
    ck_assert_int_eq(strncmp(hash, "$2y$12$", 7), 0);
    ck_assert_uint_eq(strlen(hash), TAI_PASSWORD_HASH_LEN);
    ck_assert_str_ne(hash, other);
    ck_assert_int_eq(apr_password_validate("a fine long password", hash), APR_SUCCESS);
    ck_assert_int_ne(apr_password_validate("a fine long passwore", hash), APR_SUCCESS);
}
END_TEST

/* To its last byte: nothing that is allowed is cut off. */
START_TEST(every_byte_counts)
{
    static const char longest[] = X60 "twelve bytes";
    char hash[TAI_PASSWORD_HASH_LEN + 1];

    ck_assert_uint_eq(strlen(longest), TAI_PASSWORD_MAX);
    ck_assert_int_eq(tai_password_hash(longest, hash), APR_SUCCESS);
    ck_assert_int_eq(apr_password_validate(longest, hash), APR_SUCCESS);
    ck_assert_int_ne(apr_password_validate(X60 "twelve bytez", hash), APR_SUCCESS);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 120); /* bcrypt, under memcheck */
    tcase_add_loop_test(tests, password_of_row, 0, ROWS(passwords));
    tcase_add_test(tests, apr_takes_the_hash);
    tcase_add_test(tests, every_byte_counts);
}

int main(void)
{
    return unit_run("password", add);
}
