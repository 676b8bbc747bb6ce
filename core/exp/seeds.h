/* seeds.h: an experiment once for each of its seeds, and what the runs have in common. */
#ifndef PB_EXP_SEEDS_H
#define PB_EXP_SEEDS_H

#include "exp/run.h"

/* Runs FILE (with `sets`, as pb_config_open) once for each of the plan's `seeds`, each in the folder seed-N of the run
 * folder, where it is a run like any other. The run folder itself gets the means of the sweeps over the seeds and a
 * report. Whatever was finished before a failure or Ctrl-C is there. */
int pb_run_seeds(const struct pb_plan *plan, const char *file, const char *const *sets,
		 const struct pb_run_options *options);

#endif
