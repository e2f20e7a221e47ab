#include "core/key.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AS       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ALPHABET "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/*
 * Stands in front of APR's: the operating system's bytes, except where a test says what comes. The
 * system gives at most 256 bytes at once, more than is asked for.
 */
static apr_status_t random_error = APR_SUCCESS;
static int random_next = -1; /* a byte: this one and those that follow it instead of random ones */

apr_status_t apr_generate_random_bytes(unsigned char *buf, apr_size_t length)
{
    if (random_error == APR_SUCCESS && getentropy(buf, length) != 0) {
        return APR_EGENERAL;
    }
    for (apr_size_t i = 0; random_next >= 0 && i < length; i++) {
        buf[i] = (unsigned char)random_next++;
    }
    return random_error;
}

static const char *const shape_name[] = {"OURS", "CHECKSUM", "IMPORTED", "REPEATED", "NONE"};

static const struct {
    const char *why;
    tai_kind_e kind;
    const char *text;
    tai_shape_e shape;
} shapes[] = {
    {"the published example", TAI_KIND_KEY, "tai_" AS "2Fjjgu", TAI_SHAPE_OURS},
    /* checksums of zlib.crc32 */
    {"a token", TAI_KIND_TOKEN, "tat_" AS "0QS0Cq", TAI_SHAPE_OURS},
    {"a ticket", TAI_KIND_TICKET, "tao_" AS "2vnuLM", TAI_SHAPE_OURS},
    {"a key's checksum on a ticket", TAI_KIND_TICKET, "tao_" AS "2Fjjgu", TAI_SHAPE_CHECKSUM},
    {"a key as ticket", TAI_KIND_TICKET, "tai_" AS "2Fjjgu", TAI_SHAPE_IMPORTED},
    {"a ticket as key", TAI_KIND_KEY, "tao_" AS "2vnuLM", TAI_SHAPE_IMPORTED},
    {"every third digit", TAI_KIND_KEY, "tai_0369CFILORUXadgjmpsvy147ADGJMPSV225qqe",
     TAI_SHAPE_OURS},
    {"leading zeros of the checksum", TAI_KIND_KEY, "tai_00000000000000000000000000000101005XJP",
     TAI_SHAPE_OURS},
    {"last digit of the checksum", TAI_KIND_KEY, "tai_" AS "2Fjjgv", TAI_SHAPE_CHECKSUM},
    {"first digit of the checksum", TAI_KIND_KEY, "tai_" AS "3Fjjgu", TAI_SHAPE_CHECKSUM},
    {"case of the checksum", TAI_KIND_KEY, "tai_" AS "2FJjgu", TAI_SHAPE_CHECKSUM},
    {"a random digit", TAI_KIND_KEY, "tai_BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2Fjjgu",
     TAI_SHAPE_CHECKSUM},
    {"a key's checksum on a token", TAI_KIND_TOKEN, "tat_" AS "2Fjjgu", TAI_SHAPE_CHECKSUM},
    {"a token as key", TAI_KIND_KEY, "tat_" AS "0QS0Cq", TAI_SHAPE_IMPORTED},
    {"a key as token", TAI_KIND_TOKEN, "tai_" AS "2Fjjgu", TAI_SHAPE_IMPORTED},
    {"one more", TAI_KIND_KEY, "tai_" AS "2Fjjgux", TAI_SHAPE_IMPORTED},
    {"one less", TAI_KIND_KEY, "tai_" AS "2Fjjg", TAI_SHAPE_IMPORTED},
    {"upper-case prefix", TAI_KIND_KEY, "TAI_" AS "2Fjjgu", TAI_SHAPE_IMPORTED},
    {"no base62", TAI_KIND_KEY, "tai_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-2Fjjgu", TAI_SHAPE_IMPORTED},
    {"21 visible", TAI_KIND_KEY, "zzzzzzzzzzzzzzzzzzzzz", TAI_SHAPE_NONE},
    {"22 visible", TAI_KIND_KEY, "zzzzzzzzzzzzzzzzzzzzzz", TAI_SHAPE_IMPORTED},
    {"least and largest visible", TAI_KIND_KEY, "!zzzzzzzzzzzzzzzzzzzz~", TAI_SHAPE_IMPORTED},
    {"31 hex", TAI_KIND_KEY, "0123456789abcdefABCDEF012345678", TAI_SHAPE_NONE},
    {"32 hex", TAI_KIND_KEY, "0123456789abcdefABCDEF0123456789", TAI_SHAPE_IMPORTED},
    {"31, one no hex", TAI_KIND_KEY, "0123456789abcdefABCDEF01234567g", TAI_SHAPE_IMPORTED},
    {"empty", TAI_KIND_KEY, "", TAI_SHAPE_NONE},
    {"prefix alone", TAI_KIND_KEY, "tai_", TAI_SHAPE_NONE},
    {"inner blank", TAI_KIND_KEY, "zzzzzzzzzzz zzzzzzzzzzz", TAI_SHAPE_NONE},
    {"leading blank", TAI_KIND_KEY, " tai_" AS "2Fjjgu", TAI_SHAPE_NONE},
    {"trailing blank", TAI_KIND_KEY, "tai_" AS "2Fjjgu ", TAI_SHAPE_NONE},
    {"line feed", TAI_KIND_KEY, "tai_" AS "2Fjjgu\n", TAI_SHAPE_NONE},
    {"DEL", TAI_KIND_KEY, "zzzzzzzzzzz\177zzzzzzzzzzz", TAI_SHAPE_NONE},
    {"UTF-8", TAI_KIND_KEY, "zzzzzzzzzzz\303\251zzzzzzzzzzz", TAI_SHAPE_NONE},
    {"merged fields", TAI_KIND_KEY, "tai_" AS "2Fjjgu, tai_" AS "2Fjjgu", TAI_SHAPE_REPEATED},
    {"comma alone", TAI_KIND_KEY, ",", TAI_SHAPE_REPEATED},
    {"comma for a digit", TAI_KIND_KEY, "tai_AAAAAAAAAAAAAAA,AAAAAAAAAAAAAAAA2Fjjgu",
     TAI_SHAPE_REPEATED},
    {"comma and control byte", TAI_KIND_KEY, "\001,", TAI_SHAPE_REPEATED},
};

START_TEST(shape_of_row)
{
    tai_shape_e shape = tai_key_shape(shapes[_i].kind, shapes[_i].text);

    ck_assert_msg(shape == shapes[_i].shape, "%s: %s, not %s", shapes[_i].why, shape_name[shape],
                  shape_name[shapes[_i].shape]);
}
END_TEST

START_TEST(imported_ends_at_256)
{
    char text[301];

    memset(text, 'z', sizeof(text));
    text[256] = '\0';
    ck_assert_int_eq(tai_key_shape(TAI_KIND_KEY, text), TAI_SHAPE_IMPORTED);
    text[256] = 'z';
    text[257] = '\0';
    ck_assert_int_eq(tai_key_shape(TAI_KIND_KEY, text), TAI_SHAPE_NONE);
}
END_TEST

/* Not NUL-terminated within its block: valgrind and AddressSanitizer see a 258th byte being read. */
START_TEST(reads_at_most_257)
{
    char *text = malloc(257);

    memset(text, 'z', 257);
    ck_assert_int_eq(tai_key_shape(TAI_KIND_KEY, text), TAI_SHAPE_NONE);
    text[256] = ',';
    ck_assert_int_eq(tai_key_shape(TAI_KIND_KEY, text), TAI_SHAPE_REPEATED);
    free(text);
}
END_TEST

/* Any one digit that changes is found out: a CRC misses no burst below 33 bits. */
START_TEST(every_typing_error_is_found)
{
    static const char key[] = "tai_0369CFILORUXadgjmpsvy147ADGJMPSV225qqe";

    for (int at = 4; at < TAI_KEY_LEN; at++) {
        for (const char *digit = ALPHABET; *digit != '\0'; digit++) {
            char text[TAI_KEY_LEN + 1];

            strcpy(text, key);
            text[at] = *digit;
            ck_assert_int_eq(tai_key_shape(TAI_KIND_KEY, text),
                             *digit == key[at] ? TAI_SHAPE_OURS : TAI_SHAPE_CHECKSUM);
        }
    }
}
END_TEST

START_TEST(digits_are_base62)
{
    for (int c = -128; c < 128; c++) {
        ck_assert_int_eq(tai_key_digit((char)c), c > 0 && strchr(ALPHABET, c) != NULL);
    }
}
END_TEST

static const struct {
    const char *text;
    const char *shown;
} prefixes[] = {
    {"tai_8f3a2b1cAAAAAAAAAAAAAAAAAAAAAAAA2Fjjgu", "tai_8f3a2b1c"},
    {"zyxwvutsrqponmlkjihgfedcba", "zyxw"},
    {"tai_8f3a2b1c-imported", "tai_"},
    {"tat_8f3a2b1cAAAAAAAAAAAAAAAAAAAAAAAA2Fjjgu", "tat_"},
};

START_TEST(prefix_of_row)
{
    ck_assert_str_eq(tai_key_prefix(prefixes[_i].text, pool), prefixes[_i].shown);
}
END_TEST

static const struct {
    tai_kind_e kind;
    const char *prefix;
} kinds[] = {
    {TAI_KIND_KEY, "tai_"},
    {TAI_KIND_TOKEN, "tat_"},
    {TAI_KIND_TICKET, "tao_"},
};

START_TEST(generated_is_ours)
{
    char text[TAI_KEY_LEN + 1];

    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(tai_key_generate(kinds[_i].kind, text), APR_SUCCESS);
        ck_assert_uint_eq(strlen(text), TAI_KEY_LEN);
        ck_assert_int_eq(strncmp(text, kinds[_i].prefix, 4), 0);
        ck_assert_int_eq(tai_key_shape(kinds[_i].kind, text), TAI_SHAPE_OURS);
    }
}
END_TEST

/* The first eight bytes are beyond 4 * 62 and must not become digits; the next are 0, 1, ... */
START_TEST(bytes_that_would_favour_digits_are_rejected)
{
    char text[TAI_KEY_LEN + 1];

    random_next = 248;
    ck_assert_int_eq(tai_key_generate(TAI_KIND_KEY, text), APR_SUCCESS);
    random_next = -1;
    text[36] = '\0';
    ck_assert_str_eq(text, "tai_0123456789ABCDEFGHIJKLMNOPQRSTUV");
}
END_TEST

START_TEST(no_key_without_random_bytes)
{
    char text[TAI_KEY_LEN + 1];

    memset(text, 'x', sizeof(text));
    random_error = APR_EGENERAL;
    ck_assert_int_eq(tai_key_generate(TAI_KIND_KEY, text), APR_EGENERAL);
    random_error = APR_SUCCESS;
    for (size_t i = 0; i < sizeof(text); i++) {
        ck_assert_int_eq(text[i], 0);
    }
}
END_TEST

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, TAI_KEY_LEN + 1);
}

/*
 * 20,000 keys: a digit is expected 322 times at each of the 32 random places and stays between 160
 * and 500 but once in 10^14 runs (nine standard deviations).
 */
START_TEST(random_digits_are_even)
{
    enum { KEYS = 20000 };
    static char keys[KEYS][TAI_KEY_LEN + 1];
    static int seen[32][256];

    for (int k = 0; k < KEYS; k++) {
        ck_assert_int_eq(tai_key_generate(TAI_KIND_KEY, keys[k]), APR_SUCCESS);
        for (int at = 0; at < 32; at++) {
            seen[at][(unsigned char)keys[k][4 + at]]++;
        }
    }
    for (int at = 0; at < 32; at++) {
        for (const char *digit = ALPHABET; *digit != '\0'; digit++) {
            int n = seen[at][(unsigned char)*digit];

            ck_assert_msg(n > 160 && n < 500, "%c at %d: %d times", *digit, at, n);
        }
    }
    qsort(keys, KEYS, sizeof(keys[0]), compare);
    for (int k = 1; k < KEYS; k++) {
        ck_assert_str_ne(keys[k - 1], keys[k]);
    }
}
END_TEST

START_TEST(a_shown_prefix_tells_ours_from_imported)
{
    ck_assert_int_eq(tai_key_prefix_shape("tai_8f3a2b1c"), TAI_SHAPE_OURS);
    ck_assert_int_eq(tai_key_prefix_shape("tai_"), TAI_SHAPE_IMPORTED);
    ck_assert_int_eq(tai_key_prefix_shape("abcdefghijkl"), TAI_SHAPE_IMPORTED);
    ck_assert_int_eq(tai_key_prefix_shape(""), TAI_SHAPE_IMPORTED);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, shape_of_row, 0, ROWS(shapes));
    tcase_add_test(tests, imported_ends_at_256);
    tcase_add_test(tests, reads_at_most_257);
    tcase_add_test(tests, every_typing_error_is_found);
    tcase_add_test(tests, digits_are_base62);
    tcase_add_loop_test(tests, prefix_of_row, 0, ROWS(prefixes));
    tcase_add_loop_test(tests, generated_is_ours, 0, ROWS(kinds));
    tcase_add_test(tests, bytes_that_would_favour_digits_are_rejected);
    tcase_add_test(tests, no_key_without_random_bytes);
    tcase_add_test(tests, random_digits_are_even);
    tcase_add_test(tests, a_shown_prefix_tells_ours_from_imported);
}

int main(void)
{
    return unit_run("key", add);
}
