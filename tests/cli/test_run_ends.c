/* test_run_ends.c: runs that end before they are done: interrupted, by numbers that are not finite, by a setter that fails. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/status.h"
#include "ckpt/ckpt.h"
#include "cli/command.h"
#include "cli/folder.h"
#include "support/support.h"

START_TEST(interrupted_training)
{
	const char *file = write_experiment(
		"long",
		SMALL_MODEL "train:\n  - {name: short, split: X2, steps: 1, save: early}\n"
			    "  - {name: endless, split: X1, epochs: 100000000, evaluate: {accuracy: Dt3}, save: late}\n"
			    "sweeps:\n" SWEEP_OF_Z "probe: {unit: 7}\n");
	signal(SIGHUP, SIG_DFL); /* under nohup it is ignored, by patchbay too */
	pid_t pid = command_start(NULL, NULL, (const char *const[]){"run", file, "--out", scratch("long"), NULL});
	wait_for(in_run("long", "checkpoints/early.safetensors"));
	sleep(1);
	kill(pid, (const int[]){SIGINT, SIGTERM, SIGHUP}[_i]);
	struct outcome o = command_wait(pid);
	ck_assert_int_eq(o.code, 130);
	check_says(o.err, "patchbay run: stage `endless`, epoch ");
	check_says(o.err, ": interrupted\npatchbay run: the same command with --resume goes on with it\n");
	check_plain(o.out);
	check_file_says("long", "log.txt", "stage short: 1 epoch");
	check_file_says("long", "log.txt", "stage endless: interrupted after ");
	check_file_says("long", "log.txt", "ended early: ");
	check_file_says("long", "results.json", "the run ended early: stage `endless`, epoch ");
	check_file_says("long", "report.html", "the run ended early: stage `endless`, epoch ");
	ck_assert_int_ge(count_lines("long", "curves/endless.csv"), 2);
	ck_assert(!exists(in_run("long", "checkpoints/late.safetensors")));
	ck_assert(!exists(in_run("long", "sweeps")));
}
END_TEST

/* The second sweep is too long to end before the signal comes, on any machine. */
START_TEST(interrupted_sweep)
{
	static const char text[] = "model: {n_layers: 6, d_model: 384, n_heads: 6}\ndata: {plugin: oocl, mod: 30}\n"
				   "probe: {unit: 7}\n"
				   "sweeps:\n"
				   "  - {name: short, hook: z, setter: layer_head, over: head, together: layer, "
				   "forward: corrupted}\n"
				   "  - {name: long, hook: pattern, setter: layer_head_dest_src_pattern, "
				   "over: [layer, head, dest_pos, src_pos], forward: corrupted}\n"
				   "  - {name: never, hook: z, setter: layer_head, over: [layer, head], "
				   "forward: corrupted}\n";
	const char *file = write_experiment("sweep", text);
	pid_t pid = command_start(
		NULL, NULL, (const char *const[]){"run", file, "--threads", "1", "--out", scratch("sweep"), NULL});
	wait_for(in_run("sweep", "sweeps/short.npz"));
	kill(pid, SIGINT);
	struct outcome o = command_wait(pid);
	ck_assert_int_eq(o.code, 130);
	check_says(o.err, "interrupted\n");
	ck_assert_int_eq(count_lines("sweep", "sweeps/short.csv"), 1 + 6);
	ck_assert(!exists(in_run("sweep", "sweeps/never.csv")));
	check_file_says("sweep", "results.json", "the run ended early: interrupted");
	check_file_says("sweep", "results.json", "\"name\": \"short\"");
	check_file_says("sweep", "report.html", "the run ended early: interrupted");
}
END_TEST

static size_t count_of(const char *text, const char *part)
{
	size_t n = 0;
	for (const char *at = text; (at = strstr(at, part)); at++)
		n++;
	return n;
}

/* The signal comes in the second group of units, or behind it; what was finished by then is a table. */
START_TEST(interrupted_over_units)
{
	static const char text[] = "model: {n_layers: 6, d_model: 96, n_heads: 6}\ndata: {plugin: oocl, mod: 30}\n"
				   "probe: {units: all}\n"
				   "sweeps:\n"
				   "  - {name: first, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"
				   "  - {name: long, hook: pattern, setter: layer_head_dest_src_pattern, "
				   "over: [layer, head, dest_pos, src_pos], forward: corrupted}\n";
	const char *file = write_experiment("over-units", text);
	pid_t pid = command_start(NULL, NULL, (const char *const[]){"run", file, "--threads", "1", "--engine", "reference",
								    "--out", scratch("over-units"), NULL});
	for (int i = 0, probes = 0; i < 6000 && probes < 2; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		if (!exists(in_run("over-units", "log.txt")))
			continue;
		char *log = read_of("over-units", "log.txt");
		probes = (int)count_of(log, " probe ");
		free(log);
	}
	kill(pid, SIGINT);
	struct outcome o = command_wait(pid);
	ck_assert_int_eq(o.code, 130);
	int rows = count_lines("over-units", "sweeps/long.units.csv") - 1;
	ck_assert_msg(rows >= 576 && rows < 30 * 576 && rows % 576 == 0, "%d rows", rows);
	ck_assert_int_ge(count_lines("over-units", "sweeps/first.units.csv") - 1, 36 * (rows / 576));
	ck_assert_int_eq(count_lines("over-units", "sweeps/first.csv"), 1 + 36);
	check_file_says("over-units", "report.html", "the run ended early: interrupted");
}
END_TEST

START_TEST(exploding_training)
{
	const char *file = write_experiment(
		"explodes", SMALL_MODEL
		"train:\n"
		"  - {name: fine, split: X1, steps: 2, save: model_0}\n"
		"  - {name: wild, split: X1, epochs: 20, optimizer: {kind: sgd, lr: 1.0e+6, max_grad_norm: 0}}\n");
	struct outcome o = RUN("run", file, "--quiet", "--out", scratch("explodes"));
	ck_assert_int_eq(o.code, 1);
	ck_assert_str_eq(o.out, "");
	check_says(o.err, "patchbay run: stage `wild`, epoch ");
	ck_assert(exists(in_run("explodes", "checkpoints/model_0.safetensors")));
	ck_assert(exists(in_run("explodes", "curves/fine.csv")));
	check_file_says("explodes", "report.html", "the run ended early: stage `wild`");
}
END_TEST

/* The golden weights, the last so large that a large step leaves weights that no float32 holds. */
static const char *write_steep_weights(void)
{
	struct pb_ckpt ckpt;
	const char *path = scratch("steep.safetensors");
	ck_assert_ok(pb_ckpt_read(pb_test_golden("model_1.pt"), &ckpt));
	const struct pb_ckpt_tensor *t = pb_ckpt_find(&ckpt, "unembed.W_U");
	ck_assert(t && t->dtype == PB_CKPT_F32);
	for (int64_t k = 0; k < t->count; k++)
		((float *)t->data)[k] *= 1e36F;
	ck_assert_ok(pb_ckpt_write_safetensors(path, ckpt.tensors, ckpt.n_tensors));
	pb_ckpt_finish(&ckpt);
	return path;
}

/* The step and the first number that is not finite; --check-finite tells it at the step at which it comes up. */
START_TEST(not_finite)
{
	char text[1024];
	snprintf(text, sizeof text, "model: {load: %s}\ndata: {plugin: oocl, mod: 30}\ntrain:\n"
		 "  - {name: wild, split: X1, epochs: 20, optimizer: {kind: sgd, lr: 1.0e+6, max_grad_norm: 0}}\n",
		 write_steep_weights());
	const char *file = write_experiment("wild", text);
	int late = 0, early = 0;
	struct outcome o = RUN("run", file, "--quiet", "--out", scratch("late"));
	ck_assert_int_eq(o.code, 1);
	check_says(o.err, "gave no number for row ");
	check_says(o.err, "; first of all, parameter embed.");
	ck_assert_int_eq(sscanf(strstr(o.err, "step "), "step %d", &late), 1);
	o = RUN("run", file, "--quiet", "--check-finite", "--out", scratch("early"));
	ck_assert_int_eq(o.code, 1);
	check_says(o.err, "the step left parameter embed.");
	ck_assert_int_eq(sscanf(strstr(o.err, "step "), "step %d", &early), 1);
	ck_assert_int_eq(early + 1, late);
}
END_TEST

/* A run whose second sweep has a setter that goes wrong in its third cell. */
static struct outcome run_failing(const char *setter, bool quiet)
{
	static char folder[4096];
	char rest[1024];
	snprintf(folder, sizeof folder, "%s/tests/cli/plugins", getenv("PATCHBAY_BUILD"));
	snprintf(rest, sizeof rest,
		 "sweeps:\n" SWEEP_OF_Z "  - {name: bad, hook: z, setter: %s, over: [layer, head], forward: %s}\n"
		 "  - {name: after, hook: q, setter: layer_head, over: [layer, head], forward: corrupted}\n",
		 setter, strcmp(setter, "fails_on_source") ? "ablate" : "corrupted");
	const char *words[] = {"run", write_golden(setter, rest), "--out", scratch(setter), quiet ? "--quiet" : NULL, NULL};
	return command_wait(command_start(NULL, folder, words));
}

static const struct {
	const char *setter, *said;
} failing[] = {
	{"fails_with_reason",
	 "patchbay run: sweep `bad`, cell 2 (layer 0, head 2): forward hook at blocks.0.attn.hook_z: "
	 "setter fails_with_reason: apply: the third cell is one too many\n"},
	{"fails_silently", "patchbay run: sweep `bad`, cell 2 (layer 0, head 2): forward hook at blocks.0.attn.hook_z: "
			   "setter fails_silently: apply failed without a reason ("},
	{"fails_on_activation",
	 "patchbay run: sweep `bad`, cell 2 (layer 0, head 2): forward hook at blocks.0.attn.hook_z: "
	 "setter fails_on_activation: apply: host->fill: the tensor is read-only\n"},
	{"fails_on_source", "patchbay run: sweep `bad`, cell 2 (layer 0, head 2): forward hook at blocks.0.attn.hook_z: "
			    "setter fails_on_source: apply: host->fill: the tensor is read-only\n"},
};

START_TEST(setter_that_fails)
{
	const char *run = failing[_i].setter;
	struct outcome o = run_failing(run, true);
	ck_assert_int_eq(o.code, 1);
	ck_assert_str_eq(o.out, "");
	ck_assert_msg(!strncmp(o.err, failing[_i].said, strlen(failing[_i].said)), "%s", o.err);
	ck_assert_int_eq(count_lines(run, "sweeps/z-by-head.csv"), 1 + 12);
	check_file_says(run, "log.txt", "sweep bad: 2 of 12 cells");
	check_file_says(run, "report.html", "the run ended early: sweep `bad`, cell 2 (layer 0, head 2): ");
	check_file_says(run, "results.json", "the run ended early: sweep `bad`, cell 2 (layer 0, head 2): ");
	ck_assert(exists(in_run(run, "sweeps/bad.csv")));
	ck_assert(!exists(in_run(run, "sweeps/after.csv")));
}
END_TEST

/* The model's numbers are no failure of the run: the cell stays empty, all others are done, and it is said. */
START_TEST(setter_that_gives_nan)
{
	static const char note[] =
		"no metric in 1 of 12 cells: the patched model's numbers are not finite (cell 2 (layer 0, "
		"head 2): ";
	struct outcome o = run_failing("fails_with_nan", false);
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "no metric in 1 of 12 cells");
	check_file_says("fails_with_nan", "log.txt", note);
	check_file_says("fails_with_nan", "results.json", note);
	check_file_says("fails_with_nan", "sweeps/bad.csv", "\n0,2,,,");
	ck_assert_int_eq(count_lines("fails_with_nan", "sweeps/bad.csv"), 1 + 12);
	ck_assert(exists(in_run("fails_with_nan", "sweeps/after.csv")));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("run_ends");
	TCase *t = tcase_create("run_ends");
	tcase_add_loop_test(t, interrupted_training, 0, 3);
	tcase_add_test(t, interrupted_sweep);
	tcase_add_test(t, interrupted_over_units);
	tcase_add_test(t, exploding_training);
	tcase_add_test(t, not_finite);
	tcase_add_loop_test(t, setter_that_fails, 0, sizeof failing / sizeof *failing);
	tcase_add_test(t, setter_that_gives_nan);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
