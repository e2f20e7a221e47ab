#include "judge.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include "digest.h"
#include "scope.h"

static tai_reason_e judge_token(const tai_record_t *record, tai_token_e token,
                                const char *token_hash)
{
    if (token == TAI_TOKEN_NOT_ASKED) {
        return record->token_hash ? TAI_TOKEN_NOT_ASKED_FOR : TAI_ADMITTED;
    }
    if (!record->token_hash) {
        return TAI_TOKEN_NOT_ISSUED;
    }
    if (token == TAI_TOKEN_MALFORMED) {
        return TAI_TOKEN_SHAPE;
    }
    return tai_digest_equal(record->token_hash, token_hash) ? TAI_ADMITTED : TAI_TOKEN_MISMATCH;
}

static tai_reason_e judge_life(const tai_record_t *record, apr_int64_t now)
{
    if (record->revoked_at != TAI_NEVER) {
        return TAI_KEY_REVOKED;
    }
    if (record->expires_at == TAI_NEVER) {
        return TAI_ADMITTED;
    }
    if (record->expires_at < 0) {
        return TAI_KEY_EXPIRY_MALFORMED;
    }
    return now < record->expires_at ? TAI_ADMITTED : TAI_KEY_EXPIRED;
}

static tai_reason_e judge_standing(const tai_record_t *record)
{
    switch (record->account_standing) {
    case TAI_STANDING_ACTIVE:
        break;
    case TAI_STANDING_SUSPENDED:
        return TAI_ACCOUNT_SUSPENDED;
    default:
        return TAI_ACCOUNT_CLOSED;
    }
    return record->user_standing == TAI_STANDING_ACTIVE ? TAI_ADMITTED : TAI_USER_DISABLED;
}

tai_reason_e tai_judge_key(const tai_record_t *record, tai_token_e token, const char *token_hash,
                           apr_int64_t now)
{
    tai_reason_e reason = judge_token(record, token, token_hash);

    if (reason == TAI_ADMITTED) {
        reason = judge_life(record, now);
    }
    if (reason == TAI_ADMITTED) {
        reason = judge_standing(record);
    }
    return reason;
}

tai_reason_e tai_judge_scope(const tai_record_t *record, const char *scope)
{
    if (!tai_scope_in(record->scopes, scope)) {
        return TAI_SCOPE_NOT_HELD;
    }
    return tai_scope_in(record->granted, scope) ? TAI_ADMITTED : TAI_SCOPE_NOT_IN_PLAN;
}

const char *tai_judge_effective(const tai_record_t *record, apr_pool_t *p)
{
    apr_array_header_t *effective = apr_array_make(p, record->scopes->nelts + 1, sizeof(char *));
    int i;

    for (i = 0; i < record->scopes->nelts; i++) {
        const char *scope = APR_ARRAY_IDX(record->scopes, i, const char *);

        if (tai_scope_in(record->granted, scope)) {
            APR_ARRAY_PUSH(effective, const char *) = scope;
        }
    }
    return apr_array_pstrcat(p, effective, ' ');
}
