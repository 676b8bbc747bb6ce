/* philox.h: the generator of core/base/rng.h (Philox4x32-10) and its normal numbers, for the kernels. C, C++ and CUDA. */
#ifndef PBK_PHILOX_H
#define PBK_PHILOX_H

#include <math.h>
#include <stdint.h>

#ifdef __CUDACC__
#define PBK_ANYWHERE static inline __host__ __device__
#else
#define PBK_ANYWHERE static inline
#endif

PBK_ANYWHERE void pbk_philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t c[4])
{
	uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
	c[0] = (uint32_t)counter;
	c[1] = (uint32_t)(counter >> 32);
	c[2] = (uint32_t)stream;
	c[3] = (uint32_t)(stream >> 32);
	for (int round = 0; round < 10; round++) {
		const uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
		const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
		c[0] = n0;
		c[1] = (uint32_t)p1;
		c[2] = n2;
		c[3] = (uint32_t)p0;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
}

/* Box-Muller: the cosine branch, u in (0, 1]. */
PBK_ANYWHERE double pbk_normal(uint64_t seed, uint64_t stream, uint64_t counter)
{
	uint32_t w[4];
	pbk_philox(seed, stream, counter, w);
	const double u = ((double)((w[0] | (uint64_t)w[1] << 32) >> 11) + 1.0) * 1.1102230246251565404e-16; /* 2^-53 */
	const double v = (double)((w[2] | (uint64_t)w[3] << 32) >> 11) * 1.1102230246251565404e-16;
	return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}

#endif
