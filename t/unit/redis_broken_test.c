#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include "redis.h"
#include "redis/client.c" /* who uses its nodes is nobody else's business */
#include "shared.h"

/* What only looks like Redis: wrong, endless, late and hostile replies are failures with a sentence
 * for the log, within the time that a call has, and no connection is used again after them. */

#define CALL_MS 300

static int *accepted; /* connections that the server has had */
static pid_t *asker;  /* who is stopped while he waits */
static int *moves;    /* how often the slot has moved */

/* What the server does with a connection. */
typedef struct play_t {
    const char *reply; /* to whatever comes; %d becomes the server's port */
    enum { ONCE, AGAIN_AND_AGAIN, DRIPPING, CLOSING, STOPPING, MOVING } how;
} play_t;

static void send_text(int fd, const char *text, size_t len)
{
    while (len > 0) {
        const ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);

        if (sent <= 0) {
            return;
        }
        text += sent;
        len -= (size_t)sent;
    }
}

/* Until the client is gone; a byte at a time keeps each single read short. */
static void drip(int fd, const char *text)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    size_t i = 0, len = strlen(text);
    char byte;

    while (poll(&one, 1, 10) == 0 || recv(fd, &byte, 1, 0) > 0) {
        send_text(fd, text + i++ % len, 1);
    }
}

static void flood(int fd, const char *text)
{
    int i;

    for (i = 0; i < 20000; i++) {
        send_text(fd, text, strlen(text));
    }
}

/* The answer comes at once, and he who asked does not run until his time is over. */
static void stop_asker(int fd, const char *text)
{
    const apr_uint64_t until = tai_clock_ms() + 2 * CALL_MS;

    kill(*asker, SIGSTOP);
    send_text(fd, text, strlen(text));
    while (tai_clock_ms() < until) {
        usleep(10000);
    }
    kill(*asker, SIGCONT);
}

#define MOVES 1100 /* to more nodes than are kept */

/* The slot is with yet another address each time, where nobody listens; at last it is here. */
static void move_on(int fd, const char *text)
{
    const int n = *moves < MOVES ? ++*moves : 0;
    const char *reply = apr_psprintf(pool, "-MOVED 7 127.1.%d.%d:1\r\n", n / 250, 1 + n % 250);

    send_text(fd, n > 0 ? reply : text, strlen(n > 0 ? reply : text));
}

static void play_to(int fd, const play_t *play, const char *reply)
{
    char request[4096];

    while (recv(fd, request, sizeof(request), 0) > 0 && play->how != CLOSING) {
        if (play->how == DRIPPING) {
            drip(fd, reply);
        }
        else if (play->how == STOPPING) {
            stop_asker(fd, reply);
        }
        else if (play->how == MOVING) {
            move_on(fd, reply);
        }
        else if (play->how == AGAIN_AND_AGAIN) {
            flood(fd, reply);
        }
        else {
            send_text(fd, reply, strlen(reply));
        }
    }
    close(fd);
}

/* A server for one test, in a process that ends with it. */
static void serve_at(int port, const play_t *play)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    const char *reply = apr_psprintf(pool, play->reply, port, port);

    at.sin_port = htons((apr_port_t)port);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGCHLD, SIG_IGN);
        for (;;) {
            const int client = accept(fd, NULL, NULL);

            __atomic_fetch_add(accepted, 1, __ATOMIC_RELAXED);
            if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                play_to(client, play, reply);
                _exit(0);
            }
            close(client);
        }
    }
    close(fd);
}

/* @return its port */
static int serve(const play_t *play)
{
    const int port = free_port();

    serve_at(port, play);
    return port;
}

static void prepare(void)
{
    signal(SIGPIPE, SIG_IGN);
    make_pool();
    ck_assert_int_eq(tai_digest_init(pool), APR_SUCCESS);
    accepted = shared_block(sizeof(*accepted));
    asker = shared_block(sizeof(*asker));
    moves = shared_block(sizeof(*moves));
}

static apr_status_t charge(const tai_limiter_t *l, const char **error)
{
    tai_charge_t one = {.id = {1, 1}, .limit = {5, 60000}};
    int admitted = 77;
    const apr_status_t rv = l->ops->charge(l->self, &one, 1, NULL, 0, &admitted, pool, error);

    ck_assert_int_eq(admitted, rv == APR_SUCCESS ? 1 : 0);
    return rv;
}

static const struct {
    play_t play;
    const char *says;
} broken[] = {
    {{"+OK\r\n", ONCE}, "none that charge gives"},
    {{":1\r\n", ONCE}, "none that charge gives"},
    {{"$3\r\nabc\r\n", ONCE}, "none that charge gives"},
    {{"$-1\r\n", ONCE}, "none that charge gives"},
    {{"*-1\r\n", ONCE}, "none that charge gives"},
    {{"*0\r\n", ONCE}, "none that charge gives"},
    {{"*4\r\n:1\r\n:1\r\n:0\r\n:1\r\n", ONCE}, "none that charge gives"},
    {{"*6\r\n:1\r\n:1\r\n:0\r\n:1\r\n:5\r\n:9\r\n", ONCE}, "none that charge gives"},
    {{"*5\r\n:1\r\n:-1\r\n:0\r\n:1\r\n:5\r\n", ONCE}, "none that charge gives"},
    {{"*5\r\n:1\r\n$1\r\n1\r\n:0\r\n:1\r\n:5\r\n", ONCE}, "none that charge gives"},
    {{"*5\r\n:1\r\n:9223372036854775807\r\n:0\r\n:1\r\n:5\r\n", ONCE}, "none that charge gives"},
    {{"*5\r\n:2\r\n:1\r\n:0\r\n:1\r\n:5\r\n", ONCE}, "no script of ours"},
    {{"*5\r\n:1\r\n:5000000000\r\n:0\r\n:1\r\n:5\r\n", ONCE}, "no script of ours"},
    {{"*5\r\n:1\r\n:1\r\n:90000000000\r\n:1\r\n:5\r\n", ONCE}, "no script of ours"},
    {{"*5\r\n:1\r\n*1\r\n:1\r\n:0\r\n:1\r\n:5\r\n", ONCE}, ""},
    {{"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", ONCE}, ""},
    {{"*257\r\n", ONCE}, ""},
    {{"*2147483647\r\n", ONCE}, ""},
    {{"*99999999999999999999\r\n", ONCE}, ""},
    {{"$99999999999999999999\r\n", ONCE}, ""},
    {{"$-2\r\n", ONCE}, ""},
    {{"$2147483647\r\n", ONCE}, "in time"},
    {{"HTTP/1.1 400 Bad Request\r\n\r\n", ONCE}, "Protocol error"},
    {{"\033[31mred\r\n", ONCE}, "Protocol error"},
    {{"\r\n\r\n\r\n", ONCE}, "Protocol error"},
    {{":\r\n", ONCE}, ""},
    {{":1x\r\n", ONCE}, ""},
    {{"", CLOSING}, "closed the connection"},
    {{"", ONCE}, "in time"},
    {{"*5\r\n:1\r\n", ONCE}, "in time"},
    {{"*5\r\n:1\r\n:0000000000000000000001\r\n", DRIPPING}, "in time"},
    {{"+", DRIPPING}, "in time"},
    {{"-ERR ", DRIPPING}, "in time"},
    {{"$100000000\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", AGAIN_AND_AGAIN}, "longer than any"},
    {{"-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", AGAIN_AND_AGAIN}, "longer than any"},
    {{"-NOSCRIPT No matching script.\r\n", ONCE}, "NOSCRIPT"},
    {{"-LOADING Redis is loading the dataset in memory\r\n", ONCE}, "LOADING"},
    {{"-NOAUTH Authentication required.\r\n", ONCE}, "NOAUTH"},
    {{"-ERR \033[31m \x7f\xff\r\n", ONCE}, "ERR \\x1b[31m \\x7f\\xff"},
    {{"-\r\n", ONCE}, ""},
    {{"-MOVED\r\n", ONCE}, "MOVED"},
    {{"-MOVED 1\r\n", ONCE}, "MOVED"},
    {{"-MOVED x 127.0.0.1:%d\r\n", ONCE}, "MOVED"},
    {{"-MOVED 16384 127.0.0.1:%d\r\n", ONCE}, "MOVED"},
    {{"-MOVED -1 127.0.0.1:%d\r\n", ONCE}, "MOVED"},
    {{"-MOVED 1 127.0.0.1\r\n", ONCE}, "MOVED"},
    {{"-MOVED 1 127.0.0.1:0\r\n", ONCE}, "MOVED"},
    {{"-MOVED 1 127.0.0.1:65536\r\n", ONCE}, "MOVED"},
    {{"-MOVED 1 127.0.0.1:1\r\n", ONCE}, "127.0.0.1:1: "},
    {{"-MOVED 1 nowhere.invalid:1\r\n", ONCE}, ""},
    {{"-MOVED 1 127.0.0.1:%d\r\n", ONCE}, "MOVED"},
    {{"-MOVED 1 :%d\r\n", ONCE}, "MOVED"},
    {{"-ASK 1 127.0.0.1:%d\r\n-ASK 1 127.0.0.1:%d\r\n", ONCE}, "ASK"},
    {{"-CROSSSLOT Keys in request don't hash to the same slot\r\n", ONCE}, "CROSSSLOT"},
};

START_TEST(wrong_replies_are_failures)
{
    const int port = serve(&broken[_i].play);
    const tai_limiter_t l = limiter_at("redis://127.0.0.1:%d", port, CALL_MS, tai_redis_time);
    const char *error = NULL, *c;
    int i;

    for (i = 0; i < 2; i++) {
        ck_assert_int_ne(charge(&l, &error), APR_SUCCESS);
        ck_assert_msg(error != NULL && strstr(error, broken[_i].says) != NULL, "%s", error);
        ck_assert_msg(strstr(error, "redis://127.0.0.1") != NULL ||
                          strstr(error, "127.0.0.1:") != NULL || strstr(error, "Redis ") == error ||
                          strstr(error, "nowhere.invalid") != NULL,
                      "%s", error);
        for (c = error; *c != '\0'; c++) {
            ck_assert_msg(*c >= ' ' && *c < 0x7f, "%s", error);
        }
    }
}
END_TEST

/* ---- how it failed ---------------------------------------------------------------------------- */

#define NONE 0 /* no answer, whatever the number is */

static const struct {
    play_t play;
    apr_status_t status;
} outcomes[] = {
    {{"-BUSY Redis is busy running a script.\r\n", ONCE}, TAI_LIMITER_CLOSED},
    {{"-LOADING Redis is loading the dataset in memory\r\n", ONCE}, TAI_LIMITER_CLOSED},
    {{"-MASTERDOWN Link with MASTER is down.\r\n", ONCE}, TAI_LIMITER_CLOSED},
    {{"-MISCONF Redis is configured to save RDB snapshots\r\n", ONCE}, TAI_LIMITER_CLOSED},
    {{"-NOAUTH Authentication required.\r\n", ONCE}, TAI_LIMITER_CLOSED},
    {{"-READONLY You can't write against a read only replica.\r\n", ONCE}, TAI_LIMITER_CLOSED},
    {{"-OOM command not allowed when used memory > 'maxmemory'.\r\n", ONCE}, TAI_LIMITER_UNABLE},
    {{"-WRONGTYPE Operation against a key\r\n", ONCE}, TAI_LIMITER_UNABLE},
    {{"-NOPERM this user has no permissions\r\n", ONCE}, TAI_LIMITER_UNABLE},
    {{"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", ONCE}, TAI_LIMITER_UNABLE},
    {{"-CLUSTERDOWN Hash slot not served\r\n", ONCE}, TAI_LIMITER_UNABLE},
    {{"-ERR user_script: data string too short\r\n", ONCE}, TAI_LIMITER_UNABLE},
    {{"*5\r\n:2\r\n:1\r\n:0\r\n:1\r\n:5\r\n", ONCE}, TAI_LIMITER_UNABLE},
    {{"+OK\r\n", ONCE}, NONE},
    {{"", ONCE}, NONE},
    {{"", CLOSING}, NONE},
    {{"*5\r\n:1\r\n", ONCE}, NONE},
};

START_TEST(how_it_failed_is_told)
{
    const int port = serve(&outcomes[_i].play);
    const tai_limiter_t l = limiter_at("redis://127.0.0.1:%d", port, CALL_MS, tai_redis_time);
    const apr_status_t expected = outcomes[_i].status;
    const char *error = NULL;
    int i;

    for (i = 0; i < 4; i++) {
        const apr_status_t rv = charge(&l, &error);

        if (expected == NONE) {
            ck_assert(rv != APR_SUCCESS && rv != TAI_LIMITER_UNABLE && rv != TAI_LIMITER_CLOSED);
        }
        else {
            ck_assert_msg(rv == expected, "%s: %d", error, rv);
        }
    }
    if (expected == TAI_LIMITER_UNABLE) { /* the connection is as good as before */
        ck_assert_int_eq(__atomic_load_n(accepted, __ATOMIC_RELAXED), 1);
    }
}
END_TEST

START_TEST(where_nobody_listens_nobody_is_served)
{
    const tai_limiter_t l =
        limiter_at("redis://127.0.0.1:%d", free_port(), CALL_MS, tai_redis_time);
    const tai_limiter_t socket =
        limiter_at("unix:///nowhere/redis.%d", free_port(), CALL_MS, tai_redis_time);
    const char *error = NULL;

    ck_assert_int_eq(charge(&l, &error), TAI_LIMITER_CLOSED);
    ck_assert_int_eq(charge(&socket, &error), TAI_LIMITER_CLOSED);
}
END_TEST

/* Late is who does not answer, not who asked and was kept from hearing it. */
START_TEST(an_answer_that_is_there_is_heard)
{
    /* more than is read at once: before the rest he looks at the clock */
    char *reply = apr_pcalloc(pool, TAI_REDIS_REPLY_BYTES + 64);
    const play_t in_time = {memcpy(memset(reply, 'x', TAI_REDIS_REPLY_BYTES + 8), "-ERR ", 5),
                            STOPPING};
    int status, port;
    pid_t child;

    memcpy(reply + TAI_REDIS_REPLY_BYTES + 8, "\r\n", 2);
    port = serve(&in_time);
    child = fork();
    if (child == 0) {
        const tai_limiter_t l = limiter_at("redis://127.0.0.1:%d", port, CALL_MS, tai_redis_time);
        const char *error = NULL;

        *asker = getpid();
        _exit(charge(&l, &error) == TAI_LIMITER_UNABLE ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* Who failed hangs up: the server sees another connection each time. */
static const play_t failing[] = {
    {"", ONCE},        {"*5\r\n:1\r\n", ONCE},
    {"+OK\r\n", ONCE}, {"-LOADING\r\n", ONCE},
    {"x", DRIPPING},   {"*5\r\n:1\r\n:1\r\n:0\r\n:1\r\n:5\r\n:6\r\n", ONCE}};

START_TEST(no_connection_is_used_after_a_failure)
{
    const tai_limiter_t l =
        limiter_at("redis://127.0.0.1:%d", serve(&failing[_i]), CALL_MS, tai_redis_time);
    const char *error;
    int i;

    for (i = 0; i < 3; i++) {
        (void)charge(&l, &error);
    }
    while (__atomic_load_n(accepted, __ATOMIC_RELAXED) < 3) {
        usleep(1000); /* the last one may not have been noticed yet */
    }
    ck_assert_int_eq(*accepted, 3);
}
END_TEST

/* Here that test can fail: who was answered does not hang up. */
START_TEST(a_connection_is_used_again)
{
    static const play_t right = {"*5\r\n:1\r\n:1\r\n:0\r\n:1\r\n:5\r\n", ONCE};
    const tai_limiter_t l =
        limiter_at("redis://127.0.0.1:%d", serve(&right), CALL_MS, tai_redis_time);
    const char *error = "";
    int i;

    for (i = 0; i < 3; i++) {
        ck_assert_msg(charge(&l, &error) == APR_SUCCESS, "%s", error);
    }
    ck_assert_int_eq(*accepted, 1);
}
END_TEST

/* ---- whoever says to be a cluster ------------------------------------------------------------- */

static const play_t moving = {"*5\r\n:1\r\n:1\r\n:0\r\n:1\r\n:5\r\n", MOVING};

/* Those that have no slot any more give their place to others. */
START_TEST(any_number_of_nodes_may_come_and_go)
{
    const tai_limiter_t l =
        limiter_at("redis://127.0.0.1:%d", serve(&moving), 10 * CALL_MS, tai_redis_time);
    const char *error = "";
    int i;

    for (i = 0; i < MOVES; i++) {
        ck_assert_int_ne(charge(&l, &error), APR_SUCCESS);
        ck_assert_msg(strncmp(error, "127.1.", 6) == 0, "%s", error);
    }
    ck_assert_msg(charge(&l, &error) == APR_SUCCESS, "%s", error);
}
END_TEST

/* A node that somebody uses is never given to another address, one that nobody uses may be. */
START_TEST(who_is_sent_to_and_fro_uses_no_node_any_more)
{
    const int ports[] = {free_port(), free_port()};
    const tai_limiter_t l = limiter_at("redis://127.0.0.1:%d", ports[0], CALL_MS, tai_redis_time);
    const tai_redis_client_t *client = l.self;
    const char *error = "";
    int i, n;

    for (i = 0; i < 2; i++) {
        const char *moved = apr_psprintf(pool, "-MOVED 7 127.0.0.1:%d\r\n", ports[!i]);

        serve_at(ports[i], &(play_t){moved, ONCE});
    }
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(charge(&l, &error), TAI_LIMITER_UNABLE);
        ck_assert_int_eq(client->n, 2);
        for (n = 0; n < client->n; n++) {
            ck_assert_int_eq(client->nodes[n]->users, 0);
        }
    }
}
END_TEST

START_TEST(a_database_is_in_no_cluster)
{
    static const play_t redirects = {"+OK\r\n-MOVED 7 127.0.0.2:%d\r\n", ONCE};
    const tai_limiter_t l =
        limiter_at("redis://127.0.0.1:%d/1", serve(&redirects), CALL_MS, tai_redis_time);
    const char *error = "";

    ck_assert_int_ne(charge(&l, &error), APR_SUCCESS);
    ck_assert_msg(strstr(error, "/1: it answers charge with \"MOVED 7 ") != NULL, "%s", error);
}
END_TEST

/* ---- a process that ends amid a call ---------------------------------------------------------- */

static tai_limiter_t asked;
static apr_pool_t *its_pool;

static void *ask(void *waits)
{
    tai_charge_t one = {.id = {1, 1}, .limit = {5, 60000}};
    apr_pool_t *p;
    const char *error;
    int admitted;

    ck_assert_int_eq(apr_pool_create(&p, NULL), APR_SUCCESS);
    asked.ops->charge(asked.self, &one, 1, NULL, 0, &admitted, p, &error);
    return waits;
}

/* A thread of this process sleeps. */
static int sleeps(pid_t thread)
{
    char text[400] = "";
    FILE *stat = fopen(apr_psprintf(pool, "/proc/self/task/%d/stat", (int)thread), "r");
    const char *state;

    ck_assert_ptr_nonnull(stat);
    ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, stat), 0);
    fclose(stat);
    state = strrchr(text, ')');
    return state != NULL && state[2] == 'S';
}

static void end_process(int signal)
{
    (void)signal;
    apr_pool_destroy(its_pool);
    _exit(0);
}

static void *end_who_waits(void *thread)
{
    while (!sleeps(getpid())) {
        sched_yield();
    }
    pthread_kill(*(pthread_t *)thread, SIGUSR1);
    return NULL;
}

/* One has the only connection, another one waits for it: out of that wait a signal ends all. */
static int end_amid_a_call(void *data)
{
    pthread_t first, ender, self = pthread_self();

    (void)data;
    signal(SIGUSR1, end_process);
    pthread_create(&first, NULL, ask, NULL);
    while (__atomic_load_n(accepted, __ATOMIC_RELAXED) < 1) {
        sched_yield();
    }
    pthread_create(&ender, NULL, end_who_waits, &self);
    ask(NULL);
    return 1;
}

START_TEST(a_signal_may_end_a_process_amid_a_call)
{
    static const play_t silent = {"", ONCE};
    const tai_redis_config_t *config = configured("redis://127.0.0.1:%d", serve(&silent), 5000);

    apr_pool_create(&its_pool, NULL);
    ck_assert_int_eq(tai_redis_limiter_open(config, 1, tai_redis_time, its_pool, &asked),
                     APR_SUCCESS);
    child_succeeds(in_child(end_amid_a_call, NULL));
    apr_pool_destroy(its_pool);
}
END_TEST

/* A port that nobody listens at, an address that nobody has: the network says so or says nothing. */
static const char *const nowhere[] = {"redis://127.0.0.1:1", "redis://[::1]:1",
                                      "redis://240.0.0.1:1", "unix:///nowhere/redis.sock"};

START_TEST(nobody_is_there)
{
    const tai_limiter_t l = limiter_at(nowhere[_i], 0, CALL_MS, tai_redis_time);
    const char *error = NULL;

    ck_assert_int_ne(charge(&l, &error), APR_SUCCESS);
    ck_assert_msg(strstr(error, nowhere[_i]) == error, "%s", error);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, prepare, destroy_pool);
    tcase_add_loop_test(tests, wrong_replies_are_failures, 0, ROWS(broken));
    tcase_add_loop_test(tests, how_it_failed_is_told, 0, ROWS(outcomes));
    tcase_add_test(tests, where_nobody_listens_nobody_is_served);
    tcase_add_test(tests, an_answer_that_is_there_is_heard);
    tcase_add_loop_test(tests, no_connection_is_used_after_a_failure, 0, ROWS(failing));
    tcase_add_test(tests, a_connection_is_used_again);
    tcase_add_test(tests, any_number_of_nodes_may_come_and_go);
    tcase_add_test(tests, who_is_sent_to_and_fro_uses_no_node_any_more);
    tcase_add_test(tests, a_database_is_in_no_cluster);
    tcase_add_test(tests, a_signal_may_end_a_process_amid_a_call);
    tcase_add_loop_test(tests, nobody_is_there, 0, ROWS(nowhere));
}

int main(void)
{
    return unit_run("what only looks like Redis", add);
}
