/* reference.h: the reference engine: one cell at a time, every gradient and every updated weight materialised.
 *
 * It is the oracle of faster engines. For one probe under one set of weights it knows the clean and the corrupted run and
 * their updates, and evaluates cells of any sweep.
 */
#ifndef PB_EXP_REFERENCE_H
#define PB_EXP_REFERENCE_H

#include "exp/estimate.h"
#include "exp/patch.h"

/* One of the probe's two runs without a patch. */
struct pb_reference_run {
	const struct pb_examples *examples;
	struct pb_cache cache;   /* points that the sweeps take from this run */
	struct pb_params grads;  /* only when a sweep patches parameters' gradients */
	bool *present;           /* [n params], with grads */
	double loss, grad_norm;
	double metric_updated;   /* on the questions, after one update on this run; NaN without questions */
	double estimate, *parts; /* of that, to first order; parts [n params], NULL: nothing was to be estimated */
	struct pb_view logits;   /* of its scored rows, from the pool; data NULL: none */
	double metric_logits;    /* of these, by its own answers */
	double metric_as_base;   /* of these, by the other run's answers and reference: the far end of that run's score */
	double *reference;       /* logits of its scored rows; NULL unless the metric wants them */
};

struct pb_reference {
	const struct pb_plan *plan;
	const struct pb_params *weights;
	const struct pb_means *means;
	const struct pb_probe_data *probe;
	struct pb_tape tape;
	struct pb_bus bus;
	bool updates; /* false: only activations are patched, and nothing below is needed */
	struct pb_params grads, work;
	bool *present;
	struct pb_optim optim;
	double metric_before;        /* on the questions, weights as they are */
	double *reference;           /* logits of the questions' rows; NULL unless the metric wants them */
	struct pb_reference_run runs[2]; /* clean, corrupted */
	struct pb_estimate estimate;
	bool estimates;              /* a sweep wants them */
	bool explain;                /* the cells to come: as in pb_patch */
	struct pb_pool pool;         /* of the runs' logits */
};

/* Computes both runs. Everything given must outlive the engine. */
int pb_reference_init(struct pb_reference *reference, const struct pb_plan *plan, const struct pb_params *weights,
		      const struct pb_means *means, const struct pb_probe_data *probe);
void pb_reference_finish(struct pb_reference *reference);
/* ret_cell: everything but index and score. */
int pb_reference_cell(struct pb_reference *reference, const struct pb_plan_sweep *sweep, const struct pb_plan_cell *cell,
		      struct pb_result_cell *ret_cell);

static inline struct pb_reference_run *pb_reference_source(struct pb_reference *reference, int32_t from)
{
	return from == PB_FROM_CLEAN       ? &reference->runs[0]
	       : from == PB_FROM_CORRUPTED ? &reference->runs[1]
					   : NULL;
}

#endif
