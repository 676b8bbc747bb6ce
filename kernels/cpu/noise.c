/* noise.c: normal noise from the generator of core/base/rng.h (Philox4x32-10), equal to it to the last bit. */
#include "philox.h"
#include "walk.h"

struct noise {
	double mean, std;
	uint64_t seed, stream;
};

static void noise_row(int64_t n, real *d, int64_t ds, const real *s, int64_t ss, int64_t first, void *argument)
{
	(void)s, (void)ss;
	const struct noise *noise = argument;
	for (int64_t i = 0; i < n; i++)
		d[i * ds] =
			(real)(noise->mean + noise->std * pbk_normal(noise->seed, noise->stream, (uint64_t)(first + i)));
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
