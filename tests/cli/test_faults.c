/* test_faults.c: runs with plugins that misbehave: each ends with a message that names plugin and fault, keeps what it has, and
 * leaves the call in a capsule. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/command.h"
#include "support/support.h"

static const char experiment[] =
	"name: faults\nmodel: {n_layers: 2, d_model: 16, n_heads: 4, d_mlp: 16}\ndata: {plugin: oocl, mod: 30}\n"
	"probe: {unit: 3}\nmetric: {plugin: correct_logit}\nsweeps:\n"
	"  - {name: z, hook: z, setter: {plugin: layer_head}, over: [layer, head], forward: corrupted}\n";

static const char *plugins(const char *folder)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/tests/plugins/%s:%s/plugins", getenv("PATCHBAY_BUILD"), folder,
		 getenv("PATCHBAY_BUILD"));
	return path;
}

/* The experiment with one value set. A plugin's call may take half a second. */
static struct outcome run(const char *folder, const char *set, const char *also, const char *out)
{
	const char *file = scratch("faults.yaml");
	ck_assert_ok(pb_file_write(file, experiment, strlen(experiment)));
	const char *argv[16] = {"run", file, "--plugin-time", "0.5", "--out", scratch(out), "--set", set};
	if (also)
		memcpy(argv + 8, (const char *[]){"--set", also}, 2 * sizeof *argv);
	return command_wait(command_start(NULL, plugins(folder), argv));
}

/* A terminal's lines as one. */
static char *joined(const char *text)
{
	char *copy = strdup(text), *to = copy;
	for (const char *from = text; *from; from++) {
		const bool blank = strchr(" \n", *from);
		if (!blank || (to > copy && to[-1] != ' '))
			*to++ = blank ? ' ' : *from;
	}
	*to = '\0';
	return copy;
}

#define SETTER "sweeps.0.setter.plugin="

static const struct {
	const char *folder, *set;
	int code;
	const char *says;
} table[] = {
	/* Built against another patchbay; or no plugin at all. */
	{"bad", SETTER "major", 2, "ABI major: host 1, plugin 2"},
	{"bad", SETTER "minor", 2, "ABI minor: host 0, plugin 1"},
	{"bad", SETTER "real", 2, "real bytes: host 8, plugin 4"},
	{"bad", SETTER "index", 2, "index bytes: host 8, plugin 4"},
	{"bad", SETTER "layout", 2, "layout: host "},
	{"bad", SETTER "symbol", 2, "it does not export patchbay_plugin"},
	{"faulty", SETTER "faulty_param", 2, "parameter `count` stands twice in the table"},
	{"faulty", SETTER "faulty_extension", 2, "extension `test.extension/1` stands twice"},
	{"bad", SETTER "param_doc", 2, "param_doc.so did not load: param_doc: parameter `count` needs a doc text"},
	/* What it does to memory. */
	{"faulty", SETTER "faulty_far", 1, "faulty_far: apply at blocks.0.attn.hook_z wrote to memory 4048 bytes behind the end of"},
	{"faulty", SETTER "faulty_before", 1, "wrote to memory 4 bytes in front of the tensor of `target`"},
	{"faulty", SETTER "faulty_behind", 1, "wrote outside the region, in `activation` element [0, 3, 1, 0]"},
	{"faulty", SETTER "faulty_source", 1, "wrote to `source`, which is read-only, element [0, 3, 0, 3]"},
	{"faulty", SETTER "faulty_activation", 1, "wrote to `activation`, which is read-only, element [0, 0, 0, 0]"},
	{"faulty", SETTER "faulty_read", 1, "read memory right behind the end of the tensor of `source`"},
	{"faulty", SETTER "faulty_nan", 0, "setter faulty_nan: apply wrote nan at element [0, "},
	{"faulty", SETTER "faulty_inf", 0, "setter faulty_inf: apply wrote inf at element [0, "},
	{"faulty", SETTER "faulty_leak", 0, "setter faulty_leak: destroy left 1 allocation of host->alloc"},
	/* What it does not come back from. */
	{"faulty", SETTER "faulty_crash_create", 2, "setter faulty_crash_create: create crashed: SIGSEGV at address 0x10"},
	{"faulty", SETTER "faulty_crash_apply", 1, "setter faulty_crash_apply: apply crashed: SIGSEGV at address 0x10"},
	{"faulty", SETTER "faulty_crash_destroy", 0, "setter faulty_crash_destroy: destroy crashed: SIGSEGV"},
	{"faulty", SETTER "faulty_loop", 1, "setter faulty_loop: apply took longer than 0.5 s"},
	{"faulty", SETTER "faulty_exit", 1, "setter faulty_exit: apply called exit"},
	{"bad", "metric.plugin=constructor", 2, "while it was loaded it crashed: SIGABRT: a mistake of its constructor"},
	/* What it returns. */
	{"faulty", SETTER "faulty_silent", 1, "setter faulty_silent: apply failed without a reason (value out of range)"},
	{"faulty", SETTER "faulty_counts", 1, "when it was called again on the same"},
	{"faulty", "loss=faulty_slope", 0, "patchbay: metric faulty_slope: adjoint of row 0 has the slope "},
	{"faulty", "loss=faulty_weights", 0, "patchbay: metric faulty_weights: adjoint of row 0 has the slope "},
	{"faulty", "loss=faulty_logit", 1, "metric faulty_logit: adjoint left `ret_dlogits` element [0, 0] unwritten"},
	{"faulty", "metric.plugin=faulty_skips", 1, "metric faulty_skips: score left `ret_score` element ["},
	{"faulty", "metric.plugin=faulty_input", 1, "metric faulty_input: score wrote to `logits`, which is read-only"},
	{"faulty", "metric.plugin=faulty_calls", 1, "metric faulty_calls: score gave "},
	{"faulty", "metric.plugin=faulty_score", 1, "metric `faulty_score` gave no number for row 1"},
};

START_TEST(each_fault_is_named)
{
	char out[32];
#if defined(__SANITIZE_ADDRESS__)
	/* A checker of memory has the last word. */
	if (strstr(table[_i].set, "faulty_leak"))
		return;
#endif
	snprintf(out, sizeof out, "run-%d", _i);
	struct outcome o = run(table[_i].folder, table[_i].set, NULL, out);
	char *both = NULL;
	ck_assert_int_ge(asprintf(&both, "%s%s", o.out, o.err), 0);
	char *all = joined(both);
	free(both);
	check_says(all, table[_i].says);
	ck_assert_msg(o.code == table[_i].code, "%s: exit code %d\n%s", table[_i].set, o.code, all);
	free(all);
}
END_TEST

/* Where a run needs the adjoint. */
START_TEST(wrong_transpose)
{
	struct outcome o = run("faulty", SETTER "faulty_adjoint", "sweeps.0.gradient=torch", "transpose");
	char *err = joined(o.err);
	check_says(err, "setter faulty_adjoint: at blocks.1.attn.hook_z, adjoint is not the transpose of apply");
	ck_assert_int_eq(o.code, 1);
	free(err);
}
END_TEST

/* Line `number` of a run's table, from 0: the heading. */
static char *table_line(const char *run_folder, int number)
{
	char path[256];
	snprintf(path, sizeof path, "%s/sweeps/z.csv", run_folder);
	char *text = read_text(scratch(path)), *at = text;
	for (int i = 0; i < number; i++)
		at = strchr(at, '\n') + 1;
	char *line = strndup(at, strcspn(at, "\n"));
	free(text);
	return line;
}

static const char *capsule_of(const char *run_folder)
{
	static char path[512];
	snprintf(path, sizeof path, "%s/capsules/1-setter-late-apply.npz", run_folder);
	return scratch(path);
}

static const struct {
	const char *how, *says;
	int code;
} late[] = {
	{"crash", "apply crashed: SIGSEGV at address 0x2", 1},
	{"abort", "apply crashed: SIGABRT", 1},
	{"stack", "apply crashed: SIGSEGV at address 0x", 1},
	{"loop", "apply took longer than 0.5 s", 1},
	{"exit", "apply called exit", 1},
	{"silent", "apply failed without a reason", 1},
	{"error", "apply: head 2 is not to my taste", 1},
	{"exit_now", "apply called exit", 1},
	{"mumble", "cut within a character: ", 1},
	{"nan", "apply wrote nan at element [0, 1, 0, 1] of its region", 0},
};

/* The cells in front of it are those of a run where nothing happened. */
static void check_kept(const char *run_folder)
{
	for (int line = 0; line < 3; line++) {
		char *here = table_line(run_folder, line), *there = table_line("good", line);
		ck_assert_str_eq(here, there);
		free(here);
		free(there);
	}
}

START_TEST(results_so_far_are_kept_and_so_is_the_call)
{
	char how[64];
	snprintf(how, sizeof how, "sweeps.0.setter.how=%s", late[_i].how);
	ck_assert_int_eq(run("faulty", SETTER "late", NULL, "good").code, 0);
	struct outcome o = run("faulty", SETTER "late", how, "bad");
	ck_assert_int_eq(o.code, late[_i].code);
	char *told = joined(late[_i].code ? o.err : o.out);
	check_says(told, late[_i].says);
	check_says(told, "cell 2 (layer 0, head 2)");
	check_says(told, capsule_of("bad"));
	free(told);
	check_kept("bad");
	ck_assert(exists(scratch("bad/report.html")));
	/* The call, once more. A hang takes too long for a test. */
	if (!strcmp(late[_i].how, "loop"))
		return;
	o = command_wait(command_start(NULL, plugins("faulty"),
				       (const char *const[]){"plugin", "replay", capsule_of("bad"), NULL}));
	ck_assert_int_eq(o.code, 1);
	check_says(o.out, "setter late 1.0.0, ");
	check_says(o.out, "then: setter late: ");
	check_says(o.out, "apply at blocks.0.attn.hook_z (forward): target [1, 4, 1, 4], float32");
	check_says(o.out, "\nnow: ");
}
END_TEST

static const struct {
	const char *how, *says;
	int code;
} odd[] = {
	{"round", "apply changed how floating point rounds or traps, which was set back", 0},
	{"move", "create changed the working folder, which was set back", 0},
	{"fork", "", 0},
	{"deaf", "setter late: apply hangs and lets no signal through; patchbay ends", 1},
};

/* What it does to the process and not to its tensors. */
START_TEST(the_process_stays_as_it_is)
{
	char how[64];
	snprintf(how, sizeof how, "sweeps.0.setter.how=%s", odd[_i].how);
	ck_assert_int_eq(run("faulty", SETTER "late", NULL, "good").code, 0);
	struct outcome o = run("faulty", SETTER "late", how, "odd");
	ck_assert_msg(o.code == odd[_i].code, "exit code %d\n%s", o.code, o.err);
	check_says(o.err, odd[_i].says);
	for (int line = 0; !o.code && line < 9; line++) {
		char *here = table_line("odd", line), *there = table_line("good", line);
		ck_assert_str_eq(here, there);
		free(here);
		free(there);
	}
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) /* which notices it first, and ends the program */
/* malloc may be locked by then: within seconds it ends all the same, and says whose doing it was. */
START_TEST(damaged_heap)
{
	struct outcome o = run("faulty", SETTER "late", "sweeps.0.setter.how=damage", "bad");
	ck_assert_msg(o.code == 1, "exit code %d\n%s", o.code, o.err);
	check_says(o.err, "setter late: apply crashed");
	check_says(o.err, "SIGABRT");
}
END_TEST
#endif

/* Behind the last scored position. */
START_TEST(not_finite_where_it_does_not_matter)
{
	struct outcome o = run("faulty", SETTER "late", "sweeps.0.setter.how=last_nan", "bad");
	ck_assert_int_eq(o.code, 0);
	char *told = joined(o.out);
	check_says(told, "the patch wrote numbers that are not finite in 2 of 8 cells, where they did not matter");
	free(told);
}
END_TEST

static struct outcome replay(const char *folder, const char *capsule)
{
	return command_wait(
		command_start(NULL, plugins(folder), (const char *const[]){"plugin", "replay", capsule, NULL}));
}

START_TEST(what_cannot_be_replayed)
{
	struct outcome o = run("faulty", SETTER "late", "sweeps.0.setter.how=silent", "bad");
	ck_assert_int_eq(o.code, 1);
	o = replay("bad", capsule_of("bad"));
	ck_assert_int_eq(o.code, 1);
	check_says(o.err, "there is no setter plugin `late`");
	o = replay("faulty", scratch("bad/sweeps/z.npz"));
	check_says(o.err, "is no capsule, or a damaged one: it has no `about`");
	o = replay("faulty", scratch("absent.npz"));
	check_says(o.err, "absent.npz");
	ck_assert_int_eq(o.code, 2);
}
END_TEST

/* With every byte wrong in turn, at a stride: nothing worse than a refusal. */
START_TEST(damaged_capsules)
{
	ck_assert_int_eq(run("faulty", SETTER "late", "sweeps.0.setter.how=silent", "bad").code, 1);
	void *data;
	size_t size;
	ck_assert_ok(pb_file_read(capsule_of("bad"), 1 << 20, &data, &size));
	for (size_t i = 0; i < 60; i++) {
		unsigned char *byte = (unsigned char *)data + i * 7919 % size, old = *byte;
		*byte ^= (unsigned char)(1 + i % 255);
		ck_assert_ok(pb_file_write(scratch("damaged.npz"), data, size));
		struct outcome o = replay("faulty", scratch("damaged.npz"));
		ck_assert_msg(o.code == 1 || o.code == 2, "byte %zu: exit code %d", i, o.code);
		*byte = old;
	}
	free(data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("faults");
	TCase *tcase = tcase_create("faults");
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, each_fault_is_named, 0, sizeof table / sizeof *table);
	tcase_add_test(tcase, wrong_transpose);
	tcase_add_loop_test(tcase, results_so_far_are_kept_and_so_is_the_call, 0, sizeof late / sizeof *late);
	tcase_add_test(tcase, not_finite_where_it_does_not_matter);
	tcase_add_loop_test(tcase, the_process_stays_as_it_is, 0, sizeof odd / sizeof *odd);
#if !defined(__SANITIZE_ADDRESS__)
	tcase_add_test(tcase, damaged_heap);
#endif
	tcase_add_test(tcase, what_cannot_be_replayed);
	tcase_add_test(tcase, damaged_capsules);
	return pb_test_run(suite, NULL);
}
