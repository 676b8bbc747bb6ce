/* cmd_run.c: patchbay run, train and check. */
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "exp/interrupt.h"
#include "exp/seeds.h"

static const char run_help[] =
	"usage: patchbay run FILE [--set PATH=VALUE]... [--out DIR] [--device NAME] [--engine auto|reference]\n"
	"                    [--memory SIZE] [--batch N] [--threads N] [--plugin-time SECONDS] [--resume]\n"
	"                    [--save-every SECONDS] [--json] [--quiet]\n\n"
	"Runs an experiment: trains what it asks to train, patches, and writes a run folder with tables and "
	"report.html.\n\n"
	"  --set PATH=VALUE   change one value of the file, e.g. --set sweeps.0.hook=z --set model.load=model_1.pt\n"
	"  --out DIR          the run folder; default runs/NAME-DATE-TIME\n"
	"  --device NAME      where to compute: cpu, cuda, cuda:1, or auto: a GPU where one can be used; default what\n"
	"                     the file says\n"
	"  --engine NAME      auto: the cells of a sweep in shared passes, updated weights formed in cache;\n"
	"                     reference: one cell at a time, everything materialised; the same numbers, slower\n"
	"  --memory SIZE      what shared passes may take, e.g. 512M; default half of what is free\n"
	"  --batch N          cells that share a pass; default as many as pay\n"
	"  --threads N        CPU threads; default all cores\n"
	"  --plugin-time SECONDS\n"
	"                     after which a call of a plugin counts as hung; default 60, 0: never\n"
	"  --resume           go on with the run in --out DIR, which was stopped at any moment: what it had finished is not\n"
	"                     made again, and the results are those of a run that was not stopped\n"
	"  --save-every SECONDS\n"
	"                     how often training writes down where it stands; default 60\n"
	"  --json             print what happens as lines of JSON, those of the run folder's events.jsonl\n"
	"  --quiet            print nothing but errors\n\n"
	"example: patchbay run configs/quickstart.yaml --out runs/first\n";

static const char train_help[] =
	"usage: patchbay train FILE [--set PATH=VALUE]... [--out DIR] [--device NAME] [--threads N] [--quiet]\n\n"
	"Runs an experiment's training stages only. Options as for `patchbay run`.\n\n"
	"example: patchbay train configs/oocl-120.yaml --out runs/oocl-120\n";

static const char check_help[] = "usage: patchbay check FILE [--set PATH=VALUE]... [--quiet]\n\n"
				 "Reads an experiment, resolves plugins, model, splits, units, hook points and cells, "
				 "and says what it would do.\n"
				 "Every mistake is told with its place. Nothing is run or written.\n\n"
				 "example: patchbay check configs/patch-z.yaml --set model.load=model_1.pt\n";

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
static int open_session(const struct pb_cli_run *o, const char *device, struct session *s)
{
	pb_host_set_log(print_warning, NULL);
	pb_guard_limit(o->plugin_time);
	int rc = pb_config_open(o->file, o->sets, &s->config);
	if (rc)
		return rc;
	rc = pb_device_open(device ? device : s->config.device, o->threads, s->config.matmul, &s->device);
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

static int run(int argc, char **argv, const char *help, bool train_only)
{
	struct pb_cli_run o;
	static struct session s;
	struct pb_terminal terminal;
	struct pb_events events = {.file = stdout};
	bool started = false;
	if (pb_cli_parse(argc, argv, &o))
		return 2;
	if (o.help)
		return fputs(help, stdout) < 0;
	int rc = pb_interrupt_catch(); /* before the first thread of a kernel */
	if (!rc)
		rc = open_session(&o, o.device, &s);
	if (rc)
		return pb_cli_fail(argv[0], o.file, rc);
	pb_terminal_init(&terminal, stdout);
	struct pb_run_options options = {.out = o.out,
					 .terminal = o.quiet || o.json ? NULL : &terminal,
					 .events = o.json ? &events : NULL,
					 .train_only = train_only,
					 .resume = o.resume,
					 .save_every = o.save_every,
					 .engine = {.kind = strcmp(o.engine, "reference") ? PB_ENGINE_AUTO
											  : PB_ENGINE_REFERENCE,
						    .memory = o.memory,
						    .batch = o.batch},
					 .ret_started = &started};
	rc = check_asked(&o, &s.plan, train_only);
	if (!rc)
		rc = pb_interrupted();
	if (!rc)
		rc = s.config.seeds.count ? pb_run_seeds(&s.plan, o.file, o.sets, &options) : pb_run(&s.plan, &options);
	int code = rc ? pb_cli_fail(argv[0], o.file, rc) : 0;
	close_session(&s);
	/* Whatever a plugin calls its failure, it is the run's and not the user's. */
	return started && code == 2 ? 1 : code;
}

int pb_cmd_run(int argc, char **argv)
{
	return run(argc, argv, run_help, false);
}

int pb_cmd_train(int argc, char **argv)
{
	return run(argc, argv, train_help, true);
}

int pb_cmd_check(int argc, char **argv)
{
	struct pb_cli_run o;
	static struct session s;
	struct pb_text text = {0};
	if (pb_cli_parse(argc, argv, &o))
		return 2;
	if (o.help)
		return fputs(check_help, stdout) < 0;
	int rc = open_session(&o, "cpu", &s); /* nothing is computed */
	if (rc)
		return pb_cli_fail(argv[0], o.file, rc);
	pb_plan_describe(&s.plan, &text);
	rc = pb_text_status(&text);
	if (!rc)
		pb_utf8_disarm(text.data);
	if (!rc && !o.quiet)
		printf("%s: fine\n%s", o.file, text.data);
	pb_text_finish(&text);
	close_session(&s);
	return rc ? pb_cli_fail(argv[0], o.file, rc) : 0;
}
