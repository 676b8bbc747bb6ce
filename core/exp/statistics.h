/* statistics.h: what several values of one number say. */
#ifndef PB_EXP_STATISTICS_H
#define PB_EXP_STATISTICS_H

#include "base/arena.h"
#include "report/result.h"

/* Percentile bootstrap of the mean: RESAMPLES times, n of the n values are drawn with replacement and averaged; the
 * interval goes from the 2.5th to the 97.5th percentile of these averages, between neighbours in proportion.
 *
 * Stream "bootstrap" of base/rng.h, under the experiment's seed: value k of resample b is number
 * (draw(b * 2^32 + k) >> 32) * n >> 32 of those that are finite, in their order. All cells with n values thus draw the
 * same units. */
enum { PB_BOOTSTRAP_RESAMPLES = 2000 };

struct pb_bootstrap {
	uint64_t seed;
	struct pb_arena arena;
	size_t n;        /* values that `draws` is for; 0: none yet */
	uint32_t *draws; /* [RESAMPLES, n] */
	double *values, *means;
};

void pb_bootstrap_init(struct pb_bootstrap *bootstrap, uint64_t seed);
void pb_bootstrap_finish(struct pb_bootstrap *bootstrap);
/* Of those of `values` that are finite. An interval needs two of them. */
int pb_bootstrap_spread(struct pb_bootstrap *bootstrap, const double *values, size_t n,
			struct pb_result_spread *ret_spread);

#endif
