/* means.h: mean activations over a split, the source of mean ablations. */
#ifndef PB_EXP_MEANS_H
#define PB_EXP_MEANS_H

#include "exp/engine.h"

/* For every sweep with a mean split: the mean over its examples (epoch 0) of each point, position by position, held as one
 * example that stands for all of the batch. */
int pb_engine_make_means(struct pb_engine *engine);
const struct pb_view *pb_engine_mean(const struct pb_engine *engine, const struct pb_plan_sweep *sweep, int site_id);

#endif
