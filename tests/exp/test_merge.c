/* test_merge.c: several tables as one: labels, numbers, audits, notes. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "exp/merge.h"
#include "support/support.h"

enum { UNITS = 3, CELLS = 2 };

static const int64_t at[CELLS] = {0, 1};
static const char *const unit_names[] = {"3", "17", "4"};
static const char *const labels[UNITS][CELLS] = {
	{"R (0)", "alias(3) (1)"}, {"R (0)", "alias(17) (1)"}, {"R (0)", "alias(4) (1)"}};
static struct pb_arena arena;
static struct pb_result_axis axes[UNITS];
static struct pb_result_cell cells[UNITS][CELLS];
static struct pb_result_sweep tables[UNITS];
static struct pb_merge_part parts[UNITS];

static void setup(void)
{
	pb_arena_init(&arena);
	for (int i = 0; i < UNITS; i++) {
		axes[i] = (struct pb_result_axis){"pos", CELLS, labels[i]};
		for (int c = 0; c < CELLS; c++) {
			cells[i][c] = PB_EMPTY_CELL;
			cells[i][c].index = &at[c];
			cells[i][c].metric = i + 10 * c;
			cells[i][c].score = i - c;
			cells[i][c].loss = 2 * i;
			cells[i][c].forward = (struct pb_result_hook){1 + i, 0.5 * i};
			cells[i][c].params_without_grad = 5 - i;
		}
		tables[i] = (struct pb_result_sweep){.name = "s",
						     .n_axes = 1,
						     .axes = &axes[i],
						     .n_cells = CELLS,
						     .cells = cells[i],
						     .metric_clean = 4,
						     .metric_corrupted = 2,
						     .score_defined = true,
						     .seconds = 0.5};
		parts[i] = (struct pb_merge_part){unit_names[i], NULL, &tables[i]};
	}
}

static void teardown(void)
{
	pb_arena_finish(&arena);
}

static struct pb_result_sweep merge(void)
{
	struct pb_result_sweep r;
	ck_assert_ok(pb_merge_sweeps(parts, UNITS, "unit", 1, &arena, &r));
	return r;
}

START_TEST(numbers)
{
	struct pb_result_sweep r = merge();
	ck_assert(r.cells[1].metric == 11 && r.cells[1].score == 0 && r.cells[1].loss == 2);
	ck_assert(r.over->metric[1].mean == 11 && r.over->metric[1].std == 1 && r.over->metric[1].count == 3);
	ck_assert_int_eq(r.cells[0].forward.fired, 1 + 2 + 3);
	ck_assert(r.cells[0].forward.max_change == 1.0);
	ck_assert_int_eq(r.cells[0].params_without_grad, 5);
	ck_assert(r.seconds == 1.5 && r.metric_clean == 4 && r.score_defined);
	ck_assert(isnan(r.cells[0].grad_norm));
	ck_assert_ptr_eq(r.over->items[1].cells, cells[1]);
}
END_TEST

START_TEST(labels_that_differ_are_numbers)
{
	struct pb_result_sweep r = merge();
	ck_assert_str_eq(r.axes[0].labels[0], "R (0)");
	ck_assert_str_eq(r.axes[0].labels[1], "1");
}
END_TEST

/* A unit without a score counts for the metric only; a cell without numbers for nothing. */
START_TEST(what_is_missing_does_not_count)
{
	tables[1].score_defined = false;
	cells[1][0].score = cells[1][1].score = NAN;
	cells[2][1] = PB_EMPTY_CELL;
	cells[2][1].index = &at[1];
	struct pb_result_sweep r = merge();
	ck_assert_int_eq(r.over->metric[0].count, 3);
	ck_assert_int_eq(r.over->score[0].count, 2);
	ck_assert_int_eq(r.over->metric[1].count, 2);
	ck_assert_int_eq(r.over->score[1].count, 1);
	ck_assert(r.cells[0].score == 1 && r.cells[1].metric == 10.5);
	ck_assert(r.score_defined && !r.over->items[1].score_defined);
}
END_TEST

START_TEST(notes_say_whose_they_are)
{
	static const char *const all[] = {"everywhere", "here and there"}, *const one[] = {"everywhere", "only here"};
	for (int i = 0; i < UNITS; i++) {
		tables[i].notes = i == 1 ? one : all;
		tables[i].n_notes = 2;
	}
	struct pb_result_sweep r = merge();
	ck_assert_uint_eq(r.n_notes, 3);
	ck_assert_str_eq(r.notes[0], "everywhere");
	ck_assert_str_eq(r.notes[1], "units 3, 4: here and there");
	ck_assert_str_eq(r.notes[2], "unit 17: only here");
}
END_TEST

/* A score that divides by little is told. */
START_TEST(close_ends)
{
	ck_assert_uint_eq(merge().n_notes, 0);
	tables[2].metric_clean = 2.1;
	struct pb_result_sweep r = merge();
	ck_assert_uint_eq(r.n_notes, 1);
	ck_assert_msg(strstr(r.notes[0], "unit 4: both ends lie less than a tenth as far apart"), "%s", r.notes[0]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("merge");
	TCase *tc = tcase_create("merge");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, labels_that_differ_are_numbers);
	tcase_add_test(tc, what_is_missing_does_not_count);
	tcase_add_test(tc, notes_say_whose_they_are);
	tcase_add_test(tc, close_ends);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
