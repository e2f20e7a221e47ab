#ifndef TAI_JUDGE_H
#define TAI_JUDGE_H

#include "record.h"
#include "verdict.h"

/* How a place asks for the second half of a key-and-token pair. */
typedef enum {
    TAI_TOKEN_NOT_ASKED, /* a key by itself opens the place */
    TAI_TOKEN_GIVEN,     /* a token is asked for and was presented well-formed */
    TAI_TOKEN_MALFORMED  /* a token is asked for and what was presented cannot be one */
} tai_token_e;

/**
 * Does this key open anything at all? In this order: the token, revoked, expired, the standing of
 * account and user.
 * @param record     as the database has it now
 * @param token      what the place asks for and what was presented
 * @param presented  SHA-256 of the presented token; used only with TAI_TOKEN_GIVEN
 * @param now        wall clock, UTC seconds
 * @return TAI_ADMITTED, or the exact reason why not
 */
tai_reason_e tai_judge_key(const tai_record_t *record, tai_token_e token,
                           const tai_digest_t *presented, apr_int64_t now);

/**
 * Effective scopes are those of the key that the plan grants now.
 * @param record  of an admitted key
 * @param scope   exact name
 * @return TAI_ADMITTED, TAI_SCOPE_NOT_HELD, or TAI_SCOPE_NOT_IN_PLAN: the key has it, its plan not
 */
tai_reason_e tai_judge_scope(const tai_record_t *record, const char *scope);

#endif
