/* test_members.c: a sweep over several units in files, on the page and in the terminal. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "ckpt/ckpt.h"
#include "example.h"
#include "report/report.h"
#include "support/support.h"

static struct pb_arena arena;

static void setup(void)
{
	pb_arena_init(&arena);
}

static void teardown(void)
{
	pb_arena_finish(&arena);
}

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

/* Line `number`, from 0, without its end. */
static char *line(const char *text, int number)
{
	for (int i = 0; i < number; i++)
		text = strstr(text, "\r\n") + 2;
	return pb_arena_strndup(&arena, text, (size_t)(strstr(text, "\r\n") - text));
}

START_TEST(table_of_statistics)
{
	const struct pb_result_run *run = pb_example_units(&arena);
	ck_assert_ok(pb_report_write_sweep(pb_test_dir(), run->sweeps));
	const char *text = read_text("sweeps/z_by_head.csv");
	ck_assert_str_eq(line(text, 0),
			 "layer,head,metric_mean,metric_std,metric_low,metric_high,metric_count,score_mean,"
			 "score_std,score_low,score_high,score_count");
	ck_assert_str_eq(line(text, 5), "2,0,4,0.5,3.75,4.75,3,0.5,0.125,0,0.75,2");
	ck_assert_str_eq(line(text, 6), "2,1,5,0.5,4.75,5.75,3,0.5,,,,1");
}
END_TEST

/* A row for each unit and cell, columns as in a table of one unit. */
START_TEST(table_of_units)
{
	const struct pb_result_run *run = pb_example_units(&arena);
	const struct pb_result_sweep *sweep = run->sweeps;
	ck_assert_ok(pb_report_write_sweep(pb_test_dir(), sweep));
	const char *text = read_text("sweeps/z_by_head.units.csv");
	ck_assert_str_eq(line(text, 0),
			 "unit,set,layer,head,metric,score,loss,grad_norm,forward_fired,forward_max_change,"
			 "backward_fired,backward_max_change,graph_cut,params_without_grad");
	for (size_t i = 0; i < 18; i++) {
		const struct pb_result_member *m = &sweep->over->items[i / 6];
		char *rest = line(text, (int)i + 1), lead[64];
		snprintf(lead, sizeof lead, "%s,%s,%zu,%zu,", m->name, m->set ? m->set : "", i % 6 / 2, i % 2);
		ck_assert_msg(!strncmp(rest, lead, strlen(lead)), "%s does not begin with %s", rest, lead);
		ck_assert(strtod(rest + strlen(lead), NULL) == m->cells[i % 6].metric);
	}
}
END_TEST

static const struct pb_ckpt_tensor *array_of(const struct pb_ckpt *npz, const char *name, int rank)
{
	const struct pb_ckpt_tensor *t = pb_ckpt_find(npz, name);
	ck_assert_msg(t && t->rank == rank, "%s", name);
	return t;
}

START_TEST(arrays_with_an_axis_of_units)
{
	struct pb_ckpt npz;
	const struct pb_result_sweep *sweep = pb_example_units(&arena)->sweeps;
	ck_assert_ok(pb_report_write_sweep(pb_test_dir(), sweep));
	ck_assert_ok(pb_ckpt_read(path_of("sweeps/z_by_head.npz"), &npz));
	const struct pb_ckpt_tensor *score = array_of(&npz, "score", 3), *high = array_of(&npz, "metric_high", 2),
				    *count = array_of(&npz, "score_count", 2);
	ck_assert(score->shape[0] == 3 && score->shape[1] == 3 && score->shape[2] == 2);
	ck_assert(high->shape[0] == 3 && high->shape[1] == 2);
	for (size_t i = 0; i < 18; i++)
		ck_assert(((const double *)score->data)[i] == sweep->over->items[i / 6].cells[i % 6].score);
	for (size_t c = 0; c < 6; c++)
		ck_assert(((const double *)high->data)[c] == (double)c + 0.75);
	ck_assert_int_eq(((const int64_t *)count->data)[4], 2);
	ck_assert_int_eq(((const int64_t *)count->data)[5], 1);
	pb_ckpt_finish(&npz);
}
END_TEST

START_TEST(table_of_probes)
{
	ck_assert_ok(pb_report_write_probes(pb_test_dir(), pb_example_units(&arena)));
	const char *text = read_text("probes.csv");
	ck_assert_str_eq(line(text, 0), "weights,unit,set,clean,corrupted,metric_before,metric_clean,metric_corrupted,"
					"loss_clean,loss_corrupted,grad_norm_clean,grad_norm_corrupted");
	ck_assert_str_eq(line(text, 2), ",34,Df4,R alias P,U alias P,3.9,6.25,2,1,2,3,4");
}
END_TEST

/* The page has what it draws: the spreads, and of each unit's cells what is shown. */
START_TEST(page_holds_the_members)
{
	static const char begin[] = "<script type=\"application/json\" id=\"data\">";
	const struct pb_result_sweep *sweep = pb_example_units(&arena)->sweeps;
	ck_assert_ok(pb_report_write_html(path_of("report.html"), pb_example_units(&arena)));
	const char *page = read_text("report.html"), *data = strstr(page, begin) + strlen(begin);
	json_t *json = json_loadb(data, (size_t)(strstr(data, "</script>") - data), 0, NULL);
	ck_assert_ptr_nonnull(json);
	json_t *run = json_object_get(json, "run"), *drawn = json_array_get(json_object_get(run, "sweeps"), 0);
	json_t *over = json_object_get(drawn, "over"), *members = json_object_get(over, "members");
	ck_assert_uint_eq(json_array_size(members), 3);
	ck_assert_uint_eq(json_array_size(json_object_get(run, "probes")), 3);
	ck_assert_str_eq(json_string_value(json_object_get(drawn, "weights")), "model_1");
	json_t *low = json_object_get(json_object_get(over, "score"), "low");
	ck_assert(json_number_value(json_array_get(low, 4)) == 0.0);
	ck_assert(json_is_null(json_array_get(low, 5)));
	json_t *cells = json_object_get(json_array_get(members, 1), "cells");
	ck_assert(json_number_value(json_array_get(json_object_get(cells, "score"), 3)) ==
		  sweep->over->items[1].cells[3].score);
	ck_assert_ptr_null(json_object_get(cells, "loss"));
	json_decref(json);
}
END_TEST

START_TEST(terminal_says_how_many)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct pb_terminal terminal = {.out = out, .width = 200};
	const struct pb_result_run *run = pb_example_units(&arena);
	pb_terminal_sweep(&terminal, run->sweeps);
	pb_terminal_summary(&terminal, run, "there/report.html");
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "  mean of 3 units: score 0 = after the corrupted update"));
	ck_assert_ptr_nonnull(strstr(text, "  3 units: 71, 34, 5\n"));
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("members");
	TCase *tcase = tcase_create("members");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, table_of_statistics);
	tcase_add_test(tcase, table_of_units);
	tcase_add_test(tcase, arrays_with_an_axis_of_units);
	tcase_add_test(tcase, table_of_probes);
	tcase_add_test(tcase, page_holds_the_members);
	tcase_add_test(tcase, terminal_says_how_many);
	suite_add_tcase(suite, tcase);
	return pb_test_run(suite, NULL);
}
