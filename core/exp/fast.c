/* fast.c: the runs without a patch, and batches of cells. */
#include "exp/fast.h"

#include <math.h>
#include <stdlib.h>

#include "base/status.h"
#include "exp/evaluate.h"
#include "exp/wants.h"

/* More memory than this makes a pass no faster: products have rows enough, and weights are shared by cells enough. */
enum { TAPE_MEMORY = 64 << 20, QUESTION_MEMORY = 32 << 20, MOST_CELLS = 64 };

static const struct pb_examples *base_of(const struct pb_fast *e, size_t probe, int run)
{
	return run ? &e->probes[probe].corrupted : &e->probes[probe].clean;
}

/* Keeps the logits of this very pass: a patch with the run's own values must give its numbers to the last bit. */
static int keep_logits(struct pb_fast *e, struct pb_fast_run *run, const struct pb_view *logits)
{
	size_t count = (size_t)pb_view_count(logits);
	int rc = 0;
	if (pb_wants_reference(e->plan)) {
		run->reference = pb_arena_array(&e->arena, count, sizeof *run->reference);
		rc = run->reference ? pb_view_read(e->plan->device, logits, run->reference) : -PB_E_NOMEM;
	}
	if (!rc)
		rc = pb_tensor_new(&e->pool, logits->dtype, 2, logits->shape, &run->logits);
	return rc ? rc : pb_view_copy(e->plan->device, &run->logits, logits);
}

static int run_pass(struct pb_fast *e, int which, struct pb_fast_cell *cells)
{
	struct pb_fast_run *run = &e->runs[which];
	bool updates = pb_wants_updates(e->plan);
	size_t mark = pb_bus_begin(&e->bus);
	int rc = pb_wants_sources(e->plan, which ? PB_FROM_CORRUPTED : PB_FROM_CLEAN, &run->cache);
	if (!rc)
		rc = pb_cache_attach(&run->cache, &e->bus);
	if (!rc)
		rc = pb_fast_pass(e, &run->tape, updates ? &run->factors : NULL, cells, e->n_probes, &e->arena);
	pb_bus_end(&e->bus, mark);
	for (size_t i = 0; !rc && i < e->n_probes; i++)
		if (cells[i].rc)
			rc = pb_fail(-cells[i].rc, "%s", cells[i].why);
	struct pb_view all = cells[0].logits;
	all.shape[0] *= (int64_t)e->n_probes; /* cells follow each other */
	size_t size = run->tape.pool.used / e->n_probes;
	e->cell_size = size > e->cell_size ? size : e->cell_size;
	return rc || !pb_view_count(&all) ? rc : keep_logits(e, run, &all);
}

static int make_run(struct pb_fast *e, int which)
{
	struct pb_fast_run *run = &e->runs[which];
	struct pb_fast_cell *cells = pb_arena_array(&e->lists, e->n_probes, sizeof *cells);
	run->examples = pb_arena_array(&e->arena, e->n_probes, sizeof *run->examples);
	int rc = cells && run->examples ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < e->n_probes; i++) {
		run->examples[i] = base_of(e, i, which);
		cells[i] = (struct pb_fast_cell){.probe = i, .examples = run->examples[i], .loss = NAN, .grad_norm = NAN,
						 .metric = NAN};
	}
	if (!rc)
		rc = run_pass(e, which, cells);
	if (!rc && e->questions && cells[0].gradients)
		rc = pb_fast_measure(e, cells, e->n_probes, &e->arena);
	for (size_t i = 0; !rc && i < e->n_probes; i++) {
		e->ends[i].runs[which] = (struct pb_run_ends){cells[i].loss, cells[i].grad_norm, cells[i].metric, NAN, NAN};
		if (cells[i].rc)
			rc = pb_fail(-cells[i].rc, "%s", cells[i].why);
	}
	if (!pb_wants_kind(e->plan, PB_SWEEP_PARAMS)) {
		pb_tape_finish(&run->tape);
		run->factors.items = NULL;
	}
	pb_arena_reset(&e->lists);
	return rc;
}

/* The rows of one probe's logits in a run. */
static int logits_of(const struct pb_fast_run *run, size_t probe, struct pb_view *ret_logits, const double **ret_reference)
{
	int64_t rows = run->examples[probe]->n_scored;
	*ret_reference = run->reference ? run->reference + (int64_t)probe * rows * run->logits.shape[1] : NULL;
	return pb_view_slice(&run->logits, 0, (int64_t)probe * rows, rows, ret_logits);
}

/* Each run's metric without a patch, by its own answers and, where they are for the same rows, by the other's. */
static int measure_ends(struct pb_fast *e, size_t probe)
{
	int rc = 0;
	for (int i = 0; !rc && i < 4; i++) {
		struct pb_fast_run *run = &e->runs[i / 2], *by = &e->runs[i % 2];
		struct pb_run_ends *ends = &e->ends[probe].runs[i / 2];
		struct pb_view logits;
		const double *reference;
		if (!run->logits.data || !pb_examples_same_rows(run->examples[probe], by->examples[probe]) ||
		    pb_scorer_check(e->plan->metric, by->examples[probe], ""))
			continue;
		rc = logits_of(by, probe, &logits, &reference);
		const struct pb_scored *scored = by->examples[probe]->scored;
		const double *unused;
		if (!rc)
			rc = logits_of(run, probe, &logits, &unused);
		if (!rc)
			rc = pb_scorer_score(e->plan->metric, &logits, scored, reference, NULL,
					     run == by ? &ends->metric_logits : &ends->metric_as_base);
	}
	return rc;
}

/* The questions of every probe, and their metric as the weights are. */
static int make_questions(struct pb_fast *e)
{
	struct pb_fast_cell *cells = pb_arena_array(&e->lists, e->n_probes, sizeof *cells);
	e->questions = pb_arena_array(&e->arena, e->n_probes, sizeof *e->questions);
	int rc = cells && e->questions ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < e->n_probes; i++) {
		cells[i].probe = i;
		rc = pb_fast_make_questions(e, &e->probes[i].questions, &e->questions[i]);
		if (!rc && pb_wants_reference(e->plan))
			rc = pb_fast_make_reference(e, i);
	}
	if (!rc)
		rc = pb_fast_measure(e, cells, e->n_probes, &e->arena);
	for (size_t i = 0; !rc && i < e->n_probes; i++) {
		e->ends[i].metric_before = cells[i].metric;
		if (cells[i].rc)
			rc = pb_fail(-cells[i].rc, "%s", cells[i].why);
	}
	return rc;
}

static int make_runs(struct pb_fast *e)
{
	int rc = pb_wants_results(e->plan, &e->bus);
	e->ends = pb_arena_array(&e->arena, e->n_probes, sizeof *e->ends);
	if (!e->ends)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < e->n_probes; i++)
		e->ends[i].metric_before = NAN;
	if (!rc && pb_wants_questions(e->plan, &e->probes[0]))
		rc = make_questions(e);
	for (int i = 0; !rc && i < 2; i++) {
		pb_tape_init(&e->runs[i].tape, e->plan->device, e->plan->config->dtype);
		rc = pb_cache_init(&e->runs[i].cache, e->plan->device, &e->plan->model.sites);
		if (!rc)
			rc = make_run(e, i);
	}
	for (size_t i = 0; !rc && i < e->n_probes; i++)
		rc = measure_ends(e, i);
	return rc;
}

int pb_fast_open(struct pb_fast *fast, const struct pb_plan *plan, const struct pb_params *weights,
		 const struct pb_means *means, const struct pb_probe_data *probes, size_t n_probes, size_t memory,
		 int64_t batch)
{
	struct pb_fast *e = fast;
	*e = (struct pb_fast){.plan = plan, .weights = weights, .means = means, .probes = probes, .n_probes = n_probes,
			      .batch = batch};
	e->tape_memory = memory / 2 < TAPE_MEMORY ? memory / 2 : TAPE_MEMORY;
	e->question_memory = memory / 4 < QUESTION_MEMORY ? memory / 4 : QUESTION_MEMORY;
	e->rule = (struct pb_stepped_rule){pb_optim_first_step(&plan->update), pb_wants_point(plan, PB_SITE_RESULT)};
	pb_bus_init(&e->bus, &plan->model.sites);
	pb_tape_init(&e->tape, plan->device, plan->config->dtype);
	pb_stepped_scratch_init(&e->scratch, plan->device);
	pb_arena_init(&e->arena);
	pb_arena_init(&e->lists);
	pb_pool_init(&e->pool, plan->device);
	int rc = make_runs(e);
	if (rc)
		pb_fast_close(e);
	return rc;
}

void pb_fast_close(struct pb_fast *fast)
{
	for (int i = 0; i < 2; i++) {
		pb_cache_finish(&fast->runs[i].cache);
		pb_tape_finish(&fast->runs[i].tape);
	}
	if (fast->pool.device) {
		pb_pool_finish(&fast->pool);
		pb_stepped_scratch_finish(&fast->scratch);
	}
	pb_arena_finish(&fast->lists);
	pb_arena_finish(&fast->arena);
	pb_tape_finish(&fast->tape);
	pb_bus_finish(&fast->bus);
	*fast = (struct pb_fast){0};
}

size_t pb_fast_batch(const struct pb_fast *fast, const struct pb_plan_sweep *sweep)
{
	if (fast->batch)
		return (size_t)fast->batch;
	size_t size = sweep->config->kind == PB_SWEEP_PARAMS ? 0 : fast->cell_size;
	size_t most = size ? fast->tape_memory / size : MOST_CELLS;
	return most < 1 ? 1 : most > MOST_CELLS ? MOST_CELLS : most;
}

/* Which cell's hook made the pass fail; n: none did. */
static size_t find_failed(struct pb_patch *const *patches, const struct pb_cell_job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; patches[i] && k < 2 * jobs[i].cell->n_patches; k++)
			if (patches[i][k].failed)
				return i;
	return n;
}

/* The patched passes of a batch, their hooks one cell after the other on the bus. */
static int patched_pass(struct pb_fast *e, const struct pb_plan_sweep *s, struct pb_cell_job *jobs,
			struct pb_fast_cell *cells, size_t n, struct pb_arena *arena, size_t *ret_failed)
{
	bool gradient = s->config->kind == PB_SWEEP_GRADIENT;
	struct pb_factors factors;
	struct pb_patch **patches = pb_arena_array(&e->lists, n, sizeof *patches);
	size_t mark = pb_bus_begin(&e->bus);
	int rc = patches ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < n; i++) {
		int64_t examples = cells[i].examples->n_examples;
		const struct pb_patch_context context = {
			.bus = &e->bus, .clean = &e->runs[0].cache, .corrupted = &e->runs[1].cache, .means = e->means,
			.first_source = (int64_t)cells[i].probe * examples, .sources = examples,
			.first_example = (int64_t)i * examples, .examples = examples};
		patches[i] = pb_arena_array(&e->lists, 2 * jobs[i].cell->n_patches, sizeof **patches);
		rc = patches[i] ? pb_cell_attach(&context, s, jobs[i].cell, patches[i]) : -PB_E_NOMEM;
	}
	if (!rc)
		rc = pb_fast_pass(e, &e->tape, gradient ? &factors : NULL, cells, n, arena);
	for (size_t i = 0; !rc && i < n; i++)
		pb_cell_audit(&e->bus, patches[i], 2 * jobs[i].cell->n_patches, jobs[i].out);
	pb_bus_end(&e->bus, mark);
	*ret_failed = rc && patches ? find_failed(patches, jobs, n) : n;
	return rc;
}

/* Gradients of the set from the other run, all others from the base run. */
static int mix_gradients(struct pb_fast *e, const struct pb_plan_sweep *s, const struct pb_cell_job *job,
			 struct pb_fast_cell *cell)
{
	int base = s->config->base == PB_FROM_CORRUPTED;
	size_t n_params = (size_t)e->plan->model.table.n;
	cell->gradients = pb_arena_array(&e->lists, n_params, sizeof *cell->gradients);
	cell->loss = e->ends[job->probe].runs[base].loss;
	for (size_t i = 0; cell->gradients && i < n_params; i++)
		cell->gradients[i] =
			&pb_factors_cell(&e->runs[job->cell->set[i] ? !base : base].factors, (int64_t)job->probe)[i];
	return cell->gradients ? 0 : -PB_E_NOMEM;
}

/* The metric of a patched pass' own logits. */
static int score_logits(struct pb_fast *e, const struct pb_plan_sweep *s, struct pb_fast_cell *cell,
			struct pb_arena *arena)
{
	struct pb_view unused;
	const double *reference;
	int rc = logits_of(&e->runs[s->config->base == PB_FROM_CORRUPTED], cell->probe, &unused, &reference);
	if (!rc)
		rc = pb_scorer_score(e->plan->metric, &cell->logits, cell->examples->scored, reference, NULL,
				     &cell->metric);
	return pb_fast_drop(cell, rc, arena);
}

static void finish(const struct pb_fast *e, const struct pb_plan_sweep *s, struct pb_cell_job *job,
		   const struct pb_fast_cell *cell)
{
	job->rc = cell->rc;
	job->why = cell->why;
	if (cell->rc)
		return;
	job->out->metric = cell->metric;
	if (s->config->kind == PB_SWEEP_ACTIVATION)
		return;
	job->out->loss = cell->loss;
	job->out->grad_norm = cell->grad_norm;
	for (int i = 0; i < e->plan->model.table.n; i++)
		job->out->params_without_grad += cell->gradients[i]->form == PB_GRADIENT_NONE;
}

int pb_fast_cells(struct pb_fast *fast, const struct pb_plan_sweep *sweep, struct pb_cell_job *jobs, size_t n,
		  struct pb_arena *arena, size_t *ret_failed)
{
	*ret_failed = n;
	int base = sweep->config->base == PB_FROM_CORRUPTED;
	pb_arena_reset(&fast->lists);
	struct pb_fast_cell *cells = pb_arena_array(&fast->lists, n, sizeof *cells);
	int rc = cells ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < n; i++) {
		*jobs[i].out = (struct pb_result_cell){.index = jobs[i].cell->index, .metric = NAN, .score = NAN, .loss = NAN, .grad_norm = NAN};
		cells[i] = (struct pb_fast_cell){.probe = jobs[i].probe, .examples = base_of(fast, jobs[i].probe, base)};
		if (sweep->config->kind == PB_SWEEP_PARAMS)
			rc = mix_gradients(fast, sweep, &jobs[i], &cells[i]);
	}
	if (!rc && sweep->config->kind != PB_SWEEP_PARAMS)
		rc = patched_pass(fast, sweep, jobs, cells, n, arena, ret_failed);
	if (!rc && sweep->config->kind != PB_SWEEP_ACTIVATION)
		rc = pb_fast_measure(fast, cells, n, arena);
	for (size_t i = 0; !rc && i < n && sweep->config->kind == PB_SWEEP_ACTIVATION; i++)
		rc = score_logits(fast, sweep, &cells[i], arena);
	for (size_t i = 0; !rc && i < n; i++)
		finish(fast, sweep, &jobs[i], &cells[i]);
	return rc;
}
