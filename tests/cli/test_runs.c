/* test_runs.c: what a run leaves behind: its folder, its files, what it says. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/folder.h"
#include "support/support.h"

static const char whole[] =
	"name: \"whole: a/b\"\n" SMALL_MODEL "train:\n"
	"  - {name: first, split: arithmetic, epochs: 2, evaluate: {accuracy: Dt3}, save: model_0}\n"
	"  - {name: then, split: X1, steps: 3, optimizer: continue, save: model_1}\n"
	"probe: {select: {before: model_0, after: model_1, sets: [Dt3]}}\n"
	"sweeps:\n" SWEEP_OF_Z "  - {name: Parts!, setter: params, sets: blocks}\n";

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
		ck_assert_msg(exists(in_run("deep/er/run", files[i])), "no %s", files[i]);
	ck_assert_int_eq(count_lines("deep/er/run", "curves/first.csv"), 1 + 2);
	ck_assert_int_eq(count_lines("deep/er/run", "sweeps/z-by-head.csv"), 1 + 2);
	ck_assert_int_eq(count_lines("deep/er/run", "sweeps/parts.csv"), 1 + 3);
	check_file_says("deep/er/run", "log.txt", "stage first: 2 epochs");
	check_file_says("deep/er/run", "results.json", "\"name\": \"whole: a/b\"");
	check_environment("deep/er/run");
	/* What was saved is a checkpoint like any other. */
	o = RUN("inspect", in_run("deep/er/run", "checkpoints/model_1.safetensors"));
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "a HookedTransformer: n_layers 1, d_model 16");
}
END_TEST

START_TEST(sets_are_written_down)
{
	struct outcome o = RUN("run", write_golden("sets", "sweeps:\n" SWEEP_OF_Z), "-q", "--out", scratch("sets"), "--set",
			       "data.sets={Dt3: [3, 5], DfQ2: [9, 8], Df4: [4]}");
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_file_says("sets", "sets.csv", "unit,set\r\n");
	check_file_says("sets", "sets.csv", "\n9,DfQ2\r\n8,DfQ2\r\n3,Dt3\r\n5,Dt3\r\n4,Df4\r\n0,\r\n");
	ck_assert_int_eq(count_lines("sets", "sets.csv"), 1 + 30);
}
END_TEST

/* Names that file systems cannot tell apart, or not hold; the weights are there before anything else can go wrong. */
START_TEST(stages_keep_their_curves)
{
	char text[2048], name[301];
	memset(name, 'n', 300);
	name[300] = '\0';
	snprintf(text, sizeof text, SMALL_MODEL "train:\n  - {name: \"lr 1\", split: X1, steps: 2}\n  - {name: lr/1, split: X1, steps: 9}\n"
		 "  - {name: %s, split: X1, steps: 1, save: m}\n", name);
	struct outcome o = RUN("train", write_experiment("alike", text), "-q", "--out", scratch("alike"));
	ck_assert_msg(!o.code, "%s", o.err);
	ck_assert(exists(in_run("alike", "checkpoints/m.safetensors")));
	DIR *folder = opendir(in_run("alike", "curves"));
	int n = 0;
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		n += *entry->d_name != '.';
	closedir(folder);
	ck_assert_int_eq(n, 3);
}
END_TEST

START_TEST(quiet_prints_nothing)
{
	struct outcome o = RUN("run", write_experiment("whole", whole), "-q", "--out", scratch("quiet"));
	ck_assert_int_eq(o.code, 0);
	ck_assert_str_eq(o.out, "");
	ck_assert_str_eq(o.err, "");
	ck_assert(exists(in_run("quiet", "report.html")));
}
END_TEST

START_TEST(train_leaves_the_sweeps_alone)
{
	struct outcome o = RUN("train", write_experiment("whole", whole), "--quiet", "--out", scratch("train"));
	ck_assert_msg(o.code == 0, "%s", o.err);
	ck_assert(exists(in_run("train", "checkpoints/model_1.safetensors")));
	ck_assert(!exists(in_run("train", "sweeps")) && !exists(in_run("train", "units.csv")));
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
	int n = scandir(in_run("cwd", "runs"), &entries, NULL, alphasort);
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
	const char *file = write_golden("twins", "sweeps:\n" SWEEP_OF_Z), *cwd = scratch("together");
	const char *words[] = {"run", file, "--quiet", NULL};
	struct dirent **entries;
	ck_assert_int_eq(mkdir(cwd, 0700), 0);
	for (int i = 0; i < RUNS; i++) {
		struct outcome o = command_run(cwd, words);
		ck_assert_msg(o.code == 0, "%s", o.err);
	}
	int n = scandir(in_run("together", "runs"), &entries, NULL, alphasort);
	ck_assert_int_eq(n, 2 + RUNS);
	for (int i = 0; i < n; i++) {
		char report[300];
		snprintf(report, sizeof report, "runs/%s/report.html", entries[i]->d_name);
		ck_assert_msg(i < 2 || exists(in_run("together", report)), "no %s", report);
		free(entries[i]);
	}
	free(entries);
}
END_TEST

START_TEST(used_folder_is_refused)
{
	const char *file = write_golden("used", "sweeps:\n" SWEEP_OF_Z);
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
	const char *file = write_golden("file", "sweeps:\n" SWEEP_OF_Z);
	struct outcome o = RUN("run", file, "--out", file);
	ck_assert_int_eq(o.code, 1);
	check_says(o.err, "file.yaml is not a folder\n");
	o = RUN("run", file, "--out", in_run("file.yaml", "below"));
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
		write_golden("resolved", "sweeps:\n" SWEEP_OF_Z "  - {name: noise, hook: z, setter: noise, over: [layer]}\n");
	struct outcome o = RUN("run", file, "--quiet", "--out", scratch("r1"), "--set", "update.lr=0.25", "--set",
			       "sweeps.1.setter={plugin: noise, std: 0.5}", "--set", "probe.unit=9");
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_file_says("r1", "config.yaml", "\n  lr: 0.25\n");
	check_file_says("r1", "config.yaml", "\n      std: 0.5\n      seed: 0\n      mode: replace\n");
	check_file_says("r1", "config.yaml", "\n  unit: \"9\"\n");
	check_file_says("r1", "config.yaml", "\n  held_out_mix: 0.01\n");
	check_file_says("r1", "results.json", "  held_out_mix: 0.01");
	o = RUN("check", in_run("r1", "config.yaml"));
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_says(o.out, "probe: unit 9\nsweeps: 2, 15 cells\n");
	ck_assert_int_eq(RUN("run", in_run("r1", "config.yaml"), "--quiet", "--out", scratch("r2")).code, 0);
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
	ck_assert_ok(pb_file_write(in_run("home", "pairs.csv"), csv, sizeof csv - 1));
	ck_assert_ok(pb_file_write(in_run("home", "prompts.yaml"), text, sizeof text - 1));
	struct outcome o = command_run(pb_test_dir(),
				       (const char *const[]){"run", "home/prompts.yaml", "-q", "--out", "run1", NULL});
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_file_says("run1", "config.yaml", "\nfolder: home\n");
	o = command_run(pb_test_dir(), (const char *const[]){"run", "run1/config.yaml", "-q", "--out", "run2", NULL});
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_same("run1", "run2", "sweeps/r.csv");
}
END_TEST

#define SEEDED                                                                                                         \
	SMALL_MODEL "train: [{name: X1, split: X1, steps: 3, save: model_1}]\nprobe: {units: Dt3}\nsweeps:\n" SWEEP_OF_Z

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
	ck_assert(exists(in_run("seeds", "report.html")) && !exists(in_run("seeds", "sets.csv")));
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
	tcase_add_test(t, stages_keep_their_curves);
	tcase_add_test(t, quiet_prints_nothing);
	tcase_add_test(t, train_leaves_the_sweeps_alone);
	tcase_add_test(t, default_folder);
	tcase_add_test(t, default_folders_of_one_second);
	tcase_add_test(t, used_folder_is_refused);
	tcase_add_test(t, folder_that_cannot_be_made);
	tcase_add_test(t, resolved_config);
	tcase_add_test(t, resolved_config_finds_the_data);
	tcase_add_test(t, one_run_for_each_seed);
	tcase_add_test(t, names_are_disarmed);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
