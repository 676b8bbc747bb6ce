/* experiment.h: the options of the commands that take an experiment file. */
#ifndef PB_CLI_EXPERIMENT_H
#define PB_CLI_EXPERIMENT_H

#include "cli/options.h"
#include "exp/shard.h"

struct pb_cli_run {
	const char *file;
	struct pb_cli_list sets;
	const char *out;
	const char *device; /* pb_device_open's name; NULL: what the file says */
	const char *engine; /* "auto", "reference" */
	size_t memory;      /* bytes; 0: not given */
	int batch;          /* cells; 0: not given */
	int threads;        /* 0: all cores */
	double plugin_time; /* seconds that a plugin's call may take; 0: for ever */
	double save_every;  /* seconds between two files of where training stands */
	bool quiet, json, resume, check_finite, alone;
	const char *shard;  /* "2/4"; NULL: the whole run */
	const char **dirs;  /* [n_dirs] of a merge: the shards' folders */
	size_t n_dirs;
};

extern const struct pb_cli_option pb_cli_set, pb_cli_out, pb_cli_device, pb_cli_engine, pb_cli_memory, pb_cli_batch,
	pb_cli_threads, pb_cli_plugin_time, pb_cli_resume, pb_cli_save_every, pb_cli_shard, pb_cli_alone, pb_cli_check_finite,
	pb_cli_json, pb_cli_quiet;
extern const struct pb_cli_word pb_cli_experiment[]; /* the operand FILE */

struct pb_shard pb_cli_shard_of(const struct pb_cli_run *options);

/* As pb_cli_parse, with the defaults and the file filled in. */
bool pb_cli_parse_run(const struct pb_cli_command *command, int argc, char **argv, struct pb_cli_run *ret_options,
		      int *ret_code);

#endif
