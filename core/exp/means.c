/* means.c: forward passes over a split with caches, added up. */
#include "exp/means.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

enum { EXAMPLES_PER_PASS = 256 };

static struct pb_view *mean_slot(const struct pb_means *m, const struct pb_plan_sweep *sweep, int site_id)
{
	return &m->views[(size_t)(sweep - m->plan->sweeps) * (size_t)m->plan->model.sites.n + (size_t)site_id];
}

const struct pb_view *pb_means_get(const struct pb_means *means, const struct pb_plan_sweep *sweep, int site_id)
{
	return sweep->mean_split >= 0 ? mean_slot(means, sweep, site_id) : NULL;
}

/* What the passes over the splits run on. */
struct passes {
	const struct pb_plan *plan;
	const struct pb_params *weights;
	struct pb_tape tape;
	struct pb_bus bus;
};

/* One point's sum over the examples so far, in double: a mean in float32 would lose its digits to thousands of additions. */
struct sum {
	struct pb_view shape; /* of one example, axes tagged; data NULL */
	double *values, *batch;
	size_t count, room; /* elements of one example; of the batch buffer */
};

static void free_sums(struct sum *sums, size_t n)
{
	for (size_t i = 0; sums && i < n; i++) {
		free(sums[i].values);
		free(sums[i].batch);
	}
	free(sums);
}

static int start_sum(struct sum *sum, const struct pb_view *value)
{
	sum->shape = *value;
	sum->shape.shape[0] = 1;
	sum->shape.data = NULL;
	sum->count = (size_t)pb_view_count(&sum->shape);
	sum->room = (size_t)pb_view_count(value); /* the first batch is the largest */
	sum->values = calloc(sum->count, sizeof *sum->values);
	sum->batch = malloc(sum->room * sizeof *sum->batch);
	return sum->values && sum->batch ? 0 : pb_fail_nomem(sum->room * sizeof *sum->batch, "means");
}

static int add_batch(struct passes *e, const struct pb_view *value, struct sum *sum)
{
	int rc = sum->values ? 0 : start_sum(sum, value);
	if (!rc)
		rc = pb_view_read(e->plan->device, value, sum->batch);
	for (size_t b = 0; !rc && b < (size_t)value->shape[0]; b++)
		for (size_t i = 0; i < sum->count; i++)
			sum->values[i] += sum->batch[b * sum->count + i];
	return rc;
}

static int add_pass(struct passes *e, const struct pb_plan_sweep *s, const struct pb_examples *x, int64_t first,
		    int64_t n, struct sum *sums)
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
		rc = add_batch(e, pb_cache_get(&cache, s->sites[i], PB_FORWARD), &sums[i]);
	pb_bus_end(&e->bus, mark);
	pb_cache_finish(&cache);
	return rc;
}

/* The mean as one tensor that stands for every example of the patched batch. */
static int finish_sum(struct pb_means *m, struct sum *sum, int64_t n, struct pb_view *ret_mean)
{
	struct pb_view mean;
	for (size_t i = 0; i < sum->count; i++)
		sum->values[i] /= (double)n;
	int rc = pb_tensor_new(&m->pool, sum->shape.dtype, sum->shape.rank, sum->shape.shape, &mean);
	if (!rc)
		rc = pb_view_write(m->plan->device, &mean, sum->values);
	if (rc)
		return rc;
	memcpy(mean.axis, sum->shape.axis, sizeof mean.axis);
	mean.stride[0] = 0;
	*ret_mean = mean;
	return 0;
}

static int make_mean(struct passes *e, struct pb_means *m, const struct pb_plan_sweep *s)
{
	struct pb_examples x;
	struct sum *sums = calloc(s->n_sites, sizeof *sums);
	int rc = sums ? pb_data_examples(e->plan, s->mean_split, 0, &x) : pb_fail_nomem(sizeof *sums, "means");
	if (!rc && (x.n_pos != e->plan->n_pos || !x.n_examples))
		rc = pb_fail(PB_E_SHAPE, "sweep `%s`: the split of the mean has %lld examples of %d tokens, the probe's have %lld",
			     s->config->name, (long long)x.n_examples, x.n_pos, (long long)e->plan->n_pos);
	for (int64_t first = 0; !rc && first < x.n_examples; first += EXAMPLES_PER_PASS) {
		int64_t left = x.n_examples - first;
		rc = add_pass(e, s, &x, first, left < EXAMPLES_PER_PASS ? left : EXAMPLES_PER_PASS, sums);
	}
	for (size_t i = 0; !rc && i < s->n_sites; i++)
		rc = finish_sum(m, &sums[i], x.n_examples, mean_slot(m, s, s->sites[i]));
	free_sums(sums, s->n_sites);
	return rc;
}

int pb_means_make(const struct pb_plan *plan, const struct pb_params *weights, struct pb_means *ret_means)
{
	size_t n = plan->n_sweeps * (size_t)plan->model.sites.n;
	struct pb_means m = {.plan = plan, .views = calloc(n ? n : 1, sizeof *m.views)};
	struct passes e = {.plan = plan, .weights = weights};
	if (!m.views)
		return pb_fail_nomem(n * sizeof *m.views, "means");
	pb_pool_init(&m.pool, plan->device);
	pb_tape_init(&e.tape, plan->device, plan->config->dtype);
	pb_bus_init(&e.bus, &plan->model.sites);
	int rc = 0;
	for (size_t i = 0; !rc && i < plan->n_sweeps; i++)
		if (plan->sweeps[i].mean_split >= 0)
			rc = make_mean(&e, &m, &plan->sweeps[i]);
	pb_bus_finish(&e.bus);
	pb_tape_finish(&e.tape);
	if (rc)
		pb_means_finish(&m);
	else
		*ret_means = m;
	return rc;
}

void pb_means_finish(struct pb_means *means)
{
	if (means->views)
		pb_pool_finish(&means->pool);
	free(means->views);
	*means = (struct pb_means){0};
}
