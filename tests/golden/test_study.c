/* test_study.c: the whole study of tests/golden/data/expected.json, from an experiment file to results.json.
 *
 * For each precision and each form of the checkpoint, an experiment with all of expected.json's grids and parameter sets is
 * written, run, and its results are compared cell by cell. Tolerances are SPEC 6's for float32 and 1e-8 for float64.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "ckpt/ckpt.h"
#include "exp/run.h"
#include "support/device.h"
#include "support/support.h"

struct tolerance {
	double metric, score, loss, relative; /* relative: gradient norms */
};

static const struct tolerance f32_tolerance = {2e-4, 2e-3, 2e-4, 1e-4}, f64_tolerance = {1e-8, 1e-8, 1e-8, 1e-8};

static json_t *expected;

static json_t *read_json(const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);
	if (!root) {
		fprintf(stderr, "%s: %s\n", path, error.text);
		exit(1);
	}
	return root;
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value ? value : "none";
}

static double number(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	ck_assert_msg(json_is_number(value), "no number `%s`", key);
	return json_number_value(value);
}

static void write_sets(struct pb_text *out)
{
	const char *set;
	json_t *ints;
	pb_text_add(out, "data:\n  plugin: oocl\n  mod: %d\n  sets:\n", (int)number(expected, "mod"));
	json_object_foreach(json_object_get(expected, "sets"), set, ints) {
		char *list = json_dumps(ints, 0);
		pb_text_add(out, "    %s: %s\n", set, list);
		free(list);
	}
}

static void write_grids(struct pb_text *out)
{
	size_t i, k;
	json_t *grid, *axis;
	json_array_foreach(json_object_get(expected, "grids"), i, grid) {
		pb_text_add(out, "  - {name: \"grid %zu\", hook: %s, setter: %s, base: %s, forward: %s, backward: %s, gradient: %s, over: [",
			    i, text(grid, "activation"), text(grid, "setter"), text(grid, "base"),
			    text(grid, "forward"), text(grid, "backward"), text(grid, "upstream"));
		json_array_foreach(json_object_get(grid, "axes"), k, axis)
			pb_text_add(out, "%s%s", k ? ", " : "", json_string_value(axis));
		pb_text_add(out, "]}\n");
	}
}

static void write_param_sets(struct pb_text *out)
{
	const char *name;
	json_t *set, *param;
	size_t i;
	pb_text_add(out, "  - name: sets\n    setter: params\n    sets:\n");
	json_object_foreach(json_object_get(expected, "param_sets"), name, set) {
		pb_text_add(out, "      %s: \"", name);
		json_array_foreach(json_object_get(set, "params"), i, param)
			pb_text_add(out, "%s%s", i ? " + " : "", json_string_value(param));
		pb_text_add(out, "\"\n");
	}
}

static void write_head(struct pb_text *out, const char *precision, const char *checkpoint)
{
	pb_text_add(out, "name: golden\nprecision: %s\nmodel: {load: %s}\n", precision, checkpoint);
	pb_text_add(out, "checkpoints: {model_2: %s}\n", pb_test_golden("model_2.pt"));
	write_sets(out);
}

/* Runs the experiment, frees its text and returns results.json. */
static json_t *run_text(struct pb_text *yaml)
{
	static int number_of_run;
	static struct pb_config config;
	static struct pb_plan plan;
	struct pb_device device;
	char file[512], out[512], results[560];
	number_of_run++;
	snprintf(file, sizeof file, "%s/study-%d.yaml", pb_test_dir(), number_of_run);
	snprintf(out, sizeof out, "%s/study-%d", pb_test_dir(), number_of_run);
	ck_assert_ok(pb_text_status(yaml));
	ck_assert_ok(pb_file_write(file, yaml->data, yaml->length));
	pb_text_finish(yaml);
	ck_assert_ok(pb_config_read(file, NULL, &config));
	ck_assert_ok(pb_test_device(2, &device));
	ck_assert_ok(pb_plan_make(&config, &device, &plan));
	const char *engine = getenv("PB_TEST_ENGINE");
	struct pb_run_options options = {.out = out};
	if (engine && !strcmp(engine, "reference"))
		options.engine.kind = PB_ENGINE_REFERENCE;
	ck_assert_ok(pb_run(&plan, &options));
	pb_plan_finish(&plan);
	pb_device_close(&device);
	pb_config_finish(&config);
	snprintf(results, sizeof results, "%s/results.json", out);
	return read_json(results);
}

static json_t *run_study(const char *precision, const char *checkpoint)
{
	struct pb_text yaml = {0};
	write_head(&yaml, precision, checkpoint);
	pb_text_add(&yaml, "probe: {select: {before: loaded, after: model_2, sets: [Dt3, Df4]}}\nsweeps:\n");
	write_grids(&yaml);
	write_param_sets(&yaml);
	return run_text(&yaml);
}

/* The selected integer under the other weights. */
static json_t *run_model_2(const char *precision, const char *checkpoint)
{
	struct pb_text yaml = {0};
	write_head(&yaml, precision, checkpoint);
	pb_text_add(&yaml, "probe: {model: model_2, unit: %d}\n",
		    (int)number(json_object_get(expected, "selected"), "number"));
	return run_text(&yaml);
}

static void near(double got, double want, double tolerance, const char *what)
{
	ck_assert_msg(fabs(got - want) <= tolerance, "%s: got %.12g, expected %.12g (tolerance %g)", what, got, want,
		      tolerance);
}

static void compare_probe(const json_t *results, const struct tolerance *tol)
{
	const json_t *probe = json_object_get(results, "probe"), *update = json_object_get(expected, "update");
	const json_t *loss = json_object_get(expected, "loss");
	char unit[16];
	snprintf(unit, sizeof unit, "%d", (int)number(json_object_get(expected, "selected"), "number"));
	ck_assert_str_eq(text(probe, "unit"), unit);
	near(number(probe, "metric_before"), number(json_object_get(expected, "correct_logit"), "model_1"), tol->metric,
	     "correct logit under model_1");
	near(number(probe, "metric_clean"), number(update, "clean_avg_logit"), tol->metric, "after the clean update");
	near(number(probe, "metric_corrupted"), number(update, "corrupted_avg_logit"), tol->metric,
	     "after the corrupted update");
	near(number(probe, "loss_clean"), number(loss, "clean"), tol->loss, "loss of the clean run");
	near(number(probe, "loss_corrupted"), number(loss, "corrupted"), tol->loss, "loss of the corrupted run");
	near(number(probe, "grad_norm_clean"), number(update, "clean_grad_norm"), tol->relative * 200, "clean norm");
	near(number(probe, "grad_norm_corrupted"), number(update, "corrupted_grad_norm"), tol->relative * 200,
	     "corrupted norm");
}

static int compare_set(const json_t *want, const json_t *units, const char *set, const char *field)
{
	const char *unit;
	json_t *accuracy, *row;
	size_t i;
	int compared = 0;
	json_object_foreach(json_object_get(want, set), unit, accuracy) {
		json_array_foreach(units, i, row) {
			if (strcmp(text(row, "name"), unit))
				continue;
			ck_assert_str_eq(text(row, "set"), set);
			near(number(row, field), json_number_value(accuracy), 1e-9, unit);
			compared++;
		}
	}
	return compared;
}

static void compare_accuracies(const json_t *results)
{
	const json_t *accuracy = json_object_get(expected, "accuracy");
	const json_t *table = json_array_get(json_object_get(results, "units"), 0);
	const json_t *units = json_object_get(table, "units");
	int compared = 0;
	for (int i = 0; i < 2; i++) {
		const json_t *want = json_object_get(accuracy, i ? "model_2" : "model_1");
		compared += compare_set(want, units, "Dt3", i ? "after" : "before");
		compared += compare_set(want, units, "Df4", i ? "after" : "before");
	}
	ck_assert_int_eq(compared, 28);
}

static const json_t *find_sweep(const json_t *results, const char *name)
{
	size_t i;
	json_t *sweep;
	json_array_foreach(json_object_get(results, "sweeps"), i, sweep)
		if (!strcmp(text(sweep, "name"), name))
			return sweep;
	ck_abort_msg("no sweep `%s` in the results", name);
	return NULL;
}

/* Where a grid's index lies in the row-major columns of a result. */
static size_t place_of(const json_t *sweep, const json_t *index)
{
	size_t place = 0, i;
	json_t *axis;
	json_array_foreach(json_object_get(sweep, "axes"), i, axis)
		place = place * json_array_size(json_object_get(axis, "labels")) +
			(size_t)json_integer_value(json_array_get(index, i));
	return place;
}

static double column(const json_t *sweep, const char *name, size_t place)
{
	const json_t *values = json_object_get(json_object_get(sweep, "cells"), name);
	ck_assert_msg(place < json_array_size(values), "no `%s` of cell %zu", name, place);
	return json_number_value(json_array_get(values, place));
}

static void compare_cell(const json_t *sweep, const json_t *want, const struct tolerance *tol, const char *what)
{
	char name[160];
	char *index = json_dumps(json_object_get(want, "index"), JSON_COMPACT);
	size_t at = place_of(sweep, json_object_get(want, "index"));
	snprintf(name, sizeof name, "%s at %s", what, index);
	free(index);
	near(column(sweep, "metric", at), number(want, "metric"), tol->metric, name);
	near(column(sweep, "score", at), number(want, "score"), tol->score, name);
	near(column(sweep, "loss", at), number(want, "loss"), tol->loss, name);
	near(column(sweep, "grad_norm", at), number(want, "grad_norm"), tol->relative * number(want, "grad_norm"), name);
	near(column(sweep, "backward_fired", at), number(want, "bwd_fired"), 0, name);
	near(column(sweep, "params_without_grad", at), number(want, "params_without_grad"), 0, name);
}

static int compare_grids(const json_t *results, const struct tolerance *tol)
{
	size_t i, k;
	json_t *grid, *cell;
	int compared = 0;
	json_array_foreach(json_object_get(expected, "grids"), i, grid) {
		char name[32];
		snprintf(name, sizeof name, "grid %zu", i);
		const json_t *sweep = find_sweep(results, name);
		ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(sweep, "cells"), "metric")),
				  json_array_size(json_object_get(grid, "cells")));
		json_array_foreach(json_object_get(grid, "cells"), k, cell) {
			compare_cell(sweep, cell, tol, text(grid, "name"));
			compared++;
		}
	}
	return compared;
}

static int compare_param_sets(const json_t *results, const struct tolerance *tol)
{
	const json_t *sweep = find_sweep(results, "sets");
	const char *name;
	json_t *set;
	size_t i = 0;
	json_object_foreach(json_object_get(expected, "param_sets"), name, set) {
		near(column(sweep, "metric", i), number(set, "metric"), tol->metric, name);
		near(column(sweep, "score", i), number(set, "score"), tol->score, name);
		near(column(sweep, "grad_norm", i), number(set, "grad_norm"), tol->relative * number(set, "grad_norm"),
		     name);
		i++;
	}
	return (int)i;
}

static void compare_all(const char *precision, const char *checkpoint, const struct tolerance *tol)
{
	json_t *results = run_study(precision, checkpoint);
	compare_probe(results, tol);
	compare_accuracies(results);
	ck_assert_int_eq(compare_grids(results, tol), 381);
	ck_assert_int_eq(compare_param_sets(results, tol), 28);
	json_decref(results);
	results = run_model_2(precision, checkpoint);
	near(number(json_object_get(results, "probe"), "metric_before"),
	     number(json_object_get(expected, "correct_logit"), "model_2"), tol->metric, "correct logit under model_2");
	json_decref(results);
}

START_TEST(study_from_zip)
{
	compare_all(_i ? "f64" : "f32", pb_test_golden("model_1.pt"), _i ? &f64_tolerance : &f32_tolerance);
}
END_TEST

START_TEST(study_from_legacy)
{
	compare_all(_i ? "f64" : "f32", pb_test_golden("model_1_legacy.pt"), _i ? &f64_tolerance : &f32_tolerance);
}
END_TEST

START_TEST(study_from_safetensors)
{
	struct pb_ckpt ckpt;
	char path[512];
	snprintf(path, sizeof path, "%s/converted-%d.safetensors", pb_test_dir(), _i);
	ck_assert_ok(pb_ckpt_read(pb_test_golden("model_1.pt"), &ckpt));
	ck_assert_ok(pb_ckpt_write_safetensors(path, ckpt.tensors, ckpt.n_tensors));
	pb_ckpt_finish(&ckpt);
	compare_all(_i ? "f64" : "f32", path, _i ? &f64_tolerance : &f32_tolerance);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("study");
	TCase *all = tcase_create("study");
	expected = read_json(pb_test_golden("expected.json"));
	tcase_add_loop_test(all, study_from_zip, 0, 2);
	tcase_add_loop_test(all, study_from_legacy, 0, 2);
	tcase_add_loop_test(all, study_from_safetensors, 0, 2);
	suite_add_tcase(suite, all);
	int code = pb_test_run(suite, NULL);
	json_decref(expected);
	return code;
}
