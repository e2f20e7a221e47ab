#include "secret.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <apr_time.h>

#define POLL_US 10000 /* how often is looked whether the program has ended */

/* Whoever can write to it can have it say, and do, what he likes, as whoever starts httpd. */
static const char *check_writers(const char *path, const char *file, apr_pool_t *p)
{
    struct stat is;

    if (stat(file, &is) != 0) {
        return apr_psprintf(p, "%s cannot be run: %s", path, strerror(errno));
    }
    if ((is.st_uid != 0 && is.st_uid != geteuid()) || (is.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return apr_psprintf(
            p, "%s is not run: others than root and who starts httpd can write to %s", path, file);
    }
    return NULL;
}

static const char *check_file(const char *path, apr_pool_t *p)
{
    const char *error = check_writers(path, path, p);
    const apr_size_t folder = (apr_size_t)(strrchr(path, '/') - path);

    return error == NULL ? check_writers(path, apr_pstrmemdup(p, path, folder > 0 ? folder : 1), p)
                         : error;
}

/* All that a program says before it closes its output, as far as there is room. */
static apr_status_t read_output(apr_file_t *from, char *to, apr_size_t room, apr_time_t until)
{
    apr_size_t len = 0, got;
    apr_status_t rv = APR_SUCCESS;
    char beyond[64]; /* what there is no room for is read too: the program shall not wait for us */

    while (rv == APR_SUCCESS) {
        const apr_time_t left = until - apr_time_now();

        if (left <= 0) {
            return APR_TIMEUP;
        }
        apr_file_pipe_timeout_set(from, left);
        got = len < room - 1 ? room - 1 - len : sizeof(beyond);
        rv = apr_file_read(from, len < room - 1 ? to + len : beyond, &got);
        if (rv == APR_SUCCESS && len < room - 1) {
            len += got;
        }
    }
    to[len] = '\0';
    return rv == APR_EOF ? APR_SUCCESS : rv;
}

/* @return APR_CHILD_NOTDONE: it is still there */
static apr_status_t wait_for(apr_proc_t *proc, apr_time_t until, int *code, apr_exit_why_e *why)
{
    apr_status_t rv = apr_proc_wait(proc, code, why, APR_NOWAIT);

    while (rv == APR_CHILD_NOTDONE && apr_time_now() < until) {
        apr_sleep(POLL_US);
        rv = apr_proc_wait(proc, code, why, APR_NOWAIT);
    }
    return rv;
}

static apr_status_t start(const char *path, apr_pool_t *p, apr_proc_t *proc)
{
    const char *const argv[] = {path, NULL};
    apr_procattr_t *attr;
    apr_file_t *nothing; /* to read: a server that is restarted has no terminal either */
    apr_status_t rv = apr_procattr_create(&attr, p);

    if (rv == APR_SUCCESS) {
        rv = apr_file_open(&nothing, "/dev/null", APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, p);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_io_set(attr, APR_NO_PIPE, APR_CHILD_BLOCK, APR_NO_PIPE);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_child_in_set(attr, nothing, NULL);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_cmdtype_set(attr, APR_PROGRAM_ENV);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_error_check_set(attr, 1);
    }
    return rv == APR_SUCCESS ? apr_proc_create(proc, path, argv, NULL, attr, p) : rv;
}

static const char *check_line(const char *path, char *line, apr_pool_t *p)
{
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0') {
        return apr_psprintf(p, "%s said nothing: the first line of its output is the password",
                            path);
    }
    if (strlen(line) > TAI_REDIS_SECRET_MAX) {
        return apr_psprintf(p, "the first line of the output of %s is longer than %d characters",
                            path, TAI_REDIS_SECRET_MAX);
    }
    return NULL;
}

/* run: what is opened for the program goes with it */
static const char *run_program(const char *path, apr_pool_t *run, apr_pool_t *p, char *line,
                               apr_size_t room)
{
    const apr_time_t until = apr_time_now() + apr_time_from_sec(TAI_REDIS_SECRET_S);
    apr_exit_why_e why = APR_PROC_EXIT;
    apr_proc_t proc;
    int code = 0;
    char reason[128];
    apr_status_t rv = start(path, run, &proc);

    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "%s cannot be run: %s", path,
                            apr_strerror(rv, reason, sizeof(reason)));
    }
    rv = read_output(proc.out, line, room, until);
    if (rv == APR_SUCCESS) {
        rv = wait_for(&proc, until, &code, &why);
    }
    if (rv != APR_CHILD_DONE) {
        apr_proc_kill(&proc, SIGKILL);
        apr_proc_wait(&proc, &code, &why, APR_WAIT);
        return rv == APR_TIMEUP || rv == APR_CHILD_NOTDONE
                   ? apr_psprintf(p, "%s did not end within %d seconds", path, TAI_REDIS_SECRET_S)
                   : apr_psprintf(p, "the output of %s cannot be read: %s", path,
                                  apr_strerror(rv, reason, sizeof(reason)));
    }
    if (!APR_PROC_CHECK_EXIT(why) || code != 0) {
        return apr_psprintf(p, "%s ended with %s %d", path,
                            APR_PROC_CHECK_EXIT(why) ? "status" : "signal", code);
    }
    return check_line(path, line, p);
}

const char *tai_redis_secret(const char *path, apr_pool_t *p, const char **secret)
{
    const apr_size_t room = TAI_REDIS_SECRET_MAX + 3; /* its end, and one too many */
    char *line = apr_pcalloc(p, room);
    const char *error = check_file(path, p);
    apr_pool_t *run;

    *secret = line;
    if (error != NULL) {
        return error;
    }
    if (apr_pool_create(&run, p) != APR_SUCCESS) {
        return "there is no memory";
    }
    error = run_program(path, run, p, line, room);
    apr_pool_destroy(run);
    return error;
}
