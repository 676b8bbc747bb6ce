/* cmd_completion.c: `patchbay completion SHELL`. */
#include <string.h>

#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/options.h"

static const char *const shells[] = {"bash", "zsh", NULL};

static const struct pb_cli_word operands[] = {{.name = "SHELL", .choices = shells}, {0}};

static const struct pb_cli_example examples[] = {
	{"completion bash > ~/.local/share/bash-completion/completions/patchbay", "for every bash of one's own"},
	{"completion zsh > ~/.zfunc/_patchbay", "for zsh, where ~/.zfunc is in fpath"},
	{0},
};

static int run(int argc, char **argv)
{
	struct pb_text out = {0};
	int code;
	if (!pb_cli_parse(&pb_cmd_completion, argc, argv, NULL, &code))
		return code;
	if (!strcmp(argv[1], shells[0]))
		pb_completion_bash(&pb_cli_program, &out);
	else
		pb_completion_zsh(&pb_cli_program, &out);
	return pb_cli_print(&pb_cmd_completion, &out, 0);
}

const struct pb_cli_command pb_cmd_completion = {
	.name = "completion",
	.summary = "print what a shell needs to complete patchbay's words",
	.doc = "Prints a script that makes bash or zsh complete commands, options, files and names of plugins. An "
	       "installed patchbay has put both where the shells look for them.",
	.operands = operands,
	.examples = examples,
	.run = run,
};
