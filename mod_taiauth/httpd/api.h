#ifndef TAIAUTH_API_H
#define TAIAUTH_API_H

/*
 * What the files of the management API and of the token endpoint share.
 *
 *   api.c          which call is it, who may make it, and the way of each: identity, origin, limit,
 *                  body, call
 *   caller.c       who is asking: a session, or whom httpd itself has authenticated
 *   origin.c       was it another site that had a browser send this
 *   body.c         the request body as JSON, within limits
 *   answer.c       what succeeded, in both dialects
 *   page.c         which piece of a list
 *   issue.c        a key that was just made
 *   tell.c         what is to be in force on every node before it is answered
 *   cookie.c       the cookie of a session
 *   session.c      log in and out
 *   api_account.c  account and scopes        api_keys.c  keys        api_audit.c  the audit log
 *   login.c        is this the password: providers, locks, slots
 *   token.c        POST /auth/token
 */

#include <jansson.h>
#include "taiauth.h"
#include "../core/input.h"
#include "../core/store_audit.h"
#include "../core/store_keys.h"
#include "../core/store_principals.h"

/* Who is asking. */
typedef struct taiauth_caller_t {
    const tai_principal_t *principal;
    tai_actor_t actor;        /* for the audit log */
    const char *session_hash; /* SHA-256 of the session's id, in hex; NULL: httpd knows him */
} taiauth_caller_t;

/* One call under way. */
typedef struct taiauth_call_t {
    request_rec *r;
    const taiauth_dir_t *conf;
    const taiauth_caller_t *caller; /* NULL: the call is anybody's */
    const char *id;                 /* of the path: /keys/{id}; NULL: it has none */
    json_t *body;                   /* an object; NULL: the call has none. Lives with r */
    apr_int64_t now;                /* UTC seconds */
} taiauth_call_t;

/* api.c */
int taiauth_api_handler(request_rec *r);
/* the path of the API without a slash at its end, for what stands below it; "" for / */
const char *taiauth_api_base(const taiauth_dir_t *conf, apr_pool_t *p);
/*
 * What a change that was not done means to the client: the reason of its outcome, with its text.
 * Returns the status for the handler to return.
 */
int taiauth_api_refuse_change(request_rec *r, tai_change_e outcome, const char *text);

/* caller.c */
/* OK and *caller, NULL: nobody; else the status of a refusal */
int taiauth_caller_find(request_rec *r, const taiauth_caller_t **caller);
/* from here on r is this user's: its refusals name him in the log, and are in the dialect for him */
void taiauth_caller_known(request_rec *r, const tai_principal_t *principal);
/* "primary_admin" or "member"; static */
const char *taiauth_caller_role(const tai_principal_t *principal);
/* the client's address as the audit log has it; lives with r */
const char *taiauth_caller_client(request_rec *r);

/* origin.c */
/* OK, or the status of a refusal; by_cookie: the caller is known by a cookie alone */
int taiauth_origin_check(request_rec *r, int by_cookie);

/* body.c */
#define TAIAUTH_BODY_MAX 16384 /* bytes */
/* read the whole body as a JSON object: OK and *body, which lives with r; else a refusal's status */
int taiauth_body_read(request_rec *r, json_t **body);

/* answer.c: each returns what the handler has to return */
/* data is given back here; the status is 200 in the envelope */
int taiauth_answer(request_rec *r, int status, json_t *data);
/* the same in no dialect */
int taiauth_answer_plain(request_rec *r, int status, json_t *data);
/*
 * A list of objects, each with the members named by columns (ended by NULL): {name: [...], "next":
 * ...} or in column form. next NULL: null. list is given back here. paged 0: without next.
 */
int taiauth_answer_list(request_rec *r, const char *name, json_t *list, const char *const *columns,
                        int paged, const char *next);

/* page.c */
/* Which piece of a list is asked for. */
typedef struct taiauth_page_t {
    const char *position; /* the name of its second parameter: "after" */
    int limit;            /* 1 to 100; 20 where the client does not say */
    const char *from;     /* where the page before ended, [A-Za-z0-9_]+; NULL: the first page */
    apr_int64_t number;   /* the same as a number; -1: it is none */
} taiauth_page_t;
/* read the query: "limit", and position; OK, or the status of a refusal */
int taiauth_page_read(request_rec *r, const char *position, taiauth_page_t *page);
/* no page of this list has ended there; the status of a refusal */
int taiauth_page_refuse(request_rec *r, const taiauth_page_t *page);

/* issue.c */
/* [{"name", "value"}, ...]: how to send this key, by the headers of the place, or else ours */
json_t *taiauth_issue_headers(const taiauth_dir_t *conf, const tai_key_issue_t *issue);
/* answer 201 with data, which is given back here, and wipe the key in it and in the issue */
int taiauth_issue_answer(request_rec *r, json_t *data, tai_key_issue_t *issue);

/* tell.c */
/* one of the turns there are; APR_EBUSY: all are taken. For the calling thread, and ended by its death */
apr_status_t taiauth_turn_take(int *turn);
void taiauth_turn_leave(int turn);
/* the status of a refusal, by what taiauth_turn_take returned; nothing may have been changed */
int taiauth_turn_refuse(request_rec *r, apr_status_t rv);
/*
 * In turn, behind a change: wait until it is in force on every node. OK and *told; else the status of
 * a refusal, whose text begins with done: one or more sentences about what was changed.
 */
int taiauth_tell(request_rec *r, tai_told_t *told, const char *done);

/* cookie.c */
#define TAIAUTH_COOKIE_LEN 64 /* lower-case hex digits of a session's id */
/* OK where a session's cookie stays a secret on its way, else the status of a refusal */
int taiauth_cookie_check_tls(request_rec *r);
/* have the browser keep a session's id; NULL: have it forget the one it has */
void taiauth_cookie_set(request_rec *r, const char *id);
/* SHA-256 in hex of the session id that the request carries; NULL: none */
const char *taiauth_cookie_hash(request_rec *r);
/* take our cookies out of Cookie:, whatever becomes of the request */
void taiauth_cookie_withhold(request_rec *r);

/* session.c */
int taiauth_session_begin(taiauth_call_t *call);
int taiauth_session_end(taiauth_call_t *call);

/* login.c */
/*
 * Check a password: locks, a slot, then the providers of conf. OK and *principal; else the status
 * of a refusal, the same for a wrong password, an unknown and a disabled user. What the user may do
 * is for the caller to look at. The password is wiped in any case.
 */
int taiauth_login(request_rec *r, const taiauth_dir_t *conf, const char *username, char *password,
                  tai_principal_t **principal);
/* the same with "username" and "password" of a body, and no other member */
int taiauth_login_body(request_rec *r, const taiauth_dir_t *conf, json_t *body,
                       tai_principal_t **principal);
void taiauth_login_register(apr_pool_t *p);

/* token.c */
int taiauth_token_handler(request_rec *r);

/* the calls */
int taiauth_api_show_account(taiauth_call_t *call);
int taiauth_api_list_scopes(taiauth_call_t *call);
int taiauth_api_list_keys(taiauth_call_t *call);
int taiauth_api_create_key(taiauth_call_t *call);
int taiauth_api_show_key(taiauth_call_t *call);
int taiauth_api_rename_key(taiauth_call_t *call);
int taiauth_api_roll_key(taiauth_call_t *call);
int taiauth_api_revoke_key(taiauth_call_t *call);
int taiauth_api_list_audit(taiauth_call_t *call);

#endif
