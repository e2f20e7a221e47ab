#include "name.h"
#include "key.h"
#include "text.h"

#include <string.h>
#include <apr_strings.h>

/* C1 is U+0080 to U+009F: in UTF-8 the byte C2 and one more. */
static int has_control(const char *name)
{
    const unsigned char *c;

    for (c = (const unsigned char *)name; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)) {
            return 1;
        }
    }
    return 0;
}

static int is_blank(const char *name)
{
    return name[strspn(name, " ")] == '\0';
}

static int is_secret(const char *text)
{
    int kind = 0;

    while (kind < TAI_KIND_COUNT && tai_key_shape((tai_kind_e)kind, text) != TAI_SHAPE_OURS) {
        kind++;
    }
    return kind < TAI_KIND_COUNT;
}

/* Pasted into the wrong field: it would stand in the database and in the audit log for good. */
static int has_secret(const char *name, apr_size_t len)
{
    char piece[TAI_KEY_LEN + 1];

    for (; len >= TAI_KEY_LEN; name++, len--) {
        apr_cpystrn(piece, name, sizeof(piece));
        if (is_secret(piece)) {
            return 1;
        }
    }
    return 0;
}

const char *tai_name_check(const char *what, const char *name, apr_size_t max, apr_pool_t *p)
{
    apr_size_t len = strlen(name);

    if (len <= max && !is_blank(name) && tai_text_is_utf8(name) && !has_control(name) &&
        !has_secret(name, len)) {
        return NULL;
    }
    return apr_psprintf(p,
                        "%s \"%s\" is not allowed: 1 to %" APR_SIZE_T_FMT
                        " bytes of UTF-8, not blanks alone, without control characters, and"
                        " no key or token in it",
                        what, tai_text_line(name, 2 * max, p), max);
}
