#include "judge.h"

#include <stddef.h>
#include "scope.h"

static tai_reason_e judge_token(const tai_record_t *record, tai_token_e token,
                                const tai_digest_t *presented)
{
    if (token == TAI_TOKEN_NOT_ASKED) {
        return record->has_token ? TAI_TOKEN_NOT_ASKED_FOR : TAI_ADMITTED;
    }
    if (!record->has_token) {
        return TAI_TOKEN_NOT_ISSUED;
    }
    if (token == TAI_TOKEN_MALFORMED) {
        return TAI_TOKEN_SHAPE;
    }
    return tai_digest_same(&record->token, presented) ? TAI_ADMITTED : TAI_TOKEN_MISMATCH;
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

tai_reason_e tai_judge_key(const tai_record_t *record, tai_token_e token,
                           const tai_digest_t *presented, apr_int64_t now)
{
    tai_reason_e reason = judge_token(record, token, presented);

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
    if (tai_scope_listed(record->effective, scope)) {
        return TAI_ADMITTED;
    }
    return tai_scope_listed(record->scopes, scope) ? TAI_SCOPE_NOT_IN_PLAN : TAI_SCOPE_NOT_HELD;
}
