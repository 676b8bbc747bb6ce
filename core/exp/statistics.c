/* statistics.c: mean, standard deviation and the bootstrap's interval. */
#include "exp/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/status.h"

static const double tail = 0.025;

void pb_bootstrap_init(struct pb_bootstrap *bootstrap, uint64_t seed)
{
	*bootstrap = (struct pb_bootstrap){.seed = seed};
}

void pb_bootstrap_finish(struct pb_bootstrap *bootstrap)
{
	pb_arena_finish(&bootstrap->arena);
	*bootstrap = (struct pb_bootstrap){0};
}

/* Which values each resample has, for samples of n. */
static int draw(struct pb_bootstrap *b, size_t n)
{
	if (b->n == n)
		return 0;
	uint64_t stream = pb_random_stream("bootstrap");
	pb_arena_reset(&b->arena);
	b->n = 0;
	b->draws = pb_arena_array(&b->arena, PB_BOOTSTRAP_RESAMPLES * n, sizeof *b->draws);
	b->values = pb_arena_array(&b->arena, n, sizeof *b->values);
	b->means = pb_arena_array(&b->arena, PB_BOOTSTRAP_RESAMPLES, sizeof *b->means);
	if (!b->draws || !b->values || !b->means)
		return -PB_E_NOMEM;
	for (uint64_t i = 0; i < PB_BOOTSTRAP_RESAMPLES; i++)
		for (uint64_t k = 0; k < n; k++)
			b->draws[i * n + k] = (uint32_t)((pb_random(b->seed, stream, i << 32 | k) >> 32) * n >> 32);
	b->n = n;
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Between the two sorted values that the place falls between, in proportion. */
static double quantile(const double *sorted, size_t n, double share)
{
	double place = share * (double)(n - 1);
	size_t below = (size_t)place;
	double part = place - (double)below;
	return below + 1 < n ? sorted[below] + part * (sorted[below + 1] - sorted[below]) : sorted[n - 1];
}

static double mean_of(const double *values, size_t n)
{
	double sum = 0.0;
	for (size_t i = 0; i < n; i++)
		sum += values[i];
	return sum / (double)n;
}

static void interval(struct pb_bootstrap *b, struct pb_result_spread *spread)
{
	for (size_t i = 0; i < PB_BOOTSTRAP_RESAMPLES; i++) {
		double sum = 0.0;
		for (size_t k = 0; k < b->n; k++)
			sum += b->values[b->draws[i * b->n + k]];
		b->means[i] = sum / (double)b->n;
	}
	qsort(b->means, PB_BOOTSTRAP_RESAMPLES, sizeof *b->means, compare);
	spread->low = quantile(b->means, PB_BOOTSTRAP_RESAMPLES, tail);
	spread->high = quantile(b->means, PB_BOOTSTRAP_RESAMPLES, 1.0 - tail);
}

int pb_bootstrap_spread(struct pb_bootstrap *bootstrap, const double *values, size_t n,
			struct pb_result_spread *ret_spread)
{
	struct pb_bootstrap *b = bootstrap;
	struct pb_result_spread r = {0, NAN, NAN, NAN, NAN};
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += isfinite(values[i]) != 0;
	int rc = count ? draw(b, count) : 0;
	if (rc)
		return rc;
	for (size_t i = 0; i < n; i++)
		if (isfinite(values[i]))
			b->values[r.count++] = values[i];
	if (count)
		r.mean = mean_of(b->values, count);
	if (count > 1) {
		double squares = 0.0;
		for (size_t i = 0; i < count; i++)
			squares += (b->values[i] - r.mean) * (b->values[i] - r.mean);
		r.std = sqrt(squares / (double)(count - 1));
		interval(b, &r);
	}
	*ret_spread = r;
	return 0;
}
