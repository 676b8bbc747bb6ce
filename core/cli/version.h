/* version.h: what this build is. */
#ifndef PB_CLI_VERSION_H
#define PB_CLI_VERSION_H

#include "cli/program.h"

extern const struct pb_cli_option pb_cli_version_option; /* the program's own */

/* Version, compiler, libraries, what is compiled in: the same for equal builds. Returns the exit code. */
int pb_cli_print_version(void);

#endif
