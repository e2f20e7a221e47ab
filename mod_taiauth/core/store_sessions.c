#include "store_principals.h"
#include "store_private.h"

#include <stdlib.h>
#include <string.h>

/* The columns of SESSION behind those of the principal. */
enum { USED_AT = TAI_PRINCIPAL_COLUMNS, CREATED_AT };

#define TOUCH_S 60 /* how long a session is in use before that is written down again */

/* ---- beginning ---------------------------------------------------------------------------- */

/* What the calls below hand to the part that has the connection. */
typedef struct request_t {
    const tai_principal_t *principal;
    const char *id_hash;
    tai_actor_t actor;
    apr_int64_t now;
} request_t;

/* Those that are over end unrecorded: they had ended. */
static tai_change_e make_room(tai_connection_t *connection, const request_t *request, apr_pool_t *p,
                              const char **text)
{
    const char *user_id = request->principal->user_id;
    const char *idle = tai_store_number(request->now - TAI_SESSION_IDLE_S, p);
    const char *old = tai_store_number(request->now - TAI_SESSION_ABSOLUTE_S, p);
    const char *kept = tai_store_number(TAI_SESSION_MAX - 1, p);
    int ended;

    if (tai_connection_change(connection, TAI_SQL_END_OVER_SESSIONS, TAI_ARGS(user_id, idle, old),
                              p, NULL, text) != APR_SUCCESS ||
        tai_connection_change(connection, TAI_SQL_END_IDLEST_SESSIONS,
                              TAI_ARGS(user_id, user_id, kept), p, &ended, text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return ended == 0 ? TAI_CHANGE_DONE
                      : tai_store_audit(connection, &request->actor, request->principal->account_id,
                                        TAI_ACTION_SESSION_END, user_id, "made room for a new one",
                                        request->now, p, text);
}

static tai_change_e begin_session(tai_connection_t *connection, void *data, apr_pool_t *p,
                                  const char **text)
{
    const request_t *request = data;
    const tai_principal_t *principal = request->principal;
    const char *now = tai_store_number(request->now, p);
    tai_change_e outcome;
    apr_array_header_t *rows;

    /* else his password might be changed in between, which would end all sessions but this one */
    if (tai_connection_select(connection, TAI_SQL_LOCK_USER, TAI_ARGS(principal->user_id), p, &rows,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    outcome = tai_store_same_principal(connection, principal, p, text);
    if (outcome == TAI_CHANGE_DONE) {
        outcome = make_room(connection, request, p, text);
    }
    if (outcome != TAI_CHANGE_DONE) {
        return outcome;
    }
    if (tai_connection_change(connection, TAI_SQL_ADD_SESSION,
                              TAI_ARGS(request->id_hash, principal->user_id, now, now), p, NULL,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return tai_store_audit(connection, &request->actor, principal->account_id,
                           TAI_ACTION_SESSION_CREATE, principal->user_id, NULL, request->now, p,
                           text);
}

tai_change_e tai_store_begin_session(tai_store_t *store, const tai_principal_t *principal,
                                     const char *id_hash, const char *client, apr_int64_t now,
                                     apr_pool_t *p, const char **text)
{
    request_t request = {principal, id_hash, {principal->username, client}, now};

    return tai_store_change_aside(store, begin_session, &request, p, text);
}

/* ---- finding ------------------------------------------------------------------------------ */

static tai_change_e use_session(tai_connection_t *connection, void *data, apr_pool_t *p,
                                const char **text)
{
    const request_t *request = data;

    return tai_connection_change(connection, TAI_SQL_USE_SESSION,
                                 TAI_ARGS(tai_store_number(request->now, p), request->id_hash,
                                          tai_store_number(request->now - TOUCH_S, p)),
                                 p, NULL, text) == APR_SUCCESS
               ? TAI_CHANGE_DONE
               : TAI_CHANGE_UNKNOWN;
}

/*
 * A database that cannot be written to makes whoever tries wait, for seconds: after one failure this
 * process tries no more for a while.
 */
static void touch(tai_store_t *store, request_t *request, apr_pool_t *p)
{
    static apr_int64_t not_before;
    const char *ignored;

    if (request->now >= __atomic_load_n(&not_before, __ATOMIC_RELAXED) &&
        tai_store_view(store, use_session, request, p, &ignored) != TAI_CHANGE_DONE) {
        __atomic_store_n(&not_before, request->now + TOUCH_S, __ATOMIC_RELAXED);
    }
}

apr_status_t tai_store_find_session(tai_store_t *store, const char *id_hash, apr_int64_t now,
                                    apr_pool_t *p, tai_principal_t **principal, const char **error)
{
    request_t request = {.id_hash = id_hash, .now = now};
    const char *idle = tai_store_number(now - TAI_SESSION_IDLE_S, p);
    const char *old = tai_store_number(now - TAI_SESSION_ABSOLUTE_S, p);
    apr_array_header_t *rows;
    tai_row_t row;
    apr_status_t rv;

    *principal = NULL;
    rv = tai_store_select(store, TAI_SQL_SESSION, TAI_ARGS(id_hash, idle, old), p, &rows, error);
    if (rv == APR_SUCCESS) {
        rv = tai_store_read_principal(rows, p, principal, error);
    }
    if (*principal == NULL) {
        return rv;
    }
    row = APR_ARRAY_IDX(rows, 0, tai_row_t);
    (*principal)->session_ends = tai_store_seconds(row[CREATED_AT]) + TAI_SESSION_ABSOLUTE_S;
    if (tai_store_seconds(row[USED_AT]) <= now - TOUCH_S) {
        touch(store, &request, p);
    }
    return rv;
}

/* ---- ending ------------------------------------------------------------------------------- */

static tai_change_e end_session(tai_connection_t *connection, void *data, apr_pool_t *p,
                                const char **text)
{
    const request_t *request = data;
    const tai_principal_t *principal = request->principal;
    int ended;

    if (tai_connection_change(connection, TAI_SQL_END_SESSION,
                              TAI_ARGS(request->id_hash, principal->user_id), p, &ended,
                              text) != APR_SUCCESS) {
        return TAI_CHANGE_UNKNOWN;
    }
    return ended == 0 ? TAI_CHANGE_DONE
                      : tai_store_audit(connection, &request->actor, principal->account_id,
                                        TAI_ACTION_SESSION_END, principal->user_id, NULL,
                                        request->now, p, text);
}

tai_change_e tai_store_end_session(tai_store_t *store, const tai_principal_t *principal,
                                   const char *id_hash, const char *client, apr_int64_t now,
                                   apr_pool_t *p, const char **text)
{
    request_t request = {principal, id_hash, {principal->username, client}, now};

    return tai_store_change_aside(store, end_session, &request, p, text);
}
