/* attention.c: the causal mask and softmax. */
#include "approx.h"

/* Writes `value` above the diagonal of matrices [begin, end), each [p, p]. */
static void fill_upper(int64_t begin, int64_t end, int64_t p, real *x, real value)
{
	for (int64_t row = begin * p; row < end * p; row++)
		for (int64_t j = row % p + 1; j < p; j++)
			x[row * p + j] = value;
}

static void causal_mask(pbk_context *context, int64_t count, int64_t p, void *scores)
{
	PBK_PARALLEL(context, count, count * p * p, fill_upper(begin, end, p, scores, -(real)INFINITY));
}

static void causal_zero(pbk_context *context, int64_t count, int64_t p, void *dscores)
{
	PBK_PARALLEL(context, count, count * p * p, fill_upper(begin, end, p, dscores, 0));
}

/* By lanes, since compilers must not reorder a plain maximum. A NaN is passed over here and kept by exp. */
static real largest_of(int64_t n, const real *restrict x)
{
	real lane[LANES];
	int64_t i = 0;
	for (int l = 0; l < LANES; l++)
		lane[l] = -(real)INFINITY;
	for (; i + LANES <= n; i += LANES)
		for (int l = 0; l < LANES; l++)
			lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
	for (; i < n; i++)
		lane[0] = x[i] > lane[0] ? x[i] : lane[0];
	for (int l = 1; l < LANES; l++)
		lane[0] = lane[l] > lane[0] ? lane[l] : lane[0];
	return lane[0];
}

static void exp_range(int64_t n, real *x)
{
	for (int64_t i = 0; i < n; i++)
		x[i] = real_exp(x[i]);
}

/* Rows that fit the first cache together: short rows then share one vector loop for exp. exp(-inf) is 0, so a masked
 * entry becomes exactly 0. */
static void softmax_block(int64_t rows, int64_t n, const real *restrict x, real *restrict y)
{
	for (int64_t r = 0; r < rows; r++) {
		const real largest = largest_of(n, x + r * n);
		for (int64_t i = r * n; i < (r + 1) * n; i++)
			y[i] = x[i] - largest;
	}
	exp_range(rows * n, y);
	for (int64_t r = 0; r < rows; r++) {
		const real total = sum(n, y + r * n);
		for (int64_t i = r * n; i < (r + 1) * n; i++)
			y[i] /= total;
	}
}

static void softmax_range(int64_t rows, int64_t n, const real *x, real *y)
{
	enum { BLOCK = 2048 };
	const int64_t step = n < BLOCK ? BLOCK / n : 1;
	for (int64_t r = 0; r < rows; r += step)
		softmax_block(rows - r < step ? rows - r : step, n, x + r * n, y + r * n);
}

static void softmax_backward_row(int64_t n, const real *restrict y, const real *restrict dy, real *restrict dx)
{
	const real mean = dot(n, y, dy);
	for (int64_t i = 0; i < n; i++)
		dx[i] += y[i] * (dy[i] - mean);
}

static void softmax(pbk_context *context, int64_t rows, int64_t n, const void *x, void *y)
{
	if (n > 0)
		PBK_PARALLEL(context, rows, rows * n * 8,
			     softmax_range(end - begin, n, (const real *)x + begin * n, (real *)y + begin * n));
}

static void softmax_backward(pbk_context *context, int64_t rows, int64_t n, const void *y, const void *dy, void *dx)
{
	PBK_PARALLEL(context, rows, rows * n * 2,
		     for (int64_t r = begin; r < end; r++) softmax_backward_row(
			     n, (const real *)y + r * n, (const real *)dy + r * n, (real *)dx + r * n));
}

void PBK_NAME(pbk_fill_attention)(struct pbk_table *table)
{
	table->causal_mask = causal_mask;
	table->causal_zero = causal_zero;
	table->softmax = softmax;
	table->softmax_backward = softmax_backward;
}
