/* guarded.c: buffers with canaries, random data, comparison. */
#include <math.h>
#include <string.h>

#include "kernels_test.h"

enum { GUARD = 256, CANARY = 0xA5 };

struct guarded guarded_new(size_t real_size, int64_t count, int shift)
{
	struct guarded g = {.real_size = real_size, .count = count, .shift = shift};
	const size_t size = (size_t)(count + shift) * real_size;
	g.memory = test_alloc(size + 2 * GUARD);
	memset(g.memory, CANARY, size + 2 * GUARD);
	g.data = g.memory + GUARD + (size_t)shift * real_size;
	return g;
}

void guarded_free(struct guarded *g)
{
	test_free(g->memory);
}

bool guarded_intact(const struct guarded *g)
{
	const unsigned char *begin = g->data, *end = begin + (size_t)g->count * g->real_size;
	for (const unsigned char *at = g->memory; at < begin; at++)
		if (*at != CANARY)
			return false;
	for (const unsigned char *at = end; at < end + GUARD; at++)
		if (*at != CANARY)
			return false;
	return true;
}

bool guarded_same(const struct guarded *a, const struct guarded *b)
{
	return a->count == b->count && !memcmp(a->data, b->data, (size_t)a->count * a->real_size);
}

double guarded_get(const struct guarded *g, int64_t i)
{
	return g->real_size == sizeof(float) ? (double)((const float *)g->data)[i] : ((const double *)g->data)[i];
}

void guarded_set(struct guarded *g, int64_t i, double value)
{
	if (g->real_size == sizeof(float))
		((float *)g->data)[i] = (float)value;
	else
		((double *)g->data)[i] = value;
}

static uint64_t state;

void random_seed(uint64_t seed)
{
	state = seed;
}

double random_value(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	/* 24 bits, so that float holds the same value as double. */
	return (double)(state >> 40) * 0x1p-23 - 1;
}

bool nearly(double a, double b, double tolerance)
{
	if (a == b || (isnan(a) && isnan(b)))
		return true;
	return fabs(a - b) <= tolerance * (1 + fabs(b));
}

double tolerance_of(size_t real_size)
{
	return real_size == sizeof(float) ? 2e-6 : 4e-15;
}
