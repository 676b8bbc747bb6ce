/* estimate.c: inner products of what steps change and the metric's gradient, parameter by parameter. */
#include "exp/estimate.h"

#include <math.h>
#include <stdlib.h>

#include "base/status.h"

int pb_estimate_init(const struct pb_plan *plan, const struct pb_params *weights, const struct pb_examples *questions,
		     const double *reference, bool dense, struct pb_estimate *ret_estimate)
{
	struct pb_estimate *e = ret_estimate;
	*e = (struct pb_estimate){.weights = weights,
				  .step = pb_optim_first_step(&plan->update),
				  .sign = pb_scorer_loss_sign(plan->metric)};
	int rc = pb_adjoint_make(plan, weights, plan->metric, questions, reference, dense, &e->metric);
	if (!rc)
		pb_pool_init(&e->pool, plan->device);
	return rc;
}

void pb_estimate_finish(struct pb_estimate *estimate)
{
	pb_adjoint_finish(&estimate->metric);
	if (estimate->pool.device)
		pb_pool_finish(&estimate->pool);
	*estimate = (struct pb_estimate){0};
}

/* One parameter of many cells. */
struct work {
	struct pb_estimate *estimate;
	const struct pbk_table *k;
	pbk_context *context;
	int id, n_params;
	const struct pb_cell_gradient *metric;
	const struct pb_stepped_cell *cells;
	size_t n;
	double *parts; /* [n, n_params] */
};

static const struct pb_cell_gradient *gradient_of(const struct work *w, size_t cell)
{
	return w->cells[cell].gradients[w->id];
}

static void add(const struct work *w, size_t cell, double dot)
{
	w->parts[cell * (size_t)w->n_params + (size_t)w->id] += w->estimate->sign * dot;
}

/* W_O's gradient comes head by head in some cells. */
static int matrix(const struct work *w)
{
	const struct pb_cell_gradient *m = w->metric;
	const struct pb_view *value = &w->estimate->weights->views[w->id];
	struct pbk_stepped *items = calloc(w->n, sizeof *items);
	double *dots = calloc(w->n, sizeof *dots);
	int64_t parts = m->groups;
	for (size_t i = 0; i < w->n; i++)
		parts = gradient_of(w, i)->groups > parts ? gradient_of(w, i)->groups : parts;
	int64_t rows = m->groups * m->k / parts;
	for (int64_t part = 0; items && dots && part < parts; part++) {
		const struct pbk_gradient of_metric = pb_gradient_part(m, part, parts);
		for (size_t i = 0; i < w->n; i++) {
			const struct pb_cell_gradient *g = gradient_of(w, i);
			items[i].present = g->form != PB_GRADIENT_NONE;
			items[i].grad_scale = w->cells[i].grad_scale;
			if (items[i].present)
				items[i].gradient = pb_gradient_part(g, part, parts);
		}
		w->k->step_dots(w->context, &w->estimate->step, m->n, rows, pb_view_at(value, part * rows * m->n), m->n,
				&of_metric, (int64_t)w->n, items, dots);
		for (size_t i = 0; i < w->n; i++)
			add(w, i, dots[i]);
	}
	int rc = items && dots ? 0 : pb_fail_nomem(w->n * sizeof *items, "estimates");
	free(items);
	free(dots);
	return rc;
}

/* Where row `id` of a table is in the gradient; -1: its gradient is zero. */
static int32_t find_row(const struct pb_cell_gradient *g, int32_t id)
{
	for (int64_t i = 0; g->form == PB_GRADIENT_ROWS && i < g->rank; i++)
		if (g->ids[i] == id)
			return (int32_t)i;
	return g->form == PB_GRADIENT_ROWS ? -1 : 0;
}

/* Rows of a table, or a vector as its only row: where the metric has a gradient. Others change too (by decay), which
 * the metric does not feel. */
static int rows(const struct work *w)
{
	const struct pb_cell_gradient *m = w->metric;
	const bool table = m->form == PB_GRADIENT_ROWS;
	const struct pb_view *value = &w->estimate->weights->views[w->id];
	const int64_t n_rows = table ? m->rank : 1;
	struct pbk_step step = w->estimate->step; /* that gives the change in place of the new row */
	struct pb_view change;
	struct pb_arena lists = {0};
	int32_t *ids = pb_arena_array(&lists, (size_t)n_rows, sizeof *ids);
	int32_t *grads = pb_arena_array(&lists, (size_t)n_rows, sizeof *grads);
	int rc = ids && grads ? 0 : -PB_E_NOMEM;
	step.decay -= 1.0;
	pb_pool_reset(&w->estimate->pool);
	if (!rc)
		rc = pb_tensor_new(&w->estimate->pool, value->dtype, 2, (int64_t[]){n_rows, m->n}, &change);
	for (size_t i = 0; !rc && i < w->n; i++) {
		const struct pb_cell_gradient *g = gradient_of(w, i);
		double dot;
		if (g->form == PB_GRADIENT_NONE)
			continue;
		for (int64_t r = 0; r < n_rows; r++) {
			ids[r] = table ? m->ids[r] : 0;
			grads[r] = find_row(g, ids[r]);
		}
		for (int64_t part = 0, width = m->n / g->groups; part < g->groups; part++) {
			const void *mine = pb_gradient_group(g, part).dense;
			const struct pbk_stepped_rows rows = {
				.rows = n_rows,
				.table = pb_view_at(value, part * width),
				.g = mine,
				.host_ids = ids,
				.host_grads = mine ? grads : (int32_t[]){-1},
				.grad_scale = w->cells[i].grad_scale,
				.present = true,
				.y = pb_view_at(&change, part * width),
			};
			w->k->step_rows(w->context, &step, width, false, 1, &rows);
		}
		const struct pbk_gradient_pair pair = {n_rows, m->n, {.dense = change.data}, {.dense = m->dy.data}};
		w->k->gradient_dots(w->context, 1, &pair, &dot);
		add(w, i, dot);
	}
	pb_arena_finish(&lists);
	return rc;
}

int pb_estimate_steps(struct pb_estimate *estimate, const struct pb_stepped_cell *cells, size_t n, double *ret_parts)
{
	const struct pb_params *weights = estimate->weights;
	struct work w = {.estimate = estimate,
			 .k = pb_kernels(weights->device, weights->dtype),
			 .context = weights->device->context,
			 .n_params = weights->table->n,
			 .cells = cells,
			 .n = n,
			 .parts = ret_parts};
	int rc = 0;
	for (size_t i = 0; i < n * (size_t)w.n_params; i++)
		ret_parts[i] = 0.0;
	for (w.id = 0; !rc && w.id < w.n_params; w.id++) {
		w.metric = &estimate->metric.gradients[w.id];
		if (w.metric->form != PB_GRADIENT_NONE)
			rc = w.metric->form == PB_GRADIENT_MATRIX ? matrix(&w) : rows(&w);
	}
	return rc ? rc : pb_device_status(weights->device);
}

int pb_estimate_change(struct pb_estimate *estimate, const struct pb_params *updated, double *ret_parts)
{
	const struct pb_params *weights = estimate->weights;
	const struct pbk_table *k = pb_kernels(weights->device, weights->dtype);
	int rc = 0;
	for (int i = 0; !rc && i < weights->table->n; i++) {
		struct pb_view change;
		struct pbk_gradient_pair pair = {1, weights->table->items[i].count, {0}, {0}};
		double dot;
		ret_parts[i] = 0.0;
		if (estimate->metric.gradients[i].form == PB_GRADIENT_NONE)
			continue;
		pb_pool_reset(&estimate->pool);
		rc = pb_tensor_clone(&estimate->pool, &updated->views[i], &change);
		if (!rc)
			rc = pb_view_axpy(weights->device, &change, -1.0, &weights->views[i]);
		if (rc)
			break;
		pair.a.dense = change.data;
		pair.b.dense = estimate->metric.dense.views[i].data;
		k->gradient_dots(weights->device->context, 1, &pair, &dot);
		ret_parts[i] = estimate->sign * dot;
	}
	return rc ? rc : pb_device_status(weights->device);
}

double pb_correlation(size_t n, const double *a, const double *b)
{
	double count = 0, mean_a = 0, mean_b = 0, aa = 0, bb = 0, ab = 0;
	for (size_t i = 0; i < n; i++)
		if (isfinite(a[i]) && isfinite(b[i])) {
			count++;
			mean_a += (a[i] - mean_a) / count;
			mean_b += (b[i] - mean_b) / count;
		}
	for (size_t i = 0; i < n; i++)
		if (isfinite(a[i]) && isfinite(b[i])) {
			aa += (a[i] - mean_a) * (a[i] - mean_a);
			bb += (b[i] - mean_b) * (b[i] - mean_b);
			ab += (a[i] - mean_a) * (b[i] - mean_b);
		}
	return count > 1 && aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}
