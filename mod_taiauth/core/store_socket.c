#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include "store_socket.h"

#include <arpa/inet.h>
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

static int is_host(const tai_peer_t *peer, int family, const void *address)
{
    char text[INET6_ADDRSTRLEN];

    return !peer->host || (inet_ntop(family, address, text, sizeof(text)) != NULL &&
                           strcmp(text, peer->host) == 0);
}

static int port_of(const struct sockaddr_storage *address)
{
    switch (address->ss_family) {
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)address)->sin_port);
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    default:
        return 0;
    }
}

static int is_peer(const tai_peer_t *peer, const struct sockaddr_storage *address)
{
    const char *path = ((const struct sockaddr_un *)address)->sun_path;

    switch (address->ss_family) {
    case AF_INET:
        return port_of(address) == peer->port &&
               is_host(peer, AF_INET, &((const struct sockaddr_in *)address)->sin_addr);
    case AF_INET6:
        return port_of(address) == peer->port &&
               is_host(peer, AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr);
    case AF_UNIX:
        return peer->path ? strcmp(path, peer->path) == 0 : is_usual_path(path);
    default:
        return 0;
    }
}

static int is_accepted(int socket, const apr_port_t *own_ports)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);

    if (!own_ports || getsockname(socket, (struct sockaddr *)&address, &length) != 0) {
        return 0;
    }
    while (*own_ports && *own_ports != port_of(&address)) {
        own_ports++;
    }
    return *own_ports != 0;
}

static int is_connecting(int socket)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);

    return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
           info.tcpi_state == TCP_SYN_SENT;
}

/* 0: it is none */
static ino_t inode_of(int descriptor)
{
    struct stat info;

    return fstat(descriptor, &info) == 0 && S_ISSOCK(info.st_mode) ? info.st_ino : 0;
}

static int ascending(const void *a, const void *b)
{
    const ino_t one = *(const ino_t *)a, other = *(const ino_t *)b;

    return (one > other) - (one < other);
}

static int is_among(const apr_array_header_t *inodes, ino_t inode)
{
    return bsearch(&inode, inodes->elts, (size_t)inodes->nelts, sizeof(inode), ascending) != NULL;
}

/* The next descriptor of this process, at descriptors; -1: there is none. */
static int next_descriptor(DIR *descriptors)
{
    const struct dirent *entry;

    while ((entry = readdir(descriptors)) != NULL) {
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(descriptors)) {
            return atoi(entry->d_name);
        }
    }
    return -1;
}

apr_status_t tai_socket_list(apr_pool_t *p, const apr_array_header_t **out)
{
    apr_array_header_t *inodes = apr_array_make(p, 64, sizeof(ino_t));
    DIR *descriptors = opendir("/proc/self/fd");
    ino_t inode;
    int number;

    if (!descriptors) {
        return APR_FROM_OS_ERROR(errno);
    }
    while ((number = next_descriptor(descriptors)) >= 0) {
        inode = inode_of(number);
        if (inode) {
            APR_ARRAY_PUSH(inodes, ino_t) = inode;
        }
    }
    closedir(descriptors);
    qsort(inodes->elts, (size_t)inodes->nelts, sizeof(inode), ascending);
    *out = inodes;
    return APR_SUCCESS;
}

/* Sockets that nobody has answered yet; what is above, the next look finds. */
typedef struct callers_t {
    int count;
    struct {
        int socket; /* a duplicate */
        ino_t inode;
    } at[16];
} callers_t;

/* By a duplicate: a number may be given to another socket while it is looked at. */
static void strike(const tai_peer_t *peer, const apr_port_t *own_ports, int number, ino_t inode,
                   callers_t *callers)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    const int socket = fcntl(number, F_DUPFD_CLOEXEC, 0);

    if (socket < 0) {
        return;
    }
    if (inode_of(socket) == inode && !is_accepted(socket, own_ports)) {
        if (getpeername(socket, (struct sockaddr *)&address, &length) == 0) {
            if (is_peer(peer, &address)) {
                shutdown(socket, SHUT_RDWR);
            }
        }
        else if (callers->count < (int)(sizeof(callers->at) / sizeof(callers->at[0])) &&
                 is_connecting(socket)) {
            callers->at[callers->count].socket = socket;
            callers->at[callers->count++].inode = inode;
            return;
        }
    }
    close(socket);
}

/* An address as a table of the system shows it: words of 32 bits as they lie in memory, in hex. */
static void read_address(const char *hex, unsigned port, struct sockaddr_storage *address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
    const int is_in6 = strlen(hex) > 8;
    char *to = is_in6 ? (char *)&in6->sin6_addr : (char *)&in->sin_addr;
    unsigned word;

    memset(address, 0, sizeof(*address));
    address->ss_family = is_in6 ? AF_INET6 : AF_INET;
    *(is_in6 ? &in6->sin6_port : &in->sin_port) = htons((apr_port_t)port);
    for (; sscanf(hex, "%8x", &word) == 1; hex += 8, to += sizeof(word)) {
        memcpy(to, &word, sizeof(word));
    }
}

static void strike_caller(const callers_t *callers, ino_t inode)
{
    for (int i = 0; i < callers->count; i++) {
        if (callers->at[i].inode == inode) {
            shutdown(callers->at[i].socket, SHUT_RDWR);
        }
    }
}

/*
 * Where a socket is to lead that nobody has answered yet, only the system's table says. A line of it:
 * number, local and remote address as ADDRESS:PORT in hex, state (02: SYN_SENT), five columns of no
 * interest, inode.
 */
static void strike_callers(const tai_peer_t *peer, const callers_t *callers, const char *table)
{
    FILE *in = fopen(table, "re");
    char line[512], hex[32 + 1];
    unsigned port, state;
    unsigned long inode;

    while (in && fgets(line, sizeof(line), in)) {
        struct sockaddr_storage address;

        if (sscanf(line, " %*d: %*[^:]:%*x %32[0-9A-F]:%x %x %*s %*s %*s %*s %*s %lu", hex, &port,
                   &state, &inode) == 4 &&
            state == TCP_SYN_SENT) {
            read_address(hex, port, &address);
            if (is_peer(peer, &address)) {
                strike_caller(callers, inode);
            }
        }
    }
    if (in) {
        fclose(in);
    }
}

void tai_socket_strike(const tai_peer_t *peer, const apr_array_header_t *before,
                       const apr_port_t *own_ports)
{
    DIR *descriptors = opendir("/proc/self/fd");
    callers_t callers = {.count = 0};
    ino_t inode;
    int number;

    while (descriptors && (number = next_descriptor(descriptors)) >= 0) {
        inode = inode_of(number);
        if (inode && !is_among(before, inode)) {
            strike(peer, own_ports, number, inode, &callers);
        }
    }
    if (descriptors) {
        closedir(descriptors);
    }
    if (callers.count) {
        strike_callers(peer, &callers, "/proc/self/net/tcp");
        strike_callers(peer, &callers, "/proc/self/net/tcp6");
    }
    while (callers.count) {
        close(callers.at[--callers.count].socket);
    }
}
