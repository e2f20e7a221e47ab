#ifndef TAI_REDIS_NAMES_H
#define TAI_REDIS_NAMES_H

#include <sys/socket.h>
#include <apr.h>
#include <apr_network_io.h>

/*
 * Addresses of a host. A resolver may take many seconds, and nobody can make it faster: so nobody waits
 * for it longer than to a deadline. A call has a name asked for in the background, and waits for that
 * only if it knows no address at all. Else it goes on with those that it knows.
 */
#define TAI_REDIS_ADDRESSES 8

typedef struct tai_redis_address_t {
    struct sockaddr_storage at;
    socklen_t length;
} tai_redis_address_t;

typedef struct tai_redis_addresses_t {
    int n; /* 0: none known */
    tai_redis_address_t of[TAI_REDIS_ADDRESSES];
} tai_redis_addresses_t;

/**
 * Ask and wait, for configuration time: a process of its own asks, which can be ended. A thread could
 * not be, and whoever is forked meanwhile would find the resolver's locks held for ever.
 * @param host       name or address
 * @param deadline   microseconds of tai_clock_us
 * @param addresses  filled in, unless nothing was found
 */
void tai_redis_names_ask(const char *host, apr_port_t port, apr_uint64_t deadline,
                         tai_redis_addresses_t *addresses);

/**
 * @param host  if it is an address, not a name
 * @return 1: it is, and addresses has it; 0: it is a name, and addresses is as it was
 */
int tai_redis_names_numeric(const char *host, apr_port_t port, tai_redis_addresses_t *addresses);

/* A question under way. */
typedef struct tai_redis_question_t tai_redis_question_t;

/**
 * Ask in the background.
 * @return NULL: that is not possible
 */
tai_redis_question_t *tai_redis_question_new(const char *host, apr_port_t port);

/**
 * Wait for the answer; several threads may at once.
 * @param deadline  microseconds of tai_clock_us
 * @return 1: there is one
 */
int tai_redis_question_wait(tai_redis_question_t *question, apr_uint64_t deadline);

/**
 * @param addresses  filled in, unless nothing was found
 */
void tai_redis_question_answer(const tai_redis_question_t *question,
                               tai_redis_addresses_t *addresses);

/**
 * Give it up, when nobody waits. One that is still under way keeps its memory.
 */
void tai_redis_question_free(tai_redis_question_t *question);

#endif
