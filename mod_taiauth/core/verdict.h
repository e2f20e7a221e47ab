#ifndef TAI_VERDICT_H
#define TAI_VERDICT_H

#include <stddef.h>

/*
 * What was decided about a request, in two tables: the public codes that a client sees, and the
 * exact reasons that the operator sees (error log, metrics, TAIAUTH_REASON). Each reason has one
 * public code; several reasons share one so that a client cannot probe which it was.
 */

/* name, HTTP status, title (RFC 9457), text (NULL: made per request) */
#define TAI_CODES(X)                                                                       \
    X(ADMITTED, 200, "Admitted", NULL)                                                     \
    X(MISSING_API_KEY, 401, "API key missing", "An API key is required.")                  \
    X(INVALID_API_KEY, 401, "API key invalid", "The API key is invalid.")                  \
    X(INSUFFICIENT_SCOPE, 403, "Insufficient scope", NULL)                                 \
    X(FORBIDDEN, 403, "Forbidden", "This API key is not allowed to make this request.")    \
    X(ACCOUNT_SUSPENDED, 403, "Account suspended", "The account is not in good standing.") \
    X(METHOD_NOT_ALLOWED, 405, "Method not allowed", NULL)                                 \
    X(RATE_LIMITED, 429, "Rate limit exceeded", NULL)                                      \
    X(LOCKED_OUT, 429, "Locked out", "Too many failed authentication attempts.")           \
    X(AUTH_UNAVAILABLE, 503, "Authentication unavailable",                                 \
      "The API key could not be checked. Try again shortly.")                              \
    /* of the management API and the token endpoint */                                     \
    X(BAD_REQUEST, 400, "Bad request", NULL)                                               \
    X(UNAUTHENTICATED, 401, "Not logged in", "Log in first.")                              \
    X(NOT_PRIMARY_ADMIN, 403, "Not the primary administrator",                             \
      "Only the primary administrator of the account may do this.")                        \
    X(PLAN_REQUIRED, 403, "Plan required", NULL)                                           \
    X(CROSS_SITE, 403, "Cross-site request",                                               \
      "This request was started by another site, or does not say by which.")               \
    X(TLS_REQUIRED, 403, "TLS required", "Logging in needs https.")                        \
    X(NOT_FOUND, 404, "Not found", "There is no such thing in this account.")              \
    X(SCOPES_IMMUTABLE, 409, "Scopes never change",                                        \
      "The scopes of a key never change. Create a key with the scopes you need.")          \
    X(KEY_LIMIT_REACHED, 409, "Key limit reached", NULL)                                   \
    X(KEY_NOT_ACTIVE, 409, "Key not active", NULL)                                         \
    X(TOO_LARGE, 413, "Too large", "A request body is 16384 bytes at the most.")           \
    X(UNSUPPORTED_MEDIA_TYPE, 415, "Unsupported media type",                               \
      "A request body must be application/json.")

/* name, text in logs and metrics, public code. The order is the order of the metrics page. */
#define TAI_REASONS(X)                                               \
    X(ADMITTED, "admitted", ADMITTED)                                \
    X(ANONYMOUS, "anonymous", ADMITTED)                              \
    X(PREFLIGHT, "preflight", ADMITTED)                              \
    X(KEY_MISSING, "key_missing", MISSING_API_KEY)                   \
    X(TOKEN_MISSING, "token_missing", MISSING_API_KEY)               \
    X(KEY_REPEATED, "key_repeated", INVALID_API_KEY)                 \
    X(KEY_MALFORMED, "key_malformed", INVALID_API_KEY)               \
    X(KEY_CHECKSUM, "key_checksum", INVALID_API_KEY)                 \
    X(KEY_UNKNOWN, "key_unknown", INVALID_API_KEY)                   \
    X(KEY_REVOKED, "key_revoked", INVALID_API_KEY)                   \
    X(KEY_EXPIRED, "key_expired", INVALID_API_KEY)                   \
    X(KEY_EXPIRY_MALFORMED, "key_expiry_malformed", INVALID_API_KEY) \
    X(TOKEN_SHAPE, "token_malformed", INVALID_API_KEY)               \
    X(TOKEN_MISMATCH, "token_mismatch", INVALID_API_KEY)             \
    X(TOKEN_NOT_ASKED_FOR, "token_not_asked", INVALID_API_KEY)       \
    X(TOKEN_NOT_ISSUED, "token_not_issued", INVALID_API_KEY)         \
    X(ACCOUNT_SUSPENDED, "account_suspended", ACCOUNT_SUSPENDED)     \
    X(ACCOUNT_CLOSED, "account_closed", ACCOUNT_SUSPENDED)           \
    X(USER_DISABLED, "user_disabled", ACCOUNT_SUSPENDED)             \
    X(SCOPE_NOT_HELD, "scope_not_held", INSUFFICIENT_SCOPE)          \
    X(SCOPE_NOT_IN_PLAN, "scope_not_in_plan", INSUFFICIENT_SCOPE)    \
    X(REQUIRE_REFUSED, "require_refused", FORBIDDEN)                 \
    X(METHOD_NOT_ALLOWED, "method_not_allowed", METHOD_NOT_ALLOWED)  \
    X(RATE_LIMITED, "rate_limited", RATE_LIMITED)                    \
    X(CLIENT_LOCKED, "client_locked", LOCKED_OUT)                    \
    X(PAIR_LOCKED, "pair_locked", LOCKED_OUT)                        \
    X(CLIENT_LOOKUPS, "client_lookups", LOCKED_OUT)                  \
    X(NODE_LOOKUPS, "node_lookups", AUTH_UNAVAILABLE)                \
    X(DATABASE, "database", AUTH_UNAVAILABLE)                        \
    X(SHARED_MEMORY, "shared_memory", AUTH_UNAVAILABLE)              \
    X(LIMITER, "limiter", AUTH_UNAVAILABLE)                          \
    X(DIGEST, "digest", AUTH_UNAVAILABLE)                            \
    /* of the management API and the token endpoint */               \
    X(MANAGED, "managed", ADMITTED)                                  \
    X(BAD_REQUEST, "bad_request", BAD_REQUEST)                       \
    X(CALLER_UNKNOWN, "caller_unknown", UNAUTHENTICATED)             \
    X(CALLER_DISAGREES, "caller_disagrees", UNAUTHENTICATED)         \
    X(CALLER_FORBIDDEN, "caller_forbidden", FORBIDDEN)               \
    X(LOGIN_FAILED, "login_failed", UNAUTHENTICATED)                 \
    X(LOGIN_LOCKED, "login_locked", LOCKED_OUT)                      \
    X(LOGIN_BUSY, "login_busy", AUTH_UNAVAILABLE)                    \
    X(LOGIN_PROVIDER, "login_provider", AUTH_UNAVAILABLE)            \
    X(REVOCATIONS_BUSY, "revocations_busy", AUTH_UNAVAILABLE)        \
    X(CALLER_SUSPENDED, "caller_suspended", ACCOUNT_SUSPENDED)       \
    X(NOT_PRIMARY_ADMIN, "not_primary_admin", NOT_PRIMARY_ADMIN)     \
    X(PLAN_REQUIRED, "plan_required", PLAN_REQUIRED)                 \
    X(CROSS_SITE, "cross_site", CROSS_SITE)                          \
    X(TLS_REQUIRED, "tls_required", TLS_REQUIRED)                    \
    X(NOT_FOUND, "not_found", NOT_FOUND)                             \
    X(SCOPES_IMMUTABLE, "scopes_immutable", SCOPES_IMMUTABLE)        \
    X(KEY_LIMIT_REACHED, "key_limit_reached", KEY_LIMIT_REACHED)     \
    X(KEY_NOT_ACTIVE, "key_not_active", KEY_NOT_ACTIVE)              \
    X(TOO_LARGE, "too_large", TOO_LARGE)                             \
    X(MEDIA_TYPE, "media_type", UNSUPPORTED_MEDIA_TYPE)              \
    X(UNDECIDED, "undecided", AUTH_UNAVAILABLE)

typedef enum {
#define X(name, status, title, text) TAI_CODE_##name,
    TAI_CODES(X)
#undef X
        TAI_CODE_COUNT
} tai_code_e;

typedef enum {
#define X(name, text, code) TAI_##name,
    TAI_REASONS(X)
#undef X
        TAI_REASON_COUNT
} tai_reason_e;

typedef struct tai_code_t {
    const char *name;  /* "INSUFFICIENT_SCOPE" */
    int status;        /* HTTP status of the refusal */
    const char *title; /* RFC 9457 title */
    const char *text;  /* what the client reads; NULL where it depends on the request */
} tai_code_t;

/**
 * The public side of a code.
 * @param code  a value of the enumeration
 * @return a row of a static table, never NULL
 */
const tai_code_t *tai_code(tai_code_e code);

/**
 * @param reason  a value of the enumeration
 * @return the public code that clients get for it
 */
tai_code_e tai_reason_code(tai_reason_e reason);

/**
 * @param reason  a value of the enumeration
 * @return its name in logs, metrics and TAIAUTH_REASON; static
 */
const char *tai_reason_name(tai_reason_e reason);

#endif
