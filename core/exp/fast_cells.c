/* fast_cells.c: a batch of jobs: patches on the bus, the pass, scores. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/fast.h"

size_t pb_fast_batch(const struct pb_fast *fast, const struct pb_plan_sweep *sweep)
{
	if (fast->batch)
		return (size_t)fast->batch;
	size_t size = sweep->config->kind == PB_SWEEP_PARAMS ? 0 : fast->cell_size;
	size_t most = size ? fast->tape_memory / size : fast->most_cells;
	return most < 1 ? 1 : most > fast->most_cells ? fast->most_cells : most;
}

/* The block before which a patched cell is its base: that of its first point in order of evaluation. A patched gradient
 * changes no activation. */
static int first_layer(const struct pb_fast *e, const struct pb_plan_sweep *s, const struct pb_plan_cell *cell)
{
	const struct pb_sites *sites = &e->plan->model.sites;
	if (!s->config->forward)
		return sites->n_layers;
	int first = cell->n_patches ? cell->patches[0].site_id : 0;
	for (size_t i = 1; i < cell->n_patches; i++)
		first = cell->patches[i].site_id < first ? cell->patches[i].site_id : first;
	int layer = sites->items[first].layer;
	return layer >= 0 ? layer : first < sites->first_block ? 0 : sites->n_layers;
}

static int by_layer(const void *a, const void *b)
{
	const struct pb_fast_cell *x = a, *y = b;
	return x->first_layer != y->first_layer ? (x->first_layer > y->first_layer) - (x->first_layer < y->first_layer)
						: (x->job > y->job) - (x->job < y->job);
}

/* Whose setter made the pass fail; NULL: nobody's. */
static const struct pb_cell_job *find_failed(struct pb_patch *const *patches, const struct pb_fast_cell *cells, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; patches[i] && k < 2 * cells[i].job->cell->n_patches; k++)
			if (patches[i][k].failed)
				return cells[i].job;
	return NULL;
}

/* The one gradient that is not zero behind the last scored position is pattern's: attention would like to look there. */
static bool shows_late_gradient(const struct pb_fast *e, const struct pb_plan_sweep *s)
{
	if (s->config->kind != PB_SWEEP_GRADIENT || e->plan->model.sites.items[s->sites[0]].kind != PB_SITE_PATTERN)
		return false;
	return s->config->backward || pb_setter_ops(s->setter)->effect == PB_EFFECT_LINEAR;
}

/* Does each cell change one point at most? */
static bool each_at_one_point(const struct pb_fast_cell *cells, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 1; k < cells[i].job->cell->n_patches; k++)
			if (cells[i].job->cell->patches[k].site_id != cells[i].job->cell->patches[0].site_id)
				return false;
	return true;
}

/* The patched passes of a batch, their hooks one cell after the other on the bus. */
static int patched_pass(struct pb_fast *e, const struct pb_plan_sweep *s, struct pb_fast_cell *cells, size_t n,
			struct pb_fast_passage *way, struct pb_arena *arena, const struct pb_cell_job **ret_failed)
{
	struct pb_patch **patches = pb_arena_array(&e->lists, n, sizeof *patches);
	size_t mark = pb_bus_begin(&e->bus);
	int rc = patches ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < n; i++) {
		int64_t examples = cells[i].examples->n_examples;
		const struct pb_patch_context context = {
			.device = e->plan->device, .bus = &e->bus, .clean = &e->runs[0].cache, .corrupted = &e->runs[1].cache, .means = e->means,
			.first_source = (int64_t)cells[i].probe * examples, .sources = examples,
			.first_example = (int64_t)i * examples, .examples = examples, .explain = cells[i].job->explain};
		patches[i] = pb_arena_array(&e->lists, 2 * cells[i].job->cell->n_patches, sizeof **patches);
		rc = patches[i] ? pb_cell_attach(&context, s, cells[i].job->cell, patches[i]) : -PB_E_NOMEM;
	}
	if (!rc)
		rc = pb_fast_pass(e, way, cells, n, arena);
	for (size_t i = 0; !rc && i < n; i++)
		pb_cell_audit(&e->bus, patches[i], 2 * cells[i].job->cell->n_patches, cells[i].job->out);
	pb_bus_end(&e->bus, mark);
	*ret_failed = rc && patches ? find_failed(patches, cells, n) : NULL;
	return rc;
}

static void forget_audit(struct pb_result_cell *out)
{
	out->forward = out->backward = (struct pb_result_hook){0};
	out->graph_cut = false;
}

/* Without the last positions where that changes nothing; if a setter leaves a gradient there, again with all. */
static int patched_passes(struct pb_fast *e, const struct pb_plan_sweep *s, struct pb_fast_cell *cells, size_t n,
			  struct pb_arena *arena, const struct pb_cell_job **ret_failed)
{
	struct pb_factors factors;
	struct pb_fast_passage way = {.tape = &e->tape,
				      .factors = s->config->kind == PB_SWEEP_GRADIENT ? &factors : NULL,
				      .base = &e->runs[s->config->base == PB_FROM_CORRUPTED],
				      .short_of_tail = each_at_one_point(cells, n) && !shows_late_gradient(e, s)};
	int rc = patched_pass(e, s, cells, n, &way, arena, ret_failed);
	if (rc || !way.tail_written)
		return rc;
	way.short_of_tail = false;
	for (size_t i = 0; i < n; i++)
		forget_audit(cells[i].job->out);
	return patched_pass(e, s, cells, n, &way, arena, ret_failed);
}

/* One parameter's: whole where all its heads are of one run. NULL: out of memory. */
static const struct pb_cell_gradient *mix_gradient(struct pb_fast *e, const struct pb_param_info *info,
						   const bool *set, const struct pb_cell_gradient *own,
						   const struct pb_cell_gradient *other)
{
	const bool *mine = set + info->first_part;
	if (!memchr(mine, !mine[0], (size_t)info->n_parts))
		return mine[0] ? other : own;
	struct pb_cell_gradient *mixed = pb_arena_alloc(&e->lists, sizeof *mixed);
	struct pbk_gradient *each = pb_arena_array(&e->lists, (size_t)info->n_parts, sizeof *each);
	if (!mixed || !each)
		return NULL;
	*mixed = pb_gradient_mix(own, other, mine, info->n_parts, each);
	return mixed;
}

/* Gradients of the set from the other run, all others from the base run. */
static int mix_gradients(struct pb_fast *e, const struct pb_plan_sweep *s, struct pb_fast_cell *cell)
{
	const struct pb_cell_job *job = cell->job;
	int base = s->config->base == PB_FROM_CORRUPTED;
	const struct pb_param_table *table = &e->plan->model.table;
	const struct pb_cell_gradient *own = pb_factors_cell(&e->runs[base].factors, (int64_t)cell->probe);
	const struct pb_cell_gradient *other = pb_factors_cell(&e->runs[!base].factors, (int64_t)cell->probe);
	cell->gradients = pb_arena_array(&e->lists, (size_t)table->n, sizeof *cell->gradients);
	cell->loss = e->ends[cell->probe].runs[base].loss;
	for (int i = 0; cell->gradients && i < table->n; i++) {
		cell->gradients[i] = mix_gradient(e, &table->items[i], job->cell->set, &own[i], &other[i]);
		if (!cell->gradients[i])
			return -PB_E_NOMEM;
	}
	return cell->gradients ? 0 : -PB_E_NOMEM;
}

/* The metric of a patched pass' own logits. */
static int score_logits(struct pb_fast *e, const struct pb_plan_sweep *s, struct pb_fast_cell *cell,
			const struct pb_logits *logits, struct pb_arena *arena)
{
	struct pb_view unused;
	const double *reference;
	int rc = pb_fast_run_logits(&e->runs[s->config->base == PB_FROM_CORRUPTED], cell->probe, &unused, &reference);
	if (!rc)
		rc = pb_scorer_score_host(e->plan->metric, logits, cell->examples->scored, reference, NULL,
					  &cell->metric);
	return pb_fast_drop(cell, rc, arena);
}

static int score(struct pb_fast *e, const struct pb_plan_sweep *s, struct pb_fast_cell *cells, size_t n,
		 struct pb_arena *arena)
{
	if (s->config->kind != PB_SWEEP_ACTIVATION)
		return pb_fast_measure(e, cells, n, (enum pb_estimate_mode)s->config->estimate, arena);
	const int64_t *shape = cells[0].logits.shape;
	double *all;
	int rc = pb_fast_read_logits(e, cells, n, 0, &all);
	for (size_t i = 0; !rc && i < n; i++) {
		const struct pb_logits mine = {shape[0], shape[1], all + (int64_t)i * shape[0] * shape[1]};
		rc = score_logits(e, s, &cells[i], &mine, arena);
	}
	return rc;
}

static int prepare(struct pb_fast *e, const struct pb_plan_sweep *s, struct pb_cell_job *job, struct pb_fast_cell *cell)
{
	bool corrupted = s->config->base == PB_FROM_CORRUPTED;
	const struct pb_probe_data *probe = &e->probes[job->probe];
	*job->out = PB_EMPTY_CELL;
	job->out->index = job->cell->index;
	*cell = (struct pb_fast_cell){.job = job,
				      .probe = job->probe,
				      .examples = corrupted ? &probe->corrupted : &probe->clean,
				      .estimate = NAN};
	if (s->config->kind != PB_SWEEP_PARAMS)
		cell->first_layer = first_layer(e, s, job->cell);
	return s->config->kind == PB_SWEEP_PARAMS ? mix_gradients(e, s, cell) : 0;
}

static void finish(const struct pb_fast *e, const struct pb_plan_sweep *s, const struct pb_fast_cell *cell)
{
	struct pb_cell_job *job = cell->job;
	job->rc = cell->rc;
	job->why = cell->why;
	if (cell->rc)
		return;
	job->out->metric = cell->metric;
	if (s->config->kind == PB_SWEEP_ACTIVATION)
		return;
	job->out->estimate = cell->estimate;
	job->out->loss = cell->loss;
	job->out->grad_norm = cell->grad_norm;
	for (int i = 0; i < e->plan->model.table.n; i++)
		job->out->params_without_grad += cell->gradients[i]->form == PB_GRADIENT_NONE;
}

int pb_fast_cells(struct pb_fast *fast, const struct pb_plan_sweep *sweep, struct pb_cell_job *jobs, size_t n,
		  struct pb_arena *arena, size_t *ret_failed)
{
	const struct pb_cell_job *failed = NULL;
	pb_arena_reset(&fast->lists);
	struct pb_fast_cell *cells = pb_arena_array(&fast->lists, n, sizeof *cells);
	int rc = cells ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < n; i++)
		rc = prepare(fast, sweep, &jobs[i], &cells[i]);
	if (!rc && sweep->config->kind != PB_SWEEP_PARAMS)
		qsort(cells, n, sizeof *cells, by_layer); /* those that share most with the base enter the pass last */
	if (!rc && sweep->config->kind != PB_SWEEP_PARAMS)
		rc = patched_passes(fast, sweep, cells, n, arena, &failed);
	if (!rc)
		rc = score(fast, sweep, cells, n, arena);
	for (size_t i = 0; !rc && i < n; i++)
		finish(fast, sweep, &cells[i]);
	*ret_failed = failed ? (size_t)(failed - jobs) : n;
	return rc;
}
