#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WIDTH 40 /* of the bar, characters */

void taictl_progress_begin(taictl_progress_t *progress, const char *what, apr_int64_t total)
{
    *progress = (taictl_progress_t){what, total, -1, isatty(STDERR_FILENO)};
    taictl_progress_show(progress, 0);
}

static void draw(const taictl_progress_t *progress)
{
    char bar[WIDTH + 1];
    int full = (int)(progress->shown * WIDTH / 100);

    memset(bar, '.', WIDTH);
    memset(bar, '#', (size_t)full);
    bar[WIDTH] = '\0';
    fprintf(stderr, "\r%s [%s] %3d%%", progress->what, bar, (int)progress->shown);
}

void taictl_progress_show(taictl_progress_t *progress, apr_int64_t done)
{
    const apr_int64_t total = progress->total;
    apr_int64_t reached = total > 0 ? (done < total ? done * 100 / total : 100) : done / 1000;

    if (!progress->terminal || reached == progress->shown) {
        return;
    }
    progress->shown = reached;
    if (total > 0) {
        draw(progress);
    }
    else {
        fprintf(stderr, "\r%s %" APR_INT64_T_FMT " rows", progress->what, reached * 1000);
    }
}

void taictl_progress_end(const taictl_progress_t *progress)
{
    if (progress->terminal) {
        fputs("\r\033[K", stderr);
    }
}
