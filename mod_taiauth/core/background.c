#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* cpu_set_t */
#endif
#include "background.h"

#include <pthread.h>
#include <sched.h>

typedef struct task_t {
    void (*work)(void *data);
    void *data;
} task_t;

#ifdef __linux__

/* The upper half of what we may use; of one processor nothing can be left. */
static void leave_half(void)
{
    cpu_set_t set;
    int cpu, leave;

    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return;
    }
    leave = CPU_COUNT(&set) / 2;
    for (cpu = 0; cpu < CPU_SETSIZE && leave > 0; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            CPU_CLR(cpu, &set);
            leave--;
        }
    }
    (void)sched_setaffinity(0, sizeof(set), &set);
}

#else

static void leave_half(void)
{
}

#endif

static void *run(void *data)
{
    const task_t *task = data;

    leave_half();
    task->work(task->data);
    return NULL;
}

/* In a thread of its own, so that there is nothing to be restored. */
void tai_background_run(void (*work)(void *data), void *data)
{
    task_t task = {work, data};
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, &task) != 0) {
        work(data);
        return;
    }
    pthread_join(thread, NULL);
}
