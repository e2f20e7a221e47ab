#ifndef TAI_STORE_TURNS_H
#define TAI_STORE_TURNS_H

#include "store_connection.h"

/*
 * Connections that threads take turns with. Of those that are open the one given back last is taken
 * first, so that no more of them are opened than are needed at once.
 */
typedef struct tai_turns_t tai_turns_t;

/**
 * @param database   must live as long
 * @param times      of each connection; must live as long
 * @param max        how many connections
 * @param p          all lives here; the connections are closed with it
 * @return APR_SUCCESS, or why they could not be made
 */
apr_status_t tai_turns_create(tai_turns_t **out, const tai_database_t *database,
                              const tai_times_t *times, int max, apr_pool_t *p);

/**
 * Wait for a connection: while the server has no room for another one (full_until of the times), for one
 * that is open.
 * @param wait_ms  how long at the most, milliseconds
 * @return it, for this thread alone until it is given back; NULL: none became free, or none is open that
 *         could
 */
tai_connection_t *tai_turns_take(tai_turns_t *turns, apr_uint32_t wait_ms);

void tai_turns_give(tai_turns_t *turns, tai_connection_t *connection);

/**
 * Whoever waits, or begins to, is to come to an end.
 * @param by  when everybody has waited for long enough, milliseconds of tai_clock_ms
 */
void tai_turns_hurry(tai_turns_t *turns, apr_uint64_t by);

#endif
