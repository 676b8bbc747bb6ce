/* engine.c: chooses the engine and speaks for it. */
#include "exp/engine.h"

#include <stdlib.h>

#include "base/status.h"
#include "exp/wants.h"

/* Units that share passes: beyond a few more the products have rows enough. Where sweeps take parameters' gradients from
 * the runs, the passes behind these stay in memory; a drill-down comes back to every unit so often that it pays. */
enum { GROUP = 8, GROUP_WITH_PASSES = 2 };

static size_t memory_limit(struct pb_device *device, const struct pb_engine_options *options)
{
	if (options->memory)
		return options->memory;
	size_t available = pb_device_memory_free(device);
	return available ? available / 2 : (size_t)1 << 30;
}

const char *pb_engine_why_reference(const struct pb_plan *plan)
{
	if (!pb_kernels(plan->device, plan->config->dtype)->gemm_stepped)
		return "the device has no kernels for weights after one step";
	return NULL;
}

static bool takes_reference(const struct pb_plan *plan, const struct pb_engine_options *options)
{
	return options->kind == PB_ENGINE_REFERENCE || pb_engine_why_reference(plan);
}

const char *pb_engine_name(const struct pb_plan *plan, const struct pb_engine_options *options)
{
	return takes_reference(plan, options) ? "reference" : "fast";
}

size_t pb_engine_group(const struct pb_plan *plan, const struct pb_engine_options *options)
{
	if (takes_reference(plan, options))
		return 1;
	return pb_wants_kind(plan, PB_SWEEP_PARAMS) && !plan->drill ? GROUP_WITH_PASSES : GROUP;
}

bool pb_engine_same_shape(const struct pb_probe_data *a, const struct pb_probe_data *b)
{
	return a->clean.n_examples == b->clean.n_examples && a->clean.n_pos == b->clean.n_pos &&
	       a->clean.n_scored == b->clean.n_scored && a->corrupted.n_scored == b->corrupted.n_scored;
}

static void copy_ends(const struct pb_reference *r, struct pb_probe_ends *ends)
{
	ends->metric_before = r->metric_before;
	for (int i = 0; i < 2; i++) {
		const struct pb_reference_run *run = &r->runs[i];
		ends->runs[i] = (struct pb_run_ends){run->loss,          run->grad_norm,      run->metric_updated,
						     run->metric_logits, run->metric_as_base, run->estimate,
						     run->parts};
	}
}

/* The logits that the metric compares a probe's run with; NULL: with none. */
static const double *reference_of(const struct pb_engine *e, size_t probe, int run)
{
	const struct pb_fast_run *fast = &e->fast.runs[run];
	if (!e->is_fast)
		return e->reference.runs[run].reference;
	return fast->reference
		       ? fast->reference + (int64_t)probe * fast->examples[probe]->n_scored * fast->logits.shape[1]
		       : NULL;
}

static int make_attributions(struct pb_engine *e, const struct pb_params *weights)
{
	bool wanted[2] = {false, false};
	int rc = 0;
	for (size_t i = 0; i < e->plan->n_sweeps; i++)
		for (int run = 0; run < 2; run++)
			wanted[run] |= pb_wants_attribution(&e->plan->sweeps[i], PB_FROM_CLEAN + run);
	if (!wanted[0] && !wanted[1])
		return 0;
	e->attributions = calloc(2 * e->n_probes, sizeof *e->attributions);
	if (!e->attributions)
		return pb_fail_nomem(2 * e->n_probes * sizeof *e->attributions, "attributions");
	for (size_t i = 0; !rc && i < 2 * e->n_probes; i++) {
		int run = (int)(i % 2);
		const struct pb_probe_data *probe = &e->probes[i / 2];
		if (wanted[run])
			rc = pb_attribution_init(e->plan, weights, PB_FROM_CLEAN + run,
						 run ? &probe->corrupted : &probe->clean, reference_of(e, i / 2, run),
						 &e->attributions[i]);
	}
	return rc;
}

/* The estimate of an activation sweep's job, and its audit where nothing else was done. */
static int attribute(struct pb_engine *e, const struct pb_plan_sweep *sweep, const struct pb_cell_job *job)
{
	int64_t examples = e->probes[job->probe].clean.n_examples;
	int run = sweep->config->base == PB_FROM_CORRUPTED;
	const struct pb_cache *caches[2] = {&e->reference.runs[0].cache, &e->reference.runs[1].cache};
	for (int i = 0; e->is_fast && i < 2; i++)
		caches[i] = &e->fast.runs[i].cache;
	const struct pb_patch_context sources = {.device = e->plan->device,
						 .clean = caches[0],
						 .corrupted = caches[1],
						 .means = e->is_fast ? e->fast.means : e->reference.means,
						 .first_source = (int64_t)job->probe * examples,
						 .sources = examples};
	struct pb_result_cell cell = *job->out;
	int rc = pb_attribution_cell(&e->attributions[2 * job->probe + (size_t)run], &sources, sweep, job->cell, &cell);
	if (sweep->config->estimate == PB_ESTIMATE_ONLY)
		*job->out = cell;
	job->out->estimate = cell.estimate;
	return rc;
}

/* Of an activation sweep: no cell is evaluated. */
static int only_attribute(struct pb_engine *e, const struct pb_plan_sweep *sweep, struct pb_cell_job *jobs, size_t n,
			  size_t *ret_done)
{
	int rc = 0;
	for (*ret_done = 0; !rc && *ret_done < n; *ret_done += !rc) {
		struct pb_cell_job *job = &jobs[*ret_done];
		*job->out = PB_EMPTY_CELL;
		job->out->index = job->cell->index;
		job->rc = 0;
		rc = attribute(e, sweep, job);
	}
	return rc;
}

int pb_engine_open(struct pb_engine *engine, const struct pb_plan *plan, const struct pb_params *weights,
		   const struct pb_means *means, const struct pb_probe_data *probes, size_t n_probes,
		   const struct pb_engine_options *options)
{
	*engine = (struct pb_engine){.plan = plan, .probes = probes, .n_probes = n_probes};
	engine->is_fast = !takes_reference(plan, options);
	int rc = engine->is_fast ? pb_fast_open(&engine->fast, plan, weights, means, probes, n_probes,
						memory_limit(plan->device, options), options->batch)
				 : pb_reference_init(&engine->reference, plan, weights, means, probes);
	if (!rc && !engine->is_fast)
		copy_ends(&engine->reference, &engine->reference_ends);
	engine->ends = engine->is_fast ? engine->fast.ends : &engine->reference_ends;
	if (!rc && (rc = make_attributions(engine, weights)))
		pb_engine_close(engine);
	return rc;
}

void pb_engine_close(struct pb_engine *engine)
{
	for (size_t i = 0; engine->attributions && i < 2 * engine->n_probes; i++)
		pb_attribution_finish(&engine->attributions[i]);
	free(engine->attributions);
	if (engine->is_fast)
		pb_fast_close(&engine->fast);
	else if (engine->plan)
		pb_reference_finish(&engine->reference);
	*engine = (struct pb_engine){0};
}

size_t pb_engine_batch(const struct pb_engine *engine, const struct pb_plan_sweep *sweep)
{
	return engine->is_fast ? pb_fast_batch(&engine->fast, sweep) : 1;
}

static int reference_cell(struct pb_engine *e, const struct pb_plan_sweep *sweep, struct pb_cell_job *job,
			  struct pb_arena *arena)
{
	e->reference.explain = job->explain;
	int rc = pb_reference_cell(&e->reference, sweep, job->cell, job->out);
	job->rc = 0;
	if (rc != -PB_E_NUMERIC)
		return rc;
	job->rc = rc;
	job->why = pb_arena_strdup(arena, pb_error_text());
	return job->why ? 0 : -PB_E_NOMEM;
}

/* Jobs in one pass; where a setter fails, the pass again without its cell and those behind it. */
static int fast_cells(struct pb_engine *e, const struct pb_plan_sweep *sweep, struct pb_cell_job *jobs, size_t n,
		      struct pb_arena *arena, size_t *ret_done)
{
	size_t failed;
	int rc = pb_fast_cells(&e->fast, sweep, jobs, n, arena, &failed);
	*ret_done = rc ? 0 : n;
	if (!rc || !failed || failed == n)
		return rc;
	const char *why = pb_arena_strdup(arena, pb_error_text());
	int again = pb_fast_cells(&e->fast, sweep, jobs, failed, arena, &(size_t){0});
	*ret_done = again ? 0 : failed;
	return pb_fail(-rc, "%s", why ? why : pb_status_text(rc));
}

static int evaluate(struct pb_engine *engine, const struct pb_plan_sweep *sweep, struct pb_cell_job *jobs, size_t n,
		    struct pb_arena *arena, size_t *ret_done)
{
	int rc = 0;
	*ret_done = 0;
	if (engine->is_fast) {
		rc = fast_cells(engine, sweep, jobs, n, arena, ret_done);
		if (rc != -PB_E_NOMEM || *ret_done)
			return rc;
		const int failed = pb_device_status(engine->plan->device); /* which forgets it */
		if (failed && failed != -PB_E_NOMEM)
			return failed;
		pb_error_clear();
		rc = 0; /* one by one: they need less */
	}
	while (!rc && *ret_done < n) {
		struct pb_cell_job *job = &jobs[*ret_done];
		rc = engine->is_fast ? pb_fast_cells(&engine->fast, sweep, job, 1, arena, &(size_t){0})
				     : reference_cell(engine, sweep, job, arena);
		*ret_done += !rc;
	}
	return rc;
}

int pb_engine_cells(struct pb_engine *engine, const struct pb_plan_sweep *sweep, struct pb_cell_job *jobs, size_t n,
		    struct pb_arena *arena, size_t *ret_done)
{
	bool attributes = sweep->config->kind == PB_SWEEP_ACTIVATION && sweep->config->estimate;
	if (attributes && sweep->config->estimate == PB_ESTIMATE_ONLY)
		return only_attribute(engine, sweep, jobs, n, ret_done);
	int rc = evaluate(engine, sweep, jobs, n, arena, ret_done);
	for (size_t i = 0; !rc && attributes && i < n; i++)
		if (!jobs[i].rc)
			rc = attribute(engine, sweep, &jobs[i]);
	return rc;
}

int pb_engine_explain(struct pb_engine *engine, const struct pb_plan_sweep *sweep, struct pb_cell_job *job,
		      struct pb_arena *arena)
{
	struct pb_result_cell unused = PB_EMPTY_CELL;
	struct pb_cell_job again = {.probe = job->probe, .cell = job->cell, .out = &unused, .explain = true};
	size_t done;
	int rc = sweep->setter ? evaluate(engine, sweep, &again, 1, arena, &done) : 0;
	const char *why = rc == -PB_E_NUMERIC ? pb_arena_strdup(arena, pb_error_text()) : again.why;
	if (why)
		job->why = why;
	return rc == -PB_E_NUMERIC ? (why ? 0 : -PB_E_NOMEM) : rc;
}
