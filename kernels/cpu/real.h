/* real.h: the element type of this compilation. The build compiles each kernel once per type, with PBK_REAL and
 * PBK_SUFFIX (float and f32, double and f64). */
#ifndef PBK_REAL_H
#define PBK_REAL_H

#include <math.h>
#include <tgmath.h>

#include "cpu.h"

typedef PBK_REAL real;

#define PBK_JOIN2(a, b) a##_##b
#define PBK_JOIN(a, b)  PBK_JOIN2(a, b)
#define PBK_NAME(name)  PBK_JOIN(name, PBK_SUFFIX) /* pbk_fill_nd -> pbk_fill_nd_f32 */

/* Sums in a fixed order: element i goes to partial sum i % LANES, and those are added pairwise. The compiler can use
 * vectors of any width for it, and neither the address nor the width changes the result. */
enum { LANES = 16 };

static inline real sum_lanes(const real *restrict lane)
{
	real a[LANES / 2], b[LANES / 4];
	for (int i = 0; i < LANES / 2; i++)
		a[i] = lane[i] + lane[i + LANES / 2];
	for (int i = 0; i < LANES / 4; i++)
		b[i] = a[i] + a[i + LANES / 4];
	return (b[0] + b[2]) + (b[1] + b[3]);
}

static inline real sum(int64_t n, const real *restrict x)
{
	real lane[LANES] = {0};
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		for (int l = 0; l < LANES; l++)
			lane[l] += x[i + l];
	for (int l = 0; i + l < n; l++)
		lane[l] += x[i + l];
	return sum_lanes(lane);
}

static inline real dot(int64_t n, const real *x, const real *y)
{
	real lane[LANES] = {0};
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		for (int l = 0; l < LANES; l++)
			lane[l] += x[i + l] * y[i + l];
	for (int l = 0; i + l < n; l++)
		lane[l] += x[i + l] * y[i + l];
	return sum_lanes(lane);
}

/* The table's, for those that compute something else first (rows.c). */
void PBK_NAME(pbk_bias_add)(pbk_context *context, int64_t rows, int64_t n, void *y, const void *bias);

#endif
