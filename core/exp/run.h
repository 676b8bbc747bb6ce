/* run.h: an experiment from its plan to its report. */
#ifndef PB_EXP_RUN_H
#define PB_EXP_RUN_H

#include "exp/engine.h"
#include "exp/shard.h"
#include "report/report.h"

struct pb_team;

struct pb_run_options {
	const char *out;              /* run folder; NULL: runs/NAME-DATE */
	struct pb_terminal *terminal; /* NULL: quiet */
	struct pb_events *events;     /* gets the run's events besides the folder; NULL: nobody does */
	bool train_only;
	bool resume;       /* go on with the run in `out` */
	double save_every; /* seconds between two files of where training stands */
	bool check_finite; /* look at every step of training for numbers that are not finite */
	struct pb_shard shard; /* of the sweeps' cells; their tables are for a merge to write */
	struct pb_team *team;  /* who shares the cells; NULL: nobody */
	bool merged;           /* what is gone on with has the cells of all shards: to miss one is a failure */
	struct pb_engine_options engine;
	bool *ret_started; /* may be NULL: whether the run folder was made, and a failure is the run's */
};

/* Runs it. Whatever was finished before a failure or Ctrl-C is in the run folder, report included. */
int pb_run(const struct pb_plan *plan, const struct pb_run_options *options);

#endif
