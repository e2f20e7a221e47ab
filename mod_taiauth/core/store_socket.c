#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include "store_socket.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Seconds: a server that is silent for this long and three probes more is given up. */
#define KEEPALIVE_IDLE_S     10
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_PROBES     3

/* ---- of an open connection ------------------------------------------------------------------ */

/*
 * In the library that this driver was linked with: another one of the same names may be loaded, for
 * another module. The driver's structure lies in the driver's own object.
 */
static void *symbol_of(const apr_dbd_driver_t *dbd, const char *symbol)
{
    Dl_info info;
    void *object, *found = NULL;

    if (dladdr(dbd, &info) == 0) {
        return NULL;
    }
    object = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (object) {
        found = dlsym(object, symbol);
        dlclose(object);
    }
    return found;
}

int tai_socket_of(const apr_dbd_driver_t *dbd, apr_dbd_t *handle, const char *symbol)
{
    int (*socket_of)(void *) = NULL;
    void *found = symbol_of(dbd, symbol);
    int socket = -1;

    memcpy(&socket_of, &found, sizeof(found)); /* C has no cast from the one to the other */
    if (socket_of) {
        socket = socket_of(apr_dbd_native_handle(dbd, handle));
    }
    return socket >= 0 ? fcntl(socket, F_DUPFD_CLOEXEC, 0) : -1;
}

/* A Unix socket knows none of it, and needs none. */
void tai_socket_keep_alive(int socket)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
    };

    for (apr_size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        (void)setsockopt(socket, options[i].level, options[i].name, &options[i].value,
                         sizeof(options[i].value));
    }
}

int tai_socket_is_over(int socket)
{
    struct pollfd state = {.fd = socket, .events = POLLRDHUP};

    return poll(&state, 1, 0) != 0;
}

/* ---- of one that is being opened ------------------------------------------------------------ */

static int is_usual_path(const char *path)
{
    static const char *const ends[] = {"mysqld.sock", "mysql.sock", "mariadb.sock"};
    const char *name = strrchr(path, '/');

    name = name ? name + 1 : path;
    for (apr_size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strcmp(name, ends[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The address of a server that a socket is connected with. */
static int is_peer(const tai_peer_t *peer, const struct sockaddr_storage *address)
{
    const char *path = ((const struct sockaddr_un *)address)->sun_path;

    switch (address->ss_family) {
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)address)->sin_port) == peer->port;
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port) == peer->port;
    case AF_UNIX:
        return peer->path ? strcmp(path, peer->path) == 0 : is_usual_path(path);
    default:
        return 0;
    }
}

/*
 * Where a socket is to lead that nobody has answered yet: only the system's table says that. A line
 * of it: number, local and remote address as ADDRESS:PORT in hex, state (02: SYN_SENT), four columns
 * of no interest, inode.
 */
static int is_called(const tai_peer_t *peer, ino_t inode, const char *table)
{
    FILE *in = fopen(table, "re");
    char line[512];
    unsigned port, state;
    unsigned long number;
    int found = 0;

    while (in && !found && fgets(line, sizeof(line), in)) {
        found = sscanf(line, " %*d: %*[^:]:%*x %*[^:]:%x %x %*s %*s %*s %*s %*s %lu", &port, &state,
                       &number) == 3 &&
                state == TCP_SYN_SENT && number == inode && (int)port == peer->port;
    }
    if (in) {
        fclose(in);
    }
    return found;
}

static int is_connecting(int socket)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);

    return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
           info.tcpi_state == TCP_SYN_SENT;
}

/* inode: set to that of the socket */
static int leads_to(const tai_peer_t *peer, int socket, ino_t *inode)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    struct stat info;

    if (fstat(socket, &info) != 0 || !S_ISSOCK(info.st_mode)) {
        return 0;
    }
    *inode = info.st_ino;
    if (getpeername(socket, (struct sockaddr *)&address, &length) == 0) {
        return is_peer(peer, &address);
    }
    return errno == ENOTCONN && is_connecting(socket) &&
           (is_called(peer, *inode, "/proc/self/net/tcp") ||
            is_called(peer, *inode, "/proc/self/net/tcp6"));
}

static int is_among(const apr_array_header_t *inodes, ino_t inode)
{
    int i = 0;

    while (i < inodes->nelts && APR_ARRAY_IDX(inodes, i, ino_t) != inode) {
        i++;
    }
    return i < inodes->nelts;
}

/* The next descriptor of this process, at descriptors; -1: there is none. */
static int next_descriptor(DIR *descriptors)
{
    const struct dirent *entry;

    while (descriptors && (entry = readdir(descriptors)) != NULL) {
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(descriptors)) {
            return atoi(entry->d_name);
        }
    }
    return -1;
}

const apr_array_header_t *tai_socket_list(const tai_peer_t *peer, apr_pool_t *p)
{
    apr_array_header_t *inodes = apr_array_make(p, 16, sizeof(ino_t));
    DIR *descriptors = opendir("/proc/self/fd");
    ino_t inode;
    int socket;

    while ((socket = next_descriptor(descriptors)) >= 0) {
        if (leads_to(peer, socket, &inode)) {
            APR_ARRAY_PUSH(inodes, ino_t) = inode;
        }
    }
    if (descriptors) {
        closedir(descriptors);
    }
    return inodes;
}

/* Looked at by a duplicate: a number may be given to another socket while it is looked at. */
int tai_socket_find(const tai_peer_t *peer, const apr_array_header_t *before)
{
    DIR *descriptors = opendir("/proc/self/fd");
    int number, found = -1;
    ino_t inode;

    while (found < 0 && (number = next_descriptor(descriptors)) >= 0) {
        found = fcntl(number, F_DUPFD_CLOEXEC, 0);
        if (found >= 0 && (!leads_to(peer, found, &inode) || is_among(before, inode))) {
            close(found);
            found = -1;
        }
    }
    if (descriptors) {
        closedir(descriptors);
    }
    return found;
}
