#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* getaddrinfo_a */
#endif
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include "core/clock.h"

static const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

struct tai_redis_question_t {
    struct gaicb request;
    char port[sizeof("65535")];
    char host[]; /* request points here */
};

static void take(const struct addrinfo *found, tai_redis_addresses_t *addresses)
{
    addresses->n = 0;
    for (; found != NULL && addresses->n < TAI_REDIS_ADDRESSES; found = found->ai_next) {
        tai_redis_address_t *address = &addresses->of[addresses->n++];

        memcpy(&address->at, found->ai_addr, found->ai_addrlen);
        address->length = found->ai_addrlen;
    }
}

/* @return 1: something was found */
static int ask(const char *host, apr_port_t port, const struct addrinfo *what,
               tai_redis_addresses_t *addresses)
{
    struct addrinfo *found = NULL;
    char service[sizeof("65535")];

    snprintf(service, sizeof(service), "%hu", port);
    if (getaddrinfo(host, service, what, &found) != 0) {
        return 0;
    }
    take(found, addresses);
    freeaddrinfo(found);
    return 1;
}

int tai_redis_names_numeric(const char *host, apr_port_t port, tai_redis_addresses_t *addresses)
{
    static const struct addrinfo numeric = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};

    return ask(host, port, &numeric, addresses);
}

/* ---- while the configuration is read --------------------------------------------------------- */

static void answer(const char *host, apr_port_t port, int to)
{
    tai_redis_addresses_t addresses = {.n = 0};

    (void)ask(host, port, &wanted, &addresses);
    _exit(write(to, &addresses, sizeof(addresses)) != sizeof(addresses));
}

/* What one process writes in one piece the other reads in one. */
static void await(int from, apr_uint64_t deadline, tai_redis_addresses_t *addresses)
{
    struct pollfd one = {.fd = from, .events = POLLIN};
    tai_redis_addresses_t answer;
    apr_uint64_t now;
    int ready = 0;

    while (ready <= 0 && (now = tai_clock_us()) < deadline) {
        ready = poll(&one, 1, (int)((deadline - now + 999) / 1000));
    }
    if (ready > 0 && read(from, &answer, sizeof(answer)) == sizeof(answer) && answer.n > 0) {
        *addresses = answer;
    }
}

static void ask_process(const char *host, apr_port_t port, apr_uint64_t deadline,
                        tai_redis_addresses_t *addresses)
{
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    pid = fork();
    if (pid == 0) {
        answer(host, port, ends[1]);
    }
    close(ends[1]);
    if (pid > 0) {
        await(ends[0], deadline, addresses);
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    close(ends[0]);
}

void tai_redis_names_ask(const char *host, apr_port_t port, apr_uint64_t deadline,
                         tai_redis_addresses_t *addresses)
{
    if (!tai_redis_names_numeric(host, port, addresses)) {
        ask_process(host, port, deadline, addresses);
    }
}

/* ---- in the background ----------------------------------------------------------------------- */

tai_redis_question_t *tai_redis_question_new(const char *host, apr_port_t port)
{
    tai_redis_question_t *question = calloc(1, sizeof(*question) + strlen(host) + 1);
    struct gaicb *list[1];

    if (question == NULL) {
        return NULL;
    }
    memcpy(question->host, host, strlen(host));
    snprintf(question->port, sizeof(question->port), "%hu", port);
    question->request.ar_name = question->host;
    question->request.ar_service = question->port;
    question->request.ar_request = &wanted;
    list[0] = &question->request;
    if (getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) != 0) {
        free(question);
        return NULL;
    }
    return question;
}

int tai_redis_question_wait(tai_redis_question_t *question, apr_uint64_t deadline)
{
    const struct gaicb *const list[] = {&question->request};
    apr_uint64_t now = tai_clock_us();

    while (gai_error(&question->request) == EAI_INPROGRESS && now < deadline) {
        const apr_uint64_t left = deadline - now;
        const struct timespec wait = {.tv_sec = (time_t)(left / 1000000),
                                      .tv_nsec = (long)(left % 1000000 * 1000)};

        gai_suspend(list, 1, &wait);
        now = tai_clock_us();
    }
    return gai_error(&question->request) != EAI_INPROGRESS;
}

void tai_redis_question_answer(const tai_redis_question_t *question,
                               tai_redis_addresses_t *addresses)
{
    if (question->request.ar_result != NULL) {
        take(question->request.ar_result, addresses);
    }
}

void tai_redis_question_free(tai_redis_question_t *question)
{
    if (gai_cancel(&question->request) == EAI_NOTCANCELED) {
        return; /* the resolver writes to it yet */
    }
    if (question->request.ar_result != NULL) {
        freeaddrinfo(question->request.ar_result);
    }
    free(question);
}
