/* approx.h: exp and erfc. For float as straight-line code that the compiler turns into vectors, to a few units in the
 * last place; for double the C library's. */
#ifndef PBK_APPROX_H
#define PBK_APPROX_H

#include <string.h>

#include "real.h"

static inline float float_of_bits(uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

static inline uint32_t bits_of_float(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

/* e^x = 2^n * e^r with n the integer nearest to x / ln 2, so |r| <= ln(2) / 2, where eight Taylor terms are exact to
 * 5e-9. -inf gives 0, +inf gives inf, NaN gives NaN. */
static inline float exp_float(float x)
{
	x = x < -105.0f ? -105.0f : x;
	x = x > 89.0f ? 89.0f : x;
	/* Adding 1.5 * 2^23 rounds to an integer, which the low bits of the sum then hold. */
	const float shifted = x * 1.44269504f + 12582912.0f, n = shifted - 12582912.0f;
	const int32_t i = (int32_t)(bits_of_float(shifted) - 0x4B400000u);
	/* ln 2 in two parts: n times the first is exact. */
	const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
	const float p = 1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720 + r * (1.0f / 5040)));
	const float e = 1.0f + (r + r * r * (0.5f + r * (1.0f / 6 + r * p)));
	/* In two steps, since 2^n alone may be out of range where the result is not. */
	const int32_t half = i >> 1;
	return e * float_of_bits((uint32_t)(half + 127) << 23) * float_of_bits((uint32_t)(i - half + 127) << 23);
}

/* For z >= 0: e^(-z^2) * t * R(t) with t = 1 / (1 + 0.3 z) and R the polynomial of degree 8 that interpolates
 * erfc(z) e^(z^2) / t in the Chebyshev nodes of z in [0, 10.5]; relative error 5e-8, and that of exp. */
static inline float erfc_float(float z)
{
	static const float c[9] = {0.169191058f, 0.170659255f,  0.148764102f, 0.213175079f, -0.0903509841f,
				   0.541251674f, -0.506434308f, 0.482653832f, -0.128909722f};
	const float t = 1.0f / (1.0f + 0.3f * z);
	float p = c[8];
	for (int i = 7; i >= 0; i--)
		p = p * t + c[i];
	return exp_float(-z * z) * t * p;
}

static inline real real_exp(real x)
{
	return sizeof(real) == sizeof(float) ? (real)exp_float((float)x) : (real)exp((double)x);
}

/* For z >= 0. */
static inline real real_erfc(real z)
{
	return sizeof(real) == sizeof(float) ? (real)erfc_float((float)z) : (real)erfc((double)z);
}

#endif
