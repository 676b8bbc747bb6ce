/* test_read.c: results.json read back: the same run, and a text for the user when it is not what was written. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "base/status.h"
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

static const char *path(void)
{
	return pb_arena_printf(&arena, "%s/results.json", pb_test_dir());
}

static char *read_text(void)
{
	void *data;
	size_t size;
	ck_assert_ok(pb_file_read(path(), 1 << 26, &data, &size));
	char *text = pb_arena_strndup(&arena, data, size);
	free(data);
	return text;
}

START_TEST(a_run_reads_back_as_it_was)
{
	const struct pb_result_run *runs[] = {pb_example_run(&arena), pb_example_edges(&arena),
	                                      pb_example_empty(&arena), pb_example_units(&arena)};
	for (size_t i = 0; i < 4; i++) {
		struct pb_result_run run;
		ck_assert_ok(pb_report_write_run(pb_test_dir(), runs[i]));
		const char *first = read_text();
		ck_assert_ok(pb_report_read_run(path(), &arena, &run));
		ck_assert_ok(pb_report_write_run(pb_test_dir(), &run));
		ck_assert_str_eq(first, read_text());
	}
}
END_TEST

START_TEST(cells_have_their_places)
{
	struct pb_result_run run;
	const struct pb_result_run *written = pb_example_run(&arena);
	ck_assert_ok(pb_report_write_run(pb_test_dir(), written));
	ck_assert_ok(pb_report_read_run(path(), &arena, &run));
	for (size_t c = 0; c < written->sweeps[5].n_cells; c++) {
		const struct pb_result_cell *a = &written->sweeps[5].cells[c], *b = &run.sweeps[5].cells[c];
		ck_assert_mem_eq(a->index, b->index, 3 * sizeof *a->index);
		ck_assert(a->score == b->score && a->forward.max_change == b->forward.max_change);
		ck_assert_int_eq(a->params_without_grad, b->params_without_grad);
	}
	ck_assert(isnan(run.stages[1].series[2].values[0]));
	ck_assert_int_eq(run.units[0].selected, written->units[0].selected);
	ck_assert_mem_eq(run.patterns[1].corrupted, written->patterns[1].corrupted, 6 * 4 * 16 * sizeof(double));
	ck_assert_int_eq(run.patterns_left_out, 3);
	ck_assert(run.updates[0].difference[2] == 0.07 && run.updates[0].elements[1] == 524288);
}
END_TEST

/* Replaces the first `from` by `to` and reads. */
static int read_changed(const char *from, const char *to)
{
	struct pb_result_run run = {.seconds = 77};
	ck_assert_ok(pb_report_write_run(pb_test_dir(), pb_example_run(&arena)));
	const char *text = read_text(), *at = strstr(text, from);
	ck_assert_msg(at, "no %s", from);
	const char *changed = pb_arena_printf(&arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	ck_assert_ok(pb_file_write(path(), changed, strlen(changed)));
	int rc = pb_report_read_run(path(), &arena, &run);
	ck_assert_msg(rc == 0 || run.seconds == 77, "the output was touched on failure");
	ck_assert(rc == 0 || strstr(pb_error_text(), "results.json"));
	return rc;
}

START_TEST(what_does_not_fit_is_refused)
{
	ck_assert_int_eq(read_changed("\"sweeps\": [", "\"swoops\": ["), -PB_E_FORMAT);
	ck_assert_ptr_nonnull(strstr(pb_error_text(), "\"sweeps\" should be a list"));
	ck_assert_int_eq(read_changed("\"neutral\": 1", "\"neutral\": \"one\""), -PB_E_FORMAT);
	ck_assert_int_eq(read_changed("\"score_defined\": true", "\"score_defined\": 1"), -PB_E_FORMAT);
	ck_assert_int_eq(read_changed("\"forward_fired\": [1,", "\"forward_fired\": [1.5,"), -PB_E_FORMAT);
	ck_assert_int_eq(read_changed("\"forward_fired\": [1,", "\"forward_fired\": ["), -PB_E_FORMAT);
	ck_assert_int_eq(read_changed("\"labels\": [\"0\",", "\"labels\": ["), -PB_E_SHAPE);
	ck_assert_int_eq(read_changed("\"x\": [0,", "\"x\": ["), -PB_E_FORMAT);
	ck_assert_int_eq(read_changed("\"n_heads\": 4", "\"n_heads\": 3"), -PB_E_FORMAT);
	ck_assert_int_eq(read_changed("\"n_layers\": 6", "\"n_layers\": -6"), -PB_E_FORMAT);
	ck_assert_int_eq(read_changed("\"elements\": [249856,", "\"elements\": ["), -PB_E_FORMAT);
	ck_assert_int_eq(read_changed("\"difference\": [", "\"difference\": [1, "), -PB_E_FORMAT);
	ck_assert_int_eq(read_changed("{", "{{"), -PB_E_FORMAT);
	ck_assert_int_eq(pb_report_read_run("/nowhere/results.json", &arena, &(struct pb_result_run){0}),
	                 -PB_E_NOTFOUND);
}
END_TEST

START_TEST(damaged_files_do_no_harm)
{
	ck_assert_ok(pb_report_write_run(pb_test_dir(), pb_example_edges(&arena)));
	const char *text = read_text();
	size_t length = strlen(text);
	for (uint64_t i = 0; i < 150; i++) {
		struct pb_arena own = {0};
		struct pb_result_run run;
		char *copy = pb_arena_strdup(&own, text);
		for (uint64_t k = 0; k <= i % 3; k++)
			copy[pb_random(1, i, 2 * k) % length] = "0[]{},\"-n\n"[pb_random(1, i, 2 * k + 1) % 10];
		ck_assert_ok(pb_file_write(path(), copy, i % 5 ? length : pb_random(1, i, 99) % length));
		if (pb_report_read_run(path(), &own, &run) == 0)
			ck_assert_ok(pb_report_write_html(path(), &run));
		pb_arena_finish(&own);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("read");
	TCase *read = tcase_create("read");
	tcase_add_checked_fixture(read, setup, teardown);
	tcase_add_test(read, a_run_reads_back_as_it_was);
	tcase_add_test(read, cells_have_their_places);
	tcase_add_test(read, what_does_not_fit_is_refused);
	tcase_add_test(read, damaged_files_do_no_harm);
	suite_add_tcase(suite, read);
	return pb_test_run(suite, NULL);
}
