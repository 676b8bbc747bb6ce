/* engine.c: chooses the engine and speaks for it. */
#include "exp/engine.h"

#include <unistd.h>

#include "base/status.h"
#include "exp/wants.h"

/* Units that share passes: beyond a few more the products have rows enough. */
enum { GROUP = 8 };

static size_t memory_limit(const struct pb_engine_options *options)
{
	if (options->memory)
		return options->memory;
	long pages = sysconf(_SC_AVPHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	return pages > 0 && size > 0 ? (size_t)pages * (size_t)size / 2 : (size_t)1 << 30;
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
	return takes_reference(plan, options) ? 1 : GROUP;
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

int pb_engine_open(struct pb_engine *engine, const struct pb_plan *plan, const struct pb_params *weights,
		   const struct pb_means *means, const struct pb_probe_data *probes, size_t n_probes,
		   const struct pb_engine_options *options)
{
	*engine = (struct pb_engine){.plan = plan, .probes = probes, .n_probes = n_probes};
	engine->is_fast = !takes_reference(plan, options);
	if (engine->is_fast) {
		int rc = pb_fast_open(&engine->fast, plan, weights, means, probes, n_probes, memory_limit(options),
				      options->batch);
		engine->ends = engine->fast.ends;
		return rc;
	}
	int rc = pb_reference_init(&engine->reference, plan, weights, means, probes);
	if (!rc)
		copy_ends(&engine->reference, &engine->reference_ends);
	engine->ends = &engine->reference_ends;
	return rc;
}

void pb_engine_close(struct pb_engine *engine)
{
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

int pb_engine_cells(struct pb_engine *engine, const struct pb_plan_sweep *sweep, struct pb_cell_job *jobs, size_t n,
		    struct pb_arena *arena, size_t *ret_done)
{
	int rc = 0;
	*ret_done = 0;
	if (engine->is_fast) {
		rc = fast_cells(engine, sweep, jobs, n, arena, ret_done);
		if (rc != -PB_E_NOMEM || *ret_done)
			return rc;
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
