#include "core/digest.h"
#include "unit.h"

#include <string.h>
#include <strings.h>

/* FIPS 180-4 examples, and what sha256sum says. */
static const struct {
    const char *text;
    const char *hex;
} known[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"tai_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2Fjjgu",
     "82351fabf9137df1868c19f7d57ab392d8a411d85cf5d210825dfa98565ec177"},
    {"\303\251\377", "e6c36aed9f5fabb910f32716a3a202453f387faea316fa8502f205a3e1bb71bd"},
};

START_TEST(known_digest)
{
    char hex[TAI_DIGEST_HEX + 1];

    ck_assert_int_eq(tai_digest_init(pool), APR_SUCCESS);
    ck_assert_int_eq(tai_digest_hex(known[_i].text, hex), APR_SUCCESS);
    ck_assert_str_eq(hex, known[_i].hex);
}
END_TEST

START_TEST(no_digest_outside_of_its_pool)
{
    char hex[TAI_DIGEST_HEX + 1] = "x";

    ck_assert_int_eq(tai_digest_hex("abc", hex), APR_EGENERAL);
    ck_assert_str_eq(hex, "");
    ck_assert_int_eq(tai_digest_init(pool), APR_SUCCESS);
    apr_pool_clear(pool);
    ck_assert_int_eq(tai_digest_hex("abc", hex), APR_EGENERAL);
    ck_assert_int_eq(tai_digest_init(pool), APR_SUCCESS);
    ck_assert_int_eq(tai_digest_hex("abc", hex), APR_SUCCESS);
}
END_TEST

#define ZEROS63 "000000000000000000000000000000000000000000000000000000000000000"

/* The text, and whether it is a digest. */
static const struct {
    const char *hex;
    int is_one;
} texts[] = {
    {ZEROS63 "0", 1}, {ZEROS63 "f", 1},  {ZEROS63 "F", 1}, {ZEROS63 "g", 0}, {ZEROS63 " ", 0},
    {ZEROS63, 0},     {ZEROS63 "00", 0}, {"", 0},          {":" ZEROS63, 0},
};

START_TEST(text_of_row)
{
    tai_digest_t digest;

    ck_assert_int_eq(tai_digest_from_hex(texts[_i].hex, &digest), texts[_i].is_one);
    if (texts[_i].is_one) {
        char hex[TAI_DIGEST_HEX + 1];

        tai_digest_to_hex(&digest, hex);
        ck_assert_int_eq(strcasecmp(hex, texts[_i].hex), 0);
    }
}
END_TEST

START_TEST(every_byte_counts)
{
    tai_digest_t a = {{0}}, b = {{0}};

    for (int at = 0; at < TAI_DIGEST_BYTES; at++) {
        b.bytes[at] = 1;
        ck_assert_int_eq(tai_digest_same(&a, &b), 0);
        b.bytes[at] = 0;
    }
    ck_assert_int_eq(tai_digest_same(&a, &b), 1);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, known_digest, 0, ROWS(known));
    tcase_add_test(tests, no_digest_outside_of_its_pool);
    tcase_add_loop_test(tests, text_of_row, 0, ROWS(texts));
    tcase_add_test(tests, every_byte_counts);
}

int main(void)
{
    return unit_run("digest", add);
}
