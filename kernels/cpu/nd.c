/* nd.c: elementwise work on strided windows. */
#include <string.h>

#include "walk.h"

static void copy_row(int64_t n, real *d, int64_t ds, const real *s, int64_t ss, int64_t first, void *argument)
{
	(void)first, (void)argument;
	if (ds == 1 && ss == 1)
		memmove(d, s, (size_t)n * sizeof *d);
	else
		for (int64_t i = 0; i < n; i++)
			d[i * ds] = s[i * ss];
}

/* No `restrict`: the operands may be the same window. */
static void axpy_row(int64_t n, real *d, int64_t ds, const real *s, int64_t ss, int64_t first, void *argument)
{
	(void)first;
	const real a = *(const real *)argument;
	if (ds == 1 && ss == 1)
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			d[i] += a * s[i];
	else
		for (int64_t i = 0; i < n; i++)
			d[i * ds] += a * s[i * ss];
}

static void scale_row(int64_t n, real *d, int64_t ds, const real *s, int64_t ss, int64_t first, void *argument)
{
	(void)s, (void)ss, (void)first;
	const real a = *(const real *)argument;
	if (ds == 1)
		for (int64_t i = 0; i < n; i++)
			d[i] *= a;
	else
		for (int64_t i = 0; i < n; i++)
			d[i * ds] *= a;
}

static void fill_row(int64_t n, real *d, int64_t ds, const real *s, int64_t ss, int64_t first, void *argument)
{
	(void)s, (void)ss, (void)first;
	const real a = *(const real *)argument;
	if (ds == 1)
		for (int64_t i = 0; i < n; i++)
			d[i] = a;
	else
		for (int64_t i = 0; i < n; i++)
			d[i * ds] = a;
}

static void write_row(int64_t n, real *d, int64_t ds, const real *s, int64_t ss, int64_t first, void *argument)
{
	(void)s, (void)ss;
	const double *source = (const double *)argument + first;
	for (int64_t i = 0; i < n; i++)
		d[i * ds] = (real)source[i];
}

/* Reads its `d`: the walk's first operand is the source here. */
static void read_row(int64_t n, real *d, int64_t ds, const real *s, int64_t ss, int64_t first, void *argument)
{
	(void)s, (void)ss;
	double *target = (double *)argument + first;
	for (int64_t i = 0; i < n; i++)
		target[i] = (double)d[i * ds];
}

static void difference_row(int64_t n, real *d, int64_t ds, const real *s, int64_t ss, int64_t first, void *argument)
{
	(void)first;
	double largest = *(double *)argument;
	for (int64_t i = 0; i < n; i++) {
		const double a = (double)d[i * ds], b = (double)s[i * ss];
		double difference = a == b ? 0 : fabs(a - b);
		if (isnan(difference))
			difference = isnan(a) && isnan(b) ? 0 : (double)INFINITY;
		largest = difference > largest ? difference : largest;
	}
	*(double *)argument = largest;
}

static void nd_copy(pbk_context *context, const struct pbk_nd *nd, void *dst, const void *src)
{
	walk_all(context, nd, 1, dst, src, copy_row, NULL);
}

static void nd_axpy(pbk_context *context, const struct pbk_nd *nd, void *dst, double a, const void *src)
{
	real factor = (real)a;
	walk_all(context, nd, 1, dst, src, axpy_row, &factor);
}

static void nd_scale(pbk_context *context, const struct pbk_nd *nd, void *dst, double a)
{
	real factor = (real)a;
	walk_all(context, nd, 1, dst, NULL, scale_row, &factor);
}

static void nd_fill(pbk_context *context, const struct pbk_nd *nd, void *dst, double a)
{
	real value = (real)a;
	walk_all(context, nd, 1, dst, NULL, fill_row, &value);
}

static void nd_read(pbk_context *context, const struct pbk_nd *nd, double *host_dst, const void *src)
{
	struct pbk_nd source = *nd;
	memcpy(source.dst_stride, nd->src_stride, sizeof source.dst_stride);
	walk_all(context, &source, 1, (void *)(uintptr_t)src, NULL, read_row, host_dst);
}

static void nd_write(pbk_context *context, const struct pbk_nd *nd, void *dst, const double *host_src)
{
	walk_all(context, nd, 1, dst, NULL, write_row, (void *)(uintptr_t)host_src);
}

static double nd_max_difference(pbk_context *context, const struct pbk_nd *nd, const void *dst, const void *src)
{
	const struct pbk_window w = pbk_window_over(nd, true);
	real *first = (real *)(uintptr_t)dst;
	double largest = 0;
	if (w.count <= 0)
		return 0;
	PBK_PARALLEL(context, w.count, w.count, {
		double mine = 0;
		walk_rows(&w, begin, end, first, src, difference_row, &mine);
		_Pragma("omp critical(pbk_nd_max_difference)") largest = mine > largest ? mine : largest;
	});
	return largest;
}

static void nd_raise_difference(pbk_context *context, const struct pbk_nd *nd, const void *dst, const void *src,
				double *largest)
{
	const double found = nd_max_difference(context, nd, dst, src);
	*largest = found > *largest ? found : *largest;
}

void PBK_NAME(pbk_fill_nd)(struct pbk_table *table)
{
	table->nd_copy = nd_copy;
	table->nd_axpy = nd_axpy;
	table->nd_scale = nd_scale;
	table->nd_fill = nd_fill;
	table->nd_read = nd_read;
	table->nd_write = nd_write;
	table->nd_max_difference = nd_max_difference;
	table->nd_raise_difference = nd_raise_difference;
}
