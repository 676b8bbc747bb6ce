/* noise.c: normal noise from the generator of core/base/rng.h (Philox4x32-10), equal to it to the last bit. */
#include "walk.h"

struct noise {
	double mean, std;
	uint64_t seed, stream;
};

static void philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t c[4])
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
static double normal(uint64_t seed, uint64_t stream, uint64_t counter)
{
	uint32_t w[4];
	philox(seed, stream, counter, w);
	const double u = ((double)((w[0] | (uint64_t)w[1] << 32) >> 11) + 1.0) * 0x1p-53;
	const double v = (double)((w[2] | (uint64_t)w[3] << 32) >> 11) * 0x1p-53;
	return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}

static void noise_row(int64_t n, real *d, int64_t ds, const real *s, int64_t ss, int64_t first, void *argument)
{
	(void)s, (void)ss;
	const struct noise *noise = argument;
	for (int64_t i = 0; i < n; i++)
		d[i * ds] =
			(real)(noise->mean + noise->std * normal(noise->seed, noise->stream, (uint64_t)(first + i)));
}

static void nd_noise(pbk_context *context, const struct pbk_nd *nd, void *dst, double mean, double std, uint64_t seed,
		     uint64_t stream)
{
	struct noise noise = {mean, std, seed, stream};
	walk_all(context, nd, 64, dst, NULL, noise_row, &noise);
}

void PBK_NAME(pbk_fill_noise)(struct pbk_table *table)
{
	table->nd_noise = nd_noise;
}
