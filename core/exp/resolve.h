/* resolve.h: a plan as the experiment file that says all that was used.
 *
 * Every default is filled in: the model's sizes as found, the plugins' parameters, the optimizers, the sweeps. The file
 * loads again (from the same working folder: model.load, checkpoints and `folder` are relative to it), gives the same
 * plan, and resolves to itself. What a run only finds out stays open: a unit chosen by `select` is not named.
 */
#ifndef PB_EXP_RESOLVE_H
#define PB_EXP_RESOLVE_H

#include "exp/plan.h"

/* Adds it to `out` as YAML. */
int pb_resolve(const struct pb_plan *plan, struct pb_text *out);
/* All but `folder`, which the way decides by which the experiment file was named. */
int pb_resolve_unplaced(const struct pb_plan *plan, struct pb_text *out);

#endif
