#include "core/judge.h"
#include "unit.h"

#define NOW APR_INT64_C(1000000)

#define HASH  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Each row is a key and what is presented with it; the reasons are tested in the order promised. */
static const struct {
    tai_reason_e reason;
    const char *issued; /* digest of the record's token */
    tai_token_e token;
    const char *presented; /* digest of the token that came with it */
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

/* hex NULL: none was presented */
static tai_digest_t digest_of(const char *hex)
{
    tai_digest_t digest = {{0}};

    ck_assert(hex == NULL || tai_digest_from_hex(hex, &digest));
    return digest;
}

START_TEST(key_of_row)
{
    const tai_digest_t presented = digest_of(keys[_i].presented);
    tai_record_t record = {0};
    tai_reason_e reason;

    record.has_token = keys[_i].issued != NULL;
    record.token = digest_of(keys[_i].issued);
    record.expires_at = keys[_i].expires_at;
    record.revoked_at = keys[_i].revoked_at;
    record.account_standing = keys[_i].account;
    record.user_standing = keys[_i].user;
    reason = tai_judge_key(&record, keys[_i].token, &presented, NOW);
    ck_assert_msg(reason == keys[_i].reason, "row %d: %s, not %s", _i, tai_reason_name(reason),
                  tai_reason_name(keys[_i].reason));
}
END_TEST

static const struct {
    const char *held, *effective, *scope;
    tai_reason_e reason;
} scopes[] = {
    {"a:read b:write", "a:read b:write", "b:write", TAI_ADMITTED},
    {"a:read b:write", "a:read", "b:write", TAI_SCOPE_NOT_IN_PLAN},
    {"a:read", "a:read", "b:write", TAI_SCOPE_NOT_HELD},
    {"a:read b:write", "", "b:write", TAI_SCOPE_NOT_IN_PLAN},
    {"", "", "b:write", TAI_SCOPE_NOT_HELD},
    {"a:read", "a:read", "a", TAI_SCOPE_NOT_HELD},
    {"a", "a", "a:read", TAI_SCOPE_NOT_HELD},
};

START_TEST(scope_of_row)
{
    tai_record_t record = {0};

    record.scopes = scopes[_i].held;
    record.effective = scopes[_i].effective;
    ck_assert_int_eq(tai_judge_scope(&record, scopes[_i].scope), scopes[_i].reason);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, key_of_row, 0, ROWS(keys));
    tcase_add_loop_test(tests, scope_of_row, 0, ROWS(scopes));
}

int main(void)
{
    return unit_run("judge", add);
}
