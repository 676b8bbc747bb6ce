/* test_kernels.c: the kernels on rows and vectors: against their formulas, and each row alone against all of them. */
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "kernels_test.h"
#include "support/support.h"

static const int64_t sizes[][2] = {{0, 3}, {1, 1}, {3, 5}, {7, 16}, {5, 17}, {33, 129}, {2, 1000}, {260, 1031}};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

/* A case with its operands, in a table's element type. */
struct work {
	struct call call;
	struct guarded operand[MAX_OPERANDS];
	int32_t *ids;
	int count;
};

static struct work work_new(const struct kernel_case *kc, const struct pbk_table *table, size_t real_size, int64_t rows,
			    int64_t n)
{
	struct work w = {.count = (int)strlen(kc->operands)};
	w.call = (struct call){.table = table, .context = test_context, .rows = rows, .n = n};
	w.call.sum = table ? test_alloc(sizeof *w.call.sum) : NULL;
	random_seed((uint64_t)(rows * 1000 + n));
	for (int k = 0; k < w.count; k++) {
		w.operand[k] = guarded_new(real_size, case_size(kc, k, rows, n), k);
		w.call.x[k] = w.operand[k].data;
		const bool positive = strchr("SQ", kc->operands[k]) != NULL;
		for (int64_t i = 0; i < w.operand[k].count; i++) {
			const double value = random_value();
			guarded_set(&w.operand[k], i, positive ? 1.25 + value : 3 * value);
		}
	}
	w.ids = calloc((size_t)rows + 1, sizeof *w.ids);
	for (int64_t r = 0; r < rows; r++)
		w.ids[r] = (int32_t)(r * r % VOCAB);
	w.call.ids = w.ids;
	return w;
}

static void work_free(struct work *w)
{
	for (int k = 0; k < w->count; k++)
		guarded_free(&w->operand[k]);
	free(w->ids);
	if (w->call.sum)
		test_free(w->call.sum);
}

/* Sums gather rounding as they go; the formula is in double. */
static double case_tolerance(const struct kernel_case *kc, size_t real_size, int64_t rows, int64_t n)
{
	return tolerance_of(real_size) * (4 + (double)n / 16 + (kc->by_row ? 0 : (double)rows / 4));
}

START_TEST(kernel_gives_its_formula)
{
	const struct kernel_case *kc = &kernel_cases[_i / N_SIZES];
	const int64_t rows = sizes[_i % N_SIZES][0], n = sizes[_i % N_SIZES][1];
	for (int i = 0; i < n_tables(); i++) {
		const struct pbk_table *table = test_table(i);
		struct work w = work_new(kc, table, table->real_size, rows, n);
		/* Operands are drawn with 24 bits and scaled, so take the rounded values for the formula. */
		struct work expected = work_new(kc, NULL, sizeof(double), rows, n);
		for (int k = 0; k < w.count; k++)
			for (int64_t j = 0; j < w.operand[k].count; j++)
				guarded_set(&expected.operand[k], j, guarded_get(&w.operand[k], j));
		kc->kernel(&w.call);
		wait_for(test_context);
		kc->formula(&expected.call);
		const double tolerance = case_tolerance(kc, table->real_size, rows, n);
		for (int k = 0; k < w.count; k++) {
			EXPECT(guarded_intact(&w.operand[k]), "%s, %s: wrote outside operand %d", kc->name, table->name,
			       k);
			for (int64_t j = 0; j < w.operand[k].count; j++) {
				const double got = guarded_get(&w.operand[k], j);
				const double want = guarded_get(&expected.operand[k], j);
				EXPECT(nearly(got, want, tolerance),
				       "%s, %s, %d x %d: operand %d[%d] is %.17g, expected %.17g", kc->name,
				       table->name, (int)rows, (int)n, k, (int)j, got, want);
			}
		}
		EXPECT(nearly(w.call.result, expected.call.result, 1e-12), "%s, %s: returned %.17g, not %.17g",
		       kc->name, table->name, w.call.result, expected.call.result);
		work_free(&expected);
		work_free(&w);
	}
}
END_TEST

/* Moves a call to row r of its operands alone. */
static struct call row_of(const struct kernel_case *kc, const struct work *w, int64_t r)
{
	struct call call = w->call;
	for (int k = 0; k < w->count; k++) {
		const int64_t all = w->operand[k].count;
		const bool shared = strchr("NT", kc->operands[k]) != NULL;
		call.x[k] = (char *)call.x[k] + (shared ? 0 : (size_t)(all / call.rows * r) * w->operand[k].real_size);
	}
	call.ids += r;
	call.rows = 1;
	return call;
}

START_TEST(row_alone_has_the_same_bits)
{
	const struct kernel_case *kc = &kernel_cases[_i];
	const int64_t rows = 260, n = 1031;
	for (int i = 0; kc->by_row && i < n_tables(); i++) {
		const struct pbk_table *table = test_table(i);
		struct work together = work_new(kc, table, table->real_size, rows, n);
		struct work alone = work_new(kc, table, table->real_size, rows, n);
		kc->kernel(&together.call);
		for (int64_t r = 0; r < rows; r++) {
			struct call call = row_of(kc, &alone, r);
			kc->kernel(&call);
		}
		wait_for(test_context);
		for (int k = 0; k < together.count; k++)
			EXPECT(guarded_same(&together.operand[k], &alone.operand[k]),
			       "%s, %s: operand %d depends on other rows or on threads", kc->name, table->name, k);
		work_free(&alone);
		work_free(&together);
	}
}
END_TEST

/* Sums across rows: the same bits with one thread and with two, and from one call to the next. */
START_TEST(sums_do_not_depend_on_threads)
{
	const struct kernel_case *kc = &kernel_cases[_i];
	for (int i = 0; !kc->by_row && i < n_tables(); i++) {
		const struct pbk_table *table = test_table(i);
		struct work two = work_new(kc, table, table->real_size, 260, 1031);
		struct work one = work_new(kc, table, table->real_size, 260, 1031);
		one.call.context = new_context(1);
		kc->kernel(&two.call);
		kc->kernel(&one.call);
		wait_for(one.call.context);
		wait_for(test_context);
		ck_assert_double_eq(one.call.result, two.call.result);
		for (int k = 0; k < one.count; k++)
			EXPECT(guarded_same(&one.operand[k], &two.operand[k]), "%s, %s: operand %d differs", kc->name,
			       table->name, k);
		free_context(one.call.context);
		work_free(&one);
		work_free(&two);
	}
}
END_TEST

static TCase *row_tests(void)
{
	TCase *tcase = tcase_create("rows");
	tcase_add_checked_fixture(tcase, open_context, close_context);
	tcase_add_loop_test(tcase, kernel_gives_its_formula, 0, n_kernel_cases * N_SIZES);
	tcase_add_loop_test(tcase, row_alone_has_the_same_bits, 0, n_kernel_cases);
	tcase_add_loop_test(tcase, sums_do_not_depend_on_threads, 0, n_kernel_cases);
	return tcase;
}

int main(void)
{
	if (getenv("PB_BENCH")) {
		bench_kernels();
		return EXIT_SUCCESS;
	}
	Suite *suite = suite_create("kernels");
	suite_add_tcase(suite, row_tests());
	suite_add_tcase(suite, gemm_tests());
	suite_add_tcase(suite, coarse_tests());
	suite_add_tcase(suite, gemm_row_tests());
	suite_add_tcase(suite, nd_tests());
	suite_add_tcase(suite, window_tests());
	suite_add_tcase(suite, grad_tests());
	suite_add_tcase(suite, step_tests());
	suite_add_tcase(suite, sweep_tests());
	suite_add_tcase(suite, backward_tests());
	const int status = pb_test_run(suite, NULL);
	close_device();
	return status;
}
