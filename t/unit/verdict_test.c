#include "core/verdict.h"
#include "unit.h"

#include <string.h>

/* Clients depend on these, so they stand here a second time. */
static const struct {
    tai_code_e code;
    const char *name;
    int status;
} codes[] = {
    {TAI_CODE_ADMITTED, "ADMITTED", 200},
    {TAI_CODE_MISSING_API_KEY, "MISSING_API_KEY", 401},
    {TAI_CODE_INVALID_API_KEY, "INVALID_API_KEY", 401},
    {TAI_CODE_INSUFFICIENT_SCOPE, "INSUFFICIENT_SCOPE", 403},
    {TAI_CODE_FORBIDDEN, "FORBIDDEN", 403},
    {TAI_CODE_ACCOUNT_SUSPENDED, "ACCOUNT_SUSPENDED", 403},
    {TAI_CODE_METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", 405},
    {TAI_CODE_RATE_LIMITED, "RATE_LIMITED", 429},
    {TAI_CODE_LOCKED_OUT, "LOCKED_OUT", 429},
    {TAI_CODE_AUTH_UNAVAILABLE, "AUTH_UNAVAILABLE", 503},
    {TAI_CODE_BAD_REQUEST, "BAD_REQUEST", 400},
    {TAI_CODE_UNAUTHENTICATED, "UNAUTHENTICATED", 401},
    {TAI_CODE_NOT_PRIMARY_ADMIN, "NOT_PRIMARY_ADMIN", 403},
    {TAI_CODE_PLAN_REQUIRED, "PLAN_REQUIRED", 403},
    {TAI_CODE_CROSS_SITE, "CROSS_SITE", 403},
    {TAI_CODE_TLS_REQUIRED, "TLS_REQUIRED", 403},
    {TAI_CODE_NOT_FOUND, "NOT_FOUND", 404},
    {TAI_CODE_SCOPES_IMMUTABLE, "SCOPES_IMMUTABLE", 409},
    {TAI_CODE_KEY_LIMIT_REACHED, "KEY_LIMIT_REACHED", 409},
    {TAI_CODE_KEY_NOT_ACTIVE, "KEY_NOT_ACTIVE", 409},
    {TAI_CODE_TOO_LARGE, "TOO_LARGE", 413},
    {TAI_CODE_UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", 415},
};

static const struct {
    tai_reason_e reason;
    const char *name;
    tai_code_e code;
} reasons[] = {
    {TAI_ADMITTED, "admitted", TAI_CODE_ADMITTED},
    {TAI_ANONYMOUS, "anonymous", TAI_CODE_ADMITTED},
    {TAI_PREFLIGHT, "preflight", TAI_CODE_ADMITTED},
    {TAI_KEY_MISSING, "key_missing", TAI_CODE_MISSING_API_KEY},
    {TAI_TOKEN_MISSING, "token_missing", TAI_CODE_MISSING_API_KEY},
    {TAI_KEY_REPEATED, "key_repeated", TAI_CODE_INVALID_API_KEY},
    {TAI_KEY_MALFORMED, "key_malformed", TAI_CODE_INVALID_API_KEY},
    {TAI_KEY_CHECKSUM, "key_checksum", TAI_CODE_INVALID_API_KEY},
    {TAI_KEY_UNKNOWN, "key_unknown", TAI_CODE_INVALID_API_KEY},
    {TAI_KEY_REVOKED, "key_revoked", TAI_CODE_INVALID_API_KEY},
    {TAI_KEY_EXPIRED, "key_expired", TAI_CODE_INVALID_API_KEY},
    {TAI_KEY_EXPIRY_MALFORMED, "key_expiry_malformed", TAI_CODE_INVALID_API_KEY},
    {TAI_TOKEN_SHAPE, "token_malformed", TAI_CODE_INVALID_API_KEY},
    {TAI_TOKEN_MISMATCH, "token_mismatch", TAI_CODE_INVALID_API_KEY},
    {TAI_TOKEN_NOT_ASKED_FOR, "token_not_asked", TAI_CODE_INVALID_API_KEY},
    {TAI_TOKEN_NOT_ISSUED, "token_not_issued", TAI_CODE_INVALID_API_KEY},
    {TAI_ACCOUNT_SUSPENDED, "account_suspended", TAI_CODE_ACCOUNT_SUSPENDED},
    {TAI_ACCOUNT_CLOSED, "account_closed", TAI_CODE_ACCOUNT_SUSPENDED},
    {TAI_USER_DISABLED, "user_disabled", TAI_CODE_ACCOUNT_SUSPENDED},
    {TAI_SCOPE_NOT_HELD, "scope_not_held", TAI_CODE_INSUFFICIENT_SCOPE},
    {TAI_SCOPE_NOT_IN_PLAN, "scope_not_in_plan", TAI_CODE_INSUFFICIENT_SCOPE},
    {TAI_REQUIRE_REFUSED, "require_refused", TAI_CODE_FORBIDDEN},
    {TAI_METHOD_NOT_ALLOWED, "method_not_allowed", TAI_CODE_METHOD_NOT_ALLOWED},
    {TAI_RATE_LIMITED, "rate_limited", TAI_CODE_RATE_LIMITED},
    {TAI_CLIENT_LOCKED, "client_locked", TAI_CODE_LOCKED_OUT},
    {TAI_PAIR_LOCKED, "pair_locked", TAI_CODE_LOCKED_OUT},
    {TAI_CLIENT_LOOKUPS, "client_lookups", TAI_CODE_LOCKED_OUT},
    {TAI_NODE_LOOKUPS, "node_lookups", TAI_CODE_AUTH_UNAVAILABLE},
    {TAI_DATABASE, "database", TAI_CODE_AUTH_UNAVAILABLE},
    {TAI_SHARED_MEMORY, "shared_memory", TAI_CODE_AUTH_UNAVAILABLE},
    {TAI_LIMITER, "limiter", TAI_CODE_AUTH_UNAVAILABLE},
    {TAI_DIGEST, "digest", TAI_CODE_AUTH_UNAVAILABLE},
    {TAI_MANAGED, "managed", TAI_CODE_ADMITTED},
    {TAI_BAD_REQUEST, "bad_request", TAI_CODE_BAD_REQUEST},
    {TAI_CALLER_UNKNOWN, "caller_unknown", TAI_CODE_UNAUTHENTICATED},
    {TAI_CALLER_DISAGREES, "caller_disagrees", TAI_CODE_UNAUTHENTICATED},
    {TAI_CALLER_FORBIDDEN, "caller_forbidden", TAI_CODE_FORBIDDEN},
    {TAI_LOGIN_FAILED, "login_failed", TAI_CODE_UNAUTHENTICATED},
    {TAI_LOGIN_LOCKED, "login_locked", TAI_CODE_LOCKED_OUT},
    {TAI_LOGIN_BUSY, "login_busy", TAI_CODE_AUTH_UNAVAILABLE},
    {TAI_LOGIN_PROVIDER, "login_provider", TAI_CODE_AUTH_UNAVAILABLE},
    {TAI_REVOCATIONS_BUSY, "revocations_busy", TAI_CODE_AUTH_UNAVAILABLE},
    {TAI_CALLER_SUSPENDED, "caller_suspended", TAI_CODE_ACCOUNT_SUSPENDED},
    {TAI_NOT_PRIMARY_ADMIN, "not_primary_admin", TAI_CODE_NOT_PRIMARY_ADMIN},
    {TAI_PLAN_REQUIRED, "plan_required", TAI_CODE_PLAN_REQUIRED},
    {TAI_CROSS_SITE, "cross_site", TAI_CODE_CROSS_SITE},
    {TAI_TLS_REQUIRED, "tls_required", TAI_CODE_TLS_REQUIRED},
    {TAI_NOT_FOUND, "not_found", TAI_CODE_NOT_FOUND},
    {TAI_SCOPES_IMMUTABLE, "scopes_immutable", TAI_CODE_SCOPES_IMMUTABLE},
    {TAI_KEY_LIMIT_REACHED, "key_limit_reached", TAI_CODE_KEY_LIMIT_REACHED},
    {TAI_KEY_NOT_ACTIVE, "key_not_active", TAI_CODE_KEY_NOT_ACTIVE},
    {TAI_TOO_LARGE, "too_large", TAI_CODE_TOO_LARGE},
    {TAI_MEDIA_TYPE, "media_type", TAI_CODE_UNSUPPORTED_MEDIA_TYPE},
    {TAI_UNDECIDED, "undecided", TAI_CODE_AUTH_UNAVAILABLE},
};

START_TEST(code_of_row)
{
    const tai_code_t *code = tai_code(codes[_i].code);

    ck_assert_str_eq(code->name, codes[_i].name);
    ck_assert_int_eq(code->status, codes[_i].status);
    ck_assert_msg(code->title != NULL && *code->title != '\0', "%s has no title", code->name);
    ck_assert_msg(code->text == NULL || *code->text != '\0', "%s has an empty text", code->name);
}
END_TEST

START_TEST(reason_of_row)
{
    ck_assert_str_eq(tai_reason_name(reasons[_i].reason), reasons[_i].name);
    ck_assert_msg(tai_reason_code(reasons[_i].reason) == reasons[_i].code, "%s is %s",
                  reasons[_i].name, tai_code(tai_reason_code(reasons[_i].reason))->name);
}
END_TEST

START_TEST(tables_are_complete)
{
    ck_assert_int_eq(ROWS(codes), TAI_CODE_COUNT);
    ck_assert_int_eq(ROWS(reasons), TAI_REASON_COUNT);
}
END_TEST

START_TEST(names_are_unique)
{
    for (int a = 0; a < TAI_CODE_COUNT; a++) {
        for (int b = 0; b < a; b++) {
            ck_assert_str_ne(tai_code(a)->name, tai_code(b)->name);
            ck_assert_str_ne(tai_code(a)->title, tai_code(b)->title);
        }
    }
    for (int a = 0; a < TAI_REASON_COUNT; a++) {
        for (int b = 0; b < a; b++) {
            ck_assert_str_ne(tai_reason_name(a), tai_reason_name(b));
        }
    }
}
END_TEST

/* Names of reasons are label values of the metrics page. */
START_TEST(names_of_reasons_are_plain)
{
    for (int i = 0; i < TAI_REASON_COUNT; i++) {
        const char *name = tai_reason_name(i);

        ck_assert_msg(name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")] == '\0', "%s", name);
    }
}
END_TEST

START_TEST(every_code_has_a_reason)
{
    for (int code = 0; code < TAI_CODE_COUNT; code++) {
        int n = 0;

        for (int reason = 0; reason < TAI_REASON_COUNT; reason++) {
            n += tai_reason_code(reason) == (tai_code_e)code;
        }
        ck_assert_msg(n > 0, "no reason leads to %s", tai_code(code)->name);
    }
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, code_of_row, 0, ROWS(codes));
    tcase_add_loop_test(tests, reason_of_row, 0, ROWS(reasons));
    tcase_add_test(tests, tables_are_complete);
    tcase_add_test(tests, names_are_unique);
    tcase_add_test(tests, names_of_reasons_are_plain);
    tcase_add_test(tests, every_code_has_a_reason);
}

int main(void)
{
    return unit_run("verdict", add);
}
