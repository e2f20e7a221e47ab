#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <apr_strings.h>
#include "core/clock.h"
#include "core/text.h"

/* ---- waiting -------------------------------------------------------------------------------- */

static int is_late(apr_uint64_t deadline)
{
    return tai_clock_us() >= deadline;
}

/*
 * @return 1: go on; 0: the deadline has come. It has not for what is there already: who was kept from
 *         running meanwhile is late, and the other side is not
 */
static int wait_for(int fd, short events, apr_uint64_t deadline)
{
    struct pollfd one = {.fd = fd, .events = events};
    int ready = 0, last = 0;

    while (ready == 0 && !last) {
        const apr_uint64_t now = tai_clock_us();

        last = now >= deadline;
        ready = poll(&one, 1, last ? 0 : (int)((deadline - now + 999) / 1000));
        if (ready < 0 && errno == EINTR) {
            ready = 0;
        }
    }
    return ready != 0; /* what is wrong, if anything, is for the operation itself to find */
}

static int wait_on(const tai_redis_connection_t *connection, short events, apr_uint64_t deadline)
{
    if (connection->session != NULL) {
        events = tai_redis_tls_events(connection->session, events);
    }
    return events != 0 ? wait_for(connection->context->fd, events, deadline) : !is_late(deadline);
}

static apr_status_t late(const char **error)
{
    *error = "it did not answer in time";
    return APR_TIMEUP;
}

static const char *reason(int number, apr_pool_t *p)
{
    char text[128];

    return apr_pstrdup(p, apr_strerror(number, text, sizeof(text)));
}

/* ---- replies -------------------------------------------------------------------------------- */

#if HIREDIS_MAJOR >= 1
typedef size_t parts_t;
#else
typedef int parts_t;
#endif

/* None of our replies has an array in an array. */
static void *create_array(const redisReadTask *task, parts_t parts)
{
    const tai_redis_connection_t *connection = task->privdata;

    return task->parent == NULL && parts <= TAI_REDIS_REPLY_PARTS
               ? connection->whole.createArray(task, parts)
               : NULL;
}

static void limit_replies(tai_redis_connection_t *connection)
{
    redisReader *reader = connection->context->reader;

    connection->whole = *reader->fn;
    connection->bounded = *reader->fn;
    connection->bounded.createArray = create_array;
    reader->fn = &connection->bounded;
    reader->privdata = connection;
}

/* ---- asking --------------------------------------------------------------------------------- */

apr_status_t tai_redis_append(tai_redis_connection_t *connection, int argc, const char **argv)
{
    return redisAppendCommandArgv(connection->context, argc, argv, NULL) == REDIS_OK ? APR_SUCCESS
                                                                                     : APR_ENOMEM;
}

/* What hiredis says of a connection; parts of a reply stand in it, their bytes escaped. */
static apr_status_t broken(const tai_redis_connection_t *connection, apr_pool_t *p,
                           const char **error)
{
    *error = connection->session != NULL ? tai_redis_tls_error(connection->session) : NULL;
    if (*error == NULL) {
        *error = connection->context->err == REDIS_ERR_EOF
                     ? "it closed the connection"
                     : tai_text_line(connection->context->errstr, 160, p);
    }
    return APR_EGENERAL;
}

static apr_status_t send_all(tai_redis_connection_t *connection, apr_uint64_t deadline,
                             apr_pool_t *p, const char **error)
{
    int done = 0;

    if (is_late(deadline)) {
        return late(error); /* what is not sent is not counted either */
    }
    for (;;) {
        if (redisBufferWrite(connection->context, &done) != REDIS_OK) {
            return broken(connection, p, error);
        }
        if (done) {
            return APR_SUCCESS;
        }
        if (!wait_on(connection, POLLOUT, deadline)) {
            return late(error);
        }
    }
}

static apr_status_t read_one(tai_redis_connection_t *connection, redisReply **reply,
                             apr_uint64_t deadline, apr_pool_t *p, const char **error)
{
    for (;;) {
        if (redisGetReplyFromReader(connection->context, (void **)reply) != REDIS_OK) {
            return broken(connection, p, error);
        }
        if (*reply != NULL) {
            return APR_SUCCESS;
        }
        if (connection->context->reader->len > TAI_REDIS_REPLY_BYTES) {
            *error = "its reply is longer than any that was asked for";
            return APR_EGENERAL;
        }
        if (!wait_on(connection, POLLIN, deadline)) {
            return late(error);
        }
        if (redisBufferRead(connection->context) != REDIS_OK) {
            return broken(connection, p, error);
        }
    }
}

apr_status_t tai_redis_ask(tai_redis_connection_t *connection, int n, redisReply **replies,
                           apr_uint64_t deadline, apr_pool_t *p, const char **error)
{
    apr_status_t rv = send_all(connection, deadline, p, error);
    int i;

    memset(replies, 0, (size_t)n * sizeof(replies[0]));
    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        rv = read_one(connection, &replies[i], deadline, p, error);
    }
    while (rv != APR_SUCCESS && i-- > 0) {
        if (replies[i] != NULL) {
            freeReplyObject(replies[i]);
        }
    }
    return rv;
}

int tai_redis_is_quiet(const tai_redis_connection_t *connection)
{
    const redisReader *reader = connection->context->reader;
    struct pollfd one = {.fd = connection->context->fd, .events = POLLIN};

    return reader->pos == reader->len && poll(&one, 1, 0) == 0;
}

void tai_redis_hang_up(tai_redis_connection_t *connection)
{
    redisFree(connection->context);
    free(connection);
}

/* ---- connecting ----------------------------------------------------------------------------- */

static int make_socket(int family)
{
    const int on = 1, fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && family != AF_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    return fd;
}

/* @return 0, or why it failed */
static int dial(int fd, const struct sockaddr *at, socklen_t length, apr_uint64_t deadline)
{
    int number = 0;
    socklen_t size = sizeof(number);

    if (connect(fd, at, length) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return errno;
    }
    if (!wait_for(fd, POLLOUT, deadline)) {
        return APR_TIMEUP;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0 ? number : errno;
}

static tai_redis_connection_t *wrap(int fd)
{
    tai_redis_connection_t *connection = calloc(1, sizeof(*connection));
    redisContext *context = connection != NULL ? redisConnectFd(fd) : NULL;

    if (context == NULL) {
        free(connection);
        close(fd);
        return NULL;
    }
    context->flags &= ~REDIS_BLOCK;
    connection->context = context;
    limit_replies(connection);
    return connection;
}

/*
 * One of the words at the beginning. Of what Redis says against it the log gets the first word:
 * some say again what they did not understand.
 */
static apr_status_t say(tai_redis_connection_t *connection, int argc, const char **argv,
                        apr_uint64_t deadline, apr_pool_t *p, const char **error)
{
    apr_status_t rv = tai_redis_append(connection, argc, argv);
    redisReply *reply;

    if (rv != APR_SUCCESS) {
        *error = "there is no memory";
        return rv;
    }
    rv = tai_redis_ask(connection, 1, &reply, deadline, p, error);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (reply->type != REDIS_REPLY_STATUS) {
        const char *said = reply->type == REDIS_REPLY_ERROR ? reply->str : "something else than OK";

        *error = apr_psprintf(p, "it answers %s with %s", argv[0],
                              tai_text_line(apr_pstrndup(p, said, strcspn(said, " ")), 40, p));
        rv = APR_EACCES;
    }
    freeReplyObject(reply);
    return rv;
}

/*
 * Each is answered before anything else is said: a script must never run as another user or in
 * another database.
 */
static apr_status_t greet(tai_redis_connection_t *connection, const tai_redis_config_t *config,
                          apr_uint64_t deadline, apr_pool_t *p, const char **error)
{
    const char *user[] = {"AUTH", config->user, config->password};
    const char *password[] = {"AUTH", config->password};
    const char *database[] = {"SELECT", apr_psprintf(p, "%u", config->db)};
    apr_status_t rv = APR_SUCCESS;

    if (config->user != NULL) {
        rv = say(connection, 3, user, deadline, p, error);
    }
    else if (config->password != NULL) {
        rv = say(connection, 2, password, deadline, p, error);
    }
    if (rv == APR_SUCCESS && config->db != 0) {
        rv = say(connection, 2, database, deadline, p, error);
    }
    return rv;
}

apr_status_t tai_redis_connect(const tai_redis_config_t *config, tai_redis_tls_t *tls,
                               const char *host, const tai_redis_address_t *address,
                               apr_uint64_t deadline, apr_pool_t *p, tai_redis_connection_t **out,
                               const char **error)
{
    const int fd = make_socket(address->at.ss_family);
    tai_redis_connection_t *connection;
    apr_status_t rv;

    if (fd < 0) {
        *error = apr_psprintf(p, "no socket can be made: %s", reason(errno, p));
        return APR_EGENERAL;
    }
    rv = dial(fd, (const struct sockaddr *)&address->at, address->length, deadline);
    if (rv != APR_SUCCESS) {
        close(fd);
        *error = apr_psprintf(p, "no connection: %s", reason(rv, p));
        return rv;
    }
    connection = wrap(fd);
    if (connection == NULL) {
        *error = "there is no memory";
        return APR_ENOMEM;
    }
    if (tls != NULL) {
        connection->session = tai_redis_tls_begin(tls, connection->context, host, error);
    }
    rv = tls != NULL && connection->session == NULL ? APR_EGENERAL
                                                    : greet(connection, config, deadline, p, error);
    if (rv != APR_SUCCESS) {
        tai_redis_hang_up(connection);
        return rv;
    }
    *out = connection;
    return APR_SUCCESS;
}
