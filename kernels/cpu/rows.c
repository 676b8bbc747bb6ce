/* rows.c: whole vectors, and sums, gathers and scatters over the rows of a matrix. */
#include <string.h>

#include "real.h"

/* No `restrict`: y may be a or b, element for element. */
static void add_range(int64_t n, real *y, const real *a, const real *b)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = a[i] + b[i];
}

static void axpy_range(int64_t n, real a, const real *restrict x, real *restrict y)
{
	for (int64_t i = 0; i < n; i++)
		y[i] += a * x[i];
}

static void add(pbk_context *context, int64_t n, void *y, const void *a, const void *b)
{
	PBK_PARALLEL(context, n, n,
		     add_range(end - begin, (real *)y + begin, (const real *)a + begin, (const real *)b + begin));
}

static void axpy(pbk_context *context, int64_t n, double a, const void *x, void *y)
{
	PBK_PARALLEL(context, n, n, axpy_range(end - begin, (real)a, (const real *)x + begin, (real *)y + begin));
}

static double squares_range(int64_t n, const real *restrict x)
{
	double lane[LANES] = {0}, total = 0;
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		for (int l = 0; l < LANES; l++)
			lane[l] += (double)x[i + l] * (double)x[i + l];
	for (int l = 0; i + l < n; l++)
		lane[l] += (double)x[i + l] * (double)x[i + l];
	for (int l = 0; l < LANES; l++)
		total += lane[l];
	return total;
}

/* By a fixed number of parts, so that the number of threads does not change the sum. */
static double squares_of(pbk_context *context, int64_t n, const void *x)
{
	enum { PARTS = 64 };
	double part[PARTS], total = 0;
	PBK_PARALLEL(
		context, PARTS, n, for (int64_t i = begin; i < end; i++) {
			const int64_t from = n / PARTS * i, to = i == PARTS - 1 ? n : n / PARTS * (i + 1);
			part[i] = squares_range(to - from, (const real *)x + from);
		});
	for (int i = 0; i < PARTS; i++)
		total += part[i];
	return total;
}

static void sum_squares(pbk_context *context, int64_t count, const struct pbk_vector *list, double *sums)
{
	for (int64_t i = 0; i < count; i++)
		sums[i] = squares_of(context, list[i].n, list[i].x);
}

void PBK_NAME(pbk_bias_add)(pbk_context *context, int64_t rows, int64_t n, void *y, const void *bias)
{
	PBK_PARALLEL(context, rows, rows * n,
		     for (int64_t r = begin; r < end; r++) axpy_range(n, 1, bias, (real *)y + r * n));
}

/* Columns [begin, end) of all rows, in the order of the rows. */
static void sum_columns(int64_t rows, int64_t n, int64_t begin, int64_t end, const real *x, real *out)
{
	for (int64_t r = 0; r < rows; r++)
		axpy_range(end - begin, 1, x + r * n + begin, out + begin);
}

static void sum_columns_product(int64_t rows, int64_t n, int64_t begin, int64_t end, const real *restrict x,
				const real *restrict y, real *restrict out)
{
	for (int64_t r = 0; r < rows; r++)
		for (int64_t j = begin; j < end; j++)
			out[j] += x[r * n + j] * y[r * n + j];
}

/* Columns [begin, end) of all blocks' columns in a row; y NULL: plain sums. */
static void sum_blocks(bool add, int64_t rows, int64_t n, int64_t begin, int64_t end, const real *x, const real *y, real *out)
{
	if (!add)
		memset(out + begin, 0, (size_t)(end - begin) * sizeof *out);
	for (int64_t at = begin, next; at < end; at = next) {
		const int64_t block = at / n, j = at % n;
		next = (block + 1) * n < end ? (block + 1) * n : end;
		if (y)
			sum_columns_product(rows, n, j, j + next - at, x + block * rows * n, y + block * rows * n,
					    out + block * n);
		else
			sum_columns(rows, n, j, j + next - at, x + block * rows * n, out + block * n);
	}
}

static void sum_rows(pbk_context *context, int64_t count, const struct pbk_row_sum *list)
{
	for (const struct pbk_row_sum *l = list; l < list + count; l++)
		PBK_PARALLEL(context, l->count * l->n, l->count * l->rows * l->n,
			     sum_blocks(l->add, l->rows, l->n, begin, end, l->x, l->y, l->out));
}

static bool is_zero(int64_t n, const real *x)
{
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES) {
		int different = 0;
		for (int l = 0; l < LANES; l++)
			different |= x[i + l] != 0;
		if (different)
			return false;
	}
	for (; i < n; i++)
		if (x[i] != 0)
			return false;
	return true;
}

static void rows_used(pbk_context *context, int64_t count, const struct pbk_blocks *list)
{
	for (const struct pbk_blocks *l = list; l < list + count; l++)
		PBK_PARALLEL(context, l->count, l->count * l->rows * l->n, for (int64_t i = begin; i < end; i++) {
			l->used[i] = l->rows;
			while (l->used[i] && is_zero(l->n, (const real *)l->x + i * l->stride + (l->used[i] - 1) * l->ld))
				l->used[i]--;
		});
}

static void gather_rows(pbk_context *context, int64_t rows, int64_t n, const void *table, const int32_t *host_ids,
			void *y)
{
	PBK_PARALLEL(context, rows, rows * n,
		     for (int64_t r = begin; r < end; r++) memcpy(
			     (real *)y + r * n, (const real *)table + host_ids[r] * n, (size_t)n * sizeof(real)));
}

/* Threads share the columns, since two rows may go to the same place. */
static void scatter_add_rows(pbk_context *context, int64_t rows, int64_t n, void *table, const int32_t *host_ids,
			     const void *x)
{
	PBK_PARALLEL(context, n, rows * n,
		     for (int64_t r = 0; r < rows; r++) axpy_range(end - begin, 1, (const real *)x + r * n + begin,
								   (real *)table + host_ids[r] * n + begin));
}

void PBK_NAME(pbk_fill_rows)(struct pbk_table *table)
{
	table->add = add;
	table->axpy = axpy;
	table->sum_squares = sum_squares;
	table->bias_add = PBK_NAME(pbk_bias_add);
	table->sum_rows = sum_rows;
	table->rows_used = rows_used;
	table->gather_rows = gather_rows;
	table->scatter_add_rows = scatter_add_rows;
}
