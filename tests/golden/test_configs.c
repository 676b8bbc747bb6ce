/* test_configs.c: every file of configs/ plans and runs, on the golden model or cut down to one epoch a stage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/run.h"
#include "support/device.h"
#include "support/support.h"

#define GOLDEN_DATA "data.mod=30", "probe.unit=12"

static char load[512];

static const struct {
	const char *file;
	const char *sets[8];
	bool run; /* else planned only */
} cases[] = {
	{"patch-resid-pre.yaml", {load, GOLDEN_DATA}, true},
	{"patch-z.yaml", {load, GOLDEN_DATA}, true},
	{"patch-position.yaml", {load, GOLDEN_DATA}, true},
	{"patch-params.yaml", {load, GOLDEN_DATA}, true},
	{"screen-estimate.yaml", {load, GOLDEN_DATA}, true},
	{"drill-down.yaml", {load, GOLDEN_DATA}, true},
	{"activation-patching.yaml",
	 {load, "probe.unit=pair",
	  "data.pairs=[{name: pair, clean: [2, 41, 60, 22], corrupted: [2, 42, 60, 24], pos: 2, answer: 22, distractor: 24}]"},
	 true},
	{"quickstart.yaml", {"train.0.epochs=1", "train.1.epochs=1", "train.2.epochs=1"}, true},
	{"quickstart.yaml", {NULL}, false},
	{"oocl-120.yaml", {NULL}, false},
};

enum { N_CASES = sizeof cases / sizeof *cases };

START_TEST(shipped_config)
{
	static struct pb_config config;
	static struct pb_plan plan;
	struct pb_device device;
	char path[512], out[512];
	snprintf(load, sizeof load, "model.load=%s", pb_test_golden("model_1.pt"));
	snprintf(path, sizeof path, "%s/configs/%s", getenv("PATCHBAY_SOURCE"), cases[_i].file);
	snprintf(out, sizeof out, "%s/run-%d", pb_test_dir(), _i);
	ck_assert_ok(pb_config_read(path, cases[_i].sets, &config));
	ck_assert_ptr_nonnull(config.question);
	ck_assert_ok(pb_test_device(2, &device));
	ck_assert_ok(pb_plan_make(&config, &device, &plan));
	ck_assert_uint_gt(plan.n_sweeps, 0);
	struct pb_run_options options = {.out = out};
	if (cases[_i].run)
		ck_assert_ok(pb_run(&plan, &options));
	pb_plan_finish(&plan);
	pb_device_close(&device);
	pb_config_finish(&config);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("configs");
	TCase *all = tcase_create("configs");
	tcase_add_loop_test(all, shipped_config, 0, N_CASES);
	suite_add_tcase(suite, all);
	return pb_test_run(suite, NULL);
}
