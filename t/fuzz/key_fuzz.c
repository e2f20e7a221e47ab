#include "core/key.h"
#include "fuzz.h"

static void check_shape(tai_kind_e kind, const char *text)
{
    size_t len = strlen(text);

    switch (tai_key_shape(kind, text)) {
    case TAI_SHAPE_OURS:
    case TAI_SHAPE_CHECKSUM:
        MUST(len == TAI_KEY_LEN);
        MUST(strncmp(text, kind == TAI_KIND_KEY ? "tai_" : "tat_", 4) == 0);
        break;
    case TAI_SHAPE_IMPORTED:
        MUST(len >= 22 && len <= 256);
        MUST(strpbrk(text, ", \t\r\n") == NULL);
        break;
    case TAI_SHAPE_REPEATED:
        MUST(strchr(text, ',') != NULL);
        break;
    case TAI_SHAPE_NONE:
        break;
    }
}

static void check_prefix(const char *text, apr_pool_t *pool)
{
    tai_shape_e shape = tai_key_shape(TAI_KIND_KEY, text);
    const char *shown;

    if (shape == TAI_SHAPE_REPEATED || shape == TAI_SHAPE_NONE) {
        return;
    }
    shown = tai_key_prefix(text, pool);
    MUST(strlen(shown) == (shape == TAI_SHAPE_IMPORTED ? 4 : TAI_KEY_PREFIX_LEN));
    MUST(strncmp(text, shown, strlen(shown)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    check_shape(TAI_KIND_KEY, text);
    check_shape(TAI_KIND_TOKEN, text);
    check_prefix(text, fuzz_pool());
    free(text);
    return 0;
}
