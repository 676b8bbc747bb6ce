/* layernorm.cu: layer norm in TransformerLens' steps: a block per row. Backward kernels add to their outputs. */
#include "cuda.h"

/* kernel(n, arguments...) for each row, blockIdx.x. Its length alone decides how many threads share it, so that
 * nothing else changes its bits. */
template <class Kernel, class... Arguments>
static void launch(pbk_context *context, Kernel kernel, int64_t rows, int64_t n, Arguments... arguments)
{
	unsigned threads = WARP;
	while (threads < BLOCK && threads * 4 < n)
		threads *= 2;
	pbk_launch(context, kernel, pbk_grid(rows, 1), threads, n, arguments...);
}

template <class real> static __device__ real mean_of(int64_t n, const real *x)
{
	real total = 0;
#pragma unroll 4 /* so many loads are on their way */
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		total += x[i];
	return block_sum(total) / (real)n;
}

template <class real> static __device__ real scale_of(int64_t n, real eps, const real *x, real mean)
{
	real total = 0;
#pragma unroll 4
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
		const real apart = x[i] - mean;
		total += apart * apart;
	}
	return sqrt(block_sum(total) / (real)n + eps);
}

template <class real> static __global__ void center_kernel(int64_t n, const real *x, real *y)
{
	x += blockIdx.x * n;
	y += blockIdx.x * n;
	const real mean = mean_of(n, x);
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		y[i] = x[i] - mean;
}

template <class real> static __global__ void center_backward_kernel(int64_t n, const real *dy, real *dx)
{
	dy += blockIdx.x * n;
	dx += blockIdx.x * n;
	const real mean = mean_of(n, dy);
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		dx[i] += dy[i] - mean;
}

template <class real> static __global__ void rms_kernel(int64_t n, real eps, const real *x, real *scale)
{
	const real value = scale_of(n, eps, x + blockIdx.x * n, real(0));
	if (!threadIdx.x)
		scale[blockIdx.x] = value;
}

template <class real>
static __global__ void rms_backward_kernel(int64_t n, const real *x, const real *scale, const real *dscale, real *dx)
{
	const real slope = dscale[blockIdx.x] / ((real)n * scale[blockIdx.x]);
	x += blockIdx.x * n;
	dx += blockIdx.x * n;
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		dx[i] += slope * x[i];
}

template <class real> static __global__ void divide_kernel(int64_t n, const real *x, const real *scale, real *y)
{
	const real divisor = scale[blockIdx.x];
	x += blockIdx.x * n;
	y += blockIdx.x * n;
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		y[i] = x[i] / divisor;
}

/* Either output may be NULL. */
template <class real>
static __global__ void divide_backward_kernel(int64_t n, const real *x, const real *scale, const real *dy, real *dx,
					      real *dscale)
{
	const real divisor = scale[blockIdx.x];
	real along = 0;
	x += blockIdx.x * n;
	dy += blockIdx.x * n;
	if (dx)
		for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
			dx[blockIdx.x * n + i] += dy[i] / divisor;
	if (!dscale)
		return;
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		along += x[i] * dy[i];
	along = block_sum(along);
	if (!threadIdx.x)
		dscale[blockIdx.x] -= along / divisor / divisor;
}

template <class real>
static __global__ void affine_kernel(int64_t n, const real *x, const real *w, const real *b, real *y)
{
	x += blockIdx.x * n;
	y += blockIdx.x * n;
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		y[i] = x[i] * w[i] + b[i];
}

template <class real>
static __global__ void affine_backward_kernel(int64_t n, const real *w, const real *dy, real *dx)
{
	dy += blockIdx.x * n;
	dx += blockIdx.x * n;
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		dx[i] += dy[i] * w[i];
}

/* The group that owns a row, where `first` lists the groups' first rows; groups may be empty. */
static __device__ __forceinline__ int64_t group_of(int64_t groups, const int32_t *first, int64_t row)
{
	int64_t group = 0, end = groups - 1;
	while (group < end) {
		const int64_t middle = (group + end) / 2;
		if (row < first[middle + 1])
			end = middle;
		else
			group = middle + 1;
	}
	return group;
}

/* x may be y: a thread reads and writes the same columns throughout. */
template <class real>
static __global__ void layer_norm_kernel(int64_t n, int64_t from, int64_t groups, const int32_t *first, real eps,
					 const real *x, const real *w, const real *b, int64_t stride, real *y)
{
	const int64_t row = from + blockIdx.x, vector = group_of(groups, first, row) * stride;
	x += row * n;
	y += row * n;
	const real mean = mean_of(n, x), scale = scale_of(n, eps, x, mean);
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
		const real normalized = (x[i] - mean) / scale;
		y[i] = w && b ? normalized * w[vector + i] + b[vector + i] : normalized;
	}
}

template <class real>
static __global__ void layer_norm_backward_kernel(int64_t n, real eps, const real *x, const real *w, const real *dy,
						  real *dx, real *normalized)
{
	real total = 0, along = 0;
	x += blockIdx.x * n;
	dy += blockIdx.x * n;
	dx += blockIdx.x * n;
	normalized += blockIdx.x * n;
	const real mean = mean_of(n, x), scale = scale_of(n, eps, x, mean);
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
		const real slope = w ? dy[i] * w[i] : dy[i], value = (x[i] - mean) / scale;
		normalized[i] = value;
		total += slope;
		along += slope * value;
	}
	total = block_sum(total) / (real)n;
	along = block_sum(along) / (real)n;
	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		dx[i] += ((w ? dy[i] * w[i] : dy[i]) - total - along * normalized[i]) / scale;
}

template <class real> static void center(pbk_context *context, int64_t rows, int64_t n, const void *x, void *y)
{
	launch(context, center_kernel<real>, rows, n, x, y);
}

template <class real>
static void center_backward(pbk_context *context, int64_t rows, int64_t n, const void *dy, void *dx)
{
	launch(context, center_backward_kernel<real>, rows, n, dy, dx);
}

template <class real>
static void rms(pbk_context *context, int64_t rows, int64_t n, double eps, const void *x, void *scale)
{
	launch(context, rms_kernel<real>, rows, n, eps, x, scale);
}

template <class real>
static void rms_backward(pbk_context *context, int64_t rows, int64_t n, const void *x, const void *scale,
			 const void *dscale, void *dx)
{
	launch(context, rms_backward_kernel<real>, rows, n, x, scale, dscale, dx);
}

template <class real>
static void divide(pbk_context *context, int64_t rows, int64_t n, const void *x, const void *scale, void *y)
{
	launch(context, divide_kernel<real>, rows, n, x, scale, y);
}

template <class real>
static void divide_backward(pbk_context *context, int64_t rows, int64_t n, const void *x, const void *scale,
			    const void *dy, void *dx, void *dscale)
{
	launch(context, divide_backward_kernel<real>, rows, n, x, scale, dy, dx, dscale);
}

template <class real>
static void affine(pbk_context *context, int64_t rows, int64_t n, const void *x, const void *w, const void *b,
		   void *y)
{
	launch(context, affine_kernel<real>, rows, n, x, w, b, y);
}

template <class real>
static void affine_backward(pbk_context *context, int64_t rows, int64_t n, const void *w, const void *dy, void *dx)
{
	launch(context, affine_backward_kernel<real>, rows, n, w, dy, dx);
}

template <class real>
static void layer_norm(pbk_context *context, int64_t groups, const int32_t *host_first, int64_t n, double eps,
		       const void *x, const void *w, const void *b, int64_t stride, void *y)
{
	const int64_t from = host_first[0], rows = host_first[groups] - from;
	const bool search = w && b && groups > 1; /* else the list is not read */
	const void *first = search ? pbk_stage(context, host_first, (size_t)(groups + 1) * sizeof *host_first) : NULL;
	launch(context, layer_norm_kernel<real>, rows, n, from, search ? groups : 1, first, eps, x, w, b, stride, y);
}

template <class real>
static void layer_norm_backward(pbk_context *context, int64_t rows, int64_t n, double eps, const void *x,
				const void *w, const void *dy, void *dx, void *normalized)
{
	launch(context, layer_norm_backward_kernel<real>, rows, n, eps, x, w, dy, dx, normalized);
}

template <class real> void pbk_cuda_fill_layernorm(struct pbk_table *table)
{
	table->center = center<real>;
	table->center_backward = center_backward<real>;
	table->rms = rms<real>;
	table->rms_backward = rms_backward<real>;
	table->divide = divide<real>;
	table->divide_backward = divide_backward<real>;
	table->affine = affine<real>;
	table->affine_backward = affine_backward<real>;
	table->layer_norm = layer_norm<real>;
	table->layer_norm_backward = layer_norm_backward<real>;
}

template void pbk_cuda_fill_layernorm<float>(struct pbk_table *table);
template void pbk_cuda_fill_layernorm<double>(struct pbk_table *table);
