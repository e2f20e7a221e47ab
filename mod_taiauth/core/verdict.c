#include "verdict.h"

static const tai_code_t codes[] = {
#define X(name, status, title, text) [TAI_CODE_##name] = {#name, status, title, text},
    TAI_CODES(X)
#undef X
};

static const struct {
    const char *name;
    tai_code_e code;
} reasons[] = {
#define X(name, text, code) [TAI_##name] = {text, TAI_CODE_##code},
    TAI_REASONS(X)
#undef X
};

const tai_code_t *tai_code(tai_code_e code)
{
    return &codes[code];
}

tai_code_e tai_reason_code(tai_reason_e reason)
{
    return reasons[reason].code;
}

const char *tai_reason_name(tai_reason_e reason)
{
    return reasons[reason].name;
}
