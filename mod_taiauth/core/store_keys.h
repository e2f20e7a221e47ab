#ifndef TAI_STORE_KEYS_H
#define TAI_STORE_KEYS_H

#include <apr_tables.h>
#include "key.h"
#include "store.h"
#include "store_change.h"

/*
 * A key as its owner and the operator see it: never the key, never a digest. Strings live in the
 * pool that the reader was given. Times are UTC seconds, as in record.h.
 */
typedef struct tai_key_info_t {
    const char *id; /* random text, "key_..." */
    const char *account;
    const char *user;
    const char *name;
    const char *prefix;
    const char *plan;                    /* of the account */
    const char *rate_limit;              /* "N/WINDOW" of the key itself; NULL: none */
    const apr_array_header_t *scopes;    /* of const char *: what it was issued with */
    const apr_array_header_t *effective; /* of const char *: of them, what the plan grants now */
    int has_token;
    apr_int64_t created_at;
    apr_int64_t expires_at;   /* TAI_NEVER: no expiry; TAI_MALFORMED: refused as if expired */
    apr_int64_t revoked_at;   /* TAI_NEVER: not revoked */
    apr_int64_t last_used_at; /* TAI_NEVER: not yet */
} tai_key_info_t;

/* What a new key is to be. */
typedef struct tai_key_order_t {
    const char *account;
    const char *name;                 /* see name.h */
    const apr_array_header_t *scopes; /* of const char *; NULL: the default ones of the plan */
    const char *rate_limit;           /* "N/WINDOW"; NULL: none of its own */
    apr_int64_t expires_at;           /* UTC seconds; TAI_NEVER: none */
    int with_token;
} tai_key_order_t;

/* A key that was just made: the only time that its text is there. */
typedef struct tai_key_issue_t {
    char key[TAI_KEY_LEN + 1];
    char token[TAI_KEY_LEN + 1]; /* empty: it has none */
    const tai_key_info_t *info;
} tai_key_issue_t;

/* Which key is meant: by one of the two. */
typedef struct tai_key_name_t {
    const char *text; /* its id, or its shown prefix with or without "..." */
    const char *hash; /* SHA-256 of the whole key */
} tai_key_name_t;

/**
 * @param now  UTC seconds
 * @return "active", "revoked" or "expired"; static
 */
const char *tai_key_status(const tai_key_info_t *info, apr_int64_t now);

/**
 * Make a key for the primary administrator of an account. tai_digest_init was called before.
 * @param order  what it is to be
 * @param now    UTC seconds
 * @param p      texts live here
 * @param issue  filled in when done, else emptied; the caller wipes it
 * @param text   set to a sentence unless done
 * @return DONE, INVALID (name, scopes, limit, expiry), NOT_FOUND (account), INACTIVE (account, or no
 *         active primary administrator), PLAN (does not grant a scope), FULL or UNKNOWN
 */
tai_change_e tai_store_create_key(tai_store_t *store, const tai_key_order_t *order, apr_int64_t now,
                                  apr_pool_t *p, tai_key_issue_t *issue, const char **text);

/**
 * All keys of an account, the newest first.
 * @param account  its name
 * @param keys     set to an array of const tai_key_info_t *
 * @param text     set to a sentence unless done
 * @return DONE, NOT_FOUND (account) or UNKNOWN
 */
tai_change_e tai_store_list_keys(tai_store_t *store, const char *account, apr_pool_t *p,
                                 apr_array_header_t **keys, const char **text);

/**
 * Show one key.
 * @param info  set when done
 * @return DONE, NOT_FOUND, INVALID (several keys have this prefix: text names their ids) or UNKNOWN
 */
tai_change_e tai_store_show_key(tai_store_t *store, const tai_key_name_t *name, apr_pool_t *p,
                                const tai_key_info_t **info, const char **text);

/**
 * Revoke one key, for ever. Doing it again changes nothing.
 * @param now    UTC seconds
 * @param info   set when done, with the time of the first revocation
 * @param again  set to 1: it was revoked before
 * @return as tai_store_show_key
 */
tai_change_e tai_store_revoke_key(tai_store_t *store, const tai_key_name_t *name, apr_int64_t now,
                                  apr_pool_t *p, const tai_key_info_t **info, int *again,
                                  const char **text);

#endif
