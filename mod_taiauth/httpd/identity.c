#include "api.h"

#include "spelling.h"

/* One fact about who is asking, under both of its names. */
typedef struct identity_t {
    const char *variable;
    const char *header;
    apr_size_t offset; /* of the text in a record */
    int cut;           /* there was more of it */
} identity_t;

static const identity_t identities[] = {
    {"TAIAUTH_ACCOUNT", "X-Tai-Account", offsetof(tai_record_t, account), 0},
    {"TAIAUTH_USER", "X-Tai-User", offsetof(tai_record_t, user), 0},
    {"TAIAUTH_KEY_ID", "X-Tai-Key-Id", offsetof(tai_record_t, id), 0},
    {"TAIAUTH_KEY_PREFIX", "X-Tai-Key-Prefix", offsetof(tai_record_t, prefix), 1},
    {"TAIAUTH_PLAN", "X-Tai-Plan", offsetof(tai_record_t, plan), 0},
    {"TAIAUTH_SCOPES", "X-Tai-Scopes", offsetof(tai_record_t, effective), 0},
};

static const char *value_of(const identity_t *identity, const tai_record_t *record, apr_pool_t *p)
{
    const char *text = *(const char *const *)((const char *)record + identity->offset);
    apr_size_t len;
    char *cut;

    if (!identity->cut) {
        return text;
    }
    len = strlen(text);
    cut = apr_palloc(p, len + sizeof("..."));
    memcpy(cut, text, len);
    memcpy(cut + len, "...", sizeof("..."));
    return cut;
}

/* All field names beginning like this are ours; nobody else's say reaches an application. */
static const char reserved[] = "X-Tai-";

/* mod_proxy reads a list of fields more freely than it is defined: more than commas part it. */
static const char between_fields[] = ",; \t\v\f\r\n";

/*
 * A proxy drops the fields that Connection names (RFC 9110, 7.6.1): a client that names ours there
 * would have an application believe that nobody asked.
 */
static void clean_connection(request_rec *r)
{
    const char *value = apr_table_get(r->headers_in, "Connection");
    apr_array_header_t *kept;
    char *state, *item;
    int dropped = 0;

    if (!value || !ap_strcasestr(value, "tai")) {
        return;
    }
    kept = apr_array_make(r->pool, 2, sizeof(char *));
    for (item = apr_strtok(apr_pstrdup(r->pool, value), between_fields, &state); item;
         item = apr_strtok(NULL, between_fields, &state)) {
        if (taiauth_spelling_same(item, reserved, 1)) {
            dropped = 1;
        }
        else {
            APR_ARRAY_PUSH(kept, const char *) = item;
        }
    }
    if (!dropped) {
        return;
    }
    if (kept->nelts) {
        apr_table_setn(r->headers_in, "Connection", apr_array_pstrcat(r->pool, kept, ','));
    }
    else {
        apr_table_unset(r->headers_in, "Connection");
    }
}

static int unset_credential(void *r, const char *name, const char *value)
{
    (void)value;
    taiauth_spelling_unset(((request_rec *)r)->headers_in, name, 0);
    return 1;
}

/* TRACE runs no access hook and returns the request as it came, credentials and all. */
static int check_trace(request_rec *r)
{
    const taiauth_server_t *conf = taiauth_server(r->server);
    taiauth_request_t *ctx;

    if (r->method_number != M_TRACE) {
        return DECLINED;
    }
    apr_table_do(unset_credential, r, conf->credentials, NULL);
    if (!conf->used) {
        return DECLINED;
    }
    ctx = taiauth_request(r);
    ctx->allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    return taiauth_refuse(r, TAI_METHOD_NOT_ALLOWED, "TRACE is not allowed.", 0, NULL);
}

int taiauth_identity_strip(request_rec *r)
{
    if (r->prev) {
        /* an internal redirect runs this phase again; it may be the ErrorDocument of a Require */
        const int status = taiauth_refuse_locked(r->prev);

        if (status != OK) {
            return status;
        }
        taiauth_refuse_required(r->prev);
    }
    else {
        taiauth_watchdog_begin_request(r);
    }
    taiauth_ticket_take(r);
    taiauth_spelling_unset(r->headers_in, reserved, 1);
    clean_connection(r);
    taiauth_cookie_withhold(r);
    return check_trace(r);
}

/* Names come from a database that others may write to: no line of theirs becomes a field of ours. */
static int is_field_value(const char *value)
{
    while ((unsigned char)*value >= 0x20 && *value != 0x7f) {
        value++;
    }
    return !*value;
}

/* To set each of them would look at all that were set before, which begin alike. */
static void clear_environment(request_rec *r)
{
    apr_size_t i;

    for (i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        apr_table_unset(r->subprocess_env, identities[i].variable);
    }
}

void taiauth_identity_publish(request_rec *r, const taiauth_dir_t *conf,
                              const taiauth_judgement_t *j)
{
    int environment = TAIAUTH_GET(conf, environment);
    int forward = TAIAUTH_GET(conf, forward_identity);
    taiauth_request_t *ctx = taiauth_request(r);
    apr_size_t i;

    /* not so for subrequests: a new one may stand where one that is gone stood */
    if (!r->main && ctx->published == r) {
        return;
    }
    ctx->published = r;
    taiauth_spelling_unset(r->headers_in, reserved, 1);
    if (j->reason != TAI_ADMITTED || !(environment || forward)) {
        return;
    }
    if (environment) {
        clear_environment(r);
    }
    for (i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        const char *value = value_of(&identities[i], j->record, r->pool);

        if (environment) {
            apr_table_addn(r->subprocess_env, identities[i].variable, value);
        }
        if (forward && is_field_value(value)) {
            apr_table_setn(r->headers_in, identities[i].header, value);
        }
    }
}

void taiauth_identity_retract(request_rec *r)
{
    apr_size_t i;

    clear_environment(r);
    for (i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        apr_table_unset(r->headers_in, identities[i].header);
    }
}
