/*
 * The calls about the caller's account and what its plan allows.
 */

#include "api.h"

#include "../core/describe.h"
#include "../core/scope.h"
#include "../core/store_accounts.h"
#include "../core/store_scopes.h"

/* As the log-in has answered it; null: httpd itself vouches for him. */
static json_t *session_json(const tai_principal_t *principal)
{
    return principal->session_ends == TAI_NEVER
               ? json_null()
               : json_pack("{s:o, s:i}", "expires_at", tai_describe_time(principal->session_ends),
                           "idle_seconds", TAI_SESSION_IDLE_S);
}

static json_t *account_json(const taiauth_call_t *call, const tai_account_t *account)
{
    const tai_principal_t *principal = call->caller->principal;
    apr_pool_t *p = call->r->pool;

    return json_pack("{s:o, s:{s:o, s:o}, s:s, s:{s:o, s:i, s:i}, s:{s:o, s:s, s:o}}", "name",
                     tai_describe_text(account->name, p), "plan", "name",
                     tai_describe_text(account->plan, p), "title",
                     tai_describe_text(account->plan_title, p), "status", account->status, "limits",
                     "rate_limit", tai_describe_text(account->plan_rate_limit, p), "active_keys",
                     account->active_keys, "max_keys", account->max_keys, "user", "name",
                     tai_describe_text(principal->username, p), "role",
                     taiauth_caller_role(principal), "session", session_json(principal));
}

int taiauth_api_show_account(taiauth_call_t *call)
{
    tai_account_t *account;
    const char *text;
    tai_change_e outcome =
        tai_store_account_by_id(taiauth_store, call->caller->principal->account_id, call->now,
                                call->r->pool, &account, &text);

    return outcome == TAI_CHANGE_DONE
               ? taiauth_answer(call->r, HTTP_OK, account_json(call, account))
               : taiauth_api_refuse_change(call->r, outcome, text);
}

/* allowed: by the caller's own plan */
static json_t *scope_json(const tai_scope_info_t *scope, const char *plan, apr_pool_t *p)
{
    return json_pack("{s:o, s:o, s:b, s:o, s:o, s:b}", "name", tai_describe_text(scope->name, p),
                     "description", tai_describe_text(scope->description, p), "default",
                     scope->is_default, "plans", tai_describe_names(scope->plans, p), "plan_titles",
                     tai_describe_names(scope->plan_titles, p), "allowed",
                     tai_scope_in(scope->plans, plan));
}

int taiauth_api_list_scopes(taiauth_call_t *call)
{
    static const char *const columns[] = {"name",        "description", "default", "plans",
                                          "plan_titles", "allowed",     NULL};
    apr_array_header_t *scopes;
    const char *error;
    json_t *list;
    int i;

    if (tai_store_list_scopes(taiauth_store, call->r->pool, &scopes, &error) != APR_SUCCESS) {
        return taiauth_api_refuse_change(call->r, TAI_CHANGE_UNKNOWN, error);
    }
    list = json_array();
    for (i = 0; i < scopes->nelts; i++) {
        json_array_append_new(list, scope_json(APR_ARRAY_IDX(scopes, i, const tai_scope_info_t *),
                                               call->caller->principal->plan, call->r->pool));
    }
    return taiauth_answer_list(call->r, "scopes", list, columns, 0, NULL);
}
