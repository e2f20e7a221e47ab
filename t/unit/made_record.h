#ifndef MADE_RECORD_H
#define MADE_RECORD_H

#include <stdio.h>
#include <string.h>
#include "core/records.h"
#include "chance.h"

/*
 * Records of which every member says whose it is: derived from the number of a key and of a version
 * of its record, which stands in expires_at (but in version 0, that never expires). One that is put
 * together from two is told by any member.
 */
#define MADE_ACCOUNTS 7

typedef struct made_record_t {
    tai_record_t record;
    char id[40], line[40], prefix[16], account_id[40], account[64], user[300];
    char plan[24], limit[24], scopes[80], effective[80];
} made_record_t;

static inline tai_digest_t made_digest(apr_uint64_t seed)
{
    apr_uint64_t word;
    tai_digest_t digest;
    apr_size_t i;

    for (i = 0; i < sizeof(digest); i += sizeof(word)) {
        word = chance_next(&seed);
        memcpy(digest.bytes + i, &word, sizeof(word));
    }
    return digest;
}

/* The account of a key. */
static inline void made_account_id(apr_uint64_t account, char *id, apr_size_t size)
{
    snprintf(id, size, "account-%020" APR_UINT64_T_FMT, account);
}

static inline void made_texts(made_record_t *made, apr_uint64_t key, apr_uint64_t version)
{
    tai_record_t *r = &made->record;
    const unsigned long long k = key, v = version;

    snprintf(made->id, sizeof(made->id), "key-%022llu", k);
    snprintf(made->line, sizeof(made->line), "line-%llu-%llu", k, v);
    snprintf(made->prefix, sizeof(made->prefix), "tai_%08llx", k & 0xffffffff);
    made_account_id(key % MADE_ACCOUNTS, made->account_id, sizeof(made->account_id));
    snprintf(made->account, sizeof(made->account), "acme %llu %llu", k, v);
    snprintf(made->user, sizeof(made->user), "%0*llu", (int)(v % 10 == 9 ? 250 : 10), k + v);
    snprintf(made->plan, sizeof(made->plan), "plan%llu", v % 5);
    snprintf(made->limit, sizeof(made->limit), "%llu/60s", 1 + (k + v) % 11);
    snprintf(made->scopes, sizeof(made->scopes), "programs:read version:%llu", v % 7);
    snprintf(made->effective, sizeof(made->effective), "version:%llu", v % 7);
    *r = (tai_record_t){
        .id = made->id,
        .line = version % 2 ? made->line : made->id,
        .prefix = made->prefix,
        .account_id = made->account_id,
        .account = made->account,
        .user = made->user,
        .plan = made->plan,
        .rate_limit = version % 3 ? made->limit : NULL,
        .plan_rate_limit = version % 5 ? made->limit : NULL,
        .scopes = made->scopes,
        .effective = version % 4 ? made->scopes : made->effective,
    };
}

static inline void made_record(made_record_t *made, apr_uint64_t key, apr_uint64_t version)
{
    tai_record_t *r = &made->record;

    made_texts(made, key, version);
    r->key = made_digest(key);
    r->has_token = version % 3 == 1;
    if (r->has_token) {
        r->token = made_digest(key ^ version << 32);
    }
    r->expires_at = version ? (apr_int64_t)version : TAI_NEVER;
    r->revoked_at = version % 7 == 6 ? (apr_int64_t)(key + version) : TAI_NEVER;
    r->account_standing = (tai_standing_e)(version % 3);
    r->user_standing = (tai_standing_e)((version + 1) % 3);
}

static inline int made_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static inline int made_same(const tai_record_t *a, const tai_record_t *b)
{
    return made_same_text(a->id, b->id) && made_same_text(a->line, b->line) &&
           made_same_text(a->prefix, b->prefix) && made_same_text(a->account_id, b->account_id) &&
           made_same_text(a->account, b->account) && made_same_text(a->user, b->user) &&
           made_same_text(a->plan, b->plan) && made_same_text(a->rate_limit, b->rate_limit) &&
           made_same_text(a->plan_rate_limit, b->plan_rate_limit) &&
           made_same_text(a->scopes, b->scopes) && made_same_text(a->effective, b->effective) &&
           memcmp(&a->key, &b->key, sizeof(a->key)) == 0 && a->has_token == b->has_token &&
           (!a->has_token || memcmp(&a->token, &b->token, sizeof(a->token)) == 0) &&
           a->expires_at == b->expires_at && a->revoked_at == b->revoked_at &&
           a->account_standing == b->account_standing && a->user_standing == b->user_standing;
}

/* @return 1: this is the record of the key, of one version and no other */
static inline int made_is_whole(const tai_record_t *record, apr_uint64_t key)
{
    made_record_t made;

    made_record(&made, key, record->expires_at == TAI_NEVER ? 0 : (apr_uint64_t)record->expires_at);
    return made_same(record, &made.record);
}

#endif
