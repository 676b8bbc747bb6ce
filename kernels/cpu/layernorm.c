/* layernorm.c: layer norm in TransformerLens' steps. Backward kernels add to their outputs. */
#include "real.h"

static void center_row(int64_t n, const real *restrict x, real *restrict y)
{
	const real mean = sum(n, x) / (real)n;
	for (int64_t i = 0; i < n; i++)
		y[i] = x[i] - mean;
}

static void center_backward_row(int64_t n, const real *restrict dy, real *restrict dx)
{
	const real mean = sum(n, dy) / (real)n;
	for (int64_t i = 0; i < n; i++)
		dx[i] += dy[i] - mean;
}

static void add_scaled_row(int64_t n, real a, const real *restrict x, real *restrict y)
{
	for (int64_t i = 0; i < n; i++)
		y[i] += a * x[i];
}

static void divide_row(int64_t n, const real *restrict x, real scale, real *restrict y)
{
	for (int64_t i = 0; i < n; i++)
		y[i] = x[i] / scale;
}

/* Either output may be NULL. */
static void divide_backward_row(int64_t n, const real *x, real scale, const real *restrict dy, real *restrict dx,
				real *dscale)
{
	if (dx)
		for (int64_t i = 0; i < n; i++)
			dx[i] += dy[i] / scale;
	if (dscale)
		*dscale -= dot(n, x, dy) / scale / scale;
}

static void affine_row(int64_t n, const real *restrict x, const real *restrict w, const real *restrict b,
		       real *restrict y)
{
	for (int64_t i = 0; i < n; i++)
		y[i] = x[i] * w[i] + b[i];
}

static void affine_backward_row(int64_t n, const real *restrict w, const real *restrict dy, real *restrict dx)
{
	for (int64_t i = 0; i < n; i++)
		dx[i] += dy[i] * w[i];
}

/* All of it, while the row is in the first cache. */
static void layer_norm_row(int64_t n, real eps, const real *x, const real *w, const real *b, real *y)
{
	const real mean = sum(n, x) / (real)n;
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = x[i] - mean;
	const real scale = sqrt(dot(n, y, y) / (real)n + eps);
	if (w && b)
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			y[i] = y[i] / scale * w[i] + b[i];
	else
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			y[i] /= scale;
}

/* Runs `body` for each row r of a [rows, n] matrix. */
#define EACH_ROW(body)  PBK_PARALLEL(context, rows, rows *n, for (int64_t r = begin; r < end; r++) body)
#define ROW(matrix)     ((const real *)(matrix) + r * n)
#define OUT_ROW(matrix) ((real *)(matrix) + r * n)
#define AT(vector)      (((const real *)(vector))[r])

static void center(pbk_context *context, int64_t rows, int64_t n, const void *x, void *y)
{
	EACH_ROW(center_row(n, ROW(x), OUT_ROW(y)));
}

static void center_backward(pbk_context *context, int64_t rows, int64_t n, const void *dy, void *dx)
{
	EACH_ROW(center_backward_row(n, ROW(dy), OUT_ROW(dx)));
}

static void rms(pbk_context *context, int64_t rows, int64_t n, double eps, const void *x, void *scale)
{
	EACH_ROW(((real *)scale)[r] = sqrt(dot(n, ROW(x), ROW(x)) / (real)n + (real)eps));
}

static void rms_backward(pbk_context *context, int64_t rows, int64_t n, const void *x, const void *scale,
			 const void *dscale, void *dx)
{
	EACH_ROW(add_scaled_row(n, AT(dscale) / ((real)n * AT(scale)), ROW(x), OUT_ROW(dx)));
}

static void divide(pbk_context *context, int64_t rows, int64_t n, const void *x, const void *scale, void *y)
{
	EACH_ROW(divide_row(n, ROW(x), AT(scale), OUT_ROW(y)));
}

static void divide_backward(pbk_context *context, int64_t rows, int64_t n, const void *x, const void *scale,
			    const void *dy, void *dx, void *dscale)
{
	EACH_ROW(divide_backward_row(n, ROW(x), AT(scale), ROW(dy), dx ? OUT_ROW(dx) : NULL,
				     dscale ? (real *)dscale + r : NULL));
}

static void affine(pbk_context *context, int64_t rows, int64_t n, const void *x, const void *w, const void *b, void *y)
{
	EACH_ROW(affine_row(n, ROW(x), w, b, OUT_ROW(y)));
}

static void affine_backward(pbk_context *context, int64_t rows, int64_t n, const void *w, const void *dy, void *dx)
{
	EACH_ROW(affine_backward_row(n, w, ROW(dy), OUT_ROW(dx)));
}

static void layer_norm_range(int64_t begin, int64_t end, const int32_t *first, int64_t n, real eps, const real *x,
			     const real *w, const real *b, int64_t stride, real *y)
{
	for (int64_t r = begin, group = 0; r < end; r++) {
		while (r >= first[group + 1])
			group++;
		layer_norm_row(n, eps, x + r * n, w ? w + group * stride : NULL, b ? b + group * stride : NULL,
			       y + r * n);
	}
}

static void layer_norm(pbk_context *context, int64_t groups, const int32_t *host_first, int64_t n, double eps,
		       const void *x, const void *w, const void *b, int64_t stride, void *y)
{
	const int64_t from = host_first[0], rows = host_first[groups] - from;
	PBK_PARALLEL(context, rows, rows * n * 4,
		     layer_norm_range(from + begin, from + end, host_first, n, (real)eps, x, w, b, stride, y));
}

/* Sums of dy*w and of dy*w*normalized, by lanes as in sum; w may be NULL. */
static void sum_slopes(int64_t n, const real *restrict w, const real *restrict dy, const real *restrict normalized,
		       real *ret_sum, real *ret_along)
{
	real lane[LANES] = {0}, along[LANES] = {0};
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		for (int l = 0; l < LANES; l++) {
			const real slope = w ? dy[i + l] * w[i + l] : dy[i + l];
			lane[l] += slope;
			along[l] += slope * normalized[i + l];
		}
	for (int l = 0; i + l < n; l++) {
		const real slope = w ? dy[i + l] * w[i + l] : dy[i + l];
		lane[l] += slope;
		along[l] += slope * normalized[i + l];
	}
	*ret_sum = sum_lanes(lane);
	*ret_along = sum_lanes(along);
}

static void layer_norm_backward_row(int64_t n, real eps, const real *restrict x, const real *restrict w,
				    const real *restrict dy, real *restrict dx, real *restrict normalized)
{
	const real mean = sum(n, x) / (real)n;
	real total, along;
	for (int64_t i = 0; i < n; i++)
		normalized[i] = x[i] - mean;
	const real scale = sqrt(dot(n, normalized, normalized) / (real)n + eps);
	for (int64_t i = 0; i < n; i++)
		normalized[i] /= scale;
	sum_slopes(n, w, dy, normalized, &total, &along);
	total /= (real)n;
	along /= (real)n;
	if (w)
		for (int64_t i = 0; i < n; i++)
			dx[i] += (dy[i] * w[i] - total - along * normalized[i]) / scale;
	else
		for (int64_t i = 0; i < n; i++)
			dx[i] += (dy[i] - total - along * normalized[i]) / scale;
}

static void layer_norm_backward(pbk_context *context, int64_t rows, int64_t n, double eps, const void *x,
				const void *w, const void *dy, void *dx, void *normalized)
{
	PBK_PARALLEL(
		context, rows, rows * n * 4,
		for (int64_t r = begin; r < end; r++)
			layer_norm_backward_row(n, (real)eps, ROW(x), w, ROW(dy), OUT_ROW(dx), OUT_ROW(normalized)));
}

void PBK_NAME(pbk_fill_layernorm)(struct pbk_table *table)
{
	table->center = center;
	table->center_backward = center_backward;
	table->rms = rms;
	table->rms_backward = rms_backward;
	table->divide = divide;
	table->divide_backward = divide_backward;
	table->affine = affine;
	table->affine_backward = affine_backward;
	table->layer_norm = layer_norm;
	table->layer_norm_backward = layer_norm_backward;
}
