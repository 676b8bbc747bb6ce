/* fast.c: the runs without a patch, and batches of cells. */
#include "exp/fast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exp/evaluate.h"
#include "exp/wants.h"

/* More memory or cells than this make a pass no faster on a CPU: products have rows enough, and weights are shared by cells
 * enough. A device with memory of its own wants more of all. */
enum { TAPE_MEMORY = 64 << 20, QUESTION_MEMORY = 20 << 20, MOST_CELLS = 64, MORE_MEMORY = 64, MORE_CELLS = 8 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

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
	struct pb_fast_passage whole = {.tape = &run->tape, .factors = updates ? &run->factors : NULL};
	size_t mark = pb_bus_begin(&e->bus);
	int32_t from = which ? PB_FROM_CORRUPTED : PB_FROM_CLEAN;
	int rc = pb_wants_sources(e->plan, from, &run->cache);
	if (!rc)
		rc = pb_wants_bases(e->plan, from, &run->cache);
	if (!rc)
		rc = pb_cache_attach(&run->cache, &e->bus);
	if (!rc)
		rc = pb_fast_pass(e, &whole, cells, e->n_probes, &e->arena);
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

/* The estimate's parts are asked for when the batch is gone. */
static int keep_parts(struct pb_fast *e, const struct pb_fast_cell *cell, struct pb_run_ends *ends)
{
	size_t size = (size_t)e->plan->model.table.n * sizeof *cell->parts;
	double *mine = pb_arena_alloc(&e->arena, size);
	if (!mine)
		return -PB_E_NOMEM;
	memcpy(mine, cell->parts, size);
	ends->parts = mine;
	return 0;
}

static int make_run(struct pb_fast *e, int which)
{
	struct pb_fast_run *run = &e->runs[which];
	struct pb_fast_cell *cells = pb_arena_array(&e->lists, e->n_probes, sizeof *cells);
	run->examples = pb_arena_array(&e->arena, e->n_probes, sizeof *run->examples);
	int rc = cells && run->examples ? 0 : -PB_E_NOMEM;
	for (size_t i = 0; !rc && i < e->n_probes; i++) {
		run->examples[i] = base_of(e, i, which);
		cells[i] = (struct pb_fast_cell){.probe = i,
						 .examples = run->examples[i],
						 .loss = NAN,
						 .grad_norm = NAN,
						 .metric = NAN,
						 .estimate = NAN};
	}
	if (!rc)
		rc = run_pass(e, which, cells);
	if (!rc && e->questions && cells[0].gradients)
		rc = pb_fast_measure(e, cells, e->n_probes, e->estimates ? PB_ESTIMATE_YES : PB_ESTIMATE_NO, &e->arena);
	for (size_t i = 0; !rc && i < e->n_probes; i++) {
		e->ends[i].runs[which] = (struct pb_run_ends){
			cells[i].loss, cells[i].grad_norm, cells[i].metric, NAN, NAN, cells[i].estimate, NULL};
		if (cells[i].parts)
			rc = keep_parts(e, &cells[i], &e->ends[i].runs[which]);
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

int pb_fast_run_logits(const struct pb_fast_run *run, size_t probe, struct pb_view *ret_logits,
		       const double **ret_reference)
{
	int64_t rows = run->examples[probe]->n_scored;
	*ret_reference = run->reference ? run->reference + (int64_t)probe * rows * run->logits.shape[1] : NULL;
	return pb_view_slice(&run->logits, 0, (int64_t)probe * rows, rows, ret_logits);
}

/* On the host, as the cells are: an end must have the bits of a cell with the same logits. */
static int score_end(struct pb_fast *e, const struct pb_view *logits, const struct pb_scored *scored,
		     const double *reference, double *ret_mean)
{
	double *values = pb_fast_host_memory(e, (size_t)pb_view_count(logits));
	int rc = values ? pb_view_read(e->plan->device, logits, values) : -PB_E_NOMEM;
	const struct pb_logits host = {logits->shape[0], logits->shape[1], values};
	return rc ? rc : pb_scorer_score_host(e->plan->metric, &host, scored, reference, NULL, ret_mean);
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
		rc = pb_fast_run_logits(by, probe, &logits, &reference);
		const struct pb_scored *scored = by->examples[probe]->scored;
		const double *unused;
		if (!rc)
			rc = pb_fast_run_logits(run, probe, &logits, &unused);
		if (!rc)
			rc = score_end(e, &logits, scored, reference,
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
		rc = pb_fast_measure(e, cells, e->n_probes, PB_ESTIMATE_NO, &e->arena);
	for (size_t i = 0; !rc && i < e->n_probes; i++) {
		e->ends[i].metric_before = cells[i].metric;
		if (cells[i].rc)
			rc = pb_fail(-cells[i].rc, "%s", cells[i].why);
	}
	return rc;
}

static int make_runs(struct pb_fast *e)
{
	int rc = pb_wants_optional(e->plan, &e->bus);
	e->ends = pb_arena_array(&e->arena, e->n_probes, sizeof *e->ends);
	if (!e->ends)
		return -PB_E_NOMEM;
	for (size_t i = 0; i < e->n_probes; i++)
		e->ends[i].metric_before = NAN;
	if (!rc && pb_wants_questions(e->plan, &e->probes[0]))
		rc = make_questions(e);
	if (!rc && e->questions && pb_wants_estimates(e->plan))
		rc = pb_fast_make_estimates(e);
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
	const bool own_memory = plan->device->backend;
	e->tape_memory = least(memory / 2, TAPE_MEMORY * (size_t)(own_memory ? MORE_MEMORY : 1));
	e->question_memory = least(memory / 4, QUESTION_MEMORY * (size_t)(own_memory ? MORE_MEMORY : 1));
	e->most_cells = MOST_CELLS * (size_t)(own_memory ? MORE_CELLS : 1);
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
	for (size_t i = 0; fast->estimates && i < fast->n_probes; i++)
		pb_estimate_finish(&fast->estimates[i]);
	if (fast->pool.device) {
		pb_pool_finish(&fast->pool);
		pb_stepped_scratch_finish(&fast->scratch);
	}
	free(fast->host_memory);
	pb_arena_finish(&fast->lists);
	pb_arena_finish(&fast->arena);
	pb_tape_finish(&fast->tape);
	pb_bus_finish(&fast->bus);
	*fast = (struct pb_fast){0};
}
