/* test_watch.c: what a run tells of itself while it runs (events.jsonl, --json), and who looks at it: watch and report. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/command.h"
#include "support/support.h"

static const char experiment[] =
	"name: watched\nmodel: {n_layers: 2, d_model: 16, n_heads: 4, d_mlp: 16}\ndata: {plugin: oocl, mod: 30}\n"
	"train:\n  - {name: short, split: X1, steps: 20}\nprobe: {unit: 3}\nmetric: correct_logit\nsweeps:\n"
	"  - {name: z by head, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"
	"  - {name: own, hook: z, setter: layer_head, over: [layer, head], forward: clean}\n";

static const char *write_experiment(const char *text)
{
	const char *file = scratch("watched.yaml");
	ck_assert_ok(pb_file_write(file, text, strlen(text)));
	return file;
}

static struct outcome run(const char *out, const char *set)
{
	const char *file = write_experiment(experiment);
	return RUN("run", file, "--json", "--out", scratch(out), "--set", set);
}

/* The events' names in their order, but for progress, which depends on time; each line must be an object. */
static char *names_of(const char *lines)
{
	char *names = calloc(1, strlen(lines) + 1);
	for (const char *at = lines, *end; (end = strchr(at, '\n')); at = end + 1) {
		json_t *event = json_loadb(at, (size_t)(end - at), 0, NULL);
		ck_assert_msg(json_is_object(event), "no object: %.*s", (int)(end - at), at);
		const char *name = json_string_value(json_object_get(event, "event"));
		if (strcmp(name, "progress") != 0)
			strcat(strcat(names, names[0] ? " " : ""), name);
		json_decref(event);
	}
	return names;
}

START_TEST(events)
{
	struct outcome o = run("first", "seed=1");
	ck_assert_int_eq(o.code, 0);
	char *names = names_of(o.out), *file = read_text(scratch("first/events.jsonl"));
	ck_assert_str_eq(names, "run begin end begin end sweep begin end sweep done");
	ck_assert_str_eq(o.out, file);
	check_says(file, "\"kind\": \"stage\",\"what\": \"short\"");
	check_says(file, "\"name\": \"own\",\"file\": \"own\",\"cells\": 8");
	check_says(file, "it takes the base run's own activations");
	free(names);
	free(file);
}
END_TEST

START_TEST(events_of_a_run_that_fails)
{
	char plugins[4096];
	snprintf(plugins, sizeof plugins, "%s/tests/plugins/faulty:%s/plugins", getenv("PATCHBAY_BUILD"),
		 getenv("PATCHBAY_BUILD"));
	const char *file = write_experiment(experiment);
	struct outcome o = command_wait(
		command_start(NULL, plugins, (const char *const[]){"run", file, "--json", "--out", scratch("first"),
								   "--set", "metric=faulty_skips", NULL}));
	ck_assert_int_eq(o.code, 1);
	check_says(o.out, "\"event\": \"failed\"");
	o = RUN("watch", scratch("first"));
	ck_assert_int_eq(o.code, 1);
	check_says(o.out, "watched, failed after ");
	check_says(o.out, "  ! ");
}
END_TEST

START_TEST(events_over_seeds)
{
	struct outcome o = run("first", "seeds=[1, 2]");
	ck_assert_int_eq(o.code, 0);
	char *names = names_of(o.out);
	ck_assert_str_eq(names, "run run begin end begin end sweep begin end sweep done "
				"run begin end begin end sweep begin end sweep done sweep sweep done");
	free(names);
	o = RUN("watch", scratch("first"));
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "watched, done in ");
}
END_TEST

START_TEST(watch_a_run_that_is_done)
{
	ck_assert_int_eq(run("first", "seed=1").code, 0);
	struct outcome o = RUN("watch", scratch("first"));
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "short  ");
	check_says(o.out, "z by head  8  in ");
	check_says(o.out, "watched, done in ");
	check_says(o.out, ", 1 note of the audit\n");
	check_says_not(o.out, "\033");
	o = RUN("watch", scratch("first"), "--once");
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "watched, done in ");
	/* Gone on with, there was nothing left to do: what it found, it has too. */
	ck_assert_int_eq(RUN("run", scratch("watched.yaml"), "-q", "--set", "seed=1", "--resume", "--out", scratch("first")).code, 0);
	o = RUN("watch", scratch("first"));
	check_says(o.out, "z by head  8  in ");
}
END_TEST

/* While it trains without an end, and behind kill -9. */
START_TEST(watch_a_run_that_is_killed)
{
	static const char endless[] = "name: endless\nmodel: {n_layers: 1, d_model: 16, n_heads: 2}\n"
				      "data: {plugin: oocl, mod: 30}\ntrain:\n"
				      "  - {name: on and on, split: X1, epochs: 100000000}\n";
	const char *file = write_experiment(endless), *told = scratch("first/events.jsonl");
	pid_t pid = command_start(NULL, NULL, (const char *const[]){"run", file, "-q", "--out", scratch("first"), NULL});
	for (int i = 0; i < 6000; i++) {
		char *text = exists(told) ? read_text(told) : strdup("");
		bool begun = strstr(text, "\"progress\"");
		free(text);
		if (begun)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	struct outcome o = RUN("watch", scratch("first"), "--once");
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "> on and on  ");
	kill(pid, SIGKILL);
	command_wait(pid);
	o = RUN("watch", scratch("first"));
	ck_assert_int_eq(o.code, 1);
	check_says(o.err, "is gone without a word: it was killed, or crashed");
}
END_TEST

START_TEST(what_cannot_be_watched)
{
	struct outcome o = RUN("watch", scratch("nowhere"));
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "nowhere is no folder of a run: there is no events.jsonl in it");
	o = RUN("watch");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "DIR is missing behind `watch`");
}
END_TEST

START_TEST(report_anew)
{
	ck_assert_int_eq(run("first", "seed=1").code, 0);
	char *before = read_text(scratch("first/report.html"));
	ck_assert_int_eq(remove(scratch("first/report.html")), 0);
	struct outcome o = RUN("report", scratch("first"));
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "gradient patching of z by layer_head");
	check_says(o.out, "first/report.html\n");
	char *after = read_text(scratch("first/report.html"));
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	o = RUN("report", scratch("nowhere"));
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "nowhere is no folder of a run that ended");
}
END_TEST

START_TEST(reports_side_by_side)
{
	ck_assert_int_eq(run("first", "seed=1").code, 0);
	ck_assert_int_eq(run("second", "seed=2").code, 0);
	const char *page = scratch("both.html");
	struct outcome o = RUN("report", scratch("first"), scratch("second/"), "--out", page);
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "z by head (first)");
	check_says(o.out, "z by head (second)");
	check_says(o.out, "z by head: second minus first");
	check_says(o.out, "difference of the score; the same in both = 0");
	char *html = read_text(page);
	check_says(html, "first beside second");
	check_says(html, "short (second)");
	free(html);
	/* A run beside itself differs nowhere. */
	o = RUN("report", scratch("first"), scratch("first"), "--out", page);
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "z by head: first 2 minus first: no cell differs from 0, where nothing happens");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tcase = tcase_create("watch");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, events);
	tcase_add_test(tcase, events_of_a_run_that_fails);
	tcase_add_test(tcase, events_over_seeds);
	tcase_add_test(tcase, watch_a_run_that_is_done);
	tcase_add_test(tcase, watch_a_run_that_is_killed);
	tcase_add_test(tcase, what_cannot_be_watched);
	tcase_add_test(tcase, report_anew);
	tcase_add_test(tcase, reports_side_by_side);
	return pb_test_run(suite, NULL);
}
