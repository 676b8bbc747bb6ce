/* optim.c: optimizer steps: torch.optim's single-tensor definitions, operation by operation. */
#include "real.h"

/* A step's constants, rounded to the element type once, as PyTorch does with its scalars. */
struct adam {
	real grad_scale, decay, l2, one_minus_beta1, beta1, beta2, one_minus_beta2, step, bias2_sqrt, eps;
};

static struct adam adam_constants(const struct pbk_adam *a)
{
	return (struct adam){
		.grad_scale = (real)a->grad_scale,
		.decay = (real)(a->decoupled ? 1 - a->lr * a->weight_decay : 1),
		.l2 = (real)(a->decoupled ? 0 : a->weight_decay),
		.beta1 = (real)a->beta1,
		.one_minus_beta1 = (real)(1 - a->beta1),
		.beta2 = (real)a->beta2,
		.one_minus_beta2 = (real)(1 - a->beta2),
		.step = (real)(a->lr / a->bias1),
		.bias2_sqrt = (real)sqrt(a->bias2),
		.eps = (real)a->eps,
	};
}

/* torch.lerp takes the form that is exact at the nearer end; the weight is 1 - beta1. */
static inline real lerp(real from, real to, real weight, real one_minus_weight)
{
	return weight < (real)0.5 ? from + weight * (to - from) : to - (to - from) * one_minus_weight;
}

static void adam_range(const struct adam *constants, int64_t n, real *restrict p, const real *restrict g,
		       real *restrict m, real *restrict v)
{
	const struct adam c = *constants;
	for (int64_t i = 0; i < n; i++) {
		const real decayed = p[i] * c.decay;
		const real grad = g[i] * c.grad_scale + c.l2 * p[i];
		m[i] = lerp(m[i], grad, c.one_minus_beta1, c.beta1);
		v[i] = v[i] * c.beta2 + c.one_minus_beta2 * grad * grad;
		p[i] = decayed - c.step * m[i] / (sqrt(v[i]) / c.bias2_sqrt + c.eps);
	}
}

static void adam(pbk_context *context, const struct pbk_adam *a, int64_t n, void *p, const void *g, void *m, void *v)
{
	const struct adam constants = adam_constants(a);
	PBK_PARALLEL(context, n, n * 2,
		     adam_range(&constants, end - begin, (real *)p + begin, (const real *)g + begin, (real *)m + begin,
				(real *)v + begin));
}

static void sgd_range(const struct pbk_sgd *s, int64_t n, real *restrict p, const real *restrict g,
		      real *restrict buffer)
{
	const real lr = (real)s->lr, momentum = (real)s->momentum, l2 = (real)s->weight_decay;
	const real scale = (real)s->grad_scale, kept = s->first ? 0 : momentum;
	const real taken = (real)(s->first ? 1 : 1 - s->dampening);
	for (int64_t i = 0; i < n; i++) {
		const real grad = g[i] * scale + l2 * p[i];
		buffer[i] = (s->first ? 0 : kept * buffer[i]) + taken * grad;
		p[i] -= lr * (s->nesterov ? grad + momentum * buffer[i] : buffer[i]);
	}
}

static void sgd_plain_range(const struct pbk_sgd *s, int64_t n, real *restrict p, const real *restrict g)
{
	const real lr = (real)s->lr, l2 = (real)s->weight_decay, scale = (real)s->grad_scale;
	for (int64_t i = 0; i < n; i++)
		p[i] -= lr * (g[i] * scale + l2 * p[i]);
}

static void sgd(pbk_context *context, const struct pbk_sgd *s, int64_t n, void *p, const void *g, void *buffer)
{
	if (s->momentum == 0 || !buffer)
		PBK_PARALLEL(context, n, n,
			     sgd_plain_range(s, end - begin, (real *)p + begin, (const real *)g + begin));
	else
		PBK_PARALLEL(
			context, n, n,
			sgd_range(s, end - begin, (real *)p + begin, (const real *)g + begin, (real *)buffer + begin));
}

void PBK_NAME(pbk_fill_optim)(struct pbk_table *table)
{
	table->adam = adam;
	table->sgd = sgd;
}
