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

/* Pasted into the wrong field: it would stand in the database and in the audit log for good. */
static int is_secret(const char *name)
{
    int kind = 0;

    while (kind < TAI_KIND_COUNT && tai_key_shape((tai_kind_e)kind, name) != TAI_SHAPE_OURS) {
        kind++;
    }
    return kind < TAI_KIND_COUNT;
}

const char *tai_name_check(const char *what, const char *name, apr_size_t max, apr_pool_t *p)
{
    apr_size_t len = strlen(name);

    if (len >= 1 && len <= max && tai_text_is_utf8(name) && !has_control(name) &&
        !is_secret(name)) {
        return NULL;
    }
    return apr_psprintf(p,
                        "%s \"%s\" is not allowed: 1 to %" APR_SIZE_T_FMT
                        " bytes of UTF-8 without control characters, and no key or token",
                        what, tai_text_line(name, 2 * max, p), max);
}
