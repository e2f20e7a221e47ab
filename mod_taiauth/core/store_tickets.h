#ifndef TAI_STORE_TICKETS_H
#define TAI_STORE_TICKETS_H

#include "store.h"
#include "store_change.h"

/*
 * An operator who may write to the database may give a running server an order: he leaves it in
 * the database and sends a request with the ticket, which is good once and for TAI_TICKET_S.
 */
#define TAI_TICKET_S 30

/**
 * @param ticket_hash  SHA-256 of the ticket, 64 lower-case hex digits
 * @param order_json   what is to be done; at most 2000 bytes
 * @param now          UTC seconds
 * @return DONE or UNKNOWN
 */
tai_change_e tai_store_leave_ticket(tai_store_t *store, const char *ticket_hash,
                                    const char *order_json, apr_int64_t now, apr_pool_t *p,
                                    const char **text);

/**
 * Take a ticket: of all who try, one gets it.
 * @param order_json  set when done
 * @return DONE, NOT_FOUND (unknown, taken or expired) or UNKNOWN
 */
tai_change_e tai_store_take_ticket(tai_store_t *store, const char *ticket_hash, apr_int64_t now,
                                   apr_pool_t *p, const char **order_json, const char **text);

#endif
