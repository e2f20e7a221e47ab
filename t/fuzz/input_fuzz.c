#include "core/input.h"
#include "fuzz.h"

#include <stddef.h>

typedef struct order_t {
    const char *name;
    const apr_array_header_t *scopes;
    apr_int64_t grace;
    int token;
} order_t;

static const tai_input_field_t fields[] = {
    {"name", TAI_INPUT_TEXT, 1, 0, offsetof(order_t, name)},
    {"scopes", TAI_INPUT_TEXTS, 0, 0, offsetof(order_t, scopes)},
    {"grace_seconds", TAI_INPUT_NUMBER, 0, 0, offsetof(order_t, grace)},
    {"token", TAI_INPUT_FLAG, 0, 1, offsetof(order_t, token)},
    {NULL, TAI_INPUT_TEXT, 0, 0, 0},
};

static int depth_of(json_t *json)
{
    const char *name;
    json_t *value;
    size_t i;
    int deepest = 0;

    json_object_foreach(json, name, value)
    {
        deepest = depth_of(value) > deepest ? depth_of(value) : deepest;
    }
    json_array_foreach(json, i, value)
    {
        deepest = depth_of(value) > deepest ? depth_of(value) : deepest;
    }
    return deepest + (json_is_object(json) || json_is_array(json));
}

static void check_read(json_t *object, apr_pool_t *pool)
{
    order_t order = {NULL, NULL, 0, 0};
    const char *error = tai_input_read(object, fields, &order, pool);

    MUST(error != NULL ? *error != '\0' : order.name != NULL);
    MUST(error != NULL || json_object_size(object) <= 4);
    MUST(error != NULL || order.scopes == NULL ||
         (order.scopes->nelts >= 1 && order.scopes->nelts <= 100));
}

/* The input is a body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    json_t *object = NULL;
    const char *error = tai_input_parse("The body", (const char *)data, size, pool, &object);

    MUST((error == NULL) == (object != NULL));
    if (object != NULL) {
        MUST(json_is_object(object));
        MUST(depth_of(object) <= TAI_INPUT_DEPTH);
        check_read(object, pool);
    }
    return 0;
}
