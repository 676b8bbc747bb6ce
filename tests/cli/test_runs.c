/* test_runs.c: what a run leaves behind: its folder, its exit code, and both when it is interrupted or a plugin fails.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "ckpt/ckpt.h"
#include "base/status.h"
#include "cli/command.h"
#include "support/support.h"

/* Writes NAME.yaml in the scratch folder. */
static const char *write_experiment(const char *name, const char *text)
{
	char file[64];
	snprintf(file, sizeof file, "%s.yaml", name);
	const char *path = scratch(file);
	ck_assert_ok(pb_file_write(path, text, strlen(text)));
	return path;
}

/* On the golden model. */
static const char *golden(const char *name, const char *rest)
{
	char text[4096];
	snprintf(text, sizeof text, "name: %s\nmodel: {load: %s}\ndata: {plugin: oocl, mod: 30}\nprobe: {unit: 7}\n%s",
		 name, pb_test_golden("model_1.pt"), rest);
	return write_experiment(name, text);
}

#define SMALL_MODEL "model: {n_layers: 1, d_model: 16, n_heads: 2}\ndata: {plugin: oocl, mod: 30}\n"
#define Z           "  - {name: z by head, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"

static const char *path_of(const char *run, const char *file)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", run, file);
	return scratch(path);
}

static char *read_of(const char *run, const char *file)
{
	return read_text(path_of(run, file));
}

static void check_file_says(const char *run, const char *file, const char *part)
{
	char *text = read_of(run, file);
	check_says(text, part);
	free(text);
}

static void check_same(const char *run, const char *other, const char *file)
{
	char *a = read_of(run, file), *b = read_of(other, file);
	ck_assert_msg(!strcmp(a, b), "%s of %s and %s differ", file, run, other);
	free(a);
	free(b);
}

static int count_lines(const char *run, const char *file)
{
	char *text = read_of(run, file);
	int lines = 0;
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	free(text);
	return lines;
}

/* Anything but text and line breaks. */
static void check_plain(const char *text)
{
	for (const char *c = text; *c; c++)
		ck_assert_msg(*c == '\n' || (unsigned char)*c >= ' ', "byte %02x in:\n%.200s", (unsigned char)*c, c);
}

static const char whole[] =
	"name: \"whole: a/b\"\n" SMALL_MODEL "train:\n"
	"  - {name: first, split: arithmetic, epochs: 2, evaluate: {accuracy: Dt3}, save: model_0}\n"
	"  - {name: then, split: X1, steps: 3, optimizer: continue, save: model_1}\n"
	"probe: {select: {before: model_0, after: model_1, sets: [Dt3]}}\n"
	"sweeps:\n" Z "  - {name: Parts!, setter: params, sets: blocks}\n";

/* Which plugins ran, and the hash of their parameters: an empty table's is not a dataset's. */
static void check_environment(const char *run)
{
	static const char empty[] = "1.0.0, schema cbf29ce484222325\"";
	char *text = read_of(run, "results.json"), *dataset = strstr(text, "\"dataset oocl\",\"1.0.0, schema ");
	ck_assert_ptr_nonnull(dataset);
	ck_assert(strncmp(strchr(dataset, ',') + 2, empty, strlen(empty)) != 0);
	char *metric = strstr(text, "\"metric accuracy\"");
	ck_assert_ptr_nonnull(metric);
	ck_assert(strncmp(strchr(metric, ',') + 2, empty, strlen(empty)) == 0);
	free(text);
}

START_TEST(folder_holds_everything)
{
	static const char *const files[] = {"config.yaml",
					    "log.txt",
					    "sets.csv",
					    "results.json",
					    "report.html",
					    "units.csv",
					    "curves/first.csv",
					    "curves/then.csv",
					    "checkpoints/model_0.safetensors",
					    "checkpoints/model_1.safetensors",
					    "sweeps/z-by-head.csv",
					    "sweeps/z-by-head.json",
					    "sweeps/z-by-head.npz",
					    "sweeps/parts.csv",
					    "sweeps/parts.json",
					    "sweeps/parts.npz"};
	struct outcome o = RUN("run", write_experiment("whole", whole), "--out", scratch("deep/er/run"));
	ck_assert_msg(o.code == 0, "%s", o.err);
	ck_assert_str_eq(o.err, "");
	check_plain(o.out);
	check_says(o.out, "Report: ");
	/* What was done, in epochs or in steps, as the stage counts. */
	check_says(o.out, "first  2  in ");
	check_says(o.out, "then  3  in ");
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		ck_assert_msg(exists(path_of("deep/er/run", files[i])), "no %s", files[i]);
	ck_assert_int_eq(count_lines("deep/er/run", "curves/first.csv"), 1 + 2);
	ck_assert_int_eq(count_lines("deep/er/run", "sweeps/z-by-head.csv"), 1 + 2);
	ck_assert_int_eq(count_lines("deep/er/run", "sweeps/parts.csv"), 1 + 3);
	check_file_says("deep/er/run", "log.txt", "stage first: 2 epochs");
	check_file_says("deep/er/run", "results.json", "\"name\": \"whole: a/b\"");
	check_environment("deep/er/run");
	/* What was saved is a checkpoint like any other. */
	o = RUN("inspect", path_of("deep/er/run", "checkpoints/model_1.safetensors"));
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "a HookedTransformer: n_layers 1, d_model 16");
}
END_TEST

START_TEST(sets_are_written_down)
{
	struct outcome o = RUN("run", golden("sets", "sweeps:\n" Z), "-q", "--out", scratch("sets"), "--set",
			       "data.sets={Dt3: [3, 5], DfQ2: [9, 8], Df4: [4]}");
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_file_says("sets", "sets.csv", "unit,set\r\n");
	check_file_says("sets", "sets.csv", "\n9,DfQ2\r\n8,DfQ2\r\n3,Dt3\r\n5,Dt3\r\n4,Df4\r\n0,\r\n");
	ck_assert_int_eq(count_lines("sets", "sets.csv"), 1 + 30);
}
END_TEST

START_TEST(quiet_prints_nothing)
{
	struct outcome o = RUN("run", write_experiment("whole", whole), "-q", "--out", scratch("quiet"));
	ck_assert_int_eq(o.code, 0);
	ck_assert_str_eq(o.out, "");
	ck_assert_str_eq(o.err, "");
	ck_assert(exists(path_of("quiet", "report.html")));
}
END_TEST

START_TEST(train_leaves_the_sweeps_alone)
{
	struct outcome o = RUN("train", write_experiment("whole", whole), "--quiet", "--out", scratch("train"));
	ck_assert_msg(o.code == 0, "%s", o.err);
	ck_assert(exists(path_of("train", "checkpoints/model_1.safetensors")));
	ck_assert(!exists(path_of("train", "sweeps")) && !exists(path_of("train", "units.csv")));
	/* The same seed gives the same weights. */
	ck_assert_int_eq(RUN("train", scratch("whole.yaml"), "--quiet", "--out", scratch("train2")).code, 0);
	check_same("train", "train2", "curves/first.csv");
}
END_TEST

/* Without --out: runs/NAME-DATE-TIME in the working folder, the name made fit for a folder. */
START_TEST(default_folder)
{
	const char *file = write_experiment("whole", whole), *cwd = scratch("cwd");
	struct dirent **entries;
	ck_assert_int_eq(mkdir(cwd, 0700), 0);
	struct outcome o = command_run(cwd, (const char *const[]){"run", file, "--quiet", NULL});
	ck_assert_msg(o.code == 0, "%s", o.err);
	int n = scandir(path_of("cwd", "runs"), &entries, NULL, alphasort);
	ck_assert_int_eq(n, 3);
	ck_assert_msg(!strncmp(entries[2]->d_name, "whole--a-b-2", 12), "%s", entries[2]->d_name);
	while (n > 0)
		free(entries[--n]);
	free(entries);
}
END_TEST

/* Several of one name in one second, as a shell's loop starts them: each has a folder of its own. */
START_TEST(default_folders_of_one_second)
{
	enum { RUNS = 4 };
	const char *file = golden("twins", "sweeps:\n" Z), *cwd = scratch("together");
	const char *words[] = {"run", file, "--quiet", NULL};
	struct dirent **entries;
	ck_assert_int_eq(mkdir(cwd, 0700), 0);
	for (int i = 0; i < RUNS; i++) {
		struct outcome o = command_run(cwd, words);
		ck_assert_msg(o.code == 0, "%s", o.err);
	}
	int n = scandir(path_of("together", "runs"), &entries, NULL, alphasort);
	ck_assert_int_eq(n, 2 + RUNS);
	for (int i = 0; i < n; i++) {
		char report[300];
		snprintf(report, sizeof report, "runs/%s/report.html", entries[i]->d_name);
		ck_assert_msg(i < 2 || exists(path_of("together", report)), "no %s", report);
		free(entries[i]);
	}
	free(entries);
}
END_TEST

START_TEST(used_folder_is_refused)
{
	const char *file = golden("used", "sweeps:\n" Z);
	ck_assert_int_eq(RUN("run", file, "--quiet", "--out", scratch("used")).code, 0);
	char *before = read_of("used", "log.txt");
	struct outcome o = RUN("run", file, "--out", scratch("used"));
	ck_assert_int_eq(o.code, 2);
	ck_assert_str_eq(o.out, "");
	check_says(o.err, "/used holds a run already: choose another --out, or remove it\n");
	char *after = read_of("used", "log.txt");
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
}
END_TEST

START_TEST(folder_that_cannot_be_made)
{
	const char *file = golden("file", "sweeps:\n" Z);
	struct outcome o = RUN("run", file, "--out", file);
	ck_assert_int_eq(o.code, 1);
	check_says(o.err, "file.yaml is not a folder\n");
	o = RUN("run", file, "--out", path_of("file.yaml", "below"));
	ck_assert_int_eq(o.code, 1);
	check_says(o.err, "patchbay run: cannot make the folder ");
	check_says(o.err, "Not a directory\n");
	ck_assert_str_eq(o.out, "");
}
END_TEST

/* config.yaml has what --set changed and what was left to defaults, loads again and gives the run again. */
START_TEST(resolved_config)
{
	const char *file =
		golden("resolved", "sweeps:\n" Z "  - {name: noise, hook: z, setter: noise, over: [layer]}\n");
	struct outcome o = RUN("run", file, "--quiet", "--out", scratch("r1"), "--set", "update.lr=0.25", "--set",
			       "sweeps.1.setter={plugin: noise, std: 0.5}", "--set", "probe.unit=9");
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_file_says("r1", "config.yaml", "\n  lr: 0.25\n");
	check_file_says("r1", "config.yaml", "\n      std: 0.5\n      seed: 0\n      mode: replace\n");
	check_file_says("r1", "config.yaml", "\n  unit: \"9\"\n");
	check_file_says("r1", "config.yaml", "\n  held_out_mix: 0.01\n");
	check_file_says("r1", "results.json", "  held_out_mix: 0.01");
	o = RUN("check", path_of("r1", "config.yaml"));
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_says(o.out, "probe: unit 9\nsweeps: 2, 15 cells\n");
	ck_assert_int_eq(RUN("run", path_of("r1", "config.yaml"), "--quiet", "--out", scratch("r2")).code, 0);
	check_same("r1", "r2", "config.yaml");
	check_same("r1", "r2", "sweeps/z-by-head.csv");
	check_same("r1", "r2", "sweeps/noise.csv");
}
END_TEST

/* Files of the data lie beside the experiment, also where config.yaml is read from another folder. */
START_TEST(resolved_config_finds_the_data)
{
	static const char
		csv[] = "name,clean,corrupted,pos,answer,distractor\na,1 2 3,1 4 3,2,5,6\nb,1 2 3,1 7 3,2,5,8\n",
		text[] = "model: {n_layers: 1, d_model: 8, n_heads: 2}\ndata: {plugin: tokens, file: pairs.csv}\n"
			 "probe: {unit: b}\nsweeps: [{name: r, hook: resid_pre, setter: layer_pos, over: [layer, pos], "
			 "forward: clean, kind: activation}]\n";
	ck_assert_int_eq(mkdir(scratch("home"), 0700), 0);
	ck_assert_ok(pb_file_write(path_of("home", "pairs.csv"), csv, sizeof csv - 1));
	ck_assert_ok(pb_file_write(path_of("home", "prompts.yaml"), text, sizeof text - 1));
	struct outcome o = command_run(pb_test_dir(),
				       (const char *const[]){"run", "home/prompts.yaml", "-q", "--out", "run1", NULL});
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_file_says("run1", "config.yaml", "\nfolder: home\n");
	o = command_run(pb_test_dir(), (const char *const[]){"run", "run1/config.yaml", "-q", "--out", "run2", NULL});
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_same("run1", "run2", "sweeps/r.csv");
}
END_TEST

static void wait_for(const char *path)
{
	for (int i = 0; i < 6000 && !exists(path); i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	ck_assert_msg(exists(path), "no %s after a minute", path);
}

START_TEST(interrupted_training)
{
	const char *file = write_experiment(
		"long",
		SMALL_MODEL "train:\n  - {name: short, split: X2, steps: 1, save: early}\n"
			    "  - {name: endless, split: X1, epochs: 100000000, evaluate: {accuracy: Dt3}, save: late}\n"
			    "sweeps:\n" Z "probe: {unit: 7}\n");
	pid_t pid = command_start(NULL, NULL, (const char *const[]){"run", file, "--out", scratch("long"), NULL});
	wait_for(path_of("long", "checkpoints/early.safetensors"));
	sleep(1);
	kill(pid, _i ? SIGTERM : SIGINT);
	struct outcome o = command_wait(pid);
	ck_assert_int_eq(o.code, 130);
	check_says(o.err, "patchbay run: stage `endless`, epoch ");
	check_says(o.err, ": interrupted\n");
	check_plain(o.out);
	check_file_says("long", "log.txt", "stage short: 1 epoch");
	check_file_says("long", "log.txt", "stage endless: interrupted after ");
	check_file_says("long", "log.txt", "ended early: ");
	check_file_says("long", "results.json", "the run ended early: stage `endless`, epoch ");
	check_file_says("long", "report.html", "the run ended early: stage `endless`, epoch ");
	ck_assert_int_ge(count_lines("long", "curves/endless.csv"), 2);
	ck_assert(!exists(path_of("long", "checkpoints/late.safetensors")));
	ck_assert(!exists(path_of("long", "sweeps")));
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
	wait_for(path_of("sweep", "sweeps/short.npz"));
	kill(pid, SIGINT);
	struct outcome o = command_wait(pid);
	ck_assert_int_eq(o.code, 130);
	check_says(o.err, "interrupted\n");
	ck_assert_int_eq(count_lines("sweep", "sweeps/short.csv"), 1 + 6);
	ck_assert(!exists(path_of("sweep", "sweeps/never.csv")));
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
	static const char text[] = "model: {n_layers: 6, d_model: 384, n_heads: 6}\ndata: {plugin: oocl, mod: 30}\n"
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
		if (!exists(path_of("over-units", "log.txt")))
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

#define SEEDED                                                                                                         \
	SMALL_MODEL "train: [{name: X1, split: X1, steps: 3, save: model_1}]\nprobe: {units: Dt3}\nsweeps:\n" Z

/* Each seed's folder is that of a run with this seed; above them are the means. */
START_TEST(one_run_for_each_seed)
{
	const char *file = write_experiment("seeds", "seeds: [5, 6, 7]\n" SEEDED);
	struct outcome o = RUN("check", file);
	check_says(o.out, "seeds: 5, 6, 7; all of what follows with each\n");
	check_says(o.out, "probe: 7 units (");
	check_says(o.out, "sweeps: 1, 2 cells x 7 units = 14\n");
	o = RUN("run", file, "-q", "--out", scratch("seeds"));
	ck_assert_msg(o.code == 0, "%s", o.err);
	file = write_experiment("seed", "seed: 6\n" SEEDED);
	o = RUN("run", file, "-q", "--out", scratch("seed"));
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_same("seeds/seed-6", "seed", "sweeps/z-by-head.units.csv");
	check_same("seeds/seed-6", "seed", "sets.csv");
	check_same("seeds/seed-6", "seed", "curves/X1.csv");
	ck_assert_int_eq(count_lines("seeds", "sweeps/z-by-head.seeds.csv"), 1 + 3 * 2);
	check_file_says("seeds", "sweeps/z-by-head.seeds.csv", "\r\n6,,0,0,");
	check_file_says("seeds", "results.json", "\"what\": \"seed\"");
	check_file_says("seeds", "config.yaml", "\nseeds: [5, 6, 7]\n");
	ck_assert(exists(path_of("seeds", "report.html")) && !exists(path_of("seeds", "sets.csv")));
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
	ck_assert(exists(path_of("explodes", "checkpoints/model_0.safetensors")));
	ck_assert(exists(path_of("explodes", "curves/fine.csv")));
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
		 "sweeps:\n" Z "  - {name: bad, hook: z, setter: %s, over: [layer, head], forward: %s}\n"
		 "  - {name: after, hook: q, setter: layer_head, over: [layer, head], forward: corrupted}\n",
		 setter, strcmp(setter, "fails_on_source") ? "ablate" : "corrupted");
	const char *words[] = {"run", golden(setter, rest), "--out", scratch(setter), quiet ? "--quiet" : NULL, NULL};
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
	ck_assert(exists(path_of(run, "sweeps/bad.csv")));
	ck_assert(!exists(path_of(run, "sweeps/after.csv")));
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
	ck_assert(exists(path_of("fails_with_nan", "sweeps/after.csv")));
}
END_TEST

/* Names from a file must not steer the terminal. */
START_TEST(names_are_disarmed)
{
	const char *file = write_experiment(
		"names",
		"name: \"\\e]0;title\\a\"\n" SMALL_MODEL "train: [{name: \"\\e[31mred\", split: X1, steps: 2}]\n"
		"probe: {unit: 7}\nsweeps:\n"
		"  - {name: \"\\e[2J\\u009b\", hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"
		"  - {name: p, setter: params, sets: {\"\\e[1m\": embed}}\n");
	struct outcome o = RUN("run", file, "--out", scratch("names"));
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_plain(o.out);
	check_says_not(o.out, "\xc2\x9b");
	char *log = read_of("names", "log.txt");
	check_plain(log);
	free(log);
	o = RUN("check", file);
	check_plain(o.out);
	check_says_not(o.out, "\xc2\x9b");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("runs");
	TCase *t = tcase_create("runs");
	tcase_add_test(t, folder_holds_everything);
	tcase_add_test(t, sets_are_written_down);
	tcase_add_test(t, quiet_prints_nothing);
	tcase_add_test(t, train_leaves_the_sweeps_alone);
	tcase_add_test(t, default_folder);
	tcase_add_test(t, default_folders_of_one_second);
	tcase_add_test(t, used_folder_is_refused);
	tcase_add_test(t, folder_that_cannot_be_made);
	tcase_add_test(t, resolved_config);
	tcase_add_test(t, resolved_config_finds_the_data);
	tcase_add_loop_test(t, interrupted_training, 0, 2);
	tcase_add_test(t, interrupted_sweep);
	tcase_add_test(t, interrupted_over_units);
	tcase_add_test(t, one_run_for_each_seed);
	tcase_add_test(t, exploding_training);
	tcase_add_test(t, not_finite);
	tcase_add_loop_test(t, setter_that_fails, 0, sizeof failing / sizeof *failing);
	tcase_add_test(t, setter_that_gives_nan);
	tcase_add_test(t, names_are_disarmed);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
