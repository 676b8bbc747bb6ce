/* main.c: the command line's entry: finds the subcommand. */
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/threads.h"

static const struct command {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
	bool writes; /* files, that must become whole even if nobody reads the output any more */
} commands[] = {
	{"run", "run an experiment", pb_cmd_run, true},
	{"train", "run an experiment's training stages only", pb_cmd_train, true},
	{"check", "say what an experiment would do, or what is wrong with it", pb_cmd_check, false},
	{"keys", "explain every key of an experiment file", pb_cmd_keys, false},
	{"hooks", "list the hook points of an experiment or a checkpoint", pb_cmd_hooks, false},
	{"inspect", "show what is in a checkpoint", pb_cmd_inspect, false},
	{"convert", "write a checkpoint in another format", pb_cmd_convert, true},
	{"report", "a run's report anew, or several runs side by side", pb_cmd_report, true},
	{"watch", "follow a run from another terminal", pb_cmd_watch, false},
	{"plugin", "list plugins, show one, or start one", pb_cmd_plugin, false},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *out)
{
	fputs("patchbay " PB_VERSION ": gradient patching and activation patching on transformers\n\n"
	      "usage: patchbay COMMAND [...]\n\n",
	      out);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-8s  %s\n", commands[i].name, commands[i].summary);
	fputs("\n`patchbay COMMAND --help` tells more.\n"
	      "Exit codes: 0 done, 1 the run failed, 2 usage or a bad file, 130 interrupted.\n",
	      out);
}

/* Touching new memory costs more than computing in it: what reading a checkpoint took serves the sweeps behind it. So the
 * heap keeps what is freed, and large blocks come from it, where glibc would give each back at once. */
static void keep_heap(void)
{
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the largest that glibc takes */
	mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

int main(int argc, char **argv)
{
	const char *names[N_COMMANDS];
	keep_heap();
	pb_cli_prepare_threads(argv);
	if (argc < 2) {
		print_help(stderr);
		return 2;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("patchbay " PB_VERSION);
		return 0;
	}
	for (size_t i = 0; i < N_COMMANDS; i++) {
		names[i] = commands[i].name;
		if (strcmp(argv[1], names[i]))
			continue;
		if (commands[i].writes)
			signal(SIGPIPE, SIG_IGN);
		return commands[i].run(argc - 1, argv + 1);
	}
	const char *nearest = pb_nearest(argv[1], names, N_COMMANDS);
	fprintf(stderr, "patchbay: unknown command `%s`", argv[1]);
	if (nearest)
		fprintf(stderr, "; did you mean `%s`?", nearest);
	fputs("\n(`patchbay --help` lists them)\n", stderr);
	return 2;
}
