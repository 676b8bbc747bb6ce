/* quad.h: four neighbours of a row at once: 16 bytes a load, where that may be. */
#ifndef PBK_CUDA_QUAD_H
#define PBK_CUDA_QUAD_H

#include "cuda.h"

template <class real> struct alignas(16) quad {
	real v[4];
};

/* Whether quads of every row of a matrix, whose rows are `ld` apart, are at 16 bytes. */
template <class real> static __device__ __forceinline__ bool holds_quads(const real *x, int64_t ld)
{
	return (uintptr_t)x % 16 == 0 && ld % 4 == 0;
}

static __device__ __forceinline__ quad<float> load_whole(const float *x)
{
	const float4 all = __ldg(static_cast<const float4 *>(__builtin_assume_aligned(x, 16)));
	return {all.x, all.y, all.z, all.w};
}

static __device__ __forceinline__ quad<double> load_whole(const double *x)
{
	const double2 *two = static_cast<const double2 *>(__builtin_assume_aligned(x, 16)), low = __ldg(two), high = __ldg(two + 1);
	return {low.x, low.y, high.x, high.y};
}

/* The four from x on, of which the first `there` exist; zeros for the others. WHOLE: all exist, at 16 bytes. Nobody writes
 * them during the launch. */
template <bool WHOLE, class real>
static __device__ __forceinline__ quad<real> load_quad(const real *x, int64_t there)
{
	if constexpr (WHOLE) {
		return load_whole(x);
	} else {
		quad<real> q;
		for (int e = 0; e < 4; e++)
			q.v[e] = e < there ? __ldg(x + e) : real(0);
		return q;
	}
}

/* The same of what other blocks of this launch have written: not from the multiprocessor's own cache. */
static __device__ __forceinline__ quad<float> fetch_quad(const float *x, bool aligned, int64_t there)
{
	quad<float> q;
	if (aligned && there >= 4) {
		const float4 all = __ldcg(reinterpret_cast<const float4 *>(x));
		return {all.x, all.y, all.z, all.w};
	}
	for (int e = 0; e < 4; e++)
		q.v[e] = e < there ? __ldcg(x + e) : 0.0f;
	return q;
}

static __device__ __forceinline__ quad<double> fetch_quad(const double *x, bool, int64_t there)
{
	quad<double> q;
	for (int e = 0; e < 4; e++)
		q.v[e] = e < there ? __ldcg(x + e) : 0.0;
	return q;
}

#endif
