#ifndef TAI_STORE_KEYS_H
#define TAI_STORE_KEYS_H

#include <apr_tables.h>
#include "key.h"
#include "store.h"
#include "store_audit.h"
#include "store_principals.h"
#include "store_change.h"

/*
 * A key as its owner and the operator see it: never the key, never a digest. Strings live in the
 * pool that the reader was given. Times are UTC seconds, as in record.h.
 */
typedef struct tai_key_info_t {
    const char *id;   /* random text, "key_..." */
    const char *line; /* id of the first key of those rolled from one another */
    const char *account_id;
    const char *account; /* its name */
    const char *user_id;
    const char *user; /* user name */
    const char *name;
    const char *prefix;
    const char *plan;                    /* of the account */
    const char *rate_limit;              /* "N/WINDOW" of the key itself; NULL: none */
    const apr_array_header_t *scopes;    /* of const char *: what it was issued with */
    const apr_array_header_t *effective; /* of const char *: of them, what the plan grants now */
    const char *origin;                  /* operator, api, token or import */
    int has_token;
    apr_int64_t admitted, refused; /* requests of the last TAI_USAGE_DAYS days */
    apr_int64_t created_at;
    apr_int64_t expires_at;   /* TAI_NEVER: no expiry; TAI_MALFORMED: refused as if expired */
    apr_int64_t revoked_at;   /* TAI_NEVER: not revoked */
    apr_int64_t last_used_at; /* TAI_NEVER: not yet */
} tai_key_info_t;

/* What a new key is to be. */
typedef struct tai_key_order_t {
    const char *account; /* its name: for its primary administrator; NULL: user_id says for whom */
    const char *user_id; /* one who makes it for himself, and must be primary administrator */
    const tai_principal_t
        *principal; /* he has just shown his password: INACTIVE where it, or he, has
                                         changed since; NULL: he is known otherwise */
    const char
        *origin;      /* "operator", "api" or "token"; "token" replaces the one he had from there */
    const char *name; /* see name.h */
    const apr_array_header_t *scopes; /* of const char *; NULL: the default ones of the plan */
    const char *rate_limit;           /* "N/WINDOW"; NULL: none of its own */
    apr_int64_t expires_at;           /* UTC seconds; TAI_NEVER: none */
    int with_token;
    int ends_none; /* 1: where it would replace another, KEY instead */
} tai_key_order_t;

/* A key that was just made: the only time that its text is there. */
typedef struct tai_key_issue_t {
    char key[TAI_KEY_LEN + 1];
    char token[TAI_KEY_LEN + 1]; /* empty: it has none */
    const tai_key_info_t *info;
    const char *old_id;      /* of the key that it follows, by a roll */
    apr_int64_t old_ends_at; /* of that: UTC seconds */
    int ended;               /* how many keys it replaces: those are revoked */
} tai_key_issue_t;

/* Which key is meant: by one of the two. */
typedef struct tai_key_name_t {
    const char *text;       /* its id, or its shown prefix with or without "..." */
    const char *hash;       /* SHA-256 of the whole key */
    const char *account_id; /* every statement asks for a key of this account, by id alone: another
                               account's is NOT_FOUND; NULL: the operator's, of any account */
} tai_key_name_t;

/**
 * @param now  UTC seconds
 * @return "active", "revoked" or "expired"; static
 */
const char *tai_key_status(const tai_key_info_t *info, apr_int64_t now);

/**
 * Make a key for the primary administrator of an account. A key of the origin "token" takes the
 * place, and the line, of the active one that this user has of that origin, which is revoked in the
 * same transaction. tai_digest_init was called before.
 * @param order  what it is to be
 * @param actor  for the audit log
 * @param now    UTC seconds
 * @param p      texts live here
 * @param issue  filled in when done, else emptied; the caller wipes it
 * @param text   set to a sentence unless done
 * @return DONE, INVALID (name, scopes, limit, expiry), NOT_FOUND (account or user), INACTIVE
 *         (account or user, or no active primary administrator), ROLE, KEY (it was to end none), PLAN
 *         (does not grant a scope), FULL or UNKNOWN
 */
tai_change_e tai_store_create_key(tai_store_t *store, const tai_key_order_t *order,
                                  const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                  tai_key_issue_t *issue, const char **text);

/* From 0 to a week. */
#define TAI_GRACE_MAX 604800

/**
 * Make a key that follows another one: same name, line, scopes, limit, expiry and token or none;
 * hence the same windows, and one place of the account's maximum. It belongs to who rolls it, or to
 * the primary administrator. The old key ends after the grace, never later than it would have;
 * without a grace it is revoked now. Of an imported key the successor is one of ours.
 * @param name   which key
 * @param grace  seconds
 * @param user_id  who rolls it, who must be primary administrator of its account; NULL: the operator
 * @return DONE, INVALID (grace), NOT_FOUND, INACTIVE, ROLE, KEY (not active, or another key of its
 *         line is) or UNKNOWN
 */
tai_change_e tai_store_roll_key(tai_store_t *store, const tai_key_name_t *name, apr_int64_t grace,
                                const char *user_id, const tai_actor_t *actor, apr_int64_t now,
                                apr_pool_t *p, tai_key_issue_t *issue, const char **text);

/**
 * All keys of an account, the newest first.
 * @param account  its name
 * @param now      UTC seconds
 * @param keys     set to an array of const tai_key_info_t *
 * @param text     set to a sentence unless done
 * @return DONE, NOT_FOUND (account) or UNKNOWN
 */
tai_change_e tai_store_list_keys(tai_store_t *store, const char *account, apr_int64_t now,
                                 apr_pool_t *p, apr_array_header_t **keys, const char **text);

/**
 * Some keys of an account, the newest first (by creation, then id): going from page to page neither
 * repeats nor leaves out one that was there at the first, whatever is made meanwhile.
 * @param account_id  id of the account
 * @param after       id of the last key of the page before; NULL: the first page
 * @param limit       how many at the most
 * @param now         UTC seconds
 * @param keys        set to an array of const tai_key_info_t *
 * @param more        set to 1: there are further ones
 * @return DONE, INVALID (after is no key of this account) or UNKNOWN
 */
tai_change_e tai_store_page_keys(tai_store_t *store, const char *account_id, const char *after,
                                 int limit, apr_int64_t now, apr_pool_t *p,
                                 apr_array_header_t **keys, int *more, const char **text);

/**
 * Show one key.
 * @param now   UTC seconds
 * @param info  set when done
 * @return DONE, NOT_FOUND, INVALID (several keys have this prefix: text names their ids) or UNKNOWN
 */
tai_change_e tai_store_show_key(tai_store_t *store, const tai_key_name_t *name, apr_int64_t now,
                                apr_pool_t *p, const tai_key_info_t **info, const char **text);

/**
 * Give a key another name.
 * @return DONE, INVALID (name), NOT_FOUND or UNKNOWN
 */
tai_change_e tai_store_rename_key(tai_store_t *store, const tai_key_name_t *name,
                                  const char *new_name, const tai_actor_t *actor, apr_int64_t now,
                                  apr_pool_t *p, const tai_key_info_t **info, const char **text);

/**
 * Revoke one key, for ever. Doing it again changes nothing.
 * @param now    UTC seconds
 * @param info   set when done, with the time of the first revocation
 * @param again  set to 1: it was revoked before
 * @return as tai_store_show_key
 */
tai_change_e tai_store_revoke_key(tai_store_t *store, const tai_key_name_t *name,
                                  const tai_actor_t *actor, apr_int64_t now, apr_pool_t *p,
                                  const tai_key_info_t **info, int *again, const char **text);

#endif
