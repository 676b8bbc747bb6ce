/* means.h: mean activations over a split, the source of mean ablations. */
#ifndef PB_EXP_MEANS_H
#define PB_EXP_MEANS_H

#include "exp/plan.h"
#include "hook/cache.h"

/* For every sweep with a mean split: the mean over its examples (epoch 0) of each point, position by position, under one
 * set of weights. Each is one example with stride 0, so that it can stand for any number of them. */
struct pb_means {
	const struct pb_plan *plan;
	struct pb_pool pool;
	struct pb_view *views; /* [n_sweeps * n_sites]; data NULL: none */
};

/* Plans without mean ablations cost nothing. */
int pb_means_make(const struct pb_plan *plan, const struct pb_params *weights, struct pb_means *ret_means);
void pb_means_finish(struct pb_means *means);
/* NULL: the sweep has none there. */
const struct pb_view *pb_means_get(const struct pb_means *means, const struct pb_plan_sweep *sweep, int site_id);

#endif
