#ifndef TAI_STORE_SOCKET_H
#define TAI_STORE_SOCKET_H

#include <apr_dbd.h>
#include <apr_tables.h>

/*
 * The socket below a connection that a driver of apr_dbd has opened. apr_dbd tells nothing of it: of
 * an open connection the driver's own library is asked, by its native handle; one that is being
 * opened has no handle yet, and is found among the descriptors of this process.
 */

/* Where a server listens. */
typedef struct tai_peer_t {
    int port;         /* over TCP */
    const char *path; /* of its Unix socket; NULL: one of the usual ones */
} tai_peer_t;

/**
 * The socket of an open connection.
 * @param dbd     the driver
 * @param handle  of the connection
 * @param symbol  the function of the driver's library that gives the socket of a native handle
 * @return a duplicate, which the caller closes: its number stays his, whatever the library does to
 *         its own; -1: there is none
 */
int tai_socket_of(const apr_dbd_driver_t *dbd, apr_dbd_t *handle, const char *symbol);

/**
 * What must be set for a server that has vanished to be noticed while nothing is asked: keepalive.
 */
void tai_socket_keep_alive(int socket);

/**
 * @return 1: the other side has closed it, or it was shut down
 */
int tai_socket_is_over(int socket);

/**
 * The sockets of this process that lead to a server, or are to.
 * @param p  the array lives here
 * @return array of their inodes, ino_t
 */
const apr_array_header_t *tai_socket_list(const tai_peer_t *peer, apr_pool_t *p);

/**
 * One of them that was not yet among these.
 * @param before  as tai_socket_list
 * @return a duplicate, which the caller closes; -1: there is none
 */
int tai_socket_find(const tai_peer_t *peer, const apr_array_header_t *before);

#endif
