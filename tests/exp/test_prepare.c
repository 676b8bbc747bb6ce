/* test_prepare.c: what a setter is told of its regions before it patches any. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/lab.h"
#include "support/support.h"

#define DATA                                                                                                           \
	"model: {n_layers: 2, d_model: 8, n_heads: 2}\n"                                                               \
	"data: {plugin: tokens, pairs: [{clean: [1, 2, 3], corrupted: [1, 4, 3], answer: 5},\n"                        \
	"  {clean: [2, 2, 3], corrupted: [2, 4, 3], answer: 5}]}\n"                                                    \
	"probe: {unit: all}\n"
#define SWEEP(more) DATA "sweeps: [{name: s, setter: witness, " more "}]\n"

static struct lab lab;
static char logged[4096];

static void keep_log(void *context, int level, const char *who, const char *text)
{
	size_t n = strlen(logged);
	(void)context, (void)level;
	if (!strcmp(who, "setter witness"))
		snprintf(logged + n, sizeof logged - n, "%s\n", text);
}

static void setup(void)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/tests/plugins/bad", getenv("PATCHBAY_BUILD"));
	setenv("PATCHBAY_PLUGIN_PATH", path, 1);
	pb_host_set_log(keep_log, NULL);
	*logged = '\0';
}

static void told(const char *yaml, const char *want)
{
	lab_plan(&lab, yaml, 1);
	ck_assert_str_eq(logged, want);
}

START_TEST(both_directions_of_each_point)
{
	told(SWEEP("hook: attn.hook_z, over: [layer, pos], forward: corrupted, backward: clean"),
	     "blocks.0.attn.hook_z forward 2 1 2 4\nblocks.0.attn.hook_z backward 2 1 2 4\n"
	     "blocks.1.attn.hook_z forward 2 1 2 4\nblocks.1.attn.hook_z backward 2 1 2 4\n");
	lab_close(&lab);
}
END_TEST

START_TEST(only_the_direction_that_is_patched)
{
	told(SWEEP("hook: blocks.1.hook_resid_pre, over: [pos], backward: corrupted"),
	     "blocks.1.hook_resid_pre backward 2 1 8\n");
	lab_close(&lab);
	*logged = '\0';
	told(SWEEP("hook: blocks.1.hook_resid_pre, over: [pos], forward: corrupted"),
	     "blocks.1.hook_resid_pre forward 2 1 8\n");
	lab_close(&lab);
}
END_TEST

/* A unit that is chosen in the run may have more examples, or fewer, but not longer ones. */
START_TEST(another_unit_than_planned)
{
	struct pb_probe_data probe;
	told(SWEEP("hook: blocks.1.hook_resid_pre, over: [pos], backward: corrupted"),
	     "blocks.1.hook_resid_pre backward 2 1 8\n");
	int64_t known = lab.plan.n_examples;
	*logged = '\0';
	ck_assert_ok(pb_data_probe(&lab.plan, 2, &probe));
	ck_assert_ok(pb_plan_settle(&lab.plan, &probe, &known));
	ck_assert_str_eq(logged, "");
	ck_assert_ok(pb_data_probe(&lab.plan, 0, &probe));
	ck_assert_ok(pb_plan_settle(&lab.plan, &probe, &known));
	ck_assert_str_eq(logged, "blocks.1.hook_resid_pre backward 1 1 8\n");
	/* And of the first number again, behind another. */
	*logged = '\0';
	ck_assert_ok(pb_data_probe(&lab.plan, 2, &probe));
	ck_assert_ok(pb_plan_settle(&lab.plan, &probe, &known));
	ck_assert_str_eq(logged, "blocks.1.hook_resid_pre backward 2 1 8\n");
	probe.clean.n_pos = 2;
	ck_assert_int_eq(pb_plan_settle(&lab.plan, &probe, &known), -PB_E_SHAPE);
	lab_close(&lab);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("prepare");
	TCase *t = tcase_create("prepare");
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, both_directions_of_each_point);
	tcase_add_test(t, only_the_direction_that_is_patched);
	tcase_add_test(t, another_unit_than_planned);
	suite_add_tcase(s, t);
	return pb_test_run(s, NULL);
}
