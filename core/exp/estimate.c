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

/* What a step does to rows of a table, or to a vector as its only row, in as many groups as the cells' gradients come in. */
struct row_lists {
	int32_t *ids, *grads;            /* [n_rows], [n, n_rows] */
	struct pbk_stepped_rows *items;  /* [n, parts] */
	struct pbk_gradient_pair *pairs; /* [n] */
	double *dots;
	size_t *cells; /* [n] whose they are */
};

static int make_lists(struct pb_arena *arena, size_t n, size_t n_rows, size_t parts, struct row_lists *l)
{
	*l = (struct row_lists){
		.ids = pb_arena_array(arena, n_rows, sizeof *l->ids),
		.grads = pb_arena_array(arena, n * n_rows, sizeof *l->grads),
		.items = pb_arena_array(arena, n * parts, sizeof *l->items),
		.pairs = pb_arena_array(arena, n, sizeof *l->pairs),
		.dots = pb_arena_array(arena, n, sizeof *l->dots),
		.cells = pb_arena_array(arena, n, sizeof *l->cells),
	};
	return l->ids && l->grads && l->items && l->pairs && l->dots && l->cells ? 0 : -PB_E_NOMEM;
}

/* One cell's items, and its pair; change [n_rows, n] is where its rows go. */
static void list_cell(const struct work *w, struct row_lists *l, size_t i, int64_t n_rows, int64_t parts, void *change)
{
	static const int32_t nowhere[] = {-1};
	const struct pb_cell_gradient *m = w->metric, *g = gradient_of(w, l->cells[i]);
	const struct pb_view *value = &w->estimate->weights->views[w->id];
	const int64_t width = m->n / parts;
	int32_t *grads = l->grads + (int64_t)i * n_rows;
	const struct pb_view to = {.dtype = value->dtype, .data = change};
	for (int64_t r = 0; r < n_rows; r++)
		grads[r] = find_row(g, l->ids[r]);
	for (int64_t part = 0; part < parts; part++) {
		const void *mine = parts > 1 ? pb_gradient_part(g, part, parts).dense : pb_gradient_group(g, 0).dense;
		l->items[(int64_t)i * parts + part] = (struct pbk_stepped_rows){
			.rows = n_rows,
			.n = width,
			.table = pb_view_at(value, part * width),
			.g = mine,
			.host_ids = l->ids,
			.host_grads = mine ? grads : nowhere,
			.grad_scale = w->cells[l->cells[i]].grad_scale,
			.present = true,
			.y = pb_view_at(&to, part * width),
		};
	}
	l->pairs[i] = (struct pbk_gradient_pair){n_rows, m->n, {.dense = change}, {.dense = m->dy.data}};
}

/* Where the metric has a gradient. Other rows change too (by decay), which the metric does not feel. All cells at once. */
static int rows(const struct work *w)
{
	const struct pb_cell_gradient *m = w->metric;
	const bool table = m->form == PB_GRADIENT_ROWS;
	const int64_t n_rows = table ? m->rank : 1;
	struct pbk_step step = w->estimate->step; /* that gives the change in place of the new row */
	struct pb_view changes;
	struct pb_arena arena = {0};
	struct row_lists l;
	int64_t parts = 1, n = 0;
	for (size_t i = 0; i < w->n; i++)
		if (gradient_of(w, i)->form != PB_GRADIENT_NONE && gradient_of(w, i)->groups > parts)
			parts = gradient_of(w, i)->groups;
	int rc = make_lists(&arena, w->n, (size_t)n_rows, (size_t)parts, &l);
	step.decay -= 1.0;
	pb_pool_reset(&w->estimate->pool);
	for (int64_t r = 0; !rc && table && r < n_rows; r++)
		l.ids[r] = m->ids[r];
	for (size_t i = 0; !rc && i < w->n; i++)
		if (gradient_of(w, i)->form != PB_GRADIENT_NONE)
			l.cells[n++] = i;
	if (!rc)
		rc = pb_tensor_new(&w->estimate->pool, w->estimate->weights->dtype, 3, (int64_t[]){n, n_rows, m->n}, &changes);
	for (int64_t i = 0; !rc && i < n; i++)
		list_cell(w, &l, (size_t)i, n_rows, parts, pb_view_at(&changes, i * n_rows * m->n));
	if (!rc && n) {
		w->k->step_rows(w->context, &step, false, n * parts, l.items);
		w->k->gradient_dots(w->context, n, l.pairs, l.dots);
		for (int64_t i = 0; i < n; i++)
			add(w, l.cells[i], l.dots[i]);
	}
	pb_arena_finish(&arena);
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
