/* noise.cu: normal noise from the generator of core/base/rng.h (Philox4x32-10): its random bits, hence its numbers,
 * up to the last bits of the device's log and cos. */
#include "philox.h"

#include "cuda.h"
#include "window.h"

/* The row-major element i's offset. */
static __device__ __forceinline__ int64_t offset_of(const pbk_nd &nd, int64_t i)
{
	int64_t at = 0;
	for (int axis = nd.rank - 1; axis > 0; axis--) {
		at += i % nd.shape[axis] * nd.dst_stride[axis];
		i /= nd.shape[axis];
	}
	return at + i * nd.dst_stride[0];
}

template <class real>
static __global__ void noise_kernel(pbk_window w, real *dst, double mean, double deviation, uint64_t seed,
				    uint64_t stream)
{
	const int64_t i = element();
	if (i < w.count)
		dst[offset_of(w.nd, i)] = (real)(mean + deviation * pbk_normal(seed, stream, (uint64_t)i));
}

template <class real>
static void nd_noise(pbk_context *context, const struct pbk_nd *nd, void *dst, double mean, double std, uint64_t seed,
		     uint64_t stream)
{
	const pbk_window w = pbk_window_over(nd, false);
	pbk_launch(context, noise_kernel<real>, pbk_grid(w.count), BLOCK, w, dst, mean, std, seed, stream);
}

template <class real> void pbk_cuda_fill_noise(struct pbk_table *table)
{
	table->nd_noise = nd_noise<real>;
}

template void pbk_cuda_fill_noise<float>(struct pbk_table *table);
template void pbk_cuda_fill_noise<double>(struct pbk_table *table);
