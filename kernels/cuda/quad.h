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

/* So many elements exist of `most`, where `left` are left. */
static __device__ __forceinline__ int clamped(int64_t left, int most)
{
	return left < 0 ? 0 : left < most ? (int)left : most;
}

/* FRESH: other blocks of this launch may have written it, so that it is not taken from the multiprocessor's own cache; else
 * nobody writes it during the launch. */
template <bool FRESH, class T> static __device__ __forceinline__ T load(const T *x)
{
	if constexpr (FRESH)
		return __ldcg(x);
	else
		return __ldg(x);
}

template <bool FRESH> static __device__ __forceinline__ quad<float> load_whole(const float *x)
{
	const float4 all = load<FRESH>(static_cast<const float4 *>(__builtin_assume_aligned(x, 16)));
	return {all.x, all.y, all.z, all.w};
}

template <bool FRESH> static __device__ __forceinline__ quad<double> load_whole(const double *x)
{
	const double2 *two = static_cast<const double2 *>(__builtin_assume_aligned(x, 16));
	const double2 low = load<FRESH>(two), high = load<FRESH>(two + 1);
	return {low.x, low.y, high.x, high.y};
}

/* The four from x on, of which the first `there` exist; zeros for the others. WHOLE: all exist, at 16 bytes. */
template <bool WHOLE, bool FRESH = false, class real>
static __device__ __forceinline__ quad<real> load_quad(const real *x, int64_t there)
{
	if constexpr (WHOLE) {
		return load_whole<FRESH>(x);
	} else {
		quad<real> q;
		for (int e = 0; e < 4; e++)
			q.v[e] = e < there ? load<FRESH>(x + e) : real(0);
		return q;
	}
}

/* The same of this thread's own. whole: if the first exists, all do, at 16 bytes. */
template <class real> static __device__ __forceinline__ quad<real> read_quad(const real *x, bool whole, int there)
{
	quad<real> q = {};
	if (whole && there > 0)
		return *static_cast<const quad<real> *>(__builtin_assume_aligned(x, 16));
	for (int e = 0; e < 4; e++)
		if (e < there)
			q.v[e] = x[e];
	return q;
}

template <class real> static __device__ __forceinline__ void write_quad(real *x, bool whole, int there, const quad<real> &q)
{
	if (whole) {
		if (there > 0)
			*static_cast<quad<real> *>(__builtin_assume_aligned(x, 16)) = q;
		return;
	}
	for (int e = 0; e < 4; e++)
		if (e < there)
			x[e] = q.v[e];
}

#endif
