#include "core/judge.h"
#include "core/digest.h"
#include "core/scope.h"
#include "unit.h"

#include <string.h>

#define NOW APR_INT64_C(1000000)

#define HASH  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Each row is a key and what is presented with it; the reasons are tested in the order promised. */
static const struct {
    tai_reason_e reason;
    const char *token_hash; /* of the record */
    tai_token_e token;
    const char *presented;
    apr_int64_t expires_at, revoked_at;
    tai_standing_e account, user;
} keys[] = {
    {TAI_ADMITTED, NULL, TAI_TOKEN_NOT_ASKED, NULL, TAI_NEVER, TAI_NEVER, 0, 0},
    {TAI_ADMITTED, NULL, TAI_TOKEN_NOT_ASKED, NULL, NOW + 1, TAI_NEVER, 0, 0},
    {TAI_ADMITTED, HASH, TAI_TOKEN_GIVEN, HASH, TAI_NEVER, TAI_NEVER, 0, 0},
    /* the second half */
    {TAI_TOKEN_NOT_ASKED_FOR, HASH, TAI_TOKEN_NOT_ASKED, NULL, TAI_NEVER, TAI_NEVER, 0, 0},
    {TAI_TOKEN_NOT_ASKED_FOR, HASH, TAI_TOKEN_NOT_ASKED, HASH, TAI_NEVER, TAI_NEVER, 0, 0},
    {TAI_TOKEN_NOT_ISSUED, NULL, TAI_TOKEN_GIVEN, HASH, TAI_NEVER, TAI_NEVER, 0, 0},
    {TAI_TOKEN_NOT_ISSUED, NULL, TAI_TOKEN_GIVEN, NULL, TAI_NEVER, TAI_NEVER, 0, 0},
    {TAI_TOKEN_SHAPE, HASH, TAI_TOKEN_MALFORMED, HASH, TAI_NEVER, TAI_NEVER, 0, 0},
    {TAI_TOKEN_MISMATCH, HASH, TAI_TOKEN_GIVEN, OTHER, TAI_NEVER, TAI_NEVER, 0, 0},
    {TAI_TOKEN_MISMATCH, HASH, TAI_TOKEN_GIVEN, "", TAI_NEVER, TAI_NEVER, 0, 0},
    {TAI_TOKEN_MISMATCH, HASH, TAI_TOKEN_GIVEN, NULL, TAI_NEVER, TAI_NEVER, 0, 0},
    /* its life */
    {TAI_KEY_REVOKED, NULL, TAI_TOKEN_NOT_ASKED, NULL, TAI_NEVER, 1, 0, 0},
    {TAI_KEY_REVOKED, NULL, TAI_TOKEN_NOT_ASKED, NULL, TAI_NEVER, 0, 0, 0},
    {TAI_KEY_REVOKED, NULL, TAI_TOKEN_NOT_ASKED, NULL, TAI_NEVER, NOW + 1, 0, 0},
    {TAI_KEY_REVOKED, NULL, TAI_TOKEN_NOT_ASKED, NULL, TAI_NEVER, TAI_MALFORMED, 0, 0},
    {TAI_KEY_EXPIRED, NULL, TAI_TOKEN_NOT_ASKED, NULL, NOW, TAI_NEVER, 0, 0},
    {TAI_KEY_EXPIRED, NULL, TAI_TOKEN_NOT_ASKED, NULL, 0, TAI_NEVER, 0, 0},
    {TAI_KEY_EXPIRY_MALFORMED, NULL, TAI_TOKEN_NOT_ASKED, NULL, TAI_MALFORMED, TAI_NEVER, 0, 0},
    {TAI_KEY_EXPIRY_MALFORMED, NULL, TAI_TOKEN_NOT_ASKED, NULL, -77, TAI_NEVER, 0, 0},
    /* standing */
    {TAI_ACCOUNT_SUSPENDED, NULL, 0, NULL, TAI_NEVER, TAI_NEVER, TAI_STANDING_SUSPENDED, 0},
    {TAI_ACCOUNT_CLOSED, NULL, 0, NULL, TAI_NEVER, TAI_NEVER, TAI_STANDING_CLOSED, 0},
    {TAI_ACCOUNT_CLOSED, NULL, 0, NULL, TAI_NEVER, TAI_NEVER, (tai_standing_e)99, 0},
    {TAI_USER_DISABLED, NULL, 0, NULL, TAI_NEVER, TAI_NEVER, 0, TAI_STANDING_SUSPENDED},
    {TAI_USER_DISABLED, NULL, 0, NULL, TAI_NEVER, TAI_NEVER, 0, TAI_STANDING_CLOSED},
    /* the order: token, revoked, expired, standing */
    {TAI_TOKEN_MISMATCH, HASH, TAI_TOKEN_GIVEN, OTHER, NOW, 1, TAI_STANDING_CLOSED, 0},
    {TAI_KEY_REVOKED, HASH, TAI_TOKEN_GIVEN, HASH, NOW, 1, TAI_STANDING_CLOSED, 0},
    {TAI_KEY_EXPIRED, HASH, TAI_TOKEN_GIVEN, HASH, NOW, TAI_NEVER, TAI_STANDING_CLOSED, 0},
    {TAI_ACCOUNT_SUSPENDED, NULL, 0, NULL, TAI_NEVER, TAI_NEVER, TAI_STANDING_SUSPENDED,
     TAI_STANDING_CLOSED},
};

START_TEST(key_of_row)
{
    tai_record_t record = {0};
    tai_reason_e reason;

    record.token_hash = keys[_i].token_hash;
    record.expires_at = keys[_i].expires_at;
    record.revoked_at = keys[_i].revoked_at;
    record.account_standing = keys[_i].account;
    record.user_standing = keys[_i].user;
    reason = tai_judge_key(&record, keys[_i].token, keys[_i].presented, NOW);
    ck_assert_msg(reason == keys[_i].reason, "row %d: %s, not %s", _i, tai_reason_name(reason),
                  tai_reason_name(keys[_i].reason));
}
END_TEST

static const struct {
    const char *held, *granted, *scope;
    tai_reason_e reason;
} scopes[] = {
    {"a:read b:write", "a:read b:write", "b:write", TAI_ADMITTED},
    {"a:read b:write", "a:read", "b:write", TAI_SCOPE_NOT_IN_PLAN},
    {"a:read", "a:read b:write", "b:write", TAI_SCOPE_NOT_HELD},
    {"", "", "b:write", TAI_SCOPE_NOT_HELD},
    {"a:read", "a:read", "a", TAI_SCOPE_NOT_HELD},
    {"a", "a", "a:read", TAI_SCOPE_NOT_HELD},
};

START_TEST(scope_of_row)
{
    tai_record_t record = {0};

    record.scopes = tai_scope_split(scopes[_i].held, pool);
    record.granted = tai_scope_split(scopes[_i].granted, pool);
    ck_assert_int_eq(tai_judge_scope(&record, scopes[_i].scope), scopes[_i].reason);
}
END_TEST

START_TEST(effective_scopes_are_those_of_both)
{
    tai_record_t record = {0};

    record.scopes = tai_scope_split("c b a", pool);
    record.granted = tai_scope_split("a d c", pool);
    ck_assert_str_eq(tai_judge_effective(&record, pool), "c a");
    record.granted = tai_scope_split(NULL, pool);
    ck_assert_str_eq(tai_judge_effective(&record, pool), "");
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, key_of_row, 0, ROWS(keys));
    tcase_add_loop_test(tests, scope_of_row, 0, ROWS(scopes));
    tcase_add_test(tests, effective_scopes_are_those_of_both);
}

int main(void)
{
    return unit_run("judge", add);
}
