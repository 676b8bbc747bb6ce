/* engine.h: what evaluates cells: the fast engine, or the reference engine where it is asked for or needed.
 *
 * An engine is open on a group of probes (several units, under one set of weights), so that cells of different units
 * can share passes. Both engines give the same numbers up to rounding.
 */
#ifndef PB_EXP_ENGINE_H
#define PB_EXP_ENGINE_H

#include "exp/attribution.h"
#include "exp/fast.h"
#include "exp/reference.h"

enum pb_engine_kind {
	PB_ENGINE_AUTO = 0,
	PB_ENGINE_REFERENCE,
};

/* How to run sweeps. */
struct pb_engine_options {
	int32_t kind;  /* enum pb_engine_kind */
	size_t memory; /* bytes that passes may take; 0: half of what is free */
	int64_t batch; /* cells that share a pass; 0: as many as pay */
};

struct pb_engine {
	const struct pb_plan *plan;
	const struct pb_probe_data *probes;
	size_t n_probes;
	const struct pb_probe_ends *ends; /* [n_probes] */
	bool is_fast;
	struct pb_fast fast;
	struct pb_reference reference;
	struct pb_probe_ends reference_ends;
	struct pb_attribution *attributions; /* [n_probes][clean, corrupted]; NULL: no sweep wants them */
};

/* Why the plan needs the reference engine on this device; NULL: the fast one can do it. */
const char *pb_engine_why_reference(const struct pb_plan *plan);
/* "fast" or "reference". */
const char *pb_engine_name(const struct pb_plan *plan, const struct pb_engine_options *options);
/* How many probes to open an engine on, at most. */
size_t pb_engine_group(const struct pb_plan *plan, const struct pb_engine_options *options);
/* Can two probes share passes? */
bool pb_engine_same_shape(const struct pb_probe_data *a, const struct pb_probe_data *b);
/* Makes the runs without a patch. probes [n_probes] have the same shape and, as everything given, outlive the engine;
 * the reference engine takes one. */
int pb_engine_open(struct pb_engine *engine, const struct pb_plan *plan, const struct pb_params *weights,
		   const struct pb_means *means, const struct pb_probe_data *probes, size_t n_probes,
		   const struct pb_engine_options *options);
void pb_engine_close(struct pb_engine *engine);
/* How many jobs of this sweep to give at once. */
size_t pb_engine_batch(const struct pb_engine *engine, const struct pb_plan_sweep *sweep);
/* Evaluates jobs of one sweep. On failure *ret_done tells how many of them, from the first on, are done; a cell whose patch
 * broke the model counts as done and has job->rc set. `why` texts come from the arena. */
int pb_engine_cells(struct pb_engine *engine, const struct pb_plan_sweep *sweep, struct pb_cell_job *jobs, size_t n,
		    struct pb_arena *arena, size_t *ret_done);
/* A job whose patch broke the model, once more: if what the setter wrote was not finite, job->why says where. */
int pb_engine_explain(struct pb_engine *engine, const struct pb_plan_sweep *sweep, struct pb_cell_job *job,
		      struct pb_arena *arena);

#endif
