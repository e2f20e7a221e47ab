#ifndef TAICTL_COMMANDS_H
#define TAICTL_COMMANDS_H

#include <stdio.h>
#include "taictl.h"

/* What may be called, and what --help says of it. */
typedef struct taictl_command_t {
    const char *noun;  /* NULL ends the table */
    const char *verb;  /* NULL: the noun says it all */
    const char *usage; /* arguments and options; lower-case words stand for themselves */
    const char *what;  /* it does: one sentence, or two */
    int min_args, max_args;
    apr_uint64_t options; /* that it understands besides the common ones */
    taictl_command_fn *run;
} taictl_command_t;

/**
 * Find the command that the arguments begin with.
 * @param words  set to how many of them it takes
 * @return NULL: there is none
 */
const taictl_command_t *taictl_find_command(const taictl_t *run, int *words);

/**
 * The first option that was given and that a command does not understand.
 * @return its name; NULL: none
 */
const char *taictl_stray_option(const taictl_t *run, const taictl_command_t *command);

/**
 * Every command in a line or two.
 * @param noun  those of it alone; NULL: all
 * @return how many
 */
int taictl_print_commands(FILE *out, const char *noun);

/**
 * How to write one command.
 */
void taictl_print_command(FILE *out, const taictl_command_t *command);

/**
 * The options that a command understands, with the common ones.
 * @param command  NULL: the common ones alone
 */
void taictl_print_options(FILE *out, const taictl_command_t *command);

#endif
