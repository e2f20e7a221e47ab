#ifndef TAICTL_PROGRESS_H
#define TAICTL_PROGRESS_H

#include <apr.h>

/* A bar on the terminal of standard error; nothing where that is no terminal. */
typedef struct taictl_progress_t {
    const char *what;  /* is done, such as "reading" */
    apr_int64_t total; /* 0: nobody knows */
    apr_int64_t shown; /* percent, or thousands where nobody knows the total */
    int terminal;
} taictl_progress_t;

/**
 * @param what   NUL-terminated; must live until the end
 * @param total  of the same unit as done; 0: nobody knows
 */
void taictl_progress_begin(taictl_progress_t *progress, const char *what, apr_int64_t total);

/**
 * Show how far it is, where that has changed.
 * @param done  never less than before
 */
void taictl_progress_show(taictl_progress_t *progress, apr_int64_t done);

/**
 * Take the bar away.
 */
void taictl_progress_end(const taictl_progress_t *progress);

#endif
