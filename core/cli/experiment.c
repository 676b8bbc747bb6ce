/* experiment.c: the options of the commands that take an experiment file. */
#include "cli/experiment.h"

#include <stdio.h>
#include <string.h>

#include "tensor/tensor.h"

#define AT(member) .offset = offsetof(struct pb_cli_run, member)

static const char *const engines[] = {"auto", "reference", NULL};

const struct pb_cli_option pb_cli_set = {
	.name = "set", .type = PB_CLI_LIST, AT(sets), .value = {.name = "PATH=VALUE"},
	.doc = "change one value of the file, e.g. --set sweeps.0.hook=z --set model.load=model_1.pt"};
const struct pb_cli_option pb_cli_out = {
	.name = "out", .type = PB_CLI_TEXT, AT(out), .value = {.name = "DIR", .offer = PB_CLI_FOLDERS},
	.doc = "the run folder; default runs/NAME-DATE-TIME"};
const struct pb_cli_option pb_cli_device = {
	.name = "device", .type = PB_CLI_TEXT, AT(device), .value = {.name = "NAME"},
	.accepts = pb_device_is_name, .expected = "auto, cpu, cuda or cuda:NUMBER",
	.doc = "where to compute: cpu, cuda, cuda:1, or auto: a GPU where one can be used; default what the file "
	       "says"};
const struct pb_cli_option pb_cli_engine = {
	.name = "engine", .type = PB_CLI_TEXT, AT(engine), .value = {.name = "NAME", .choices = engines},
	.doc = "auto: the cells of a sweep in shared passes, updated weights formed in cache; reference: one cell "
	       "at a time, everything materialised; the same numbers, slower"};
const struct pb_cli_option pb_cli_memory = {
	.name = "memory", .type = PB_CLI_SIZE, AT(memory), .value = {.name = "SIZE"},
	.expected = "bytes, such as 512M or 4G",
	.doc = "what shared passes may take, e.g. 512M; default half of what is free"};
const struct pb_cli_option pb_cli_batch = {
	.name = "batch", .type = PB_CLI_INT, AT(batch), .value = {.name = "N"}, .min = 1, .max = 4096,
	.expected = "a number of cells from 1 to 4096",
	.doc = "cells that share a pass; default as many as pay"};
const struct pb_cli_option pb_cli_threads = {
	.name = "threads", .type = PB_CLI_INT, AT(threads), .value = {.name = "N"}, .min = 0, .max = 1024,
	.expected = "a number from 0 (all) to 1024",
	.doc = "CPU threads; default all cores"};
const struct pb_cli_option pb_cli_plugin_time = {
	.name = "plugin-time", .type = PB_CLI_REAL, AT(plugin_time), .value = {.name = "SECONDS"},
	.min = 0, .max = 1e6, .expected = "seconds from 0 (no limit) to 1000000",
	.doc = "after which a call of a plugin counts as hung; default 60, 0: never"};
const struct pb_cli_option pb_cli_resume = {
	.name = "resume", .type = PB_CLI_FLAG, AT(resume),
	.doc = "go on with the run in --out DIR, which was stopped at any moment: what it had finished is not made again, and "
	       "the results are those of a run that was not stopped"};
const struct pb_cli_option pb_cli_save_every = {
	.name = "save-every", .type = PB_CLI_REAL, AT(save_every), .value = {.name = "SECONDS"},
	.min = 0, .max = 1e6, .expected = "seconds from 0 to 1000000",
	.doc = "how often training writes down where it stands; default 60"};
const struct pb_cli_option pb_cli_check_finite = {
	.name = "check-finite", .type = PB_CLI_FLAG, AT(check_finite),
	.doc = "look at all gradients before and all weights behind each step of training; without it NaN and Inf are noticed in "
	       "the loss and in the gradient's norm, a step later where clipping is off"};

static bool is_shard(const char *text)
{
	struct pb_shard s;
	int length = 0;
	return strspn(text, "0123456789/") == strlen(text) && strlen(text) < 12 &&
	       sscanf(text, "%zu/%zu%n", &s.index, &s.count, &length) == 2 && !text[length] && s.index >= 1 &&
	       s.index <= s.count;
}

const struct pb_cli_option pb_cli_shard = {
	.name = "shard", .type = PB_CLI_TEXT, AT(shard), .value = {.name = "I/N"},
	.accepts = is_shard, .expected = "which of how many, such as 2/4",
	.doc = "make the I-th of N shares of the sweeps' cells, for one of N jobs; `patchbay merge` makes one run of their "
	       "folders"};

const struct pb_cli_option pb_cli_alone = {
	.name = "alone", .type = PB_CLI_FLAG, AT(alone),
	.doc = "be a run of its own, though mpirun or srun has started this process; without it their processes share one run"};

struct pb_shard pb_cli_shard_of(const struct pb_cli_run *options)
{
	struct pb_shard shard = {0};
	if (options->shard)
		sscanf(options->shard, "%zu/%zu", &shard.index, &shard.count);
	return shard;
}

const struct pb_cli_option pb_cli_json = {
	.name = "json", .type = PB_CLI_FLAG, AT(json),
	.doc = "print what happens as lines of JSON, those of the run folder's events.jsonl"};
const struct pb_cli_option pb_cli_quiet = {
	.name = "quiet", .letter = 'q', .type = PB_CLI_FLAG, AT(quiet), .doc = "print nothing but errors"};

const struct pb_cli_word pb_cli_experiment[] = {
	{.name = "FILE", .offer = PB_CLI_FILES, .suffixes = "yaml yml"},
	{0},
};

bool pb_cli_parse_run(const struct pb_cli_command *command, int argc, char **argv, struct pb_cli_run *ret_options,
		      int *ret_code)
{
	*ret_options = (struct pb_cli_run){.engine = engines[0], .plugin_time = 60, .save_every = 60};
	if (!pb_cli_parse(command, argc, argv, ret_options, ret_code))
		return false;
	ret_options->file = argv[1]; /* of a merge the first folder */
	return true;
}
