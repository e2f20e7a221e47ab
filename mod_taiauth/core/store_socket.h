#ifndef TAI_STORE_SOCKET_H
#define TAI_STORE_SOCKET_H

#include <apr_dbd.h>
#include <apr_network_io.h>
#include <apr_tables.h>

/*
 * The socket below a connection that a driver of apr_dbd has opened. apr_dbd tells nothing of it: of
 * an open connection the driver's own library is asked, by its native handle; one that is being
 * opened has no handle yet, and is found among the descriptors of this process.
 */

/* Where a server listens. */
typedef struct tai_peer_t {
    const char *host; /* its address, as inet_ntop writes it; NULL: a name stands for any */
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
 * The sockets of this process.
 * @param p    the array lives here
 * @param out  set to an array of their inodes, ino_t, in ascending order
 * @return APR_SUCCESS; else /proc/self/fd cannot be read
 */
apr_status_t tai_socket_list(apr_pool_t *p, const apr_array_header_t **out);

/**
 * Shut down those that lead to a server, or are to, but were not yet among these, and were not
 * accepted by ourselves. No descriptor but a socket's is duplicated or closed: with any other one the
 * locks would go that the process holds on its file (fcntl, POSIX).
 * @param before     as tai_socket_list
 * @param own_ports  where this process listens, 0 at the end; NULL: nowhere. Of a connection that was
 *                   accepted the other side has chosen its port
 */
void tai_socket_strike(const tai_peer_t *peer, const apr_array_header_t *before,
                       const apr_port_t *own_ports);

#endif
