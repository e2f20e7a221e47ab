#ifndef REDIS_H
#define REDIS_H

#include <arpa/inet.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <apr_strings.h>
#include <hiredis.h>
#include "core/clock.h"
#include "core/digest.h"
#include "redis/found.h"
#include "redis/limiter.h"
#include "redis/scripts.h"
#include "chance.h"
#include "unit.h"

#undef fail /* libcheck's, of old; a limiter has one too */

/*
 * A redis-server of the test's own, with all that it writes in a temporary folder, and limiters that
 * count in it.
 */

#define SERVER_ARGS 24

typedef struct server_t {
    pid_t pid;
    int port;
    char dir[64];
    const char
        *args[SERVER_ARGS]; /* of the command line, beside what every server has; NULL ends */
} server_t;

/* A port of loopback that nobody has just now, and none that Linux gives to a client by itself. */
static inline int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    apr_uint64_t chance = tai_clock_us() ^ (apr_uint64_t)getpid() << 32;
    int taken = 1;

    while (taken) {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);

        ck_assert_int_ge(fd, 0);
        at.sin_port = htons((apr_port_t)chance_between(&chance, 12000, 22000));
        taken = bind(fd, (struct sockaddr *)&at, sizeof(at));
        close(fd);
    }
    return ntohs(at.sin_port);
}

/* @return a connection that answers, or NULL */
static inline redisContext *try_reach(int port)
{
    const struct timeval patience = {.tv_sec = 5};
    redisContext *c = redisConnectWithTimeout("127.0.0.1", port, patience);
    redisReply *reply;

    if (c != NULL && c->err == 0) {
        redisSetTimeout(c, patience);
        reply = redisCommand(c, "PING");
        if (reply != NULL) {
            freeReplyObject(reply);
            return c;
        }
    }
    if (c != NULL) {
        redisFree(c);
    }
    return NULL;
}

/* A connection of the test itself, as Redis's default user. */
static inline redisContext *reach(int port)
{
    const apr_uint64_t until = tai_clock_ms() + 10000;
    redisContext *c;

    while ((c = try_reach(port)) == NULL) {
        ck_assert_msg(tai_clock_ms() < until, "redis-server does not answer at port %d", port);
        usleep(20000);
    }
    return c;
}

static inline void server_run(server_t *server)
{
    char port[16];
    const char *argv[SERVER_ARGS + 16] = {
        "redis-server", "--bind", "127.0.0.1",    "--port", port,        "--dir",     server->dir,
        "--save",       "",       "--appendonly", "no",     "--logfile", "redis.log", NULL};
    int i, n = 13;

    snprintf(port, sizeof(port), "%d", server->port);
    for (i = 0; i < SERVER_ARGS && server->args[i] != NULL; i++) {
        argv[n++] = server->args[i];
    }
    server->pid = fork();
    ck_assert_int_ge(server->pid, 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        execvp(argv[0], (char **)(unsigned long)argv);
        perror("redis-server");
        _exit(127);
    }
    redisFree(reach(server->port));
}

static inline void server_start(server_t *server)
{
    snprintf(server->dir, sizeof(server->dir), "/tmp/taiauth-redis.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(server->dir));
    server->port = free_port();
    server_run(server);
}

static inline void server_kill(server_t *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

static inline void server_stop(server_t *server)
{
    char path[400];
    DIR *dir = opendir(server->dir);
    const struct dirent *entry;

    server_kill(server);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", server->dir, entry->d_name);
        unlink(path);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    rmdir(server->dir);
}

/* ---- limiters ------------------------------------------------------------------------------- */

#define TIMEOUT_MS 2000 /* enough for a machine that is busy with something else */

/* Read what TaiAuthLimiter would say; "%d" in the address becomes the port. */
static inline const tai_redis_config_t *configured(const char *address, int port,
                                                   apr_uint32_t timeout_ms)
{
    tai_redis_config_t *config = NULL;
    tai_redis_found_t found = {.addresses.n = 0};
    const char *warning,
        *error = tai_redis_config_parse(apr_psprintf(pool, address, port),
                                        apr_array_make(pool, 1, sizeof(tai_limiter_option_t)),
                                        timeout_ms, pool, &config);

    ck_assert_msg(error == NULL, "%s", error);
    ck_assert_ptr_null(tai_redis_find(config, &found, pool, &warning));
    return config;
}

static inline tai_limiter_t limiter_at(const char *address, int port, apr_uint32_t timeout_ms,
                                       const char *time)
{
    tai_limiter_t limiter;

    ck_assert_int_eq(
        tai_redis_limiter_open(configured(address, port, timeout_ms), 4, time, pool, &limiter),
        APR_SUCCESS);
    return limiter;
}

static inline tai_limiter_t limiter_of(const server_t *server)
{
    return limiter_at("redis://127.0.0.1:%d", server->port, TIMEOUT_MS, tai_redis_time);
}

/* ---- by hand -------------------------------------------------------------------------------- */

static inline long long number_of(redisContext *c, const char *command)
{
    redisReply *reply = redisCommand(c, command);
    long long number;

    ck_assert_msg(reply != NULL && reply->type == REDIS_REPLY_INTEGER, "%s: %s", command,
                  reply != NULL && reply->str != NULL ? reply->str : c->errstr);
    number = reply->integer;
    freeReplyObject(reply);
    return number;
}

static inline void succeeds(redisContext *c, const char *command)
{
    redisReply *reply = redisCommand(c, command);

    ck_assert_msg(reply != NULL && reply->type != REDIS_REPLY_ERROR, "%s: %s", command,
                  reply != NULL && reply->str != NULL ? reply->str : c->errstr);
    freeReplyObject(reply);
}

/* Every key has a time to live, and bears our name. @return how many there are */
static inline int check_keys(redisContext *c)
{
    redisReply *keys = redisCommand(c, "KEYS *");
    size_t i;

    ck_assert_ptr_nonnull(keys);
    for (i = 0; i < keys->elements; i++) {
        const char *key = keys->element[i]->str;
        redisReply *ttl = redisCommand(c, "PTTL %s", key);

        ck_assert_msg(strncmp(key, "taiauth:", 8) == 0, "%s", key);
        /* -2: it has just left */
        ck_assert_msg(ttl->integer == -2 || ttl->integer > 0, "%s lives for %lld", key,
                      ttl->integer);
        freeReplyObject(ttl);
    }
    i = keys->elements;
    freeReplyObject(keys);
    return (int)i;
}

/* ---- a clock of the test's own --------------------------------------------------------------- */

/* Keys live an hour longer: their clock is Redis's own. */
static const char set_time[] = "local function clock()\n"
                               "return tonumber(redis.call('GET', 'now'))\n"
                               "end\n"
                               "local function keep(key, value, ms)\n"
                               "redis.call('SET', key, value, 'PX', ms + 3600000)\n"
                               "end\n"
                               "local function keep_for(key, ms)\n"
                               "redis.call('PEXPIRE', key, ms + 3600000)\n"
                               "end\n";

static inline void set_clock(redisContext *c, apr_uint64_t now)
{
    redisReply *reply = redisCommand(c, "SET now %llu", (unsigned long long)now);

    ck_assert(reply != NULL && reply->type == REDIS_REPLY_STATUS);
    freeReplyObject(reply);
}

#endif
