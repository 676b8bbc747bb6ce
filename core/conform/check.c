/* check.c: the list of tests, and one after the other. */
#include "conform/check.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "conform/check_impl.h"
#include "conform/child.h"

enum { SKIP = 1, NOTE, TEST_CALLS = 10, MOST_TEXT = 4096 };

enum { SETTER = 1 << PB_KIND_SETTER, METRIC = 1 << PB_KIND_METRIC, DATASET = 1 << PB_KIND_DATASET };
enum { ALL = SETTER | METRIC | DATASET };

/* What must not have failed before. */
enum need { NONE, READ, LOADED, CREATED, CALLED };

/* In the order in which they are run: a later one relies on what an earlier one has shown. Those up to READ run no
 * code of the plugin. */
static const struct test {
	const char *name, *doc;
	unsigned kinds;
	enum need needs, shows;
	pb_check_function *run;
} tests[] = {
	{"file", "a plugin for this patchbay, its table in order", ALL, NONE, READ, pb_check_file},
	{"symbols", "exports patchbay_plugin and nothing else", ALL, READ, NONE, pb_check_symbols},
	{"texts", "documented; extensions named once each", ALL, READ, NONE, pb_check_texts},
	{"load", "can be loaded", ALL, READ, LOADED, pb_check_load},
	{"create", "takes its documented defaults", ALL, LOADED, CREATED, pb_check_create},
	{"bounds", "takes or refuses values at the bounds and every choice", ALL, CREATED, NONE, pb_check_bounds},
	{"random", "takes or refuses parameters at random", ALL, CREATED, NONE, pb_check_random},
	{"hostile", "takes or refuses parameters meant to do harm", ALL, CREATED, NONE, pb_check_hostile},
	{"cycles", "frees all that it makes", ALL, CREATED, NONE, pb_check_cycles},
	{"memory", "fails in order where memory is short", ALL, CREATED, NONE, pb_check_memory},
	{"files", "fails in order where a file is missing or damaged", ALL, CREATED, NONE, pb_check_files},
	{"points", "fits some hook point", SETTER, CREATED, NONE, pb_check_points},
	{"apply", "writes its region only, finite values, the same each time", SETTER, CREATED, CALLED,
	 pb_check_apply},
	{"transpose", "adjoint is the transpose of what apply does", SETTER, CALLED, NONE, pb_check_transpose},
	{"allocation", "allocates nothing in apply", SETTER, CALLED, NONE, pb_check_apply_memory},
	{"device", "touches tensors by the host's operations only", SETTER, CALLED, NONE, pb_check_device},
	{"identity", "a patch from the activation itself changes nothing", SETTER, CALLED, NONE, pb_check_identity},
	{"examples", "examples do not depend on their order in the batch", SETTER, CALLED, NONE, pb_check_examples},
	{"threads", "gives the same with any number of threads", SETTER, CALLED, NONE, pb_check_apply_threads},
	{"score", "reads its inputs only, writes every row, finite, the same each time", METRIC, CREATED, CALLED,
	 pb_check_score},
	{"adjoint", "adjoint is the derivative of the score", METRIC, CALLED, NONE, pb_check_adjoint},
	{"nan", "what is no number stays none", METRIC, CALLED, NONE, pb_check_nan},
	{"allocation", "allocates nothing in score and adjoint", METRIC, CALLED, NONE, pb_check_score_memory},
	{"rows", "rows do not depend on each other", METRIC, CALLED, NONE, pb_check_rows},
	{"threads", "gives the same in several threads", METRIC, CALLED, NONE, pb_check_score_threads},
	{"splits", "every split's examples are in order, and stay the same", DATASET, CREATED, CALLED,
	 pb_check_splits},
	{"units", "every unit's probe is in order", DATASET, CALLED, NONE, pb_check_units},
	{"tokens", "every token has a text that fits", DATASET, CALLED, NONE, pb_check_token_text},
	{"seed", "the same seed gives the same data", DATASET, CALLED, NONE, pb_check_seed},
	{"overlap", "what is held out is not trained on", DATASET, CALLED, NONE, pb_check_overlap},
};

/* One run of the suite. */
struct suite {
	struct pb_checkup c;
	struct pb_check_report report;
	const struct test *failed[CALLED + 1]; /* by what it should have shown */
};

/* One test in its child. */
struct job {
	struct pb_checkup *c;
	const struct test *test;
};

int pb_check_skip(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	pb_fail_v(PB_E_UNSUPPORTED, format, args);
	va_end(args);
	return SKIP;
}

void pb_check_note(struct pb_checkup *c, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	pb_text_add(&c->note, "%s%s", c->note.length ? "\n" : "", text);
}

/* A note comes back as a positive number, too. */
static int with_note(struct pb_checkup *c, int rc)
{
	if (!rc && c->note.length) {
		pb_fail(PB_E_UNSUPPORTED, "%s", c->note.data);
		rc = NOTE;
	}
	pb_text_clear(&c->note);
	return rc;
}

static int run_static(void *argument)
{
	struct job *job = argument;
	return with_note(job->c, job->test->run(job->c));
}

/* In a child the environment is the plugin's own, too. */
static int enter_scratch(struct pb_checkup *c)
{
	if (!c->options->in_process && (setenv("HOME", c->scratch.inner, 1) || setenv("TMPDIR", c->scratch.inner, 1)))
		return pb_fail_nomem(1, "an environment");
	return pb_scratch_enter(&c->scratch);
}

static int run_live(void *argument)
{
	struct job *job = argument;
	struct pb_checkup *c = job->c;
	int rc = enter_scratch(c);
	if (!rc)
		rc = pb_loaded_open(c->loaded);
	if (rc)
		return rc;
	rc = pb_device_open_cpu(1, &c->device);
	if (rc)
		return rc;
	pb_guard_limit(c->options->time_limit);
	pb_guard_enable(!c->options->in_process);
	rc = run_static(job);
	pb_device_close(&c->device);
	return rc;
}

/* Adds to what is told of a test the files that it left. */
static int tell_files(struct pb_checkup *c, int rc)
{
	struct pb_text files = {0}, text = {0};
	pb_scratch_list(&c->scratch, &files);
	if (files.length) {
		if (rc)
			pb_text_add(&text, "%s\n", pb_error_text());
		pb_text_add(&text, "it made files where it ran, a private folder that was removed: %s", files.data);
		if (!text.failed)
			pb_fail(rc < 0 ? -rc : PB_E_UNSUPPORTED, "%s", text.data);
		rc = rc ? rc : NOTE;
	}
	pb_text_finish(&files);
	pb_text_finish(&text);
	return rc;
}

static int run_test(struct suite *s, const struct test *test)
{
	struct job job = {&s->c, test};
	if (test->needs < LOADED && test->shows != LOADED)
		return run_static(&job);
	int rc = pb_scratch_init(&s->c.scratch);
	if (rc)
		return rc;
	rc = s->c.options->in_process ? run_live(&job)
				      : pb_child_run(run_live, &job, TEST_CALLS * s->c.options->time_limit);
	rc = tell_files(&s->c, rc);
	pb_scratch_finish(&s->c.scratch);
	return rc;
}

/* The latest of what it relies on that failed. */
static const struct test *failed_before(const struct suite *s, const struct test *test)
{
	for (int need = test->needs; need > NONE; need--)
		if (s->failed[need])
			return s->failed[need];
	return NULL;
}

static int add_result(struct suite *s, const struct test *test, enum pb_check_state state, const char *text)
{
	struct pb_check_report *r = &s->report;
	struct pb_check_result *result = &r->results[r->n];
	*result = (struct pb_check_result){test->name, test->doc, state, NULL};
	if (text && !(result->text = strndup(text, MOST_TEXT)))
		return pb_fail_nomem(MOST_TEXT, "a result");
	r->n++;
	r->counts[state]++;
	return 0;
}

static int perform(struct suite *s, const struct test *test)
{
	char text[64];
	const struct test *before = failed_before(s, test);
	if (before) {
		snprintf(text, sizeof text, "`%s` failed", before->name);
		s->failed[test->shows] = test->shows ? test : NULL;
		return add_result(s, test, PB_CHECK_SKIPPED, text);
	}
	int rc = run_test(s, test);
	if (test->shows == READ && (rc == -PB_E_NOMEM || rc == -PB_E_NOTFOUND || rc == -PB_E_IO))
		return rc;
	if (!rc)
		return add_result(s, test, PB_CHECK_OK, NULL);
	if (rc < 0 && test->shows)
		s->failed[test->shows] = test;
	return add_result(s, test,
			  rc < 0       ? PB_CHECK_FAILED
			  : rc == SKIP ? PB_CHECK_SKIPPED
				       : PB_CHECK_NOTE,
			  pb_error_text());
}

/* Of a file that cannot be read the kind is not known, and all but the tests of files are left out. */
static bool is_for(const struct suite *s, const struct test *test)
{
	const char *only = s->c.options->only;
	if (only && strcmp(only, test->name) != 0 && test->run != pb_check_file)
		return false;
	return s->c.loaded ? test->kinds & 1u << s->c.loaded->plugin->kind : test->kinds == ALL;
}

static int run_all(struct suite *s, pb_check_sink *sink, void *context)
{
	s->report.results = calloc(PB_COUNT(tests), sizeof *s->report.results);
	int rc = s->report.results ? 0 : pb_fail_nomem(sizeof tests, "results");
	for (size_t i = 0; !rc && i < PB_COUNT(tests); i++) {
		if (!is_for(s, &tests[i]))
			continue;
		rc = perform(s, &tests[i]);
		if (!rc && sink)
			sink(context, &s->report.results[s->report.n - 1]);
	}
	const struct pb_plugin *plugin = s->c.loaded ? s->c.loaded->plugin : NULL;
	if (!rc && plugin &&
	    asprintf(&s->report.plugin, "%s %s %s", pb_kind_name(plugin->kind), plugin->name, plugin->version) < 0) {
		s->report.plugin = NULL;
		rc = pb_fail_nomem(1, "a name");
	}
	return rc;
}

static int check_only(const char *only)
{
	const char *names[PB_COUNT(tests)];
	for (size_t i = 0; i < PB_COUNT(tests); i++) {
		names[i] = tests[i].name;
		if (!only || !strcmp(only, tests[i].name))
			return 0;
	}
	const char *near = pb_nearest(only, names, PB_COUNT(tests));
	return pb_fail(PB_E_USAGE, "there is no test `%s`%s%s%s", only, near ? "; did you mean `" : "",
		       near ? near : "", near ? "`?" : "");
}

/* What is not there keeps its name, for the words of who looks for it. */
static const char *absolute(const char *path, char room[PATH_MAX])
{
	return realpath(path, room) ? room : path;
}

int pb_check_run(const struct pb_check_options *options, pb_check_sink *sink, void *context,
		 struct pb_check_report *ret_report)
{
	char file[PATH_MAX], dir[PATH_MAX];
	struct pb_check_options own = *options;
	struct suite s = {.c = {.options = &own}};
	own.file = absolute(options->file, file);
	own.dir = absolute(options->dir ? options->dir : ".", dir);
	int rc = check_only(options->only);
	if (!rc && options->params)
		rc = pb_yaml_parse("--params", options->params, strlen(options->params), &s.c.given);
	if (rc)
		return rc;
	rc = run_all(&s, sink, context);
	if (rc)
		pb_check_finish(&s.report);
	else
		*ret_report = s.report;
	pb_loaded_close(s.c.loaded);
	pb_text_finish(&s.c.note);
	if (options->params)
		pb_yaml_finish(&s.c.given);
	return rc;
}

void pb_check_finish(struct pb_check_report *report)
{
	for (size_t i = 0; i < report->n; i++)
		free(report->results[i].text);
	free(report->results);
	free(report->plugin);
	*report = (struct pb_check_report){0};
}

const char *pb_check_test(size_t i, const char **ret_doc, const char **ret_kinds)
{
	if (i >= PB_COUNT(tests))
		return NULL;
	*ret_doc = tests[i].doc;
	*ret_kinds = tests[i].kinds == ALL      ? "all"
		     : tests[i].kinds == SETTER ? "setter"
		     : tests[i].kinds == METRIC ? "metric"
						: "dataset";
	return tests[i].name;
}
