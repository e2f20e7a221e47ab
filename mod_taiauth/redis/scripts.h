#ifndef TAI_REDIS_SCRIPTS_H
#define TAI_REDIS_SCRIPTS_H

#include <apr_errno.h>
#include <apr_pools.h>

/*
 * What Redis is asked to do, each in one step of its own: script/NAME.lua says what it takes and
 * returns. Each text begins with what it needs of the others.
 */
typedef enum {
    TAI_REDIS_CHARGE,
    TAI_REDIS_REFUND,
    TAI_REDIS_FAILURES,
    TAI_REDIS_LOGIN,
    TAI_REDIS_MEMBERS,
    TAI_REDIS_SCRIPT_COUNT
} tai_redis_script_e;

#define TAI_REDIS_SHA1_HEX 40

typedef struct tai_redis_script_t {
    const char *name; /* "charge" */
    const char *text;
    char sha1[TAI_REDIS_SHA1_HEX + 1]; /* what EVALSHA knows it by */
} tai_redis_script_t;

/* The text in front that knows of time, script/time.lua. */
extern const char tai_redis_time[];

/**
 * @param scripts  filled in
 * @param time     tai_redis_time; tests have another one
 * @param p        texts live here
 * @return APR_SUCCESS, or APR_EGENERAL: there is no SHA-1
 */
apr_status_t tai_redis_scripts_make(tai_redis_script_t scripts[TAI_REDIS_SCRIPT_COUNT],
                                    const char *time, apr_pool_t *p);

#endif
