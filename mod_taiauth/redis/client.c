#include "client.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <apr_strings.h>
#include "connection.h"
#include "core/breaker.h"
#include "core/clock.h"
#include "core/limiter.h"
#include "core/text.h"
#include "slots.h"

#define NODES_MAX 1000 /* what a Redis Cluster is made for */

#define REDIRECTED (TAI_REDIS_CROSSSLOT + 1) /* not run: somebody else is to be asked */
#define RESTS      (TAI_REDIS_CROSSSLOT + 2) /* not asked */
#define SLOT_LOST  (TAI_REDIS_CROSSSLOT + 3) /* not run: it says that nobody has the slot */

#define REST_MS 1000 /* how long a node of a cluster is left alone behind failures */

/* One Redis. All members but the name belong to who holds the mutex. */
typedef struct node_t {
    char *host; /* NULL: the socket */
    apr_port_t port;
    int numeric; /* the addresses are known for good */
    tai_redis_addresses_t addresses;
    int first; /* address to begin with: the one before has failed */
    tai_redis_question_t *question;
    int waiting; /* threads that wait for its answer */
    int users;   /* threads that ask this node, or are about to */
    int told;    /* other processes know of it */
    tai_redis_connection_t *idle;
    int idles;
    tai_breaker_t breaker; /* of a cluster: what one node does not answer, others may */
} node_t;

struct tai_redis_client_t {
    const tai_redis_config_t *config;
    int connections;
    tai_redis_tls_t *tls;
    tai_redis_script_t scripts[TAI_REDIS_SCRIPT_COUNT];
    pthread_mutex_t mutex;
    pthread_cond_t free;      /* one of those that wait may go on: busy has fallen */
    int busy;                 /* connections in use */
    node_t *nodes[NODES_MAX]; /* first: that of the configuration, which never goes */
    int n;
    int entry;            /* node to ask for a slot that nobody is known to have */
    apr_uint16_t *owners; /* of each slot: node + 1; 0: not known. NULL: it is no cluster */
};

static void lock(tai_redis_client_t *client)
{
    pthread_mutex_lock(&client->mutex);
}

static void unlock(tai_redis_client_t *client)
{
    pthread_mutex_unlock(&client->mutex);
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* An answer that has come is taken; it goes when the last one has been told. */
static void take_answer(node_t *node)
{
    if (node->question == NULL || !tai_redis_question_wait(node->question, 0)) {
        return;
    }
    tai_redis_question_answer(node->question, &node->addresses);
    if (node->waiting == 0) {
        tai_redis_question_free(node->question);
        node->question = NULL;
    }
}

static void ask_again(node_t *node)
{
    if (!node->numeric && node->question == NULL) {
        node->question = tai_redis_question_new(node->host, node->port);
    }
}

/* Where a node is, as far as it is known; waits only where nothing is. */
static void find(tai_redis_client_t *client, node_t *node, apr_uint64_t deadline,
                 tai_redis_addresses_t *addresses, int *first)
{
    lock(client);
    take_answer(node);
    if (node->addresses.n == 0) {
        ask_again(node);
    }
    if (node->addresses.n == 0 && node->question != NULL) {
        node->waiting++;
        unlock(client);
        tai_redis_question_wait(node->question, deadline);
        lock(client);
        node->waiting--;
        take_answer(node);
    }
    *addresses = node->addresses;
    *first = node->first;
    unlock(client);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static node_t *make_node(const char *host, apr_port_t port)
{
    node_t *node = calloc(1, sizeof(*node));

    if (node == NULL || host == NULL) {
        return node;
    }
    node->host = strdup(host);
    node->port = port;
    if (node->host == NULL) {
        free(node);
        return NULL;
    }
    node->numeric = tai_redis_names_numeric(host, port, &node->addresses);
    return node;
}

static void free_node(node_t *node)
{
    while (node->idle != NULL) {
        tai_redis_connection_t *connection = node->idle;

        node->idle = connection->next;
        tai_redis_hang_up(connection);
    }
    if (node->question != NULL) {
        tai_redis_question_free(node->question);
    }
    free(node->host);
    free(node);
}

/*
 * A node that has no slot, as far as is known, and that nobody asks: in a cluster whose addresses come
 * and go, one that is no more. @return its number; that of a new one, if there is none
 */
static int free_number(const tai_redis_client_t *client)
{
    char has_slot[NODES_MAX + 1] = {0};
    unsigned slot;
    int i = 1;

    for (slot = 0; slot < TAI_REDIS_SLOTS; slot++) {
        has_slot[client->owners[slot]] = 1;
    }
    while (i < client->n && (has_slot[i + 1] || client->nodes[i]->users > 0)) {
        i++;
    }
    return i;
}

/* @return the number of a node that is known; as many as there are: of none */
static int known_number(const tai_redis_client_t *client, const char *host, apr_port_t port)
{
    int i;

    for (i = 0; i < client->n; i++) {
        const node_t *node = client->nodes[i];

        if (node->host != NULL && node->port == port && strcmp(node->host, host) == 0) {
            break;
        }
    }
    return i;
}

/* Of a cluster. @return the number of a node, new or not; -1: there are too many, or no memory */
static int node_at(tai_redis_client_t *client, const char *host, apr_port_t port)
{
    node_t *made;
    int i = known_number(client, host, port);

    if (i < client->n) {
        return i;
    }
    i = free_number(client);
    made = i < NODES_MAX ? make_node(host, port) : NULL;
    if (made == NULL) {
        return -1;
    }
    if (i < client->n) {
        free_node(client->nodes[i]);
    }
    else {
        client->n++;
    }
    client->nodes[i] = made;
    return i;
}

static const char *name_of(const tai_redis_client_t *client, int number, apr_pool_t *p)
{
    const node_t *node = client->nodes[number];

    return number == 0 ? client->config->shown
                       : apr_psprintf(p, "%s:%hu", tai_text_line(node->host, 64, p), node->port);
}

/* ---- slots ---------------------------------------------------------------------------------- */

/* Under the mutex. @return 1: it is a cluster, and there is a map of it */
static int map_cluster(tai_redis_client_t *client)
{
    if (client->owners == NULL) {
        client->owners = calloc(TAI_REDIS_SLOTS, sizeof(*client->owners));
    }
    return client->owners != NULL;
}

/* What other processes of this host have found out. */
static void recall_nodes(tai_redis_client_t *client)
{
    char host[TAI_REDIS_HEARD_HOST];
    apr_port_t port;
    node_t *node;
    int i;

    for (i = 0; i < TAI_REDIS_HEARD_NODES; i++) {
        if (tai_redis_heard_get(client->config->heard, i, host, &port) && map_cluster(client) &&
            known_number(client, host, port) == client->n &&
            (node = make_node(host, port)) != NULL) {
            client->nodes[client->n++] = node;
        }
    }
}

int tai_redis_client_is_cluster(tai_redis_client_t *client)
{
    int is;

    lock(client);
    is = client->owners != NULL;
    unlock(client);
    return is;
}

const char *tai_redis_client_prefix(const tai_redis_client_t *client)
{
    return client->config->prefix;
}

apr_uint64_t tai_redis_client_deadline(const tai_redis_client_t *client)
{
    return tai_clock_us() + (apr_uint64_t)client->config->timeout_ms * 1000;
}

/* Who is to be asked for a slot. It stays what it is until leave. */
static int enter(tai_redis_client_t *client, unsigned slot)
{
    int number = 0;

    lock(client);
    if (client->owners != NULL) {
        number = client->owners[slot] != 0 ? client->owners[slot] - 1 : client->entry;
    }
    client->nodes[number]->users++;
    unlock(client);
    return number;
}

static void leave(tai_redis_client_t *client, int number)
{
    lock(client);
    client->nodes[number]->users--;
    unlock(client);
}

/*
 * What one node says of where a slot is is remembered, and who asks goes there, unless he is to stay.
 * @return the number of the node that he is at now; -1: he has stayed, or it cannot be remembered
 */
static int follow(tai_redis_client_t *client, const tai_redis_redirect_t *redirect, int from,
                  int stays)
{
    const char *host = redirect->host;
    int number = -1;

    lock(client);
    if (*host == '\0') {
        host = client->nodes[from]->host;
    }
    if (host != NULL && map_cluster(client)) {
        number = node_at(client, host, redirect->port);
    }
    if (number >= 0 && !redirect->ask) {
        client->owners[redirect->slot] = (apr_uint16_t)(number + 1);
    }
    if (stays) {
        number = -1;
    }
    if (number >= 0) {
        client->nodes[number]->users++;
        client->nodes[from]->users--;
    }
    unlock(client);
    return number;
}

/*
 * It did not answer, serves nobody, or says that nobody has the slot: it may have moved, another may
 * have taken its slots over, and the next question is for another one.
 */
static void doubt(tai_redis_client_t *client, int number)
{
    node_t *node;
    unsigned slot;

    lock(client);
    node = client->nodes[number];
    node->first++;
    ask_again(node);
    if (client->entry == number) {
        client->entry = (number + 1) % client->n;
    }
    for (slot = 0; client->owners != NULL && slot < TAI_REDIS_SLOTS; slot++) {
        if (client->owners[slot] == number + 1) {
            client->owners[slot] = 0;
        }
    }
    unlock(client);
}

/* ---- connections ---------------------------------------------------------------------------- */

static tai_redis_connection_t *take_idle(tai_redis_client_t *client, node_t *node)
{
    tai_redis_connection_t *connection;

    lock(client);
    connection = node->idle;
    if (connection != NULL) {
        node->idle = connection->next;
        node->idles--;
    }
    unlock(client);
    return connection;
}

static void give_back(tai_redis_client_t *client, node_t *node, tai_redis_connection_t *connection)
{
    lock(client);
    if (node->idles < client->connections) {
        connection->next = node->idle;
        node->idle = connection;
        node->idles++;
        connection = NULL;
    }
    unlock(client);
    if (connection != NULL) {
        tai_redis_hang_up(connection);
    }
}

static apr_status_t connect_to(tai_redis_client_t *client, node_t *node, apr_uint64_t deadline,
                               apr_pool_t *p, tai_redis_connection_t **connection,
                               const char **error)
{
    tai_redis_addresses_t addresses;
    apr_status_t rv = APR_EGENERAL;
    int first, i;

    find(client, node, deadline, &addresses, &first);
    *error = "its name cannot be resolved";
    for (i = 0; i < addresses.n; i++) {
        rv = tai_redis_connect(client->config, client->tls, node->host,
                               &addresses.of[(first + i) % addresses.n], deadline, p, connection,
                               error);
        if (rv == APR_SUCCESS || rv == APR_EACCES || rv == APR_TIMEUP) {
            break;
        }
    }
    return rv;
}

/* No more than so many at once: others wait until it is their turn. @return 0: it never was */
static int take_turn(tai_redis_client_t *client, apr_uint64_t deadline)
{
    const apr_uint64_t now = tai_clock_us(), left = deadline > now ? deadline - now : 0;
    struct timespec until;
    int rc = 0;

    lock(client);
    if (client->busy >= client->connections) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)((until.tv_nsec / 1000 + (long)left) / 1000000);
        until.tv_nsec = (until.tv_nsec / 1000 + (long)left) % 1000000 * 1000;
    }
    while (client->busy >= client->connections && rc == 0) {
        rc = pthread_cond_timedwait(&client->free, &client->mutex, &until);
    }
    client->busy += rc == 0;
    unlock(client);
    return rc == 0;
}

static void end_turn(tai_redis_client_t *client)
{
    lock(client);
    client->busy--;
    pthread_cond_signal(&client->free);
    unlock(client);
}

/* One that is idle and still open, else a new one. */
static apr_status_t obtain(tai_redis_client_t *client, node_t *node, apr_uint64_t deadline,
                           apr_pool_t *p, tai_redis_connection_t **connection, const char **error)
{
    while ((*connection = take_idle(client, node)) != NULL) {
        if (tai_redis_is_quiet(*connection)) {
            return APR_SUCCESS;
        }
        tai_redis_hang_up(*connection);
    }
    return connect_to(client, node, deadline, p, connection, error);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static int is_error(const redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, code, strlen(code)) == 0;
}

/* EVALSHA or EVAL, its script, how many keys, keys, arguments. */
static apr_status_t append(tai_redis_connection_t *connection, const char *command,
                           const char *script, const tai_redis_call_t *call, apr_pool_t *p)
{
    const apr_size_t keys = (apr_size_t)call->keys->nelts, args = (apr_size_t)call->args->nelts;
    const char **argv = apr_palloc(p, (3 + keys + args) * sizeof(*argv));

    argv[0] = command;
    argv[1] = script;
    argv[2] = apr_itoa(p, call->keys->nelts);
    memcpy(argv + 3, call->keys->elts, keys * sizeof(*argv));
    memcpy(argv + 3 + keys, call->args->elts, args * sizeof(*argv));
    return tai_redis_append(connection, (int)(3 + keys + args), argv);
}

/* One command, behind ASKING where the slot is on its way to this node. */
static apr_status_t evaluate(tai_redis_connection_t *connection, const char *command,
                             const char *script, const tai_redis_call_t *call, int asking,
                             apr_uint64_t deadline, apr_pool_t *p, redisReply **reply,
                             const char **error)
{
    const char *ask[] = {"ASKING"};
    redisReply *replies[2];
    apr_status_t rv = asking ? tai_redis_append(connection, 1, ask) : APR_SUCCESS;

    if (rv == APR_SUCCESS) {
        rv = append(connection, command, script, call, p);
    }
    if (rv != APR_SUCCESS) {
        *error = "there is no memory";
        return rv;
    }
    rv = tai_redis_ask(connection, asking ? 2 : 1, replies, deadline, p, error);
    if (rv == APR_SUCCESS) {
        *reply = replies[asking ? 1 : 0];
        if (asking) {
            freeReplyObject(replies[0]);
        }
    }
    return rv;
}

/* By its name, and where Redis does not know it, once by its text. */
static apr_status_t run(const tai_redis_client_t *client, tai_redis_connection_t *connection,
                        const tai_redis_call_t *call, int asking, apr_uint64_t deadline,
                        apr_pool_t *p, redisReply **reply, const char **error)
{
    const tai_redis_script_t *script = &client->scripts[call->script];
    apr_status_t rv =
        evaluate(connection, "EVALSHA", script->sha1, call, asking, deadline, p, reply, error);

    if (rv == APR_SUCCESS && is_error(*reply, "NOSCRIPT")) {
        freeReplyObject(*reply);
        rv = evaluate(connection, "EVAL", script->text, call, asking, deadline, p, reply, error);
    }
    return rv;
}

/* Is it what the script returns? Copies it. */
static int read_reply(const redisReply *reply, tai_redis_call_t *call, apr_pool_t *p)
{
    static const long long largest = 1LL << 53; /* beyond, a number of Lua is not exact */
    size_t i;

    if (reply->type != REDIS_REPLY_ARRAY ||
        (call->answers >= 0 && reply->elements != (size_t)call->answers)) {
        return 0;
    }
    call->numbers = apr_pcalloc(p, (reply->elements + 1) * sizeof(*call->numbers));
    call->texts = apr_array_make(p, (int)reply->elements, sizeof(const char *));
    for (i = 0; i < reply->elements; i++) {
        const redisReply *one = reply->element[i];

        if (call->answers < 0 && one->type == REDIS_REPLY_STRING) {
            APR_ARRAY_PUSH(call->texts, const char *) = apr_pstrmemdup(p, one->str, one->len);
        }
        else if (call->answers >= 0 && one->type == REDIS_REPLY_INTEGER && one->integer >= 0 &&
                 one->integer <= largest) {
            call->numbers[i] = one->integer;
        }
        else {
            return 0;
        }
    }
    return 1;
}

/*
 * An error that is no redirection. What Redis says to all who ask, whatever they ask, closes it. OOM
 * does not: locks can be read while nothing can be written; nor does what is said of one slot.
 */
static apr_status_t refused(const redisReply *reply)
{
    static const char *const closed[] = {"BUSY",    "LOADING", "MASTERDOWN",
                                         "MISCONF", "NOAUTH",  "READONLY"};
    apr_size_t i;

    for (i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        if (is_error(reply, closed[i])) {
            return TAI_LIMITER_CLOSED;
        }
    }
    return is_error(reply, "CLUSTERDOWN") ? SLOT_LOST : TAI_LIMITER_UNABLE;
}

/*
 * What becomes of a reply.
 * @return APR_SUCCESS; TAI_REDIS_CROSSSLOT; REDIRECTED: to whom the redirection names; else a
 *         failure
 */
static apr_status_t judge(const tai_redis_client_t *client, const redisReply *reply,
                          tai_redis_call_t *call, tai_redis_redirect_t *redirect, apr_pool_t *p,
                          const char **error)
{
    if (reply->type != REDIS_REPLY_ERROR) {
        *error =
            apr_psprintf(p, "its reply is none that %s gives", client->scripts[call->script].name);
        return read_reply(reply, call, p) ? APR_SUCCESS : APR_EGENERAL;
    }
    *error = apr_psprintf(p, "it answers %s with \"%s\"", client->scripts[call->script].name,
                          tai_text_line(reply->str, 160, p));
    if (is_error(reply, "CROSSSLOT")) {
        return TAI_REDIS_CROSSSLOT;
    }
    /* a cluster has no database but 0: whoever redirects from another one is no Redis */
    return client->config->db == 0 && tai_redis_redirect_parse(reply->str, redirect, p)
               ? REDIRECTED
               : refused(reply);
}

/* ---- the nodes of a cluster that fail -------------------------------------------------------- */

/* Some slots are with a node that does not answer: who needs others must not wait for it. */
static int may_ask(tai_redis_client_t *client, int number)
{
    return !tai_redis_client_is_cluster(client) ||
           tai_breaker_pass(&client->nodes[number]->breaker, tai_clock_ms(),
                            client->config->timeout_ms);
}

static int all_rest(tai_redis_client_t *client)
{
    const apr_uint64_t now = tai_clock_ms();
    int i = 0;

    lock(client);
    while (i < client->n && tai_breaker_rests(&client->nodes[i]->breaker, now)) {
        i++;
    }
    unlock(client);
    return i == client->n;
}

/* What the failure of one node is to the caller: of a cluster, no more than that, but for the last. */
static apr_status_t failure_of(tai_redis_client_t *client, apr_status_t rv)
{
    if (rv == SLOT_LOST || rv == TAI_LIMITER_UNABLE) {
        return TAI_LIMITER_UNABLE;
    }
    if (!tai_redis_client_is_cluster(client)) {
        return rv;
    }
    return all_rest(client) ? TAI_LIMITER_CLOSED : TAI_LIMITER_PART;
}

/* It has done what it was asked to: of a redirection alone nobody else is told. */
static void tell_others(tai_redis_client_t *client, node_t *node)
{
    int told;

    lock(client);
    told = node->told;
    node->told = 1;
    unlock(client);
    if (!told && node->host != NULL) {
        tai_redis_heard_add(client->config->heard, node->host, node->port);
    }
}

static int has_answered(apr_status_t rv)
{
    return rv == APR_SUCCESS || rv == REDIRECTED || rv == TAI_REDIS_CROSSSLOT || rv == SLOT_LOST ||
           rv == TAI_LIMITER_UNABLE;
}

static void report(tai_redis_client_t *client, int number, apr_status_t rv)
{
    tai_breaker_t *breaker = &client->nodes[number]->breaker;

    if (!tai_redis_client_is_cluster(client)) {
        return;
    }
    if (rv == APR_SUCCESS) {
        tell_others(client, client->nodes[number]);
    }
    if (has_answered(rv) || rv == TAI_LIMITER_CLOSED) {
        tai_breaker_report(breaker, rv != TAI_LIMITER_CLOSED, tai_clock_ms(), REST_MS);
    }
    else {
        tai_breaker_doubt(breaker, tai_clock_ms(), REST_MS);
    }
}

/* As obtain; where nobody listens, or who does will not have us, nobody is served. */
static apr_status_t obtain_open(tai_redis_client_t *client, node_t *node, apr_uint64_t deadline,
                                apr_pool_t *p, tai_redis_connection_t **connection,
                                const char **error)
{
    const apr_status_t rv = obtain(client, node, deadline, p, connection, error);

    return rv == ECONNREFUSED || rv == ENOENT || rv == APR_EACCES ? TAI_LIMITER_CLOSED : rv;
}

/* Ask one node. As judge, with the node's name before the error. */
static apr_status_t ask_node(tai_redis_client_t *client, int number, tai_redis_call_t *call,
                             int asking, tai_redis_redirect_t *redirect, apr_uint64_t deadline,
                             apr_pool_t *p, const char **error)
{
    node_t *node = client->nodes[number];
    tai_redis_connection_t *connection;
    redisReply *reply;
    apr_status_t rv = RESTS;

    *error = "it has failed a moment ago, and is left alone";
    if (may_ask(client, number)) {
        rv = obtain_open(client, node, deadline, p, &connection, error);
    }
    if (rv == APR_SUCCESS) {
        rv = run(client, connection, call, asking, deadline, p, &reply, error);
        if (rv == APR_SUCCESS) {
            rv = judge(client, reply, call, redirect, p, error);
            freeReplyObject(reply);
        }
        if (has_answered(rv)) {
            give_back(client, node, connection);
        }
        else {
            tai_redis_hang_up(connection);
        }
    }
    if (rv != RESTS) {
        report(client, number, rv);
    }
    if (rv != APR_SUCCESS) {
        *error = apr_psprintf(p, "%s: %s", name_of(client, number, p), *error);
    }
    return rv;
}

/* The node that has the slot, at the second or third question at the latest. */
static apr_status_t ask_owner(tai_redis_client_t *client, tai_redis_call_t *call,
                              apr_uint64_t deadline, apr_pool_t *p, const char **error)
{
    tai_redis_redirect_t redirect = {.ask = 0};
    int number = enter(client, call->slot), moved = 0, asking = 0;
    apr_status_t rv;

    while ((rv = ask_node(client, number, call, asking, &redirect, deadline, p, error)) ==
           REDIRECTED) {
        /* each once: a second time they contradict each other */
        const int again = redirect.ask ? asking++ : moved++;
        const int to = follow(client, &redirect, number, again);

        if (to < 0) {
            rv = TAI_LIMITER_UNABLE;
            break;
        }
        number = to;
    }
    if (rv != APR_SUCCESS && rv != TAI_REDIS_CROSSSLOT) {
        if (rv != RESTS && rv != TAI_LIMITER_UNABLE) {
            doubt(client, number);
        }
        rv = failure_of(client, rv);
    }
    leave(client, number);
    return rv;
}

apr_status_t tai_redis_call(tai_redis_client_t *client, tai_redis_call_t *call,
                            apr_uint64_t deadline, apr_pool_t *p, const char **error)
{
    apr_status_t rv;

    if (!take_turn(client, deadline)) {
        *error = apr_psprintf(p, "%s: all connections are in use", client->config->shown);
        return APR_TIMEUP;
    }
    rv = ask_owner(client, call, deadline, p, error);
    end_turn(client);
    if (rv == TAI_REDIS_CROSSSLOT) {
        lock(client);
        rv = map_cluster(client) ? rv : APR_ENOMEM;
        unlock(client);
    }
    return rv;
}

/* ---- its life ------------------------------------------------------------------------------- */

/*
 * Mutex and condition are never destroyed: they hold nothing but their memory, and to destroy a
 * condition waits for who waits for it. A signal may end this process out of a call: then all stays
 * where it is, and the end of the process frees it.
 */
static apr_status_t close_client(void *data)
{
    tai_redis_client_t *client = data;

    while (client->busy == 0 && client->n > 0) {
        free_node(client->nodes[--client->n]);
    }
    if (client->n == 0) {
        free(client->owners);
    }
    return APR_SUCCESS;
}

apr_status_t tai_redis_client_new(const tai_redis_config_t *config, int connections,
                                  const char *time, apr_pool_t *p, tai_redis_client_t **out)
{
    tai_redis_client_t *client = apr_pcalloc(p, sizeof(*client));
    apr_status_t rv = tai_redis_scripts_make(client->scripts, time, p);
    pthread_condattr_t monotonic;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    client->config = config;
    client->connections = connections;
    client->tls = config->tls ? tai_redis_tls_new(config->ca, p) : NULL;
    client->nodes[0] = make_node(config->host, config->port);
    if (client->nodes[0] == NULL || (config->tls && client->tls == NULL)) {
        return APR_ENOMEM;
    }
    client->nodes[0]->addresses = config->addresses;
    client->nodes[0]->numeric |= config->host == NULL;
    client->n = 1;
    recall_nodes(client);
    pthread_mutex_init(&client->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&client->free, &monotonic);
    pthread_condattr_destroy(&monotonic);
    apr_pool_cleanup_register(p, client, close_client, apr_pool_cleanup_null);
    *out = client;
    return APR_SUCCESS;
}
