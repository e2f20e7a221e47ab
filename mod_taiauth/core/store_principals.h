#ifndef TAI_STORE_PRINCIPALS_H
#define TAI_STORE_PRINCIPALS_H

#include "record.h"
#include "store.h"
#include "store_change.h"

/* A user with his account, as one who asks for something. Strings live in the reader's pool. */
typedef struct tai_principal_t {
    const char *user_id;
    const char *username;
    int primary_admin;
    int active;                /* the user is not disabled */
    const char *password_hash; /* bcrypt; NULL: the user cannot log in */
    const char *account_id;
    const char *account; /* its name */
    const char *plan;
    tai_standing_e standing;  /* of the account */
    apr_int64_t session_ends; /* at the latest, UTC seconds; TAI_NEVER: he was found by name */
} tai_principal_t;

/**
 * Look a user up by name, with one statement.
 * @param username   any bytes without NUL
 * @param p          the principal lives here
 * @param principal  set to it, or NULL: there is no such user
 * @param error      set to a sentence for the log on failure
 * @return APR_SUCCESS, or APR_EGENERAL: the database gave no answer
 */
apr_status_t tai_store_find_principal(tai_store_t *store, const char *username, apr_pool_t *p,
                                      tai_principal_t **principal, const char **error);

/* ---- sessions: server-side, found by the SHA-256 of a random id ---------------------------- */

#define TAI_SESSION_IDLE_S     (30 * 60)
#define TAI_SESSION_ABSOLUTE_S (12 * 60 * 60)
#define TAI_SESSION_MAX        10 /* of one user; the one not used for the longest makes room */

/**
 * Begin a session, and forget those of this user that are over.
 * @param id_hash  64 lower-case hex digits of the new id
 * @param now      UTC seconds
 * @return DONE, INACTIVE (user disabled in the meantime) or UNKNOWN
 */
tai_change_e tai_store_begin_session(tai_store_t *store, const tai_principal_t *principal,
                                     const char *id_hash, const char *client, apr_int64_t now,
                                     apr_pool_t *p, const char **text);

/**
 * Who is this? A session that is over by either limit is nobody's; one that is used for the first
 * time in a minute is marked as used (that it could not be marked is no error).
 * @param principal  set to the user, or NULL: there is no such session, or the user is disabled
 * @return as tai_store_find_principal
 */
apr_status_t tai_store_find_session(tai_store_t *store, const char *id_hash, apr_int64_t now,
                                    apr_pool_t *p, tai_principal_t **principal, const char **error);

/**
 * End a session. Doing it again changes nothing.
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_end_session(tai_store_t *store, const tai_principal_t *principal,
                                   const char *id_hash, const char *client, apr_int64_t now,
                                   apr_pool_t *p, const char **text);

#define TAI_USAGE_KEPT_DAYS 400 /* what keys were used for */
#define TAI_AUDIT_KEPT_DAYS 90  /* lines of the audit log that are of no account */

/**
 * Delete what nobody asks for any more: sessions that are over, tickets that have expired, usage
 * and lines of the audit log that have been kept for long enough.
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_sweep(tai_store_t *store, apr_int64_t now, apr_pool_t *p, const char **text);

#endif
