#ifndef TAICTL_PROMPT_H
#define TAICTL_PROMPT_H

#include <apr_pools.h>

#define TAICTL_LINE_MAX 256 /* more bytes than any secret has */

/**
 * Read a secret: from the terminal, where it is not shown and asked for twice, or one line of
 * standard input where that is no terminal.
 * @param what   for the prompt: "Password"
 * @param line   set to it; the caller wipes it
 * @param error  set to a static sentence on failure
 * @return 1; 0: there is none
 */
int taictl_read_secret(const char *what, char line[TAICTL_LINE_MAX], const char **error);

/**
 * Read one line of standard input, without its newline.
 * @return as taictl_read_secret
 */
int taictl_read_line(char line[TAICTL_LINE_MAX], const char **error);

#endif
