/* audit.h: what the hooks of a sweep did, in plain words. */
#ifndef PB_EXP_AUDIT_H
#define PB_EXP_AUDIT_H

#include "exp/plan.h"

/* result->notes, from the arena, on the first n_done cells: patches that changed nothing, backward hooks that never
 * fired, graphs that were cut, ends of the score that coincide, cells without a metric, and what follows for the
 * scores. `broken`: why the first of the cells without a metric has none; NULL where all have one. */
int pb_audit_sweep(const struct pb_plan *plan, const struct pb_plan_sweep *sweep, size_t n_done, const char *broken,
		   struct pb_arena *arena, struct pb_result_sweep *result);

#endif
