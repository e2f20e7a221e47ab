/*
 * The ticket of an operator's order, good once and for a moment. A request that brings one is
 * answered here, before any other module has a look; one whose ticket is no good goes on as if it
 * had brought none.
 */

#include "api.h"
#include "order.h"

#include "../core/address.h"
#include "../core/digest.h"
#include "../core/key.h"
#include "../core/store_tickets.h"
#include "../core/text.h"

typedef json_t *order_fn(request_rec *r, taiauth_request_t *ctx, const char **error);

static const struct {
    const char *name;
    void (*begin)(request_rec *r, taiauth_request_t *ctx); /* NULL: nothing to prepare */
    order_fn *run;
} orders[] = {
    {"explain", taiauth_explain_begin, taiauth_explain_run},
    {"unlock", NULL, taiauth_unlock_run},
};

#define ORDER_COUNT (sizeof(orders) / sizeof(orders[0]))

static apr_size_t find_order(const char *name)
{
    apr_size_t i = 0;

    while (name && i < ORDER_COUNT && strcmp(orders[i].name, name) != 0) {
        i++;
    }
    return name ? i : ORDER_COUNT;
}

/* ---- taking it ---------------------------------------------------------------------------- */

/* Strangers may send any number of tickets that there are not. NULL: it is no good. */
static const char *take(request_rec *r, const char *ticket)
{
    char hash[TAI_DIGEST_HEX + 1];
    const char *order = NULL;
    const char *error = NULL;

    if (tai_key_shape(TAI_KIND_TICKET, ticket) != TAI_SHAPE_OURS || !taiauth_store ||
        !taiauth_may_look_ticket_up(r) || tai_digest_hex(ticket, hash) != APR_SUCCESS) {
        return NULL;
    }
    if (tai_store_take_ticket(taiauth_store, hash, apr_time_sec(apr_time_now()), r->pool, &order,
                              &error) == TAI_CHANGE_UNKNOWN) {
        taiauth_database_complain(r, error);
    }
    return order;
}

static const char *read_order(const char *text, taiauth_order_t *order, apr_pool_t *p)
{
    static const tai_input_field_t fields[] = {
        {"order", TAI_INPUT_TEXT, 1, 0, offsetof(taiauth_order_t, name)},
        {"method", TAI_INPUT_TEXT, 0, 0, offsetof(taiauth_order_t, method)},
        {"key_id", TAI_INPUT_TEXT, 0, 0, offsetof(taiauth_order_t, key_id)},
        {"client", TAI_INPUT_TEXT, 0, 0, offsetof(taiauth_order_t, client)},
        {"user", TAI_INPUT_TEXT, 0, 0, offsetof(taiauth_order_t, user)},
        {"actor", TAI_INPUT_TEXT, 1, 0, offsetof(taiauth_order_t, actor)},
        {NULL, TAI_INPUT_TEXT, 0, 0, 0}};
    json_t *object;
    const char *error = tai_input_parse("The order", text, strlen(text), p, &object);

    if (!error) {
        error = tai_input_read(object, fields, order, p);
    }
    if (!error && find_order(order->name) == ORDER_COUNT) {
        error = "this server knows no such order: taictl and mod_taiauth must be of one version";
    }
    if (!error && order->client && !tai_address_valid(order->client)) {
        error = "the client must be an address such as 10.1.2.3 or 2001:db8::1";
    }
    return error;
}

/* The client that the order names takes the place of the one that brought it. */
static const char *come_from(request_rec *r, const char *client)
{
    apr_sockaddr_t *address;

    if (apr_sockaddr_info_get(&address, client, APR_UNSPEC, 0, 0, r->pool) != APR_SUCCESS) {
        return "this host knows no addresses of the client's kind";
    }
    r->useragent_addr = address;
    apr_sockaddr_ip_get(&r->useragent_ip, address);
    return NULL;
}

void taiauth_ticket_take(request_rec *r)
{
    const char *ticket = apr_table_get(r->headers_in, "X-Tai-Ticket");
    const char *text = ticket ? take(r, ticket) : NULL;
    taiauth_request_t *ctx;
    taiauth_order_t *order;

    if (!text) {
        return;
    }
    ctx = taiauth_request(r);
    order = apr_pcalloc(r->pool, sizeof(*order));
    order->sent = apr_pmemdup(r->pool, r, sizeof(*r));
    ctx->order = order;
    ctx->order_error = read_order(text, order, r->pool);
    if (!ctx->order_error && order->client) {
        ctx->order_error = come_from(r, order->client);
    }
    if (!ctx->order_error && orders[find_order(order->name)].begin) {
        orders[find_order(order->name)].begin(r, ctx);
    }
}

/* ---- carrying it out ---------------------------------------------------------------------- */

static void log_order(request_rec *r, const taiauth_order_t *order)
{
    apr_pool_t *p = r->pool;

    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  "taiauth: order %s of %s: key id %s, user %s, client %s, %s %s",
                  tai_text_line(order->name, 32, p), tai_text_line(order->actor, 100, p),
                  tai_text_line(order->key_id, 64, p), tai_text_line(order->user, 200, p),
                  tai_text_line(order->client, 64, p), tai_text_line(order->method, 32, p),
                  tai_text_line(r->uri, 256, p));
}

/* What an order has made of the request is neither for the answer nor for the access log. */
static void restore(request_rec *r, const request_rec *sent)
{
    r->method = sent->method;
    r->method_number = sent->method_number;
    r->the_request = sent->the_request;
    r->useragent_addr = sent->useragent_addr;
    r->useragent_ip = sent->useragent_ip;
    r->user = NULL;
    r->ap_auth_type = NULL;
    r->content_encoding = NULL;
    r->content_languages = NULL;
    apr_table_clear(r->headers_out);
    apr_table_clear(r->err_headers_out);
    apr_table_unset(r->subprocess_env, "TAIAUTH_REASON");
    taiauth_identity_retract(r);
}

/*
 * As a quick handler: nobody's handler, filter or cache comes before. It also answers where httpd has
 * refused the request by then and is on its way to an ErrorDocument.
 */
int taiauth_ticket_handler(request_rec *r, int lookup)
{
    taiauth_request_t *ctx = taiauth_request_find(r);
    json_t *answer = NULL;
    const char *error;

    if (lookup || !ctx || !ctx->order) {
        return DECLINED;
    }
    error = ctx->order_error;
    log_order(r, ctx->order);
    if (!error) {
        answer = orders[find_order(ctx->order->name)].run(r, ctx, &error);
    }
    restore(r, ctx->order->sent);
    if (error) {
        answer = json_pack("{s:s}", "error", error);
    }
    json_object_set_new(answer, "order",
                        json_string(ctx->order->name ? ctx->order->name : "unknown"));
    return taiauth_answer_plain(r, HTTP_OK, answer);
}
