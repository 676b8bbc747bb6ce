/* sweep.h: all cells of one sweep, as a result. */
#ifndef PB_EXP_SWEEP_H
#define PB_EXP_SWEEP_H

#include "exp/engine.h"
#include "exp/journal.h"
#include "exp/shard.h"
#include "exp/team.h"
#include "report/report.h"

/* Is there a score between these ends? A difference within rounding of its terms carries no digits. */
bool pb_sweep_has_score(const struct pb_plan *plan, double metric_clean, double metric_corrupted);

/* Where cells that are done are kept, and found again. */
struct pb_sweep_log {
	struct pb_journal *journal;
	int64_t weights, sweep;
	const int64_t *units; /* [n_probes]: the data's numbers */
	size_t first;         /* which of the run's units the first probe's is */
	struct pb_shard shard; /* of the cells: others are not made, and there is no table then */
	struct pb_team *team;  /* who shares them; NULL: nobody. Ranks but the first make no table */
	size_t base;           /* where the first one's claim is */
	bool merged;           /* all are there, or it is a failure */
};

/* Evaluates every cell for every probe of the engine's group, cells of different probes in the same passes. Everything
 * in the results comes from the arena or the plan; ret_results [n_probes]. A cell whose patched model gives no finite metric
 * is NaN, and a note says why. When interrupted or failing after some cells, the rest are NaN, the results are there and
 * the failure is returned; ret_done [n_probes] tells how many cells of each are valid. `progress` (NULL: none) goes on by
 * as many. `log` (NULL: none) has those that need not be made again, and gets the others. */
int pb_sweep_run(struct pb_engine *engine, const struct pb_plan_sweep *sweep, const struct pb_sweep_log *log,
		 struct pb_progress *progress, struct pb_arena *arena, struct pb_result_sweep *ret_results,
		 size_t *ret_done);

#endif
