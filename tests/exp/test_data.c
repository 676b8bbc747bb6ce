/* test_data.c: what a data plugin hands out is checked before anything indexes by it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/lab.h"
#include "support/support.h"

static struct lab lab;

static void setup(void)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/tests/plugins/bad", getenv("PATCHBAY_BUILD"));
	setenv("PATCHBAY_PLUGIN_PATH", path, 1);
}

static void plan(const char *in, const char *mistake)
{
	char yaml[512];
	snprintf(yaml, sizeof yaml,
		 "model: {n_layers: 1, d_model: 8, n_heads: 2}\ndata: {plugin: bad_data, in: %s, mistake: %s}\n", in,
		 mistake);
	lab_plan(&lab, yaml, 1);
}

static void check_contains(const char *part)
{
	ck_assert_msg(strstr(pb_error_text(), part) != NULL, "no `%s` in: %s", part, pb_error_text());
}

static const struct {
	const char *mistake, *text;
} mistakes[] = {
	{"n_pos", "n_pos is 0"},
	{"token_negative", "example 1, position 2: token -1 is not in 0 .. 9"},
	{"token_large", "example 2, position 3: token 10 is not in 0 .. 9"},
	{"example_negative", "scored row 0: example -1 is not one of the 3"},
	{"example_large", "scored row 2: example 3 is not one of the 3"},
	{"example_order", "scored row 2: example 0 comes after example 1; they must ascend"},
	{"pos_negative", "scored row 1: position -1 is not in 0 .. 3"},
	{"pos_large", "scored row 1: position 4 is not in 0 .. 3"},
	{"answer_negative", "scored row 1: answer -1 is not in 0 .. 9"},
	{"answer_large", "scored row 1: answer 10 is not in 0 .. 9"},
	{"distractor_negative", "scored row 2: distractor -2 is neither -1 nor in 0 .. 9"},
	{"distractor_large", "scored row 2: distractor 10 is neither"},
	{"reserved", "scored row 2: `reserved` is not 0"},
	{"n_examples", "n_examples is -1"},
	{"n_scored", "n_scored -1"},
	{"many", "536870912 examples of 4 tokens are too many"},
	{"most", "9223372036854775807 examples of 4 tokens are too many"},
	{"many_scored", "2147483648 scored rows are too many"},
	{"tokens", "`tokens` is NULL, but there are 3 examples"},
	{"scored", "`scored` is NULL, but there are 3 scored rows"},
	{"struct_size", "examples.struct_size is 8"},
	{"struct_size_large", "examples.struct_size is 305419896"},
};

START_TEST(mistakes_in_a_split)
{
	struct pb_examples x = {.n_pos = 77};
	plan("split", mistakes[_i].mistake);
	ck_assert_int_eq(pb_data_examples(&lab.plan, 0, 0, &x), -PB_E_PLUGIN);
	ck_assert_int_eq(x.n_pos, 77);
	check_contains("dataset bad_data: examples of split `train`");
	check_contains(mistakes[_i].text);
	lab_close(&lab);
}
END_TEST

START_TEST(mistakes_in_a_probe)
{
	static const struct {
		const char *in, *part;
	} parts[] = {{"clean", "clean examples"}, {"corrupted", "corrupted examples"}, {"questions", "questions"}};
	for (size_t k = 0; k < PB_COUNT(parts); k++) {
		struct pb_probe_data probe;
		char where[128];
		plan(parts[k].in, mistakes[_i].mistake);
		snprintf(where, sizeof where, "dataset bad_data: %s of unit `seven`", parts[k].part);
		ck_assert_int_eq(pb_data_probe(&lab.plan, 0, &probe), -PB_E_PLUGIN);
		check_contains(where);
		check_contains(mistakes[_i].text);
		lab_close(&lab);
	}
}
END_TEST

static void probe_gives(const char *in, const char *mistake, int want, const char *text)
{
	struct pb_probe_data probe = {0};
	plan(in, mistake);
	ck_assert_int_eq(pb_data_probe(&lab.plan, 0, &probe), want);
	if (text)
		check_contains(text);
	else
		ck_assert_int_eq(probe.corrupted.n_examples, 3);
	lab_close(&lab);
}

START_TEST(batches_that_must_be_there)
{
	probe_gives("clean", "absent", -PB_E_PLUGIN, "clean examples of unit `seven` (number 0): they are NULL");
	probe_gives("corrupted", "absent", -PB_E_PLUGIN, "corrupted examples");
	probe_gives("clean", "empty", -PB_E_PLUGIN, "there are none");
	probe_gives("clean", "probe_size", -PB_E_PLUGIN, "probe.struct_size is 16");
	probe_gives("corrupted", "shorter", -PB_E_SHAPE, "a patch needs equal shapes");
	probe_gives("questions", "absent", 0, NULL);
	probe_gives("questions", "empty", 0, NULL);
	probe_gives("questions", "none", 0, NULL);
}
END_TEST

START_TEST(names_that_must_be_there)
{
	struct pb_unit unit;
	plan("split", "unit_name");
	ck_assert_int_eq(pb_data_unit(&lab.plan, 0, &unit), -PB_E_PLUGIN);
	check_contains("unit 0 has no name");
	lab_close(&lab);
	plan("split", "split_name");
	ck_assert_int_eq(pb_data_find_split(&lab.plan, "train"), -1);
	lab_close(&lab);
}
END_TEST

/* `check` finds it already. */
START_TEST(an_experiment_with_such_a_probe)
{
	lab_refused("model: {n_layers: 1, d_model: 8, n_heads: 2}\n"
		    "data: {plugin: bad_data, in: clean, mistake: token_large}\nprobe: {unit: seven}\n"
		    "sweeps: [{name: s, setter: layer, hook: hook_resid_pre, over: [layer], forward: corrupted}]\n",
		    "clean examples of unit `seven`");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("data");
	TCase *t = tcase_create("data");
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, mistakes_in_a_split, 0, (int)PB_COUNT(mistakes));
	tcase_add_loop_test(t, mistakes_in_a_probe, 0, (int)PB_COUNT(mistakes));
	tcase_add_test(t, batches_that_must_be_there);
	tcase_add_test(t, names_that_must_be_there);
	tcase_add_test(t, an_experiment_with_such_a_probe);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
