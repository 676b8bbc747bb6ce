/* cmd_run.c: patchbay run, train and check. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/experiment.h"
#include "cli/ranks.h"
#include "exp/folder.h"
#include "exp/interrupt.h"
#include "exp/seeds.h"
#include "exp/team.h"

static void print_warning(void *context, int level, const char *who, const char *text)
{
	(void)context;
	if (level >= PB_LOG_WARNING)
		fprintf(stderr, "patchbay: %s: %s\n", who, text);
}

/* An experiment read and planned on an open device. */
struct session {
	struct pb_config config;
	struct pb_device device;
	struct pb_plan plan;
};

/* `device`: NULL: what the file says. */
static int open_session(const struct pb_cli_run *o, const char *device, const struct pb_team *team, struct session *s)
{
	pb_host_set_log(print_warning, NULL);
	pb_guard_limit(o->plugin_time);
	int rc = pb_config_open(o->file, o->sets.items, &s->config);
	if (rc)
		return rc;
	rc = pb_device_open(device ? device : s->config.device, pb_cli_turn_of_rank(team),
			    o->threads ? o->threads : pb_cli_threads_of_rank(team), s->config.matmul, &s->device);
	if (!rc && *s->device.why && !o->quiet)
		fprintf(stderr, "patchbay: computing on the CPU: %s\n", s->device.why);
	if (!rc) {
		rc = pb_plan_make(&s->config, &s->device, &s->plan);
		if (rc)
			pb_device_close(&s->device);
	}
	if (rc)
		pb_config_finish(&s->config);
	return rc;
}

static void close_session(struct session *s)
{
	pb_plan_finish(&s->plan);
	pb_device_close(&s->device);
	pb_config_finish(&s->config);
}

/* What is asked for must be something. */
static int check_asked(const struct pb_cli_run *o, const struct pb_plan *plan, bool train_only)
{
	if (train_only && !plan->n_stages)
		return pb_fail(PB_E_USAGE, "%s has no `train`: there is nothing to train", o->file);
	if (!pb_plan_asks(plan))
		return pb_fail(PB_E_USAGE, "%s has neither `train` nor `sweeps`: there is nothing to run", o->file);
	return 0;
}

/* Standard output becomes the events' own: whatever a plugin prints goes where messages go. */
static int claim_output(struct pb_events *events)
{
	int fd = dup(STDOUT_FILENO);
	events->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!events->file || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return pb_fail(PB_E_IO, "cannot write to standard output: %s", strerror(errno));
	return 0;
}

/* As asked for; else a manifest repeats what its run had. */
static int engine_of(const struct pb_cli_run *o, const struct pb_config *config)
{
	bool reference = !strcmp(o->engine, "reference");
	for (size_t i = 0; i < config->manifest.count; i++)
		reference |= !strcmp(config->manifest.items[i], "engine: reference");
	return reference ? PB_ENGINE_REFERENCE : PB_ENGINE_AUTO;
}

/* A merge that could not be gone on with, by another engine say, must not be in the way of the next. */
static void forget_merged(const char *out)
{
	char *path = pb_file_join(out, "config.yaml"); /* what says that here is a run: pb_folder_holds */
	if (path)
		unlink(path);
	free(path);
}

static int run(const struct pb_cli_command *command, const struct pb_cli_run *o, bool train_only)
{
	static struct session s;
	struct pb_terminal terminal;
	struct pb_events events = {0};
	bool started = false;
	struct pb_team team;
	pb_team_find(&team);
	team.top = o->out;
	if (o->alone)
		team.rank = 0;
	if (team.rank && (train_only || o->n_dirs))
		return 0; /* the first one's work */
	if (train_only || o->n_dirs || o->alone)
		team.size = 1;
	if (team.size > 1 && !o->out)
		return pb_cli_usage(command, "ranks need a folder that all of them see:", "--out", NULL);
	int rc = pb_interrupt_catch(); /* before the first thread of a kernel */
	if (!rc)
		rc = open_session(o, o->device, &team, &s);
	if (rc)
		return pb_cli_fail(command, o->file, rc);
	pb_terminal_init(&terminal, stdout);
	if (o->json && (rc = claim_output(&events)))
		return pb_cli_fail(command, o->file, rc);
	struct pb_run_options options = {
		.out = o->out,
		.terminal = o->quiet || o->json || team.rank ? NULL : &terminal,
		.events = o->json ? &events : NULL,
		.train_only = train_only,
		.resume = o->resume,
		.save_every = o->save_every,
		.check_finite = o->check_finite,
		.shard = pb_cli_shard_of(o),
		.merged = o->n_dirs != 0,
		.team = &team,
		.engine = {.kind = engine_of(o, &s.config),
			   .memory = o->memory,
			   .batch = o->batch},
		.ret_started = &started};
	rc = check_asked(o, &s.plan, train_only);
	if (!rc)
		rc = pb_interrupted();
	if (!rc && o->n_dirs)
		rc = pb_shards_merge(o->dirs, o->n_dirs, o->out, s.config.seeds.items, s.config.seeds.count);
	const bool merged = !rc && o->n_dirs;
	if (!rc)
		rc = s.config.seeds.count ? pb_run_seeds(&s.plan, o->file, o->sets.items, &options)
					  : pb_run(&s.plan, &options);
	int code = rc ? pb_cli_fail(command, o->file, rc) : 0;
	if (rc && merged && !started)
		forget_merged(o->out);
	if (rc == -PB_E_INTERRUPTED && started && !merged && !team.rank)
		fprintf(stderr, "patchbay %s: the same command with --resume%s goes on with it\n", command->name,
			o->out ? "" : " and --out FOLDER");
	if (!rc && team.saw_nobody)
		fprintf(stderr, "patchbay %s: rank %d did nothing: the first rank has not begun in %s, as seen from here\n",
			command->name, team.rank, o->out);
	close_session(&s);
	/* Whatever a plugin calls its failure, it is the run's and not the user's. */
	return started && code == 2 ? 1 : code;
}

static int run_all(int argc, char **argv)
{
	struct pb_cli_run o;
	int code;
	return pb_cli_parse_run(&pb_cmd_run, argc, argv, &o, &code) ? run(&pb_cmd_run, &o, false) : code;
}

static int run_training(int argc, char **argv)
{
	struct pb_cli_run o;
	int code;
	return pb_cli_parse_run(&pb_cmd_train, argc, argv, &o, &code) ? run(&pb_cmd_train, &o, true) : code;
}

/* The run with the shards' cells is one that was stopped when all of them were done. */
static int merge(int argc, char **argv)
{
	struct pb_cli_run o;
	int code;
	if (!pb_cli_parse_run(&pb_cmd_merge, argc, argv, &o, &code))
		return code;
	if (!o.out)
		return pb_cli_usage(&pb_cmd_merge, "a folder for the merged run is needed:", "--out", NULL);
	o.dirs = (const char **)(argv + 1);
	while (o.dirs[o.n_dirs])
		o.n_dirs++;
	char *file = pb_file_join(o.dirs[0], "config.yaml");
	o.file = file;
	o.resume = true;
	if (file && !pb_folder_holds(o.dirs[0]))
		code = pb_cli_fail(&pb_cmd_merge, NULL, pb_fail(PB_E_USAGE, "%s holds no run", o.dirs[0]));
	else
		code = file ? run(&pb_cmd_merge, &o, false) : pb_cli_fail(&pb_cmd_merge, NULL, -PB_E_NOMEM);
	free(file);
	return code;
}

static int check(int argc, char **argv)
{
	struct pb_cli_run o;
	static struct session s;
	struct pb_text text = {0};
	int code;
	if (!pb_cli_parse_run(&pb_cmd_check, argc, argv, &o, &code))
		return code;
	const struct pb_team alone = {.size = 1};
	int rc = open_session(&o, "cpu", &alone, &s); /* nothing is computed */
	if (rc)
		return pb_cli_fail(&pb_cmd_check, o.file, rc);
	pb_plan_describe(&s.plan, &text);
	rc = pb_text_status(&text);
	if (!rc)
		pb_utf8_disarm(text.data);
	if (!rc && !o.quiet)
		printf("%s: fine\n%s", o.file, text.data);
	pb_text_finish(&text);
	close_session(&s);
	return rc ? pb_cli_fail(&pb_cmd_check, o.file, rc) : 0;
}

static const struct pb_cli_example run_examples[] = {
	{"run configs/quickstart.yaml --out runs/first",
	 "from scratch in a minute; ends with the path of the report"},
	{"run configs/patch-z.yaml --set model.load=model_1.pt --set probe.unit=34",
	 "on a checkpoint, about another unit than the file says"},
	{"run configs/oocl-120.yaml --out runs/oocl-120 --resume",
	 "goes on with a run that was stopped, to the same results"},
	{"run configs/oocl-120.yaml --out runs/oocl-120",
	 "behind `mpirun -n 8` or `srun`: eight processes share the cells"},
	{"run configs/patch-z.yaml --engine reference --threads 4",
	 "the same numbers, by the engine that is the oracle"},
	{0},
};

const struct pb_cli_command pb_cmd_run = {
	.name = "run",
	.summary = "run an experiment",
	.doc = "Runs an experiment: trains what it asks to train, patches, and writes a run folder with tables and "
	       "report.html. Started by mpirun or srun, all its processes make the cells of one run, in a folder that all see.",
	.operands = pb_cli_experiment,
	.options = (const struct pb_cli_option *const[]){&pb_cli_set, &pb_cli_out, &pb_cli_device, &pb_cli_engine,
							 &pb_cli_memory, &pb_cli_batch, &pb_cli_threads,
							 &pb_cli_plugin_time, &pb_cli_resume, &pb_cli_shard, &pb_cli_alone,
							 &pb_cli_save_every, &pb_cli_check_finite, &pb_cli_json,
							 &pb_cli_quiet, NULL},
	.examples = run_examples,
	.run = run_all,
	.writes = true,
};

static const struct pb_cli_word shards[] = {
	{.name = "DIR", .offer = PB_CLI_FOLDERS, .repeated = true},
	{0},
};

static const struct pb_cli_example merge_examples[] = {
	{"run configs/oocl-120.yaml --shard 2/4 --out runs/share-2", "one of four jobs"},
	{"merge runs/share-1 runs/share-2 runs/share-3 runs/share-4 --out runs/oocl-120", "their tables, when all are done"},
	{0},
};

const struct pb_cli_command pb_cmd_merge = {
	.name = "merge",
	.summary = "make one run of its shards",
	.doc = "Makes one run of the folders that `patchbay run --shard I/N` left: the same tables, to the bit, as a run that was not "
	       "split. All N shards must be there, finished, and of the same experiment, build, device and plugins. Engine and "
	       "device are chosen as for the shards.",
	.operands = shards,
	.options = (const struct pb_cli_option *const[]){&pb_cli_out, &pb_cli_device, &pb_cli_engine, &pb_cli_memory,
							 &pb_cli_batch, &pb_cli_threads, &pb_cli_plugin_time, &pb_cli_json,
							 &pb_cli_quiet, NULL},
	.examples = merge_examples,
	.run = merge,
	.writes = true,
};

static const struct pb_cli_example train_examples[] = {
	{"train configs/oocl-120.yaml --out runs/oocl-120", "checkpoints, curves and sets, without the sweeps"},
	{0},
};

const struct pb_cli_command pb_cmd_train = {
	.name = "train",
	.summary = "run an experiment's training stages only",
	.doc = "Runs an experiment's training stages only, and writes their checkpoints and curves into a run "
	       "folder.",
	.operands = pb_cli_experiment,
	.options = (const struct pb_cli_option *const[]){&pb_cli_set, &pb_cli_out, &pb_cli_device, &pb_cli_threads,
							 &pb_cli_plugin_time, &pb_cli_resume, &pb_cli_save_every, &pb_cli_check_finite,
							 &pb_cli_json, &pb_cli_quiet, NULL},
	.examples = train_examples,
	.run = run_training,
	.writes = true,
};

static const struct pb_cli_example check_examples[] = {
	{"check configs/patch-z.yaml --set model.load=model_1.pt", "what the experiment would do, or what is wrong"},
	{"check configs/patch-z.yaml --quiet && echo fine", "in a script"},
	{0},
};

const struct pb_cli_command pb_cmd_check = {
	.name = "check",
	.summary = "say what an experiment would do, or what is wrong with it",
	.doc = "Reads an experiment, resolves plugins, model, splits, units, hook points and cells, and says what "
	       "it would do. Every mistake is told with its place. Nothing is run or written.",
	.operands = pb_cli_experiment,
	.options = (const struct pb_cli_option *const[]){&pb_cli_set, &pb_cli_plugin_time, &pb_cli_quiet, NULL},
	.examples = check_examples,
	.run = check,
};
