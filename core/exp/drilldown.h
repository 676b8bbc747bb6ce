/* drilldown.h: the experiment's drill-down: drill.h's search with parameter sets as cells, over all units probed. */
#ifndef PB_EXP_DRILLDOWN_H
#define PB_EXP_DRILLDOWN_H

#include "exp/probe.h"

/* Searches for each of the plan's shares under `weights`, called `name` where there are several sets of them. A
 * set's score is the mean over the units that have one. ret_drills [shares of the plan]; *ret_done tells how many
 * are valid, which on failure (or Ctrl-C) includes the one that was cut short. */
int pb_drilldown_run(const struct pb_probing *probing, const char *name, const struct pb_params *weights,
		     struct pb_result_drill *ret_drills, size_t *ret_done);

#endif
