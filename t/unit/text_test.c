#include "core/text.h"
#include "unit.h"

#include <string.h>

#define S30 "ssssssssssssssssssssssssssssss" /* secret: must never come out */

static const struct {
    const char *bytes;
    apr_size_t max;
    const char *line;
} lines[] = {
    {NULL, 16, "-"},
    {"", 16, ""},
    {"plain text, 100%s", 200, "plain text, 100%s"},
    /* escapes */
    {"a\"b\\c'd", 200, "a\\\"b\\\\c'd"},
    {"a\r\nb\tc", 200, "a\\x0d\\x0ab\\x09c"},
    {"\001\037 ~\177\200\377", 200, "\\x01\\x1f ~\\x7f\\x80\\xff"},
    {"\303\251", 200, "\\xc3\\xa9"},
    {"\033[31m", 200, "\\x1b[31m"},
    /* the cap: in characters of the result, no escape cut in two */
    {"0123456789abcdef", 16, "0123456789abcdef"},
    {"0123456789abcdefg", 16, "0123456789abc..."},
    {"0123456789abc\001", 16, "0123456789abc..."},
    {"0123456789ab\001", 16, "0123456789ab\\x01"},
    {"0123456789\001abc", 16, "0123456789..."},
    {"0123456789ab\001c", 16, "0123456789ab..."},
    {"\001\002\003\004", 16, "\\x01\\x02\\x03\\x04"},
    {"\001\002\003\004\005", 16, "\\x01\\x02\\x03..."},
    {"0123456789abc\"\"", 16, "0123456789abc..."},
    /* keys and tokens */
    {"tai_12345678" S30, 200, "tai_12345678..."},
    {"tat_12345678" S30, 200, "tat_12345678..."},
    {"tao_12345678" S30, 200, "tao_12345678..."},
    {"tai_12345678s", 200, "tai_12345678..."},
    {"tai_12345678", 200, "tai_12345678"},
    {"tai_12345678-sss", 200, "tai_12345678-sss"},
    {"tai_1234567-" S30, 200, "tai_1234567-" S30},
    {"tai_", 200, "tai_"},
    {"TAI_12345678" S30, 200, "TAI_12345678" S30},
    {"tab_12345678" S30, 200, "tab_12345678" S30},
    {"xtai_12345678" S30, 200, "xtai_12345678..."},
    {"key=\"tai_12345678" S30 "\" b", 200, "key=\\\"tai_12345678...\\\" b"},
    {"tai_12345678" S30 ", tat_abcdefgh" S30 " x", 200, "tai_12345678..., tat_abcdefgh... x"},
    {"tai_12345678" S30 "\n", 200, "tai_12345678...\\x0a"},
    /* back to back, one in the shown part of another, prefix after prefix */
    {"tai_12345678" S30 "tai_abcdefgh" S30, 200, "tai_12345678...tai_abcdefgh..."},
    {"tai_12345678tai_abcdefgh" S30, 200, "tai_12345678tai_abcdefgh..."},
    {"tai_123tai_abcdefgh" S30, 200, "tai_123tai_abcdefgh..."},
    {"tai_123456tat_abcdefgh" S30, 200, "tai_123456tat_abcdefgh..."},
    {"tai_tai_abcdefgh" S30, 200, "tai_tai_abcdefgh..."},
    {"tai_12345678sstai_abc", 200, "tai_12345678..._abc"},
    /* keys at the cap */
    {"tai_12345678" S30, 16, "tai_12345678..."},
    {"x tai_12345678" S30, 16, "x tai_1234567..."},
    {"0123456789 tai_12345678" S30, 16, "0123456789 ta..."},
    {"tai_12345678" S30 "ab", 16, "tai_12345678..."},
    {"tai_12345678" S30 " ab", 16, "tai_12345678..."},
};

START_TEST(line_of_row)
{
    const char *line = tai_text_line(lines[_i].bytes, lines[_i].max, pool);

    ck_assert_str_eq(line, lines[_i].line);
    ck_assert_uint_le(strlen(line), lines[_i].max);
}
END_TEST

/* Wherever the cap falls, nothing of the secret part comes out and the cap holds. */
START_TEST(no_cap_shows_a_secret)
{
    static const char bytes[] =
        "\"\001 tai_12345678" S30 "tat_abcdefgh" S30 "\377 tai_12345678" S30;

    for (apr_size_t max = 16; max < sizeof(bytes) + 16; max++) {
        const char *line = tai_text_line(bytes, max, pool);

        ck_assert_uint_le(strlen(line), max);
        ck_assert_msg(strchr(line, 's') == NULL, "%s", line);
    }
}
END_TEST

START_TEST(every_byte_is_harmless)
{
    for (int c = 1; c < 256; c++) {
        char bytes[] = {(char)c, '\0'};

        for (const char *out = tai_text_line(bytes, 16, pool); *out != '\0'; out++) {
            ck_assert_int_ge(*out, 0x20);
            ck_assert_int_le(*out, 0x7e);
        }
    }
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, line_of_row, 0, ROWS(lines));
    tcase_add_test(tests, no_cap_shows_a_secret);
    tcase_add_test(tests, every_byte_is_harmless);
}

int main(void)
{
    return unit_run("text", add);
}
