#include "scripts.h"

#include <string.h>
#include <apr_escape.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include "scripts.inc"

const char tai_redis_time[] = TAI_TIME_LUA;

static const struct {
    const char *name, *window, *body;
} parts[TAI_REDIS_SCRIPT_COUNT] = {
    [TAI_REDIS_CHARGE] = {"charge", TAI_WINDOW_LUA, TAI_CHARGE_LUA},
    [TAI_REDIS_REFUND] = {"refund", TAI_WINDOW_LUA, TAI_REFUND_LUA},
    [TAI_REDIS_FAILURES] = {"failures", TAI_WINDOW_LUA, TAI_FAILURES_LUA},
    [TAI_REDIS_LOGIN] = {"login", TAI_WINDOW_LUA, TAI_LOGIN_LUA},
    [TAI_REDIS_MEMBERS] = {"members", "", TAI_MEMBERS_LUA},
};

/* SHA-1 because Redis names scripts by it; nothing here rests on its strength. */
static apr_status_t name_by_sha1(tai_redis_script_t *script)
{
    unsigned char sha1[EVP_MAX_MD_SIZE];
    unsigned int size;

    if (!EVP_Digest(script->text, strlen(script->text), sha1, &size, EVP_sha1(), NULL)) {
        return APR_EGENERAL;
    }
    return apr_escape_hex(script->sha1, sha1, size, 0, NULL);
}

apr_status_t tai_redis_scripts_make(tai_redis_script_t scripts[TAI_REDIS_SCRIPT_COUNT],
                                    const char *time, apr_pool_t *p)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < TAI_REDIS_SCRIPT_COUNT && rv == APR_SUCCESS; i++) {
        scripts[i].name = parts[i].name;
        scripts[i].text = apr_pstrcat(p, time, parts[i].window, parts[i].body, NULL);
        rv = name_by_sha1(&scripts[i]);
    }
    return rv;
}
