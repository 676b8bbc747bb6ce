/* test_probed.c: attention patterns and sizes of updates in results.json against PyTorch's, on both engines.
 *
 * By plain SGD with a learning rate of 1 a parameter's change is minus its gradient, whose norms PyTorch gives.
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "exp/run.h"
#include "support/device.h"
#include "support/support.h"

static struct pb_arena arena;
static json_t *expected;

static void setup(void)
{
	pb_arena_init(&arena);
	ck_assert_ptr_nonnull(expected = json_load_file(pb_test_golden("expected.json"), 0, NULL));
}

static void teardown(void)
{
	json_decref(expected);
	pb_arena_finish(&arena);
}

/* Runs the golden model on the golden unit; returns results.json. */
static const struct pb_result_run *run_golden(const char *precision, const char *probe, const char *rest)
{
	static struct pb_config config;
	static struct pb_plan plan;
	static int number;
	struct pb_device device;
	struct pb_result_run *run = pb_arena_alloc(&arena, sizeof *run);
	char *file = pb_arena_printf(&arena, "%s/golden.yaml", pb_test_dir());
	char *out = pb_arena_printf(&arena, "%s/run-%d", pb_test_dir(), number++);
	const char *model_1 = pb_arena_strdup(&arena, pb_test_golden("model_1.pt"));
	const char *yaml =
		pb_arena_printf(&arena,
				"name: probed\nprecision: %s\nmodel: {load: %s}\ncheckpoints: {model_2: %s}\n"
				"data: {plugin: oocl, mod: 30, sets: {Dt3: [16, 20, 7, 17, 25, 19, 12], Df4: [4, 18, "
				"3, 2, 21, 13, 5]}}\n"
				"probe: %s\n%s",
				precision, model_1, pb_test_golden("model_2.pt"), probe, rest);
	const char *engine = getenv("PB_TEST_ENGINE");
	struct pb_run_options options = {.out = out};
	if (engine && !strcmp(engine, "reference"))
		options.engine.kind = PB_ENGINE_REFERENCE;
	ck_assert_ok(pb_file_write(file, yaml, strlen(yaml)));
	ck_assert_ok(pb_config_read(file, NULL, &config));
	ck_assert_ok(pb_test_device(2, &device));
	ck_assert_msg(!pb_plan_make(&config, &device, &plan), "%s", pb_error_text());
	ck_assert_msg(!pb_run(&plan, &options), "%s", pb_error_text());
	pb_plan_finish(&plan);
	pb_device_close(&device);
	pb_config_finish(&config);
	ck_assert_ok(pb_report_read_run(pb_arena_printf(&arena, "%s/results.json", out), &arena, run));
	return run;
}

static void near(double got, double want, double tolerance, const char *what)
{
	ck_assert_msg(fabs(got - want) <= tolerance * fmax(1, fabs(want)), "%s: got %.12g, expected %.12g", what, got,
		      want);
}

/* One block's pattern, [1, heads, query, key]. */
static void compare_block(const double *got, const json_t *json, int64_t n_heads, int64_t n_pos, double tolerance)
{
	const json_t *heads = json_array_get(json, 0);
	ck_assert_uint_eq(json_array_size(heads), (size_t)n_heads);
	for (int64_t i = 0; i < n_heads * n_pos * n_pos; i++) {
		int64_t head = i / (n_pos * n_pos), query = i / n_pos % n_pos, key = i % n_pos;
		const json_t *row = json_array_get(json_array_get(heads, (size_t)head), (size_t)query);
		near(got[i], json_number_value(json_array_get(row, (size_t)key)), tolerance, "attention");
	}
}

static void compare_patterns(const struct pb_result_pattern *p, const double *values, const char *which,
			     double tolerance)
{
	const int64_t each = p->n_heads * p->n_pos * p->n_pos;
	for (int64_t layer = 0; layer < p->n_layers; layer++) {
		const char *point = pb_arena_printf(&arena, "blocks.%d.attn.hook_pattern", (int)layer);
		const json_t *json = json_object_get(json_object_get(expected, which), point);
		ck_assert_msg(json, "no %s of %s", point, which);
		compare_block(values + layer * each, json, p->n_heads, p->n_pos, tolerance);
	}
	for (int64_t row = 0; row < p->n_layers * p->n_heads * p->n_pos; row++) {
		double sum = 0;
		for (int64_t key = 0; key < p->n_pos; key++)
			sum += values[row * p->n_pos + key];
		near(sum, 1, 1e-6, "a row's sum");
	}
}

static const char sweep[] =
	"sweeps: [{name: z, hook: z, setter: layer_head, over: [layer, head], forward: corrupted}]\n";

START_TEST(patterns_are_pytorch_s)
{
	const double tolerance = _i ? 1e-11 : 1e-6;
	const struct pb_result_run *run = run_golden(_i ? "f64" : "f32", "{unit: 12}", sweep);
	ck_assert_uint_eq(run->n_patterns, 1);
	ck_assert_int_eq(run->patterns_left_out, 0);
	const struct pb_result_pattern *p = run->patterns;
	ck_assert_str_eq(p->unit, "12");
	ck_assert_ptr_null(p->weights);
	ck_assert(p->n_layers == 3 && p->n_heads == 4 && p->n_pos == 4);
	ck_assert_str_eq(p->clean_tokens[0], "R");
	ck_assert_str_eq(p->corrupted_tokens[0], "U");
	ck_assert_str_eq(p->corrupted_tokens[1], "alias(12)");
	ck_assert_str_eq(p->clean_tokens[2], "12");
	compare_patterns(p, p->clean, "clean_cache", tolerance);
	compare_patterns(p, p->corrupted, "corrupted_cache", tolerance);
}
END_TEST

START_TEST(changes_by_sgd_are_pytorch_s_gradients)
{
	const double tolerance = _i ? 1e-10 : 1e-5;
	const json_t *norms = json_object_get(expected, "clean_param_grad_norms");
	const struct pb_result_run *run =
		run_golden(_i ? "f64" : "f32", "{unit: 12}",
			   pb_arena_printf(&arena, "update: {optimizer: sgd, lr: 1, max_grad_norm: 0}\n%s", sweep));
	ck_assert_uint_eq(run->n_updates, 1);
	const struct pb_result_update *u = run->updates;
	ck_assert_uint_eq(u->n_params, json_object_size(norms));
	double corrupted = 0;
	for (size_t i = 0; i < u->n_params; i++) {
		near(u->clean[i], json_number_value(json_object_get(norms, u->params[i])), tolerance, u->params[i]);
		corrupted += u->corrupted[i] * u->corrupted[i];
		ck_assert(u->difference[i] >= fabs(u->clean[i] - u->corrupted[i]) - tolerance);
		ck_assert(u->difference[i] <= u->clean[i] + u->corrupted[i] + tolerance);
	}
	near(sqrt(corrupted),
	     json_number_value(json_object_get(json_object_get(expected, "update"), "corrupted_grad_norm")),
	     tolerance, "of the corrupted update");
	ck_assert_str_eq(u->params[0], "embed.W_E");
	ck_assert_int_eq(u->elements[0], 64 * 48);
}
END_TEST

/* Under each set of weights; no more than there is room for, and the rest is counted. */
START_TEST(the_first_probes_win)
{
	const struct pb_result_run *run = run_golden("f32", "{units: all, model: [loaded, model_2]}", sweep);
	ck_assert_uint_eq(run->n_probes, 60);
	ck_assert(run->n_patterns == 16 && run->n_updates == 16);
	ck_assert(run->patterns_left_out == 44 && run->updates_left_out == 44);
	ck_assert_str_eq(run->patterns[15].unit, run->probes[15].unit);
	ck_assert_str_eq(run->updates[15].weights, "loaded");
	run = run_golden("f32", "{units: [12, 4], model: [loaded, model_2]}", sweep);
	ck_assert(run->n_patterns == 4 && run->n_updates == 4 && !run->patterns_left_out && !run->updates_left_out);
	ck_assert_str_eq(run->patterns[3].unit, "4");
	ck_assert_str_eq(run->patterns[3].weights, "model_2");
	ck_assert(run->updates[3].weight[0] != run->updates[1].weight[0]);
}
END_TEST

START_TEST(activation_patching_has_no_updates)
{
	const struct pb_result_run *run = run_golden("f32", "{unit: 12}",
						     "sweeps: [{name: z, kind: activation, hook: z, setter: "
						     "layer_head, over: [layer, head], forward: clean}]\n");
	ck_assert(run->n_patterns == 1 && run->n_updates == 0 && run->updates_left_out == 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("probed");
	TCase *tc = tcase_create("probed");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, patterns_are_pytorch_s, 0, 2);
	tcase_add_loop_test(tc, changes_by_sgd_are_pytorch_s_gradients, 0, 2);
	tcase_add_test(tc, the_first_probes_win);
	tcase_add_test(tc, activation_patching_has_no_updates);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
