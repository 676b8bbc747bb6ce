/* test_table.c: the files of a run, read back: numbers, order, NaN, quoting. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "ckpt/ckpt.h"
#include "example.h"
#include "report/output.h"
#include "report/report.h"
#include "support/support.h"

static struct pb_arena arena;

static char *path_of(const char *name)
{
	return pb_arena_printf(&arena, "%s/%s", pb_test_dir(), name);
}

static char *read_text(const char *name)
{
	void *data;
	size_t size;
	ck_assert_ok(pb_file_read(path_of(name), 1 << 26, &data, &size));
	char *text = pb_arena_strndup(&arena, data, size);
	free(data);
	return text;
}

static json_t *read_json(const char *name)
{
	json_error_t error;
	json_t *json = json_loads(read_text(name), 0, &error);
	ck_assert_msg(json, "%s:%d: %s", name, error.line, error.text);
	return json;
}

/* A reader of its own for RFC 4180; one table at a time. */
struct csv {
	char *field[600][16];
	size_t rows, columns[600];
};

static char *read_field(char **at)
{
	char *out = *at, *start = out, *c = *at;
	bool quoted = *c == '"';
	c += quoted;
	for (; *c && (quoted || (*c != ',' && *c != '\r')); c++) {
		if (quoted && *c == '"' && *++c != '"')
			break;
		*out++ = *c;
	}
	*at = c;
	return pb_arena_strndup(&arena, start, (size_t)(out - start));
}

static struct csv *read_csv(const char *name)
{
	struct csv *csv = pb_arena_alloc(&arena, sizeof *csv);
	char *at = read_text(name);
	while (*at) {
		size_t *n = &csv->columns[csv->rows];
		do {
			at += *n > 0;
			csv->field[csv->rows][(*n)++] = read_field(&at);
		} while (*at == ',');
		ck_assert_msg(at[0] == '\r' && at[1] == '\n', "%s: row %zu ends in \"%.4s\"", name, csv->rows, at);
		at += 2;
		ck_assert_uint_eq(*n, csv->columns[0]);
		csv->rows++;
	}
	return csv;
}

static void setup(void)
{
	pb_arena_init(&arena);
}

static void teardown(void)
{
	pb_arena_finish(&arena);
}

static const struct pb_result_sweep *heads(void)
{
	return pb_example_sweep(&arena, "z by head", 2, (const char *[]){"layer", "head"}, (int64_t[]){3, 2}, 0.4);
}

START_TEST(csv_has_one_row_per_cell_in_order)
{
	const struct pb_result_sweep *sweep = heads();
	ck_assert_ok(pb_report_write_sweep(pb_test_dir(), sweep));
	struct csv *csv = read_csv("sweeps/z_by_head.csv");
	static const char *const header[] = {"layer",          "head",
	                                     "metric",         "score",
	                                     "loss",           "grad_norm",
	                                     "forward_fired",  "forward_max_change",
	                                     "backward_fired", "backward_max_change",
	                                     "graph_cut",      "params_without_grad"};
	ck_assert_uint_eq(csv->columns[0], 12);
	for (size_t i = 0; i < 12; i++)
		ck_assert_str_eq(csv->field[0][i], header[i]);
	ck_assert_uint_eq(csv->rows, 1 + 6);
	ck_assert_str_eq(csv->field[4][0], "1");
	ck_assert_str_eq(csv->field[4][1], "1");
	/* Exactly, not nearly: the decimal is to read back as the same double. */
	for (size_t c = 0; c < 6; c++) {
		ck_assert(strtod(csv->field[c + 1][2], NULL) == sweep->cells[c].metric);
		ck_assert(strtod(csv->field[c + 1][3], NULL) == sweep->cells[c].score);
		ck_assert(strtod(csv->field[c + 1][5], NULL) == sweep->cells[c].grad_norm);
	}
	ck_assert_str_eq(csv->field[1][6], "1");
	ck_assert_str_eq(csv->field[1][8], "0");
	ck_assert_str_eq(csv->field[1][10], "1");
	ck_assert_str_eq(csv->field[1][11], "12");
}
END_TEST

/* Where estimates were asked for, two columns more. */
START_TEST(csv_has_estimates)
{
	const struct pb_result_run *run = pb_example_run(&arena);
	const struct pb_result_sweep *beside = &run->sweeps[2], *only = &run->sweeps[1];
	ck_assert_ok(pb_report_write_sweep(pb_test_dir(), beside));
	ck_assert_ok(pb_report_write_sweep(pb_test_dir(), only));
	struct csv *csv = read_csv(pb_arena_printf(&arena, "sweeps/%s.csv", beside->file));
	ck_assert_uint_eq(csv->columns[0], 14);
	ck_assert_str_eq(csv->field[0][12], "estimate");
	ck_assert_str_eq(csv->field[0][13], "estimate_score");
	ck_assert(strtod(csv->field[5][12], NULL) == beside->cells[4].estimate);
	ck_assert(strtod(csv->field[5][13], NULL) == beside->cells[4].estimate_score);
	csv = read_csv(pb_arena_printf(&arena, "sweeps/%s.csv", only->file));
	ck_assert_str_eq(csv->field[1][3], ""); /* behind `pos` and its index: no metric */
	ck_assert_str_ne(csv->field[1][13], "");
	struct pb_ckpt npz;
	ck_assert_ok(pb_ckpt_read(path_of(pb_arena_printf(&arena, "sweeps/%s.npz", only->file)), &npz));
	ck_assert(((const double *)pb_ckpt_find(&npz, "estimate")->data)[3] == only->cells[3].estimate);
	pb_ckpt_finish(&npz);
}
END_TEST

START_TEST(parts_and_similarity_are_tables)
{
	const struct pb_result_run *run = pb_example_run(&arena);
	const struct pb_result_similarity *s = run->similarity;
	struct pb_ckpt npz;
	ck_assert_ok(pb_report_write_parts(pb_test_dir(), run->parts, run->n_parts));
	struct csv *csv = read_csv("estimate-parameters.csv");
	ck_assert_uint_eq(csv->rows, 1 + 4);
	ck_assert_str_eq(csv->field[2][1], "blocks.0.attn.W_V");
	ck_assert_str_eq(csv->field[2][2], "2.5");
	ck_assert_str_eq(csv->field[2][3], "-0.125");
	ck_assert_ok(pb_report_write_similarity(pb_test_dir(), s));
	csv = read_csv("similarity.csv");
	ck_assert_uint_eq(csv->rows, 1 + 3 * 9);
	ck_assert_str_eq(csv->field[3][0], "all");
	ck_assert_str_eq(csv->field[3][1], "clean");
	ck_assert_str_eq(csv->field[3][2], "question 0 of 34");
	ck_assert_str_eq(csv->field[3][3], "-0.25");
	ck_assert_str_eq(csv->field[10][0], "embed.W_E");
	ck_assert_str_eq(csv->field[19][3], "");
	json_t *json = read_json("similarity.json");
	ck_assert_uint_eq(json_array_size(json_object_get(json, "cosine_by_parameter")), 2);
	json_decref(json);
	ck_assert_ok(pb_ckpt_read(path_of("similarity.npz"), &npz));
	const struct pb_ckpt_tensor *all = pb_ckpt_find(&npz, "cosine"), *dots = pb_ckpt_find(&npz, "dot_by_parameter");
	ck_assert(all->rank == 2 && all->shape[0] == 3 && all->shape[1] == 3);
	ck_assert(dots->rank == 3 && dots->shape[0] == 2 && dots->shape[1] == 3 && dots->shape[2] == 3);
	ck_assert(((const double *)dots->data)[10] == s->dots[10]);
	pb_ckpt_finish(&npz);
}
END_TEST

START_TEST(csv_quotes_labels_and_leaves_nan_empty)
{
	static const char *const labels[] = {"a,b", "say \"hi\"", "two\nlines", "", "no UTF-8: \xff"};
	static const double scores[] = {NAN, INFINITY, -INFINITY, 0.1, -0.0};
	ck_assert_ok(
	        pb_report_write_sweep(pb_test_dir(), pb_example_strip(&arena, "q", "set, of all", 5, labels, scores)));
	struct csv *csv = read_csv("sweeps/q.csv");
	ck_assert_str_eq(csv->field[0][0], "set, of all");
	for (size_t i = 0; i < 4; i++)
		ck_assert_str_eq(csv->field[i + 1][0], labels[i]);
	ck_assert_str_eq(csv->field[5][0], "no UTF-8: \ufffd");
	/* A label for people is followed by its position. */
	ck_assert_str_eq(csv->field[0][1], "set, of all_index");
	ck_assert_str_eq(csv->field[4][1], "3");
	ck_assert_str_eq(csv->field[1][3], "");
	ck_assert_str_eq(csv->field[2][3], "inf");
	ck_assert_str_eq(csv->field[3][3], "-inf");
	ck_assert_str_eq(csv->field[4][3], "0.1");
}
END_TEST

START_TEST(json_holds_axes_cells_and_metadata)
{
	const struct pb_result_sweep *sweep = heads();
	ck_assert_ok(pb_report_write_sweep(pb_test_dir(), sweep));
	json_t *json = read_json("sweeps/z_by_head.json"), *axis, *cells = json_object_get(json, "cells");
	ck_assert_str_eq(json_string_value(json_object_get(json, "hook")), "z");
	ck_assert_str_eq(json_string_value(json_object_get(json, "gradient")), "torch");
	ck_assert(json_real_value(json_object_get(json, "metric_clean")) == sweep->metric_clean);
	ck_assert(json_is_true(json_object_get(json, "score_defined")));
	ck_assert_uint_eq(json_array_size(json_object_get(json, "axes")), 2);
	axis = json_array_get(json_object_get(json, "axes"), 1);
	ck_assert_str_eq(json_string_value(json_object_get(axis, "name")), "head");
	ck_assert_uint_eq(json_array_size(json_object_get(axis, "labels")), 2);
	for (size_t c = 0; c < 6; c++) {
		ck_assert(json_real_value(json_array_get(json_object_get(cells, "score"), c)) == sweep->cells[c].score);
		ck_assert(json_real_value(json_array_get(json_object_get(cells, "forward_max_change"), c)) ==
		          sweep->cells[c].forward.max_change);
		ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(cells, "params_without_grad"), c)),
		                 12);
		ck_assert(json_is_true(json_array_get(json_object_get(cells, "graph_cut"), c)));
	}
	json_decref(json);
}
END_TEST

START_TEST(json_survives_what_is_awkward)
{
	const struct pb_result_run *run = pb_example_edges(&arena);
	ck_assert_ok(pb_report_write_run(pb_test_dir(), run));
	json_t *json = read_json("results.json"), *sweeps = json_object_get(json, "sweeps");
	ck_assert_str_eq(json_string_value(json_object_get(json, "name")), run->name);
	ck_assert(json_is_null(json_object_get(json, "seconds")));
	ck_assert(json_is_null(json_object_get(json, "probe")));
	ck_assert_uint_eq(json_array_size(sweeps), run->n_sweeps);
	json_t *nothing = json_object_get(json_object_get(json_array_get(sweeps, 1), "cells"), "score");
	ck_assert(json_is_null(json_array_get(nothing, 3)));
	json_t *named = json_array_get(sweeps, 3), *score = json_object_get(json_object_get(named, "cells"), "score");
	ck_assert_str_eq(json_string_value(json_array_get(score, 1)), "Infinity");
	ck_assert_str_eq(json_string_value(json_array_get(score, 2)), "-Infinity");
	json_t *labels = json_object_get(json_array_get(json_object_get(named, "axes"), 0), "labels");
	for (size_t i = 0; i < 4; i++)
		ck_assert_str_eq(json_string_value(json_array_get(labels, i)), run->sweeps[3].axes[0].labels[i]);
	ck_assert_str_eq(json_string_value(json_array_get(labels, 4)), "bad \xef\xbf\xbd\xef\xbf\xbd bytes");
	ck_assert_str_eq(json_string_value(json_array_get(labels, 5)), run->sweeps[3].axes[0].labels[5]);
	json_decref(json);
}
END_TEST

START_TEST(npz_has_arrays_shaped_by_the_axes)
{
	struct pb_ckpt npz;
	struct pb_result_sweep *sweep =
	        pb_example_sweep(&arena, "cube", 3, (const char *[]){"layer", "pos", "head"}, (int64_t[]){2, 3, 4}, 1);
	struct pb_result_cell cells[24];
	memcpy(cells, sweep->cells, sizeof cells);
	cells[5].score = NAN;
	cells[6].graph_cut = false;
	cells[7].forward.fired = 1234567890123;
	sweep->cells = cells;
	ck_assert_ok(pb_report_write_sweep(pb_test_dir(), sweep));
	ck_assert_ok(pb_ckpt_read(path_of("sweeps/cube.npz"), &npz));
	ck_assert_uint_eq(npz.n_tensors, 10);
	const struct pb_ckpt_tensor *score = pb_ckpt_find(&npz, "score"), *fired = pb_ckpt_find(&npz, "forward_fired");
	const struct pb_ckpt_tensor *cut = pb_ckpt_find(&npz, "graph_cut");
	ck_assert(score && fired && cut);
	ck_assert(score->dtype == PB_CKPT_F64 && fired->dtype == PB_CKPT_I64 && cut->dtype == PB_CKPT_BOOL);
	ck_assert(score->rank == 3 && score->shape[0] == 2 && score->shape[1] == 3 && score->shape[2] == 4);
	for (size_t c = 0; c < 24; c++)
		ck_assert(c == 5 ? isnan(((const double *)score->data)[c])
		                 : ((const double *)score->data)[c] == cells[c].score);
	ck_assert_int_eq(((const int64_t *)fired->data)[7], 1234567890123);
	ck_assert(((const unsigned char *)cut->data)[5] == 1 && ((const unsigned char *)cut->data)[6] == 0);
	ck_assert_uint_eq(npz.n_values, 4);
	ck_assert_str_eq(npz.values[0].name, "axes");
	ck_assert_str_eq(npz.values[0].text, "[\"layer\", \"pos\", \"head\"]");
	ck_assert_str_eq(npz.values[3].name, "labels_head");
	ck_assert_str_eq(npz.values[3].text, "[\"0\", \"1\", \"2\", \"3\"]");
	pb_ckpt_finish(&npz);
}
END_TEST

START_TEST(every_edge_is_written)
{
	const struct pb_result_run *run = pb_example_edges(&arena);
	for (size_t i = 0; i < run->n_sweeps; i++) {
		struct pb_ckpt npz;
		ck_assert_ok(pb_report_write_sweep(pb_test_dir(), &run->sweeps[i]));
		json_decref(read_json(pb_arena_printf(&arena, "sweeps/%s.json", run->sweeps[i].file)));
		ck_assert_ok(
		        pb_ckpt_read(path_of(pb_arena_printf(&arena, "sweeps/%s.npz", run->sweeps[i].file)), &npz));
		ck_assert_int_eq(pb_ckpt_find(&npz, "loss")->count, run->sweeps[i].n_cells);
		pb_ckpt_finish(&npz);
	}
}
END_TEST

START_TEST(results_hold_patterns_and_updates)
{
	const struct pb_result_run *run = pb_example_run(&arena);
	ck_assert_ok(pb_report_write_run(pb_test_dir(), run));
	json_t *json = read_json("results.json"), *patterns = json_object_get(json, "patterns");
	json_t *second = json_array_get(patterns, 1), *update = json_array_get(json_object_get(json, "updates"), 0);
	ck_assert_uint_eq(json_array_size(patterns), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "patterns_left_out")), 3);
	ck_assert_ptr_null(json_object_get(json, "updates_left_out"));
	ck_assert(json_is_null(json_object_get(json_array_get(patterns, 0), "weights")));
	ck_assert_str_eq(json_string_value(json_object_get(second, "weights")), "model_1");
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(second, "corrupted_tokens"), 0)), "U");
	/* Layer 5, head 2, query 3, key 1. */
	const size_t at = ((5 * 4 + 2) * 4 + 3) * 4 + 1;
	ck_assert_uint_eq(json_array_size(json_object_get(second, "clean")), 6 * 4 * 4 * 4);
	json_t *clean = json_object_get(second, "clean"), *params = json_object_get(update, "params");
	ck_assert(json_real_value(json_array_get(clean, at)) == run->patterns[1].clean[at]);
	ck_assert_str_eq(json_string_value(json_array_get(params, 2)), "blocks.0.attn.W_V");
	ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(update, "elements"), 3)), 244);
	ck_assert(json_real_value(json_array_get(json_object_get(update, "difference"), 2)) == 0.07);
	json_decref(json);
}
END_TEST

START_TEST(results_hold_the_whole_run)
{
	const struct pb_result_run *run = pb_example_run(&arena);
	ck_assert_ok(pb_report_write_run(pb_test_dir(), run));
	json_t *json = read_json("results.json");
	json_t *stage = json_array_get(json_object_get(json, "stages"), 1);
	json_t *series = json_array_get(json_object_get(stage, "series"), 3);
	ck_assert_str_eq(json_string_value(json_object_get(series, "name")), "accuracy Dt3");
	ck_assert(json_is_null(json_array_get(json_object_get(series, "values"), 0)));
	ck_assert(json_real_value(json_array_get(json_object_get(series, "values"), 499)) ==
	          run->stages[1].series[3].values[499]);
	json_t *units = json_array_get(json_object_get(json, "units"), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(units, "selected")), 8);
	ck_assert_uint_eq(json_array_size(json_object_get(units, "units")), 60);
	json_t *probe = json_object_get(json, "probe");
	ck_assert(json_real_value(json_object_get(probe, "metric_before")) == 3.909);
	json_t *pair = json_array_get(json_object_get(json, "environment"), 3);
	ck_assert_str_eq(json_string_value(json_array_get(pair, 1)), "42");
	ck_assert_str_eq(json_string_value(json_object_get(json, "config")), run->config);
	json_decref(json);
}
END_TEST

START_TEST(empty_run_is_written)
{
	ck_assert_ok(pb_report_write_run(pb_test_dir(), pb_example_empty(&arena)));
	json_t *json = read_json("results.json");
	ck_assert_uint_eq(json_array_size(json_object_get(json, "sweeps")), 0);
	ck_assert(json_is_null(json_object_get(json, "question")));
	json_decref(json);
}
END_TEST

START_TEST(curves_and_units_are_tables)
{
	const struct pb_result_run *run = pb_example_run(&arena);
	ck_assert_ok(pb_report_write_stage(pb_test_dir(), &run->stages[2]));
	ck_assert_ok(pb_report_write_units(pb_test_dir(), &run->units[0], "units"));
	struct csv *csv = read_csv("curves/X2.csv");
	ck_assert_uint_eq(csv->rows, 52);
	ck_assert_str_eq(csv->field[0][0], "epoch");
	ck_assert_str_eq(csv->field[0][5], "accuracy Df4");
	ck_assert_str_eq(csv->field[1][5], "");
	ck_assert(strtod(csv->field[51][5], NULL) == run->stages[2].series[4].values[50]);
	csv = read_csv("units.csv");
	ck_assert_str_eq(csv->field[0][3], "model_2");
	ck_assert_str_eq(csv->field[9][4], "1");
	ck_assert_str_eq(csv->field[10][4], "0");
	ck_assert(strtod(csv->field[3][3], NULL) == run->units->units[2].after);
}
END_TEST

START_TEST(a_drill_down_is_a_table)
{
	const struct pb_result_run *run = pb_example_run(&arena);
	ck_assert_ok(pb_report_write_drills(pb_test_dir(), run));
	struct csv *csv = read_csv("drilldown.csv");
	ck_assert_uint_eq(csv->rows, 4);
	ck_assert_str_eq(csv->field[0][4], "set");
	ck_assert_str_eq(csv->field[1][4], "*");
	ck_assert_str_eq(csv->field[3][4], run->drills[0].steps[2].set);
	ck_assert_str_eq(csv->field[2][3], "1");
	ck_assert_str_eq(csv->field[2][6], "2884352");
	ck_assert(strtod(csv->field[2][5], NULL) == 1.0483);
}
END_TEST

START_TEST(names_cannot_leave_the_folder)
{
	struct pb_result_stage stage = pb_example_run(&arena)->stages[2];
	stage.name = "../../../tmp/x y";
	struct pb_text path;
	ck_assert_ok(pb_report_write_stage(pb_test_dir(), &stage));
	ck_assert_ok(pb_output_path(pb_test_dir(), "curves", stage.name, "csv", &path));
	ck_assert_ptr_nonnull(strstr(path.data, "/curves/_._.._.._tmp_x_y-"));
	read_csv(path.data + strlen(pb_test_dir()) + 1);
	pb_text_finish(&path);
}
END_TEST

/* Whatever the names are, each has a file of its own. */
START_TEST(names_stay_different)
{
	char long_name[400], longer_name[401];
	const char *const names[] = {"lr 1", "lr/1", "lr_1", "\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x9c\xac\xe6\x97\xa5", long_name, longer_name, ""};
	enum { N = sizeof names / sizeof *names };
	struct pb_text paths[N];
	snprintf(long_name, sizeof long_name, "%0399d", 0);
	snprintf(longer_name, sizeof longer_name, "%0400d", 0);
	for (size_t i = 0; i < N; i++) {
		ck_assert_ok(pb_output_path(pb_test_dir(), "curves", names[i], "csv", &paths[i]));
		ck_assert_ok(pb_file_write(paths[i].data, names[i], strlen(names[i])));
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(paths[i].data, paths[k].data);
	}
	ck_assert_ptr_nonnull(strstr(paths[2].data, "/curves/lr_1.csv")); /* which is fit as it is */
	for (size_t i = 0; i < N; i++)
		pb_text_finish(&paths[i]);
}
END_TEST

START_TEST(cells_out_of_order_are_refused)
{
	struct pb_result_sweep sweep = *heads();
	struct pb_result_cell cells[6];
	memcpy(cells, sweep.cells, sizeof cells);
	sweep.cells = cells;
	cells[2].index = (const int64_t[]){2, 1};
	ck_assert_int_eq(pb_report_write_sweep(pb_test_dir(), &sweep), -PB_E_SHAPE);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "z by head"));
	sweep.n_cells = 5;
	ck_assert_int_eq(pb_report_write_sweep(pb_test_dir(), &sweep), -PB_E_SHAPE);
}
END_TEST

START_TEST(unwritable_folder_is_an_error)
{
	ck_assert_int_lt(pb_report_write_run("/proc/nowhere", pb_example_empty(&arena)), 0);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "/proc/nowhere"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *files = tcase_create("files");
	tcase_add_checked_fixture(files, setup, teardown);
	tcase_add_test(files, csv_has_one_row_per_cell_in_order);
	tcase_add_test(files, csv_has_estimates);
	tcase_add_test(files, parts_and_similarity_are_tables);
	tcase_add_test(files, csv_quotes_labels_and_leaves_nan_empty);
	tcase_add_test(files, json_holds_axes_cells_and_metadata);
	tcase_add_test(files, json_survives_what_is_awkward);
	tcase_add_test(files, npz_has_arrays_shaped_by_the_axes);
	tcase_add_test(files, every_edge_is_written);
	tcase_add_test(files, results_hold_the_whole_run);
	tcase_add_test(files, results_hold_patterns_and_updates);
	tcase_add_test(files, empty_run_is_written);
	tcase_add_test(files, curves_and_units_are_tables);
	tcase_add_test(files, a_drill_down_is_a_table);
	tcase_add_test(files, names_cannot_leave_the_folder);
	tcase_add_test(files, names_stay_different);
	tcase_add_test(files, cells_out_of_order_are_refused);
	tcase_add_test(files, unwritable_folder_is_an_error);
	suite_add_tcase(suite, files);
	return pb_test_run(suite, NULL);
}
