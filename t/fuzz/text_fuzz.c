#include "core/text.h"
#include "fuzz.h"

#define BASE62 "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static int starts_key(const char *text)
{
    return strncmp(text, "tai_", 4) == 0 || strncmp(text, "tat_", 4) == 0;
}

/* A whole line: visible, and of each key at most eight digits before it ends or another begins. */
static void check_whole(const char *line)
{
    for (const char *c = line; *c != '\0'; c++) {
        int digits = 0;

        MUST(*c >= 0x20 && *c <= 0x7e);
        if (starts_key(c)) {
            for (const char *d = c + 4; *d != '\0' && strchr(BASE62, *d) && !starts_key(d); d++) {
                digits++;
            }
        }
        MUST(digits <= 8);
    }
}

/* A line that was cut: the beginning of the whole one, and the mark. */
static void check_cut(const char *line, const char *whole, size_t max)
{
    size_t len = strlen(line);

    MUST(len <= max);
    if (strcmp(line, whole) != 0) {
        MUST(strlen(whole) > max);
        MUST(len >= 3 && strcmp(line + len - 3, "...") == 0);
        MUST(strncmp(line, whole, len - 3) == 0);
    }
}

/* The first byte says how long the line may be, the rest is what a client sent. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    size_t max = size > 0 ? 16 + (size_t)data[0] : 16;
    char *text = size > 0 ? fuzz_text(data + 1, size - 1) : NULL;
    const char *whole = tai_text_line(text, 16 + 4 * size, pool);

    check_whole(whole);
    check_cut(tai_text_line(text, max, pool), whole, max);
    free(text);
    return 0;
}
