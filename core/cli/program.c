/* program.c: finds the command that the words name. */
#include "cli/program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/help.h"
#include "cli/options.h"

enum { MOST_COMMANDS = 32 };

const struct pb_cli_option pb_cli_help_option = {
	.name = "help", .letter = 'h', .type = PB_CLI_FLAG, .doc = "say all this"};

const char *pb_cli_last_word(const struct pb_cli_command *command)
{
	const char *space = strrchr(command->name, ' ');
	return space ? space + 1 : command->name;
}

const char *pb_cli_space(const struct pb_cli_command *command)
{
	return *command->name ? " " : "";
}

static bool asks_for_help(const struct pb_cli_command *command, const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h") || (!*command->name && !strcmp(word, "help"));
}

static int unknown(const struct pb_cli_command *command, const char *word)
{
	const char *names[MOST_COMMANDS + 1], *nearest;
	size_t n = 0;
	const bool option = *word == '-';
	if (option) {
		names[n++] = pb_cli_help_option.name;
		for (size_t i = 0; command->options && command->options[i] && n < MOST_COMMANDS; i++)
			names[n++] = command->options[i]->name;
	} else {
		for (size_t i = 0; command->commands[i] && n < MOST_COMMANDS; i++)
			names[n++] = pb_cli_last_word(command->commands[i]);
	}
	nearest = pb_nearest(word + (option ? strspn(word, "-") : 0), names, n);
	fprintf(stderr, "patchbay%s%s: unknown %s `%s`", pb_cli_space(command), command->name,
		option ? "option" : "command", word);
	if (nearest)
		fprintf(stderr, "; did you mean `%s%s`?", option ? "--" : "", nearest);
	fprintf(stderr, "\n(`patchbay%s%s --help` lists them)\n", pb_cli_space(command), command->name);
	return 2;
}

int pb_cli_finish_output(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	fprintf(stderr, "patchbay: cannot write to standard output%s%s\n", errno ? ": " : "", errno ? strerror(errno) : "");
	return 1;
}

int pb_cli_dispatch(const struct pb_cli_command *command, int argc, char **argv)
{
	if (command->run) {
		if (command->writes) {
			signal(SIGPIPE, SIG_IGN);
			signal(SIGXFSZ, SIG_IGN); /* a file over the user's limit is an error of write */
		}
		const int code = command->run(argc, argv);
		/* What writes files has done its work, whoever hears of it. */
		return code || command->writes ? code : pb_cli_finish_output();
	}
	if (argc < 2)
		return pb_cli_print_help(command, stderr) ? 1 : 2;
	if (asks_for_help(command, argv[1])) {
		const int rc = pb_cli_print_help(command, stdout);
		return rc ? pb_cli_fail(command, NULL, rc) : 0;
	}
	for (size_t i = 0; command->commands[i]; i++)
		if (!strcmp(argv[1], pb_cli_last_word(command->commands[i])))
			return pb_cli_dispatch(command->commands[i], argc - 1, argv + 1);
	return unknown(command, argv[1]);
}
