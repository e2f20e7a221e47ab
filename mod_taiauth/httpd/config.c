#include "taiauth.h"

void *taiauth_dir_create(apr_pool_t *p, char *path)
{
    taiauth_dir_t *conf = apr_pcalloc(p, sizeof(*conf));

    (void)path;
#define X(name, unset) conf->name = TAIAUTH_UNSET;
    TAIAUTH_DIR_NUMBERS(X)
#undef X
    return conf;
}

static apr_array_header_t *append(apr_pool_t *p, apr_array_header_t *outer,
                                  apr_array_header_t *inner)
{
    if (!outer || !inner) {
        return outer ? outer : inner;
    }
    return apr_array_append(p, outer, inner);
}

void *taiauth_dir_merge(apr_pool_t *p, void *base_, void *add_)
{
    const taiauth_dir_t *base = base_;
    const taiauth_dir_t *add = add_;
    taiauth_dir_t *conf = apr_palloc(p, sizeof(*conf));

#define X(name, unset) conf->name = add->name == TAIAUTH_UNSET ? base->name : add->name;
    TAIAUTH_DIR_NUMBERS(X)
#undef X
#define X(type, name) conf->name = add->name ? add->name : base->name;
    TAIAUTH_DIR_POINTERS(X)
#undef X
    /* an outer TaiAuth On asks for keys; who asks for management shows a session or a password */
    if (taiauth_is_managed(add) && add->mode == TAIAUTH_UNSET) {
        conf->mode = TAIAUTH_OFF;
    }
    conf->scopes_added = append(p, base->scopes_added, add->scopes_added);
    conf->documents_added = base->documents_added || add->documents_added;
    return conf;
}

void *taiauth_server_create(apr_pool_t *p, server_rec *s)
{
    taiauth_server_t *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
#define X(name, unset) conf->name = TAIAUTH_UNSET;
    TAIAUTH_SERVER_NUMBERS(X)
#undef X
    conf->credentials = apr_table_make(p, 4);
    conf->key_cache = TAIAUTH_UNSET;
    return conf;
}

void *taiauth_server_merge(apr_pool_t *p, void *base_, void *add_)
{
    const taiauth_server_t *base = base_;
    const taiauth_server_t *add = add_;
    taiauth_server_t *conf = apr_palloc(p, sizeof(*conf));

#define X(name, unset) conf->name = add->name == TAIAUTH_UNSET ? base->name : add->name;
    TAIAUTH_SERVER_NUMBERS(X)
#undef X
#define X(type, name) conf->name = add->name ? add->name : base->name;
    TAIAUTH_SERVER_POINTERS(X)
#undef X
    /* sections of the main server hold in its virtual hosts too */
    conf->used = base->used || add->used;
    conf->credentials = apr_table_overlay(p, add->credentials, base->credentials);
    conf->shared_memory = base->shared_memory;
    conf->key_cache = base->key_cache;
    conf->lockouts = add->lockouts; /* those of the base are its own */
    return conf;
}

/* Each policy once: those with the same numbers are one. */
static void collect_lockouts(apr_array_header_t *all, const apr_array_header_t *lockouts)
{
    int i, seen;

    for (i = 0; lockouts && i < lockouts->nelts; i++) {
        const tai_lockout_t *lockout = APR_ARRAY_IDX(lockouts, i, const tai_lockout_t *);

        for (seen = 0; seen < all->nelts; seen++) {
            if (!memcmp(APR_ARRAY_IDX(all, seen, const tai_lockout_t *), lockout,
                        sizeof(*lockout))) {
                break;
            }
        }
        if (seen == all->nelts && lockout->failures.max) {
            APR_ARRAY_PUSH(all, const tai_lockout_t *) = lockout;
        }
    }
}

void taiauth_config_settle(server_rec *first, apr_pool_t *p)
{
    apr_table_t *all = apr_table_make(p, 4);
    apr_array_header_t *lockouts = apr_array_make(p, 4, sizeof(const tai_lockout_t *));
    server_rec *s;

    /* for a location that only a .htaccess protects, which nobody has read yet */
    apr_table_setn(all, "X-API-Key", "");
    for (s = first; s; s = s->next) {
        apr_table_overlap(all, taiauth_server(s)->credentials, APR_OVERLAP_TABLES_SET);
        collect_lockouts(lockouts, taiauth_server(s)->lockouts);
    }
    for (s = first; s; s = s->next) {
        taiauth_server(s)->credentials = all;
        taiauth_server(s)->lockouts = lockouts;
    }
}

int taiauth_config_used(server_rec *s)
{
    while (s && !taiauth_server(s)->used) {
        s = s->next;
    }
    return s != NULL;
}

const taiauth_dir_t *taiauth_dir(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &taiauth_module);
}

taiauth_server_t *taiauth_server(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &taiauth_module);
}

const apr_array_header_t *taiauth_key_headers(const taiauth_dir_t *conf)
{
    static char *name[] = {"X-API-Key"};
    static const apr_array_header_t standard = {NULL, sizeof(char *), 1, 1, (char *)name};

    return conf->key_headers ? conf->key_headers : &standard;
}

apr_uint32_t taiauth_sync_interval(const taiauth_server_t *conf)
{
    return conf->sync_interval ? conf->sync_interval : 250;
}

apr_uint32_t taiauth_lease(const taiauth_server_t *conf)
{
    return conf->lease ? conf->lease : 10000;
}

const char *taiauth_token_header(const taiauth_dir_t *conf)
{
    return conf->token_header && *conf->token_header ? conf->token_header : NULL;
}

static int is_on(const char *path)
{
    return path && *path;
}

int taiauth_is_managed(const taiauth_dir_t *conf)
{
    return is_on(conf->api) || is_on(conf->token_endpoint);
}

static int same_name(const char *a, const char *b)
{
    return a == b || (a && b && !ap_cstr_casecmp(a, b));
}

int taiauth_same_sources(const taiauth_dir_t *a, const taiauth_dir_t *b)
{
    const apr_array_header_t *ha = taiauth_key_headers(a);
    const apr_array_header_t *hb = taiauth_key_headers(b);
    int i;

    if (TAIAUTH_GET(a, bearer) != TAIAUTH_GET(b, bearer) || ha->nelts != hb->nelts ||
        !same_name(taiauth_token_header(a), taiauth_token_header(b))) {
        return 0;
    }
    for (i = 0; i < ha->nelts; i++) {
        if (!same_name(APR_ARRAY_IDX(ha, i, const char *), APR_ARRAY_IDX(hb, i, const char *))) {
            return 0;
        }
    }
    return 1;
}
