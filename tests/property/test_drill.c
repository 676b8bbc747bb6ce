/* test_drill.c: what a drill-down tells, against sweeps over the same sets by the reference engine. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "exp/run.h"
#include "support/device.h"
#include "support/support.h"
#include "world.h"

static struct pb_arena arena;
static int number; /* of the run */

static void setup(void)
{
	pb_arena_init(&arena);
}

static void teardown(void)
{
	pb_arena_finish(&arena);
}

static const struct pb_result_run *run_text(const char *yaml, struct pb_engine_options engine)
{
	static struct pb_config config;
	static struct pb_plan plan;
	struct pb_device device;
	struct pb_result_run *run = pb_arena_alloc(&arena, sizeof *run);
	char *folder = pb_arena_printf(&arena, "%s/run-%d", pb_test_dir(), number++);
	char *file = pb_arena_printf(&arena, "%s.yaml", folder);
	char *results = pb_arena_printf(&arena, "%s/results.json", folder);
	struct pb_run_options options = {.out = folder, .engine = engine};
	ck_assert_ok(pb_file_write(file, yaml, strlen(yaml)));
	ck_assert_msg(!pb_config_read(file, NULL, &config), "%s\n%s", pb_error_text(), yaml);
	ck_assert_ok(pb_test_device(2, &device));
	ck_assert_msg(!pb_plan_make(&config, &device, &plan), "%s\n%s", pb_error_text(), yaml);
	ck_assert_msg(!pb_run(&plan, &options), "%s\n%s", pb_error_text(), yaml);
	pb_plan_finish(&plan);
	pb_device_close(&device);
	pb_config_finish(&config);
	ck_assert_ok(pb_report_read_run(results, &arena, run));
	return run;
}

static struct pb_engine_options mine(void)
{
	const char *engine = getenv("PB_TEST_ENGINE");
	return (struct pb_engine_options){
		.kind = engine && !strcmp(engine, "reference") ? PB_ENGINE_REFERENCE : PB_ENGINE_AUTO};
}

/* Sets of a drill-down as a sweep: the steps', then what is found without each of its parts. */
static const struct pb_result_sweep *sweep_of(const char *yaml, const struct pb_result_drill *drill)
{
	struct pb_text text = {0};
	const char *found = drill->steps[drill->n_steps - 1].set;
	pb_text_add(&text, "%s\nsweeps:\n  - name: sets\n    setter: params\n    base: %s\n    sets:\n", yaml,
		    drill->base);
	for (size_t i = 0; i < drill->n_steps; i++)
		pb_text_add(&text, "      step %zu: \"%s\"\n", i, drill->steps[i].set);
	for (size_t i = 0; i < drill->n_parts; i++)
		pb_text_add(&text, "      part %zu: \"%s - %s\"\n", i, found, drill->parts[i].name);
	const struct pb_result_run *run =
		run_text(text.data, (struct pb_engine_options){.kind = PB_ENGINE_REFERENCE});
	pb_text_finish(&text);
	ck_assert_uint_eq(run->n_sweeps, 1);
	ck_assert_uint_eq(run->sweeps[0].n_cells, drill->n_steps + drill->n_parts);
	return &run->sweeps[0];
}

/* Every score is the sweep's; what was found reaches the share, and nothing of it can be left out. */
static void check_drill(const char *yaml, const struct pb_result_drill *drill, double tolerance)
{
	const struct pb_result_sweep *sweep = sweep_of(yaml, drill);
	bool clean = !strcmp(drill->base, "clean");
	int64_t parameters = 0;
	ck_assert_ptr_null(drill->note);
	ck_assert_str_eq(drill->steps[0].set, "*");
	ck_assert_int_eq(drill->steps[0].parameters, drill->parameters);
	for (size_t i = 0; i < drill->n_steps; i++) {
		double score = sweep->cells[i].score, effect = clean ? 1.0 - score : score;
		lab_near(drill->steps[i].score, score, tolerance, "%s", drill->steps[i].set);
		ck_assert_msg(effect >= drill->share - tolerance, "%s: %g", drill->steps[i].set, effect);
		ck_assert_int_le(drill->steps[i].cells, drill->cells);
	}
	for (size_t i = 0; i < drill->n_parts; i++) {
		double score = sweep->cells[drill->n_steps + i].score, effect = clean ? 1.0 - score : score;
		parameters += drill->parts[i].parameters;
		if (drill->n_parts == 1)
			continue; /* nothing would be left */
		lab_near(drill->parts[i].without, score, tolerance, "without %s", drill->parts[i].name);
		ck_assert_msg(effect < drill->share + tolerance, "without %s: %g", drill->parts[i].name, effect);
	}
	ck_assert_int_eq(drill->steps[drill->n_steps - 1].parameters, parameters);
}

/* The experiment without a drill-down, and with it. */
static const struct pb_result_run *drill(const char *yaml, const char *drilldown, double tolerance)
{
	const struct pb_result_run *run = run_text(pb_arena_printf(&arena, "%s\ndrilldown: %s\n", yaml, drilldown), mine());
	for (size_t i = 0; i < run->n_drills; i++)
		if (run->drills[i].n_steps)
			check_drill(yaml, &run->drills[i], tolerance);
	return run;
}

#define GOLDEN_SETS "sets: {Dt3: [16, 20, 7, 17, 25, 19, 12], Df4: [4, 18, 3, 2, 21, 13, 5]}"

static const char *golden(const char *precision, const char *probe)
{
	return pb_arena_printf(&arena, "name: golden\nprecision: %s\nmodel: {load: %s}\n"
			       "data: {plugin: oocl, mod: 30, " GOLDEN_SETS "}\nprobe: %s\n"
			       "update: {optimizer: adamw, lr: 1.0e-4, weight_decay: 0.1, max_grad_norm: 1.0}\n",
			       precision, pb_test_golden("model_1.pt"), probe);
}

START_TEST(golden_model)
{
	static const char *const drills[] = {"{share: [0.9, 0.5]}", "{ends_at: parameters, share: [0.5, 0.9, 1]}",
					     "{base: clean, share: 0.8}"};
	const struct pb_result_run *run = drill(golden("f64", "{unit: 12}"), drills[_i], 1e-8);
	ck_assert_uint_gt(run->n_drills, 0);
	for (size_t i = 0; i < run->n_drills; i++) {
		ck_assert_uint_gt(run->drills[i].n_steps, 2);
		bool heads = strstr(run->drills[i].steps[run->drills[i].n_steps - 1].set, ".h") != NULL;
		ck_assert(_i != 1 || !heads);
	}
	/* A search after another one knows what that one knew. */
	if (_i == 0)
		ck_assert_int_lt(run->drills[1].steps[1].cells, run->drills[0].steps[1].cells);
}
END_TEST

START_TEST(golden_model_f32)
{
	drill(golden("f32", "{unit: 12}"), "{share: 0.9}", 2e-3);
}
END_TEST

/* Means over units that do not fit into one engine. */
START_TEST(many_units)
{
	const struct pb_result_run *run = drill(golden("f64", "{units: all}"), "{share: 0.7}", 1e-8);
	ck_assert_uint_eq(run->n_drills, 1);
	ck_assert_int_gt(run->drills[0].n_units, 10);
	ck_assert_int_eq(run->drills[0].cells % run->drills[0].n_units, 0);
}
END_TEST

/* Cells cost what they cost, whatever passes they share. */
START_TEST(batches_do_not_matter)
{
	const char *yaml = pb_arena_printf(&arena, "%s\ndrilldown: {share: 0.9}\n", golden("f32", "{unit: 12}"));
	const struct pb_result_drill *a = run_text(yaml, mine())->drills;
	struct pb_engine_options options = mine();
	options.batch = 3;
	const struct pb_result_drill *b = run_text(yaml, options)->drills;
	ck_assert_uint_eq(a->n_steps, b->n_steps);
	for (size_t i = 0; i < a->n_steps; i++) {
		ck_assert_str_eq(a->steps[i].set, b->steps[i].set);
		ck_assert(a->steps[i].score == b->steps[i].score);
		ck_assert_int_eq(a->steps[i].cells, b->steps[i].cells);
	}
}
END_TEST

START_TEST(few_cells)
{
	const struct pb_result_run *run = run_text(
		pb_arena_printf(&arena, "%s\ndrilldown: {share: 0.9, max_cells: 20}\n", golden("f64", "{unit: 12}")), mine());
	const struct pb_result_drill *r = run->drills;
	ck_assert_int_le(r->cells, 20);
	ck_assert_ptr_nonnull(strstr(r->note, "max_cells"));
	ck_assert(r->steps[r->n_steps - 1].score >= 0.9);
	for (size_t i = 0; i < r->n_parts; i++)
		ck_assert(isnan(r->parts[i].without));
}
END_TEST

/* Clean and corrupted are the same: there is no score. */
START_TEST(nothing_to_find)
{
	const struct pb_result_run *run = run_text(
		"name: same\nmodel: {n_layers: 1, d_model: 8, n_heads: 2, d_mlp: 8}\n"
		"data: {plugin: tokens, pairs: [{clean: [1, 2, 3], corrupted: [1, 2, 3], pos: 1, answer: 4}]}\n"
		"probe: {unit: all}\ndrilldown: {share: [0.9, 0.5]}\n",
		mine());
	ck_assert_uint_eq(run->n_drills, 2);
	ck_assert_uint_eq(run->drills[0].n_steps, 0);
	ck_assert_int_eq(run->drills[1].cells, 0);
	ck_assert_ptr_nonnull(strstr(run->drills[0].note, "nothing to search for"));
}
END_TEST

START_TEST(random_models)
{
	static struct world w;
	static const char *const ends[] = {"heads", "parameters", NULL}, *const bases[] = {"corrupted", "clean", NULL};
	world_make(&w, _i, WORLD_F64);
	char *yaml = pb_arena_strdup(&arena, w.text.data);
	*strstr(yaml, "sweeps:") = '\0';
	drill(yaml, pb_arena_printf(&arena, "{share: %g, ends_at: %s, base: %s}",
				    0.3 + 0.1 * (double)world_draw(&w, 8), world_pick(&w, ends), world_pick(&w, bases)),
	      1e-6);
	world_end(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drill");
	TCase *tc = tcase_create("drill");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, golden_model, 0, 3);
	tcase_add_test(tc, golden_model_f32);
	tcase_add_test(tc, many_units);
	tcase_add_test(tc, batches_do_not_matter);
	tcase_add_test(tc, few_cells);
	tcase_add_test(tc, nothing_to_find);
	tcase_add_loop_test(tc, random_models, 0, WORLDS);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
