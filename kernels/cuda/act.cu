/* act.cu: activation functions, in PyTorch's definitions. The backward kernel adds to dx. */
#include "cuda.h"

template <class real> struct act_constants {
	static constexpr real sqrt_half = real(0.70710678118654752440), inv_sqrt_2pi = real(0.39894228040143267794),
			      sqrt_8_over_pi = real(1.59576912160573071176), cubic = real(0.044715);
};

/* Phi(x) from the tail on x's side, so that a small Phi keeps its digits. */
template <class real> static __device__ __forceinline__ real normal_cdf(real x)
{
	const real tail = real(0.5) * erfc(fabs(x) * act_constants<real>::sqrt_half);
	return x < 0 ? tail : 1 - tail;
}

template <class real> static __device__ __forceinline__ real sigmoid(real x)
{
	return 1 / (1 + exp(-x));
}

/* (1 + tanh(u)) / 2 is sigmoid(2u). */
template <class real> static __device__ __forceinline__ real gelu_new_gate(real x)
{
	typedef act_constants<real> c;
	return sigmoid(c::sqrt_8_over_pi * (x + c::cubic * x * x * x));
}

/* Written so that a NaN passes. */
template <class real, enum pbk_act kind> static __device__ __forceinline__ real value(real x)
{
	switch (kind) {
	case PBK_GELU: return x * normal_cdf(x);
	case PBK_GELU_NEW: return x * gelu_new_gate(x);
	case PBK_SILU: return x * sigmoid(x);
	default: return x < 0 ? real(0) : x;
	}
}

template <class real, enum pbk_act kind> static __device__ __forceinline__ real slope(real x)
{
	typedef act_constants<real> c;
	real s;
	switch (kind) {
	case PBK_GELU: return normal_cdf(x) + x * (c::inv_sqrt_2pi * exp(real(-0.5) * x * x));
	case PBK_GELU_NEW:
		s = gelu_new_gate(x);
		return s + x * (s * (1 - s)) * c::sqrt_8_over_pi * (1 + 3 * c::cubic * x * x);
	case PBK_SILU: s = sigmoid(x); return s * (1 + x * (1 - s));
	default: return x <= 0 ? real(0) : real(1);
	}
}

template <class real, enum pbk_act kind> static __global__ void act_kernel(int64_t n, const real *x, real *y)
{
	const int64_t i = element();
	if (i < n)
		y[i] = value<real, kind>(x[i]);
}

template <class real, enum pbk_act kind>
static __global__ void act_backward_kernel(bool add, int64_t n, const real *x, const real *dy, real *dx)
{
	const int64_t i = element();
	if (i < n)
		dx[i] = (add ? dx[i] : real(0)) + dy[i] * slope<real, kind>(x[i]);
}

template <class real, enum pbk_act kind> static void launch(pbk_context *context, int64_t n, const void *x, void *y)
{
	pbk_launch(context, act_kernel<real, kind>, pbk_grid(n), BLOCK, n, (const real *)x, (real *)y);
}

template <class real, enum pbk_act kind>
static void launch_backward(pbk_context *context, bool add, int64_t n, const void *x, const void *dy, void *dx)
{
	pbk_launch(context, act_backward_kernel<real, kind>, pbk_grid(n), BLOCK, add, n, (const real *)x, (const real *)dy,
		   (real *)dx);
}

template <class real> static void act(pbk_context *context, enum pbk_act kind, int64_t n, const void *x, void *y)
{
	switch (kind) {
	case PBK_RELU: launch<real, PBK_RELU>(context, n, x, y); break;
	case PBK_GELU: launch<real, PBK_GELU>(context, n, x, y); break;
	case PBK_GELU_NEW: launch<real, PBK_GELU_NEW>(context, n, x, y); break;
	case PBK_SILU: launch<real, PBK_SILU>(context, n, x, y); break;
	}
}

template <class real>
static void act_backward(pbk_context *context, enum pbk_act kind, bool add, int64_t n, const void *x, const void *dy, void *dx)
{
	switch (kind) {
	case PBK_RELU: launch_backward<real, PBK_RELU>(context, add, n, x, dy, dx); break;
	case PBK_GELU: launch_backward<real, PBK_GELU>(context, add, n, x, dy, dx); break;
	case PBK_GELU_NEW: launch_backward<real, PBK_GELU_NEW>(context, add, n, x, dy, dx); break;
	case PBK_SILU: launch_backward<real, PBK_SILU>(context, add, n, x, dy, dx); break;
	}
}

template <class real> void pbk_cuda_fill_act(struct pbk_table *table)
{
	table->act = act<real>;
	table->act_backward = act_backward<real>;
}

template void pbk_cuda_fill_act<float>(struct pbk_table *table);
template void pbk_cuda_fill_act<double>(struct pbk_table *table);
