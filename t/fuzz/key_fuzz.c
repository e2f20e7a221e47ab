#include "core/key.h"
#include "fuzz.h"

static void check(tai_kind_e kind, const char *text, apr_pool_t *pool)
{
    tai_shape_e shape = tai_key_shape(kind, text);
    size_t len = strlen(text);
    size_t shown;

    switch (shape) {
    case TAI_SHAPE_OURS:
    case TAI_SHAPE_CHECKSUM:
        MUST(len == TAI_KEY_LEN);
        break;
    case TAI_SHAPE_IMPORTED:
        MUST(len >= 22 && len <= 256);
        break;
    case TAI_SHAPE_REPEATED:
        MUST(strchr(text, ',') != NULL);
        return;
    case TAI_SHAPE_NONE:
        return;
    }
    shown = strlen(tai_key_prefix(text, pool));
    MUST(strchr(text, ',') == NULL && strchr(text, ' ') == NULL);
    MUST(strncmp(text, tai_key_prefix(text, pool), shown) == 0);
    MUST(shown == (kind == TAI_KIND_KEY && shape != TAI_SHAPE_IMPORTED ? TAI_KEY_PREFIX_LEN : 4) ||
         kind == TAI_KIND_TOKEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);

    check(TAI_KIND_KEY, text, pool);
    check(TAI_KIND_TOKEN, text, pool);
    free(text);
    return 0;
}
