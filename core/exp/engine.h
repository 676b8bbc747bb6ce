/* engine.h: the reference engine: one cell at a time, every gradient and every updated weight materialised.
 *
 * It is the oracle of faster engines. For one probe under one set of weights it knows the clean and the corrupted run and
 * their updates, and evaluates cells of any sweep.
 */
#ifndef PB_EXP_ENGINE_H
#define PB_EXP_ENGINE_H

#include "exp/patch.h"

/* One of the probe's two runs without a patch. */
struct pb_engine_run {
	const struct pb_examples *examples;
	struct pb_cache cache;   /* points that the sweeps take from this run */
	struct pb_params grads;  /* only when a sweep patches parameters' gradients */
	bool *present;           /* [n params], with grads */
	double loss, grad_norm;
	double metric_updated;   /* on the questions, after one update on this run; NaN without questions */
	struct pb_view logits;   /* of its scored rows, from the pool of means; data NULL: none */
	double metric_logits;    /* of these, by its own answers */
	double metric_as_base;   /* of these, by the other run's answers and reference: the far end of that run's score */
	double *reference;       /* logits of its scored rows; NULL unless the metric wants them */
};

struct pb_engine {
	const struct pb_plan *plan;
	const struct pb_params *weights;
	const struct pb_probe_data *probe;
	struct pb_tape tape;
	struct pb_bus bus;
	bool updates; /* false: only activations are patched, and nothing below is needed */
	struct pb_params grads, work;
	bool *present;
	struct pb_optim optim;
	double metric_before;        /* on the questions, weights as they are */
	double *reference;           /* logits of the questions' rows; NULL unless the metric wants them */
	struct pb_engine_run runs[2]; /* clean, corrupted */
	struct pb_view *means;       /* [n_sweeps * n_sites] sources of mean ablations; data NULL: none */
	struct pb_pool means_pool;   /* and of the runs' logits */
};

/* Computes both runs. plan, weights and probe must outlive the engine. */
int pb_engine_init(struct pb_engine *engine, const struct pb_plan *plan, const struct pb_params *weights,
		   const struct pb_probe_data *probe);
void pb_engine_finish(struct pb_engine *engine);
/* ret_cell: everything but index and score. */
int pb_engine_cell(struct pb_engine *engine, const struct pb_plan_sweep *sweep, const struct pb_plan_cell *cell,
		   struct pb_result_cell *ret_cell);

static inline struct pb_engine_run *pb_engine_source(struct pb_engine *engine, int32_t from)
{
	return from == PB_FROM_CLEAN ? &engine->runs[0] : from == PB_FROM_CORRUPTED ? &engine->runs[1] : NULL;
}

#endif
