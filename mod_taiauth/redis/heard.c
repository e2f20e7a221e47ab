#include "heard.h"

#include <string.h>
#include <sys/mman.h>
#include <apr_strings.h>
#include "core/mutex.h"

struct tai_redis_heard_t {
    pthread_mutex_t mutex;
    unsigned next; /* place of the next one */
    struct {
        apr_port_t port; /* 0: none; written last, and taken away first: who writes may be killed */
        char host[TAI_REDIS_HEARD_HOST];
    } nodes[TAI_REDIS_HEARD_NODES];
};

tai_redis_heard_t *tai_redis_heard_new(void)
{
    tai_redis_heard_t *heard =
        mmap(NULL, sizeof(*heard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (heard == MAP_FAILED) {
        return NULL;
    }
    if (tai_mutex_init(&heard->mutex) != APR_SUCCESS) {
        tai_redis_heard_free(heard);
        return NULL;
    }
    return heard;
}

void tai_redis_heard_free(tai_redis_heard_t *heard)
{
    if (heard != NULL) {
        munmap(heard, sizeof(*heard));
    }
}

static int has(const tai_redis_heard_t *heard, const char *host, apr_port_t port)
{
    int i = 0;

    while (i < TAI_REDIS_HEARD_NODES &&
           (heard->nodes[i].port != port || strcmp(heard->nodes[i].host, host) != 0)) {
        i++;
    }
    return i < TAI_REDIS_HEARD_NODES;
}

void tai_redis_heard_add(tai_redis_heard_t *heard, const char *host, apr_port_t port)
{
    int inherited;

    if (heard == NULL || strlen(host) >= TAI_REDIS_HEARD_HOST ||
        tai_mutex_lock(&heard->mutex, &inherited) != APR_SUCCESS) {
        return;
    }
    if (!has(heard, host, port)) {
        const unsigned place = heard->next++ % TAI_REDIS_HEARD_NODES;

        __atomic_store_n(&heard->nodes[place].port, 0, __ATOMIC_SEQ_CST);
        apr_cpystrn(heard->nodes[place].host, host, TAI_REDIS_HEARD_HOST);
        __atomic_store_n(&heard->nodes[place].port, port, __ATOMIC_SEQ_CST);
    }
    tai_mutex_unlock(&heard->mutex);
}

int tai_redis_heard_get(tai_redis_heard_t *heard, int i, char host[TAI_REDIS_HEARD_HOST],
                        apr_port_t *port)
{
    int inherited;

    *port = 0;
    if (heard == NULL || tai_mutex_lock(&heard->mutex, &inherited) != APR_SUCCESS) {
        return 0;
    }
    *port = heard->nodes[i].port;
    apr_cpystrn(host, heard->nodes[i].host, TAI_REDIS_HEARD_HOST);
    tai_mutex_unlock(&heard->mutex);
    return *port != 0;
}
