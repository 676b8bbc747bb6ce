/* attribution.c: a pass that keeps activations and the metric's gradients there, then setters on copies. */
#include "exp/attribution.h"

#include <math.h>

#include "base/status.h"
#include "exp/evaluate.h"
#include "exp/wants.h"

static int drop_outer(struct pb_grad_sink *sink, int id, const struct pb_view *x, const struct pb_view *dy)
{
	(void)sink, (void)id, (void)x, (void)dy;
	return 0;
}

static int drop_sum(struct pb_grad_sink *sink, int id, const struct pb_view *dy)
{
	(void)sink, (void)id, (void)dy;
	return 0;
}

static int drop_affine(struct pb_grad_sink *sink, int w_id, int b_id, const struct pb_view *x, const struct pb_view *dy)
{
	(void)sink, (void)w_id, (void)b_id, (void)x, (void)dy;
	return 0;
}

static int drop_rows(struct pb_grad_sink *sink, int id, const int32_t *ids, const struct pb_view *dy)
{
	(void)sink, (void)id, (void)ids, (void)dy;
	return 0;
}

/* Only activations' gradients are wanted. */
static const struct pb_grad_sink_ops no_params = {drop_outer, drop_sum, drop_affine, drop_rows, NULL};

static int want_points(struct pb_attribution *a, enum pb_patch_from base)
{
	int rc = 0;
	for (size_t i = 0; i < a->plan->n_sweeps; i++) {
		const struct pb_plan_sweep *s = &a->plan->sweeps[i];
		for (size_t k = 0; !rc && pb_wants_attribution(s, base) && k < s->n_sites; k++) {
			rc = pb_cache_want_site(&a->cache, s->sites[k], PB_FORWARD);
			if (!rc)
				rc = pb_cache_want_site(&a->cache, s->sites[k], PB_BACKWARD);
		}
	}
	return rc ? rc : pb_cache_attach(&a->cache, &a->bus);
}

static int pass(struct pb_attribution *a, const struct pb_params *weights, const struct pb_examples *x,
		const double *reference)
{
	struct pb_grad_sink sink = {&no_params};
	struct pb_var *logits;
	struct pb_view seed;
	double loss = NAN;
	pb_tape_reset(&a->tape, &sink);
	int32_t *rows = pb_examples_rows(x, 0, &a->tape.arena);
	struct pb_forward forward = {.tape = &a->tape,
				     .bus = &a->bus,
				     .weights = &weights->weights,
				     .tokens = x->tokens,
				     .b = x->n_examples,
				     .p = x->n_pos,
				     .rows = rows,
				     .n_rows = x->n_scored};
	int rc = rows ? pb_model_forward(&a->plan->model, &forward, &logits) : -PB_E_NOMEM;
	if (!rc)
		rc = pb_tensor_new(&a->tape.pool, a->tape.dtype, 2, logits->value.shape, &seed);
	if (!rc)
		rc = pb_scorer_seed(a->plan->metric, &logits->value, x->scored, reference, &seed);
	if (!rc)
		rc = pb_tape_backward(&a->tape, logits, &seed);
	if (!rc)
		rc = pb_scorer_loss(a->plan->metric, &loss);
	a->metric = a->sign * loss;
	pb_tape_reset(&a->tape, NULL);
	return rc;
}

int pb_attribution_init(const struct pb_plan *plan, const struct pb_params *weights, enum pb_patch_from base,
			const struct pb_examples *examples, const double *reference,
			struct pb_attribution *ret_attribution)
{
	struct pb_attribution *a = ret_attribution;
	*a = (struct pb_attribution){.plan = plan, .sign = pb_scorer_loss_sign(plan->metric)};
	pb_bus_init(&a->bus, &plan->model.sites);
	pb_tape_init(&a->tape, plan->device, plan->config->dtype);
	size_t mark = pb_bus_begin(&a->bus);
	int rc = pb_cache_init(&a->cache, plan->device, &plan->model.sites);
	if (!rc)
		rc = pb_wants_optional(plan, &a->bus);
	if (!rc)
		rc = want_points(a, base);
	if (!rc)
		rc = pass(a, weights, examples, reference);
	pb_bus_end(&a->bus, mark);
	if (rc)
		pb_attribution_finish(a);
	return rc;
}

void pb_attribution_finish(struct pb_attribution *attribution)
{
	if (!attribution->plan)
		return;
	pb_cache_finish(&attribution->cache);
	pb_bus_finish(&attribution->bus);
	pb_tape_finish(&attribution->tape);
	pb_arena_finish(&attribution->lists);
	*attribution = (struct pb_attribution){0};
}

/* In double on the host: an activation is small. Equal infinities (masked scores) do not differ. */
static int dot_change(struct pb_attribution *a, const struct pb_view *patched, const struct pb_view *base,
		      const struct pb_view *gradient, double *ret_dot)
{
	size_t n = (size_t)pb_view_count(base);
	double *values = pb_arena_array(&a->lists, 3 * n, sizeof *values), sum = 0.0;
	int rc = values ? pb_view_read(a->plan->device, patched, values) : -PB_E_NOMEM;
	if (!rc)
		rc = pb_view_read(a->plan->device, base, values + n);
	if (!rc)
		rc = pb_view_read(a->plan->device, gradient, values + 2 * n);
	for (size_t i = 0; !rc && i < n; i++)
		if (values[i] != values[n + i])
			sum += (values[i] - values[n + i]) * values[2 * n + i];
	*ret_dot = sum;
	return rc;
}

/* All of the cell's patches at one point, on a copy of the base's activation. */
static int patch_point(struct pb_attribution *a, int site_id, double *ret_dot)
{
	const struct pb_view *base = pb_cache_get(&a->cache, site_id, PB_FORWARD);
	const struct pb_view *gradient = pb_cache_get(&a->cache, site_id, PB_BACKWARD);
	if (!base)
		return pb_fail(PB_E_INTERNAL, "no cached value at %s", a->plan->model.sites.items[site_id].name);
	struct pb_view value = *base;
	value.flags &= ~PB_VIEW_READONLY;
	*ret_dot = 0.0;
	struct pb_var *x = pb_tape_node_over(&a->tape, NULL, false, NULL, NULL, &value);
	struct pb_var *y = x ? pb_bus_site(&a->bus, &a->tape, site_id, x) : NULL;
	if (!y)
		return pb_error_status();
	/* No gradient: the metric does not depend on the point. */
	return gradient && y != x ? dot_change(a, &y->value, base, gradient, ret_dot) : 0;
}

static bool seen(const struct pb_plan_cell *cell, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (cell->patches[k].site_id == cell->patches[i].site_id)
			return true;
	return false;
}

int pb_attribution_cell(struct pb_attribution *attribution, const struct pb_patch_context *sources,
			const struct pb_plan_sweep *sweep, const struct pb_plan_cell *cell,
			struct pb_result_cell *ret_cell)
{
	struct pb_attribution *a = attribution;
	struct pb_patch_context context = *sources;
	double estimate = a->metric;
	pb_arena_reset(&a->lists);
	pb_tape_reset(&a->tape, NULL);
	struct pb_patch *patches = pb_arena_array(&a->lists, 2 * cell->n_patches, sizeof *patches);
	size_t mark = pb_bus_begin(&a->bus);
	context.bus = &a->bus;
	context.first_example = context.examples = 0;
	int rc = patches ? pb_cell_attach(&context, sweep, cell, patches) : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < cell->n_patches; i++) {
		double dot = 0.0;
		if (!seen(cell, i))
			rc = patch_point(a, cell->patches[i].site_id, &dot);
		estimate += a->sign * dot;
	}
	ret_cell->forward = ret_cell->backward = (struct pb_result_hook){0};
	if (!rc)
		pb_cell_audit(&a->bus, patches, 2 * cell->n_patches, ret_cell);
	pb_bus_end(&a->bus, mark);
	ret_cell->estimate = rc ? NAN : estimate;
	return rc;
}
