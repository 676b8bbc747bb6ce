/* sweep.h: all cells of one sweep, as a result. */
#ifndef PB_EXP_SWEEP_H
#define PB_EXP_SWEEP_H

#include "exp/engine.h"
#include "report/report.h"

/* Evaluates every cell; everything in *ret_result comes from the arena or the plan. A cell whose patched model gives no finite
 * metric is NaN, and a note says why. When interrupted or failing after some cells, the rest are NaN, the result is there and
 * the failure is returned; *ret_done tells how many cells are valid. */
int pb_sweep_run(struct pb_engine *engine, const struct pb_plan_sweep *sweep, struct pb_terminal *terminal,
		 struct pb_arena *arena, struct pb_result_sweep *ret_result, size_t *ret_done);

#endif
