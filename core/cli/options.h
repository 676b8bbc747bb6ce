/* options.h: reads a command's words by its description. */
#ifndef PB_CLI_OPTIONS_H
#define PB_CLI_OPTIONS_H

#include "cli/program.h"

/* Fills in `values` (with defaults in it already) and puts the operands, which are as many as the command wants, into
 * argv[1], argv[2], ..., ended by NULL. False: the command is over, with the exit code *ret_code: --help was
 * answered, or stderr has what is wrong ("patchbay run: unknown option `--quite`; did you mean `--quiet`?"). */
bool pb_cli_parse(const struct pb_cli_command *command, int argc, char **argv, void *values, int *ret_code);
/* Prints a mistake in a command's words and where to read more; returns 2. `nearest`: what was meant, or NULL. */
int pb_cli_usage(const struct pb_cli_command *command, const char *what, const char *word, const char *nearest);
/* Prints the error text on stderr, behind "patchbay COMMAND: " unless it begins with a place in `file` (may be NULL)
 * or a
 * --set, which speak for themselves. Returns the exit code of rc. */
int pb_cli_fail(const struct pb_cli_command *command, const char *file, int rc);

#endif
