/* test_check.c: `patchbay plugin check` as a user calls it: what it says of each faulty plugin, and that it lets the
 * shipped ones, the templates and the examples pass. */
#include <patchbay/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "conform/check.h"
#include "support/support.h"

enum { MOST_PARTS = 4 };

static const char *built(const char *file)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/%s", getenv("PATCHBAY_BUILD"), file);
	return path;
}

/* Lines are broken where a terminal ends; what is compared has no lines. */
static const char *joined(char *text)
{
	char *to = text;
	for (const char *from = text; *from; from++) {
		bool blank = *from == ' ' || *from == '\n';
		if (!blank)
			*to++ = *from;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	}
	*to = '\0';
	return text;
}

/* Outside of a call a checker of memory speaks first. */
#if defined(__SANITIZE_ADDRESS__)
#define CRASHED "AddressSanitizer: SEGV"
#else
#define CRASHED "the process crashed: SIGSEGV"
#endif

static const struct fault {
	const char *file, *parts[MOST_PARTS];
} faults[] = {
	/* Not to be loaded. */
	{"bad/magic", {"FAILED file", "magic: host 0x79616270, plugin 0x00000001", "skipped load"}},
	{"bad/major", {"FAILED file", "ABI major: host 1, plugin 2", "rebuild the plugin"}},
	{"bad/minor", {"FAILED file", "ABI minor: host 0, plugin 1"}},
	{"bad/real", {"FAILED file", "real bytes: host 8, plugin 4"}},
	{"bad/index", {"FAILED file", "index bytes: host 8, plugin 4"}},
	{"bad/layout", {"FAILED file", "layout: host 0x"}},
	{"bad/note", {"FAILED file", "has no patchbay ABI note"}},
	{"bad/symbol", {"FAILED file", "it does not export patchbay_plugin"}},
	{"bad/unresolved", {"FAILED load", "nobody_defines_this", "skipped create"}},
	{"bad/param_doc", {"FAILED file", "parameter `count` needs a doc text of one line"}},
	{"faulty/faulty_param", {"FAILED file", "parameter `count` stands twice in the table"}},
	{"faulty/faulty_extension", {"FAILED file", "extension `test.extension/1` stands twice in its table"}},
	{"faulty/faulty_doc", {"FAILED texts", "its doc is blank"}},
	{"faulty/faulty_symbols", {"FAILED symbols", "it exports `helper` besides patchbay_plugin"}},
	{"faulty/faulty_crash_load", {"FAILED load", "while it was loaded it crashed: SIGSEGV at address 0x10", "skipped create"}},
	{"faulty/faulty_loop_load", {"FAILED load", "took longer than 3 s in all and was ended"}},
	/* Made and destroyed. */
	{"bad/silent",
	 {"FAILED create", "create failed without a reason (bad configuration): a mistake of the plugin"}},
	{"bad/status", {"FAILED create", "create returned 77, which is no status"}},
	{"faulty/faulty_crash_create", {"FAILED create", "create crashed: SIGSEGV at address 0x10"}},
	{"faulty/faulty_crash_destroy", {"FAILED create", "destroy crashed: SIGSEGV"}},
	{"faulty/faulty_defaults", {"FAILED create", "a count of 1 is not enough", "give by --params"}},
	{"faulty/faulty_leak",
	 {"FAILED cycles", "behind destroy, 1 piece of memory from the host was not freed", "1 failed"}},
	{"faulty/faulty_crash_memory",
	 {"FAILED memory",
	  "host->alloc gives NULL in create (call 1 of 2): setter faulty_crash_memory: create crashed"}},
	{"faulty/faulty_forgets",
	 {"FAILED memory", "(call 2 of 2): setter faulty_forgets: behind a create that failed, 1 piece of memory"}},
	{"faulty/faulty_bound", {"FAILED bounds", "create crashed: SIGSEGV", "text: ~ count: 9"}},
	{"faulty/faulty_negative", {"FAILED random", "create crashed: SIGSEGV", "share: -"}},
	{"faulty/faulty_text", {"FAILED hostile", "create crashed: SIGSEGV", "text: xxxxxx"}},
	{"faulty/faulty_file", {"FAILED files", "when a file that it reads is missing: ", "create crashed: SIGSEGV"}},
	/* Setters. */
	{"faulty/faulty_refuses", {"FAILED points", "prepare refuses every hook point", "is not to my taste"}},
	{"faulty/faulty_prepare", {"FAILED points", "of memory from the host were not freed"}},
	{"faulty/faulty_behind",
	 {"FAILED apply",
	  "setter faulty_behind: apply at hook_embed wrote to memory right behind the end of the tensor of "
	  "`target`"}},
	{"faulty/faulty_before", {"FAILED apply", "wrote outside the region, in `activation` element [0, 3, 15]"}},
	{"faulty/faulty_far",
	 {"FAILED apply", "wrote to memory 8192 bytes behind the end of the tensor of `target`"}},
	{"faulty/faulty_source", {"FAILED apply", "wrote to `source`, which is read-only, element [0, 0, 15]"}},
	{"faulty/faulty_activation",
	 {"FAILED apply", "wrote to `activation`, which is read-only, element [0, 0, 0]"}},
	{"faulty/faulty_call", {"FAILED apply", "changed the `call` itself"}},
	{"faulty/faulty_read", {"FAILED apply", "read memory right behind the end of the tensor of `source`"}},
	{"faulty/faulty_nan",
	 {"FAILED apply", "wrote nan to `target` element [0, 0, 1], where the inputs are finite"}},
	{"faulty/faulty_inf", {"FAILED apply", "inf to `target` element [0, 0, 1], where the inputs are finite"}},
	{"faulty/faulty_crash_apply", {"FAILED apply", "apply crashed: SIGSEGV at address 0x10", "skipped examples"}},
	{"faulty/faulty_loop", {"FAILED apply", "apply took longer than 0.3 s"}},
	{"faulty/faulty_drifts", {"FAILED apply", "once more: apply gives something else after calls for other cells"}},
	{"faulty/faulty_moves", {"FAILED score", "a score may not depend on the calls before"}},
	{"faulty/faulty_overruns",
	 {"FAILED create", "setter faulty_overruns: wrote behind the end of a piece of 524288 bytes"}},
	{"faulty/faulty_twice", {"FAILED create", "gave host->free what is none of its pieces, or was freed before"}},
	{"faulty/faulty_params", {"FAILED apply", "apply wrote to its parameters"}},
	{"faulty/faulty_host", {"FAILED create", "create wrote to the host's table"}},
	{"faulty/faulty_killed",
	 {"FAILED apply", "hook_embed, float64, batch of 1, pos 4, forward: the process crashed: SIGKILL"}},
#if !defined(__SANITIZE_ADDRESS__)
	{"faulty/faulty_heap", {"FAILED apply", "apply crashed: SIGABRT", "its words: ", "double free"}},
#endif
	{"faulty/faulty_silent", {"FAILED apply", "apply failed without a reason (value out of range)"}},
	{"faulty/faulty_exit", {"FAILED apply", "setter faulty_exit: apply called exit"}},
	{"faulty/faulty_counts", {"FAILED apply", "when it was called again on the same"}},
	{"faulty/faulty_adjoint", {"FAILED transpose", "adjoint is not the transpose of apply"}},
	{"faulty/faulty_undeclared",
	 {"FAILED device", "apply read `source` element [0, 0, 0] itself", "or declare PB_RAW_MEMORY"}},
	{"faulty/faulty_allocates", {"FAILED allocation", "apply calls malloc"}},
	{"faulty/faulty_allocates_host", {"FAILED allocation", "apply calls host->alloc"}},
	{"faulty/faulty_halves", {"FAILED identity", "a patch of the region by itself"}},
	{"faulty/faulty_rows", {"FAILED examples", "what an example becomes depends on its place in the batch"}},
	{"faulty/faulty_threads", {"FAILED threads", "when 4 threads call it at once on one instance"}},
	/* Metrics. */
	{"faulty/faulty_skips", {"FAILED score", "left `ret_score` element [4] unwritten"}},
	{"faulty/faulty_input", {"FAILED score", "wrote to `logits`, which is read-only, element [0, 1]"}},
	{"faulty/faulty_answers", {"FAILED score", "read memory right behind the end of the tensor of `answer`"}},
	{"faulty/faulty_score", {"FAILED score", "nan to `ret_score` element [1], where the inputs are finite"}},
	{"faulty/faulty_calls", {"FAILED score", "when it was called again on the same"}},
	{"faulty/faulty_slope", {"FAILED adjoint", "of row 0 has the slope", "differences of the score have"}},
	{"faulty/faulty_weights", {"FAILED adjoint", "of row 0 has the slope"}},
	{"faulty/faulty_hinge_wrong", {"FAILED adjoint", "of row ", "has the slope"}},
	{"faulty/faulty_logit", {"FAILED adjoint", "left `ret_dlogits` element [0, 0] unwritten"}},
	{"faulty/faulty_order", {"FAILED rows", "a row's score may depend on nothing else"}},
	{"faulty/faulty_hides", {"FAILED nan", "the score of a row whose logits are NaN is 0"}},
	{"faulty/faulty_callocs", {"FAILED allocation", "score calls calloc"}},
	{"faulty/faulty_shares", {"FAILED threads", "score gives other results when 4 threads call it at once"}},
	/* Datasets. */
	{"faulty/faulty_data_again",
	 {"FAILED splits", "epoch 0 of split `train` is another when it is asked for again"}},
	{"faulty/faulty_data_epoch", {"FAILED splits", "split `train` differs from epoch to epoch"}},
	{"faulty/faulty_data_length", {"FAILED splits", "has 2 tokens an example, but needs tells a context of 1"}},
	{"faulty/faulty_data_count", {"FAILED splits", "has 6 examples, but the split tells 7"}},
	{"faulty/faulty_data_vocab", {"FAILED splits", "example 4, position 1: token 12 is not in 0 .. 11"}},
	{"faulty/faulty_data_name", {"FAILED splits", "two splits are called `train`"}},
	{"faulty/faulty_data_unit", {"FAILED units", "the probe of unit 0 is another when it is asked for again"}},
	{"faulty/faulty_data_text", {"FAILED tokens", "touched memory behind the 4 bytes that the text may have"}},
	{"faulty/faulty_data_end", {"FAILED tokens", "leaves a text of 4 bytes without a NUL"}},
	{"faulty/faulty_data_seed", {"FAILED seed", "two instances with one seed differ in split 0"}},
	{"faulty/faulty_data_overlap", {"FAILED overlap", "what is held out must not be trained on"}},
};

static const char *example_folder(const char *name)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/plugins/examples/%s", getenv("PATCHBAY_SOURCE"), name);
	return path;
}

START_TEST(faulty_plugins)
{
	const struct fault *fault = &faults[_i];
	char file[128];
	snprintf(file, sizeof file, "tests/plugins/%s.so", fault->file);
	struct outcome o =
		RUN("plugin", "check", built(file), "--time-limit", "0.3", "--dir", example_folder("steering"));
	const char *text = joined(o.out);
	ck_assert_msg(o.code == 1, "%s: exit code %d\n%s%s", file, o.code, o.out, o.err);
	for (int i = 0; i < MOST_PARTS && fault->parts[i]; i++)
		check_says(text, fault->parts[i]);
	check_says(text, "(seed 0)");
}
END_TEST

/* By the heap, which a checker of memory has taken over. */
START_TEST(leaks_of_malloc)
{
#if !defined(__SANITIZE_ADDRESS__)
	struct outcome o = RUN("plugin", "check", built("tests/plugins/faulty/faulty_leak_malloc.so"));
	ck_assert_int_eq(o.code, 1);
	const char *text = joined(o.out);
	check_says(text, "FAILED cycles");
	check_says(text, "leaves 112 bytes of memory behind");
#endif
}
END_TEST

static const struct good {
	const char *file, *params, *example;
} good[] = {
	{"plugins/setter_layer.so", "{}", ""},
	{"plugins/setter_layer_pos.so", "{}", ""},
	{"plugins/setter_layer_head.so", "{}", ""},
	{"plugins/setter_layer_pos_head.so", "{}", ""},
	{"plugins/setter_layer_head_pattern.so", "{}", ""},
	{"plugins/setter_layer_head_pos_pattern.so", "{}", ""},
	{"plugins/setter_layer_head_dest_src_pattern.so", "{}", ""},
	{"plugins/setter_zero.so", "{}", ""},
	{"plugins/setter_mean.so", "split: train", ""},
	{"plugins/setter_noise.so", "{}", ""},
	{"plugins/setter_noise.so", "{mode: add, std: 0.5}", ""},
	{"plugins/metric_accuracy.so", "{}", ""},
	{"plugins/metric_correct_logit.so", "{}", ""},
	{"plugins/metric_correct_logit.so", "of: probability", ""},
	{"plugins/metric_cross_entropy.so", "{}", ""},
	{"plugins/metric_logit_difference.so", "{}", ""},
	{"plugins/dataset_mod_arith.so", "{}", ""},
	{"plugins/dataset_oocl.so", "{}", ""},
	{"plugins/dataset_tokens.so", "pairs: [{clean: [1, 2, 0], corrupted: [3, 4, 0], answer: 1, distractor: 3}]",
	 ""},
	{"plugins/template/setter_placeholder.so", "{}", ""},
	{"plugins/template/metric_placeholder.so", "{}", ""},
	{"plugins/template/dataset_placeholder.so", "{}", ""},
	{"plugins/examples/setter_steering.so", "file: vector.txt", "steering"},
	{"plugins/examples/setter_low_rank.so", "file: directions.txt", "low_rank"},
	{"plugins/examples/metric_kl_divergence.so", "{}", "kl_divergence"},
	{"plugins/examples/dataset_tokens_table.so", "{file: table.csv, length: 3}", "tokens_table"},
	{"tests/plugins/faulty/faulty_none.so", "{}", ""},
	{"tests/plugins/faulty/faulty_keeps_some.so", "{}", ""},
	{"tests/plugins/faulty/faulty_data.so", "{}", ""},
	{"tests/plugins/faulty/faulty_single.so", "{}", ""},
	{"tests/plugins/faulty/faulty_hinge.so", "{}", ""},
};

START_TEST(good_plugins)
{
	const char *folder = example_folder(good[_i].example);
	struct outcome o = RUN("plugin", "check", built(good[_i].file), "--params", good[_i].params, "--dir", folder);
	ck_assert_msg(o.code == 0, "%s\n%s%s", good[_i].file, o.out, o.err);
	check_says(o.out, " 0 failed, ");
	ck_assert_str_eq(o.err, "");
}
END_TEST

/* What may be meant is told, and no failure. */
START_TEST(notes)
{
	struct outcome o = RUN("plugin", "check", built("tests/plugins/faulty/faulty_adds.so"));
	ck_assert_int_eq(o.code, 0);
	check_says(joined(o.out), "note identity a patch from the activation itself changes nothing hook_embed, ");
	o = RUN("plugin", "check", built("tests/plugins/faulty/faulty_data_same.so"));
	ck_assert_int_eq(o.code, 0);
	check_says(joined(o.out), "it draws random numbers, but gives the same data with another seed");
	o = RUN("plugin", "check", built("plugins/dataset_oocl.so"));
	check_says(joined(o.out),
		   "prompts of split `arithmetic_validation` are in `arithmetic_pretrain_validation`, too");
}
END_TEST

/* A plugin that writes to files by the names that it is given reaches none but its own. */
START_TEST(files_are_kept_apart)
{
	char folder[] = "/tmp/patchbay-test-XXXXXX", inner[64], path[128];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(inner, sizeof inner, "%s/inner", folder);
	ck_assert_int_eq(mkdir(inner, 0700), 0);
	setenv("TMPDIR", folder, 1);
	char *back = getcwd(NULL, 0);
	ck_assert_int_eq(chdir(inner), 0);
	struct outcome o = RUN("plugin", "check", built("tests/plugins/faulty/faulty_files.so"));
	ck_assert_int_eq(chdir(back), 0);
	free(back);
	ck_assert_msg(o.code == 0, "%s%s", o.out, o.err);
	const char *text = joined(o.out);
	check_says(text, "note hostile takes or refuses parameters meant to do harm it made files where it ran");
	check_says(text, "`../escape`");
	snprintf(path, sizeof path, "%s/escape", folder);
	ck_assert_int_ne(access(path, F_OK), 0);
	/* Nothing is left: neither in the working folder nor in that of temporary files. */
	ck_assert_int_eq(rmdir(inner), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* Its templates' symbols are weak; its memory comes by operators. */
START_TEST(in_cpp)
{
	if (access(built("tests/plugins/faulty/cpp.so"), R_OK))
		return; /* there is no C++ compiler */
	struct outcome o = RUN("plugin", "check", built("tests/plugins/faulty/cpp.so"));
	ck_assert_msg(o.code == 0, "%s%s", o.out, o.err);
	o = RUN("plugin", "check", built("tests/plugins/faulty/cpp_allocates.so"));
	ck_assert_int_eq(o.code, 1);
	const char *text = joined(o.out);
	check_says(text, "FAILED allocation");
	check_says(text, "apply calls operator new");
	check_says(text, "1 failed");
}
END_TEST

/* Its words are not among the results. */
START_TEST(words)
{
	struct outcome o = RUN("plugin", "check", built("tests/plugins/faulty/faulty_talks.so"), "--json");
	ck_assert_int_eq(o.code, 0);
	check_says_not(o.out, "I am here");
	check_says(o.err, "{ I am here");
}
END_TEST

START_TEST(options)
{
	char whole[4096];
	snprintf(whole, sizeof whole, "%s", built("plugins/setter_noise.so"));
	struct outcome o = RUN("plugin", "check", whole, "--only", "apply", "--seed", "7", "--d-model=32");
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "setter noise 1.0.0: 2 tests: 2 ok, 0 failed, 0 skipped (seed 7)");
	o = RUN("plugin", "check", whole, "--in-process");
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, " 0 failed, ");
	o = RUN("plugin", "check", whole, "--json", "--params", "mode: add");
	ck_assert_int_eq(o.code, 0);
	check_says(o.out, "\"plugin\": \"setter noise 1.0.0\"");
	check_says(o.out, "\"state\": \"ok\"");
	o = RUN("plugin", "check", whole, "--params", "mode: subtract");
	ck_assert_int_eq(o.code, 1);
	check_says(o.out, "FAILED   create");
	check_says(o.out, "subtract");
	o = RUN("plugin", "check", built("plugins/examples/setter_steering.so"));
	ck_assert_int_eq(o.code, 1);
	check_says(joined(o.out), "give by --params, and the folder of its files by --dir");
	o = RUN("plugin", "check", "--help");
	ck_assert_int_eq(o.code, 0);
	const char *help = joined(o.out);
	const char *name, *doc, *kinds;
	for (size_t i = 0; (name = pb_check_test(i, &doc, &kinds)); i++)
		check_says(help, name);
}
END_TEST

/* In the process itself a crash is nobody's but the debugger's; nobody removes its folder then. */
START_TEST(in_process)
{
#if !defined(__SANITIZE_ADDRESS__)
	setenv("TMPDIR", scratch("."), 1);
	struct outcome o =
		RUN("plugin", "check", built("tests/plugins/faulty/faulty_crash_apply.so"), "--in-process");
	ck_assert_int_gt(o.code, 128);
#endif
}
END_TEST

START_TEST(wrong_usage)
{
	struct outcome o = RUN("plugin", "check");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "FILE is missing behind `check`");
	o = RUN("plugin", "check", "/does/not/exist.so");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "cannot open /does/not/exist.so");
	o = RUN("plugin", "check", "a.so", "b.so");
	check_says(o.err, "it takes FILE; what is `b.so`");
	o = RUN("plugin", "check", "a.so", "--onyl", "x");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "unknown option `--onyl`; did you mean `--only`?");
	o = RUN("plugin", "check", "a.so", "--only", "aply");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "there is no test `aply`; did you mean `apply`?");
	o = RUN("plugin", "check", "a.so", "--seed", "x");
	check_says(o.err, "--seed");
	o = RUN("plugin", "check", "a.so", "--n-heads", "5");
	check_says(o.err, "--d-model must be a multiple of --n-heads");
	o = RUN("plugin", "check", "a.so", "--seed");
	check_says(o.err, "a value is missing behind `--seed`");
	o = RUN("plugin", "check", built("plugins/setter_noise.so"), "--params", "{mode: [");
	ck_assert_int_eq(o.code, 2);
	check_says(o.err, "--params:2:1: not YAML");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("check");
	TCase *t = tcase_create("check");
	tcase_add_loop_test(t, faulty_plugins, 0, (int)PB_COUNT(faults));
	tcase_add_test(t, leaks_of_malloc);
	tcase_add_loop_test(t, good_plugins, 0, (int)PB_COUNT(good));
	tcase_add_test(t, notes);
	tcase_add_test(t, files_are_kept_apart);
	tcase_add_test(t, in_cpp);
	tcase_add_test(t, words);
	tcase_add_test(t, options);
	tcase_add_test(t, in_process);
	tcase_add_test(t, wrong_usage);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
