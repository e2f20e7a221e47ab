#include "core/limit.h"
#include "fuzz.h"

/* What was read is in range, and reads the same once written again. */
static void check_limit(const char *text, apr_pool_t *pool)
{
    tai_limit_t limit;
    tai_limit_t again;

    if (tai_limit_parse(text, &limit) != NULL) {
        return;
    }
    MUST(limit.max >= 1 && limit.max <= TAI_LIMIT_MAX);
    MUST(limit.window_ms >= TAI_WINDOW_MIN_MS && limit.window_ms <= TAI_WINDOW_MAX_MS);
    MUST(strstr(tai_limit_text(&limit, pool), " per ") != NULL);
    text = apr_psprintf(pool, "%u/%ums", limit.max, limit.window_ms);
    MUST(tai_limit_parse(text, &again) == NULL);
    MUST(again.max == limit.max && again.window_ms == limit.window_ms);
}

static void check_duration(const char *text)
{
    apr_uint32_t whole = 0;
    apr_uint32_t part = 0;
    int in_whole = tai_duration_parse(text, 0, APR_UINT32_MAX, &whole) == NULL;
    int in_part = tai_duration_parse(text, 100, 60000, &part) == NULL;

    MUST(in_part == (in_whole && whole >= 100 && whole <= 60000));
    MUST(!in_part || part == whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    check_limit(text, fuzz_pool());
    check_duration(text);
    free(text);
    return 0;
}
