#include "config.h"

#include <string.h>
#include <sys/un.h>
#include <apr_escape.h>
#include <apr_strings.h>
#include <apr_uri.h>
#include "core/limiter.h"
#include "tls.h"

#define FORMS                                                                            \
    "redis://[user[:password]@]host[:port][/db], rediss://... over TLS, or unix:///path" \
    "[?db=N]"

#define PORT   6379
#define DB_MAX 65535

#define PREFIX_MAX 32

/* Digits alone, nothing in front of them or behind. @return 0: that is no number up to most */
static int parse_number(const char *text, unsigned most, unsigned *number)
{
    apr_int64_t n;

    if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 9) {
        return 0;
    }
    n = apr_atoi64(text);
    *number = (unsigned)n;
    return n <= most;
}

/* What stands in front of the @, with its %XX. */
static const char *decode(const char *what, const char *text, apr_pool_t *p, const char **decoded)
{
    *decoded = NULL;
    if (text == NULL || *text == '\0') {
        return NULL;
    }
    *decoded = apr_punescape_url(p, text, "", NULL, 0);
    if (*decoded == NULL) {
        return apr_psprintf(
            p, "the %s in the address has a %% that is not followed by two hex digits", what);
    }
    return NULL;
}

/* ---- the parts of an address ---------------------------------------------------------------- */

static const char *parse_db(const char *text, apr_pool_t *p, tai_redis_config_t *config)
{
    return parse_number(text, DB_MAX, &config->db)
               ? NULL
               : apr_psprintf(p, "the database is no number from 0 to %d", DB_MAX);
}

static void set_socket(tai_redis_config_t *config)
{
    struct sockaddr_un *at = (struct sockaddr_un *)&config->addresses.of[0].at;

    at->sun_family = AF_UNIX;
    apr_cpystrn(at->sun_path, config->path, sizeof(at->sun_path));
    config->addresses.of[0].length = sizeof(*at);
    config->addresses.n = 1;
}

static const char *parse_socket(const apr_uri_t *uri, apr_pool_t *p, tai_redis_config_t *config)
{
    if ((uri->hostname != NULL && *uri->hostname != '\0') || uri->path == NULL ||
        uri->fragment != NULL) {
        return "a socket is unix:///path[?db=N], with three slashes";
    }
    if (strlen(uri->path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        return apr_psprintf(p, "the path of a socket has at most %d characters",
                            (int)sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
    }
    config->path = uri->path;
    set_socket(config);
    config->shown = apr_pstrcat(p, uri->scheme, "://", uri->path, NULL);
    if (uri->query == NULL) {
        return NULL;
    }
    config->shown = apr_pstrcat(p, config->shown, "?", uri->query, NULL);
    return strncmp(uri->query, "db=", 3) == 0 ? parse_db(uri->query + 3, p, config)
                                              : "of a socket, only ?db=N may follow the path";
}

static const char *parse_host(const apr_uri_t *uri, apr_pool_t *p, tai_redis_config_t *config)
{
    unsigned port = PORT;

    if (uri->hostname == NULL || *uri->hostname == '\0' || uri->query != NULL ||
        uri->fragment != NULL) {
        return "the address is not of the form " FORMS;
    }
    if (uri->port_str != NULL && (!parse_number(uri->port_str, 65535, &port) || port == 0)) {
        return "the port is no number from 1 to 65535";
    }
    config->host = uri->hostname;
    config->port = (apr_port_t)port;
    if (uri->path != NULL && strcmp(uri->path, "/") != 0) {
        const char *error = parse_db(uri->path + 1, p, config);

        if (error != NULL) {
            return error;
        }
    }
    config->shown =
        apr_psprintf(p, strchr(config->host, ':') != NULL ? "%s://[%s]:%u/%u" : "%s://%s:%u/%u",
                     uri->scheme, config->host, port, config->db);
    return NULL;
}

static const struct {
    const char *name;
    const char *(*parse)(const apr_uri_t *uri, apr_pool_t *p, tai_redis_config_t *config);
    int tls;
} schemes[] = {
    {"redis", parse_host, 0},
    {"rediss", parse_host, 1},
    {"unix", parse_socket, 0},
    {"redis+unix", parse_socket, 0},
};

/* In what stands behind the host: then a password has a / in it, and the host is a piece of it. */
static int has_at(const char *part)
{
    return part != NULL && strchr(part, '@') != NULL;
}

/* Nothing of the address stands in an error: where it has no form, anything may be the password. */
static const char *parse_address(const char *address, apr_pool_t *p, tai_redis_config_t *config)
{
    const char *error = "the address is not of the form " FORMS;
    apr_uri_t uri;
    apr_size_t i;

    if (apr_uri_parse(p, address, &uri) != APR_SUCCESS || uri.scheme == NULL) {
        return error;
    }
    if (has_at(uri.path) || has_at(uri.query) || has_at(uri.fragment)) {
        return "an @ stands behind a / or ? of the address: in user and password, / is written "
               "%2F, ? %3F, # %23 and @ %40";
    }
    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strcmp(uri.scheme, schemes[i].name) == 0) {
            config->tls = schemes[i].tls;
            error = schemes[i].parse(&uri, p, config);
        }
    }
    if (error == NULL) {
        error = decode("user", uri.user, p, &config->user);
    }
    return error == NULL ? decode("password", uri.password, p, &config->password) : error;
}

/* ---- options -------------------------------------------------------------------------------- */

static const char *set_text(const char *value, apr_pool_t *p, tai_redis_config_t *config,
                            const char **text)
{
    (void)p;
    (void)config;
    *text = value;
    return NULL;
}

static const char *set_password(const char *value, apr_pool_t *p, tai_redis_config_t *config,
                                const char **password)
{
    if (strncmp(value, "exec:", 5) != 0) {
        return set_text(value, p, config, password);
    }
    config->program = value + 5;
    *password = ""; /* until it has been asked */
    return *config->program == '/' ? NULL
                                   : "password=exec: is followed by the whole path of a program, "
                                     "beginning with /";
}

/* It stands in front of every key: nothing that a pattern or a hash tag is made of. */
static const char *set_prefix(const char *value, apr_pool_t *p, tai_redis_config_t *config,
                              const char **prefix)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const apr_size_t len = strlen(value);

    if (len > PREFIX_MAX || strspn(value, allowed) != len) {
        return apr_psprintf(p, "prefix= is 1 to %d letters, digits and . _ -", PREFIX_MAX);
    }
    return set_text(value, p, config, prefix);
}

static const struct {
    const char *name;
    apr_size_t offset; /* of a const char * */
    const char *(*set)(const char *value, apr_pool_t *p, tai_redis_config_t *config,
                       const char **member);
} words[] = {
    {"password", offsetof(tai_redis_config_t, password), set_password},
    {"user", offsetof(tai_redis_config_t, user), set_text},
    {"ca", offsetof(tai_redis_config_t, ca), set_text},
    {"prefix", offsetof(tai_redis_config_t, prefix), set_prefix},
};

static const char *set_option(const tai_limiter_option_t *option, apr_pool_t *p,
                              tai_redis_config_t *config)
{
    apr_size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char **member = (const char **)((char *)config + words[i].offset);

        if (strcmp(words[i].name, option->name) != 0) {
            continue;
        }
        if (*member != NULL) {
            return apr_psprintf(p, "%s is given twice", words[i].name);
        }
        if (option->value == NULL || *option->value == '\0') {
            return apr_psprintf(p, "%s= is empty", words[i].name);
        }
        return words[i].set(option->value, p, config, member);
    }
    /* a name may be the beginning of a password that stands there alone */
    return "what follows the address must be one of timeout=, on-error=, password=, user=, ca= and "
           "prefix=";
}

/* ---- the whole ------------------------------------------------------------------------------ */

static const char *check_whole(const tai_redis_config_t *config)
{
    if (config->user != NULL && config->password == NULL) {
        return "a user needs a password: in the address, or password=";
    }
    if (config->ca != NULL && !config->tls) {
        return "ca= is for rediss:// alone";
    }
    return config->tls ? tai_redis_tls_check(config->ca) : NULL;
}

const char *tai_redis_config_parse(const char *address, const apr_array_header_t *options,
                                   apr_uint32_t timeout_ms, apr_pool_t *p, tai_redis_config_t **out)
{
    tai_redis_config_t *config = apr_pcalloc(p, sizeof(*config));
    const char *error = parse_address(address, p, config);
    int i;

    for (i = 0; i < options->nelts && error == NULL; i++) {
        error = set_option(&APR_ARRAY_IDX(options, i, tai_limiter_option_t), p, config);
    }
    if (error == NULL) {
        error = check_whole(config);
    }
    if (error != NULL) {
        return error;
    }
    if (config->prefix == NULL) {
        config->prefix = TAI_REDIS_PREFIX;
    }
    config->timeout_ms = timeout_ms;
    *out = config;
    return NULL;
}
