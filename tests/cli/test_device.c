/* test_device.c: --device: on a machine without CUDA, on one whose device fails, and the same results there as on the CPU.
 * The device is the emulated one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/folder.h"
#include "support/support.h"

#define BACKEND      getenv("PB_TEST_EMULATION")
#define Z(name, set) "  - {name: " name ", hook: z, setter: " set ", over: [layer, head], forward: corrupted}\n"

static pid_t start_on(const char *device, const char *experiment, const char *out)
{
	static char plugins[4096];
	snprintf(plugins, sizeof plugins, "%s/tests/cli/plugins", getenv("PATCHBAY_BUILD"));
	const char *words[] = {"run", experiment, "--out", scratch(out), "--quiet", device ? "--device" : NULL, device, NULL};
	return command_start(NULL, plugins, words);
}

static struct outcome run_on(const char *device, const char *experiment, const char *out)
{
	return command_wait(start_on(device, experiment, out));
}

static void setup(void)
{
	setenv("PATCHBAY_BACKEND_PATH", BACKEND, 1);
	unsetenv("PBK_EMULATION_FAIL");
}

START_TEST(no_kernels)
{
	setenv("PATCHBAY_BACKEND_PATH", pb_test_dir(), 1);
	struct outcome o = run_on("cuda", write_golden("none", "sweeps:\n" Z("z", "layer_head")), "none");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "patchbay run: this patchbay has no CUDA kernels: there is no patchbay-cuda.so in ");
	check_says(o.err, "or compute on the CPU (`--device cpu`)");
	ck_assert(!exists(scratch("none")));
	o = run_on("auto", write_golden("none", "sweeps:\n" Z("z", "layer_head")), "none");
	ck_assert_int_eq(o.code, 0);
	ck_assert_str_eq(o.err, ""); /* --quiet */
	check_file_says("none", "results.json", "\"cpu\"");
}
END_TEST

static const struct {
	const char *fail, *device, *said;
} refused[] = {
	{"driver", "cuda", "the NVIDIA driver is too old: it supports CUDA 12.8, and CUDA 13 is needed"},
	{"device", "cuda", "CUDA cannot be used: no CUDA-capable device is detected"},
	{"nothing", "cuda:3", "there is no CUDA device 3: this machine has 1"},
};

START_TEST(no_device)
{
	setenv("PBK_EMULATION_FAIL", refused[_i].fail, 1);
	struct outcome o =
		run_on(refused[_i].device, write_golden("refused", "sweeps:\n" Z("z", "layer_head")), "refused");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, refused[_i].said);
	ck_assert(!exists(scratch("refused")));
}
END_TEST

START_TEST(the_file_names_the_device)
{
	struct outcome o = run_on(NULL, write_golden("named", "device: cuda\nsweeps:\n" Z("z", "layer_head")), "named");
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_file_says("named", "results.json", "\"emulated");
	o = run_on(NULL, write_golden("wrong", "device: gpu\nsweeps:\n" Z("z", "layer_head")), "wrong");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "`device` must be auto, cpu, cuda or cuda:NUMBER");
}
END_TEST

/* Ranks, of three GPUs. */
static const struct {
	const char *local_rank, *device, *said;
} ranks[] = {
	{"0", "cuda", "emulated device 0: "},
	{"5", "auto", "emulated device 2: "},
	{"1", "cuda:2", "emulated device 2: "}, /* as it was told */
};

START_TEST(each_rank_has_a_device)
{
	const char *file = write_golden("placed", "sweeps:\n" Z("z", "layer_head"));
	setenv("PBK_EMULATION_DEVICES", "3", 1);
	setenv("PBK_EMULATION_COUNT", "1", 1);
	setenv("PMI_SIZE", "2", 1);
	setenv("PMI_RANK", "1", 1);
	pid_t other = start_on("cuda", file, "placed");
	setenv("PMI_RANK", "0", 1);
	setenv("MPI_LOCALRANKID", ranks[_i].local_rank, 1);
	struct outcome o = run_on(ranks[_i].device, file, "placed");
	ck_assert_msg(o.code == 0, "%s", o.err);
	check_says(o.err, ranks[_i].said);
	ck_assert_int_eq(command_wait(other).code, 0);
}
END_TEST

/* The numbers of a sweep's column `metric`. */
static int read_metrics(const char *run, const char *sweep, double *ret_values, int room)
{
	char path[256], *text, *save = NULL;
	int n = 0, column = 0;
	snprintf(path, sizeof path, "sweeps/%s.csv", sweep);
	text = read_of(run, path);
	char *line = strtok_r(text, "\n", &save);
	for (const char *c = line; c < strstr(line, "metric"); c++)
		column += *c == ',';
	while ((line = strtok_r(NULL, "\n", &save)) && n < room) {
		for (int i = 0; i < column; i++)
			line = strchr(line, ',') + 1;
		ret_values[n++] = strtod(line, NULL);
	}
	free(text);
	return n;
}

START_TEST(as_on_the_cpu)
{
	double cpu[16], cuda[16], raw[16];
	const char *file = write_golden("same", "sweeps:\n" Z("z", "layer_head") Z("raw", "raw"));
	struct outcome o = run_on("cpu", file, "on-cpu");
	ck_assert_msg(o.code == 0, "%s", o.err);
	setenv("PBK_EMULATION_GUARD", "1", 1);
	o = run_on("cuda", file, "on-cuda");
	unsetenv("PBK_EMULATION_GUARD");
	ck_assert_msg(o.code == 0, "%s", o.err);
	ck_assert_int_eq(read_metrics("on-cpu", "z", cpu, 16), 12);
	ck_assert_int_eq(read_metrics("on-cuda", "z", cuda, 16), 12);
	ck_assert_int_eq(read_metrics("on-cuda", "raw", raw, 16), 12);
	for (int i = 0; i < 12; i++) {
		ck_assert_double_eq_tol(cpu[i], cuda[i], 2e-4);
		ck_assert_msg(cuda[i] == raw[i], "cell %d: %.17g and %.17g", i, cuda[i], raw[i]);
	}
}
END_TEST

/* Sizes that quads divide beside others, on a device that shares a product's parts among blocks. */
START_TEST(odd_sizes)
{
	double cpu[16], cuda[16];
	const char *file = write_experiment(
		"odd", "model: {n_layers: 2, d_model: 51, n_heads: 2, d_head: 16, d_mlp: 33}\ndata: {plugin: oocl, mod: 30}\n"
		       "train:\n  - {name: short, split: X1, steps: 2, batch_size: 129, save: m}\n"
		       "probe: {unit: 4, model: m}\nmetric: correct_logit\nsweeps:\n" Z("z", "layer_head"));
	struct outcome o = run_on("cpu", file, "odd-cpu");
	ck_assert_msg(o.code == 0, "%s", o.err);
	setenv("PBK_EMULATION_SIZE", "132", 1);
	o = run_on("cuda", file, "odd-cuda");
	ck_assert_msg(o.code == 0, "%s", o.err);
	ck_assert_int_eq(read_metrics("odd-cpu", "z", cpu, 16), 4);
	ck_assert_int_eq(read_metrics("odd-cuda", "z", cuda, 16), 4);
	for (int i = 0; i < 4; i++)
		ck_assert_double_eq_tol(cpu[i], cuda[i], 2e-4);
}
END_TEST

/* The 20 digits behind `label` in a manifest. */
static void read_id(const char *manifest, const char *label, char *ret_id)
{
	const char *at = strstr(manifest, label);
	ck_assert_msg(at, "no %s in %s", label, manifest);
	snprintf(ret_id, 21, "%s", at + strlen(label));
	ck_assert_msg(strspn(ret_id, "0123456789abcdef") == 20, "%s", ret_id);
}

/* The backend is a file of its own: the manifest tells its build too. */
START_TEST(manifest)
{
	char program[21], kernels[21];
	struct outcome o = run_on("cuda", write_golden("told", "sweeps:\n" Z("z", "layer_head")), "told");
	ck_assert_msg(o.code == 0, "%s", o.err);
	char *text = read_of("told", "manifest.yaml");
	read_id(text, ", kernels' build id ", kernels);
	read_id(text, ", build id ", program);
	ck_assert_str_ne(program, kernels);
	free(text);
}
END_TEST

/* How often a run launches; 0 where it says nothing. */
static long count_launches(const char *file)
{
	setenv("PBK_EMULATION_COUNT", "1", 1);
	struct outcome o = run_on("cuda", file, "counted");
	unsetenv("PBK_EMULATION_COUNT");
	const char *said = strstr(o.err, "emulated device 0: ");
	return said ? strtol(said + strlen("emulated device 0: "), NULL, 10) : 0;
}

START_TEST(a_lost_device_leaves_what_was_done)
{
	char fail[64];
	const char *file = write_golden("lost", "sweeps:\n" Z("first", "layer_head") Z("second", "layer_head"));
	const long launches = count_launches(file);
	ck_assert_int_gt(launches, 100);
	snprintf(fail, sizeof fail, "launch:%ld", launches - 20);
	setenv("PBK_EMULATION_FAIL", fail, 1);
	struct outcome o = run_on("cuda", file, "lost");
	ck_assert_int_eq(o.code, 1);
	check_says(o.err, "device cuda failed: unspecified launch failure");
	ck_assert(exists(scratch("lost/sweeps/first.csv")));
	check_file_says("lost", "report.html", "the run ended early: ");
}
END_TEST

START_TEST(no_device_memory)
{
	setenv("PBK_EMULATION_FAIL", "malloc:2", 1);
	struct outcome o = run_on("cuda", write_golden("full", "sweeps:\n" Z("z", "layer_head")), "full");
	ck_assert_int_eq(o.code, 1);
	check_says(o.err, "out of memory");
}
END_TEST

static Suite *device(void)
{
	Suite *s = suite_create("device");
	TCase *tc = tcase_create("device");
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, no_kernels);
	tcase_add_loop_test(tc, no_device, 0, sizeof refused / sizeof *refused);
	tcase_add_test(tc, the_file_names_the_device);
	tcase_add_loop_test(tc, each_rank_has_a_device, 0, sizeof ranks / sizeof *ranks);
	tcase_add_test(tc, as_on_the_cpu);
	tcase_add_test(tc, odd_sizes);
	tcase_add_test(tc, manifest);
	tcase_add_test(tc, a_lost_device_leaves_what_was_done);
	tcase_add_test(tc, no_device_memory);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return pb_test_run(device(), NULL);
}
