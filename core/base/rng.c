/* rng.c: Philox4x32-10 and what is drawn from it. */
#include "base/rng.h"

#include <math.h>

void pb_philox(uint64_t seed, uint64_t stream, uint64_t counter, uint32_t ret_words[4])
{
	uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
	uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
	for (int round = 0; round < 10; round++) {
		uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
		uint32_t n0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
		c[1] = (uint32_t)p1;
		c[3] = (uint32_t)p0;
		c[0] = n0;
		c[2] = n2;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
	for (int i = 0; i < 4; i++)
		ret_words[i] = c[i];
}

uint64_t pb_random(uint64_t seed, uint64_t stream, uint64_t counter)
{
	uint32_t w[4];
	pb_philox(seed, stream, counter, w);
	return w[0] | (uint64_t)w[1] << 32;
}

double pb_random_uniform(uint64_t seed, uint64_t stream, uint64_t counter)
{
	return (double)(pb_random(seed, stream, counter) >> 11) * 0x1p-53;
}

double pb_random_normal(uint64_t seed, uint64_t stream, uint64_t counter)
{
	uint32_t w[4];
	pb_philox(seed, stream, counter, w);
	/* u in (0, 1], so that its logarithm is finite. */
	double u = ((double)((w[0] | (uint64_t)w[1] << 32) >> 11) + 1.0) * 0x1p-53;
	double v = (double)((w[2] | (uint64_t)w[3] << 32) >> 11) * 0x1p-53;
	return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}

void pb_random_shuffle(uint64_t seed, uint64_t stream, int64_t *items, size_t count)
{
	for (size_t i = count; i-- > 1;) {
		size_t j = (size_t)((pb_random(seed, stream, i) >> 32) * (i + 1) >> 32);
		int64_t held = items[i];
		items[i] = items[j];
		items[j] = held;
	}
}

uint64_t pb_random_stream(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
	return hash;
}
