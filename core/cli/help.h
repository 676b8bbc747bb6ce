/* help.h: a command's description in words. */
#ifndef PB_CLI_HELP_H
#define PB_CLI_HELP_H

#include <stdio.h>

#include "base/text.h"
#include "cli/program.h"

/* Usage, what it does, its options or commands, examples. Returns 0 or -PB_E_*. */
int pb_cli_print_help(const struct pb_cli_command *command, FILE *out);
/* "--engine auto|reference", "-q, --quiet": how an option is written. */
void pb_cli_add_option(const struct pb_cli_option *option, struct pb_text *out);
/* "FILE", "auto|reference": how a word is written. */
void pb_cli_add_word(const struct pb_cli_word *word, struct pb_text *out);
/* Prints a finished text that a writer made: its failure, or that of printing, is the command's. Returns the exit
 * code, and finishes the text. */
int pb_cli_print(const struct pb_cli_command *command, struct pb_text *text, int rc);

#endif
