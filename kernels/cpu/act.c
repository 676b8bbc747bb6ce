/* act.c: activation functions, in PyTorch's definitions. */
#include "approx.h"

static const real HALF = (real)0.5;
static const real SQRT_HALF = (real)0.70710678118654752440;
static const real INV_SQRT_2PI = (real)0.39894228040143267794;
static const real SQRT_8_OVER_PI = (real)1.59576912160573071176;
static const real CUBIC = (real)0.044715;

/* Written so that a NaN passes. */
static inline real relu(real x)
{
	return x < 0 ? 0 : x;
}

static inline real relu_slope(real x)
{
	return x <= 0 ? 0 : 1;
}

/* Phi(x) = (1 + erf(x / sqrt 2)) / 2, from the tail on x's side, so that a small Phi keeps its digits. */
static inline real normal_cdf(real x)
{
	const real tail = HALF * real_erfc(fabs(x) * SQRT_HALF);
	return x < 0 ? tail : 1 - tail;
}

static inline real gelu(real x)
{
	return x * normal_cdf(x);
}

static inline real gelu_slope(real x)
{
	return normal_cdf(x) + x * (INV_SQRT_2PI * real_exp(-HALF * x * x));
}

static inline real sigmoid(real x)
{
	return 1 / (1 + real_exp(-x));
}

/* (1 + tanh(u)) / 2 is sigmoid(2u). */
static inline real gelu_new(real x)
{
	return x * sigmoid(SQRT_8_OVER_PI * (x + CUBIC * x * x * x));
}

static inline real gelu_new_slope(real x)
{
	const real s = sigmoid(SQRT_8_OVER_PI * (x + CUBIC * x * x * x));
	return s + x * (s * (1 - s)) * SQRT_8_OVER_PI * (1 + 3 * CUBIC * x * x);
}

static inline real silu(real x)
{
	return x * sigmoid(x);
}

static inline real silu_slope(real x)
{
	const real s = sigmoid(x);
	return s * (1 + x * (1 - s));
}

#define DEFINE_RANGES(function)                                                                                        \
	static void function##_range(int64_t n, const real *restrict x, real *restrict y)                              \
	{                                                                                                              \
		for (int64_t i = 0; i < n; i++)                                                                        \
			y[i] = function(x[i]);                                                                         \
	}                                                                                                              \
	static void function##_backward_range(bool add, int64_t n, const real *restrict x, const real *restrict dy,    \
					      real *restrict dx)                                                       \
	{                                                                                                              \
		if (add)                                                                                               \
			for (int64_t i = 0; i < n; i++)                                                                \
				dx[i] += dy[i] * function##_slope(x[i]);                                               \
		else                                                                                                   \
			for (int64_t i = 0; i < n; i++)                                                                \
				dx[i] = dy[i] * function##_slope(x[i]);                                                \
	}
DEFINE_RANGES(relu)
DEFINE_RANGES(gelu)
DEFINE_RANGES(gelu_new)
DEFINE_RANGES(silu)

/* By enum pbk_act. `cost` is the work of an element against a copy's. */
static const struct {
	int64_t cost;
	void (*forward)(int64_t n, const real *restrict x, real *restrict y);
	void (*backward)(bool add, int64_t n, const real *restrict x, const real *restrict dy, real *restrict dx);
} functions[] = {
	[PBK_RELU] = {1, relu_range, relu_backward_range},
	[PBK_GELU] = {16, gelu_range, gelu_backward_range},
	[PBK_GELU_NEW] = {16, gelu_new_range, gelu_new_backward_range},
	[PBK_SILU] = {16, silu_range, silu_backward_range},
};

static void act(pbk_context *context, enum pbk_act kind, int64_t n, const void *x, void *y)
{
	PBK_PARALLEL(context, n, n * functions[kind].cost,
		     functions[kind].forward(end - begin, (const real *)x + begin, (real *)y + begin));
}

static void act_backward(pbk_context *context, enum pbk_act kind, bool add, int64_t n, const void *x, const void *dy,
			 void *dx)
{
	PBK_PARALLEL(context, n, n * functions[kind].cost,
		     functions[kind].backward(add, end - begin, (const real *)x + begin, (const real *)dy + begin,
					      (real *)dx + begin));
}

void PBK_NAME(pbk_fill_act)(struct pbk_table *table)
{
	table->act = act;
	table->act_backward = act_backward;
}
