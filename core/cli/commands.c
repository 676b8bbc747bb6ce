/* commands.c: the program's commands, in the order in which help lists them. */
#include "cli/cli.h"
#include "cli/version.h"

static const struct pb_cli_command *const commands[] = {
	&pb_cmd_run,     &pb_cmd_train, &pb_cmd_check,  &pb_cmd_merge, &pb_cmd_report,     &pb_cmd_watch,  &pb_cmd_keys, &pb_cmd_hooks,
	&pb_cmd_inspect, &pb_cmd_convert, &pb_cmd_plugin, &pb_cmd_completion, &pb_cmd_manual, NULL,
};

static const struct pb_cli_option *const options[] = {&pb_cli_version_option, NULL};

static const struct pb_cli_example examples[] = {
	{"run configs/quickstart.yaml", "trains a small model, patches it and writes a report"},
	{"check which-heads.yaml", "names every mistake in an experiment"},
	{"run --help", "explains a command"},
	{0},
};

const struct pb_cli_command pb_cli_program = {
	.name = "",
	.summary = "gradient patching and activation patching on transformers",
	.doc = "Exit codes: 0 done, 1 the run failed, 2 usage or a bad file, 130 interrupted.",
	.options = options,
	.examples = examples,
	.commands = commands,
};
