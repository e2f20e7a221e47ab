/*
 * What is decided about a request, step by step, for an operator who has it explained. The request
 * goes through the phases of httpd as any other, with the record of a key in the place of a key; the
 * code that decides notes here what it has done. Nothing is charged, counted or used up, and no
 * handler runs.
 */

#include "order.h"

#include <stdarg.h>
#include "../core/describe.h"
#include "../core/when.h"

#define REFUSES "refuses"

typedef struct step_t {
    const char *name;
    const char *result; /* "ok", or of taiauth_explain_mark */
    const char *reason; /* why, where it is not ok; NULL: none */
    const char *detail;
} step_t;

typedef struct taiauth_explanation_t {
    apr_array_header_t *steps; /* of step_t */
} taiauth_explanation_t;

/* ---- notes -------------------------------------------------------------------------------- */

void taiauth_explain_step(request_rec *r, const char *name, const char *format, ...)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);
    step_t *step;
    va_list args;

    /* what is looked up for the request on its way is no step of its own */
    if (r->main || !ctx || !ctx->explanation) {
        return;
    }
    step = &APR_ARRAY_PUSH(ctx->explanation->steps, step_t);
    step->name = name;
    step->result = "ok";
    step->reason = NULL;
    va_start(args, format);
    step->detail = apr_pvsprintf(taiauth_initial(r)->pool, format, args);
    va_end(args);
}

void taiauth_explain_mark(const taiauth_request_t *ctx, const char *result, const char *reason)
{
    const apr_array_header_t *steps = ctx->explanation ? ctx->explanation->steps : NULL;
    step_t *step;

    if (steps && steps->nelts) {
        step = &APR_ARRAY_IDX(steps, steps->nelts - 1, step_t);
        step->result = result;
        step->reason = reason;
    }
}

void taiauth_explain_refusal(const taiauth_request_t *ctx, tai_reason_e reason)
{
    taiauth_explain_mark(ctx, REFUSES, tai_reason_name(reason));
}

/* ---- what the steps say ------------------------------------------------------------------- */

static const char *sources(request_rec *r, const taiauth_dir_t *conf)
{
    const char *token = taiauth_token_header(conf);
    const char *names = apr_array_pstrcat(r->pool, taiauth_key_headers(conf), ' ');

    return apr_pstrcat(r->pool, "key in ", names,
                       TAIAUTH_GET(conf, bearer) ? " or Authorization: Bearer" : "",
                       token ? ", token in " : "", token, NULL);
}

void taiauth_explain_place(request_rec *r, const taiauth_dir_t *conf)
{
    static const char *const modes[] = {
        [TAIAUTH_OFF] = "Off", [TAIAUTH_ON] = "On", [TAIAUTH_OPTIONAL] = "Optional"};
    int mode = TAIAUTH_GET(conf, mode);
    const taiauth_request_t *ctx = taiauth_request_find(r);

    if (!ctx || !ctx->explanation) {
        return;
    }
    if (mode != TAIAUTH_OFF) {
        taiauth_explain_step(r, "place", "TaiAuth %s: %s", modes[mode], sources(r, conf));
        return;
    }
    taiauth_explain_step(r, "place", "TaiAuth Off: no key is asked for");
    taiauth_explain_require(r);
}

void taiauth_explain_require(request_rec *r)
{
    taiauth_explain_step(r, "require", "Require, and whatever else httpd has to say");
}

static const char *token_detail(const tai_record_t *record, tai_token_e asked)
{
    if (asked == TAI_TOKEN_NOT_ASKED) {
        return record->has_token
                   ? "none is asked for here, and this key is good with its token alone"
                   : "none is asked for, and the key has none";
    }
    return record->has_token ? "asked for, and the key has one; taken to be the right one"
                             : "asked for, and the key has none";
}

static const char *at(const char *what, apr_int64_t seconds, apr_pool_t *p)
{
    char text[TAI_WHEN_LEN + 1];

    return apr_pstrcat(p, what, tai_when_text(seconds, text) ? text : "a time that is none", NULL);
}

static const char *validity_detail(const tai_record_t *record, apr_pool_t *p)
{
    if (record->revoked_at != TAI_NEVER) {
        return at("revoked at ", record->revoked_at, p);
    }
    return record->expires_at == TAI_NEVER ? "not revoked, never expires"
                                           : at("not revoked, expires at ", record->expires_at, p);
}

static const char *standing_detail(const tai_record_t *record, apr_pool_t *p)
{
    static const char *const account[] = {[TAI_STANDING_ACTIVE] = "active",
                                          [TAI_STANDING_SUSPENDED] = "suspended",
                                          [TAI_STANDING_CLOSED] = "closed"};

    return apr_psprintf(p, "account %s is %s, user %s is %s", record->account,
                        account[record->account_standing], record->user,
                        record->user_standing == TAI_STANDING_ACTIVE ? "active" : "disabled");
}

/* Which step of the judgement a reason belongs to. */
typedef enum { TOKEN, VALIDITY, STANDING, NONE } part_e;

static part_e part_of(tai_reason_e reason)
{
    switch (reason) {
    case TAI_TOKEN_SHAPE:
    case TAI_TOKEN_MISMATCH:
    case TAI_TOKEN_NOT_ASKED_FOR:
    case TAI_TOKEN_NOT_ISSUED:
        return TOKEN;
    case TAI_KEY_REVOKED:
    case TAI_KEY_EXPIRED:
    case TAI_KEY_EXPIRY_MALFORMED:
        return VALIDITY;
    case TAI_ACCOUNT_SUSPENDED:
    case TAI_ACCOUNT_CLOSED:
    case TAI_USER_DISABLED:
        return STANDING;
    default:
        return NONE;
    }
}

/* The steps that tai_judge_key has taken, up to the one that its reason belongs to. */
void taiauth_explain_judged(request_rec *r, const tai_record_t *record, tai_token_e asked,
                            tai_reason_e reason)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);
    part_e last = part_of(reason);

    if (!ctx || !ctx->explanation) {
        return;
    }
    taiauth_explain_step(r, "token", "%s", token_detail(record, asked));
    if (last > TOKEN) {
        taiauth_explain_step(r, "validity", "%s", validity_detail(record, r->pool));
    }
    if (last > VALIDITY) {
        taiauth_explain_step(r, "standing", "%s", standing_detail(record, r->pool));
    }
}

/* ---- the answer --------------------------------------------------------------------------- */

void taiauth_explain_begin(request_rec *r, taiauth_request_t *ctx)
{
    const taiauth_order_t *order = ctx->order;
    const char *protocol = ap_strrchr_c(r->the_request, ' ');

    if (!order->method || !order->key_id) {
        ctx->order_error = "explain needs a method and the id of a key";
        return;
    }
    r->method = order->method;
    r->method_number = ap_method_number_of(order->method);
    if (r->method_number == M_TRACE) {
        ctx->order_error = "TRACE is refused everywhere: there is nothing to explain";
        return;
    }
    r->the_request = apr_pstrcat(r->pool, order->method, " ", r->unparsed_uri, protocol, NULL);
    ctx->explanation = apr_pcalloc(r->pool, sizeof(*ctx->explanation));
    ctx->explanation->steps = apr_array_make(r->pool, 10, sizeof(step_t));
    taiauth_explain_step(
        r, "request", "%s %s from %s%s", order->method, r->unparsed_uri, r->useragent_ip,
        order->client ? "" : ", where taictl runs; --client names another address");
}

/* All that is done to a request before a handler runs, and what ours would do first. */
static int judge(request_rec *r)
{
    int status = ap_process_request_internal(r);

    if (status == OK) {
        status = taiauth_handler_check(r);
    }
    return status == DECLINED || status == DONE ? OK : status;
}

static json_t *describe_steps(const taiauth_explanation_t *explanation, apr_pool_t *p)
{
    json_t *steps = json_array();
    int i;

    for (i = 0; i < explanation->steps->nelts; i++) {
        const step_t *step = &APR_ARRAY_IDX(explanation->steps, i, step_t);

        json_array_append_new(steps, json_pack("{s:s, s:s, s:s?, s:o}", "step", step->name,
                                               "result", step->result, "reason", step->reason,
                                               "detail", tai_describe_text(step->detail, p)));
    }
    return steps;
}

static json_t *verdict(int admitted, json_t *status, const char *code, const char *reason,
                       json_t *text)
{
    return json_pack("{s:b, s:o, s:s?, s:s?, s:o}", "admitted", admitted, "status", status, "code",
                     code, "reason", reason, "text", text);
}

/* What a client would get. */
static json_t *describe_verdict(request_rec *r, const taiauth_request_t *ctx, int status)
{
    const tai_refusal_t *refusal = ctx->refusal;
    json_t *object;

    if (refusal) {
        tai_format_e format = (tai_format_e)TAIAUTH_GET(taiauth_dir(r), format);

        object =
            verdict(0, json_integer(tai_refusal_status(refusal, format)),
                    tai_code(tai_reason_code(refusal->reason))->name,
                    tai_reason_name(refusal->reason), tai_describe_text(refusal->text, r->pool));
        if (refusal->retry_after) {
            json_object_set_new(object, "retry_after", json_integer(refusal->retry_after));
        }
        return object;
    }
    if (ap_is_HTTP_ERROR(status)) {
        return verdict(0, json_integer(status), NULL, NULL,
                       json_string("httpd or another module refuses this; the error log may say "
                                   "why"));
    }
    if (status != OK) {
        return verdict(1, json_integer(status), NULL, NULL,
                       json_string("httpd answers by itself, without the application"));
    }
    if (r->handler && !strcmp(r->handler, "redirect-handler")) { /* of mod_rewrite */
        return verdict(
            1, json_null(), NULL, NULL,
            json_string("mod_rewrite sends it on to another path: explain that as well"));
    }
    return verdict(1, json_null(), NULL, NULL, json_string("the application gets to see it"));
}

json_t *taiauth_explain_run(request_rec *r, taiauth_request_t *ctx, const char **error)
{
    int status = r->prev ? r->prev->status : judge(r);
    json_t *answer;

    *error = NULL;
    if (ap_is_HTTP_ERROR(status)) {
        r->status = status;
        taiauth_refuse_settle(r);
        if (!ctx->refusal) {
            taiauth_explain_mark(ctx, REFUSES, NULL);
        }
    }
    answer = json_pack("{s:o, s:o}", "steps", describe_steps(ctx->explanation, r->pool), "verdict",
                       describe_verdict(r, ctx, status));
    return answer;
}
