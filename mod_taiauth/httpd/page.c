/*
 * Which piece of a list is asked for: ?limit=20&after=key_1
 */

#include "api.h"

#include "../core/key.h"

#define LIMIT_DEFAULT 20
#define LIMIT_MAX     100
#define DIGITS_MAX    18 /* of a number of 64 bits: whatever they are */

/* -1: not digits alone, or too many */
static apr_int64_t number(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits && digits <= DIGITS_MAX && !text[digits] ? apr_atoi64(text) : -1;
}

static const char *read_limit(const char *value, taiauth_page_t *page, apr_pool_t *p)
{
    apr_int64_t limit = number(value);

    if (limit < 1 || limit > LIMIT_MAX) {
        return apr_psprintf(p, "\"limit\" must be a number from 1 to %d.", LIMIT_MAX);
    }
    page->limit = (int)limit;
    return NULL;
}

static const char *wrong_position(const taiauth_page_t *page, apr_pool_t *p)
{
    return apr_psprintf(p, "\"%s\" must be the \"next\" of another page.", page->position);
}

static const char *read_position(const char *value, taiauth_page_t *page, apr_pool_t *p)
{
    const char *c = value;

    while (tai_key_digit(*c) || *c == '_') {
        c++;
    }
    page->from = value;
    page->number = number(value);
    return c > value && !*c ? NULL : wrong_position(page, p);
}

/* name=value, each at most once */
static const char *read_parameter(char *name, taiauth_page_t *page, apr_pool_t *p)
{
    char *value = strchr(name, '=');
    int is_limit;

    if (value) {
        *value++ = '\0';
    }
    is_limit = !strcmp(name, "limit");
    if (!is_limit && strcmp(name, page->position)) {
        return apr_psprintf(p, "The parameters of this call are \"limit\" and \"%s\".",
                            page->position);
    }
    if (is_limit ? page->limit != 0 : page->from != NULL) {
        return apr_psprintf(p, "\"%s\" was sent twice.", name);
    }
    return (is_limit ? read_limit : read_position)(value ? value : "", page, p);
}

int taiauth_page_read(request_rec *r, const char *position, taiauth_page_t *page)
{
    const char *text = NULL;
    char *name, *rest;

    *page = (taiauth_page_t){.position = position};
    name = apr_strtok(apr_pstrdup(r->pool, r->args ? r->args : ""), "&", &rest);
    while (name && !text) {
        text = read_parameter(name, page, r->pool);
        name = apr_strtok(NULL, "&", &rest);
    }
    if (!page->limit) {
        page->limit = LIMIT_DEFAULT;
    }
    return text ? taiauth_refuse(r, TAI_BAD_REQUEST, text, 0, NULL) : OK;
}

int taiauth_page_refuse(request_rec *r, const taiauth_page_t *page)
{
    return taiauth_refuse(r, TAI_BAD_REQUEST, wrong_position(page, r->pool), 0, NULL);
}
