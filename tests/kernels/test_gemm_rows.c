/* test_gemm_rows.c: a row of a product has the same bits however many other rows, threads and products there are. */
#include <stdlib.h>
#include <string.h>

#include "kernels_test.h"

enum { N_PRODUCTS = 30, MOST_ROWS = 200, MOST_THREADS = 4 };

/* op(A), op(B) and C as they are before, rows one after another; and what a call for all rows makes of C. */
struct whole {
	const struct pbk_table *table;
	bool ta, tb;
	int64_t m, n, k;
	double alpha, beta;
	void *a, *b, *c, *result;
};

static int64_t draw(int64_t from, int64_t to)
{
	return from + (int64_t)((random_value() + 1) / 2 * (double)(to - from + 1));
}

/* Each a product of two, since sums of what has 24 bits are exact in double. */
static void *random_elements(size_t real_size, int64_t count)
{
	void *x = malloc((size_t)count * real_size);
	ck_assert_ptr_nonnull(x);
	for (int64_t i = 0; i < count; i++) {
		const double value = random_value() * random_value();
		if (real_size == sizeof(float))
			((float *)x)[i] = (float)value;
		else
			((double *)x)[i] = value;
	}
	return x;
}

/* Rows [first, first + rows) of x [.., columns] as a matrix of its own, or the transpose of it, with rows `ld` apart:
 * an operand, to be freed by test_free. */
static void *cut(size_t size, const void *x, int64_t first, int64_t rows, int64_t columns, bool transposed, int64_t ld)
{
	const int64_t outer = transposed ? columns : rows, inner = transposed ? rows : columns;
	char *y = test_alloc((size_t)((outer - 1) * ld + inner) * size);
	for (int64_t i = 0; i < rows; i++)
		for (int64_t j = 0; j < columns; j++)
			memcpy(y + (size_t)(transposed ? j * ld + i : i * ld + j) * size,
			       (const char *)x + (size_t)((first + i) * columns + j) * size, size);
	return y;
}

/* `count` products of `rows` rows each, from row `first` on: one call of gemm, or of gemm_batch. */
static void check_rows(const struct whole *w, pbk_context *context, int64_t first, int64_t rows, int64_t count,
		       bool batch)
{
	const size_t size = w->table->real_size;
	const int64_t all = rows * count, ldc = w->n + draw(0, 3), lda = (w->ta ? all : w->k) + draw(0, 3);
	const int64_t ldb = (w->tb ? w->k : w->n) + draw(0, 20);
	void *a = cut(size, w->a, first, all, w->k, w->ta, lda), *c = cut(size, w->c, first, all, w->n, false, ldc);
	void *b = cut(size, w->b, 0, w->k, w->n, w->tb, ldb);
	if (batch)
		w->table->gemm_batch(context, w->ta, w->tb, rows, w->n, w->k, w->alpha, a, lda,
				     w->ta ? rows : rows * lda, b, ldb, 0, w->beta, c, ldc, rows * ldc, count);
	else
		w->table->gemm(context, w->ta, w->tb, all, w->n, w->k, w->alpha, a, lda, b, ldb, w->beta, c, ldc);
	wait_for(context);
	const size_t row = (size_t)w->n * size;
	for (int64_t i = 0; i < all; i++)
		EXPECT(!memcmp((char *)c + (size_t)(i * ldc) * size, (char *)w->result + (size_t)(first + i) * row,
			       row),
		       "%s ta=%d tb=%d %d x %d x %d alpha %g beta %g: row %d differs in a call for %d x %d rows",
		       w->table->name, w->ta, w->tb, (int)w->m, (int)w->n, (int)w->k, w->alpha, w->beta,
		       (int)(first + i), (int)count, (int)rows);
	test_free(a);
	test_free(b);
	test_free(c);
}

/* All rows again, cut at random: single rows, a few and many at a time, with and without a batch. */
static void check_cuts(const struct whole *w, pbk_context *context)
{
	check_rows(w, context, 0, w->m, 1, false);
	for (int64_t first = 0, rows, count; first < w->m; first += rows * count) {
		const bool batch = draw(0, 1);
		rows = draw(1, draw(0, 1) ? 20 : w->m - first);
		rows = rows < w->m - first ? rows : w->m - first;
		count = batch ? draw(1, (w->m - first) / rows) : 1;
		check_rows(w, context, first, rows, count, batch);
	}
}

START_TEST(row_does_not_depend_on_others)
{
	static const double alphas[] = {1, -0.5}, betas[] = {0, 1, 0.25};
	pbk_context *context[MOST_THREADS];
	const int contexts = test_backend() ? 2 : MOST_THREADS; /* there it is the same in each */
	for (int t = 0; t < contexts; t++)
		context[t] = new_context(t + 1);
	for (int i = 0; i < N_PRODUCTS; i++) {
		random_seed((uint64_t)(_i * N_PRODUCTS + i));
		struct whole w = {.table = gemm_table(_i), .ta = i & 1, .tb = i & 2};
		const size_t size = w.table->real_size;
		w.m = draw(1, i % 3 ? MOST_ROWS : 16);
		w.n = draw(1, i % 5 ? 300 : 2000);
		w.k = draw(1, i % 7 ? 300 : 1100);
		w.alpha = alphas[draw(0, 1)];
		w.beta = betas[draw(0, 2)];
		w.a = random_elements(size, w.m * w.k);
		w.b = random_elements(size, w.k * w.n);
		w.c = random_elements(size, w.m * w.n);
		void *a = cut(size, w.a, 0, w.m, w.k, w.ta, w.ta ? w.m : w.k);
		void *b = cut(size, w.b, 0, w.k, w.n, w.tb, w.tb ? w.k : w.n);
		w.result = cut(size, w.c, 0, w.m, w.n, false, w.n);
		w.table->gemm(context[0], w.ta, w.tb, w.m, w.n, w.k, w.alpha, a, w.ta ? w.m : w.k, b, w.tb ? w.k : w.n,
			      w.beta, w.result, w.n);
		wait_for(context[0]);
		/* Two numbers of threads, others for the next product that is transposed in the same way. */
		check_cuts(&w, context[(i + i / 4) % contexts]);
		check_cuts(&w, context[(i + i / 4 + 1) % contexts]);
		test_free(a);
		test_free(b);
		test_free(w.result);
		free(w.a);
		free(w.b);
		free(w.c);
	}
	for (int t = 0; t < contexts; t++)
		free_context(context[t]);
}
END_TEST

TCase *gemm_row_tests(void)
{
	TCase *tcase = tcase_create("gemm rows");
	tcase_add_checked_fixture(tcase, open_context, close_context);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, row_does_not_depend_on_others, 0, count_gemm_tables());
	return tcase;
}
