#include "core/refusal.h"
#include "unit.h"

#include <string.h>
#include <jansson.h>

static const struct {
    tai_refusal_t refusal;
    tai_format_e format;
    int status;
    const char *body;
} refusals[] = {
    {{TAI_SCOPE_NOT_HELD, "This action requires the \"programs:write\" scope.", 0, "programs:write",
      0},
     TAI_FORMAT_JSON,
     403,
     "{\"error\": \"This action requires the \\\"programs:write\\\" scope.\", "
     "\"code\": \"INSUFFICIENT_SCOPE\"}\n"},
    {{TAI_RATE_LIMITED, "Slow down.", 37, NULL, 0},
     TAI_FORMAT_JSON,
     429,
     "{\"error\": \"Slow down.\", \"code\": \"RATE_LIMITED\", \"retry_after\": 37}\n"},
    {{TAI_CLIENT_LOCKED, "Locked.", 4294967, NULL, 0},
     TAI_FORMAT_JSON,
     429,
     "{\"error\": \"Locked.\", \"code\": \"LOCKED_OUT\", \"retry_after\": 4294967}\n"},
    {{TAI_RATE_LIMITED, "Slow down.", 0, NULL, 0},
     TAI_FORMAT_JSON,
     429,
     "{\"error\": \"Slow down.\", \"code\": \"RATE_LIMITED\"}\n"},
    {{TAI_DATABASE, "Later.", 5, NULL, 0},
     TAI_FORMAT_JSON,
     503,
     "{\"error\": \"Later.\", \"code\": \"AUTH_UNAVAILABLE\"}\n"},
    {{TAI_KEY_MISSING, "No key.", 0, NULL, 0},
     TAI_FORMAT_ENVELOPE,
     401,
     "{\"errors\": [\"No key.\"], \"data\": []}\n"},
    {{TAI_SCOPE_NOT_HELD, "Not yours.", 0, "a:b", 0},
     TAI_FORMAT_ENVELOPE,
     200,
     "{\"errors\": [\"Not yours.\"], \"data\": []}\n"},
    {{TAI_RATE_LIMITED, "Slow down.", 37, NULL, 0},
     TAI_FORMAT_ENVELOPE,
     429,
     "{\"errors\": [\"Slow down.\"], \"data\": []}\n"},
    {{TAI_SCOPE_NOT_IN_PLAN, "Not yours.", 0, "a:b", 0},
     TAI_FORMAT_PROBLEM,
     403,
     "{\"type\": \"urn:taiauth:problem:insufficient_scope\", \"title\": \"Insufficient scope\", "
     "\"status\": 403, \"detail\": \"Not yours.\", \"code\": \"INSUFFICIENT_SCOPE\", "
     "\"error\": \"Not yours.\"}\n"},
    {{TAI_RATE_LIMITED, "Slow down.", 1, NULL, 0},
     TAI_FORMAT_PROBLEM,
     429,
     "{\"type\": \"urn:taiauth:problem:rate_limited\", \"title\": \"Rate limit exceeded\", "
     "\"status\": 429, \"detail\": \"Slow down.\", \"code\": \"RATE_LIMITED\", "
     "\"error\": \"Slow down.\", \"retry_after\": 1}\n"},
    /* texts that need care */
    {{TAI_KEY_UNKNOWN, "\"\\\n\001\302\240</script>", 0, NULL, 0},
     TAI_FORMAT_ENVELOPE,
     401,
     "{\"errors\": [\"\\\"\\\\\\n\\u0001\302\240</script>\"], \"data\": []}\n"},
    {{TAI_KEY_UNKNOWN, "", 0, NULL, 0},
     TAI_FORMAT_ENVELOPE,
     401,
     "{\"errors\": [\"\"], \"data\": []}\n"},
    {{TAI_KEY_UNKNOWN, "\303", 0, NULL, 0},
     TAI_FORMAT_JSON,
     401,
     "{\"error\": \"The API key is invalid.\", \"code\": \"INVALID_API_KEY\"}\n"},
    {{TAI_KEY_UNKNOWN, NULL, 0, NULL, 0},
     TAI_FORMAT_ENVELOPE,
     401,
     "{\"errors\": [\"The API key is invalid.\"], \"data\": []}\n"},
    {{TAI_SCOPE_NOT_HELD, "\300\257", 0, NULL, 0},
     TAI_FORMAT_JSON,
     403,
     "{\"error\": \"Insufficient scope\", \"code\": \"INSUFFICIENT_SCOPE\"}\n"},
    {{TAI_SCOPE_NOT_HELD, "\355\240\200", 0, NULL, 0},
     TAI_FORMAT_PROBLEM,
     403,
     "{\"type\": \"urn:taiauth:problem:insufficient_scope\", \"title\": \"Insufficient scope\", "
     "\"status\": 403, \"detail\": \"Insufficient scope\", \"code\": \"INSUFFICIENT_SCOPE\", "
     "\"error\": \"Insufficient scope\"}\n"},
};

START_TEST(refusal_of_row)
{
    const tai_refusal_t *refusal = &refusals[_i].refusal;

    ck_assert_str_eq(tai_refusal_body(refusal, refusals[_i].format, pool), refusals[_i].body);
    ck_assert_int_eq(tai_refusal_status(refusal, refusals[_i].format), refusals[_i].status);
}
END_TEST

/* Only in the envelope, and only to whom is known: by his key, or to the management API. */
static int envelope_status(const tai_refusal_t *refusal, int status)
{
    int kept = status == 401 || status == 405 || status == 429 || status == 503;

    return !kept && (refusal->reason < TAI_MANAGED || refusal->caller_known) ? 200 : status;
}

START_TEST(status_of_every_reason)
{
    int status = tai_code(tai_reason_code((tai_reason_e)_i))->status;

    for (int known = 0; known <= 1; known++) {
        tai_refusal_t refusal = {.reason = (tai_reason_e)_i, .text = "x", .caller_known = known};

        ck_assert_int_eq(tai_refusal_status(&refusal, TAI_FORMAT_JSON), status);
        ck_assert_int_eq(tai_refusal_status(&refusal, TAI_FORMAT_PROBLEM), status);
        ck_assert_int_eq(tai_refusal_status(&refusal, TAI_FORMAT_ENVELOPE),
                         envelope_status(&refusal, status));
    }
}
END_TEST

/* The statuses that the contract names, not derived from anything. */
static const struct {
    tai_reason_e reason;
    int to_stranger, to_caller;
} managed[] = {
    {TAI_BAD_REQUEST, 400, 200},        {TAI_CALLER_UNKNOWN, 401, 401},
    {TAI_CALLER_FORBIDDEN, 403, 200},   {TAI_CALLER_SUSPENDED, 403, 200},
    {TAI_NOT_PRIMARY_ADMIN, 403, 200},  {TAI_PLAN_REQUIRED, 403, 200},
    {TAI_CROSS_SITE, 403, 200},         {TAI_TLS_REQUIRED, 403, 200},
    {TAI_NOT_FOUND, 404, 200},          {TAI_SCOPES_IMMUTABLE, 409, 200},
    {TAI_KEY_LIMIT_REACHED, 409, 200},  {TAI_KEY_NOT_ACTIVE, 409, 200},
    {TAI_TOO_LARGE, 413, 200},          {TAI_MEDIA_TYPE, 415, 200},
    {TAI_METHOD_NOT_ALLOWED, 405, 405}, {TAI_LOGIN_LOCKED, 429, 429},
    {TAI_LOGIN_BUSY, 503, 503},
};

START_TEST(envelope_of_management)
{
    tai_refusal_t refusal = {.reason = managed[_i].reason, .text = "x"};

    ck_assert_int_eq(tai_refusal_status(&refusal, TAI_FORMAT_ENVELOPE), managed[_i].to_stranger);
    refusal.caller_known = 1;
    ck_assert_int_eq(tai_refusal_status(&refusal, TAI_FORMAT_ENVELOPE), managed[_i].to_caller);
}
END_TEST

START_TEST(body_of_every_reason_is_json)
{
    static const char *const texts[] = {"text", "\377", NULL};

    for (int format = TAI_FORMAT_JSON; format <= TAI_FORMAT_PROBLEM; format++) {
        for (int i = 0; i < ROWS(texts); i++) {
            tai_refusal_t refusal = {
                .reason = (tai_reason_e)_i, .text = texts[i], .retry_after = 1};
            const char *body = tai_refusal_body(&refusal, (tai_format_e)format, pool);
            json_t *json = json_loads(body, JSON_REJECT_DUPLICATES, NULL);

            ck_assert_msg(json_object_size(json) >= 2, "%s", body);
            ck_assert_msg(body[strlen(body) - 1] == '\n', "%s", body);
            json_decref(json);
        }
    }
}
END_TEST

START_TEST(types)
{
    ck_assert_str_eq(tai_refusal_type(TAI_FORMAT_JSON), "application/json");
    ck_assert_str_eq(tai_refusal_type(TAI_FORMAT_ENVELOPE), "application/json");
    ck_assert_str_eq(tai_refusal_type(TAI_FORMAT_PROBLEM), "application/problem+json");
}
END_TEST

START_TEST(scope_text)
{
    ck_assert_str_eq(tai_refusal_scope_text("programs:write", pool),
                     "This action requires the \"programs:write\" scope.");
}
END_TEST

static const struct {
    const char *titles[4];
    const char *text;
} plans[] = {
    {{NULL}, "The \"a:b\" scope is not part of any plan."},
    {{"Pro"}, "The \"a:b\" scope requires a Pro plan."},
    {{"Claimed", "Pro"}, "The \"a:b\" scope requires a Claimed or Pro plan."},
    {{"Free", "Claimed", "Pro"}, "The \"a:b\" scope requires a Free, Claimed or Pro plan."},
    {{"A", "B", "C", "D"}, "The \"a:b\" scope requires an A, B, C or D plan."},
    {{"Enterprise", "Pro"}, "The \"a:b\" scope requires an Enterprise or Pro plan."},
    {{"open"}, "The \"a:b\" scope requires an open plan."},
    {{""}, "The \"a:b\" scope requires a  plan."},
};

START_TEST(plan_text_of_row)
{
    apr_array_header_t *titles = apr_array_make(pool, 4, sizeof(const char *));

    for (int i = 0; i < 4 && plans[_i].titles[i] != NULL; i++) {
        APR_ARRAY_PUSH(titles, const char *) = plans[_i].titles[i];
    }
    ck_assert_str_eq(tai_refusal_plan_text("a:b", titles, pool), plans[_i].text);
}
END_TEST

START_TEST(plan_text_without_titles)
{
    ck_assert_str_eq(tai_refusal_plan_text("a:b", NULL, pool),
                     "The \"a:b\" scope is not part of any plan.");
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, refusal_of_row, 0, ROWS(refusals));
    tcase_add_loop_test(tests, status_of_every_reason, 0, TAI_REASON_COUNT);
    tcase_add_loop_test(tests, envelope_of_management, 0, ROWS(managed));
    tcase_add_loop_test(tests, body_of_every_reason_is_json, 0, TAI_REASON_COUNT);
    tcase_add_test(tests, types);
    tcase_add_test(tests, scope_text);
    tcase_add_loop_test(tests, plan_text_of_row, 0, ROWS(plans));
    tcase_add_test(tests, plan_text_without_titles);
}

int main(void)
{
    return unit_run("refusal", add);
}
