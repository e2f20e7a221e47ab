#ifndef TAICTL_ORDER_H
#define TAICTL_ORDER_H

#include "taictl.h"

/*
 * An order to a running server: what only its configuration and its shared memory know. It is left
 * in the database; the server takes it when a request brings the ticket.
 */

/**
 * Give an order, and wait for what the server says. Says on stderr what was wrong.
 * @param order   an object: "order" names it, the other members are its own; given back here. NULL:
 *                something in it was no UTF-8
 * @param path    what the request asks for
 * @param answer  set to an object when done; the caller gives it back
 * @return TAICTL_DONE, TAICTL_FAILED, or TAICTL_USAGE: --url or --host makes no sense
 */
int taictl_order(taictl_t *run, json_t *order, const char *path, json_t **answer);

#endif
