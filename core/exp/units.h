/* units.h: a metric per unit under two sets of weights, and the unit that improved most. */
#ifndef PB_EXP_UNITS_H
#define PB_EXP_UNITS_H

#include "exp/plan.h"

/* Measures every candidate's questions. Ties go to the earlier unit. Results come from the arena; *ret_unit is the data's
 * number of the selected unit. */
int pb_units_measure(const struct pb_plan *plan, const struct pb_params *before, const struct pb_params *after,
		     struct pb_arena *arena, struct pb_result_units *ret_units, int64_t *ret_unit);

#endif
