/* means.c: forward passes over a split with caches, added up. */
#include "exp/means.h"

#include <stdlib.h>

#include "base/status.h"

enum { EXAMPLES_PER_PASS = 256 };

static struct pb_view *mean_slot(const struct pb_engine *e, size_t sweep, int site_id)
{
	return &e->means[sweep * (size_t)e->plan->model.sites.n + (size_t)site_id];
}

const struct pb_view *pb_engine_mean(const struct pb_engine *engine, const struct pb_plan_sweep *sweep, int site_id)
{
	return mean_slot(engine, (size_t)(sweep - engine->plan->sweeps), site_id);
}

/* mean += sum over the batch of value / n; mean is [1, ...]. */
static int add_batch(struct pb_engine *e, const struct pb_view *value, int64_t n, struct pb_view *mean)
{
	int rc = 0;
	if (!mean->data) {
		int64_t shape[PB_MAX_RANK];
		for (int i = 0; i < value->rank; i++)
			shape[i] = i ? value->shape[i] : 1;
		rc = pb_tensor_zeros(&e->means_pool, value->dtype, value->rank, shape, mean);
		for (int i = 0; i < value->rank; i++)
			mean->axis[i] = value->axis[i];
	}
	for (int64_t b = 0; !rc && b < value->shape[0]; b++) {
		struct pb_view one;
		rc = pb_view_slice(value, 0, b, 1, &one);
		if (!rc)
			rc = pb_view_axpy(e->plan->device, mean, 1.0 / (double)n, &one);
	}
	return rc;
}

static int add_pass(struct pb_engine *e, const struct pb_plan_sweep *s, const struct pb_examples *x, int64_t first,
		    int64_t n)
{
	struct pb_cache cache;
	struct pb_var *logits;
	int rc = pb_cache_init(&cache, e->plan->device, &e->plan->model.sites);
	if (rc)
		return rc;
	size_t mark = pb_bus_begin(&e->bus);
	for (size_t i = 0; !rc && i < s->n_sites; i++)
		rc = pb_cache_want_site(&cache, s->sites[i], PB_FORWARD);
	if (!rc)
		rc = pb_cache_attach(&cache, &e->bus);
	pb_tape_reset(&e->tape, NULL);
	struct pb_forward forward = {.tape = &e->tape, .bus = &e->bus, .weights = &e->weights->weights,
				     .tokens = x->tokens + first * x->n_pos, .b = n, .p = x->n_pos,
				     .rows = (int32_t[]){0}, .n_rows = 1};
	if (!rc)
		rc = pb_model_forward(&e->plan->model, &forward, &logits);
	for (size_t i = 0; !rc && i < s->n_sites; i++)
		rc = add_batch(e, pb_cache_get(&cache, s->sites[i], PB_FORWARD), x->n_examples,
			       mean_slot(e, (size_t)(s - e->plan->sweeps), s->sites[i]));
	pb_bus_end(&e->bus, mark);
	pb_cache_finish(&cache);
	return rc;
}

static int make_mean(struct pb_engine *e, const struct pb_plan_sweep *s)
{
	struct pb_examples x;
	int rc = pb_data_examples(e->plan, s->mean_split, 0, &x);
	if (!rc && (x.n_pos != e->probe->clean.n_pos || !x.n_examples))
		rc = pb_fail(PB_E_SHAPE, "sweep `%s`: the split of the mean has %lld examples of %d tokens, the probe's have %d",
			     s->config->name, (long long)x.n_examples, x.n_pos, e->probe->clean.n_pos);
	for (int64_t first = 0; !rc && first < x.n_examples; first += EXAMPLES_PER_PASS) {
		int64_t left = x.n_examples - first;
		rc = add_pass(e, s, &x, first, left < EXAMPLES_PER_PASS ? left : EXAMPLES_PER_PASS);
	}
	/* The one mean stands for every example of the patched batch. */
	for (size_t i = 0; !rc && i < s->n_sites; i++) {
		struct pb_view *mean = mean_slot(e, (size_t)(s - e->plan->sweeps), s->sites[i]);
		mean->shape[0] = e->probe->clean.n_examples;
		mean->stride[0] = 0;
	}
	return rc;
}

int pb_engine_make_means(struct pb_engine *engine)
{
	size_t n = engine->plan->n_sweeps * (size_t)engine->plan->model.sites.n;
	int rc = 0;
	engine->means = calloc(n ? n : 1, sizeof *engine->means);
	if (!engine->means)
		return pb_fail_nomem(n * sizeof *engine->means, "means");
	for (size_t i = 0; !rc && i < engine->plan->n_sweeps; i++)
		if (engine->plan->sweeps[i].mean_split >= 0)
			rc = make_mean(engine, &engine->plan->sweeps[i]);
	return rc;
}
