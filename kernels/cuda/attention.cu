/* attention.cu: the causal mask and softmax. */
#include <math.h>

#include "cuda.h"

enum { SHORT_ROW = 1024 };

/* The threads that share a row: a warp for a short one, else a block. Its length alone decides, so that nothing else
 * changes its bits. */
template <bool is_short> struct team {
	static constexpr int size = is_short ? WARP : BLOCK;
	static __device__ __forceinline__ int64_t row() { return is_short ? element() / WARP : (int64_t)blockIdx.x; }
	static __device__ __forceinline__ int member() { return threadIdx.x % size; }
	template <class real> static __device__ __forceinline__ real sum(real x)
	{
		return is_short ? warp_sum(x) : block_sum(x);
	}
	template <class real> static __device__ __forceinline__ real max(real x)
	{
		return is_short ? warp_max(x) : block_max(x, -(real)INFINITY);
	}
};

/* kernel(rows, n, arguments...) by teams. */
template <class Kernel, class... Arguments>
static void launch(pbk_context *context, Kernel for_short, Kernel for_long, int64_t rows, int64_t n,
		   Arguments... arguments)
{
	if (n <= SHORT_ROW)
		pbk_launch(context, for_short, pbk_grid(rows * WARP), BLOCK, rows, n, arguments...);
	else
		pbk_launch(context, for_long, pbk_grid(rows, 1), BLOCK, rows, n, arguments...);
}

/* Writes `value` above the diagonals of matrices [p, p], `rows` together; a warp per row. */
template <class real> static __global__ void upper_kernel(int64_t rows, int64_t p, real value, real *x)
{
	const int64_t row = element() / WARP;
	if (row < rows)
		for (int64_t j = row % p + 1 + threadIdx.x % WARP; j < p; j += WARP)
			x[row * p + j] = value;
}

/* A NaN is passed over by the maximum and kept by exp. exp(-inf) is 0, so a masked entry becomes exactly 0. */
template <class real, bool is_short>
static __global__ void softmax_kernel(int64_t rows, int64_t n, const real *x, real *y)
{
	typedef team<is_short> mine;
	const int64_t row = mine::row();
	real largest = -(real)INFINITY, total = 0;
	if (row >= rows)
		return;
	x += row * n;
	y += row * n;
	for (int64_t i = mine::member(); i < n; i += mine::size)
		largest = x[i] > largest ? x[i] : largest;
	largest = mine::max(largest);
	for (int64_t i = mine::member(); i < n; i += mine::size) {
		const real value = exp(x[i] - largest);
		y[i] = value;
		total += value;
	}
	total = mine::sum(total);
	for (int64_t i = mine::member(); i < n; i += mine::size)
		y[i] /= total;
}

template <class real, bool is_short>
static __global__ void softmax_backward_kernel(int64_t rows, int64_t n, const real *y, const real *dy, real *dx)
{
	typedef team<is_short> mine;
	const int64_t row = mine::row();
	real mean = 0;
	if (row >= rows)
		return;
	y += row * n;
	dy += row * n;
	dx += row * n;
	for (int64_t i = mine::member(); i < n; i += mine::size)
		mean += y[i] * dy[i];
	mean = mine::sum(mean);
	for (int64_t i = mine::member(); i < n; i += mine::size)
		dx[i] += y[i] * (dy[i] - mean);
}

template <class real> static void causal_mask(pbk_context *context, int64_t count, int64_t p, void *scores)
{
	pbk_launch(context, upper_kernel<real>, pbk_grid(count * p * WARP), BLOCK, count * p, p, -INFINITY, scores);
}

template <class real> static void causal_zero(pbk_context *context, int64_t count, int64_t p, void *dscores)
{
	pbk_launch(context, upper_kernel<real>, pbk_grid(count * p * WARP), BLOCK, count * p, p, 0, dscores);
}

template <class real> static void softmax(pbk_context *context, int64_t rows, int64_t n, const void *x, void *y)
{
	launch(context, softmax_kernel<real, true>, softmax_kernel<real, false>, rows, n, x, y);
}

template <class real>
static void softmax_backward(pbk_context *context, int64_t rows, int64_t n, const void *y, const void *dy, void *dx)
{
	launch(context, softmax_backward_kernel<real, true>, softmax_backward_kernel<real, false>, rows, n, y, dy,
	       dx);
}

template <class real> void pbk_cuda_fill_attention(struct pbk_table *table)
{
	table->causal_mask = causal_mask<real>;
	table->causal_zero = causal_zero<real>;
	table->softmax = softmax<real>;
	table->softmax_backward = softmax_backward<real>;
}

template void pbk_cuda_fill_attention<float>(struct pbk_table *table);
template void pbk_cuda_fill_attention<double>(struct pbk_table *table);
