/* step.h: one element of a weight matrix after one step, and of a gradient that is kept as factors. */
#ifndef PBK_CUDA_STEP_H
#define PBK_CUDA_STEP_H

#include "cuda.h"

/* A step's constants in the element type. */
template <class real> struct step_rule {
	bool adam;
	real lr, decay, l2, eps;
};

/* An eps below the smallest normal number is no part of a float. */
template <class real> static inline step_rule<real> step_rule_of(const struct pbk_step *s, double decay)
{
	const double least = sizeof(real) == sizeof(float) ? 1.1754943508222875e-38 : 0;
	return {s->adam, real(s->lr), real(decay), real(s->l2), real(s->eps < least ? least : s->eps)};
}

/* a / b to the last bit but one, for normal b > 0: an exact division costs more than the step's other operations
 * together. Beyond 2^126, where 1/b is no normal number, it is 0; there the square of a gradient is infinite to PyTorch,
 * and its step 0 too. */
static __device__ __forceinline__ float quotient(float a, float b)
{
#ifdef __CUDA_ARCH__
	float reciprocal;
	asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(reciprocal) : "f"(b));
	return a * reciprocal; /* a may be below the normal numbers */
#else
	return a / b;
#endif
}

static __device__ __forceinline__ double quotient(double a, double b)
{
	return a / b;
}

/* w after a step by the scaled gradient g; with decay - 1 in place of decay the change. */
template <class real>
static __device__ __forceinline__ real stepped(const step_rule<real> &rule, real w, real g)
{
	g = fma(rule.l2, w, g);
	if (rule.adam)
		g = quotient(g, fabs(g) + rule.eps);
	return fma(-rule.lr, g, w * rule.decay);
}

/* Element (i, j) of a gradient [.., n]. */
template <class real>
static __device__ __forceinline__ real gradient_at(const struct pbk_gradient &g, int64_t n, int64_t i, int64_t j)
{
	if (g.dense)
		return ((const real *)g.dense)[i * n + j];
	real total = 0;
	for (int64_t r = 0; r < g.rank; r++)
		total = fma(((const real *)g.x)[r * g.ldx + i], ((const real *)g.dy)[r * g.lddy + j], total);
	return total;
}

#endif
