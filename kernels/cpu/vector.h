/* vector.h: vectors as wide as the instruction set has them. */
#ifndef PBK_VECTOR_H
#define PBK_VECTOR_H

#include <string.h>
#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "real.h"

#if defined(__AVX512F__)
#define VECTOR_SIZE 64
#elif defined(__AVX__)
#define VECTOR_SIZE 32
#else
#define VECTOR_SIZE 16
#endif
enum { WIDTH = VECTOR_SIZE / sizeof(real) };

typedef real vector __attribute__((vector_size(VECTOR_SIZE)));

#define ALWAYS_INLINE inline __attribute__((always_inline))

static ALWAYS_INLINE vector load(const real *x)
{
	vector v;
	memcpy(&v, x, sizeof v);
	return v;
}

static ALWAYS_INLINE void store(real *x, vector v)
{
	memcpy(x, &v, sizeof v);
}

static inline int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

#endif
