/* test_html.c: the page: its data reads back, nothing from outside gets out of it, it needs nothing from outside. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "example.h"
#include "report/report.h"
#include "support/support.h"

static const char begin[] = "<script type=\"application/json\" id=\"data\">", end[] = "</script>";
static struct pb_arena arena;

static void setup(void)
{
	pb_arena_init(&arena);
}

static void teardown(void)
{
	pb_arena_finish(&arena);
}

static char *make_page(const struct pb_result_run *run)
{
	void *data;
	size_t size;
	const char *path = pb_arena_printf(&arena, "%s/report.html", pb_test_dir());
	ck_assert_ok(pb_report_write_html(path, run));
	ck_assert_ok(pb_file_read(path, 1 << 26, &data, &size));
	ck_assert_uint_eq(strlen(data), size);
	char *page = pb_arena_strdup(&arena, data);
	free(data);
	return page;
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;
	for (const char *at = text; (at = strstr(at, part)); at++)
		n++;
	return n;
}

/* The data block as the browser cuts it out. */
static json_t *data_of(const char *page)
{
	ck_assert_uint_eq(count(page, begin), 1);
	const char *from = strstr(page, begin) + strlen(begin), *to = strstr(from, end);
	json_error_t error;
	json_t *json = json_loadb(from, (size_t)(to - from), 0, &error);
	ck_assert_msg(json, "line %d: %s", error.line, error.text);
	return json;
}

static void check_cells(const json_t *cells, const struct pb_result_sweep *sweep)
{
	const json_t *scores = json_object_get(cells, "score"), *metrics = json_object_get(cells, "metric");
	ck_assert_uint_eq(json_array_size(scores), sweep->n_cells);
	for (size_t c = 0; c < sweep->n_cells; c++) {
		const json_t *score = json_array_get(scores, c);
		if (isnan(sweep->cells[c].score))
			ck_assert(json_is_null(score));
		else if (isinf(sweep->cells[c].score))
			ck_assert(json_is_string(score));
		else
			ck_assert(json_number_value(score) == sweep->cells[c].score &&
			          json_number_value(json_array_get(metrics, c)) == sweep->cells[c].metric);
	}
}

START_TEST(data_holds_every_cell)
{
	const struct pb_result_run *runs[] = {pb_example_run(&arena), pb_example_edges(&arena),
	                                      pb_example_empty(&arena)};
	for (size_t r = 0; r < 3; r++) {
		json_t *json = data_of(make_page(runs[r])), *run = json_object_get(json, "run");
		ck_assert_str_eq(json_string_value(json_object_get(run, "name")), runs[r]->name);
		const json_t *sweeps = json_object_get(run, "sweeps");
		ck_assert_uint_eq(json_array_size(sweeps), runs[r]->n_sweeps);
		for (size_t s = 0; s < runs[r]->n_sweeps; s++)
			check_cells(json_object_get(json_array_get(sweeps, s), "cells"), &runs[r]->sweeps[s]);
		json_decref(json);
	}
}
END_TEST

START_TEST(colors_are_those_of_the_terminal)
{
	json_t *json = data_of(make_page(pb_example_empty(&arena))), *colors = json_object_get(json, "colors");
	size_t n = json_array_size(colors);
	ck_assert_uint_ge(n, 3);
	ck_assert_uint_eq(n % 2, 1);
	for (size_t i = 0; i < n; i++) {
		int rgb[3];
		pb_color_diverging(2.0 * (double)i / (double)(n - 1) - 1, rgb);
		for (size_t c = 0; c < 3; c++)
			ck_assert_int_eq(json_integer_value(json_array_get(json_array_get(colors, i), c)), rgb[c]);
	}
	json_decref(json);
}
END_TEST

START_TEST(nothing_gets_out_of_the_data)
{
	const char *empty = make_page(pb_example_empty(&arena)), *page = make_page(pb_example_edges(&arena));
	ck_assert_uint_eq(count(page, "<script"), count(empty, "<script"));
	ck_assert_uint_eq(count(page, "</script"), count(empty, "</script"));
	ck_assert_uint_eq(count(page, "<!--"), count(empty, "<!--"));
	ck_assert_ptr_nonnull(strstr(page, "<title>edges &lt;/title&gt;&lt;script&gt;</title>"));
	ck_assert_uint_eq(count(page, "<b>"), count(empty, "<b>"));
}
END_TEST

START_TEST(markers_in_names_stay_names)
{
	struct pb_result_run run = *pb_example_empty(&arena);
	run.name = "{{data}}{{title}}";
	json_t *json = data_of(make_page(&run));
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(json, "run"), "name")), run.name);
	json_decref(json);
}
END_TEST

START_TEST(page_needs_nothing_from_outside)
{
	static const char *const parts[] = {"http",    "src=",      "@import", "url(", "fetch(",
	                                    "XMLHttp", "innerHTML", "{{",      "//cdn"};
	const char *page = make_page(pb_example_empty(&arena));
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		ck_assert_msg(!strstr(page, parts[i]), "the page has \"%s\"", parts[i]);
	ck_assert_uint_eq(count(page, "<link"), 0);
	ck_assert_int_eq(strncmp(page, "<!DOCTYPE html>", 15), 0);
	ck_assert_ptr_nonnull(strstr(page, "</html>"));
}
END_TEST

START_TEST(page_is_small)
{
	ck_assert_uint_lt(strlen(make_page(pb_example_run(&arena))), 400000);
	/* A long training run is thinned, its ends are kept. */
	enum { POINTS = 100001 };
	struct pb_result_run run = *pb_example_run(&arena);
	double *values = pb_arena_array(&arena, POINTS, sizeof *values);
	for (size_t i = 0; i < POINTS; i++)
		values[i] = (double)i;
	struct pb_result_series series = {"loss", values};
	struct pb_result_stage stage = {
	        .name = "long", .x_label = "step", .n_points = POINTS, .x = values, .n_series = 1, .series = &series};
	run.stages = &stage;
	run.n_stages = 1;
	json_t *json = data_of(make_page(&run)), *long_stage;
	long_stage = json_array_get(json_object_get(json_object_get(json, "run"), "stages"), 0);
	json_t *x = json_object_get(long_stage, "x"), *y = json_array_get(json_object_get(long_stage, "series"), 0);
	size_t n = json_array_size(x);
	ck_assert_uint_le(n, 1001);
	ck_assert_uint_ge(n, 500);
	ck_assert_uint_eq(json_array_size(json_object_get(y, "values")), n);
	ck_assert(json_number_value(json_array_get(x, 0)) == 0);
	ck_assert(json_number_value(json_array_get(x, n - 1)) == POINTS - 1);
	ck_assert_int_eq(json_integer_value(json_object_get(long_stage, "points")), POINTS);
	json_decref(json);
}
END_TEST

START_TEST(broken_table_makes_no_page)
{
	struct pb_result_run run = *pb_example_run(&arena);
	struct pb_result_sweep sweep = run.sweeps[0];
	sweep.n_cells--;
	run.sweeps = &sweep;
	run.n_sweeps = 1;
	const char *path = pb_arena_printf(&arena, "%s/none.html", pb_test_dir());
	ck_assert_int_eq(pb_report_write_html(path, &run), -PB_E_SHAPE);
	FILE *file = fopen(path, "r");
	ck_assert_ptr_null(file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("html");
	TCase *page = tcase_create("page");
	tcase_add_checked_fixture(page, setup, teardown);
	tcase_add_test(page, data_holds_every_cell);
	tcase_add_test(page, colors_are_those_of_the_terminal);
	tcase_add_test(page, nothing_gets_out_of_the_data);
	tcase_add_test(page, markers_in_names_stay_names);
	tcase_add_test(page, page_needs_nothing_from_outside);
	tcase_add_test(page, page_is_small);
	tcase_add_test(page, broken_table_makes_no_page);
	suite_add_tcase(suite, page);
	return pb_test_run(suite, NULL);
}
