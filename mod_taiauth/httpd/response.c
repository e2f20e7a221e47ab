/*
 * Headers that every answer of a protected location carries.
 */

#include "taiauth.h"

#include <util_filter.h>

#define FILTER_NAME   "TAIAUTH_RESPONSE"
#define FRAGMENT_NAME "TAIAUTH_FRAGMENT"

static ap_filter_rec_t *filter_handle, *fragment_handle;

static const char *vary(const taiauth_dir_t *conf, apr_pool_t *p)
{
    const apr_array_header_t *headers = taiauth_key_headers(conf);
    const char *names = APR_ARRAY_IDX(headers, 0, const char *);
    int i;

    for (i = 1; i < headers->nelts; i++) {
        names = apr_pstrcat(p, names, ", ", APR_ARRAY_IDX(headers, i, const char *), NULL);
    }
    if (taiauth_token_header(conf)) {
        names = apr_pstrcat(p, names, ", ", taiauth_token_header(conf), NULL);
    }
    if (TAIAUTH_GET(conf, bearer)) {
        names = apr_pstrcat(p, names, ", Authorization", NULL);
    }
    return names;
}

/*
 * mod_cache's quick handler answers before any access check, and the stripped key defeats Vary
 * there: what it never stores it cannot give away. Caches elsewhere are told by the fields.
 *
 * A page that takes in a protected fragment is as secret as the fragment, wherever it stands. Its
 * head is under way by then: no_cache is what mod_cache looks at again at the end.
 */
void taiauth_response_keep_out_of_cache(request_rec *r)
{
    apr_table_setn(r->subprocess_env, "no-cache", "1");
    while ((r = r->main) != NULL) {
        apr_table_setn(r->subprocess_env, "no-cache", "1");
        r->no_cache = 1;
    }
}

void taiauth_response_manage(apr_table_t *out)
{
    apr_table_setn(out, "Cache-Control", "no-store");
    apr_table_setn(out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(out, "Content-Security-Policy", "default-src 'none'");
}

void taiauth_response_protect(request_rec *r, const taiauth_dir_t *conf)
{
    taiauth_response_keep_out_of_cache(r);
    apr_table_setn(r->err_headers_out, "Cache-Control", "private");
    apr_table_setn(r->err_headers_out, "Vary", vary(conf, r->pool));
}

/* Fields of which ours is the only one, where we have set one. */
static const char *const replaced[] = {
    "Cache-Control", TAIAUTH_LIMIT_FIELDS,     "Content-Security-Policy",
    "Retry-After",   "X-Content-Type-Options",
};

#define REPLACED (sizeof(replaced) / sizeof(replaced[0]))

/* What we say in each of them; NULL: nothing. */
typedef struct said_t {
    const char *value[REPLACED];
} said_t;

/* Those that we have set ourselves have the very name. */
static int is_name(const char *name, const char *wanted)
{
    return name == wanted ||
           (((name[0] ^ wanted[0]) & 0x5f) == 0 && ap_cstr_casecmp(name, wanted) == 0);
}

/* Most fields that an application sets do not. */
static int begins_like_one(const char *name)
{
    const char letter = (char)(name[0] & 0x5f);

    return letter == 'C' || letter == 'R' || letter == 'X';
}

/* Which of them this is; REPLACED: none. */
static apr_size_t replaced_index(const char *name)
{
    apr_size_t i = 0;

    if (!begins_like_one(name)) {
        return REPLACED;
    }
    while (i < REPLACED && !is_name(name, replaced[i])) {
        i++;
    }
    return i;
}

/* To be asked before the handler runs: a CGI's fields end up in this same table. */
static apr_array_header_t *fields_before(request_rec *r)
{
    return apr_array_copy(r->pool, apr_table_elts(r->err_headers_out));
}

/* What we say in the fields that were there before the handler ran. 1: in each once */
static int recall(const apr_array_header_t *before, said_t *said)
{
    int once = 1;
    int i;

    memset(said, 0, sizeof(*said));
    for (i = 0; i < before->nelts; i++) {
        const apr_table_entry_t *field = &APR_ARRAY_IDX(before, i, apr_table_entry_t);
        apr_size_t which = replaced_index(field->key);

        if (which < REPLACED && said->value[which]) {
            once = 0;
        }
        else if (which < REPLACED) {
            said->value[which] = field->val;
        }
    }
    return once;
}

/* The very same texts. An entry as a whole has bytes that nobody has set. */
static int is_same(const apr_array_header_t *a, const apr_array_header_t *b, int i)
{
    const apr_table_entry_t *one = &APR_ARRAY_IDX(a, i, apr_table_entry_t);
    const apr_table_entry_t *other = &APR_ARRAY_IDX(b, i, apr_table_entry_t);

    return one->key == other->key && one->val == other->val;
}

/* 1: the application has left our fields alone, and has none of those names */
static int is_untouched(request_rec *r, const apr_array_header_t *before)
{
    const apr_array_header_t *now = apr_table_elts(r->err_headers_out);
    const apr_array_header_t *its = apr_table_elts(r->headers_out);
    int i;

    if (now->nelts != before->nelts) {
        return 0;
    }
    for (i = 0; i < now->nelts; i++) {
        if (!is_same(now, before, i)) {
            return 0;
        }
    }
    for (i = 0; i < its->nelts; i++) {
        if (replaced_index(APR_ARRAY_IDX(its, i, apr_table_entry_t).key) < REPLACED) {
            return 0;
        }
    }
    return 1;
}

/* Where it says anything but what we say. */
static int forbids_storing(request_rec *r, const apr_table_t *headers, const char *ours)
{
    const char *value = apr_table_get(headers, "Cache-Control");

    return value && value != ours && ap_find_list_item(r->pool, value, "no-store");
}

/* An application that forbids storing altogether keeps its say; nothing else it says holds. */
static void settle_cache_control(request_rec *r, said_t *said)
{
    const char **value = &said->value[0]; /* of Cache-Control */

    if (*value && !strcmp(*value, "private") &&
        (forbids_storing(r, r->headers_out, *value) ||
         forbids_storing(r, r->err_headers_out, *value))) {
        *value = "private, no-store";
    }
}

static void say(request_rec *r, const apr_array_header_t *before)
{
    said_t said;
    apr_size_t i;

    if (recall(before, &said) && is_untouched(r, before)) {
        return;
    }
    settle_cache_control(r, &said);
    for (i = 0; i < REPLACED; i++) {
        if (said.value[i]) {
            apr_table_unset(r->headers_out, replaced[i]);
            apr_table_setn(r->err_headers_out, replaced[i], said.value[i]);
        }
    }
}

void taiauth_response_forget(request_rec *r, const taiauth_dir_t *conf)
{
    apr_table_clear(r->err_headers_out);
    taiauth_response_protect(r, conf);
}

/*
 * What the filter of HTTP headers does for an error bucket, a step earlier: that one, in some
 * versions of httpd, loses the headers of the refusal first.
 */
static apr_status_t take_back(ap_filter_t *f, apr_bucket_brigade *bb, int status)
{
    f->ctx = NULL;
    taiauth_request(f->r)->taken_back = 1;
    f->r->status = HTTP_OK; /* no error of the application is reported beside it */
    f->r->status_line = NULL;
    apr_brigade_cleanup(bb);
    ap_die(status, f->r);
    return AP_FILTER_ERROR;
}

/*
 * What is said in place of a response that was taken back is the last that goes out of the request:
 * its handler may not have noticed, and what it writes behind the end would be taken for another
 * response on the same connection.
 */
static apr_status_t pass_refusal(ap_filter_t *f, apr_bucket_brigade *bb)
{
    if (!APR_BRIGADE_EMPTY(bb) && APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb))) {
        f->ctx = NULL;
    }
    return ap_pass_brigade(f->next, bb);
}

static apr_status_t response_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    const taiauth_request_t *ctx = taiauth_request_find(f->r);
    const apr_array_header_t *before = f->ctx;
    int status;

    if (!before) { /* taken back, or its refusal has ended: who goes on writing writes for nobody */
        apr_brigade_cleanup(bb);
        return AP_FILTER_ERROR;
    }
    status = taiauth_look_at_response(f->r, bb);
    if (status != OK) {
        return take_back(f, bb, status);
    }
    say(f->r, before);
    if (ctx && ctx->taken_back) {
        return pass_refusal(f, bb);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

/*
 * What a subrequest answers goes into a page whose own look may be long ago, or which has none, as
 * it is open to anybody. No status can be said any more: the page goes on without it.
 */
static apr_status_t fragment_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    int refused = f->ctx != NULL;

    if (!refused && taiauth_look_at_response(f->r, bb) == OK) {
        ap_remove_output_filter(f);
        return ap_pass_brigade(f->next, bb);
    }
    f->ctx = f;
    apr_brigade_cleanup(bb);
    return AP_FILTER_ERROR;
}

/* What stands below the token endpoint may be a page of the operator's. */
static int is_call(const request_rec *r, const taiauth_dir_t *conf)
{
    return (conf->api && *conf->api) || taiauth_is_at(r, conf->token_endpoint);
}

void taiauth_response_insert_filter(request_rec *r)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);
    const taiauth_dir_t *conf = taiauth_dir(r);
    int ours_to_say = TAIAUTH_GET(conf, mode) != TAIAUTH_OFF || taiauth_is_managed(conf);

    if (is_call(r, conf)) {
        taiauth_response_manage(r->err_headers_out); /* before the handler, as fields_before() */
    }
    /* a request that was redirected to an open place was admitted all the same */
    if (!r->main && (ours_to_say || (ctx && (ctx->refusal || ctx->judgements)))) {
        ap_add_output_filter_handle(filter_handle, fields_before(r), r, r->connection);
    }
    if (r->main && ctx && ctx->judgements) {
        ap_add_output_filter_handle(fragment_handle, NULL, r, r->connection);
    }
}

void taiauth_response_register(apr_pool_t *p)
{
    (void)p;
    /* behind everything that an operator or an application has to say about headers */
    filter_handle = ap_register_output_filter(FILTER_NAME, response_filter, NULL,
                                              (ap_filter_type)(AP_FTYPE_PROTOCOL - 3));
    /* of the kinds behind it a subrequest has none of its own: they are those of the page */
    fragment_handle =
        ap_register_output_filter(FRAGMENT_NAME, fragment_filter, NULL, AP_FTYPE_RESOURCE);
}
