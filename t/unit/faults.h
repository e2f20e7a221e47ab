#ifndef FAULTS_H
#define FAULTS_H

#include "database.h"

/* Points where a process stops or dies: see core/fault.h. They are armed in the test's directory. */

static inline const char *point_path(const char *point)
{
    return apr_pstrcat(pool, dir, "/", point, NULL);
}

/* @param what  "stop" or "kill" */
static inline void arm(const char *point, const char *what)
{
    FILE *file = fopen(point_path(point), "w");

    ck_assert_ptr_nonnull(file);
    fputs(what, file);
    fclose(file);
    setenv("TAI_FAULTS", dir, 1);
}

/* Somebody has come there to stop. */
static inline void wait_for(const char *point)
{
    const char *reached = apr_pstrcat(pool, point_path(point), ".reached", NULL);

    while (access(reached, F_OK) != 0) {
        usleep(1000);
    }
}

/* Let him go on. */
static inline void disarm(const char *point)
{
    ck_assert_int_eq(unlink(point_path(point)), 0);
}

#endif
