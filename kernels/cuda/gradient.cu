/* gradient.cu: inner products of gradients that are kept as factors: <X^T dY, X'^T dY'> is the sum over both ranks of
 * (x . x') (dy . dy'). A block of threads for each pair, its warps share the ranks or the rows; all in double. */
#include "cuda.h"

template <class real> static __device__ __forceinline__ double warp_dot(int64_t n, const real *a, const real *b)
{
	double total = 0;
	for (int64_t i = threadIdx.x % WARP; i < n; i += WARP)
		total += (double)a[i] * (double)b[i];
	return warp_sum(total);
}

template <class real>
static __device__ double factors_by_factors(const struct pbk_gradient_pair &p, int warp, int warps)
{
	const struct pbk_gradient &a = p.a, &b = p.b;
	double total = 0;
	for (int64_t at = warp; at < a.rank * b.rank; at += warps) {
		const int64_t r = at / b.rank, s = at % b.rank;
		total += warp_dot(p.k, (const real *)a.x + r * a.ldx, (const real *)b.x + s * b.ldx) *
			 warp_dot(p.n, (const real *)a.dy + r * a.lddy, (const real *)b.dy + s * b.lddy);
	}
	return total;
}

/* Each row of the matrix with each dy, weighted by that row's x. */
template <class real>
static __device__ double factors_by_dense(const struct pbk_gradient_pair &p, const struct pbk_gradient &a,
					  const struct pbk_gradient &dense, int warp, int warps)
{
	double total = 0;
	for (int64_t at = warp; at < a.rank * p.k; at += warps) {
		const int64_t r = at / p.k, i = at % p.k;
		total += warp_dot(p.n, (const real *)dense.dense + i * p.n, (const real *)a.dy + r * a.lddy) *
			 (double)((const real *)a.x)[r * a.ldx + i];
	}
	return total;
}

/* Every lane of a warp has the warp's sum: one of them brings it in. */
template <class real> static __global__ void dots_kernel(const struct pbk_gradient_pair *pairs, double *dots)
{
	const struct pbk_gradient_pair p = pairs[blockIdx.x];
	const int warp = (int)threadIdx.x / WARP, warps = (int)blockDim.x / WARP;
	double total = 0;
	if (p.a.dense && p.b.dense)
		for (int64_t i = threadIdx.x; i < p.k * p.n; i += blockDim.x)
			total += (double)((const real *)p.a.dense)[i] * (double)((const real *)p.b.dense)[i];
	else if (p.a.dense)
		total = factors_by_dense<real>(p, p.b, p.a, warp, warps);
	else if (p.b.dense)
		total = factors_by_dense<real>(p, p.a, p.b, warp, warps);
	else
		total = factors_by_factors<real>(p, warp, warps);
	if (!(p.a.dense && p.b.dense) && threadIdx.x % WARP)
		total = 0;
	total = block_sum(total);
	if (!threadIdx.x)
		dots[blockIdx.x] = total;
}

template <class real>
static void gradient_dots(pbk_context *context, int64_t count, const struct pbk_gradient_pair *host_pairs,
			  double *host_dots)
{
	const size_t size = (size_t)count * sizeof *host_dots;
	if (!count)
		return;
	double *dots = (double *)pbk_cuda_workspace(context, size);
	const struct pbk_gradient_pair *pairs =
		(const struct pbk_gradient_pair *)pbk_stage(context, host_pairs, (size_t)count * sizeof *host_pairs);
	for (int64_t i = 0; i < count; i++)
		host_dots[i] = 0;
	if (!dots || !pairs)
		return;
	pbk_launch(context, dots_kernel<real>, dim3((unsigned)count), BLOCK, pairs, dots);
	pbk_fetch(context, host_dots, dots, size);
}

template <class real> void pbk_cuda_fill_gradient(struct pbk_table *table)
{
	table->gradient_dots = gradient_dots<real>;
}

template void pbk_cuda_fill_gradient<float>(struct pbk_table *table);
template void pbk_cuda_fill_gradient<double>(struct pbk_table *table);
