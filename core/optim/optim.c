/* optim.c: the optimizers' state and step. */
#include "optim/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

struct pb_optim_config pb_optim_defaults(enum pb_optim_kind kind)
{
	struct pb_optim_config config = {.kind = kind, .lr = 1e-3};
	if (kind == PB_OPTIM_SGD)
		return config;
	config.beta1 = 0.9;
	config.beta2 = 0.999;
	config.eps = 1e-8;
	config.weight_decay = kind == PB_OPTIM_ADAMW ? 0.01 : 0;
	return config;
}

static int check_range(const char *name, double value, double below)
{
	/* Negated, so that NaN fails too. */
	if (!(value >= 0 && value < below))
		return below == INFINITY
			       ? pb_fail(PB_E_RANGE, "optimizer: %s is %g, must be 0 or more", name, value)
			       : pb_fail(PB_E_RANGE, "optimizer: %s is %g, must be in [0, %g)", name, value, below);
	return 0;
}

static int check_all(const struct pb_optim_config *c)
{
	int rc = check_range("lr", c->lr, INFINITY);
	if (!rc)
		rc = check_range("beta1", c->beta1, 1);
	if (!rc)
		rc = check_range("beta2", c->beta2, 1);
	if (!rc)
		rc = check_range("eps", c->eps, INFINITY);
	if (!rc)
		rc = check_range("weight_decay", c->weight_decay, INFINITY);
	if (!rc)
		rc = check_range("momentum", c->momentum, INFINITY);
	if (!rc)
		rc = check_range("max_grad_norm", c->max_grad_norm, INFINITY);
	if (!rc)
		rc = check_range("warmup_steps", (double)c->warmup_steps, INFINITY);
	return rc;
}

int pb_optim_check(const struct pb_optim_config *c)
{
	if (c->kind != PB_OPTIM_ADAMW && c->kind != PB_OPTIM_ADAM && c->kind != PB_OPTIM_SGD)
		return pb_fail(PB_E_RANGE, "optimizer: unknown kind %d", (int)c->kind);
	if (!isfinite(c->dampening))
		return pb_fail(PB_E_RANGE, "optimizer: dampening is %g, must be finite", c->dampening);
	if (c->nesterov && (c->momentum <= 0 || c->dampening != 0))
		return pb_fail(PB_E_RANGE, "optimizer: nesterov needs momentum above 0 and dampening 0");
	return check_all(c);
}

/* The size of the buffers that hold all slots. */
static int measure(const struct pb_optim_slot *slots, int n_slots, size_t real_size, int64_t *ret_extent)
{
	int64_t extent = 0;
	for (int i = 0; i < n_slots; i++) {
		const struct pb_optim_slot *s = &slots[i];
		if (s->offset < 0 || s->count < 0 || s->offset > INT64_MAX / (int64_t)real_size - s->count)
			return pb_fail(PB_E_RANGE, "optimizer: parameter %d has %lld elements at offset %lld", i,
				       (long long)s->count, (long long)s->offset);
		if (s->offset + s->count > extent)
			extent = s->offset + s->count;
	}
	*ret_extent = extent;
	return 0;
}

static int allocate(struct pb_optim *opt, const struct pb_optim_slot *slots)
{
	const struct pbk_table *table = pb_kernels(opt->device, opt->dtype);
	struct pbk_context *context = opt->device->context;
	const bool adam = opt->config.kind != PB_OPTIM_SGD;
	const size_t n = opt->n_slots ? (size_t)opt->n_slots : 1, size = (size_t)opt->extent * table->real_size;
	opt->slots = calloc(n, sizeof *opt->slots);
	opt->steps = calloc(n, sizeof *opt->steps);
	if (!opt->slots || !opt->steps)
		return pb_fail_nomem(n * sizeof *opt->slots, "the optimizer's parameters");
	if (opt->n_slots)
		memcpy(opt->slots, slots, n * sizeof *slots);
	if (!(opt->squares = table->alloc(context, n * sizeof *opt->squares)))
		return pb_fail_nomem(n * sizeof *opt->squares, "the optimizer's state");
	if (adam || opt->config.momentum > 0)
		opt->first = table->alloc(context, size);
	if (adam)
		opt->second = table->alloc(context, size);
	if ((adam && (!opt->first || !opt->second)) || (opt->config.momentum > 0 && !opt->first))
		return pb_fail_nomem(size, "the optimizer's state");
	return 0;
}

int pb_optim_init(struct pb_optim *ret_opt, struct pb_device *device, uint32_t dtype,
		  const struct pb_optim_config *config, const struct pb_optim_slot *slots, int n_slots)
{
	struct pb_optim opt = {.device = device, .dtype = dtype, .config = *config, .n_slots = n_slots};
	int rc = pb_optim_check(config);
	if (!rc)
		rc = measure(slots, n_slots, pb_kernels(device, dtype)->real_size, &opt.extent);
	if (!rc)
		rc = allocate(&opt, slots);
	if (rc) {
		pb_optim_finish(&opt);
		return rc;
	}
	pb_optim_reset(&opt);
	*ret_opt = opt;
	return 0;
}

void pb_optim_finish(struct pb_optim *opt)
{
	if (opt->device) {
		const struct pbk_table *table = pb_kernels(opt->device, opt->dtype);
		table->free(opt->device->context, opt->squares);
		table->free(opt->device->context, opt->second);
		table->free(opt->device->context, opt->first);
	}
	free(opt->steps);
	free(opt->slots);
	*opt = (struct pb_optim){0};
}

void pb_optim_reset(struct pb_optim *opt)
{
	const struct pbk_table *table = pb_kernels(opt->device, opt->dtype);
	const size_t size = (size_t)opt->extent * table->real_size;
	opt->calls = 0;
	memset(opt->steps, 0, (size_t)opt->n_slots * sizeof *opt->steps);
	if (opt->first)
		table->zero(opt->device->context, opt->first, size);
	if (opt->second)
		table->zero(opt->device->context, opt->second, size);
}

static void step_adam(const struct pb_optim *opt, int64_t step, double lr, double grad_scale, int64_t n, void *p,
		      const void *g, void *m, void *v)
{
	const struct pb_optim_config *c = &opt->config;
	const struct pbk_adam adam = {
		.lr = lr,
		.beta1 = c->beta1,
		.beta2 = c->beta2,
		.eps = c->eps,
		.weight_decay = c->weight_decay,
		.bias1 = 1 - pow(c->beta1, (double)step),
		.bias2 = 1 - pow(c->beta2, (double)step),
		.decoupled = c->kind == PB_OPTIM_ADAMW,
		.grad_scale = grad_scale,
	};
	pb_kernels(opt->device, opt->dtype)->adam(opt->device->context, &adam, n, p, g, m, v);
}

static void step_sgd(const struct pb_optim *opt, int64_t step, double lr, double grad_scale, int64_t n, void *p,
		     const void *g, void *buffer)
{
	const struct pb_optim_config *c = &opt->config;
	const struct pbk_sgd sgd = {
		.lr = lr,
		.momentum = c->momentum,
		.dampening = c->dampening,
		.weight_decay = c->weight_decay,
		.grad_scale = grad_scale,
		.nesterov = c->nesterov,
		.first = step == 1,
	};
	pb_kernels(opt->device, opt->dtype)->sgd(opt->device->context, &sgd, n, p, g, buffer);
}

/* Slots [i, end), which lie one behind the other and have been updated equally often: one pass over all of them. */
static void step_run(struct pb_optim *opt, int i, int end, double lr, double grad_scale, char *params,
		     const char *grads)
{
	const size_t at = (size_t)opt->slots[i].offset * pb_kernels(opt->device, opt->dtype)->real_size;
	const int64_t count = opt->slots[end - 1].offset + opt->slots[end - 1].count - opt->slots[i].offset;
	const int64_t step = opt->steps[i] + 1;
	char *first = opt->first ? (char *)opt->first + at : NULL;
	if (opt->config.kind == PB_OPTIM_SGD)
		step_sgd(opt, step, lr, grad_scale, count, params + at, grads + at, first);
	else
		step_adam(opt, step, lr, grad_scale, count, params + at, grads + at, first, (char *)opt->second + at);
	for (int k = i; k < end; k++)
		opt->steps[k] = step;
}

static bool continues(const struct pb_optim *opt, int i, const bool *present)
{
	const struct pb_optim_slot *slot = &opt->slots[i];
	return (!present || present[i]) && opt->steps[i] == opt->steps[i - 1] &&
	       slot->offset == slot[-1].offset + slot[-1].count;
}

int pb_optim_step_by_norm(struct pb_optim *opt, void *params, const void *grads, const bool *present, double norm)
{
	const struct pb_optim_config *c = &opt->config;
	if (!isfinite(norm))
		return pb_fail(PB_E_NUMERIC,
			       "optimizer: the gradient's norm is %g at step %lld; lower the learning rate or "
			       "lengthen the warm-up",
			       norm, (long long)opt->calls + 1);
	const double grad_scale = pb_optim_clip_factor(norm, c->max_grad_norm);
	const double lr = pb_optim_warmup(c->lr, c->warmup_steps, ++opt->calls);
	for (int i = 0, end; i < opt->n_slots; i = end) {
		end = i + 1;
		if (present && !present[i])
			continue;
		while (end < opt->n_slots && continues(opt, end, present))
			end++;
		step_run(opt, i, end, lr, grad_scale, params, grads);
	}
	pb_kernels(opt->device, opt->dtype)->submit(opt->device->context); /* the next batch is made meanwhile */
	return 0;
}

int pb_optim_step(struct pb_optim *opt, void *params, const void *grads, const bool *present, double *ret_grad_norm)
{
	const bool needed = opt->config.max_grad_norm > 0 || ret_grad_norm;
	const double norm = needed ? pb_optim_grad_norm(opt, grads, present) : 0;
	int rc = pb_optim_step_by_norm(opt, params, grads, present, norm);
	if (!rc && ret_grad_norm)
		*ret_grad_norm = norm;
	return rc;
}
