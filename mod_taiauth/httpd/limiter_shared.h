#ifndef TAIAUTH_LIMITER_SHARED_H
#define TAIAUTH_LIMITER_SHARED_H

/*
 * A limiter that several hosts share: how it is opened and asked, and what becomes known of it that
 * does not answer. For limiter.c, which decides what that means for a request.
 */

#include "limiter.h"

typedef struct taiauth_shared_t {
    const taiauth_limiter_t *conf; /* NULL: there is none, and nothing else is set */
    tai_limiter_t limiter;         /* ops NULL: it could not be opened */
    server_rec *server;
} taiauth_shared_t;

/* That of this child. */
extern taiauth_shared_t taiauth_shared;

/* One of the operations of core/limiter.h; call: its arguments, and where its answer goes. */
typedef apr_status_t taiauth_operation_fn(const tai_limiter_t *l, void *call, const char **error);

/**
 * Ask it, unless it is left alone because it has failed; metrics and log hear of it.
 * @param error  set where the answer is 0: a sentence for the log
 * @return 1: it has decided; 0: it has not, and may have counted
 */
int taiauth_shared_ask(taiauth_operation_fn *operation, void *call, const char **error);

/* Its address without user and password; there must be one. */
const char *taiauth_shared_address(void);

#endif
