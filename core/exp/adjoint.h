/* adjoint.h: the gradient of a metric over some examples with respect to every parameter, the weights as they are.
 *
 * Without hooks and without an update: what the first-order estimate multiplies an update with, and what the similarity
 * of examples compares.
 */
#ifndef PB_EXP_ADJOINT_H
#define PB_EXP_ADJOINT_H

#include "exp/evaluate.h"
#include "exp/plan.h"
#include "tape/factors.h"

struct pb_adjoint {
	struct pb_tape tape;                      /* holds the factors */
	struct pb_params dense;                   /* or all of it multiplied out; data NULL: factors */
	const struct pb_cell_gradient *gradients; /* [table.n], of the metric as a loss: times pb_scorer_loss_sign it is
						   * the metric's */
	double loss;
};

/* `scorer` has a gradient; `reference` as in scorer.h. As factors, unless `dense` or there are too many examples for
 * one pass. Everything given must outlive it. ret_adjoint needs finish on success only. */
int pb_adjoint_make(const struct pb_plan *plan, const struct pb_params *weights, struct pb_scorer *scorer,
		    const struct pb_examples *examples, const double *reference, bool dense,
		    struct pb_adjoint *ret_adjoint);
void pb_adjoint_finish(struct pb_adjoint *adjoint); /* zero-initialised is fine */

#endif
