/* optim.cu: optimizer steps: torch.optim's single-tensor definitions, operation by operation. */
#include <math.h>

#include "quad.h"

/* A step's constants, rounded to the element type once, as PyTorch does with its scalars. */
template <class real> struct adam_constants {
	real grad_scale, decay, l2, beta1, one_minus_beta1, beta2, one_minus_beta2, step, bias2_sqrt, eps;

	explicit adam_constants(const struct pbk_adam &a)
	    : grad_scale((real)a.grad_scale), decay((real)(a.decoupled ? 1 - a.lr * a.weight_decay : 1)),
	      l2((real)(a.decoupled ? 0 : a.weight_decay)), beta1((real)a.beta1),
	      one_minus_beta1((real)(1 - a.beta1)), beta2((real)a.beta2), one_minus_beta2((real)(1 - a.beta2)),
	      step((real)(a.lr / a.bias1)), bias2_sqrt((real)sqrt(a.bias2)), eps((real)a.eps)
	{
	}
};

template <class real> struct sgd_constants {
	real grad_scale, lr, momentum, taken, l2;
	bool nesterov, first;

	explicit sgd_constants(const struct pbk_sgd &s)
	    : grad_scale((real)s.grad_scale), lr((real)s.lr), momentum((real)s.momentum),
	      taken((real)(s.first ? 1 : 1 - s.dampening)), l2((real)s.weight_decay), nesterov(s.nesterov),
	      first(s.first)
	{
	}
};

/* torch.lerp takes the form that is exact at the nearer end; the weight is 1 - beta1. */
template <class real>
static __device__ __forceinline__ real lerp(real from, real to, real weight, real one_minus_weight)
{
	return weight < (real)0.5 ? from + weight * (to - from) : to - (to - from) * one_minus_weight;
}

/* Of one element. */
template <class real>
static __device__ __forceinline__ void adam_step(const adam_constants<real> &c, real *p, real g, real *m, real *v)
{
	const real decayed = *p * c.decay, grad = g * c.grad_scale + c.l2 * *p;
	*m = lerp(*m, grad, c.one_minus_beta1, c.beta1);
	*v = *v * c.beta2 + c.one_minus_beta2 * grad * grad;
	*p = decayed - c.step * *m / (sqrt(*v) / c.bias2_sqrt + c.eps);
}

/* A thread takes four elements, so that enough loads are on their way. */
template <class real>
static __global__ void adam_kernel(const adam_constants<real> *constants, int64_t n, real *p, const real *g, real *m, real *v)
{
	const int64_t i = 4 * element();
	const int there = clamped(n - i, 4);
	const bool whole = there == 4 && holds_quads(p, 0) && holds_quads(g, 0) && holds_quads(m, 0) && holds_quads(v, 0);
	const adam_constants<real> c = *constants;
	quad<real> weight = read_quad(p + i, whole, there), first = read_quad(m + i, whole, there);
	quad<real> second = read_quad(v + i, whole, there);
	const quad<real> slope = read_quad(g + i, whole, there);
	for (int e = 0; e < 4; e++)
		adam_step(c, &weight.v[e], slope.v[e], &first.v[e], &second.v[e]);
	write_quad(p + i, whole, there, weight);
	write_quad(m + i, whole, there, first);
	write_quad(v + i, whole, there, second);
}

/* The buffer may be NULL. At the first step it is not read. */
template <class real>
static __global__ void sgd_kernel(const sgd_constants<real> *constants, int64_t n, real *p, const real *g, real *buffer)
{
	const int64_t i = element();
	const sgd_constants<real> c = *constants;
	if (i >= n)
		return;
	const real grad = g[i] * c.grad_scale + c.l2 * p[i];
	real step = grad;
	if (buffer) {
		const real moved = (c.first ? 0 : c.momentum * buffer[i]) + c.taken * grad;
		buffer[i] = moved;
		step = c.nesterov ? grad + c.momentum * moved : moved;
	}
	p[i] -= c.lr * step;
}

template <class real>
static void adam(pbk_context *context, const struct pbk_adam *a, int64_t n, void *p, const void *g, void *m, void *v)
{
	/* In memory, since they differ from step to step, and equal launches can be replayed. */
	const adam_constants<real> constants(*a);
	const adam_constants<real> *staged =
		(const adam_constants<real> *)pbk_stage(context, &constants, sizeof constants);
	if (staged)
		pbk_launch(context, adam_kernel<real>, pbk_grid((n + 3) / 4), BLOCK, staged, n, p, g, m, v);
}

template <class real>
static void sgd(pbk_context *context, const struct pbk_sgd *s, int64_t n, void *p, const void *g, void *buffer)
{
	const sgd_constants<real> constants(*s);
	const sgd_constants<real> *staged = (const sgd_constants<real> *)pbk_stage(context, &constants, sizeof constants);
	if (staged)
		pbk_launch(context, sgd_kernel<real>, pbk_grid(n), BLOCK, staged, n, p, g,
			   s->momentum == 0 ? nullptr : buffer);
}

template <class real> void pbk_cuda_fill_optim(struct pbk_table *table)
{
	table->adam = adam<real>;
	table->sgd = sgd<real>;
}

template void pbk_cuda_fill_optim<float>(struct pbk_table *table);
template void pbk_cuda_fill_optim<double>(struct pbk_table *table);
