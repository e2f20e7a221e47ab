#include "core/refusal.h"
#include "fuzz.h"

#include <jansson.h>

static void check(const tai_refusal_t *refusal, tai_format_e format, apr_pool_t *pool)
{
    json_t *json =
        json_loads(tai_refusal_body(refusal, format, pool), JSON_REJECT_DUPLICATES, NULL);

    MUST(json_object_size(json) >= 2);
    json_decref(json);
}

/* The first byte is the reason, the rest a text; it becomes the refusal, a scope and a plan. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = size > 0 ? fuzz_text(data + 1, size - 1) : fuzz_text(data, size);
    apr_array_header_t *titles = apr_array_make(pool, 2, sizeof(const char *));
    tai_refusal_t refusal = {.retry_after = (apr_uint32_t)size};
    const char *texts[3];

    refusal.reason = (tai_reason_e)(size > 0 ? data[0] % TAI_REASON_COUNT : 0);
    APR_ARRAY_PUSH(titles, const char *) = text;
    APR_ARRAY_PUSH(titles, const char *) = "Pro";
    texts[0] = text;
    texts[1] = tai_refusal_scope_text(text, pool);
    texts[2] = tai_refusal_plan_text(text, titles, pool);
    for (int i = 0; i < 3; i++) {
        refusal.text = texts[i];
        check(&refusal, TAI_FORMAT_JSON, pool);
        check(&refusal, TAI_FORMAT_ENVELOPE, pool);
        check(&refusal, TAI_FORMAT_PROBLEM, pool);
    }
    free(text);
    return 0;
}
