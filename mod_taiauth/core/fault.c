#include "fault.h"

#ifdef TAI_FAULTS

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_US 1000

static void stop_at(const char *path)
{
    char reached[4096];
    FILE *file;

    snprintf(reached, sizeof(reached), "%s.reached", path);
    file = fopen(reached, "w");
    if (file != NULL) {
        fclose(file);
    }
    while (access(path, F_OK) == 0) {
        usleep(POLL_US);
    }
}

void tai_fault(const char *point)
{
    const char *directory = getenv("TAI_FAULTS");
    char path[4000];
    char word[8] = "";
    FILE *file;

    if (directory == NULL) {
        return;
    }
    snprintf(path, sizeof(path), "%s/%s", directory, point);
    file = fopen(path, "r");
    if (file == NULL) {
        return;
    }
    if (fscanf(file, "%7s", word) != 1) {
        word[0] = '\0';
    }
    fclose(file);
    if (strcmp(word, "stop") == 0) {
        stop_at(path);
    }
    else if (strcmp(word, "kill") == 0 && unlink(path) == 0) {
        kill(getpid(), SIGKILL);
    }
}

#else

/* A translation unit holds something. */
typedef int tai_no_faults_t;

#endif
