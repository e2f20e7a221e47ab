#ifndef TAI_RECORD_H
#define TAI_RECORD_H

#include <apr.h>
#include "digest.h"

typedef enum { TAI_STANDING_ACTIVE, TAI_STANDING_SUSPENDED, TAI_STANDING_CLOSED } tai_standing_e;

/*
 * What the database says of one key, with its account, user and plan, as read by one statement.
 * Strings live where the reader was told to put them. Times are UTC seconds.
 */
typedef struct tai_record_t {
    const char *id;     /* of the key, random text */
    const char *line;   /* id of the first key of those rolled from one another */
    const char *prefix; /* shown: "tai_" + 8 characters; imported keys: at most 4 */
    tai_digest_t key;   /* SHA-256 of the whole key */
    int has_token;
    tai_digest_t token;     /* SHA-256 of its token, where it has one */
    const char *rate_limit; /* "N/WINDOW" of the key itself; NULL: none */
    const char *account_id;
    const char *account;         /* its name, r->user in the scoped-key dialect */
    const char *user;            /* user name, r->user in the key-and-token dialect */
    const char *plan;            /* "free" */
    const char *plan_rate_limit; /* "N/WINDOW" of the plan; NULL: none */
    const char *scopes;          /* what the key was issued with, separated by one blank */
    const char *effective;       /* of them, what the plan grants now, in the same order */
    apr_int64_t expires_at; /* TAI_NEVER: no expiry; TAI_MALFORMED: not a number in the database */
    apr_int64_t revoked_at; /* TAI_NEVER: not revoked */
    tai_standing_e account_standing;
    tai_standing_e user_standing;
} tai_record_t;

/* The members that are texts: whoever moves a record to another place has these to move. */
#define TAI_RECORD_TEXTS(X) \
    X(id)                   \
    X(line)                 \
    X(prefix)               \
    X(rate_limit)           \
    X(account_id)           \
    X(account)              \
    X(user)                 \
    X(plan)                 \
    X(plan_rate_limit)      \
    X(scopes)               \
    X(effective)

#define TAI_NEVER     APR_INT64_C(-1)
#define TAI_MALFORMED APR_INT64_C(-2)

#endif
