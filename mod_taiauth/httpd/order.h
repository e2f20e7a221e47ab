#ifndef TAIAUTH_ORDER_H
#define TAIAUTH_ORDER_H

/*
 * What an operator has a running server do: only the server knows its configuration and its shared
 * memory. taictl leaves the order in the database and sends a request with the ticket; ticket.c takes
 * it, explain.c and unlock.c carry it out. No handler of anybody ever sees such a request.
 */

#include <jansson.h>
#include "taiauth.h"

/* Texts live as long as the request; NULL: not given. */
typedef struct taiauth_order_t {
    const char *name;        /* "explain" or "unlock" */
    const char *method;      /* explain: of the request in question */
    const char *key_id;      /* explain, unlock: of the key */
    const char *client;      /* explain: where the request comes from; unlock: whose locks */
    const char *user;        /* unlock: name given at log-in */
    const char *actor;       /* for the audit log */
    const request_rec *sent; /* the request as it came */
} taiauth_order_t;

/* explain.c */
/* from here on the request is the one in question, and its steps are noted */
void taiauth_explain_begin(request_rec *r, taiauth_request_t *ctx);
/* judge it; what is answered, and *error NULL */
json_t *taiauth_explain_run(request_rec *r, taiauth_request_t *ctx, const char **error);

/* unlock.c */
json_t *taiauth_unlock_run(request_rec *r, taiauth_request_t *ctx, const char **error);

#endif
