/* test_units.c: units before and after, and which one is selected. */
#include "exp/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "exp/evaluate.h"
#include "exp/lab.h"
#include "support/support.h"

static struct lab lab;
static struct pb_weights_store store;
static struct pb_result_units units;
static int64_t selected;

static const struct pb_params *get(const char *name)
{
	const struct pb_params *params;
	ck_assert_ok(pb_weights_get(&store, name, &params));
	return params;
}

static void measure(const char *before, const char *after)
{
	ck_assert_ok(pb_units_measure(&lab.plan, get(before), get(after), &lab.arena, &units, &selected));
}

static void open(const char *yaml)
{
	lab_plan(&lab, yaml, 1);
	lab_weights(&lab, 0);
	ck_assert_ok(pb_weights_init(&store, &lab.plan));
	ck_assert_ok(pb_weights_keep(&store, lab.plan.has_loaded ? "loaded" : "init", &lab.weights));
}

static void finish(void)
{
	pb_weights_finish(&store);
	lab_close(&lab);
}

/* tests/golden/data: 12 of Dt3 and 2 of Df4 change by the largest amounts, up and down. */
START_TEST(golden_selection)
{
	static const struct {
		const char *name, *set;
		double before, after;
	} want[] = {{"16", "Dt3", 8, 6}, {"12", "Dt3", 4, 9}, {"2", "Df4", 11, 5}, {"13", "Df4", 6, 8}};
	char yaml[8192];
	int n = snprintf(yaml, sizeof yaml, "model: {load: %s}\n", pb_test_golden("model_1.pt"));
	snprintf(yaml + n, sizeof yaml - (size_t)n,
		 "checkpoints: {model_2: %s}\n"
		 "data: {plugin: oocl, mod: 30, sets: {Dt3: [16, 20, 7, 17, 25, 19, 12], Df4: [4, 18, 3, 2, 21, 13, "
		 "5]}}\n"
		 "probe: {select: {before: loaded, after: model_2, sets: [Dt3, Df4]}}\n",
		 pb_test_golden("model_2.pt"));
	open(yaml);
	measure("loaded", "model_2");
	ck_assert_uint_eq(units.n_units, 14);
	ck_assert_str_eq(units.metric, "accuracy");
	ck_assert_str_eq(units.label_before, "loaded");
	ck_assert_str_eq(units.label_after, "model_2");
	ck_assert_str_eq(units.units[units.selected].name, "12");
	size_t found = 0;
	for (size_t i = 0; i < units.n_units; i++)
		for (size_t k = 0; k < 4; k++)
			if (!strcmp(units.units[i].name, want[k].name)) {
				ck_assert_str_eq(units.units[i].set, want[k].set);
				lab_near(12 * units.units[i].before, want[k].before, 1e-9, "%s before", want[k].name);
				lab_near(12 * units.units[i].after, want[k].after, 1e-9, "%s after", want[k].name);
				found++;
			}
	ck_assert_uint_eq(found, 4);
	struct pb_unit unit;
	ck_assert_ok(pb_data_unit(&lab.plan, selected, &unit));
	ck_assert_str_eq(unit.name, "12");
	finish();
}
END_TEST

#define SMALL "model: {n_layers: 1, d_model: 8, n_heads: 2}\n"

/* Equal changes everywhere: the first unit of the first set that the file names. */
START_TEST(ties_go_to_the_first)
{
	open(SMALL "data: {plugin: oocl, mod: 20}\nprobe: {select: {before: init, after: init, sets: [Df4, Dt3]}}\n");
	measure("init", "init");
	ck_assert_uint_eq(units.n_units, 10);
	ck_assert_int_eq(units.selected, 0);
	ck_assert_str_eq(units.units[0].set, "Df4");
	ck_assert_str_eq(units.units[4].set, "Df4");
	ck_assert_str_eq(units.units[5].set, "Dt3");
	ck_assert_int_eq(selected, lab.plan.candidates[0]);
	for (size_t i = 0; i < units.n_units; i++)
		ck_assert(units.units[i].before == units.units[i].after);
	finish();
}
END_TEST

/* Any metric, all units; the largest change is the largest improvement, downwards for a loss. */
START_TEST(largest_improvement)
{
	static const char *const metrics[] = {"correct_logit", "cross_entropy"};
	double better = _i ? -1.0 : 1.0;
	char yaml[1024];
	snprintf(yaml, sizeof yaml,
		 "precision: f64\n" SMALL "data: {plugin: oocl, mod: 16}\n"
		 "probe: {select: {before: init, after: other, metric: %s}}\n"
		 "train: [{name: t, split: arithmetic, steps: 1, save: other}]\n",
		 metrics[_i]);
	open(yaml);
	struct pb_params other;
	struct pb_tape tape;
	ck_assert_ok(pb_params_init(&other, &lab.plan.model.table, &lab.device, PB_F64));
	ck_assert_ok(pb_params_initialise(&other, &lab.plan.model.config, 77));
	ck_assert_ok(pb_weights_keep(&store, "other", &other));
	measure("init", "other");
	ck_assert_uint_eq(units.n_units, 16);
	pb_tape_init(&tape, &lab.device, PB_F64);
	for (size_t i = 0; i < 16; i++) {
		struct pb_probe_data probe;
		double value;
		ck_assert_ok(pb_data_probe(&lab.plan, lab.plan.candidates[i], &probe));
		ck_assert_ok(pb_evaluate(&lab.plan.model, &tape, &other.weights, lab.plan.select_metric,
					 &probe.questions, NULL, NULL, &value));
		ck_assert(value == units.units[i].after);
		ck_assert(better * (units.units[i].after - units.units[i].before) <=
			  better * (units.units[units.selected].after - units.units[units.selected].before));
	}
	pb_tape_finish(&tape);
	pb_params_finish(&other);
	finish();
}
END_TEST

START_TEST(metric_must_fit_the_questions)
{
	lab_refused(SMALL "data: {plugin: oocl, mod: 16}\n"
			  "probe: {select: {before: init, after: init, metric: logit_difference}}\n",
		    "the data name none for the questions");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("units");
	TCase *tc = tcase_create("units");
	tcase_add_test(tc, golden_selection);
	tcase_add_test(tc, ties_go_to_the_first);
	tcase_add_loop_test(tc, largest_improvement, 0, 2);
	tcase_add_test(tc, metric_must_fit_the_questions);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
