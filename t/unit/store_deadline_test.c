#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <apr_strings.h>
#include "core/clock.h"
#include "core/store_deadline.h"
#include "shared.h"
#include "unit.h"

/*
 * What takes too long loses its socket, and nothing else does. Where something is to be in time, its
 * time is an hour; where it is to be late, it waits for what never comes.
 */

#define HOUR    3600000
#define SHORT   30 /* milliseconds */
#define THREADS 8
#define TURNS   300

static tai_keeper_t *keeper;
static apr_port_t own_ports[2]; /* the second one is the end */

static void make_keeper(void)
{
    tai_keeper_create(&keeper, own_ports, pool);
}

static apr_uint64_t in(apr_uint64_t ms)
{
    return tai_clock_ms() + ms;
}

static void begin(tai_watch_t *watch, int socket, apr_uint64_t due)
{
    ck_assert_int_eq(tai_keeper_begin(keeper, watch, socket, due), APR_SUCCESS);
}

static void make_pair(int pair[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
}

/* Wait until it is shut down, or something comes. */
static ssize_t hear(int socket)
{
    char byte;

    return recv(socket, &byte, 1, 0);
}

static void is_open(int socket)
{
    ck_assert_int_eq(tai_socket_is_over(socket), 0);
}

/* ---- what is under way ---------------------------------------------------------------------- */

START_TEST(what_takes_too_long_is_cut_short)
{
    tai_watch_t watch;
    int pair[2];

    make_pair(pair);
    begin(&watch, pair[0], in(SHORT));
    ck_assert_int_eq(hear(pair[0]), 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 1);
    ck_assert_int_eq(tai_socket_is_over(pair[0]), 1);
}
END_TEST

START_TEST(what_ends_in_time_is_left_alone)
{
    tai_watch_t watch, late;
    int pair[2], other[2];

    make_pair(pair);
    make_pair(other);
    begin(&watch, pair[0], in(HOUR));
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 0);
    begin(&watch, pair[0], in(HOUR));
    begin(&late, other[0], in(SHORT));
    ck_assert_int_eq(hear(other[0]), 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &late), 1);
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 0);
    is_open(pair[0]);
}
END_TEST

START_TEST(one_that_is_due_at_once)
{
    tai_watch_t watch;
    int pair[2];

    make_pair(pair);
    begin(&watch, pair[0], 1);
    ck_assert_int_eq(hear(pair[0]), 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 1);
}
END_TEST

START_TEST(whoever_is_in_a_hurry_waits_for_nothing)
{
    tai_watch_t before, after;
    int pair[2], other[2];

    make_pair(pair);
    make_pair(other);
    begin(&before, pair[0], in(HOUR));
    tai_keeper_hurry(keeper, in(SHORT));
    ck_assert_int_eq(hear(pair[0]), 0);
    begin(&after, other[0], in(HOUR));
    ck_assert_int_eq(hear(other[0]), 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &after), 1);
    ck_assert_int_eq(tai_keeper_end(keeper, &before), 1);
}
END_TEST

/* One of two: something is there to be read, or nothing ever is. */
static void *take_turns(void *number)
{
    unsigned seed = (unsigned)(size_t)number;

    for (int i = 0; i < TURNS; i++) {
        const int late = rand_r(&seed) % 10 == 0;
        tai_watch_t watch;
        int pair[2];

        make_pair(pair);
        if (!late) {
            ck_assert_int_eq(send(pair[1], "x", 1, 0), 1);
        }
        begin(&watch, pair[0], in(late ? (apr_uint64_t)(rand_r(&seed) % 5) : HOUR));
        ck_assert_int_eq(hear(pair[0]), !late);
        ck_assert_int_eq(tai_keeper_end(keeper, &watch), late);
        close(pair[0]);
        close(pair[1]);
    }
    return NULL;
}

START_TEST(of_many_at_once_each_has_its_own_time)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_turns, (void *)i), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}
END_TEST

/* ---- what is being opened -------------------------------------------------------------------- */

static struct sockaddr_in address; /* of the listener */

static int listen_at(in_addr_t host, in_port_t port)
{
    socklen_t length = sizeof(address);
    const int listener = socket(AF_INET, SOCK_STREAM, 0);

    address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(host), .sin_port = htons(port)};
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    return listener;
}

/* Nobody accepts: one connection is made and hears nothing, the next one is not even made. */
static int listen_to_nobody(tai_peer_t *peer)
{
    const int listener = listen_at(INADDR_LOOPBACK, 0);

    *peer = (tai_peer_t){.port = ntohs(address.sin_port)};
    return listener;
}

static int call(int *error)
{
    const int socket_ = socket(AF_INET, SOCK_STREAM, 0);

    *error = connect(socket_, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
    return socket_;
}

static void begin_opening(tai_watch_t *watch, const tai_peer_t *peer, apr_uint64_t due)
{
    ck_assert_int_eq(tai_keeper_begin_opening(keeper, watch, peer, due, pool), APR_SUCCESS);
}

START_TEST(a_server_that_says_nothing)
{
    tai_watch_t watch;
    tai_peer_t peer;
    int error, socket;

    listen_to_nobody(&peer);
    begin_opening(&watch, &peer, in(SHORT));
    socket = call(&error);
    ck_assert_int_eq(error, 0);
    ck_assert_int_eq(hear(socket), 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 1);
}
END_TEST

START_TEST(a_host_that_does_not_answer)
{
    tai_watch_t watch;
    tai_peer_t peer;
    int error, first;

    listen_to_nobody(&peer);
    first = call(&error);
    begin_opening(&watch, &peer, in(SHORT));
    call(&error);
    ck_assert_int_ne(error, 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 1);
    is_open(first);
}
END_TEST

START_TEST(a_server_on_a_unix_socket)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *path = apr_psprintf(pool, "/tmp/store_deadline_test.%ld", (long)getpid());
    const tai_peer_t peer = {.port = 1, .path = path};
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    tai_watch_t watch;
    int caller;

    apr_cpystrn(name.sun_path, path, sizeof(name.sun_path));
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    begin_opening(&watch, &peer, in(SHORT));
    caller = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(caller, (struct sockaddr *)&name, sizeof(name)), 0);
    unlink(path);
    ck_assert_int_eq(hear(caller), 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 1);
}
END_TEST

/* Those that were there before, those that lead elsewhere, and those that others have with us. */
START_TEST(no_other_socket_is_touched)
{
    tai_peer_t peer, elsewhere;
    tai_watch_t watch;
    struct sockaddr_in wanted_address;
    int error, there, before, other, wanted, listener;

    listener = listen_to_nobody(&peer);
    before = call(&error);
    there = accept(listener, NULL, NULL);
    wanted_address = address;
    listen_to_nobody(&elsewhere);
    begin_opening(&watch, &peer, in(SHORT));
    other = call(&error);
    address = wanted_address;
    wanted = call(&error);
    ck_assert_int_eq(hear(wanted), 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 1);
    is_open(before);
    is_open(there);
    is_open(other);
}
END_TEST

START_TEST(a_server_at_the_same_port_of_another_host)
{
    tai_peer_t peer;
    tai_watch_t watch;
    struct sockaddr_in wanted_address;
    int error, other, other_caller, wanted, caller;

    listen_to_nobody(&peer);
    peer.host = "127.0.0.1";
    wanted_address = address;
    listen_at(INADDR_LOOPBACK + 1, (in_port_t)peer.port);
    begin_opening(&watch, &peer, in(SHORT));
    other = call(&error);
    other_caller = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(connect(other_caller, (struct sockaddr *)&address, sizeof(address)), -1);
    ck_assert_int_eq(errno, EINPROGRESS);
    address = wanted_address;
    wanted = call(&error);
    ck_assert_int_eq(hear(wanted), 0);
    caller = call(&error); /* that it is struck is known when it returns */
    ck_assert_int_ne(error, 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 1);
    is_open(other);
    is_open(other_caller);
    close(caller);
}
END_TEST

/* Of a client's connection the client has chosen the port. */
START_TEST(a_client_that_comes_from_the_port_of_the_server)
{
    const int one = 1;
    tai_peer_t peer;
    tai_watch_t watch;
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 2)};
    struct sockaddr_in server;
    int error, listener, client, accepted, wanted;

    listen_to_nobody(&peer);
    server = address;
    listener = listen_at(INADDR_LOOPBACK, 0);
    own_ports[0] = ntohs(address.sin_port);
    begin_opening(&watch, &peer, in(SHORT));
    client = socket(AF_INET, SOCK_STREAM, 0);
    from.sin_port = htons((in_port_t)peer.port);
    ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
    ck_assert_int_eq(bind(client, (struct sockaddr *)&from, sizeof(from)), 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    accepted = accept(listener, NULL, NULL);
    address = server;
    wanted = call(&error);
    ck_assert_int_eq(hear(wanted), 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 1);
    is_open(client);
    is_open(accepted);
}
END_TEST

START_TEST(a_driver_that_opens_several)
{
    tai_peer_t peer;
    tai_watch_t watch;
    int error, first, second;

    ck_assert_int_eq(listen(listen_to_nobody(&peer), 2), 0);
    begin_opening(&watch, &peer, in(SHORT));
    first = call(&error);
    second = call(&error);
    ck_assert_int_eq(hear(second), 0);
    ck_assert_int_eq(hear(first), 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 1);
}
END_TEST

static int lock_file(FILE *file)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};

    return fcntl(fileno(file), F_SETLK, &lock);
}

static int cannot_lock(void *file)
{
    return lock_file(file) == 0;
}

/* Such a lock goes as soon as its process closes any descriptor of the file. */
START_TEST(locks_on_files_are_kept)
{
    tai_peer_t peer;
    tai_watch_t watch;
    FILE *file;
    int error;

    listen_to_nobody(&peer);
    begin_opening(&watch, &peer, in(SHORT));
    file = tmpfile();
    ck_assert_int_eq(lock_file(file), 0);
    ck_assert_int_eq(hear(call(&error)), 0);
    ck_assert_int_eq(tai_keeper_end(keeper, &watch), 1);
    child_succeeds(in_child(cannot_lock, file));
}
END_TEST

/* As where there is no /proc. */
START_TEST(where_sockets_cannot_be_looked_through)
{
    tai_peer_t peer = {.port = 1};
    struct rlimit before, none;
    tai_watch_t watch;
    apr_status_t rv;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    rv = tai_keeper_begin_opening(keeper, &watch, &peer, in(HOUR), pool);
    ck_assert_int_eq(rv, EMFILE);
    rv = tai_keeper_begin_opening(keeper, &watch, &peer, in(HOUR), pool);
    ck_assert_int_eq(rv, EMFILE);                           /* and it does not go on being opened */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0); /* for what looks behind the test */
}
END_TEST

START_TEST(one_is_opened_at_a_time)
{
    tai_watch_t first, second;
    tai_peer_t peer;

    listen_to_nobody(&peer);
    begin_opening(&first, &peer, in(HOUR));
    ck_assert_int_eq(tai_keeper_begin_opening(keeper, &second, &peer, in(SHORT), pool), APR_TIMEUP);
    ck_assert_int_eq(tai_keeper_end(keeper, &first), 0);
    begin_opening(&second, &peer, in(HOUR));
    ck_assert_int_eq(tai_keeper_end(keeper, &second), 0);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, make_keeper, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_takes_too_long_is_cut_short);
    tcase_add_test(tests, what_ends_in_time_is_left_alone);
    tcase_add_test(tests, one_that_is_due_at_once);
    tcase_add_test(tests, whoever_is_in_a_hurry_waits_for_nothing);
    tcase_add_test(tests, of_many_at_once_each_has_its_own_time);
    tcase_add_test(tests, a_server_that_says_nothing);
    tcase_add_test(tests, a_host_that_does_not_answer);
    tcase_add_test(tests, a_server_on_a_unix_socket);
    tcase_add_test(tests, no_other_socket_is_touched);
    tcase_add_test(tests, a_server_at_the_same_port_of_another_host);
    tcase_add_test(tests, a_client_that_comes_from_the_port_of_the_server);
    tcase_add_test(tests, a_driver_that_opens_several);
    tcase_add_test(tests, locks_on_files_are_kept);
    tcase_add_test(tests, where_sockets_cannot_be_looked_through);
    tcase_add_test(tests, one_is_opened_at_a_time);
}

int main(void)
{
    return unit_run("store_deadline", add_tests);
}
