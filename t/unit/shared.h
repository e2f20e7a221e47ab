#ifndef SHARED_H
#define SHARED_H

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <check.h>
#include "core/table.h"

/* Memory and processes of tests that share tables. */

/* @return zeroed memory that children of this process share */
static inline void *shared_block(size_t bytes)
{
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(block, MAP_FAILED);
    return block;
}

static inline tai_table_t *shared_table(size_t entry_size, apr_uint32_t sets)
{
    tai_table_t *table = shared_block(tai_table_bytes(entry_size, sets));

    ck_assert_int_eq(tai_table_format(table, entry_size, sets), APR_SUCCESS);
    return table;
}

/* Run a part of a test in a process of its own, which ends with what it returns. */
static inline pid_t in_child(int (*part)(void *), void *data)
{
    const pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        _exit(part(data));
    }
    return pid;
}

/* Go on when all have come: else the first child may be done before the last one is there. */
static inline void meet(int *arrived, int all)
{
    __atomic_fetch_add(arrived, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(arrived, __ATOMIC_RELAXED) < all) {
        sched_yield();
    }
}

/* Wait for a child; it must have ended by itself, and well. */
static inline void child_succeeds(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}

#endif
