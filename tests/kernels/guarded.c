/* guarded.c: buffers with canaries, random data, comparison. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels_test.h"

enum { GUARD = 256, CANARY = 0xA5 };

pbk_context *test_context;

void open_context(void)
{
	test_context = pbk_cpu_open(2);
	ck_assert_ptr_nonnull(test_context);
}

void close_context(void)
{
	pbk_cpu_close(test_context);
}

const struct pbk_table *test_table(int i)
{
	switch (i) {
	case 0: return pbk_cpu_f32();
	case 1: return pbk_cpu_f32_plain();
	case 2: return pbk_cpu_f64();
	default: return pbk_cpu_f64_plain();
	}
}

struct guarded guarded_new(size_t real_size, int64_t count, int shift)
{
	struct guarded g = {.real_size = real_size, .count = count, .shift = shift};
	const size_t size = (size_t)(count + shift) * real_size;
	g.memory = aligned_alloc(64, (size + 2 * GUARD + 63) / 64 * 64);
	ck_assert_ptr_nonnull(g.memory);
	memset(g.memory, CANARY, (size + 2 * GUARD + 63) / 64 * 64);
	g.data = g.memory + GUARD + (size_t)shift * real_size;
	return g;
}

void guarded_free(struct guarded *g)
{
	free(g->memory);
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
