/* test_ranks.c: ranks that share a run's cells: the tables of a run that is alone, to the bit, whoever dies.
 *
 * They are started with the environment that MPICH's launcher gives them, so that nobody ends the others with the one.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/folder.h"
#include "support/support.h"

/* %s: the probe. */
static const char experiment[] =
	"name: shared\nfolder: .\nmodel: {n_layers: 2, d_model: 32, n_heads: 4, d_mlp: 32}\ndata: {plugin: oocl, mod: 30}\n"
	"train:\n"
	"  - {name: first, split: X1, epochs: 10, evaluate: {accuracy: [DtQ1, Dt3]}, save: model_0}\n"
	"  - {name: second, split: X2, epochs: 5, evaluate: {accuracy: [DtQ1, Dt3]}, save: model_1}\n"
	"probe: %s\nmetric: correct_logit\nsweeps:\n"
	"  - {name: z, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}\n"
	"  - {name: pattern, hook: pattern, setter: layer_head_dest_src_pattern,\n"
	"     over: [layer, head, dest_pos, src_pos], forward: corrupted}\n"
	"  - {name: noise, hook: resid_pre, setter: {plugin: noise, std: 0.5}, over: [layer, pos], forward: ablate,\n"
	"     estimate: true}\n";

static const char one_unit[] = "{model: model_0, select: {metric: accuracy, before: model_0, after: model_1, sets: [Dt3, Df4]}}";
static const char two_models[] = "{model: [model_0, model_1], unit: 4}";
static const char units[] = "{model: model_1, units: [1, 4, 5, 9]}";

/* Long enough for all ranks to have come. */
#define SLOW "--engine", "reference", "--set", "model.n_layers=4", "--set", "model.d_model=128"
static const char *const slow[] = {SLOW, NULL}, *const resume[] = {SLOW, "--resume", NULL};

static pid_t start(const char *probe, const char *out, int rank, int size, const char *const *more)
{
	char text[4096], number[16];
	const char *path = scratch("shared.yaml"), *argv[24] = {"run", path, "-q", "--threads", "1", "--out", scratch(out)};
	snprintf(text, sizeof text, experiment, probe);
	if (!rank)
		ck_assert_ok(pb_file_write(path, text, strlen(text)));
	for (int i = 0; more && more[i]; i++)
		argv[7 + i] = more[i];
	if (size > 1) {
		snprintf(number, sizeof number, "%d", rank);
		setenv("PMI_RANK", number, 1);
		snprintf(number, sizeof number, "%d", size);
		setenv("PMI_SIZE", number, 1);
	}
	pid_t pid = command_start(NULL, NULL, argv);
	unsetenv("PMI_RANK");
	unsetenv("PMI_SIZE");
	return pid;
}

static void start_all(const char *probe, const char *out, int size, const char *const *more, pid_t *ret_pids)
{
	for (int rank = 0; rank < size; rank++)
		ret_pids[rank] = start(probe, out, rank, size, more);
}

static void check_ends(pid_t pid)
{
	struct outcome o = command_wait(pid);
	ck_assert_msg(!o.code, "exit code %d: %s", o.code, o.err);
}

static const char *const one_tables[] = {"sweeps/z.csv", "sweeps/pattern.csv", "sweeps/noise.csv", "sweeps/noise.npz",
					 "curves/first.csv", "units.csv", "estimate-parameters.csv",
					 "checkpoints/model_1.safetensors", "manifest.yaml", NULL};
static const char *const model_tables[] = {"sweeps/z.model_0.csv", "sweeps/pattern.model_1.csv", "probes.csv", NULL};
static const char *const unit_tables[] = {"sweeps/z.csv", "sweeps/z.units.csv", "sweeps/noise.npz", "probes.csv", NULL};
static const char *const seed_tables[] = {"sweeps/z.csv", "seed-1/sweeps/pattern.csv", "seed-2/sweeps/noise.csv", NULL};

static const struct {
	const char *probe;
	int size;
	const char *more[8];
	const char *const *tables;
} shared_runs[] = {
	{one_unit, 2, {NULL}, one_tables},
	{one_unit, 4, {NULL}, one_tables},
	{one_unit, 3, {SLOW, NULL}, one_tables},
	{two_models, 2, {NULL}, model_tables},
	{units, 3, {NULL}, unit_tables},
	{two_models, 2, {"--set", "seeds=[1, 2]", "--set=probe.model=model_1", NULL}, seed_tables},
};

static bool has_claimed(const char *out, int rank)
{
	void *bytes;
	size_t size;
	if (!exists(in_run(out, "ranks/claims")) || pb_file_read(in_run(out, "ranks/claims"), 1 << 20, &bytes, &size))
		return false;
	bool found = memchr(bytes, 1 + rank, size) != NULL;
	free(bytes);
	return found;
}

static void rest(long milliseconds)
{
	nanosleep(&(struct timespec){0, milliseconds * 1000000}, NULL);
}

/* Waits until a rank has claimed a cell. Rank 0, which may be faster than the others come, stands still most of the time. */
static void await_claim(const char *out, int rank, pid_t first)
{
	for (int i = 0; i < 2000 && !exists(in_run(out, "ranks/go")); i++)
		rest(2);
	bool found = false;
	for (int i = 0; i < 1000 && !(found = has_claimed(out, rank)); i++) {
		kill(first, SIGSTOP);
		rest(20);
		kill(first, SIGCONT);
		rest(1);
	}
	ck_assert_msg(found, "rank %d takes no cell", rank);
}

/* Waits until a rank has made cells, which it does while rank 0 stands still: then it is making others, most likely. */
static void await_cells(const char *out, int rank, pid_t first)
{
	char name[32];
	off_t before = 0, size = 0;
	snprintf(name, sizeof name, "ranks/%d/journal", rank);
	await_claim(out, rank, first);
	kill(first, SIGSTOP);
	for (int i = 0; i < 5000 && (!before || size == before); i++) {
		struct stat status;
		size = stat(in_run(out, name), &status) ? 0 : status.st_size;
		before = before ? before : size;
		rest(2);
	}
	ck_assert_msg(size > before, "rank %d makes no cell", rank);
}

/* The slow run of a single rank, made once for all tests. */
static char slow_run[256];

static void make_slow_run(void)
{
	check_ends(start(one_unit, "slow", 0, 1, slow));
	snprintf(slow_run, sizeof slow_run, "%s", scratch("slow"));
}

static void see_slow_run(void)
{
	ck_assert_int_eq(symlink(slow_run, scratch("slow")), 0);
}

START_TEST(shared)
{
	pid_t pids[8];
	const int size = shared_runs[_i].size;
	const char *log = shared_runs[_i].tables == seed_tables ? "seed-1/log.txt" : "log.txt";
	char says[64];
	const bool is_slow = shared_runs[_i].more[0] && !strcmp(shared_runs[_i].more[0], slow[0]);
	if (!is_slow)
		check_ends(start(shared_runs[_i].probe, "alone", 0, 1, shared_runs[_i].more));
	start_all(shared_runs[_i].probe, "shared", size, shared_runs[_i].more, pids);
	for (int rank = 1; is_slow && rank < size; rank++)
		await_claim("shared", rank, pids[0]);
	for (int rank = 0; rank < size; rank++)
		check_ends(pids[rank]);
	check_all_same(is_slow ? "slow" : "alone", "shared", shared_runs[_i].tables);
	snprintf(says, sizeof says, "ranks: %d of %d take part", size, size);
	char *text = read_text(in_run("shared", log));
	check_says(text, says);
	check_says(text, "ranks: the others made ");
	if (is_slow)
		check_says_not(text, "ranks: the others made 0 cells");
	free(text);
	ck_assert(!exists(in_run("shared", "ranks")));
}
END_TEST

/* What a rank has taken that dies, rank 0 makes. */
START_TEST(a_rank_dies)
{
	pid_t pids[3];
	start_all(one_unit, "shared", 3, slow, pids);
	await_claim("shared", 1 + _i, pids[0]);
	kill(pids[1 + _i], SIGKILL);
	ck_assert_int_eq(command_wait(pids[1 + _i]).code, 128 + SIGKILL);
	check_ends(pids[2 - _i]);
	check_ends(pids[0]);
	check_all_same("slow", "shared", one_tables);
}
END_TEST

/* Nor is one waited for that lives and does nothing. Woken up, it ends without a word. */
START_TEST(a_rank_is_stopped)
{
	pid_t pids[2];
	start_all(one_unit, "shared", 2, slow, pids);
	await_cells("shared", 1, pids[0]);
	kill(pids[1], SIGSTOP);
	kill(pids[0], SIGCONT);
	check_ends(pids[0]);
	check_all_same("slow", "shared", one_tables);
	char *log = read_text(in_run("shared", "log.txt"));
	check_says_not(log, "and 0 that they had begun were made here");
	free(log);
	kill(pids[1], SIGCONT);
	check_ends(pids[1]);
}
END_TEST

/* The others end by themselves; what they have made is not made again. */
START_TEST(the_first_rank_dies)
{
	pid_t pids[3];
	start_all(one_unit, "shared", 3, slow, pids);
	await_claim("shared", 1, pids[0]);
	kill(pids[0], SIGKILL);
	ck_assert_int_eq(command_wait(pids[0]).code, 128 + SIGKILL);
	for (int rank = 1; rank < 3; rank++) {
		struct outcome o = command_wait(pids[rank]);
		ck_assert_int_eq(o.code, 1);
		check_says(o.err, "the first rank has ended before the run was done: go on with it by --resume");
	}
	ck_assert(exists(in_run("shared", "ranks/1/journal")));
	if (_i) {
		start_all(one_unit, "shared", 3, resume, pids);
		for (int rank = 0; rank < 3; rank++)
			check_ends(pids[rank]);
	} else {
		check_ends(start(one_unit, "shared", 0, 1, resume));
	}
	check_all_same("slow", "shared", one_tables);
	ck_assert(!exists(in_run("shared", "ranks")));
}
END_TEST

/* What another run's ranks have left is not this one's: neither in a folder without a run, nor in one with another. */
START_TEST(leftovers_of_another_run)
{
	static const char *const other[] = {"--set", "seed=7", NULL}, *const again[] = {"--resume", NULL};
	void *journal;
	size_t size;
	check_ends(start(units, "alone", 0, 1, NULL));
	check_ends(start(units, "other", 0, 1, other));
	ck_assert_ok(pb_file_read(in_run("other", "journal"), 1 << 26, &journal, &size));
	if (_i) {
		check_ends(start(units, "shared", 0, 1, NULL));
		ck_assert_int_eq(truncate(in_run("shared", "journal"), 4000), 0);
	}
	ck_assert_ok(pb_file_make_dir(in_run("shared", "ranks/9")));
	ck_assert_ok(pb_file_write(in_run("shared", "ranks/9/journal"), journal, size));
	check_ends(start(units, "shared", 0, 1, _i ? again : NULL));
	check_all_same("alone", "shared", unit_tables);
	ck_assert(!exists(in_run("shared", "ranks")));
	free(journal);
}
END_TEST

static void make_files(const char *folder, int n)
{
	char path[4096];
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%d", folder, i);
		int fd = open(path, O_WRONLY | O_CREAT, 0600);
		if (fd >= 0)
			close(fd);
		rest(fd < 0);
	}
}

/* Ranks that are still writing there cannot keep the first one from removing DIR/ranks. */
START_TEST(removed_while_others_write)
{
	const char *folder = in_run("shared", "ranks"), *many = in_run("shared", "ranks/9");
	ck_assert_ok(pb_file_make_dir(many));
	make_files(many, 5000); /* removed one by one, which takes a while */
	pid_t writer = fork();
	ck_assert_int_ge(writer, 0);
	if (!writer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		make_files(folder, INT_MAX);
		_exit(0);
	}
	check_ends(start(units, "shared", 0, 1, NULL));
	const bool stays = exists(folder);
	kill(writer, SIGKILL);
	ck_assert_int_eq(command_wait(writer).code, 128 + SIGKILL);
	ck_assert(!stays);
	ck_assert(!exists(in_run("shared", "ranks.removed")));
}
END_TEST

/* Training and merging are the first one's work: it waits for nobody. */
START_TEST(training_alone)
{
	const char *path = scratch("trained.yaml");
	char text[4096];
	snprintf(text, sizeof text, experiment, one_unit);
	ck_assert_ok(pb_file_write(path, text, strlen(text)));
	setenv("PMI_SIZE", "2", 1);
	for (int rank = 0; rank < 2; rank++) {
		setenv("PMI_RANK", rank ? "1" : "0", 1);
		struct outcome o = RUN("train", path, "-q", "--out", scratch("trained"));
		ck_assert_msg(!o.code, "%s", o.err);
	}
	unsetenv("PMI_RANK");
	unsetenv("PMI_SIZE");
	char *log = read_text(in_run("trained", "log.txt"));
	check_says_not(log, "ranks: ");
	free(log);
}
END_TEST

START_TEST(a_folder_is_needed)
{
	setenv("PMI_RANK", "0", 1);
	setenv("PMI_SIZE", "2", 1);
	struct outcome o = RUN("run", scratch("shared.yaml"));
	unsetenv("PMI_RANK");
	unsetenv("PMI_SIZE");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "ranks need a folder that all of them see: `--out`");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ranks");
	TCase *tcase = tcase_create("ranks");
	tcase_add_unchecked_fixture(tcase, make_slow_run, NULL);
	tcase_add_checked_fixture(tcase, see_slow_run, NULL);
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, shared, 0, sizeof shared_runs / sizeof *shared_runs);
	tcase_add_loop_test(tcase, a_rank_dies, 0, 2);
	tcase_add_test(tcase, a_rank_is_stopped);
	tcase_add_loop_test(tcase, the_first_rank_dies, 0, 2);
	tcase_add_loop_test(tcase, leftovers_of_another_run, 0, 2);
	tcase_add_test(tcase, removed_while_others_write);
	tcase_add_test(tcase, training_alone);
	tcase_add_test(tcase, a_folder_is_needed);
	return pb_test_run(suite, NULL);
}
