/* windows.h: operations on strided windows, unless they are large, wait, and share launches with those that they do not
 * depend on.
 *
 * A sweep's setters work on a cell at a time: what they ask for is a few elements each, and many in a row. An operation
 * comes behind those that wait and touch what it touches, as if each had been launched by itself.
 */
#ifndef PBK_CUDA_WINDOWS_H
#define PBK_CUDA_WINDOWS_H

#include "cuda.h"
#include "window.h"

enum pbk_window_kind {
	PBK_WINDOW_COPY,  /* dst = src */
	PBK_WINDOW_AXPY,  /* dst += a * src */
	PBK_WINDOW_SCALE, /* dst *= a */
	PBK_WINDOW_FILL,  /* dst = a */
	PBK_WINDOW_RAISE, /* *largest = the largest |dst - src| where that is more */
};

/* Takes the operation where it is small enough. False: it is the caller's to launch. `src` and `largest` may be NULL where
 * the kind has none. */
bool pbk_windows_take(pbk_context *context, enum pbk_window_kind kind, size_t real_size, const pbk_window *w, void *dst,
		      const void *src, double a, double *largest);
/* Launches what waits: before anything else is launched. */
void pbk_windows_send(pbk_context *context);
void pbk_windows_close(pbk_context *context);

/* What is done to one element, but for PBK_WINDOW_RAISE, which is done to all of them. */
template <class real>
static __device__ __forceinline__ void change(int kind, real *dst, const real *src, real a)
{
	switch (kind) {
	case PBK_WINDOW_COPY: *dst = *src; break;
	case PBK_WINDOW_AXPY: *dst += a * *src; break;
	case PBK_WINDOW_SCALE: *dst *= a; break;
	default: *dst = a; break;
	}
}

static __device__ __forceinline__ double difference(double a, double b)
{
	const double apart = a == b ? 0 : fabs(a - b);
	if (apart == apart)
		return apart;
	return a != a && b != b ? 0 : (double)INFINITY;
}

/* A maximum has no order. What is not negative has the order of its bits. */
static __device__ __forceinline__ void raise(double *largest, double mine)
{
	mine = block_max(mine, 0.0);
	if (!threadIdx.x)
		atomicMax((unsigned long long *)largest, (unsigned long long)__double_as_longlong(mine));
}

#endif
