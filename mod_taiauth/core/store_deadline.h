#ifndef TAI_STORE_DEADLINE_H
#define TAI_STORE_DEADLINE_H

#include <apr_pools.h>
#include "store_socket.h"

/*
 * A keeper of deadlines: a thread that shuts down the socket of a connection on which something takes
 * longer than it may. The drivers wait for ever for a server that was stopped, or that a network has
 * swallowed; with its socket shut down they return, with an error.
 */
typedef struct tai_keeper_t tai_keeper_t;

/* Something under way on a connection. The members are the keeper's. */
typedef struct tai_watch_t {
    struct tai_watch_t *next;
    apr_uint64_t due;       /* milliseconds of tai_clock_ms */
    int socket;             /* -1: it is being opened by a driver, which tells nobody ... */
    const tai_peer_t *peer; /* ... but it leads there ... */
    const apr_array_header_t *before; /* ... and was not yet among these: tai_socket_list */
    int struck;
} tai_watch_t;

/**
 * Make a keeper. Its thread begins with the first watch.
 * @param own_ports  see tai_socket_strike; must live as long
 * @param p          its thread ends before this pool is destroyed; no watch may be under way then
 */
void tai_keeper_create(tai_keeper_t **out, const apr_port_t *own_ports, apr_pool_t *p);

/**
 * Something begins that is to end by a point of time.
 * @param watch   lives until tai_keeper_end
 * @param socket  which stays open until then
 * @param due     milliseconds of tai_clock_ms
 * @return APR_SUCCESS; else there can be no thread, and nothing has begun
 */
apr_status_t tai_keeper_begin(tai_keeper_t *keeper, tai_watch_t *watch, int socket,
                              apr_uint64_t due);

/**
 * A connection is about to be opened by a driver that knows no time-out for that. One at a time: who
 * opens one at the same time waits, but not beyond his own point of time.
 * @param peer  where it will lead; must live until tai_keeper_end
 * @param p     for the moment
 * @return as tai_keeper_begin; or APR_TIMEUP: another one is being opened; or why the sockets of
 *         this process cannot be looked through
 */
apr_status_t tai_keeper_begin_opening(tai_keeper_t *keeper, tai_watch_t *watch,
                                      const tai_peer_t *peer, apr_uint64_t due, apr_pool_t *p);

/**
 * It has ended, well or not.
 * @return 1: it took too long, and its socket has been shut down
 */
int tai_keeper_end(tai_keeper_t *keeper, tai_watch_t *watch);

/**
 * Whoever is still at work, or begins something, is to come to an end.
 * @param by  when everything takes too long, milliseconds of tai_clock_ms, never 0
 */
void tai_keeper_hurry(tai_keeper_t *keeper, apr_uint64_t by);

#endif
