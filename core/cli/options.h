/* options.h: command-line options from one small table a command. */
#ifndef PB_CLI_OPTIONS_H
#define PB_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { PB_CLI_MAX_SETS = 256 };

/* The options of the commands that take an experiment file. */
struct pb_cli_run {
	const char *file;
	const char *sets[PB_CLI_MAX_SETS + 1]; /* ended by NULL */
	const char *out;
	const char *device; /* pb_device_open's name; NULL: what the file says */
	const char *engine; /* "auto", "reference" */
	size_t memory;               /* bytes; 0: not given */
	int batch;                   /* cells; 0: not given */
	int threads;                 /* 0: all cores */
	double plugin_time;          /* seconds that a plugin's call may take; 0: for ever */
	double save_every;           /* seconds between two files of where training stands */
	bool quiet, json, resume, help;
};

/* Prints what is wrong on stderr ("patchbay run: unknown option `--quite`; did you mean `--quiet`?"). Returns 0, or 2.
 */
int pb_cli_parse(int argc, char **argv, struct pb_cli_run *ret_options);
/* Prints the error text on stderr, behind "patchbay COMMAND: " unless it begins with a place in `file` or a --set,
 * which speak for themselves. Returns the exit code of rc. */
int pb_cli_fail(const char *command, const char *file, int rc);

#endif
