/* attribution.h: attribution patching: what a patch of activations does to the metric of the patched logits, to first
 * order: metric + (patched - base) . dMetric/dActivation, summed over the patched points.
 */
#ifndef PB_EXP_ATTRIBUTION_H
#define PB_EXP_ATTRIBUTION_H

#include "exp/patch.h"

/* Of one base run under one set of weights. */
struct pb_attribution {
	const struct pb_plan *plan;
	double metric, sign;   /* of the base's logits; of the gradients in `cache` */
	struct pb_cache cache; /* the base's activations and the metric's gradients, where sweeps want them */
	struct pb_bus bus;
	struct pb_tape tape;
	struct pb_arena lists; /* as long as a cell */
};

/* One forward and one backward pass. The metric has a gradient; reference as in scorer.h. Everything given must outlive
 * it. ret_attribution needs finish on success only. */
int pb_attribution_init(const struct pb_plan *plan, const struct pb_params *weights, enum pb_patch_from base,
			const struct pb_examples *examples, const double *reference,
			struct pb_attribution *ret_attribution);
void pb_attribution_finish(struct pb_attribution *attribution); /* zero-initialised is fine */
/* ret_cell's estimate and what its hooks did: the cell's setters run on copies of the base's activations. Of `sources`
 * the caches, means and examples count. */
int pb_attribution_cell(struct pb_attribution *attribution, const struct pb_patch_context *sources,
			const struct pb_plan_sweep *sweep, const struct pb_plan_cell *cell,
			struct pb_result_cell *ret_cell);

#endif
