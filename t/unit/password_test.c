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

#define SALTED "abcdefghijklmnopqrstuOabcdefghijklmnopqrstuvwxyz01234"

static const struct {
    const char *hash;
    int usable;
} hashes[] = {
    {NULL, 0},
    {"", 0},
    {"$2y$12$" SALTED, 1},
    {"$2a$10$" SALTED, 1},
    {"$2y$14$" SALTED, 1},
    {"$2y$09$" SALTED, 0}, /* too little work for who guesses */
    {"$2y$15$" SALTED, 0}, /* too much for who checks */
    {"$2y$31$" SALTED, 0},
    {"$2x$12$" SALTED, 0},
    {"$2y$1x$" SALTED, 0},
    {"$2y$+2$" SALTED, 0},
    {"$2y$12$" SALTED "x", 0},
    {"$2y$12$" X60, 0},
    {"$2y$12$abcdefghijklmnopqrstuOabcdefghijklmnopqrstuvwxyz0123", 0},
    {"$2y$12$abcdefghijklmnopqrst:Oabcdefghijklmnopqrstuvwxyz01234", 0},
    {"$apr1$abcdefgh$abcdefghijklmnopqrstuv", 0},
    {"{SHA}abcdefghijklmnopqrstuvwxyz0=", 0},
    {"a plain password", 0},
};

START_TEST(usable_hash_of_row)
{
    ck_assert_int_eq(tai_password_usable(hashes[_i].hash), hashes[_i].usable);
}
END_TEST

START_TEST(only_the_password_is_it)
{
    char hash[TAI_PASSWORD_HASH_LEN + 1];

    ck_assert_int_eq(tai_password_hash("a fine long password", hash), APR_SUCCESS);
    ck_assert_int_eq(tai_password_is("a fine long password", hash), 1);
    ck_assert_int_eq(tai_password_is("a fine long passwore", hash), 0);
    ck_assert_int_eq(tai_password_is("", hash), 0);
}
END_TEST

/* What bcrypt does not read must not be what makes it right. */
START_TEST(longer_than_the_longest_is_nobodys)
{
    char hash[TAI_PASSWORD_HASH_LEN + 1];

    ck_assert_int_eq(tai_password_hash(X60 "twelve bytes", hash), APR_SUCCESS);
    ck_assert_int_eq(tai_password_is(X60 "twelve bytes", hash), 1);
    ck_assert_int_eq(tai_password_is(X60 "twelve bytes and more", hash), 0);
}
END_TEST

/* apr_password_validate would take a plain text, and hashes that are quickly guessed. */
START_TEST(no_password_without_bcrypt)
{
    ck_assert_int_eq(tai_password_is("a plain password", NULL), 0);
    ck_assert_int_eq(tai_password_is("a plain password", "a plain password"), 0);
    ck_assert_int_eq(tai_password_is("password", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="), 0);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 120); /* bcrypt, under memcheck */
    tcase_add_loop_test(tests, password_of_row, 0, ROWS(passwords));
    tcase_add_test(tests, apr_takes_the_hash);
    tcase_add_test(tests, every_byte_counts);
    tcase_add_loop_test(tests, usable_hash_of_row, 0, ROWS(hashes));
    tcase_add_test(tests, only_the_password_is_it);
    tcase_add_test(tests, longer_than_the_longest_is_nobodys);
    tcase_add_test(tests, no_password_without_bcrypt);
}

int main(void)
{
    return unit_run("password", add);
}
