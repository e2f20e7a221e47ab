#ifndef TAICTL_PROMPT_H
#define TAICTL_PROMPT_H

#include <apr_pools.h>

#define TAICTL_LINE_MAX 300 /* more bytes than any secret has: a key of another system is 256 */

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
 * Read one line of standard input, without its newline; from a terminal it is not shown.
 * @param what  for the prompt: "Key"
 * @return as taictl_read_secret
 */
int taictl_read_line(const char *what, char line[TAICTL_LINE_MAX], const char **error);

/**
 * The same for a line that need not be there: it is empty then.
 */
int taictl_read_optional(const char *what, char line[TAICTL_LINE_MAX], const char **error);

/**
 * Ask before something is done that cannot be undone. Standard input must be a terminal.
 * @param question  what is about to be done
 * @return 1: the answer was "yes", in full
 */
int taictl_confirm(const char *question);

#endif
