/* test_resume.c: runs that are stopped and gone on with: the results are those of one that was not stopped, to the bit. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/folder.h"
#include "support/support.h"

static const char experiment[] =
	"name: resumed\nmodel: {n_layers: 2, d_model: 32, n_heads: 4, d_mlp: 32}\ndata: {plugin: oocl, mod: 30}\n"
	"train:\n"
	"  - {name: first, split: arithmetic, epochs: 12, batch_size: 32, evaluate: {accuracy: [DtQ1, Dt3]}, save: model_0}\n"
	"  - {name: second, split: X1, epochs: 30, evaluate: {accuracy: [DtQ1, Dt3]}, save: model_1}\n"
	"  - {name: third, split: X2, epochs: 20, optimizer: continue, evaluate: {accuracy: [DtQ1, Dt3]}, save: model_2}\n"
	"probe: {model: model_1, select: {metric: accuracy, before: model_1, after: model_2, sets: [Dt3, Df4]}}\n"
	"metric: correct_logit\nsweeps:\n"
	"  - {name: z, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"
	"  - {name: pattern, hook: pattern, setter: layer_head_dest_src_pattern,\n"
	"     over: [layer, head, dest_pos, src_pos], forward: corrupted}\n"
	"  - {name: noise, hook: resid_pre, setter: {plugin: noise, std: 0.5}, over: [layer, pos], forward: ablate,\n"
	"     estimate: true}\n";

static const char *const results[] = {"sweeps/z.csv", "sweeps/pattern.csv", "sweeps/noise.csv", "sweeps/noise.npz",
				      "curves/first.csv", "curves/second.csv", "curves/third.csv", "units.csv",
				      "checkpoints/model_0.safetensors", "checkpoints/model_1.safetensors",
				      "checkpoints/model_2.safetensors", "estimate-parameters.csv", NULL};

static pid_t start(const char *out, bool resume, const char *set)
{
	const char *argv[16] = {"run", write_experiment("resumed", experiment), "-q", "--save-every", "0.02", "--out", scratch(out)};
	int n = 7;
	if (resume)
		argv[n++] = "--resume";
	if (set) {
		argv[n++] = "--set";
		argv[n++] = set;
	}
	return command_start(NULL, NULL, argv);
}

static struct outcome run(const char *out, bool resume, const char *set)
{
	return command_wait(start(out, resume, set));
}

/* The run that nobody stopped, made once for all tests. */
static char finished[256];

static void finish_one(void)
{
	ck_assert_int_eq(run("finished", false, NULL).code, 0);
	snprintf(finished, sizeof finished, "%s", scratch("finished"));
}

static void see_finished(void)
{
	ck_assert_int_eq(symlink(finished, scratch("whole")), 0);
}

static void wait_seconds(double seconds)
{
	nanosleep(&(struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)}, NULL);
}

/* Killed again and again, each time a little later; whenever it is, it goes on. */
START_TEST(killed)
{
	int kills = 0;
	for (double seconds = 0.03;; seconds += 0.05) {
		bool begun = exists(in_run("killed", "config.yaml"));
		pid_t pid = start("killed", begun, NULL);
		wait_seconds(seconds);
		kill(pid, SIGKILL);
		struct outcome o = command_wait(pid);
		if (o.code != 128 + SIGKILL) {
			ck_assert_msg(!o.code, "%s", o.err);
			break;
		}
		kills++;
	}
	ck_assert_int_gt(kills, 0);
	check_all_same("whole", "killed", results);
}
END_TEST

START_TEST(interrupted)
{
	pid_t pid = start("stopped", false, NULL);
	for (int i = 0; i < 1000 && !exists(in_run("stopped", "state.safetensors")); i++)
		wait_seconds(0.01);
	kill(pid, SIGINT);
	int code = command_wait(pid).code;
	ck_assert_msg(code == 130 || code == 0, "exit code %d", code);
	ck_assert_int_eq(run("stopped", true, NULL).code, 0);
	check_all_same("whole", "stopped", results);
}
END_TEST

/* Once it is done there is nothing left to do. */
START_TEST(done_already)
{
	copy_folder(finished, scratch("again"));
	ck_assert_int_eq(run("again", true, NULL).code, 0);
	check_all_same("whole", "again", results);
}
END_TEST

/* A journal that ends anywhere, as after a loss of power. */
START_TEST(torn_journal)
{
	void *data;
	size_t size;
	copy_folder(finished, scratch("torn"));
	ck_assert_ok(pb_file_read(in_run("torn", "journal"), 1 << 26, &data, &size));
	size_t cell = size - 100 - (size_t)_i * 977 % (size / 2); /* the stages come first */
	ck_assert_ok(pb_file_write(in_run("torn", "journal"), data, cell));
	ck_assert_int_eq(run("torn", true, NULL).code, 0);
	check_all_same("whole", "torn", results);
	free(data);
}
END_TEST

START_TEST(altered_files_are_named)
{
	void *data;
	size_t size;
	copy_folder(finished, scratch("altered"));
	ck_assert_ok(pb_file_read(in_run("altered", "state.safetensors"), 1 << 26, &data, &size));
	((unsigned char *)data)[size - 5] ^= 1;
	ck_assert_ok(pb_file_write(in_run("altered", "state.safetensors"), data, size));
	struct outcome o = run("altered", true, NULL);
	ck_assert_int_ne(o.code, 0);
	check_says(o.err, "state.safetensors is not where a training stood: it was altered or damaged");
	free(data);
	/* A whole one, but of a run with another seed. */
	ck_assert_int_eq(run("other", false, "seed=7").code, 0);
	ck_assert_ok(pb_file_read(in_run("other", "state.safetensors"), 1 << 26, &data, &size));
	ck_assert_ok(pb_file_write(in_run("altered", "state.safetensors"), data, size));
	free(data);
	o = run("altered", true, NULL);
	ck_assert_int_ne(o.code, 0);
	check_says(o.err, "state.safetensors is not where a training stood: it is of another run; remove it");
	ck_assert_ok(pb_file_write(in_run("altered", "journal"), "nonsense", 8));
	o = run("altered", true, NULL);
	ck_assert_int_ne(o.code, 0);
	check_says(o.err, "journal is no journal of a run");
}
END_TEST

/* What a bit that flips within would lose is not lost without a word. */
START_TEST(altered_within)
{
	void *data;
	size_t size;
	char at[64];
	copy_folder(finished, scratch("within"));
	ck_assert_ok(pb_file_read(in_run("within", "journal"), 1 << 26, &data, &size));
	((unsigned char *)data)[size * (size_t)(1 + _i) / 5] ^= 16;
	ck_assert_ok(pb_file_write(in_run("within", "journal"), data, size));
	struct outcome o = run("within", true, NULL);
	ck_assert_int_ne(o.code, 0);
	check_says(o.err, "within/journal was altered or damaged at byte ");
	check_says(o.err, "begin anew with another --out");
	snprintf(at, sizeof at, "%zu bytes", size);
	void *after;
	size_t after_size;
	ck_assert_ok(pb_file_read(in_run("within", "journal"), 1 << 26, &after, &after_size));
	ck_assert_msg(after_size == size && !memcmp(after, data, size), "the journal had %s", at);
	free(after);
	free(data);
}
END_TEST

/* Of what a record says of itself, any byte: the second one's, behind the identity. */
START_TEST(altered_headers)
{
	enum { HEADER = 24 };
	unsigned char *data;
	uint64_t first;
	size_t size;
	copy_folder(finished, scratch("header"));
	ck_assert_ok(pb_file_read(in_run("header", "journal"), 1 << 26, (void **)&data, &size));
	memcpy(&first, data + 8, sizeof first);
	for (size_t at = HEADER + first; at < 2 * HEADER + first; at++) {
		data[at] ^= 1;
		ck_assert_ok(pb_file_write(in_run("header", "journal"), data, size));
		data[at] ^= 1;
		struct outcome o = run("header", true, NULL);
		ck_assert_int_ne(o.code, 0);
		check_says(o.err, "header/journal was altered or damaged at byte ");
	}
	free(data);
}
END_TEST

START_TEST(altered_weights)
{
	void *journal, *weights;
	size_t size, weights_size;
	copy_folder(finished, scratch("weights"));
	ck_assert_ok(pb_file_read(in_run("weights", "journal"), 1 << 26, &journal, &size));
	ck_assert_ok(pb_file_read(in_run("weights", "checkpoints/model_1.safetensors"), 1 << 26, &weights, &weights_size));
	((unsigned char *)weights)[weights_size - 5] ^= 1;
	ck_assert_ok(pb_file_write(in_run("weights", "checkpoints/model_1.safetensors"), weights, weights_size));
	ck_assert_ok(pb_file_write(in_run("weights", "journal"), journal, size - 500));
	struct outcome o = run("weights", true, NULL);
	ck_assert_int_ne(o.code, 0);
	check_says(o.err, "checkpoints/model_1.safetensors is not what the run saved, it was altered or damaged");
	free(journal);
	free(weights);
}
END_TEST

START_TEST(another_experiment)
{
	copy_folder(finished, scratch("one"));
	struct outcome o = run("one", true, "update.lr=0.001");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "is another one and cannot be gone on with:");
	check_says(o.err, "it has:   lr: ");
	o = run("none", true, NULL);
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "none holds no run to go on with");
	o = RUN("run", write_experiment("resumed", experiment), "--resume");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "which run is to be gone on with? Name its folder with --out");
}
END_TEST

/* The run's folder and the experiment's may have been moved, or be named by another way. */
START_TEST(moved)
{
	struct stat journal;
	copy_folder(finished, scratch("moved"));
	ck_assert_int_eq(stat(in_run("moved", "journal"), &journal), 0);
	ck_assert_int_eq(truncate(in_run("moved", "journal"), journal.st_size * 3 / 4), 0);
	ck_assert_int_eq(mkdir(scratch("elsewhere"), 0700), 0);
	ck_assert_ok(pb_file_write(scratch("elsewhere/resumed.yaml"), experiment, strlen(experiment)));
	const char *argv[] = {"run", "./resumed.yaml", "-q", "--out", scratch("moved"), "--resume", NULL};
	struct outcome o = command_run(scratch("elsewhere"), argv);
	ck_assert_msg(!o.code, "%s", o.err);
	check_all_same("whole", "moved", results);
}
END_TEST

/* The data's file is part of the experiment, though its text is not in the experiment file. */
START_TEST(another_data_file)
{
	static const char yaml[] = "model: {n_layers: 1, d_model: 8, n_heads: 2}\n"
				   "data: {plugin: tokens, file: data.csv}\nmetric: correct_logit\nprobe: {units: all}\n"
				   "sweeps:\n  - {name: z, kind: activation, hook: z, setter: layer_head, over: [layer, head],\n"
				   "     forward: clean}\n";
	static const char data[] = "clean,corrupted,answer\n1 2 3,1 2 4,5\n2 3 4,2 3 5,6\n";
	ck_assert_ok(pb_file_write(scratch("data.yaml"), yaml, sizeof yaml - 1));
	ck_assert_ok(pb_file_write(scratch("data.csv"), data, sizeof data - 1));
	const char *file = scratch("data.yaml"), *out = scratch("data");
	struct outcome o = RUN("run", file, "-q", "--out", out);
	ck_assert_msg(!o.code, "%s", o.err);
	char *manifest = read_text(scratch("data/manifest.yaml"));
	check_says(manifest, "file: \\\"data.csv\\\", checksum ");
	free(manifest);
	ck_assert_int_eq(RUN("run", file, "-q", "--out", out, "--resume").code, 0);
	ck_assert_ok(pb_file_write(scratch("data.csv"), data, sizeof data - 15));
	o = RUN("run", file, "-q", "--out", out, "--resume");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "is another one and cannot be gone on with:");
	check_says(o.err, "file: \"data.csv\", checksum ");
}
END_TEST

START_TEST(one_run_in_a_folder)
{
	pid_t pid = start("busy", false, "train.0.epochs=100000");
	for (int i = 0; i < 1000 && !exists(in_run("busy", "state.safetensors")); i++)
		wait_seconds(0.01);
	struct outcome o = run("busy", true, "train.0.epochs=100000");
	kill(pid, SIGKILL);
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "a run is going on in ");
	command_wait(pid);
	/* Nobody holds a folder beyond its death. */
	pid = start("busy", true, "train.0.epochs=100000");
	wait_seconds(0.3);
	kill(pid, SIGKILL);
	ck_assert_int_eq(command_wait(pid).code, 128 + SIGKILL);
}
END_TEST

/* Somebody removes the folder while the run is on: it ends with the next state, or writes what comes after and tells the loss. */
START_TEST(removed_meanwhile)
{
	pid_t pid = start("removed", false, "train.0.epochs=200");
	for (int i = 0; i < 500 && !exists(in_run("removed", "state.safetensors")); i++)
		wait_seconds(0.01);
	ck_assert(exists(in_run("removed", "state.safetensors")));
	for (int i = 0; i < 100 && pb_file_remove_tree(scratch("removed")); i++)
		wait_seconds(0.001); /* something was just written there */
	struct outcome o = command_wait(pid);
	ck_assert_int_eq(o.code, 1);
	if (!strstr(o.err, "/removed/state.safetensors: No such file or directory")) {
		check_says(o.err, "/removed/journal was removed while the run was on: the results are written");
		ck_assert(exists(in_run("removed", "sweeps/z.csv")));
	}
}
END_TEST

/* Killed before it had done anything, a run begins anew, and what was half written goes. */
START_TEST(killed_at_birth)
{
	ck_assert_ok(pb_file_make_dir(scratch("born")));
	ck_assert_ok(pb_file_write(in_run("born", ".lock"), "", 0));
	ck_assert_ok(pb_file_write(in_run("born", "config.yaml.tmpabcdef"), "name", 4));
	struct outcome o = run("born", !_i, NULL);
	ck_assert_msg(!o.code, "%s", o.err);
	check_all_same("whole", "born", results);
	ck_assert(!exists(in_run("born", "config.yaml.tmpabcdef")));
	o = run("unborn", true, NULL);
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "unborn holds no run to go on with");
}
END_TEST

START_TEST(over_seeds)
{
	static const char *const each[] = {"seed-1/sweeps/z.csv", "seed-2/sweeps/z.csv", "sweeps/z.csv", NULL};
	ck_assert_int_eq(run("seeds", false, "seeds=[1, 2]").code, 0);
	for (double seconds = 0.2;; seconds += 0.1) {
		pid_t pid = start("killed", exists(in_run("killed", "config.yaml")), "seeds=[1, 2]");
		wait_seconds(seconds);
		kill(pid, SIGKILL);
		struct outcome o = command_wait(pid);
		ck_assert_msg(!o.code || o.code == 128 + SIGKILL, "%d %s", o.code, o.err);
		if (!o.code)
			break;
	}
	check_all_same("seeds", "killed", each);
}
END_TEST

/* A manifest repeats its run; what is otherwise by then, the new run tells. */
START_TEST(manifest)
{
	char *text;
	size_t size;
	struct outcome o = RUN("run", in_run("whole", "manifest.yaml"), "-q", "--out", scratch("repeated"));
	ck_assert_msg(!o.code, "%s", o.err);
	check_all_same("whole", "repeated", results);
	ck_assert_ok(pb_file_read(in_run("repeated", "results.json"), 1 << 26, (void **)&text, &size));
	ck_assert_ptr_null(strstr(text, "the manifest's run had"));
	free(text);

	ck_assert_ok(pb_file_read(in_run("whole", "manifest.yaml"), 1 << 20, (void **)&text, &size));
	char *engine = strstr(text, "engine: ");
	ck_assert_ptr_nonnull(engine);
	memcpy(engine, "engine: F", 9);
	ck_assert_ok(pb_file_write(scratch("other.yaml"), text, size));
	free(text);
	o = RUN("run", scratch("other.yaml"), "-q", "--out", scratch("other"));
	ck_assert_msg(!o.code, "%s", o.err);
	ck_assert_ok(pb_file_read(in_run("other", "results.json"), 1 << 26, (void **)&text, &size));
	check_says(text, "the manifest's run had `engine: F");
	check_says(text, "this one `engine: ");
	free(text);
}
END_TEST

/* The engine is what a manifest can say and an experiment file cannot. */
START_TEST(manifest_of_the_reference_engine)
{
	struct outcome o = RUN("run", write_experiment("resumed", experiment), "-q", "--engine", "reference", "--out", scratch("slow"));
	ck_assert_msg(!o.code, "%s", o.err);
	o = RUN("run", in_run("slow", "manifest.yaml"), "-q", "--out", scratch("slow-again"));
	ck_assert_msg(!o.code, "%s", o.err);
	check_all_same("slow", "slow-again", results);
	check_same("slow", "slow-again", "manifest.yaml");
}
END_TEST

static const char *const planted[] = {"journal", ".lock", "log.txt", "events.jsonl"};

/* Links and pipes that somebody has put where a run will write are not followed, nor waited for. */
START_TEST(planted_links)
{
	const char *name = planted[_i / 2];
	ck_assert_ok(pb_file_write(scratch("mine"), "mine", 4));
	ck_assert_int_eq(mkdir(scratch("planted"), 0700), 0);
	if (_i % 2)
		ck_assert_int_eq(mkfifo(in_run("planted", name), 0600), 0);
	else
		ck_assert_int_eq(symlink("../mine", in_run("planted", name)), 0);
	struct outcome o = run("planted", false, NULL);
	if (strcmp(name, "events.jsonl")) { /* which results do without */
		ck_assert_int_ne(o.code, 0);
		check_says(o.err, name);
		check_says(o.err, "it is no plain file, but a link, pipe or device");
	} else {
		ck_assert_int_eq(o.code, 0);
	}
	char *text = read_text(scratch("mine"));
	ck_assert_str_eq(text, "mine");
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("resume");
	TCase *tcase = tcase_create("resume");
	tcase_add_unchecked_fixture(tcase, finish_one, NULL);
	tcase_add_checked_fixture(tcase, see_finished, NULL);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, killed);
	tcase_add_test(tcase, interrupted);
	tcase_add_test(tcase, done_already);
	tcase_add_loop_test(tcase, torn_journal, 0, 5);
	tcase_add_test(tcase, altered_files_are_named);
	tcase_add_loop_test(tcase, altered_within, 0, 4);
	tcase_add_test(tcase, altered_headers);
	tcase_add_test(tcase, altered_weights);
	tcase_add_test(tcase, another_experiment);
	tcase_add_test(tcase, moved);
	tcase_add_test(tcase, another_data_file);
	tcase_add_test(tcase, one_run_in_a_folder);
	tcase_add_test(tcase, removed_meanwhile);
	tcase_add_loop_test(tcase, killed_at_birth, 0, 2);
	tcase_add_test(tcase, over_seeds);
	tcase_add_test(tcase, manifest);
	tcase_add_test(tcase, manifest_of_the_reference_engine);
	tcase_add_loop_test(tcase, planted_links, 0, 2 * sizeof planted / sizeof *planted);
	return pb_test_run(suite, NULL);
}
