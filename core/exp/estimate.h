/* estimate.h: what an update does to the metric on the questions, to first order: metric_before + <W' - W, dMetric/dW>.
 *
 * W' are the weights after a cell's first optimizer step, so that clipping, the optimizer's elementwise rule and weight
 * decay are in it. A parameter without a gradient is not stepped and contributes nothing.
 */
#ifndef PB_EXP_ESTIMATE_H
#define PB_EXP_ESTIMATE_H

#include "exp/adjoint.h"
#include "model/stepped.h"

/* Of one probe under one set of weights. */
struct pb_estimate {
	const struct pb_params *weights;
	struct pbk_step step;
	double sign; /* of the metric's gradient in `metric` */
	struct pb_adjoint metric;
	struct pb_pool pool; /* as long as a call */
};

/* `dense`: for pb_estimate_change. Everything given must outlive it. ret_estimate needs finish on success only. */
int pb_estimate_init(const struct pb_plan *plan, const struct pb_params *weights, const struct pb_examples *questions,
		     const double *reference, bool dense, struct pb_estimate *ret_estimate);
void pb_estimate_finish(struct pb_estimate *estimate); /* zero-initialised is fine */
/* ret_parts [n, table.n]: what each parameter of each cell contributes. Of a cell only gradients and grad_scale count.
 */
int pb_estimate_steps(struct pb_estimate *estimate, const struct pb_stepped_cell *cells, size_t n, double *ret_parts);
/* The same of weights that were updated already: the reference engine's way. ret_parts [table.n]. */
int pb_estimate_change(struct pb_estimate *estimate, const struct pb_params *updated, double *ret_parts);
/* Pearson's correlation of the pairs that are both finite; NaN where there are fewer than two, or one does not vary. */
double pb_correlation(size_t n, const double *a, const double *b);

#endif
