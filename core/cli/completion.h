/* completion.h: what a shell sources to complete patchbay's words. */
#ifndef PB_CLI_COMPLETION_H
#define PB_CLI_COMPLETION_H

#include "base/text.h"
#include "cli/program.h"

/* All of `program`'s commands with their options, operands and values. The names of plugins are asked for at that
 * time. */
void pb_completion_bash(const struct pb_cli_command *program, struct pb_text *out);
void pb_completion_zsh(const struct pb_cli_command *program, struct pb_text *out);

#endif
