#include "taiauth.h"

request_rec *taiauth_initial(request_rec *r)
{
    while (r->main || r->prev) {
        r = r->main ? r->main : r->prev;
    }
    return r;
}

taiauth_request_t *taiauth_request_find(request_rec *r)
{
    return ap_get_module_config(taiauth_initial(r)->request_config, &taiauth_module);
}

taiauth_request_t *taiauth_request(request_rec *r)
{
    request_rec *initial = taiauth_initial(r);
    taiauth_request_t *ctx = ap_get_module_config(initial->request_config, &taiauth_module);

    if (!ctx) {
        ctx = apr_pcalloc(initial->pool, sizeof(*ctx));
        ap_set_module_config(initial->request_config, &taiauth_module, ctx);
    }
    return ctx;
}

taiauth_judgement_t *taiauth_judged(request_rec *r)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);
    const taiauth_dir_t *conf = taiauth_dir(r);
    taiauth_judgement_t *j = ctx ? ctx->judgements : NULL;

    while (j && !taiauth_same_sources(j->conf, conf)) {
        j = j->next;
    }
    return j;
}

int taiauth_is_error_document(request_rec *r)
{
    const taiauth_request_t *ctx = taiauth_request_find(r);

    /* who writes a .htaccess file could name any page of the server there, and have it shown */
    return !r->main && r->prev && ctx && ctx->refusal && r->prev->status == ctx->refusal_status &&
           !taiauth_dir(r->prev)->documents_added;
}

int taiauth_is_any_error_document(request_rec *r)
{
    while (r->main) {
        r = r->main;
    }
    while (r->prev && r->prev->status == HTTP_OK) {
        r = r->prev;
    }
    return r->prev != NULL;
}

int taiauth_is_at(const request_rec *r, const char *path)
{
    apr_size_t len = path ? strlen(path) : 0;

    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    return len && !strncmp(r->uri, path, len) &&
           (!r->uri[len] || (r->uri[len] == '/' && !r->uri[len + 1]));
}

apr_size_t taiauth_client_prefix(request_rec *r, unsigned char out[9])
{
    const apr_sockaddr_t *addr = r->useragent_addr;
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

#if APR_HAVE_IPV6
    if (addr->family == APR_INET6) {
        const unsigned char *bytes = (const unsigned char *)&addr->sa.sin6.sin6_addr;

        if (memcmp(bytes, mapped, sizeof(mapped)) != 0) {
            out[0] = '6';
            memcpy(out + 1, bytes, 8);
            return 9;
        }
        out[0] = '4';
        memcpy(out + 1, bytes + 12, 4);
        return 5;
    }
#endif
    out[0] = '4';
    memcpy(out + 1, &addr->sa.sin.sin_addr, 4);
    return 5;
}
