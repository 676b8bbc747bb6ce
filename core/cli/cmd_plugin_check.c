/* cmd_plugin_check.c: `patchbay plugin check FILE.so`: does a plugin keep the contract? */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/wrap.h"
#include "conform/check.h"
#include "report/json.h"

enum { INDENT = 4 };

static const char usage[] =
	"usage: patchbay plugin check FILE.so [options]\n"
	"\n"
	"Tests whether a plugin keeps the contract of patchbay's headers, each test in a process of its own.\n"
	"Exit code 1: it does not; 2: the file is not there, or a mistake of usage.\n"
	"\n"
	"  --params YAML         parameters to use in place of defaults: \"file: vector.txt\"\n"
	"  --dir FOLDER          where files named in them are (here, if left out)\n"
	"  --d-model N           of the hook points that a setter is tried on (16)\n"
	"  --n-heads N           likewise (2)\n"
	"  --seed N              of all that is drawn at random (0)\n"
	"  --time-limit SECONDS  of one call (10); a test may take ten times as long; 0: for ever\n"
	"  --only TEST           one test; it relies on none before it\n"
	"  --in-process          all in one process, where a crash ends it: for a debugger\n"
	"  --json                the results as JSON\n"
	"\n"
	"tests:\n";

static const char *const words[] = {
	[PB_CHECK_OK] = "ok", [PB_CHECK_NOTE] = "note", [PB_CHECK_SKIPPED] = "skipped", [PB_CHECK_FAILED] = "FAILED"};

static int wrong(const char *what, const char *word, const char *nearest)
{
	fprintf(stderr, "patchbay plugin check: %s `%s`", what, word);
	if (nearest)
		fprintf(stderr, "; did you mean `%s`?", nearest);
	fputs("\n(`patchbay plugin check --help` tells more)\n", stderr);
	return 2;
}

static int show_help(void)
{
	const char *name, *doc, *kinds;
	fputs(usage, stdout);
	for (size_t i = 0; (name = pb_check_test(i, &doc, &kinds)); i++)
		printf("  %-11s %-8s %s\n", name, kinds, doc);
	fputs("\nexample: patchbay plugin check build/setter_my_patch.so\n", stdout);
	return 0;
}

struct request {
	struct pb_check_options options;
	bool json, help;
};

/* Where the value of each option goes; those without one are flags. */
static int take(struct request *r, const char *option, const char *value)
{
	struct pb_check_options *o = &r->options;
	char *end = (char *)"";
	double number = 0;
	if (!strcmp(option, "--params"))
		o->params = value;
	else if (!strcmp(option, "--dir"))
		o->dir = value;
	else if (!strcmp(option, "--only"))
		o->only = value;
	else
		number = strtod(value, &end);
	if (*end || !*value || !(number >= 0 && number < 1e15))
		return wrong("this takes a number, and not such a one:", option, NULL);
	if (!strcmp(option, "--d-model"))
		o->d_model = (int64_t)number;
	else if (!strcmp(option, "--n-heads"))
		o->n_heads = (int64_t)number;
	else if (!strcmp(option, "--seed"))
		o->seed = (uint64_t)number;
	else if (!strcmp(option, "--time-limit"))
		o->time_limit = number;
	return 0;
}

static bool take_flag(struct request *r, const char *word)
{
	if (!strcmp(word, "--in-process"))
		return r->options.in_process = true;
	if (!strcmp(word, "--json"))
		return r->json = true;
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return r->help = true;
	return false;
}

static int parse(int argc, char **argv, struct request *r)
{
	static const char *const names[] = {"--params", "--dir",        "--only",       "--d-model", "--n-heads",
					    "--seed",   "--time-limit", "--in-process", "--json",    "--help"};
	enum { N_VALUES = 7, N_NAMES = sizeof names / sizeof *names };
	int rc = 0;
	for (int i = 1; !rc && i < argc; i++) {
		const char *word = argv[i], *option = NULL;
		size_t length = strcspn(word, "=");
		for (int k = 0; k < N_VALUES; k++)
			if (strlen(names[k]) == length && !strncmp(word, names[k], length))
				option = names[k];
		if (option && word[length])
			rc = take(r, option, word + length + 1);
		else if (option && i + 1 == argc)
			rc = wrong("a value is missing behind", option, NULL);
		else if (option)
			rc = take(r, option, argv[++i]);
		else if (take_flag(r, word))
			continue;
		else if (*word == '-')
			rc = wrong("unknown option", word, pb_nearest(word, names, N_NAMES));
		else if (r->options.file)
			rc = wrong("one file at a time; what is", word, NULL);
		else
			r->options.file = word;
	}
	return rc;
}

static int check_dims(const struct pb_check_options *o)
{
	int64_t d_model = o->d_model ? o->d_model : 16, n_heads = o->n_heads ? o->n_heads : 2;
	if (d_model % n_heads == 0 && d_model <= 4096)
		return 0;
	fprintf(stderr,
		"patchbay plugin check: --d-model must be a multiple of --n-heads, 4096 at most, "
		"and not %lld and %lld\n",
		(long long)d_model, (long long)n_heads);
	return 2;
}

static void show_result(void *context, const struct pb_check_result *result)
{
	struct pb_text out = {0};
	(void)context;
	pb_text_add(&out, "%-8s %-11s %s\n", words[result->state], result->name, result->doc);
	if (result->text) {
		pb_text_add(&out, "%*s", INDENT, "");
		pb_cli_wrap(&out, result->text, INDENT, INDENT);
	}
	fputs(out.data ? out.data : "", stdout);
	fflush(stdout);
	pb_text_finish(&out);
}

static void show_summary(const struct pb_check_options *options, const struct pb_check_report *report)
{
	printf("\n%s: %zu test%s: %zu ok", report->plugin ? report->plugin : options->file, report->n,
	       report->n == 1 ? "" : "s", report->counts[PB_CHECK_OK] + report->counts[PB_CHECK_NOTE]);
	if (report->counts[PB_CHECK_NOTE])
		printf(" (%zu with a note)", report->counts[PB_CHECK_NOTE]);
	printf(", %zu failed, %zu skipped (seed %llu)\n", report->counts[PB_CHECK_FAILED],
	       report->counts[PB_CHECK_SKIPPED], (unsigned long long)options->seed);
}

static int show_json(const struct pb_check_options *options, const struct pb_check_report *report)
{
	struct pb_json json = {0};
	pb_json_open(&json, NULL, '{');
	pb_json_string(&json, "file", options->file);
	pb_json_string(&json, "plugin", report->plugin);
	pb_json_int(&json, "seed", (int64_t)options->seed);
	pb_json_int(&json, "failed", (int64_t)report->counts[PB_CHECK_FAILED]);
	pb_json_open(&json, "tests", '[');
	for (size_t i = 0; i < report->n; i++) {
		const struct pb_check_result *result = &report->results[i];
		pb_json_open(&json, NULL, '{');
		pb_json_string(&json, "name", result->name);
		pb_json_string(&json, "doc", result->doc);
		pb_json_string(&json, "state", result->state == PB_CHECK_FAILED ? "failed" : words[result->state]);
		pb_json_string(&json, "text", result->text);
		pb_json_close(&json, '}');
	}
	pb_json_close(&json, ']');
	pb_json_close(&json, '}');
	int rc = pb_text_status(&json.text);
	if (!rc)
		printf("%s\n", json.text.data);
	pb_text_finish(&json.text);
	return rc;
}

static int run(const struct request *r)
{
	struct pb_check_report report;
	int rc = pb_check_run(&r->options, r->json ? NULL : show_result, NULL, &report);
	if (!rc) {
		if (r->json)
			rc = show_json(&r->options, &report);
		else
			show_summary(&r->options, &report);
	}
	if (rc) {
		fprintf(stderr, "patchbay plugin check: %s\n", pb_error_text());
		return pb_status_exit_code(rc);
	}
	rc = report.counts[PB_CHECK_FAILED] ? 1 : 0;
	pb_check_finish(&report);
	return rc;
}

int pb_cmd_plugin_check(int argc, char **argv)
{
	struct request r = {.options = {.time_limit = 10}};
	int rc = parse(argc, argv, &r);
	if (rc)
		return rc;
	if (r.help)
		return show_help();
	if (!r.options.file) {
		fputs("patchbay plugin check: which file?\n", stderr);
		fputs(usage, stderr);
		return 2;
	}
	rc = check_dims(&r.options);
	return rc ? rc : run(&r);
}
