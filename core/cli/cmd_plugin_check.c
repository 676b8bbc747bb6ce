/* cmd_plugin_check.c: `patchbay plugin check FILE.so`: does a plugin keep the contract? */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/wrap.h"
#include "conform/check.h"
#include "report/json.h"

enum { INDENT = 4 };

static const char *const words[] = {
	[PB_CHECK_OK] = "ok", [PB_CHECK_NOTE] = "note", [PB_CHECK_SKIPPED] = "skipped", [PB_CHECK_FAILED] = "FAILED"};

/* The values as the command line gives them. */
struct request {
	struct pb_check_options options;
	int d_model, n_heads, seed;
	bool json;
};

static int check_dims(const struct pb_check_options *o)
{
	int64_t d_model = o->d_model ? o->d_model : 16, n_heads = o->n_heads ? o->n_heads : 2;
	if (d_model % n_heads == 0 && d_model <= 4096)
		return 0;
	char both[64];
	snprintf(both, sizeof both, "%lld and %lld", (long long)d_model, (long long)n_heads);
	return pb_cli_usage(&pb_cmd_plugin_check, "--d-model must be a multiple of --n-heads, and not", both, NULL);
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

static int check(const struct request *r)
{
	struct pb_check_report report;
	int rc = pb_check_run(&r->options, r->json ? NULL : show_result, NULL, &report);
	if (rc)
		return pb_cli_fail(&pb_cmd_plugin_check, NULL, rc);
	if (r->json)
		rc = show_json(&r->options, &report);
	else
		show_summary(&r->options, &report);
	const bool failed = report.counts[PB_CHECK_FAILED];
	pb_check_finish(&report);
	return rc ? pb_cli_fail(&pb_cmd_plugin_check, NULL, rc) : failed;
}

static int run(int argc, char **argv)
{
	struct request r = {.options = {.time_limit = 10}};
	int code;
	if (!pb_cli_parse(&pb_cmd_plugin_check, argc, argv, &r, &code))
		return code;
	r.options.file = argv[1];
	r.options.d_model = r.d_model;
	r.options.n_heads = r.n_heads;
	r.options.seed = (uint64_t)r.seed;
	code = check_dims(&r.options);
	return code ? code : check(&r);
}

#define AT(member) .offset = offsetof(struct request, member)

static const struct pb_cli_option params = {
	.name = "params", .type = PB_CLI_TEXT, AT(options.params), .value = {.name = "YAML"},
	.doc = "parameters to use in place of defaults: \"file: vector.txt\""};
static const struct pb_cli_option dir = {
	.name = "dir", .type = PB_CLI_TEXT, AT(options.dir), .value = {.name = "FOLDER", .offer = PB_CLI_FOLDERS},
	.doc = "where files named in them are; default here"};
static const struct pb_cli_option d_model = {
	.name = "d-model", .type = PB_CLI_INT, AT(d_model), .value = {.name = "N"}, .min = 1, .max = 4096,
	.expected = "a width from 1 to 4096", .doc = "of the hook points that a setter is tried on; default 16"};
static const struct pb_cli_option n_heads = {
	.name = "n-heads", .type = PB_CLI_INT, AT(n_heads), .value = {.name = "N"}, .min = 1, .max = 4096,
	.expected = "a number from 1 to 4096", .doc = "likewise; default 2"};
static const struct pb_cli_option seed = {
	.name = "seed", .type = PB_CLI_INT, AT(seed), .value = {.name = "N"}, .min = 0, .max = 2147483647,
	.expected = "a number from 0 to 2147483647", .doc = "of all that is drawn at random; default 0"};
static const struct pb_cli_option time_limit = {
	.name = "time-limit", .type = PB_CLI_REAL, AT(options.time_limit), .value = {.name = "SECONDS"}, .min = 0, .max = 1e6,
	.expected = "seconds from 0 (no limit) to 1000000",
	.doc = "of one call; default 10; a test may take ten times as long; 0: for ever"};
static const struct pb_cli_option only = {
	.name = "only", .type = PB_CLI_TEXT, AT(options.only), .value = {.name = "TEST"},
	.doc = "one test: file, symbols, texts, load, create, bounds, random, hostile, cycles, memory, files; of setters points, "
	       "apply, transpose, allocation, device, identity, examples, threads; of metrics score, adjoint, nan, "
	       "allocation, rows, threads; of datasets splits, units, tokens, seed, overlap"};
static const struct pb_cli_option in_process = {
	.name = "in-process", .type = PB_CLI_FLAG, AT(options.in_process),
	.doc = "all in one process, where a crash ends it: for a debugger"};
static const struct pb_cli_option json = {
	.name = "json", .type = PB_CLI_FLAG, AT(json), .doc = "print the results as JSON"};

static const struct pb_cli_word operands[] = {
	{.name = "FILE", .offer = PB_CLI_FILES, .suffixes = "so"},
	{0},
};

static const struct pb_cli_example examples[] = {
	{"plugin check build/setter_my_patch.so", "all tests of a setter"},
	{"plugin check setter_steering.so --params \"file: vector.txt\"", "where a parameter has no default"},
	{0},
};

const struct pb_cli_command pb_cmd_plugin_check = {
	.name = "plugin check",
	.summary = "does a plugin keep the contract?",
	.doc = "Tests whether a plugin keeps the contract of patchbay's headers, each test in a process of its own; "
	       "docs/plugin-authors.md lists the tests. It runs the plugin's code with parameters that are made up. "
	       "Exit code 1: it does not; 2: the file is not there, or a mistake of usage.",
	.operands = operands,
	.options = (const struct pb_cli_option *const[]){&params, &dir, &d_model, &n_heads, &seed, &time_limit, &only,
							 &in_process, &json, NULL},
	.examples = examples,
	.run = run,
};
