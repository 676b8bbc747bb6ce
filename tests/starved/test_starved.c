/* test_starved.c: runs that lack files, room on the disk or a folder: each says what it lacks, and --resume completes
 * what it has to the results of a run that lacked nothing. Memory: starve.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/command.h"
#include "support/support.h"

static const char experiment[] =
	"name: starved\nmodel: {n_layers: 1, d_model: 16, n_heads: 2, d_mlp: 16}\ndata: {plugin: oocl, mod: 30}\n"
	"train:\n"
	"  - {name: first, split: arithmetic, epochs: 2, batch_size: 256, evaluate: {accuracy: [DtQ1, Dt3]}, save: model_0}\n"
	"  - {name: second, split: X2, epochs: 2, optimizer: continue, evaluate: {accuracy: [DtQ1, Dt3]}, save: model_1}\n"
	"probe: {model: model_0, select: {metric: accuracy, before: model_0, after: model_1, sets: [Dt3, Df4]}}\n"
	"metric: correct_logit\nsweeps:\n"
	"  - {name: z, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"
	"  - {name: p, setter: params, sets: cumulative}\n";

static const char *const results[] = {"sets.csv", "manifest.yaml", "sweeps/z.csv", "sweeps/z.npz", "sweeps/p.csv",
				      "units.csv", "curves/first.csv", "curves/second.csv", "figures/sweep-z.svg",
				      "checkpoints/model_0.safetensors", "checkpoints/model_1.safetensors"};

static const char *file(const char *run, const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", run, name);
	return scratch(path);
}

static const char *write_experiment(void)
{
	const char *path = scratch("starved.yaml");
	ck_assert_ok(pb_file_write(path, experiment, sizeof experiment - 1));
	return path;
}

static struct outcome run(const char *out, bool resume)
{
	return RUN("run", write_experiment(), "-q", "--save-every", "0", "--out", scratch(out), resume ? "--resume" : NULL);
}

/* A run under a limit of the shell's, with none but the three usual files open; writing fails as on a full disk. What
 * it says is valid until the next one. */
static struct outcome run_within(const char *out, const char *limit)
{
	static char *said;
	char line[16384];
	snprintf(line, sizeof line,
		 "exec >%s 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; trap '' XFSZ; ulimit %s; exec %s run %s -q --save-every 0 "
		 "--out %s", scratch("said"), limit, command_path(), write_experiment(), scratch(out));
	const int status = system(line);
	free(said);
	said = read_text(scratch("said"));
	return (struct outcome){WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), said, said};
}

static void check_same(const char *out)
{
	for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
		void *a, *b;
		size_t a_size, b_size;
		ck_assert_ok(pb_file_read(file("whole", results[i]), 1 << 26, &a, &a_size));
		ck_assert_ok(pb_file_read(file(out, results[i]), 1 << 26, &b, &b_size));
		ck_assert_msg(a_size == b_size && !memcmp(a, b, a_size), "%s of %s differs", results[i], out);
		free(a);
		free(b);
	}
}

/* It failed for this reason, or had enough; and what it left can be gone on with. Returns whether it failed. */
static bool check_outcome(const char *out, struct outcome o, const char *why)
{
	const bool failed = o.code != 0;
	ck_assert_msg(o.code >= 0 && o.code <= 2, "exit code %d\n%s", o.code, o.err);
	if (failed)
		check_says(o.err, why);
	if (failed && exists(file(out, "config.yaml"))) {
		o = run(out, true);
		ck_assert_msg(o.code == 0, "--resume: exit code %d\n%s", o.code, o.err);
	}
	if (exists(file(out, "config.yaml")))
		check_same(out);
	return failed;
}

/* Three are open when it starts, and the loader needs one more. */
START_TEST(too_many_open_files)
{
	ck_assert_int_eq(run("whole", false).code, 0);
	int n_failed = 0;
	for (int files = 4; files < 12; files++) {
		char out[32], limit[32];
		snprintf(out, sizeof out, "files-%d", files);
		snprintf(limit, sizeof limit, "-n %d", files);
		n_failed += check_outcome(out, run_within(out, limit), "Too many open files");
	}
	ck_assert_int_gt(n_failed, 1);
}
END_TEST

START_TEST(no_room_on_the_disk)
{
	static const int blocks[] = {2, 4, /* LLVM's OpenMP runtime does not start with less */ 8, 16, 32, 64, 128, 256};
	ck_assert_int_eq(run("whole", false).code, 0);
	int n_failed = 0;
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
		char out[32], limit[32];
		snprintf(out, sizeof out, "room-%d", blocks[i]);
		snprintf(limit, sizeof limit, "-f %d", blocks[i]);
		n_failed += check_outcome(out, run_within(out, limit), "File too large");
	}
	ck_assert_int_gt(n_failed, 3);
}
END_TEST

/* A file system of its own that is really full, where the system lets this process have one; a larger one afterwards. */
START_TEST(full_file_system)
{
	static const int sizes[] = {8, 24, 48, 96, 160, 240};
	char line[16384];
	int n_failed = 0;
	ck_assert_int_eq(run("whole", false).code, 0);
	ck_assert_int_eq(mkdir(scratch("full"), 0700), 0);
	if (system("unshare -rm mount -t tmpfs -o size=8k none /tmp 2>/dev/null"))
		return;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char out[32];
		snprintf(out, sizeof out, "full-%d", sizes[i]);
		snprintf(line, sizeof line,
			 "cd %s && PB='%s run %s -q --save-every 0 --out full/run' exec unshare -rm sh -c '"
			 "mount -t tmpfs -o size=%dk none full && $PB 2>said; echo $? >code;"
			 "mount -o remount,size=64m none full && if [ -e full/run/config.yaml ]; then PB=\"$PB --resume\"; "
			 "else rm -rf full/run; fi; $PB && cp -r full/run %s'",
			 pb_test_dir(), command_path(), scratch("starved.yaml"), sizes[i], out);
		ck_assert_msg(!system(line), "with %d kB", sizes[i]);
		char *code = read_text(scratch("code")), *said = read_text(scratch("said"));
		n_failed += atoi(code) != 0;
		ck_assert_msg(atoi(code) >= 0 && atoi(code) <= 2, "exit code %s with %d kB: %s", code, sizes[i], said);
		if (atoi(code))
			check_says(said, "No space left on device");
		check_same(out);
		free(code);
		free(said);
	}
	ck_assert_int_gt(n_failed, 2);
}
END_TEST

/* Where nobody may make a folder, root neither. */
START_TEST(read_only_folder)
{
	struct outcome o = RUN("run", write_experiment(), "-q", "--out", "/proc/patchbay/run");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "cannot make the folder /proc/patchbay");
}
END_TEST

static const char *const parts[] = {"curves",      "checkpoints",  "sweeps", "figures",
				    "report.html", "results.json", "log.txt"};

/* A part of the run's folder cannot be written, for a while. */
START_TEST(blocked_parts)
{
	const char *part = parts[_i];
	ck_assert_int_eq(run("whole", false).code, 0);
	ck_assert_int_eq(mkdir(scratch("blocked"), 0700), 0);
	if (strchr(part, '.'))
		ck_assert_int_eq(mkdir(file("blocked", part), 0700), 0);
	else
		ck_assert_ok(pb_file_write(file("blocked", part), "", 0));
	struct outcome o = run("blocked", false);
	ck_assert_int_eq(o.code, 1);
	check_says(o.err, part);
	ck_assert_int_eq(remove(file("blocked", part)), 0);
	check_outcome("blocked", run("blocked", true), "");
}
END_TEST

static const char *const printing[] = {"--version", "--help", "run --help",         "plugin list",
				       "keys",      "manual", "check starved.yaml", "completion bash"};

START_TEST(output_that_nobody_can_take)
{
	char line[8192];
	write_experiment();
	if (access("/dev/full", W_OK))
		return;
	snprintf(line, sizeof line, "cd %s && %s %s >/dev/full 2>said", pb_test_dir(), command_path(), printing[_i]);
	ck_assert_msg(WEXITSTATUS(system(line)) == 1, "%s", line);
	char *said = read_text(scratch("said"));
	check_says(said, "cannot write");
	free(said);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("starved");
	TCase *tcase = tcase_create("starved");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, too_many_open_files);
	tcase_add_test(tcase, no_room_on_the_disk);
	tcase_add_test(tcase, full_file_system);
	tcase_add_test(tcase, read_only_folder);
	tcase_add_loop_test(tcase, blocked_parts, 0, sizeof parts / sizeof *parts);
	tcase_add_loop_test(tcase, output_that_nobody_can_take, 0, sizeof printing / sizeof *printing);
	return pb_test_run(suite, NULL);
}
